use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use meridian_spec::cluster::{
    Api, Architecture, Bastion, Cluster, ControlPlane, Exposure, ExtraArgs, Kubernetes, Machine, Nat, Network, Pool,
    Region, Slot, Subnet, SubnetRole, Topology,
};

/// A private cluster over three zones, with a bastion and one pool.
pub fn cluster() -> Cluster {
    let zones: Vec<String> = ["1", "2", "3"].map(str::to_owned).to_vec();
    let subnet = |role, name: &str, third, prefix| Subnet {
        name: name.to_owned(),
        role,
        zone: String::new(),
        cidr: net(third, prefix),
        existing: None,
    };
    let slots = (0u8..).zip(&zones).map(|(index, zone)| Slot {
        name: format!("control-plane-{index}"),
        subnet: "private".to_owned(),
        zone: zone.clone(),
        address: Ipv4Addr::new(10, 40, 64, 10 + index),
    });
    Cluster {
        name: "demo".to_owned(),
        labels: BTreeMap::from([("team".to_owned(), "platform".to_owned())]),
        provider: "azure".to_owned(),
        region: Region {
            name: "westeurope".to_owned(),
            partition: "azure-public".to_owned(),
            dns_suffix: String::new(),
        },
        kubernetes: Kubernetes {
            version: "1.34.2".to_owned(),
            feature_gates: BTreeMap::new(),
            extra_args: ExtraArgs::default(),
            package_mirror: None,
            image_repository: "registry.k8s.io".to_owned(),
        },
        network: Network {
            cidr: net(0, 16),
            pod_cidr: Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 16),
            service_cidr: Ipv4Net::new_assert(Ipv4Addr::new(100, 96, 0, 0), 20),
            zones: zones.clone(),
            topology: Topology::Private,
            nat: Nat::PerZone,
            subnets: vec![subnet(SubnetRole::Private, "private", 64, 18), subnet(SubnetRole::Public, "public", 0, 22)],
            existing: None,
        },
        control_plane: ControlPlane {
            slots: slots.collect(),
            machine: machine("Standard_D4s_v5"),
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
            machine: machine("Standard_D4s_v5"),
            alternatives: Vec::new(),
            min: 3,
            max: 9,
            spot: None,
            zones,
            subnets: vec!["private".to_owned()],
            labels: BTreeMap::new(),
            taints: Vec::new(),
            root_volume_gib: 60,
            volumes: Vec::new(),
        }],
        bastion: Some(Bastion {
            machine: machine("Standard_B1s"),
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
    const NETWORK: &str = "/subscriptions/00000000-0000-0000-0000-000000000009/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub";
    let mut cluster = cluster();
    cluster.network.existing = Some(NETWORK.to_owned());
    for subnet in &mut cluster.network.subnets {
        subnet.existing = Some(format!("{NETWORK}/subnets/{}", subnet.name));
    }
    cluster
}

/// The same with machines that have public addresses.
pub fn public() -> Cluster {
    let mut cluster = cluster();
    cluster.network.topology = Topology::Public;
    cluster.network.subnets.retain(|subnet| subnet.role == SubnetRole::Public);
    for (index, slot) in (0u8..).zip(&mut cluster.control_plane.slots) {
        slot.subnet = "public".to_owned();
        slot.address = Ipv4Addr::new(10, 40, 0, 10 + index);
    }
    for pool in &mut cluster.pools {
        pool.subnets = vec!["public".to_owned()];
    }
    cluster
}

fn machine(native_type: &str) -> Machine {
    Machine { native_type: native_type.to_owned(), architecture: Architecture::Amd64, image: None }
}

fn net(third: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(10, 40, third, 0), prefix)
}
