//! Sound specs: defaults, machines, zones, slots.

use std::collections::BTreeSet;

use meridian_spec::Region;
use meridian_spec::cluster::{Architecture, Exposure, SubnetRole, Topology};

use crate::{EXAMPLE, minimal, one, resolve};

#[test]
fn the_example_resolves_completely() {
    let cluster = one(EXAMPLE);
    assert_eq!(cluster.kubernetes.version, "1.34.4");
    assert_eq!(cluster.region.dns_suffix, "amazonaws.com");
    assert_eq!(cluster.network.zones, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]);
    let names: Vec<&str> = cluster.network.subnets.iter().map(|subnet| subnet.name.as_str()).collect();
    assert_eq!(names[..2], ["private-eu-west-1a", "public-eu-west-1a"]);
    assert_eq!(names.len(), 6);
    assert_eq!(cluster.control_plane.machine.native_type, "m7i.xlarge");
    let addresses: Vec<String> = cluster.control_plane.slots.iter().map(|slot| slot.address.to_string()).collect();
    assert_eq!(addresses, ["10.40.0.10", "10.40.32.11", "10.40.64.12"]);
    assert_eq!(cluster.pools[1].machine.native_type, "m7i.2xlarge");
    assert_eq!(cluster.pools[1].alternatives, ["r7i.2xlarge"]);
    assert!(cluster.pools[0].spot.is_none() && cluster.pools[1].spot.is_some());
}

#[test]
fn the_same_file_builds_the_same_cluster_on_each_cloud() {
    let aws = one(EXAMPLE);
    for (provider, region, machine) in
        [("gcp", "europe-west1", "n2-standard-4"), ("azure", "westeurope", "Standard_D4s_v5")]
    {
        let text = EXAMPLE.replace("provider: aws", &format!("provider: {provider}")).replace("eu-west-1", region);
        let other = one(&text);
        assert_eq!(other.control_plane.machine.native_type, machine);
        assert_eq!(other.network.zones.len(), 3);
        let shape = |cluster: &meridian_spec::Cluster| {
            let roles = cluster.network.subnets.iter().map(|subnet| subnet.role).collect::<BTreeSet<_>>();
            let slots = cluster.control_plane.slots.iter().map(|slot| slot.name.clone()).collect::<Vec<_>>();
            let pools = cluster.pools.iter().map(|pool| (pool.name.clone(), pool.min, pool.max)).collect::<Vec<_>>();
            (cluster.network.cidr, roles, slots, pools)
        };
        assert_eq!(shape(&other), shape(&aws));
        // Their subnets span the zones: one of each role, and every machine in one of them.
        let subnets = other.network.subnets.iter().map(|subnet| (subnet.name.as_str(), subnet.cidr.to_string()));
        let expected = [("private", "10.40.0.0/17".to_owned()), ("public", "10.40.224.0/19".to_owned())];
        assert_eq!(subnets.collect::<Vec<_>>(), expected);
        assert!(other.control_plane.slots.iter().all(|slot| slot.subnet == "private" && !slot.zone.is_empty()));
        assert!(other.pools.iter().all(|pool| pool.subnets == ["private"] && pool.zones == other.network.zones));
    }
}

#[test]
fn a_spec_that_says_little_gets_safe_defaults() {
    let cluster = one(&minimal("eu-central-1", ""));
    assert_eq!(cluster.network.topology, Topology::Private);
    assert_eq!(cluster.control_plane.api.exposure, Exposure::Private);
    assert_eq!(cluster.control_plane.api.allow, [cluster.network.cidr]);
    assert_eq!(cluster.control_plane.slots.len(), 3);
    assert!(cluster.pools.is_empty() && cluster.bastion.is_none() && !cluster.deletion_protection);
}

