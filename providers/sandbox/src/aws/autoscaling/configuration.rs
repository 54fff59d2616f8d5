//! What a group launches: a launch template, alone or with a mixed-instances policy.

use serde::{Deserialize, Serialize};

use super::invalid;
use crate::aws::ec2::hooks::resolve_template;
use crate::aws::{ApiError, Cx, Params, Xml};

/// A launch template and a version, which may be `$Latest` or `$Default`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateRef {
    /// The template's id.
    pub id: String,
    /// The template's name.
    pub name: String,
    /// The version as it was asked for.
    pub version: Option<String>,
}

/// What a group launches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// The template.
    pub template: TemplateRef,
    /// The policy around it.
    pub mixed: Option<Mixed>,
}

/// A mixed-instances policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mixed {
    /// Instance types, in the order of preference, each with a template of its own if it has one.
    pub overrides: Vec<(Option<String>, Option<TemplateRef>)>,
    on_demand_strategy: String,
    base: i64,
    percentage: i64,
    spot_strategy: String,
    spot_pools: Option<i64>,
    spot_price: Option<String>,
}

/// A launch template as it is now.
#[derive(Debug)]
pub struct Resolved {
    /// The template's id.
    pub id: String,
    /// The template's name.
    pub name: String,
    /// The number of the version.
    pub version: i64,
    /// The instance type, if the version has one.
    pub instance_type: Option<String>,
}

/// What one machine is launched from.
#[derive(Debug)]
pub struct Choice {
    /// The template.
    pub template: TemplateRef,
    /// The type that overrides the template's.
    pub instance_type: Option<String>,
    /// Whether it is a spot machine.
    pub spot: bool,
}

impl Configuration {
    /// Reads `LaunchTemplate` or `MixedInstancesPolicy`; `None` if neither is given.
    pub fn read(cx: &Cx<'_>, p: &Params) -> Result<Option<Self>, ApiError> {
        let found = match (p.opt_struct("LaunchTemplate"), p.opt_struct("MixedInstancesPolicy")) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(invalid(
                    "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.",
                ));
            }
            (Some(template), None) => Self { template: TemplateRef::read(cx, &template)?, mixed: None },
            (None, Some(policy)) => {
                let (template, mixed) = Mixed::read(cx, &policy)?;
                Self { template, mixed: Some(mixed) }
            }
        };
        found.check(cx)?;
        Ok(Some(found))
    }

    /// The choice for the next machine, when there are so many already.
    pub fn choose(&self, on_demand: usize, spot: usize) -> Choice {
        let Some(mixed) = &self.mixed else {
            return Choice { template: self.template.clone(), instance_type: None, spot: false };
        };
        let (instance_type, template) = mixed.overrides.first().cloned().unwrap_or_default();
        let (on_demand, spot) = (i64::try_from(on_demand).unwrap_or(i64::MAX), i64::try_from(spot).unwrap_or(i64::MAX));
        let above = (on_demand - mixed.base).max(0);
        // On-demand machines above the base keep to their share, rounded up.
        let wants_on_demand = on_demand < mixed.base || (above * 100) < mixed.percentage * (above + spot + 1);
        Choice { template: template.unwrap_or_else(|| self.template.clone()), instance_type, spot: !wants_on_demand }
    }

    fn check(&self, cx: &Cx<'_>) -> Result<(), ApiError> {
        let typed = |template: &TemplateRef| Ok::<_, ApiError>(template.resolve(cx)?.instance_type.is_some());
        let ok = match &self.mixed {
            Some(mixed) if !mixed.overrides.is_empty() => {
                mixed.overrides.iter().all(|(kind, _)| kind.is_some()) || typed(&self.template)?
            }
            _ => typed(&self.template)?,
        };
        if ok {
            Ok(())
        } else {
            Err(invalid(
                "You must use a valid fully-formed launch template. The request must contain the parameter InstanceType",
            ))
        }
    }

    /// Writes what `DescribeAutoScalingGroups` tells.
    pub fn write(&self, x: &mut Xml) {
        let Some(mixed) = &self.mixed else {
            x.nest("LaunchTemplate", |x| self.template.write(x));
            return;
        };
        x.nest("MixedInstancesPolicy", |x| {
            x.nest("LaunchTemplate", |x| {
                x.nest("LaunchTemplateSpecification", |x| self.template.write(x));
                x.list("Overrides", "member", &mixed.overrides, |x, (kind, template)| {
                    x.opt("InstanceType", kind.as_ref());
                    if let Some(template) = template {
                        x.nest("LaunchTemplateSpecification", |x| template.write(x));
                    }
                });
            });
            x.nest("InstancesDistribution", |x| {
                x.text("OnDemandAllocationStrategy", &mixed.on_demand_strategy);
                x.text("OnDemandBaseCapacity", mixed.base);
                x.text("OnDemandPercentageAboveBaseCapacity", mixed.percentage);
                x.text("SpotAllocationStrategy", &mixed.spot_strategy);
                x.opt("SpotInstancePools", mixed.spot_pools);
                x.opt("SpotMaxPrice", mixed.spot_price.as_ref());
            });
        });
    }
}

