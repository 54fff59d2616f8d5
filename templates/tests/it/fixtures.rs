use std::collections::BTreeMap;

use meridian_templates::{
    Arguments, AzureBlobStore, Cluster, ClusterObjects, ControlPlaneSlot, Device, EtcdMember, FileSystem, GCS_ENDPOINT,
    GcsStore, KubeProxyMode, Mirror, NodeBundle, NodeSettings, ObjectKey, S3Endpoint, S3Store, Sha256, Software, Store,
    Taint, TaintEffect, UserData, Volume, Worker,
};
use serde_json::{Value, json};

pub fn user_data() -> UserData {
    UserData {
        store: Store::S3(S3Store {
            bucket: "meridian-prod-eu-bootstrap".to_owned(),
            region: "eu-west-1".to_owned(),
            endpoint: S3Endpoint::Partition { suffix: "amazonaws.com".to_owned() },
        }),
        key: ObjectKey::new("bundles/control-plane-a.sh").unwrap(),
        sha256: Sha256::of("the bundle"),
        hostname: Some("prod-eu-cp-a".to_owned()),
    }
}

pub fn gcs() -> Store {
    Store::Gcs(GcsStore { bucket: "meridian-prod-eu-0123456789ab".to_owned(), endpoint: GCS_ENDPOINT.to_owned() })
}

/// The same, in Azure Blob Storage.
pub fn azure_user_data() -> UserData {
    UserData { store: Store::AzureBlob(azure_store("https://merprodeu0123abc.blob.core.windows.net")), ..user_data() }
}

/// A container that answers at `endpoint`.
pub fn azure_store(endpoint: &str) -> AzureBlobStore {
    AzureBlobStore {
        endpoint: endpoint.to_owned(),
        container: "bootstrap".to_owned(),
        identity: AZURE_IDENTITY.to_owned(),
    }
}

/// The identity that the fake metadata service of Azure has a token for.
pub const AZURE_IDENTITY: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/meridian-prod-eu\
                                  /providers/Microsoft.ManagedIdentity/userAssignedIdentities/prod-eu-workers";

fn software() -> Software {
    Software::upstream("1.36.3".parse().unwrap(), &Mirror::default())
}

pub fn slot() -> ControlPlaneSlot {
    let member = |name: &str, address: &str| EtcdMember { name: name.to_owned(), address: address.parse().unwrap() };
    ControlPlaneSlot {
        name: "prod-eu-cp-a".to_owned(),
        members: vec![
            member("prod-eu-cp-a", "10.40.0.10"),
            member("prod-eu-cp-b", "10.40.32.10"),
            member("prod-eu-cp-c", "10.40.64.10"),
        ],
        etcd_disk: Device::AttachedAs("sdf".to_owned()),
        cluster: Cluster {
            name: "prod-eu".to_owned(),
            endpoint: "api.prod-eu.internal:6443".to_owned(),
            certificate_names: vec!["127.0.0.1".to_owned(), "prod-eu-0123.elb.eu-west-1.amazonaws.com".to_owned()],
            pod_subnet: "100.64.0.0/13".parse().unwrap(),
            service_subnet: "172.20.0.0/16".parse().unwrap(),
            dns_domain: "cluster.local".to_owned(),
            feature_gates: BTreeMap::from([("GracefulNodeShutdown".to_owned(), true)]),
            arguments: Arguments {
                api_server: BTreeMap::from([("audit-log-maxage".to_owned(), "30".to_owned())]),
                ..Arguments::default()
            },
            kubelet: BTreeMap::from([("maxPods".to_owned(), 200.into())]),
            kube_proxy: KubeProxyMode::Nftables,
        },
        settings: NodeSettings {
            labels: BTreeMap::from([("meridian.example/slot".to_owned(), "a".to_owned())]),
            ..NodeSettings::default()
        },
        software: software(),
        objects: ClusterObjects::at_root(),
    }
}

pub fn worker() -> Worker {
    Worker {
        endpoint: "api.prod-eu.internal:6443".to_owned(),
        settings: NodeSettings {
            labels: BTreeMap::from([("meridian.example/pool".to_owned(), "general".to_owned())]),
            taints: Some(vec![Taint {
                key: "dedicated".to_owned(),
                value: "batch".to_owned(),
                effect: TaintEffect::NoSchedule,
            }]),
            kubelet_arguments: BTreeMap::from([("max-pods".to_owned(), "110".to_owned())]),
            volumes: vec![Volume {
                device: Device::Path("/dev/disk/by-id/scratch-0".to_owned()),
                file_system: FileSystem::Xfs,
                mount_point: "/mnt/scratch".to_owned(),
            }],
        },
        software: software(),
        objects: ClusterObjects::below(ObjectKey::new("clusters/prod-eu").unwrap()),
    }
}

/// A join token.
pub const TOKEN: &str = "abcdef.0123456789abcdef";

/// The hashes of the two authorities in `ca.crt` (RSA and P-256), as kubeadm 1.36 prints them.
pub const CA_HASHES: [&str; 2] = [
    "sha256:4c04d102d4fe1c67d2d008c923e99277910fc57fe80548993f4bed69dc012a00",
    "sha256:657c268644cf91dda99aa1bba8bf8e29cfd333b1f33c1251246f5f3d32965e94",
];

/// What a control plane publishes for machines that join.
pub fn published() -> Value {
    json!({ "token": TOKEN, "caCertHashes": CA_HASHES })
}

/// One bundle of every role, and a slot without a quorum to wait for.
pub fn bundles() -> Vec<(&'static str, NodeBundle)> {
    let mut single = slot();
    single.members.truncate(1);
    single.etcd_disk = Device::Path("/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123".to_owned());
    let mut azure = slot();
    azure.etcd_disk = Device::AzureLun(0);
    let mut plain = worker();
    plain.settings = NodeSettings::default();
    vec![
        ("slot", NodeBundle::ControlPlane(Box::new(slot()))),
        ("slot on Azure", NodeBundle::ControlPlane(Box::new(azure))),
        ("single slot", NodeBundle::ControlPlane(Box::new(single))),
        ("worker", NodeBundle::Worker(Box::new(worker()))),
        ("plain worker", NodeBundle::Worker(Box::new(plain))),
        ("bastion", NodeBundle::Bastion),
    ]
}