#[test]
fn a_public_topology_has_public_subnets_only() {
    let cluster = one(&minimal(
        "us-west-1",
        "network: { topology: public, zones: 2 }\ncontrolPlane: { slots: 1 }\npools:\n- { name: a, machine: { type: m7g.large }, zones: [us-west-1b] }",
    ));
    assert!(cluster.network.subnets.iter().all(|subnet| subnet.role == SubnetRole::Public));
    assert_eq!(cluster.pools[0].subnets, ["public-us-west-1b"]);
    assert_eq!(cluster.pools[0].machine.architecture, Architecture::Arm64);
    assert_eq!((cluster.pools[0].min, cluster.pools[0].max), (1, 1));
}

#[test]
fn more_slots_than_zones_go_round() {
    let cluster = one(&minimal("eu-west-1", "controlPlane: { slots: 5 }"));
    let zones: Vec<&str> = cluster.control_plane.slots.iter().map(|slot| slot.zone.as_str()).collect();
    assert_eq!(zones, ["eu-west-1a", "eu-west-1b", "eu-west-1c", "eu-west-1a", "eu-west-1b"]);
}

#[test]
fn a_region_without_zones_is_one_place() {
    let cluster = one(&minimal("australiacentral", "network: { zones: 1 }"));
    assert!(cluster.network.zones.is_empty());
    let names: Vec<&str> = cluster.network.subnets.iter().map(|subnet| subnet.name.as_str()).collect();
    assert_eq!(names, ["private", "public"]);
    assert!(cluster.control_plane.slots.iter().all(|slot| slot.subnet == "private"));
}

#[test]
fn fewer_zones_can_be_accepted() {
    for (region, zones) in [("us-west-1", 2), ("eu-west-1", 3), ("australiacentral", 0), ("europe-west1", 3)] {
        let cluster =
            one(&minimal(region, "network: { zones: { upTo: 3 } }\npools: [{ name: a, machine: { size: small } }]"));
        assert_eq!(cluster.network.zones.len(), zones, "{region}");
        assert_eq!(cluster.pools[0].zones, cluster.network.zones);
        assert_eq!(cluster.control_plane.slots.len(), 3);
    }
}

#[test]
fn existing_subnets_may_span_the_zones() {
    let network = "network:\n  cidr: 10.9.0.0/16\n  existing:\n    id: shared\n    subnets:\n\
        \x20   - { id: machines, cidr: 10.9.1.0/24, role: private }\n\
        \x20   - { id: edge, cidr: 10.9.2.0/24, role: public }";
    let cluster = one(&minimal("europe-west1", network));
    assert_eq!(cluster.network.zones.len(), 3);
    assert_eq!(cluster.network.subnets[0].name, "private");
    assert!(cluster.control_plane.slots.iter().all(|slot| slot.subnet == "private"));
}

#[test]
fn an_existing_network_gives_its_subnets() {
    let network = "network:\n  cidr: 10.9.0.0/16\n  existing:\n    id: vpc-1\n    subnets:\n\
        \x20   - { id: subnet-1, zone: eu-west-1b, cidr: 10.9.1.0/24, role: private }\n\
        \x20   - { id: subnet-2, zone: eu-west-1b, cidr: 10.9.2.0/24, role: public }\n\
        controlPlane: { slots: 1, addresses: [10.9.1.77] }";
    let cluster = one(&minimal("eu-west-1", network));
    assert_eq!(cluster.network.existing.as_deref(), Some("vpc-1"));
    assert_eq!(cluster.network.zones, ["eu-west-1b"]);
    assert_eq!(cluster.network.subnets[0].existing.as_deref(), Some("subnet-1"));
    assert_eq!(cluster.control_plane.slots[0].address.to_string(), "10.9.1.77");
}

#[test]
fn options_of_the_own_cloud_are_kept_and_those_of_others_are_not() {
    let blocks =
        "aws: { permissionsBoundary: \"arn:aws:iam::123456789012:policy/bound\" }\ngcp: { project: some-project }";
    let cluster = one(&minimal("eu-west-1", blocks));
    assert_eq!(
        cluster.provider_options.get("permissionsBoundary").map(String::as_str),
        Some("arn:aws:iam::123456789012:policy/bound")
    );
    assert_eq!(cluster.provider_options.len(), 1);
}

