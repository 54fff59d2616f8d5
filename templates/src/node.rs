//! The typed input of a bundle.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

use crate::{ClusterObjects, Software};

/// What a machine becomes.
#[derive(Clone, Debug)]
pub enum NodeBundle {
    /// One of the cluster's control-plane slots.
    ControlPlane(Box<ControlPlaneSlot>),
    /// A machine of a worker pool.
    Worker(Box<Worker>),
    /// A host through which people reach the others by SSH. It runs no Kubernetes.
    Bastion,
}

/// A control-plane slot: it holds one etcd member and one copy of each control-plane component.
#[derive(Clone, Debug)]
pub struct ControlPlaneSlot {
    /// Its name: that of its etcd member, its node and its host ([`crate::UserData::hostname`]).
    pub name: String,
    /// Every slot of the cluster, this one too. kubeadm starts the API server on this slot's address.
    pub members: Vec<EtcdMember>,
    /// The disk that keeps this slot's etcd data when its machine is replaced. It becomes ext4.
    pub etcd_disk: Device,
    /// What all slots have in common.
    pub cluster: Cluster,
    /// The node's settings. No taints given means kubeadm's own, which keep ordinary work away.
    pub settings: NodeSettings,
    /// What is installed.
    pub software: Software,
    /// Where the certificate authorities are read and what workers join with is published.
    pub objects: ClusterObjects,
}

/// A worker.
#[derive(Clone, Debug)]
pub struct Worker {
    /// The API server as workers reach it, `host:port`.
    pub endpoint: String,
    /// The node's settings. No taints given means none.
    pub settings: NodeSettings,
    /// What is installed.
    pub software: Software,
    /// Where it reads what it joins with: a token, and the certificate authorities that may answer at the endpoint.
    pub objects: ClusterObjects,
}

/// What slots and workers have alike.
#[derive(Clone, Debug, Default)]
pub struct NodeSettings {
    /// Labels that kubelet registers the node with. `NodeRestriction` forbids it `node-role.kubernetes.io/`.
    pub labels: BTreeMap<String, String>,
    /// Taints that kubelet registers the node with; `None` leaves the role's default.
    pub taints: Option<Vec<Taint>>,
    /// Arguments of kubelet, without leading dashes.
    pub kubelet_arguments: BTreeMap<String, String>,
    /// Further disks, formatted if empty and mounted.
    pub volumes: Vec<Volume>,
}

/// A member of the cluster's etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdMember {
    /// The slot's name.
    pub name: String,
    /// The slot's private address.
    pub address: IpAddr,
}

/// What all slots of a cluster have in common.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The cluster's name.
    pub name: String,
    /// The API server as everyone reaches it, `host:port`.
    pub endpoint: String,
    /// Names and addresses for the API server's certificate beside the endpoint and the slot's own address.
    pub certificate_names: Vec<String>,
    /// The addresses of pods.
    pub pod_subnet: IpNet,
    /// The addresses of services.
    pub service_subnet: IpNet,
    /// The domain of services, `cluster.local` as a rule.
    pub dns_domain: String,
    /// Feature gates of Kubernetes, set on every component of the control plane, kubelet and kube-proxy.
    pub feature_gates: BTreeMap<String, bool>,
    /// Arguments of the components.
    pub arguments: Arguments,
    /// Fields of `KubeletConfiguration` for every node of the cluster.
    pub kubelet: BTreeMap<String, serde_json::Value>,
    /// How kube-proxy forwards.
    pub kube_proxy: KubeProxyMode,
}

/// Arguments of the control plane's components, without leading dashes.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// `kube-apiserver`.
    pub api_server: BTreeMap<String, String>,
    /// `kube-controller-manager`.
    pub controller_manager: BTreeMap<String, String>,
    /// `kube-scheduler`.
    pub scheduler: BTreeMap<String, String>,
    /// `etcd`, but for what makes up the membership.
    pub etcd: BTreeMap<String, String>,
}

/// How kube-proxy forwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KubeProxyMode {
    /// By iptables.
    #[default]
    Iptables,
    /// By nftables.
    Nftables,
}

/// A taint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value, which may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// What it does.
    pub effect: TaintEffect,
}

/// What a taint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names are those of Kubernetes")]
pub enum TaintEffect {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
}

/// A disk that is mounted on a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// The disk.
    pub device: Device,
    /// What it is formatted with when it is empty; one that holds something else is an error.
    pub file_system: FileSystem,
    /// Where it is mounted.
    pub mount_point: String,
}

/// How a disk is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// By a stable path, such as `/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123` or
    /// `/dev/disk/by-id/google-data`.
    Path(String),
    /// By the name under which AWS attached it, such as `sdf`: on machines with `NVMe` the kernel names it otherwise, and
    /// the volume's id may not be known when the bundle is rendered (AWS, "Map Amazon EBS volumes to `NVMe` device names").
    AttachedAs(String),
    /// By the logical unit number under which Azure attached it (Azure, "Azure Linux VM device names"): the links below
    /// `/dev/disk/azure` differ between machines with SCSI and with `NVMe`.
    AzureLun(u8),
}

/// A file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileSystem {
    /// ext4.
    #[default]
    Ext4,
    /// XFS.
    Xfs,
}
