//! What machines are told at their first boot: the inputs of the templates, filled in from the cluster.

use std::collections::BTreeMap;

use meridian_provider_api::CompileError;
use meridian_spec::cluster::{Cluster, Pool, Slot, Taint};
use meridian_templates::{
    Arguments, ClusterObjects, ControlPlaneSlot, Device, EtcdMember, FileSystem, KubeProxyMode, Mirror, NodeBundle,
    NodeSettings, ObjectKey, Sha256, Software, Store, TaintEffect, TemplateError, UserData, Volume, Worker,
};

use crate::names;

/// The port on which slots serve the API; kubeadm's own.
pub const API_PORT: u16 = 6443;

/// A rendered bundle: what a machine fetches and runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Of the machines that it is for (`control-plane-0`, `pool-general`).
    pub name: String,
    pub content: String,
    hostname: Option<String>,
}

/// What a machine is given when it is made: a pointer to its bundle and the bundle's digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// cloud-init user data, as text.
    pub user_data: String,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

impl Bundle {
    /// The bundle of a slot, whose etcd disk is found as `etcd_disk` says.
    pub fn slot(cluster: &Cluster, slot: &Slot, etcd_disk: Device) -> Result<Self, CompileError> {
        let members = cluster
            .control_plane
            .slots
            .iter()
            .map(|slot| EtcdMember { name: slot.name.clone(), address: slot.address.into() });
        let bundle = NodeBundle::ControlPlane(Box::new(ControlPlaneSlot {
            name: slot.name.clone(),
            members: members.collect(),
            etcd_disk,
            cluster: common(cluster),
            settings: NodeSettings {
                labels: labels(cluster, Some(slot.zone.as_str()).filter(|zone| !zone.is_empty())),
                taints: None,
                kubelet_arguments: cluster.kubernetes.extra_args.kubelet.clone(),
                volumes: Vec::new(),
            },
            software: software(cluster)?,
            objects: ClusterObjects::at_root(),
        }));
        Self::render(slot.name.clone(), Some(slot.name.clone()), &bundle)
    }

    /// The bundle of a pool's machines. `devices` says how each of the pool's volumes is found.
    pub fn pool(
        cluster: &Cluster,
        pool: &Pool,
        devices: impl IntoIterator<Item = Device>,
    ) -> Result<Self, CompileError> {
        let mut labels = labels(cluster, None);
        labels.extend(pool.labels.clone());
        let volumes = pool.volumes.iter().zip(devices).map(|(volume, device)| Volume {
            device,
            file_system: FileSystem::default(),
            mount_point: volume.mount.clone(),
        });
        let bundle = NodeBundle::Worker(Box::new(Worker {
            endpoint: endpoint(cluster),
            settings: NodeSettings {
                labels,
                taints: Some(pool.taints.iter().map(taint).collect::<Result<_, _>>()?),
                kubelet_arguments: cluster.kubernetes.extra_args.kubelet.clone(),
                volumes: volumes.collect(),
            },
            software: software(cluster)?,
            objects: ClusterObjects::at_root(),
        }));
        Self::render(format!("pool-{}", pool.name), None, &bundle)
    }

    fn render(name: String, hostname: Option<String>, bundle: &NodeBundle) -> Result<Self, CompileError> {
        let content = meridian_templates::bundle(bundle).map_err(|error| failed(&name, error))?;
        Ok(Self { name, content, hostname })
    }

    /// The user data that points to the bundle, which stands under `key` in `store`.
    pub fn boot(&self, store: Store, key: &str) -> Result<Boot, CompileError> {
        let user_data = meridian_templates::user_data(&UserData {
            store,
            key: ObjectKey::new(key).map_err(|error| failed(&self.name, error))?,
            sha256: Sha256::of(&self.content),
            hostname: self.hostname.clone(),
        })
        .map_err(|error| failed(&self.name, error))?;
        Ok(Boot::new(user_data))
    }
}

impl Boot {
    fn new(user_data: String) -> Self {
        let sha256 = Sha256::of(&user_data).to_string();
        Self { user_data, sha256 }
    }
}

/// What the bastion runs. It has no identity to fetch anything with, so that the script itself is its user data.
pub fn bastion() -> Result<Boot, CompileError> {
    let script = meridian_templates::bundle(&NodeBundle::Bastion).map_err(|error| failed("the bastion", error))?;
    Ok(Boot::new(script))
}

fn failed(what: &str, error: TemplateError) -> CompileError {
    CompileError::Render { what: what.to_owned(), source: Box::new(error) }
}

/// The API as machines reach it: by the private name of all slots, and not through the load balancer, which would
/// send a machine's own connections back to it.
fn endpoint(cluster: &Cluster) -> String {
    format!("{}:{API_PORT}", names::api_host(&cluster.name))
}

fn common(cluster: &Cluster) -> meridian_templates::Cluster {
    let arguments = &cluster.kubernetes.extra_args;
    meridian_templates::Cluster {
        name: cluster.name.clone(),
        endpoint: endpoint(cluster),
        // The load balancer gets its name when it is made. Clients that come through it ask for the endpoint's name
        // (`tls-server-name`), so that no certificate waits for it.
        certificate_names: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
        pod_subnet: cluster.network.pod_cidr.into(),
        service_subnet: cluster.network.service_cidr.into(),
        dns_domain: "cluster.local".to_owned(),
        feature_gates: cluster.kubernetes.feature_gates.clone(),
        arguments: Arguments {
            api_server: arguments.api_server.clone(),
            controller_manager: arguments.controller_manager.clone(),
            scheduler: arguments.scheduler.clone(),
            etcd: arguments.etcd.clone(),
        },
        kubelet: BTreeMap::new(),
        kube_proxy: KubeProxyMode::default(),
    }
}

fn software(cluster: &Cluster) -> Result<Software, CompileError> {
    let version = cluster.kubernetes.version.parse().map_err(|error| CompileError::Render {
        what: format!("Kubernetes {}", cluster.kubernetes.version),
        source: Box::<semver::Error>::new(error),
    })?;
    let mirror = Mirror {
        kubernetes: cluster.kubernetes.package_mirror.clone(),
        containerd: None,
        images: Some(cluster.kubernetes.image_repository.clone()),
    };
    Ok(Software::upstream(version, &mirror))
}

/// Where a node is, in the labels that a cloud controller would give it. A pool may be in several zones.
fn labels(cluster: &Cluster, zone: Option<&str>) -> BTreeMap<String, String> {
    let region = ("topology.kubernetes.io/region".to_owned(), cluster.region.name.clone());
    let zone = zone.map(|zone| ("topology.kubernetes.io/zone".to_owned(), zone.to_owned()));
    std::iter::once(region).chain(zone).collect()
}

fn taint(taint: &Taint) -> Result<meridian_templates::Taint, CompileError> {
    let effect = match taint.effect.as_str() {
        "NoSchedule" => TaintEffect::NoSchedule,
        "PreferNoSchedule" => TaintEffect::PreferNoSchedule,
        "NoExecute" => TaintEffect::NoExecute,
        other => return Err(CompileError::Missing(format!("effect of a taint that is called `{other}`"))),
    };
    Ok(meridian_templates::Taint { key: taint.key.clone(), value: taint.value.clone(), effect })
}
