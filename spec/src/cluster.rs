//! The cluster with every default filled in: what the provider compilers read.
//!
//! Nothing here is optional because a user left it out; an `Option` means that the thing itself is absent.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A resolved cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// DNS-1123 label; unique for the account and the region.
    pub name: String,
    /// Labels put on every cloud resource.
    pub labels: BTreeMap<String, String>,
    /// Name of the cloud, as `regions.toml` has it (`aws`).
    pub provider: String,
    /// Where the cluster stands.
    pub region: Region,
    /// What runs on the machines.
    pub kubernetes: Kubernetes,
    /// Addresses, zones and subnets.
    pub network: Network,
    /// The slots of the control plane and the API in front of them.
    pub control_plane: ControlPlane,
    /// Worker pools, in the order of the spec.
    pub pools: Vec<Pool>,
    /// The jump host, if there is one.
    pub bastion: Option<Bastion>,
    /// The operator's key, if machines take one. OpenSSH `authorized_keys` format, one line.
    pub ssh_public_key: Option<String>,
    /// `destroy` refuses while this is set.
    pub deletion_protection: bool,
    /// The block named after the provider (`spec.aws`), as the provider's own options. Empty map: none given.
    pub provider_options: BTreeMap<String, String>,
}

/// A region, out of `regions.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// The cloud's own name (`eu-west-1`).
    pub name: String,
    /// The cloud's partition (`aws`, `aws-cn`).
    pub partition: String,
    /// Suffix of service endpoints (`amazonaws.com`); empty where the cloud has none.
    pub dns_suffix: String,
}

/// Versions and flags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kubernetes {
    /// Exact version, without `v` (`1.34.4`).
    pub version: String,
    /// Feature gates, for every component.
    pub feature_gates: BTreeMap<String, bool>,
    /// Flags passed through, by component.
    pub extra_args: ExtraArgs,
    /// Base URL of a mirror of `pkgs.k8s.io`, for air-gapped or in-region use.
    pub package_mirror: Option<String>,
    /// Base name of the image registry, `registry.k8s.io` by default.
    pub image_repository: String,
}

/// Flags passed through to the components; keys without leading dashes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraArgs {
    pub api_server: BTreeMap<String, String>,
    pub controller_manager: BTreeMap<String, String>,
    pub scheduler: BTreeMap<String, String>,
    pub etcd: BTreeMap<String, String>,
    pub kubelet: BTreeMap<String, String>,
}

/// The network of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Range of the whole network; machines' addresses come out of it.
    pub cidr: Ipv4Net,
    /// Range of the pods.
    pub pod_cidr: Ipv4Net,
    /// Range of the services.
    pub service_cidr: Ipv4Net,
    /// Zones in use, in order (`eu-west-1a`). Empty in a region that has none.
    pub zones: Vec<String>,
    /// Whether machines have public addresses.
    pub topology: Topology,
    /// Where egress goes through; meaningful for [`Topology::Private`] only.
    pub nat: Nat,
    /// Every subnet of the cluster. In a private topology a private and a public one, otherwise a public one; once a
    /// zone where the cloud's subnets stand in zones, and once for the cluster where they span them.
    pub subnets: Vec<Subnet>,
    /// Id of an existing network to build in; it is never changed nor destroyed.
    pub existing: Option<String>,
}

/// Whether machines are reachable from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    /// Machines have no public address; egress goes through NAT.
    Private,
    /// Machines have public addresses.
    Public,
}

/// How many NAT gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Nat {
    /// One a zone: a zone's outage stays in the zone.
    PerZone,
    /// One for the cluster: cheaper.
    Single,
}

/// A subnet: one role in one zone, or in the region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Stable name, `<role>-<zone>` (`private-eu-west-1a`), or `<role>` for one that spans the zones.
    pub name: String,
    pub role: SubnetRole,
    /// Empty for one that spans the zones.
    pub zone: String,
    pub cidr: Ipv4Net,
    /// Id of an existing subnet; it is never changed nor destroyed.
    pub existing: Option<String>,
}

/// What a subnet is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SubnetRole {
    /// Routes to NAT.
    Private,
    /// Routes to the internet gateway.
    Public,
}

/// The control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlPlane {
    /// 1, 3 or 5 slots.
    pub slots: Vec<Slot>,
    /// The machine in each slot.
    pub machine: Machine,
    /// Size of the machine's own disk.
    pub root_volume_gib: u32,
    /// Size of the disk that holds etcd's data and outlives the machine.
    pub etcd_volume_gib: u32,
    /// The API in front of the slots.
    pub api: Api,
}

/// A stateful place for one control-plane machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// `control-plane-0`: the machine's host name and its etcd member's name.
    pub name: String,
    /// Name of the [`Subnet`] it stands in.
    pub subnet: String,
    /// Empty in a region without zones.
    pub zone: String,
    /// Fixed private address, inside the subnet.
    pub address: Ipv4Addr,
}

/// How the API is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Api {
    pub exposure: Exposure,
    /// Who may connect. For [`Exposure::Private`] the network's own range by default.
    pub allow: Vec<Ipv4Net>,
    /// TCP port, 6443.
    pub port: u16,
}

/// Where the API's load balancer has its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Exposure {
    Public,
    Private,
}

/// A machine, resolved to a native type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The cloud's own type (`m7i.xlarge`).
    pub native_type: String,
    pub architecture: Architecture,
    /// The cloud's own id of an image, when the spec pins one; otherwise the catalogue's image for the architecture.
    pub image: Option<String>,
}

/// Processor architecture, in Kubernetes' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    Amd64,
    Arm64,
}

/// A pool of workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// DNS-1123 label, unique in the cluster. Of a pool that was given another name (`spec.moved`) the one it was made with:
    /// its resources in the cloud have that one, and can have no other.
    pub name: String,
    pub machine: Machine,
    /// Further native types that will do, in order of preference (mixed instances). Same architecture.
    pub alternatives: Vec<String>,
    pub min: u32,
    pub max: u32,
    /// Spot machines, if any.
    pub spot: Option<Spot>,
    /// Zones that it spreads over, in order. Empty in a region without zones.
    pub zones: Vec<String>,
    /// Names of the [`Subnet`]s it spreads over.
    pub subnets: Vec<String>,
    /// Kubernetes labels of its nodes.
    pub labels: BTreeMap<String, String>,
    pub taints: Vec<Taint>,
    pub root_volume_gib: u32,
    /// Further volumes of every machine.
    pub volumes: Vec<Volume>,
}

/// Spot capacity of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// Machines that are on demand before any spot one is asked for.
    pub on_demand_base: u32,
    /// Share of on-demand machines above the base, 0 to 100 percent.
    pub on_demand_percent: u32,
}

/// A node taint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taint {
    pub key: String,
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

/// An extra volume of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// DNS-1123 label, unique in the pool.
    pub name: String,
    pub size_gib: u32,
    /// Absolute path it is mounted at.
    pub mount: String,
}

/// The jump host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bastion {
    pub machine: Machine,
    /// Who may connect over SSH.
    pub allow: Vec<Ipv4Net>,
}
