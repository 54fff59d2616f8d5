//! What a cluster stands in: the network, its subnets, addresses and the way out.

pub mod address;
pub mod enclosure;
pub mod router;
pub mod subnetwork;

pub use address::Address;
pub use enclosure::Network;
pub use router::Router;
pub use subnetwork::Subnetwork;
