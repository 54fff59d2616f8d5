//! Launching and terminating instances on behalf of other services.

use super::launch_spec::LaunchSpec;
use super::launch_template::{self, LaunchTemplate};
use super::run_instances::template_tags;
use super::{Cx, Ec2, Tags, instance, run_instances};
use crate::aws::ApiError;

/// What a service launches: instances of a launch template, with what the service decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaunchRequest {
    /// The template's id.
    pub template: String,
    /// The version: a number, `$Latest` or `$Default`.
    pub version: String,
    /// A type in place of the template's.
    pub instance_type: Option<String>,
    /// The subnet of the first interface.
    pub subnet: String,
    /// Whether spot instances are wanted, whatever the template says.
    pub spot: bool,
    /// Tags beside the template's, those of the service (`aws:…`) among them.
    pub tags: Tags,
    /// How many.
    pub count: usize,
}

/// Launches instances, all or none. An armed capacity fault for `RunInstances` strikes here too.
pub fn launch(cx: &mut Cx<'_>, request: &LaunchRequest) -> Result<Vec<String>, ApiError> {
    if cx.faults.strike_capacity(&cx.region) {
        return Err(ApiError::capacity());
    }
    let ec2 = cx.ec2();
    let template = ec2.get::<LaunchTemplate>(&request.template)?;
    let version = template.version(&request.version)?;
    let own = LaunchSpec {
        instance_type: request.instance_type.clone(),
        subnet: Some(request.subnet.clone()),
        spot: request.spot.then(Default::default),
        ..LaunchSpec::default()
    };
    let mut marks = template_tags(&template.id, version.number);
    marks.extend(request.tags.clone());
    let spec = own.over(version.spec.clone());
    let ids = run_instances::launch(cx, &spec, request.count, &marks, None)?;
    cx.dirty_region();
    Ok(ids)
}

/// Terminates instances, protected or not. Those that do not exist are passed over.
pub fn terminate(cx: &mut Cx<'_>, ids: &[String]) -> Result<(), ApiError> {
    let known: Vec<String> = ids.iter().filter(|id| cx.ec2().instances.contains_key(*id)).cloned().collect();
    instance::terminate(cx, &known)?;
    cx.dirty_region();
    Ok(())
}

/// A launch template's id, name and the number that a version text stands for.
pub fn resolve_template(
    ec2: &Ec2,
    id: Option<&str>,
    name: Option<&str>,
    version: &str,
) -> Result<(String, String, i64), ApiError> {
    let template = launch_template::find(ec2, id, name)?;
    Ok((template.id.clone(), template.name.clone(), template.version(version)?.number))
}
