//! `DescribeAutoScalingGroups`.

use super::{Answer, Group, Member, here, invalid, page, tags};
use crate::aws::{ApiError, Cx, Params, Xml, timestamp};

pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let names = p.list("AutoScalingGroupNames");
    let with_instances = p.opt_bool("IncludeInstances")?.unwrap_or(true);
    let filters = filters(p)?;
    let wanted = |group: &&Group| {
        (names.is_empty() || names.contains(&group.name)) && filters.iter().all(|filter| matches(group, filter))
    };
    let groups: Vec<&Group> = here(cx).groups.values().filter(wanted).collect();
    let (groups, next) = page(cx, p, &groups, 50)?;
    let mut x = Xml::new();
    x.list("AutoScalingGroups", "member", groups, |x, group| {
        write(cx, x, group, with_instances);
    });
    x.opt("NextToken", next);
    Ok(x)
}

type Filter = (String, Vec<String>);

fn filters(p: &Params) -> Result<Vec<Filter>, ApiError> {
    let mut filters = Vec::new();
    for filter in p.structs("Filters") {
        let (name, values) = (filter.str("Name")?, filter.list("Values"));
        if name != "tag-key" && name != "tag-value" && !name.starts_with("tag:") {
            return Err(invalid(format!(
                "Filter type {name} is not correct. Allowed Filter types are: tag-key, tag-value, tag:<key>"
            )));
        }
        filters.push((name, values));
    }
    Ok(filters)
}

fn matches(group: &Group, (name, values): &Filter) -> bool {
    match name.strip_prefix("tag:") {
        Some(key) => group.tags.get(key).is_some_and(|tag| values.contains(&tag.value)),
        None if name == "tag-key" => group.tags.keys().any(|key| values.contains(key)),
        None => group.tags.values().any(|tag| values.contains(&tag.value)),
    }
}

fn write(cx: &Cx<'_>, x: &mut Xml, group: &Group, with_instances: bool) {
    x.text("AutoScalingGroupName", &group.name);
    x.text("AutoScalingGroupARN", &group.arn);
    group.configuration.write(x);
    x.text("MinSize", group.min);
    x.text("MaxSize", group.max);
    x.text("DesiredCapacity", group.desired);
    x.text("DefaultCooldown", group.cooldown);
    x.values("AvailabilityZones", "member", &group.zones);
    x.nest("LoadBalancerNames", |_| {});
    x.values("TargetGroupARNs", "member", &group.target_groups);
    x.text("HealthCheckType", &group.health_check_type);
    x.text("HealthCheckGracePeriod", group.grace);
    x.nest("Instances", |x| {
        if with_instances {
            for member in &group.members {
                x.nest("member", |x| write_member(x, member));
            }
        }
    });
    x.text("CreatedTime", timestamp(group.created));
    x.list("SuspendedProcesses", "member", &group.suspended, |x, process| {
        x.text("ProcessName", process);
        x.text("SuspensionReason", "User suspended");
    });
    x.text("VPCZoneIdentifier", group.subnets.join(","));
    x.nest("EnabledMetrics", |_| {});
    if group.deleting {
        x.text("Status", "Delete in progress");
    }
    x.list("Tags", "member", &group.tags, |x, (key, tag)| {
        tags::write(x, &group.name, key, tag);
    });
    x.values("TerminationPolicies", "member", &group.termination_policies);
    x.text("NewInstancesProtectedFromScaleIn", group.protect_new);
    x.text(
        "ServiceLinkedRoleARN",
        format!(
            "arn:{}:iam::{}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
            cx.partition(),
            cx.account
        ),
    );
    x.opt("MaxInstanceLifetime", group.max_instance_lifetime);
    x.opt("CapacityRebalance", group.capacity_rebalance);
    x.opt("DefaultInstanceWarmup", group.default_warmup);
    x.nest("TrafficSources", |x| {
        for arn in &group.target_groups {
            x.nest("member", |x| {
                x.text("Identifier", arn);
                x.text("Type", "elbv2");
            });
        }
    });
    if let Some((low, high)) = group.maintenance {
        x.nest("InstanceMaintenancePolicy", |x| {
            x.text("MinHealthyPercentage", low);
            x.text("MaxHealthyPercentage", high);
        });
    }
    x.nest("AvailabilityZoneDistribution", |x| {
        x.text("CapacityDistributionStrategy", &group.zone_distribution);
    });
}

/// Writes one machine of a group.
pub fn write_member(x: &mut Xml, member: &Member) {
    x.text("InstanceId", &member.id);
    x.text("InstanceType", &member.instance_type);
    x.text("AvailabilityZone", &member.zone);
    x.text("LifecycleState", member.state.name());
    x.text("HealthStatus", "Healthy");
    x.nest("LaunchTemplate", |x| {
        x.text("LaunchTemplateId", &member.template.0);
        x.text("LaunchTemplateName", &member.template.1);
        x.text("Version", member.template.2);
    });
    x.text("ProtectedFromScaleIn", member.protected);
}
