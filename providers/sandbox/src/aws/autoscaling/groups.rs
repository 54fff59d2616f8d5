//! Creating, changing and deleting groups.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answer, Configuration, Group, MemberState, bounded, here, hooks, invalid, settle, tags};
use crate::aws::ec2::network as ec2;
use crate::aws::{ApiError, Cx, Params, Xml, elbv2};

/// The default quota of machines per group is a matter of EC2; the API itself takes this much.
const MAX_SIZE: i64 = 10_000;
const PROCESSES: [&str; 9] = [
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "Launch",
    "ReplaceUnhealthy",
    "ScheduledActions",
    "Terminate",
];
const TERMINATION: [&str; 7] = [
    "AllocationStrategy",
    "ClosestToNextInstanceHour",
    "Default",
    "NewestInstance",
    "OldestInstance",
    "OldestLaunchConfiguration",
    "OldestLaunchTemplate",
];

pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let name = p.str("AutoScalingGroupName")?;
    if name.is_empty()
        || name.len() > 255
        || name.contains('/')
        || name.contains(':')
        || !name.chars().all(|c| (' '..='~').contains(&c))
    {
        return Err(invalid(format!(
            "'{name}' is not a valid group name: 1 to 255 printable characters without '/' and ':'"
        )));
    }
    if let Some(held) = here(cx).groups.get(&name) {
        let state = if held.deleting { " and is pending delete" } else { "" };
        return Err(ApiError::bad(
            "AlreadyExists",
            format!(
                "AutoScalingGroup by this name already exists - A group with the name {name} already exists{state}"
            ),
        ));
    }
    let configuration = Configuration::read(cx, p)?
        .ok_or_else(|| invalid("Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter."))?;
    let (min, max) = (
        size(p, "MinSize")?.ok_or_else(|| invalid("MinSize is a required parameter"))?,
        size(p, "MaxSize")?.ok_or_else(|| invalid("MaxSize is a required parameter"))?,
    );
    let desired = size(p, "DesiredCapacity")?.unwrap_or(min);
    let id = cx.ids.uuid();
    let arn = cx.arn("autoscaling", &format!("autoScalingGroup:{id}:autoScalingGroupName/{name}"));
    let subnets = p
        .opt_str("VPCZoneIdentifier")
        .ok_or_else(|| invalid("At least one Availability Zone or VPC Subnet is required."))?;
    let mut group = Group {
        arn,
        configuration,
        min,
        max,
        desired,
        cooldown: 300,
        subnets: Vec::new(),
        zones: Vec::new(),
        health_check_type: "EC2".to_owned(),
        grace: 0,
        termination_policies: vec!["Default".to_owned()],
        protect_new: false,
        capacity_rebalance: None,
        max_instance_lifetime: None,
        default_warmup: None,
        maintenance: None,
        zone_distribution: "balanced-best-effort".to_owned(),
        target_groups: p.list("TargetGroupARNs"),
        tags: BTreeMap::new(),
        suspended: BTreeSet::new(),
        hooks: hooks::read_specifications(p, &name)?,
        members: Vec::new(),
        refreshes: Vec::new(),
        created: cx.now,
        deleting: false,
        due: cx.now + cx.pace.asg_scale,
        name,
    };
    set_subnets(cx, &mut group, &subnets)?;
    settings(p, &mut group)?;
    check_zones(p, &group)?;
    check_target_groups(cx, &group.target_groups)?;
    for (resource, key, tag) in tags::read(p, Some(&group.name))? {
        if resource != group.name {
            return Err(invalid(format!("The tag {key} is for another group, {resource}")));
        }
        group.tags.insert(key, tag);
    }
    check_sizes(&group)?;
    cx.here().autoscaling.groups.insert(group.name.clone(), group);
    cx.dirty_region();
    settle(cx);
    Ok(Xml::new())
}

pub fn update(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let name = p.str("AutoScalingGroupName")?;
    let mut group = cx.here().autoscaling.group_mut(&name)?.clone();
    if let Some(configuration) = Configuration::read(cx, p)? {
        group.configuration = configuration;
    }
    group.min = size(p, "MinSize")?.unwrap_or(group.min);
    group.max = size(p, "MaxSize")?.unwrap_or(group.max);
    // Without a wish of its own, the desired size follows the bounds.
    group.desired = match size(p, "DesiredCapacity")? {
        Some(desired) => desired,
        None if group.min <= group.max => group.desired.clamp(group.min, group.max),
        None => group.desired,
    };
    if let Some(subnets) = p.opt_str("VPCZoneIdentifier") {
        set_subnets(cx, &mut group, &subnets)?;
    }
    settings(p, &mut group)?;
    check_zones(p, &group)?;
    check_sizes(&group)?;
    replace(cx, group);
    Ok(Xml::new())
}

