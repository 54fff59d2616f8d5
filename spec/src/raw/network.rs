//! The network as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::Cidr;
use crate::cluster::{Nat, SubnetRole, Topology};

/// Addresses, zones and subnets.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Network {
    /// Range of the whole network; machines' addresses come out of it. 10.0.0.0/16 by default.
    pub cidr: Option<Cidr>,
    /// Range of the pods. 100.64.0.0/13 by default.
    pub pod_cidr: Option<Cidr>,
    /// Range of the services. 100.72.0.0/16 by default.
    pub service_cidr: Option<Cidr>,
    /// How many zones, at most how many, or their names. Three by default. A region with fewer is refused unless the spec
    /// accepts it: `{ upTo: 3 }` takes what there is, so that one file serves every region.
    pub zones: Option<Zones>,
    /// Whether machines have public addresses. Private by default.
    pub topology: Option<Topology>,
    /// One NAT gateway a zone, so that a zone's outage stays in the zone (the default), or a single one, which is cheaper.
    pub nat: Option<Nat>,
    /// A network that exists already. It is neither changed nor destroyed.
    pub existing: Option<Existing>,
}

/// A count of zones, at most so many, or their names.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Zones {
    /// The first so many of the region.
    Count(#[schemars(range(min = 1, max = 6))] u8),
    /// The first so many of the region, or all where it has fewer. Machines in a region without zones are spread over its
    /// fault domains.
    AtMost(AtMost),
    /// These, in this order.
    Names(#[schemars(length(min = 1, max = 6), inner(length(min = 1, max = 64)))] Vec<String>),
}

/// At most so many zones.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct AtMost {
    /// How many there may be.
    #[schemars(required, range(min = 1, max = 6))]
    pub up_to: Option<u8>,
}

/// A network that exists already.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Existing {
    /// The cloud's id of the network, such as vpc-0123456789abcdef0.
    #[schemars(required, length(min = 1, max = 512))]
    pub id: Option<String>,
    /// Its subnets that the cluster uses. New ones are made in the network when this is left out.
    #[schemars(length(min = 1, max = 12))]
    pub subnets: Option<Vec<ExistingSubnet>>,
}

/// A subnet that exists already.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct ExistingSubnet {
    /// The cloud's id of the subnet, such as subnet-0123456789abcdef0.
    #[schemars(required, length(min = 1, max = 512))]
    pub id: Option<String>,
    /// The zone it stands in. Left out on clouds whose subnets span the zones.
    #[schemars(length(min = 1, max = 64))]
    pub zone: Option<String>,
    /// Its range of addresses.
    #[schemars(required)]
    pub cidr: Option<Cidr>,
    /// Whether it routes to NAT (private) or to the internet (public).
    #[schemars(required)]
    pub role: Option<SubnetRole>,
}
