//! The resource group, the network in it, and the ways out of it.

pub mod nat_gateway;
pub mod public_ip;
pub mod resource_group;
pub mod route_table;
pub mod subnet;
pub mod virtual_network;

pub use nat_gateway::NatGateway;
pub use public_ip::PublicIp;
pub use resource_group::ResourceGroup;
pub use route_table::RouteTable;
pub use subnet::Subnet;
pub use virtual_network::VirtualNetwork;

/// The resource provider of everything here but the group.
pub(crate) const NETWORK: &str = "Microsoft.Network";