pub fn set_desired(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let name = p.str("AutoScalingGroupName")?;
    let mut group = cx.here().autoscaling.group_mut(&name)?.clone();
    group.desired = size(p, "DesiredCapacity")?.ok_or_else(|| invalid("DesiredCapacity is a required parameter"))?;
    p.opt_bool("HonorCooldown")?;
    if group.desired < group.min || group.desired > group.max {
        return Err(invalid(format!(
            "New SetDesiredCapacity value {} is outside of the group's bounds {} and {}.",
            group.desired, group.min, group.max
        )));
    }
    replace(cx, group);
    Ok(Xml::new())
}

pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, force) = (p.str("AutoScalingGroupName")?, p.bool("ForceDelete")?);
    let now = cx.now;
    let group = cx.here().autoscaling.group_mut(&name)?;
    if !force && group.active().next().is_some() {
        return Err(ApiError::bad(
            "ResourceInUse",
            "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.",
        ));
    }
    if !force && !group.members.is_empty() {
        return Err(ApiError::bad(
            "ScalingActivityInProgress",
            "You cannot delete an AutoScalingGroup while there are scaling activities in progress for that group.",
        ));
    }
    group.deleting = true;
    (group.min, group.desired) = (0, 0);
    let alive = !group.members.is_empty();
    group.due = now;
    if !alive {
        cx.here().autoscaling.groups.remove(&name);
    }
    cx.dirty_region();
    settle(cx);
    Ok(Xml::new())
}

pub fn attach_target_groups(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, arns) = (p.str("AutoScalingGroupName")?, p.list("TargetGroupARNs"));
    check_target_groups(cx, &arns)?;
    let group = cx.here().autoscaling.group_mut(&name)?;
    let serving: Vec<String> =
        group.members.iter().filter(|m| m.state == MemberState::InService).map(|m| m.id.clone()).collect();
    let new: Vec<String> = arns.into_iter().filter(|arn| !group.target_groups.contains(arn)).collect();
    group.target_groups.extend(new.iter().cloned());
    for arn in new {
        elbv2::register_instances(cx, &arn, &serving);
    }
    cx.dirty_region();
    Ok(Xml::new())
}

pub fn detach_target_groups(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, arns) = (p.str("AutoScalingGroupName")?, p.list("TargetGroupARNs"));
    let group = cx.here().autoscaling.group_mut(&name)?;
    if arns.iter().any(|arn| !group.target_groups.contains(arn)) {
        return Err(invalid("Trying to detach Target Groups that are not part of the group."));
    }
    group.target_groups.retain(|arn| !arns.contains(arn));
    let members: Vec<String> = group.members.iter().map(|m| m.id.clone()).collect();
    for arn in arns {
        elbv2::deregister_instances(cx, &arn, &members);
    }
    cx.dirty_region();
    Ok(Xml::new())
}

pub fn suspend(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, processes) = (p.str("AutoScalingGroupName")?, processes(p)?);
    cx.here().autoscaling.group_mut(&name)?.suspended.extend(processes);
    cx.dirty_region();
    Ok(Xml::new())
}

pub fn resume(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let due = cx.now + cx.pace.asg_scale;
    let (name, processes) = (p.str("AutoScalingGroupName")?, processes(p)?);
    let group = cx.here().autoscaling.group_mut(&name)?;
    group.due = group.due.max(due);
    group.suspended.retain(|process| !processes.contains(process));
    cx.dirty_region();
    Ok(Xml::new())
}

/// Puts a changed group in its place and lets it act on the change in a moment.
fn replace(cx: &mut Cx<'_>, mut group: Group) {
    group.due = cx.now + cx.pace.asg_scale;
    cx.here().autoscaling.groups.insert(group.name.clone(), group);
    cx.dirty_region();
    settle(cx);
}

fn processes(p: &Params) -> Result<Vec<String>, ApiError> {
    let named = p.list("ScalingProcesses");
    if let Some(unknown) = named.iter().find(|process| !PROCESSES.contains(&process.as_str())) {
        return Err(invalid(format!("'{unknown}' is not a valid process type")));
    }
    Ok(if named.is_empty() { PROCESSES.map(str::to_owned).to_vec() } else { named })
}

fn size(p: &Params, parameter: &str) -> Result<Option<i64>, ApiError> {
    bounded(p, parameter, 0, MAX_SIZE)
}

fn check_sizes(group: &Group) -> Result<(), ApiError> {
    if group.min > group.max {
        return Err(invalid("Max bound must be greater than or equal to min bound"));
    }
    if group.desired < group.min || group.desired > group.max {
        return Err(invalid(format!(
            "Desired capacity:{} must be between the specified min size:{} and max size:{}",
            group.desired, group.min, group.max
        )));
    }
    Ok(())
}