#[test]
fn a_file_holds_several_documents() {
    let two = format!("{}---\n{}---\n", EXAMPLE, EXAMPLE.replace("prod-eu", "prod-eu-2"));
    assert_eq!(resolve(&two).expect("sound").len(), 2);
}

#[test]
fn every_size_and_region_resolves() {
    for region in crate::catalogue().regions().iter().filter(|region| region.status.is_open() && region.zones.len() > 2)
    {
        for size in ["small", "medium", "large", "xlarge"] {
            for architecture in ["amd64", "arm64"] {
                let machine = format!("{{ size: {size}, architecture: {architecture}, image: {{ id: some-image }} }}");
                let cluster = one(&minimal(&region.name, &format!("controlPlane: {{ machine: {machine} }}")));
                assert_eq!(cluster.network.zones.len(), 3);
            }
        }
    }
}

/// The example with up to three zones and machines of one size, in a region of its cloud.
fn everywhere(region: &Region, size: &str) -> String {
    let pinned = "image: { id: some-image } }";
    let zones = if region.zones_unknown() { "[a, b, c]" } else { "{ upTo: 3 }" };
    EXAMPLE
        .replace("provider: aws", &format!("provider: {}", region.provider))
        .replace("region: eu-west-1", &format!("region: {}", region.name))
        .replace("zones: 3", &format!("zones: {zones}"))
        .replace("size: medium }", &format!("size: {size}, {pinned}"))
        .replace("size: large }", &format!("size: {size}, {pinned}"))
        .replace("memoryGiB: 16 }", &format!("memoryGiB: 16, {pinned}"))
}

#[test]
fn the_example_resolves_in_every_open_region() {
    const BASTION: &str =
        "  ssh: { publicKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ op }\n  bastion: { allow: [203.0.113.0/24] }\n";
    let mut seen = BTreeSet::new();
    for region in crate::catalogue().regions().iter().filter(|region| region.status.is_open()) {
        // The bastion's own machine has no image where none is public.
        let public_image = crate::catalogue().image_source(&region.provider, &region.partition).is_some();
        for size in crate::catalogue().size_names() {
            let cluster = one(&format!("{}{}", everywhere(region, size), if public_image { BASTION } else { "" }));
            let pools =
                cluster.pools.iter().flat_map(|pool| pool.alternatives.iter().chain([&pool.machine.native_type]));
            let bastion = cluster.bastion.iter().map(|bastion| &bastion.machine.native_type);
            let types: Vec<_> = pools.chain(bastion).chain([&cluster.control_plane.machine.native_type]).collect();
            assert!(types.iter().all(|name| !region.lacks(name)), "{}: {types:?}", region.name);
        }
        seen.insert(&region.provider);
    }
    assert_eq!(seen.len(), 3);
}

#[test]
fn sizes_take_the_like_of_what_a_region_lacks() {
    for (region, size, expected) in [
        ("ca-west-1", "medium", "m6i.xlarge"),
        ("me-south-1", "large", "m6i.2xlarge"),
        ("europe-north2", "medium", "e2-standard-4"),
        ("asia-southeast3", "medium", "n4-standard-4"),
        ("brazilsoutheast", "medium", "Standard_D4s_v5"),
    ] {
        let lines = format!("network: {{ zones: {{ upTo: 3 }} }}\ncontrolPlane: {{ machine: {{ size: {size} }} }}");
        assert_eq!(one(&minimal(region, &lines)).control_plane.machine.native_type, expected, "{region}");
    }
}

#[test]
fn an_old_source_can_be_overruled() {
    let machine = "{ type: Standard_D4ps_v5, architecture: arm64 }";
    let lines = format!("network: {{ zones: {{ upTo: 3 }} }}\ncontrolPlane: {{ machine: {machine} }}");
    let cluster = one(&minimal("australiacentral", &lines));
    assert_eq!(cluster.control_plane.machine.native_type, "Standard_D4ps_v5");
}
