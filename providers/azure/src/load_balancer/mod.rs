//! What stands in front of the API servers.

pub mod balancer;

pub use balancer::{HealthCheck, LoadBalancer};
