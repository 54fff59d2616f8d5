//! Elastic Load Balancing v2, 2015-12-01: network (and plain application) load balancers, target groups, targets, listeners.
//!
//! A load balancer owns a network interface in each of its subnets, which keeps the subnet and its security groups in use until
//! the interface is gone, a moment after the load balancer.

mod attributes;
mod health;
mod listeners;
mod load_balancers;
mod network;
pub mod tags;
mod target_groups;
mod targets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::aws::{ApiError, Cx, Millis, Params, Request, Response, Xml};

pub use load_balancers::{dns_suffix, hosted_zone};
pub use network::settle;
pub use targets::{deregister_instances, register_instances};

/// Everything that Elastic Load Balancing knows in a region, by ARN.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Elbv2 {
    load_balancers: BTreeMap<String, LoadBalancer>,
    target_groups: BTreeMap<String, TargetGroup>,
    listeners: BTreeMap<String, Listener>,
    /// Network interfaces of deleted load balancers, and when they go.
    leaving: Vec<(String, Millis)>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct LoadBalancer {
    arn: String,
    name: String,
    /// `network` or `application`.
    kind: String,
    dns_name: String,
    scheme: String,
    vpc: String,
    ip_address_type: String,
    placements: Vec<Placement>,
    security_groups: Vec<String>,
    created: Millis,
    active: Millis,
    tags: Tags,
    attributes: BTreeMap<String, String>,
    fingerprint: BTreeMap<String, String>,
}