/// What creation and change have in common.
fn settings(p: &Params, group: &mut Group) -> Result<(), ApiError> {
    group.cooldown = bounded(p, "DefaultCooldown", 0, 86_400)?.unwrap_or(group.cooldown);
    if let Some(kinds) = p.opt_str("HealthCheckType") {
        if kinds.split(',').any(|kind| !["EC2", "ELB", "EBS", "VPC_LATTICE"].contains(&kind)) {
            return Err(invalid(format!("'{kinds}' is not a valid health check type")));
        }
        group.health_check_type = kinds;
    }
    group.grace = bounded(p, "HealthCheckGracePeriod", 0, 7200)?.unwrap_or(group.grace);
    let policies = p.list("TerminationPolicies");
    if let Some(unknown) = policies.iter().find(|policy| !TERMINATION.contains(&policy.as_str())) {
        return Err(invalid(format!("'{unknown}' is not a valid termination policy")));
    }
    if !policies.is_empty() {
        group.termination_policies = policies;
    }
    group.protect_new = p.opt_bool("NewInstancesProtectedFromScaleIn")?.unwrap_or(group.protect_new);
    group.capacity_rebalance = p.opt_bool("CapacityRebalance")?.or(group.capacity_rebalance);
    if let Some(seconds) = p.opt_int("MaxInstanceLifetime")? {
        if seconds != 0 && !(86_400..=31_536_000).contains(&seconds) {
            return Err(invalid("Maximum instance lifetime must be 0 or between 86400 and 31536000 seconds"));
        }
        group.max_instance_lifetime = Some(seconds).filter(|seconds| *seconds > 0);
    }
    if let Some(seconds) = bounded(p, "DefaultInstanceWarmup", -1, 7200)? {
        group.default_warmup = Some(seconds).filter(|seconds| *seconds >= 0);
    }
    if let Some(policy) = p.opt_struct("InstanceMaintenancePolicy") {
        let (low, high) =
            (bounded(&policy, "MinHealthyPercentage", -1, 100)?, bounded(&policy, "MaxHealthyPercentage", -1, 200)?);
        group.maintenance = match (low, high) {
            (Some(-1), Some(-1)) => None,
            (Some(low), Some(high)) if low >= 0 && (100..=200).contains(&high) && high - low <= 100 => {
                Some((low, high))
            }
            _ => {
                return Err(invalid("InstanceMaintenancePolicy needs both percentages, which differ by at most 100"));
            }
        };
    }
    if let Some(distribution) = p.opt_struct("AvailabilityZoneDistribution") {
        let strategy =
            distribution.opt_one_of("CapacityDistributionStrategy", &["balanced-only", "balanced-best-effort"])?;
        group.zone_distribution = strategy.unwrap_or_else(|| group.zone_distribution.clone());
    }
    p.opt_one_of("DesiredCapacityType", &["units"])?;
    Ok(())
}

fn set_subnets(cx: &Cx<'_>, group: &mut Group, list: &str) -> Result<(), ApiError> {
    let subnets: Vec<String> = list.split(',').map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect();
    let mut zones = BTreeSet::new();
    let mut vpc = None;
    for id in &subnets {
        let subnet = ec2::subnet(cx, id).ok_or_else(|| invalid(format!("The subnet ID '{id}' does not exist")))?;
        if vpc.as_ref().is_some_and(|vpc| *vpc != subnet.vpc) {
            return Err(invalid("The subnets of a group must belong to one VPC"));
        }
        vpc = Some(subnet.vpc);
        zones.insert(subnet.zone);
    }
    if subnets.is_empty() {
        return Err(invalid("At least one Availability Zone or VPC Subnet is required."));
    }
    group.subnets = subnets;
    group.zones = zones.into_iter().collect();
    Ok(())
}

/// `AvailabilityZones` beside subnets must name the subnets' zones.
fn check_zones(p: &Params, group: &Group) -> Result<(), ApiError> {
    let zones: BTreeSet<String> = p.list("AvailabilityZones").into_iter().collect();
    if !zones.is_empty() && !zones.iter().eq(group.zones.iter()) {
        return Err(invalid("The availability zones of the specified subnets and the AutoScalingGroup do not match"));
    }
    Ok(())
}

fn check_target_groups(cx: &mut Cx<'_>, arns: &[String]) -> Result<(), ApiError> {
    if arns.iter().all(|arn| cx.here().elbv2.has_target_group(arn)) {
        return Ok(());
    }
    Err(invalid("Provided Target Groups may not be valid. Please ensure they exist and try again."))
}