impl TemplateRef {
    fn read(cx: &Cx<'_>, p: &Params) -> Result<Self, ApiError> {
        let (id, name) = (p.opt_str("LaunchTemplateId"), p.opt_str("LaunchTemplateName"));
        let version = p.opt_str("Version");
        if id.is_some() == name.is_some() {
            return Err(invalid("Valid requests must contain either launchTemplateId or LaunchTemplateName"));
        }
        let info = resolve(cx, id.as_deref(), name.as_deref(), version.as_deref())?;
        Ok(Self { id: info.id, name: info.name, version })
    }

    /// The template as it is now.
    pub fn resolve(&self, cx: &Cx<'_>) -> Result<Resolved, ApiError> {
        resolve(cx, Some(&self.id), None, self.version.as_deref())
    }

    /// Writes id, name and version.
    pub fn write(&self, x: &mut Xml) {
        x.text("LaunchTemplateId", &self.id);
        x.text("LaunchTemplateName", &self.name);
        x.opt("Version", self.version.as_ref());
    }
}

impl Mixed {
    fn read(cx: &Cx<'_>, p: &Params) -> Result<(TemplateRef, Self), ApiError> {
        let holder =
            p.opt_struct("LaunchTemplate").ok_or_else(|| invalid("MixedInstancesPolicy needs a LaunchTemplate"))?;
        let specification = holder
            .opt_struct("LaunchTemplateSpecification")
            .ok_or_else(|| invalid("LaunchTemplate needs a LaunchTemplateSpecification"))?;
        let template = TemplateRef::read(cx, &specification)?;
        let mut overrides: Vec<(Option<String>, Option<TemplateRef>)> = Vec::new();
        for one in holder.structs("Overrides") {
            let kind = one.opt_str("InstanceType");
            if kind.is_some() && overrides.iter().any(|(known, _)| *known == kind) {
                return Err(invalid(
                    "Duplicate instance types are not allowed in the overrides of a mixed instances policy",
                ));
            }
            let own =
                one.opt_struct("LaunchTemplateSpecification").map(|own| TemplateRef::read(cx, &own)).transpose()?;
            overrides.push((kind, own));
        }
        if overrides.len() > 40 {
            return Err(invalid("A mixed instances policy has at most 40 overrides"));
        }
        let distribution = p.opt_struct("InstancesDistribution");
        let d = distribution.as_ref();
        let choice = |name: &str, known: &[&str], usual: &str| -> Result<String, ApiError> {
            Ok(d.map(|d| d.opt_one_of(name, known)).transpose()?.flatten().unwrap_or_else(|| usual.to_owned()))
        };
        let number = |name: &str, low: i64, high: i64| {
            d.map(|d| super::bounded(d, name, low, high)).transpose().map(Option::flatten)
        };
        let spot_strategy = choice(
            "SpotAllocationStrategy",
            &["lowest-price", "capacity-optimized", "capacity-optimized-prioritized", "price-capacity-optimized"],
            "lowest-price",
        )?;
        let spot_pools = number("SpotInstancePools", 1, 20)?;
        if spot_pools.is_some() && spot_strategy != "lowest-price" {
            return Err(invalid(
                "SpotInstancePools option is only available with the lowest-price allocation strategy.",
            ));
        }
        let mixed = Self {
            overrides,
            on_demand_strategy: choice("OnDemandAllocationStrategy", &["prioritized", "lowest-price"], "prioritized")?,
            base: number("OnDemandBaseCapacity", 0, i64::from(i32::MAX))?.unwrap_or(0),
            percentage: number("OnDemandPercentageAboveBaseCapacity", 0, 100)?.unwrap_or(100),
            spot_pools: spot_pools.or_else(|| (spot_strategy == "lowest-price").then_some(2)),
            spot_strategy,
            spot_price: d.and_then(|d| d.opt_str("SpotMaxPrice")).filter(|price| !price.is_empty()),
        };
        Ok((template, mixed))
    }
}

fn resolve(cx: &Cx<'_>, id: Option<&str>, name: Option<&str>, version: Option<&str>) -> Result<Resolved, ApiError> {
    let unusable = |why: &str| invalid(format!("You must use a valid fully-formed launch template. {why}"));
    let ec2 =
        &cx.world.regions.get(&cx.region).ok_or_else(|| unusable("The specified launch template does not exist."))?.ec2;
    let (id, name, version) =
        resolve_template(ec2, id, name, version.unwrap_or("$Default")).map_err(|error| unusable(&error.message))?;
    let held = ec2.launch_templates.get(&id).and_then(|template| template.versions.get(&version));
    Ok(Resolved { instance_type: held.and_then(|held| held.spec.instance_type.clone()), id, name, version })
}