/// Where a load balancer stands in one zone.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Placement {
    subnet: String,
    zone: String,
    interface: String,
    allocation: Option<String>,
    private_address: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct TargetGroup {
    arn: String,
    name: String,
    protocol: String,
    port: u16,
    vpc: String,
    target_type: String,
    ip_address_type: String,
    health: HealthCheck,
    targets: Vec<Target>,
    tags: Tags,
    attributes: BTreeMap<String, String>,
    fingerprint: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct HealthCheck {
    enabled: bool,
    protocol: String,
    port: String,
    path: Option<String>,
    matcher: Option<String>,
    interval: i64,
    timeout: i64,
    healthy: i64,
    unhealthy: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Target {
    id: String,
    port: u16,
    zone: Option<String>,
    registered: Millis,
    /// When a target that was deregistered has drained.
    drained: Option<Millis>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Listener {
    arn: String,
    load_balancer: String,
    protocol: String,
    port: u16,
    /// The target groups that the default action forwards to, with their weights.
    forward: Vec<(String, i64)>,
    tags: Tags,
    attributes: BTreeMap<String, String>,
}

type Tags = BTreeMap<String, String>;
type Answer = Result<Xml, ApiError>;

impl Elbv2 {
    /// Everything that exists, by kind.
    pub fn inventory(&self) -> BTreeMap<String, Vec<String>> {
        let mut all = BTreeMap::new();
        all.insert("elbv2/load-balancer".to_owned(), self.load_balancers.keys().cloned().collect());
        all.insert("elbv2/target-group".to_owned(), self.target_groups.keys().cloned().collect());
        all.insert("elbv2/listener".to_owned(), self.listeners.keys().cloned().collect());
        all
    }

    /// Whether a target group with this ARN exists.
    pub fn has_target_group(&self, arn: &str) -> bool {
        self.target_groups.contains_key(arn)
    }

    fn load_balancer(&self, arn: &str) -> Result<&LoadBalancer, ApiError> {
        self.load_balancers.get(arn).ok_or_else(|| no_load_balancer(arn))
    }

    fn load_balancer_mut(&mut self, arn: &str) -> Result<&mut LoadBalancer, ApiError> {
        self.load_balancers.get_mut(arn).ok_or_else(|| no_load_balancer(arn))
    }

    fn target_group(&self, arn: &str) -> Result<&TargetGroup, ApiError> {
        self.target_groups.get(arn).ok_or_else(|| no_target_group(arn))
    }

    fn target_group_mut(&mut self, arn: &str) -> Result<&mut TargetGroup, ApiError> {
        self.target_groups.get_mut(arn).ok_or_else(|| no_target_group(arn))
    }

    fn listener(&self, arn: &str) -> Result<&Listener, ApiError> {
        self.listeners.get(arn).ok_or_else(|| no_listener(arn))
    }

    fn listener_mut(&mut self, arn: &str) -> Result<&mut Listener, ApiError> {
        self.listeners.get_mut(arn).ok_or_else(|| no_listener(arn))
    }
}

/// Answers one request.
pub fn handle(cx: &mut Cx<'_>, req: &Request) -> Result<Response, ApiError> {
    let p = &req.params;
    let result = match req.operation.as_str() {
        "CreateLoadBalancer" => load_balancers::create(cx, p),
        "DescribeLoadBalancers" => load_balancers::describe(cx, p),
        "DeleteLoadBalancer" => load_balancers::delete(cx, p),
        "SetSecurityGroups" => load_balancers::set_security_groups(cx, p),
        "SetSubnets" => load_balancers::set_subnets(cx, p),
        "ModifyLoadBalancerAttributes" => attributes::modify_load_balancer(cx, p),
        "DescribeLoadBalancerAttributes" => attributes::describe_load_balancer(cx, p),
        "CreateTargetGroup" => target_groups::create(cx, p),
        "DescribeTargetGroups" => target_groups::describe(cx, p),
        "ModifyTargetGroup" => target_groups::modify(cx, p),
        "DeleteTargetGroup" => target_groups::delete(cx, p),
        "ModifyTargetGroupAttributes" => attributes::modify_target_group(cx, p),
        "DescribeTargetGroupAttributes" => attributes::describe_target_group(cx, p),
        "RegisterTargets" => targets::register(cx, p),
        "DeregisterTargets" => targets::deregister(cx, p),
        "DescribeTargetHealth" => targets::health(cx, p),
        "CreateListener" => listeners::create(cx, p),
        "DescribeListeners" => listeners::describe(cx, p),
        "ModifyListener" => listeners::modify(cx, p),
        "DeleteListener" => listeners::delete(cx, p),
        "ModifyListenerAttributes" => attributes::modify_listener(cx, p),
        "DescribeListenerAttributes" => attributes::describe_listener(cx, p),
        "AddTags" => tags::add(cx, p),
        "RemoveTags" => tags::remove(cx, p),
        "DescribeTags" => tags::describe(cx, p),
        other => return Err(ApiError::invalid_action(other)),
    }?;
    Ok(Response::query(req, |x| x.append(&result)))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ValidationError", message)
}

fn unsuited(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidConfigurationRequest", message)
}

fn no_load_balancer(arn: &str) -> ApiError {
    ApiError::new(400, "LoadBalancerNotFound", format!("Load balancer '{arn}' not found"))
}

fn no_target_group(arn: &str) -> ApiError {
    ApiError::new(400, "TargetGroupNotFound", format!("Target groups '{arn}' not found"))
}

fn no_listener(arn: &str) -> ApiError {
    ApiError::new(400, "ListenerNotFound", format!("Listener '{arn}' not found"))
}

/// A name of load balancers and target groups: at most 32 characters, letters, digits and inner hyphens.
fn name(p: &Params, what: &str) -> Result<String, ApiError> {
    let name = p.str("Name")?;
    if name.is_empty() || name.len() > 32 {
        return Err(invalid(format!("{what} name '{name}' cannot be longer than '32' characters")));
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(invalid(format!(
            "{what} name '{name}' can only contain characters that are alphanumeric characters and hyphens(-)"
        )));
    }
    if name.starts_with('-') || name.ends_with('-') || (what == "Load balancer" && name.starts_with("internal-")) {
        return Err(invalid(format!("{what} name '{name}' cannot begin or end with '-' nor begin with 'internal-'")));
    }
    Ok(name)
}

/// A value out of a closed set.
fn one_of(p: &Params, parameter: &str, known: &[&str]) -> Result<Option<String>, ApiError> {
    match p.opt_str(parameter) {
        Some(value) if !known.contains(&value.as_str()) => Err(invalid(format!(
            "1 validation error detected: Value '{value}' at '{parameter}' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
            known.join(", ")
        ))),
        value => Ok(value),
    }
}

fn port(p: &Params, parameter: &str) -> Result<Option<u16>, ApiError> {
    match p.opt_int(parameter)? {
        None => Ok(None),
        Some(port) => match u16::try_from(port) {
            Ok(port) if port > 0 => Ok(Some(port)),
            _ => Err(invalid(format!(
                "Value '{port}' at '{parameter}' failed to satisfy constraint: Member must have value between 1 and 65535"
            ))),
        },
    }
}

/// One page of `items`, and the marker of the next.
pub fn page<'a, T>(cx: &Cx<'_>, p: &Params, items: &'a [T]) -> Result<(&'a [T], Option<String>), ApiError> {
    let asked = p.opt_int("PageSize")?;
    if asked.is_some_and(|size| !(1..=400).contains(&size)) {
        return Err(invalid(
            "Value at 'pageSize' failed to satisfy constraint: Member must have value between 1 and 400",
        ));
    }
    let size = page_size(cx, asked, 400);
    let start = match p.opt_str("Marker") {
        Some(marker) => {
            marker.parse::<usize>().ok().filter(|at| *at <= items.len()).ok_or_else(|| invalid("Invalid marker"))?
        }
        None => 0,
    };
    let end = (start + size).min(items.len());
    Ok((&items[start..end], (end < items.len()).then(|| end.to_string())))
}

/// The 16 hexadecimal digits at the end of an ARN, and what follows the resource type.
fn arn(cx: &mut Cx<'_>, resource: &str) -> String {
    format!(
        "arn:{}:elasticloadbalancing:{}:{}:{resource}/{}",
        crate::aws::partition(&cx.region),
        cx.region,
        cx.account,
        cx.ids.hex(16)
    )
}

/// How many items a page has: what was asked for or the usual, within the sandbox's own limit.
fn page_size(cx: &Cx<'_>, asked: Option<i64>, usual: usize) -> usize {
    let asked = asked.and_then(|size| usize::try_from(size).ok()).unwrap_or(usual);
    asked.min(cx.page_limit.unwrap_or(usize::MAX)).max(1)
}

/// The region's load balancers, to read.
fn elb<'c>(cx: &'c Cx<'_>) -> &'c Elbv2 {
    static EMPTY: Elbv2 = Elbv2 {
        load_balancers: BTreeMap::new(),
        target_groups: BTreeMap::new(),
        listeners: BTreeMap::new(),
        leaving: Vec::new(),
    };
    cx.world.regions.get(&cx.region).map_or(&EMPTY, |region| &region.elbv2)
}
