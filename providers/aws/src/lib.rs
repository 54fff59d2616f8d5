//! Amazon Web Services: a cluster compiled to EC2, Auto Scaling, Elastic Load Balancing, IAM, Route 53 and S3,
//! what is done with each kind of resource there, and what S3 and KMS do for state.
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
pub mod ec2;
pub mod errors;
pub mod firewall;
pub mod identity;
mod ids;
pub mod leftovers;
pub mod limits;
pub mod load_balancer;
pub mod network;
pub mod provider;
mod roster;
mod shared;
pub mod state;

pub use cloud::AwsCloud;
pub use provider::AwsProvider;
pub use state::AwsState;
