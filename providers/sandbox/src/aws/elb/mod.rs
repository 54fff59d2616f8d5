//! Elastic Load Balancing, 2012-06-01: classic load balancers, as Kubernetes' own controller makes them. The service has its
//! name in common with [`super::elbv2`]; the version tells them apart.
//!
//! A load balancer owns a network interface in each of its subnets, which keeps the subnet and its security groups in use
//! until the interface is gone, a moment after the load balancer.

mod attributes;
mod instances;
mod listeners;
mod load_balancers;
mod network;
mod tags;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::aws::{ApiError, Cx, Millis, Request, Response, Xml};

pub use network::settle;

/// The version of the API.
pub const VERSION: &str = "2012-06-01";

/// Everything that the service knows in a region.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Elb {
    /// By name.
    load_balancers: BTreeMap<String, LoadBalancer>,
    /// Network interfaces of deleted load balancers, and when they go.
    leaving: Vec<(String, Millis)>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct LoadBalancer {
    name: String,
    dns_name: String,
    /// `internet-facing` or `internal`.
    scheme: String,
    vpc: String,
    placements: Vec<Placement>,
    security_groups: Vec<String>,
    listeners: Vec<Listener>,
    instances: Vec<String>,
    attributes: attributes::Attributes,
    created: Millis,
    tags: Tags,
}

/// Where a load balancer stands in one zone.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Placement {
    subnet: String,
    zone: String,
    interface: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Listener {
    protocol: String,
    port: u16,
    instance_protocol: String,
    instance_port: u16,
}

type Tags = BTreeMap<String, String>;
type Answer = Result<Xml, ApiError>;

impl Elb {
    /// Everything that exists, by kind.
    pub fn inventory(&self) -> BTreeMap<String, Vec<String>> {
        BTreeMap::from([("elb/load-balancer".to_owned(), self.load_balancers.keys().cloned().collect())])
    }

    fn load_balancer(&self, name: &str) -> Result<&LoadBalancer, ApiError> {
        self.load_balancers.get(name).ok_or_else(|| no_load_balancer(name))
    }

    fn load_balancer_mut(&mut self, name: &str) -> Result<&mut LoadBalancer, ApiError> {
        self.load_balancers.get_mut(name).ok_or_else(|| no_load_balancer(name))
    }
}

/// Answers one request.
pub fn handle(cx: &mut Cx<'_>, req: &Request) -> Result<Response, ApiError> {
    let p = &req.params;
    let result = match req.operation.as_str() {
        "CreateLoadBalancer" => load_balancers::create(cx, p),
        "DescribeLoadBalancers" => load_balancers::describe(cx, p),
        "DeleteLoadBalancer" => load_balancers::delete(cx, p),
        "RegisterInstancesWithLoadBalancer" => instances::register(cx, p),
        "ModifyLoadBalancerAttributes" => attributes::modify(cx, p),
        "AddTags" => tags::add(cx, p),
        "DescribeTags" => tags::describe(cx, p),
        other => return Err(ApiError::invalid_action(other)),
    }?;
    Ok(Response::query(req, |x| x.append(&result)))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad("ValidationError", message)
}

fn no_load_balancer(name: &str) -> ApiError {
    ApiError::bad("LoadBalancerNotFound", format!("There is no ACTIVE Load Balancer named '{name}'"))
}
