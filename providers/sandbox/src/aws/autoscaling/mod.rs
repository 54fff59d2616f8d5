//! EC2 Auto Scaling, 2011-01-01: groups that really launch and terminate machines, over time.
//!
//! Every request of the region first lets the groups work ([`settle`]): machines that are gone are noticed, missing ones launched,
//! surplus ones terminated, refreshes moved on, deleted groups removed once their last machine has ended.
//! Lifecycle hooks are kept and described, but no machine waits for them. Weighted capacities and attribute-based
//! instance types are refused.

mod activities;
mod configuration;
mod groups;
mod hooks;
mod instances;
mod refresh;
mod settle;
mod tags;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use self::configuration::Configuration;
use crate::aws::{ApiError, Cx, Millis, Params, Request, Response, Xml};

pub use settle::settle;

/// Everything that autoscaling knows in a region.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Autoscaling {
    groups: BTreeMap<String, Group>,
    activities: Vec<Activity>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Group {
    name: String,
    arn: String,
    configuration: Configuration,
    min: i64,
    max: i64,
    desired: i64,
    cooldown: i64,
    subnets: Vec<String>,
    zones: Vec<String>,
    health_check_type: String,
    grace: i64,
    termination_policies: Vec<String>,
    protect_new: bool,
    capacity_rebalance: Option<bool>,
    max_instance_lifetime: Option<i64>,
    default_warmup: Option<i64>,
    /// The least and the most healthy percentage while machines are replaced.
    maintenance: Option<(i64, i64)>,
    zone_distribution: String,
    target_groups: Vec<String>,
    tags: BTreeMap<String, Tag>,
    suspended: BTreeSet<String>,
    hooks: BTreeMap<String, hooks::Hook>,
    members: Vec<Member>,
    refreshes: Vec<refresh::Refresh>,
    created: Millis,
    deleting: bool,
    /// When the group next compares what it has with what it wants.
    due: Millis,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Tag {
    value: String,
    propagate: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Member {
    id: String,
    zone: String,
    subnet: String,
    instance_type: String,
    image: String,
    /// The launch template's id, name and version.
    template: (String, String, i64),
    spot: bool,
    state: MemberState,
    protected: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum MemberState {
    Pending,
    InService,
    Terminating,
}

impl MemberState {
    const fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InService => "InService",
            Self::Terminating => "Terminating",
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Activity {
    id: String,
    group: String,
    description: String,
    cause: String,
    start: Millis,
    end: Option<Millis>,
    status: String,
    message: Option<String>,
}

type Answer = Result<Xml, ApiError>;

impl Autoscaling {
    /// Everything that exists, by kind.
    pub fn inventory(&self) -> BTreeMap<String, Vec<String>> {
        let hooks =
            self.groups.values().flat_map(|group| group.hooks.keys().map(|hook| format!("{}/{hook}", group.name)));
        BTreeMap::from([
            ("autoscaling/group".to_owned(), self.groups.keys().cloned().collect()),
            ("autoscaling/lifecycle-hook".to_owned(), hooks.collect()),
        ])
    }

    fn group(&self, name: &str) -> Result<&Group, ApiError> {
        self.groups.get(name).ok_or_else(|| no_group(name))
    }

    /// A group that may still be changed.
    fn group_mut(&mut self, name: &str) -> Result<&mut Group, ApiError> {
        let group = self.groups.get_mut(name).ok_or_else(|| no_group(name))?;
        if group.deleting { Err(invalid(format!("AutoScalingGroup '{name}' is pending delete"))) } else { Ok(group) }
    }

    fn group_of(&mut self, instance: &str) -> Result<&mut Group, ApiError> {
        let found = self.groups.values_mut().find(|group| group.members.iter().any(|member| member.id == instance));
        found.ok_or_else(|| {
            invalid(format!("Instance Id not found - No managed instance found for instance ID: {instance}"))
        })
    }
}

impl Group {
    /// The machines that count: those that are not on their way out.
    fn active(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.state != MemberState::Terminating)
    }

    /// Those of them that stand in a zone which the group has left, and are to move.
    fn strays(&self) -> impl Iterator<Item = &Member> {
        let rebalances = !self.deleting && !self.suspended.contains("AZRebalance");
        self.active().filter(move |member| rebalances && !self.zones.contains(&member.zone))
    }
}

/// Answers one request.
pub fn handle(cx: &mut Cx<'_>, req: &Request) -> Result<Response, ApiError> {
    let p = &req.params;
    let result = match req.operation.as_str() {
        "CreateAutoScalingGroup" => groups::create(cx, p),
        "DescribeAutoScalingGroups" => view::describe(cx, p),
        "DescribeAutoScalingInstances" => instances::describe(cx, p),
        "UpdateAutoScalingGroup" => groups::update(cx, p),
        "SetDesiredCapacity" => groups::set_desired(cx, p),
        "DeleteAutoScalingGroup" => groups::delete(cx, p),
        "AttachLoadBalancerTargetGroups" => groups::attach_target_groups(cx, p),
        "DetachLoadBalancerTargetGroups" => groups::detach_target_groups(cx, p),
        "SuspendProcesses" => groups::suspend(cx, p),
        "ResumeProcesses" => groups::resume(cx, p),
        "DescribeScalingActivities" => activities::describe(cx, p),
        "CreateOrUpdateTags" => tags::create(cx, p),
        "DeleteTags" => tags::delete(cx, p),
        "DescribeTags" => tags::describe(cx, p),
        "TerminateInstanceInAutoScalingGroup" => instances::terminate(cx, p),
        "SetInstanceProtection" => instances::protect(cx, p),
        "StartInstanceRefresh" => refresh::start(cx, p),
        "DescribeInstanceRefreshes" => refresh::describe(cx, p),
        "CancelInstanceRefresh" => refresh::cancel(cx, p),
        "PutLifecycleHook" => hooks::put(cx, p),
        "DescribeLifecycleHooks" => hooks::describe(cx, p),
        "DeleteLifecycleHook" => hooks::delete(cx, p),
        other => return Err(ApiError::invalid_action(other)),
    }?;
    Ok(Response::query(req, |x| x.append(&result)))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad("ValidationError", message)
}

fn no_group(name: &str) -> ApiError {
    invalid(format!("AutoScalingGroup name not found - AutoScalingGroup '{name}' not found"))
}

/// The region's groups, to read.
fn here<'c>(cx: &'c Cx<'_>) -> &'c Autoscaling {
    static EMPTY: Autoscaling = Autoscaling { groups: BTreeMap::new(), activities: Vec::new() };
    cx.world.regions.get(&cx.region).map_or(&EMPTY, |region| &region.autoscaling)
}

/// A whole number between two bounds, if given.
fn bounded(p: &Params, parameter: &str, low: i64, high: i64) -> Result<Option<i64>, ApiError> {
    match p.opt_int(parameter)? {
        Some(value) if !(low..=high).contains(&value) => Err(invalid(format!(
            "1 validation error detected: Value '{value}' at '{parameter}' failed to satisfy constraint: Member must have value between {low} and {high}"
        ))),
        value => Ok(value),
    }
}

/// One page of `items`, and the token of the next.
fn page<'a, T>(cx: &Cx<'_>, p: &Params, items: &'a [T], usual: usize) -> Result<(&'a [T], Option<String>), ApiError> {
    let asked = bounded(p, "MaxRecords", 1, 100)?.and_then(|size| usize::try_from(size).ok()).unwrap_or(usual);
    let size = asked.min(cx.page_limit.unwrap_or(usize::MAX)).max(1);
    let start = match p.opt_str("NextToken") {
        Some(token) => token
            .parse::<usize>()
            .ok()
            .filter(|at| *at <= items.len())
            .ok_or_else(|| ApiError::bad("InvalidNextToken", "The token is not valid"))?,
        None => 0,
    };
    let end = (start + size).min(items.len());
    Ok((&items[start..end], (end < items.len()).then(|| end.to_string())))
}
