//! Machines, the control plane and pools as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::text::{Address, Cidr, Keyed, LabelKey, LabelValue, MountPath, Name};
use crate::cluster::{Architecture, Exposure};

/// A machine: a portable size, a request for cpu and memory, or one of the cloud's own types.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    deny_unknown_fields,
    extend("oneOf" = json!([{ "required": ["size"] }, { "required": ["cpu"] }, { "required": ["type"] }])),
    extend("dependentRequired" = json!({ "cpu": ["memoryGiB"], "memoryGiB": ["cpu"] }))
)]
pub struct Machine {
    /// A portable size: small is 2 vCPU and 8 GiB, each further size twice the one before.
    #[schemars(extend("enum" = crate::raw::machine::sizes()))]
    pub size: Option<String>,
    /// Least number of virtual CPUs; goes with memoryGiB.
    #[schemars(range(min = 1, max = 1024))]
    pub cpu: Option<u32>,
    /// Least memory in GiB; goes with cpu.
    #[serde(rename = "memoryGiB")]
    #[schemars(range(min = 1, max = 32768))]
    pub memory_gib: Option<u32>,
    /// The cloud's own name of the type, such as m7i.xlarge.
    #[serde(rename = "type")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"), length(max = 64))]
    pub native_type: Option<String>,
    /// Architecture of the processor. amd64 by default, or what the named type has.
    pub architecture: Option<Architecture>,
    /// The image it boots. Ubuntu 24.04 by default.
    pub image: Option<MachineImage>,
}

/// The names of the portable sizes, from the machine table.
fn sizes() -> serde_json::Value {
    let catalogue = crate::catalogue::Catalogue::builtin();
    catalogue.map_or(json!([]), |catalogue| catalogue.size_names().collect())
}

/// A pinned image.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct MachineImage {
    /// The cloud's own id of the image, such as ami-0123456789abcdef0.
    #[schemars(required, length(min = 1, max = 512))]
    pub id: Option<String>,
}

/// A disk.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Volume {
    /// Its size in GiB.
    #[serde(rename = "sizeGiB")]
    #[schemars(required, range(min = 8, max = 16384))]
    pub size_gib: Option<u32>,
}

/// The control plane.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct ControlPlane {
    /// How many machines: 1, 3 or 5. An even number would not survive more failures than the odd one below it. Three by default.
    #[schemars(extend("enum" = json!([1, 3, 5])))]
    pub slots: Option<u8>,
    /// The machine in each slot. Size medium by default.
    pub machine: Option<Machine>,
    /// The machines' own disks. 40 GiB by default.
    pub root_volume: Option<Volume>,
    /// The disks that hold etcd's data and outlive the machines. 20 GiB by default.
    pub etcd_volume: Option<Volume>,
    /// The slots' private addresses, one a slot. The eleventh and following ones of their subnets by default.
    #[schemars(length(min = 1, max = 5))]
    pub addresses: Option<Vec<Address>>,
    /// How the API is reached.
    pub api: Option<ControlPlaneApi>,
}

/// How the API is reached.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct ControlPlaneApi {
    /// Whether the API has a public address. Private by default.
    pub exposure: Option<Exposure>,
    /// Ranges of addresses that may connect. A public API needs them; the cluster's network by default for a private one.
    #[schemars(length(min = 1, max = 50))]
    pub allow: Option<Vec<Cidr>>,
    /// Must be true for `allow` to cover the whole internet.
    pub allow_from_anywhere: Option<bool>,
}

/// A pool of workers.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Pool {
    /// Name of the pool, unique in the cluster.
    #[schemars(required)]
    pub name: Option<Name>,
    /// Its machines.
    #[schemars(required)]
    pub machine: Option<Machine>,
    /// Further machines that will do, in order of preference.
    #[schemars(length(max = 20))]
    pub alternatives: Option<Vec<Machine>>,
    /// Least number of machines. 1 by default.
    #[schemars(range(min = 0, max = 5000))]
    pub min: Option<u32>,
    /// Greatest number of machines. The same as `min` by default.
    #[schemars(range(min = 1, max = 5000))]
    pub max: Option<u32>,
    /// Spot machines: true for all, or how many stay on demand.
    pub spot: Option<Spot>,
    /// Names of the zones it spreads over. All of the cluster's by default.
    #[schemars(length(min = 1, max = 6), inner(length(min = 1, max = 64)))]
    pub zones: Option<Vec<String>>,
    /// Kubernetes labels of its nodes.
    #[schemars(with = "Option<Keyed<LabelKey, LabelValue>>")]
    pub labels: Option<BTreeMap<LabelKey, LabelValue>>,
    /// Taints of its nodes.
    #[schemars(length(max = 50))]
    pub taints: Option<Vec<Taint>>,
    /// The machines' own disks. 60 GiB by default.
    pub root_volume: Option<Volume>,
    /// Further disks of every machine.
    #[schemars(length(max = 10))]
    pub volumes: Option<Vec<PoolVolume>>,
}

/// Whether machines are spot machines, or how many stay on demand.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Spot {
    /// All, or none.
    All(bool),
    /// A mix.
    Mix(SpotMix),
}

/// How many machines stay on demand.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct SpotMix {
    /// Machines that are on demand before any spot one is asked for. 0 by default.
    #[schemars(range(min = 0, max = 5000))]
    pub on_demand_base: Option<u32>,
    /// Share of on-demand machines above the base, in percent. 0 by default.
    #[schemars(range(min = 0, max = 100))]
    pub on_demand_percent: Option<u32>,
}

/// A taint.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Taint {
    /// Key of the taint.
    #[schemars(required)]
    pub key: Option<LabelKey>,
    /// Value of the taint. Empty by default.
    pub value: Option<LabelValue>,
    /// What happens to pods that do not tolerate it.
    #[schemars(required)]
    pub effect: Option<TaintEffect>,
}

/// What happens to pods that do not tolerate a taint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum TaintEffect {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
}

impl TaintEffect {
    /// Kubernetes' name of the effect.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSchedule => "NoSchedule",
            Self::PreferNoSchedule => "PreferNoSchedule",
            Self::NoExecute => "NoExecute",
        }
    }
}

/// A further disk of a machine.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct PoolVolume {
    /// Name of the disk, unique in the pool.
    #[schemars(required)]
    pub name: Option<Name>,
    /// Its size in GiB.
    #[serde(rename = "sizeGiB")]
    #[schemars(required, range(min = 1, max = 16384))]
    pub size_gib: Option<u32>,
    /// Absolute path it is mounted at.
    #[schemars(required)]
    pub mount: Option<MountPath>,
}
