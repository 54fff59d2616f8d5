//! What stands in front of the API servers: a passthrough network load balancer of the region.

pub mod backend_service;
pub mod forwarding_rule;
pub mod health_check;
pub mod instance_group;

pub use backend_service::BackendService;
pub use forwarding_rule::ForwardingRule;
pub use health_check::HealthCheck;
pub use instance_group::InstanceGroup;
