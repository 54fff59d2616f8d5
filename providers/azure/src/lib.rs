//! Microsoft Azure: a cluster compiled to Resource Manager's network, compute, identity, private DNS and storage, and
//! what is done with each kind of resource there.
//!
//! One resource kind a file. The clouds' crates have the same rooms, so that what one cloud does differently from
//! another is found under the same path.

pub mod arm;
pub mod bootstrap;
pub mod client;
pub mod cloud;
pub mod compile;
pub mod compute;
pub mod disk;
pub mod dns;
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

pub use cloud::AzureCloud;
pub use provider::AzureProvider;
