//! What is sound of a cluster, be the rest as it may: what a cloud's own check looks at.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use crate::cluster::{Cluster, Pool, Slot, Spot, Subnet, Taint};
use crate::path::Path;

/// The parts of a cluster that could be resolved. What could not is empty or `None`, and is on the list of faults already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// The cloud.
    pub provider: String,
    /// The cloud's name of the region.
    pub region: Option<String>,
    /// The name of the cluster.
    pub name: Option<String>,
    /// Labels of every resource.
    pub labels: BTreeMap<String, String>,
    /// Ranges and subnets.
    pub network: NetworkDraft,
    /// The slots of the control plane.
    pub slots: Vec<Slot>,
    /// Who may connect to the API.
    pub api_allow: Vec<Ipv4Net>,
    /// Who may connect to the bastion.
    pub bastion_allow: Vec<Ipv4Net>,
    /// Every pool that the spec lists, at its index.
    pub pools: Vec<PoolDraft>,
    /// The operator's key.
    pub ssh_public_key: Option<String>,
    /// The block named after the cloud.
    pub provider_options: BTreeMap<String, String>,
}

/// The network, as far as it is sound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkDraft {
    pub cidr: Option<Ipv4Net>,
    pub pod_cidr: Option<Ipv4Net>,
    pub service_cidr: Option<Ipv4Net>,
    /// Id of an existing network.
    pub existing: Option<String>,
    /// Every subnet or none.
    pub subnets: Vec<Subnet>,
}

/// A pool, as far as it is sound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolDraft {
    pub name: Option<String>,
    /// Further native types.
    pub alternatives: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub taints: Vec<Taint>,
    pub spot: Option<Spot>,
}

/// A wish that the cloud can't fulfil.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// Where in the spec.
    pub path: Path,
    /// What can't be.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

impl Unfit {
    /// A wish at a place.
    pub fn new(path: impl Into<Path>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), hint: hint.into() }
    }
}

/// What the cloud of a draft can't do of it. Pure.
pub type Judge<'a> = &'a dyn Fn(&Draft) -> Vec<Unfit>;

impl From<&Cluster> for Draft {
    fn from(cluster: &Cluster) -> Self {
        let network = &cluster.network;
        Self {
            provider: cluster.provider.clone(),
            region: Some(cluster.region.name.clone()),
            name: Some(cluster.name.clone()),
            labels: cluster.labels.clone(),
            network: NetworkDraft {
                cidr: Some(network.cidr),
                pod_cidr: Some(network.pod_cidr),
                service_cidr: Some(network.service_cidr),
                existing: network.existing.clone(),
                subnets: network.subnets.clone(),
            },
            slots: cluster.control_plane.slots.clone(),
            api_allow: cluster.control_plane.api.allow.clone(),
            bastion_allow: cluster.bastion.as_ref().map(|bastion| bastion.allow.clone()).unwrap_or_default(),
            pools: cluster.pools.iter().map(PoolDraft::from).collect(),
            ssh_public_key: cluster.ssh_public_key.clone(),
            provider_options: cluster.provider_options.clone(),
        }
    }
}

impl From<&Pool> for PoolDraft {
    fn from(pool: &Pool) -> Self {
        Self {
            name: Some(pool.name.clone()),
            alternatives: pool.alternatives.clone(),
            labels: pool.labels.clone(),
            taints: pool.taints.clone(),
            spot: pool.spot.clone(),
        }
    }
}
