//! The spec as it is written: nothing filled in, nothing looked up.
//!
//! These types are the one list of the spec's fields. The JSON Schema is made from them, the structure of a file is checked
//! against that schema, and their documentation is what `explain` and an editor show. A field is an `Option` when a
//! file that was read may lack it; those that a user must give carry `#[schemars(required)]`.

mod machine;
mod network;
mod text;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub use machine::{
    ControlPlane, ControlPlaneApi, Machine, MachineImage, Pool, PoolVolume, Spot, SpotMix, Taint, Volume,
};
pub use network::{Existing, ExistingSubnet, Network, Zones};
pub use text::{
    Address, AuthorizedKey, Cidr, ClusterName, Component, FeatureGate, FlagName, ImageRepository, KubernetesVersion,
    LabelKey, LabelValue, MountPath, Name, PartName, TagKey, TagValue, Url,
};

/// A Kubernetes cluster.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct ClusterDocument {
    /// Version of the spec's format: `meridian/v1`.
    #[schemars(required)]
    pub api_version: Option<ApiVersion>,
    /// Kind of the document: `Cluster`.
    #[schemars(required)]
    pub kind: Option<ClusterKind>,
    /// Name and labels.
    #[schemars(required)]
    pub metadata: Option<Metadata>,
    /// What the cluster should be.
    #[schemars(required)]
    pub spec: Option<ClusterSpec>,
}

/// The format's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ApiVersion {
    #[serde(rename = "meridian/v1")]
    V1,
}

/// The kind of a cluster's document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ClusterKind {
    Cluster,
}

/// Name and labels.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Metadata {
    /// Name of the cluster; unique for the account and the region.
    #[schemars(required)]
    pub name: Option<ClusterName>,
    /// Labels put on every resource in the cloud.
    #[schemars(with = "Option<text::Keyed<TagKey, TagValue>>")]
    pub labels: Option<BTreeMap<TagKey, TagValue>>,
}

/// What the cluster should be.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct ClusterSpec {
    /// The cloud.
    #[schemars(required)]
    pub provider: Option<String>,
    /// The cloud's name of the region, such as `eu-west-1`; `meridian get regions` lists them.
    #[schemars(required, length(min = 1, max = 64))]
    pub region: Option<String>,
    /// Kubernetes' version and flags.
    pub kubernetes: Option<Kubernetes>,
    /// Addresses, zones and subnets.
    pub network: Option<Network>,
    /// The control plane and the API in front of it.
    pub control_plane: Option<ControlPlane>,
    /// Pools of workers.
    #[schemars(length(max = 100))]
    pub pools: Option<Vec<Pool>>,
    /// What has another name than it was made with, and stays the same resources in the cloud, which keep the old one.
    #[schemars(length(max = 100))]
    pub moved: Option<Vec<Moved>>,
    /// A jump host. None is built when this is left out.
    pub bastion: Option<Bastion>,
    /// SSH access to the machines. They take no key when this is left out.
    pub ssh: Option<Ssh>,
    /// Makes `destroy` refuse. False by default.
    pub deletion_protection: Option<bool>,
    /// The blocks named after clouds; their fields are data of the catalogue.
    #[serde(flatten)]
    #[schemars(skip)]
    pub provider_options: BTreeMap<String, BTreeMap<String, String>>,
}

/// Kubernetes' version and flags.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Kubernetes {
    /// A minor version such as "1.34", for its newest known patch, or an exact one such as "1.34.4". In quotes.
    pub version: Option<KubernetesVersion>,
    /// Feature gates, for every component.
    #[schemars(with = "Option<text::Keyed<FeatureGate, bool>>")]
    pub feature_gates: Option<BTreeMap<FeatureGate, bool>>,
    /// Flags of the API server.
    pub api_server: Option<Component>,
    /// Flags of the controller manager.
    pub controller_manager: Option<Component>,
    /// Flags of the scheduler.
    pub scheduler: Option<Component>,
    /// Flags of etcd.
    pub etcd: Option<Component>,
    /// Flags of every machine's kubelet.
    pub kubelet: Option<Component>,
    /// Base URL of a mirror of pkgs.k8s.io, for machines that cannot reach it.
    pub package_mirror: Option<Url>,
    /// Where the images of the components come from. registry.k8s.io by default.
    pub image_repository: Option<ImageRepository>,
}

/// A part of the spec that was given another name.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Moved {
    /// What it was called before, such as `pools.general`.
    #[schemars(required)]
    pub from: Option<PartName>,
    /// What it is called now.
    #[schemars(required)]
    pub to: Option<PartName>,
}

/// The jump host.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Bastion {
    /// Its machine. A small one by default.
    pub machine: Option<Machine>,
    /// Ranges of addresses that may connect over SSH.
    #[schemars(required, length(min = 1, max = 50))]
    pub allow: Option<Vec<Cidr>>,
    /// Must be true for `allow` to cover the whole internet.
    pub allow_from_anywhere: Option<bool>,
}

/// SSH access.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Ssh {
    /// The operator's public key, as one line of `authorized_keys`.
    #[schemars(required)]
    pub public_key: Option<AuthorizedKey>,
}
