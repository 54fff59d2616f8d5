//! What stands in front of the API servers.

pub mod balancer;
mod kept;

pub use balancer::{HealthCheck, LoadBalancer};
