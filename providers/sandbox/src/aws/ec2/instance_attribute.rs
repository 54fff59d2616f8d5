//! Changing and reading single attributes of instances.

use super::instance::Instance;
use super::launch_spec::{Metadata, check_user_data};
use super::{Answer, Cx, Params, Xml, done, instance_type, network_interface};
use crate::aws::ApiError;

/// `ModifyInstanceAttribute`: one attribute a call.
pub fn modify(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("InstanceId")?;
    let instance = cx.ec2().get::<Instance>(&id)?;
    if !instance.alive() {
        return Err(ApiError::bad("IncorrectInstanceState", format!("The instance '{id}' is terminated.")));
    }
    let (stopped, vpc) = (instance.state == "stopped", instance.vpc.clone());
    let architecture = instance.architecture.clone();
    let needs_stop = |what: &str| {
        let error = || {
            ApiError::bad(
                "IncorrectInstanceState",
                format!("The instance '{id}' is not in the 'stopped' state, which a change of its {what} needs."),
            )
        };
        stopped.then_some(()).ok_or_else(error)
    };
    let value = |name: &str| p.opt_struct(name).and_then(|value| value.opt_str("Value"));
    let flag = |name: &str| p.opt_struct(name).map(|value| value.opt_bool("Value")).transpose().map(Option::flatten);
    let mut changed = 0;
    if let Some(disabled) = flag("DisableApiTermination")? {
        cx.ec2().get_mut::<Instance>(&id)?.spec.termination_disabled = Some(disabled);
        changed += 1;
    }
    if let Some(disabled) = flag("DisableApiStop")? {
        cx.ec2().get_mut::<Instance>(&id)?.spec.stop_disabled = Some(disabled);
        changed += 1;
    }
    if let Some(optimized) = flag("EbsOptimized")? {
        needs_stop("EBS optimisation")?;
        cx.ec2().get_mut::<Instance>(&id)?.spec.ebs_optimized = Some(optimized);
        changed += 1;
    }
    if let Some(kind) = value("InstanceType") {
        needs_stop("type")?;
        if instance_type::get(&kind).is_none_or(|kind| kind.architecture != architecture) {
            return Err(ApiError::value(format!("Invalid value '{kind}' for InstanceType.")));
        }
        cx.ec2().get_mut::<Instance>(&id)?.instance_type = kind;
        changed += 1;
    }
    if let Some(data) = value("UserData") {
        needs_stop("user data")?;
        check_user_data(&data)?;
        cx.ec2().get_mut::<Instance>(&id)?.spec.user_data = Some(data).filter(|data| !data.is_empty());
        changed += 1;
    }
    if let Some(behavior) = value("InstanceInitiatedShutdownBehavior") {
        if behavior != "stop" && behavior != "terminate" {
            return Err(ApiError::value(format!("Invalid value '{behavior}' for instanceInitiatedShutdownBehavior")));
        }
        cx.ec2().get_mut::<Instance>(&id)?.spec.shutdown_behavior = Some(behavior);
        changed += 1;
    }
    let groups = p.list("GroupId");
    if !groups.is_empty() {
        let ec2 = cx.ec2();
        let groups = network_interface::groups(ec2, groups, &vpc)?;
        let first = network_interface::of_instance(ec2, &id).first().map(|interface| interface.id.clone());
        if let Some(interface) = first.and_then(|first| ec2.network_interfaces.get_mut(&first)) {
            interface.groups = groups;
        }
        changed += 1;
    }
    changed += modify_devices(cx, p, &id)?;
    match changed {
        1 => done(),
        0 => Err(ApiError::bad("MissingParameter", "The request must contain an attribute to modify")),
        _ => Err(ApiError::combination("Fields for multiple attribute types specified")),
    }
}

/// Whether volumes go with the instance.
fn modify_devices(cx: &mut Cx<'_>, p: &Params, id: &str) -> Result<u32, ApiError> {
    let devices = p.structs("BlockDeviceMapping");
    for device in &devices {
        let name = device.str("DeviceName")?;
        let ebs = device.opt_struct("Ebs");
        let goes = ebs.as_ref().map(|ebs| ebs.opt_bool("DeleteOnTermination")).transpose()?.flatten();
        let volume = ebs.and_then(|ebs| ebs.opt_str("VolumeId"));
        let attachment = cx
            .ec2()
            .volumes
            .values_mut()
            .filter(|known| volume.as_ref().is_none_or(|volume| known.id == *volume))
            .filter_map(|known| known.attachment.as_mut())
            .find(|attachment| attachment.instance == id && attachment.device == name)
            .ok_or_else(|| {
                ApiError::bad("InvalidInstanceAttributeValue", format!("No device is currently mapped at {name}"))
            })?;
        attachment.delete_on_termination = goes.unwrap_or(attachment.delete_on_termination);
    }
    Ok(u32::from(!devices.is_empty()))
}

/// `DescribeInstanceAttribute`.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("InstanceId")?;
    let instance = cx.ec2().get::<Instance>(&id)?;
    let spec = &instance.spec;
    let attribute = p.str("Attribute")?;
    let value = match attribute.as_str() {
        "userData" => spec.user_data.clone(),
        "instanceType" => Some(instance.instance_type.clone()),
        "disableApiTermination" => Some(spec.termination_disabled.unwrap_or(false).to_string()),
        "disableApiStop" => Some(spec.stop_disabled.unwrap_or(false).to_string()),
        "ebsOptimized" => Some(spec.ebs_optimized.unwrap_or(false).to_string()),
        "instanceInitiatedShutdownBehavior" => {
            Some(spec.shutdown_behavior.clone().unwrap_or_else(|| "stop".to_owned()))
        }
        "rootDeviceName" => Some(super::image::ROOT_DEVICE.to_owned()),
        other => {
            return Err(ApiError::value(format!("Value ({other}) for parameter attribute is invalid.")));
        }
    };
    let mut x = Xml::new();
    x.text("instanceId", &id);
    x.nest(&attribute, |x| x.opt("value", value));
    Ok(x)
}

/// `ModifyInstanceMetadataOptions`.
pub fn modify_metadata(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("InstanceId")?;
    let wanted = Metadata::read(p)?;
    if wanted == Metadata::default() {
        return Err(ApiError::bad("MissingParameter", "The request must contain an option to modify"));
    }
    let instance = cx.ec2().get_mut::<Instance>(&id)?;
    if !instance.alive() {
        return Err(ApiError::bad("IncorrectInstanceState", format!("The instance '{id}' is terminated.")));
    }
    instance.metadata = wanted.over(std::mem::take(&mut instance.metadata));
    let mut x = Xml::new();
    x.text("instanceId", id);
    x.nest("instanceMetadataOptions", |x| instance.metadata.write(x));
    Ok(x)
}
