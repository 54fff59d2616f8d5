use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use meridian_spec::cluster::{
    Api, Architecture, Bastion, Cluster, ControlPlane, Exposure, ExtraArgs, Kubernetes, Machine, Nat, Network, Pool,
    Region, Slot, Subnet, SubnetRole, Topology,
};

/// A private cluster over three zones, with a bastion and one pool.
pub fn cluster() -> Cluster {
    let zones: Vec<String> = ["a", "b", "c"].iter().map(|letter| format!("eu-west-1{letter}")).collect();
    let mut subnets = Vec::new();
    for (index, zone) in (0u8..).zip(&zones) {
        for (role, name, base) in [(SubnetRole::Private, "private", 32), (SubnetRole::Public, "public", 0)] {
            subnets.push(Subnet {
                name: format!("{name}-{zone}"),
                role,
                zone: zone.clone(),
                cidr: net(10, 40, if base == 0 { index } else { base + index * 32 }, if base == 0 { 24 } else { 19 }),
                existing: None,
            });
        }
    }
    let slots = (0u8..)
        .zip(&zones)
        .map(|(index, zone)| Slot {
            name: format!("control-plane-{index}"),
            subnet: format!("private-{zone}"),
            zone: zone.clone(),
            address: Ipv4Addr::new(10, 40, 32 + index * 32, 10),
        })
        .collect();
    Cluster {
        name: "demo".to_owned(),
        labels: BTreeMap::from([("team".to_owned(), "platform".to_owned())]),
        provider: "aws".to_owned(),
        region: Region {
            name: "eu-west-1".to_owned(),
            partition: "aws".to_owned(),
            dns_suffix: "amazonaws.com".to_owned(),
        },
        kubernetes: Kubernetes {
            version: "1.34.2".to_owned(),
            feature_gates: BTreeMap::new(),
            extra_args: ExtraArgs::default(),
            package_mirror: None,
            image_repository: "registry.k8s.io".to_owned(),
        },
        network: Network {
            cidr: net(10, 40, 0, 16),
            pod_cidr: Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 16),
            service_cidr: Ipv4Net::new_assert(Ipv4Addr::new(100, 96, 0, 0), 20),
            zones: zones.clone(),
            topology: Topology::Private,
            nat: Nat::PerZone,
            subnets,
            existing: None,
        },
        control_plane: ControlPlane {
            slots,
            machine: machine("m7i.large"),
            root_volume_gib: 40,
            etcd_volume_gib: 20,
            api: Api {
                exposure: Exposure::Public,
                allow: vec![Ipv4Net::new_assert(Ipv4Addr::new(203, 0, 113, 0), 24)],
                port: 6443,
            },
        },
        pools: vec![Pool {
            name: "general".to_owned(),
            machine: machine("m7i.xlarge"),
            alternatives: Vec::new(),
            min: 3,
            max: 9,
            spot: None,
            zones: zones.clone(),
            subnets: zones.iter().map(|zone| format!("private-{zone}")).collect(),
            labels: BTreeMap::new(),
            taints: Vec::new(),
            root_volume_gib: 60,
            volumes: Vec::new(),
        }],
        bastion: Some(Bastion {
            machine: machine("t3.micro"),
            allow: vec![Ipv4Net::new_assert(Ipv4Addr::new(198, 51, 100, 0), 24)],
        }),
        ssh_public_key: Some(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKHEChAmYnT4dEmwGm0gWtLZqxnPDHRpuw4KAGQDH5r/ op".to_owned(),
        ),
        deletion_protection: false,
        provider_options: BTreeMap::new(),
    }
}

/// The same in a network that belongs to someone else.
pub fn shared() -> Cluster {
    let mut cluster = cluster();
    cluster.network.existing = Some("vpc-0123456789abcdef0".to_owned());
    for (index, subnet) in cluster.network.subnets.iter_mut().enumerate() {
        subnet.existing = Some(format!("subnet-{index:017x}"));
    }
    cluster
}

fn machine(native_type: &str) -> Machine {
    Machine { native_type: native_type.to_owned(), architecture: Architecture::Amd64, image: None }
}

fn net(a: u8, b: u8, c: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix)
}
