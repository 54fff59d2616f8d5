//! Google Cloud: a cluster compiled to Compute Engine, Cloud DNS, IAM and Cloud Storage, what is done with each kind of
//! resource there, and what Cloud Storage and Cloud KMS do for state.
//!
//! One resource kind a file. The clouds' crates have the same rooms, so that what one cloud does differently from
//! another is found under the same path.

pub mod bootstrap;
pub mod client;
pub mod cloud;
pub mod compile;
pub mod compute;
pub mod disk;
pub mod dns;
pub mod errors;
pub mod firewall;
pub mod gce;
pub mod identity;
mod ids;
pub mod leftovers;
pub mod limits;
pub mod load_balancer;
pub mod marks;
pub mod network;
pub mod operations;
pub mod provider;
pub mod rest;
mod roster;
pub mod services;
mod shared;
pub mod state;

pub use cloud::GcpCloud;
pub use provider::GcpProvider;
pub use state::GcpState;
