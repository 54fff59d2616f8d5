//! The enclosure of a cluster and its ways out.

pub mod dhcp_options;
pub mod elastic_ip;
pub mod internet_gateway;
pub mod nat_gateway;
pub mod route_table;
pub mod subnet;
pub mod vpc;

pub use dhcp_options::DhcpOptions;
pub use elastic_ip::ElasticIp;
pub use internet_gateway::InternetGateway;
pub use nat_gateway::NatGateway;
pub use route_table::RouteTable;
pub use subnet::Subnet;
pub use vpc::Vpc;
