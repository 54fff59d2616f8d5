//! The network load balancer in front of the API servers.

pub mod balancer;
pub mod listener;
pub(crate) mod listing;
pub mod target_group;

pub use balancer::LoadBalancer;
pub use listener::Listener;
pub use target_group::TargetGroup;
