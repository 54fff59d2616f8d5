//! What machines are told at their first boot: the inputs of the templates, filled in from the cluster.

use std::collections::BTreeMap;

use meridian_engine::{Graph, Ref};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, Pool, Slot, Taint};
use meridian_templates::{
    Arguments, ClusterObjects, ControlPlaneSlot, Device, EtcdMember, FileSystem, KubeProxyMode, Mirror, NodeBundle,
    NodeSettings, ObjectKey, S3Endpoint, S3Store, Sha256, Software, Store, TaintEffect, TemplateError, UserData,
    Volume, Worker,
};

use super::names;
use crate::bootstrap::Object;
use crate::compute::instance::DATA_DEVICE;

/// The port on which slots serve the API; kubeadm's own.
const API_PORT: u16 = 6443;

/// What a machine boots with.
pub(super) struct Boot {
    /// cloud-init user data, as text.
    pub user_data: String,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// What the user data points to.
    pub bundle: Ref<Object>,
}

/// How a machine boots into a slot.
pub(super) fn slot(cluster: &Cluster, pins: &Pins, graph: &mut Graph, slot: &Slot) -> Result<Boot, CompileError> {
    let members = cluster
        .control_plane
        .slots
        .iter()
        .map(|slot| EtcdMember { name: slot.name.clone(), address: slot.address.into() });
    let bundle = NodeBundle::ControlPlane(Box::new(ControlPlaneSlot {
        name: slot.name.clone(),
        members: members.collect(),
        etcd_disk: Device::AttachedAs(device(DATA_DEVICE)),
        cluster: common(cluster),
        settings: NodeSettings {
            labels: labels(cluster, Some(&slot.zone)),
            taints: None,
            kubelet_arguments: cluster.kubernetes.extra_args.kubelet.clone(),
            volumes: Vec::new(),
        },
        software: software(cluster)?,
        objects: ClusterObjects::at_root(),
    }));
    boot(cluster, pins, graph, &slot.name, Some(&slot.name), &bundle)
}

/// How the machines of a pool boot. `volumes` are the pool's, each with the device that it is attached as.
pub(super) fn worker(
    cluster: &Cluster,
    pins: &Pins,
    graph: &mut Graph,
    pool: &Pool,
    devices: &[String],
) -> Result<Boot, CompileError> {
    let mut labels = labels(cluster, None);
    labels.extend(pool.labels.clone());
    let volumes = pool.volumes.iter().zip(devices).map(|(volume, attached)| Volume {
        device: Device::AttachedAs(device(attached)),
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
    boot(cluster, pins, graph, &format!("pool-{}", pool.name), None, &bundle)
}

/// What the bastion runs. It has no identity to fetch anything with, so that the script itself is its user data.
pub(super) fn bastion() -> Result<(String, String), CompileError> {
    let script = meridian_templates::bundle(&NodeBundle::Bastion).map_err(|error| render("the bastion", error))?;
    let sha256 = Sha256::of(&script).to_string();
    Ok((script, sha256))
}

/// Renders the bundle, puts it into the bucket, and renders the user data that points there.
fn boot(
    cluster: &Cluster,
    pins: &Pins,
    graph: &mut Graph,
    name: &str,
    hostname: Option<&str>,
    bundle: &NodeBundle,
) -> Result<Boot, CompileError> {
    let content = meridian_templates::bundle(bundle).map_err(|error| render(name, error))?;
    let digest = Sha256::of(&content);
    let object = Object::bundle(Ref::to(names::BOOTSTRAP)?, name, content);
    let user_data = meridian_templates::user_data(&UserData {
        store: Store::S3(S3Store {
            bucket: names::bucket_name(cluster, pins),
            region: cluster.region.name.clone(),
            endpoint: S3Endpoint::Partition { suffix: cluster.region.dns_suffix.clone() },
        }),
        key: ObjectKey::new(&object.key).map_err(|error| render(name, error))?,
        sha256: digest,
        hostname: hostname.map(str::to_owned),
    })
    .map_err(|error| render(name, error))?;
    let bundle = graph.add(name, object)?;
    let sha256 = Sha256::of(&user_data).to_string();
    Ok(Boot { user_data, sha256, bundle })
}

fn render(what: &str, error: TemplateError) -> CompileError {
    CompileError::Render { what: what.to_owned(), source: Box::new(error) }
}

/// The API as machines reach it: by the private name of all slots, and not through the load balancer, which would
/// send a machine's own connections back to it.
fn endpoint(cluster: &Cluster) -> String {
    format!("{}:{API_PORT}", names::api_host(cluster))
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

/// The last part of a device's path.
fn device(path: &str) -> String {
    path.trim_start_matches("/dev/").to_owned()
}
