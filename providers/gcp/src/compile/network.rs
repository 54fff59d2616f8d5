//! The network: subnets, reserved addresses, the way out.

use meridian_engine::field::Set;
use meridian_engine::{Graph, Ref};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, Subnet as Range, SubnetRole, Topology};

use super::existing;
use super::names::{labels, name, project};
use crate::network::router::Ports;
use crate::network::subnetwork::SecondaryRange;
use crate::network::{Address, Network, Router, Subnetwork};

/// Name of the bastion's address.
const BASTION: &str = "bastion";

/// Ports that the NAT gives a machine at least, and at most.
const PORTS: Ports = Ports { minimum: 128, maximum: 4096 };

/// Ports of a NAT's address that machines share (Cloud NAT, "Ports": 64,512 of TCP and of UDP).
const PORTS_OF_AN_ADDRESS: u32 = 64_512;

/// The network the cluster stands in: its own, or a shared one.
pub(super) fn enclosure_of(cluster: &Cluster, pins: &Pins) -> Result<Ref<Network>, CompileError> {
    match &cluster.network.existing {
        Some(named) => Ok(Ref::existing(existing::network(project(pins), named))),
        None => Ok(Ref::to("main")?),
    }
}

/// The subnet `name`: the cluster's own, or a shared one.
pub(super) fn subnet_of(cluster: &Cluster, pins: &Pins, name: &str) -> Result<Ref<Subnetwork>, CompileError> {
    let range = cluster
        .network
        .subnets
        .iter()
        .find(|range| range.name == name)
        .ok_or_else(|| CompileError::Missing(format!("subnet `{name}`")))?;
    match &range.existing {
        Some(named) => Ok(Ref::existing(existing::subnet(project(pins), &cluster.region.name, named))),
        None => Ok(Ref::to(&range.name)?),
    }
}

/// What only internal addresses and only external ones are made with.
pub(super) fn external(cluster: &Cluster, pins: &Pins, what: &str) -> Address {
    Address {
        name: name(cluster, pins, what),
        address_type: "EXTERNAL".to_owned(),
        subnet: None,
        fixed: None,
        labels: labels(cluster),
    }
}

/// An address inside a subnet; Google chooses one where none is given.
pub(super) fn internal(
    cluster: &Cluster,
    pins: &Pins,
    what: &str,
    subnet: &str,
    fixed: Option<String>,
) -> Result<Address, CompileError> {
    Ok(Address {
        name: name(cluster, pins, what),
        address_type: "INTERNAL".to_owned(),
        subnet: Some(subnet_of(cluster, pins, subnet)?),
        fixed,
        labels: labels(cluster),
    })
}

pub(super) fn network(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    if cluster.network.existing.is_none() {
        let network = Network {
            name: name(cluster, pins, "main"),
            automatic_subnets: false,
            routing_mode: "REGIONAL".to_owned(),
        };
        graph.add("main", network)?;
    }
    for range in cluster.network.subnets.iter().filter(|range| range.existing.is_none()) {
        graph.add(&range.name, subnet(cluster, pins, range)?)?;
    }
    if cluster.network.existing.is_none() && cluster.network.topology == Topology::Private {
        way_out(cluster, pins, graph)?;
    }
    addresses(cluster, pins, graph)
}

/// The role of the subnet that machines stand in.
fn role_of_machines(cluster: &Cluster) -> SubnetRole {
    match cluster.network.topology {
        Topology::Private => SubnetRole::Private,
        Topology::Public => SubnetRole::Public,
    }
}

fn subnet(cluster: &Cluster, pins: &Pins, range: &Range) -> Result<Subnetwork, CompileError> {
    let secondary = |name: &str, cidr: ipnet::Ipv4Net| SecondaryRange { name: name.to_owned(), cidr: cidr.trunc() };
    // Kept for pods and services, so that nothing else in the network can be given their addresses.
    let secondary_ranges = if range.role == role_of_machines(cluster) {
        vec![secondary("pods", cluster.network.pod_cidr), secondary("services", cluster.network.service_cidr)]
    } else {
        Vec::new()
    };
    Ok(Subnetwork {
        name: name(cluster, pins, &range.name),
        network: enclosure_of(cluster, pins)?,
        cidr: range.cidr.trunc(),
        secondary_ranges: Set(secondary_ranges),
        private_google_access: true,
    })
}

/// One NAT serves all zones, whatever `network.nat` says: Cloud NAT stands in no zone that could fail.
fn way_out(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let own = cluster
        .network
        .subnets
        .iter()
        .filter(|range| range.role == SubnetRole::Private && range.existing.is_none())
        .map(|range| Ref::to(&range.name))
        .collect::<Result<Vec<_>, _>>()?;
    if own.is_empty() {
        return Ok(());
    }
    let mut public = Vec::new();
    for number in 0..nat_addresses(cluster) {
        let what = format!("nat-{number}");
        public.push(graph.add(&what, external(cluster, pins, &what))?);
    }
    let router = Router {
        name: name(cluster, pins, "main"),
        network: enclosure_of(cluster, pins)?,
        nat: name(cluster, pins, "nat"),
        subnets: Set(own),
        addresses: Set(public),
        ports: PORTS,
    };
    graph.add("main", router)?;
    Ok(())
}

/// As many addresses as give every machine the ports that it has at least.
fn nat_addresses(cluster: &Cluster) -> u32 {
    let slots = u32::try_from(cluster.control_plane.slots.len()).unwrap_or(u32::MAX);
    let machines = cluster.pools.iter().fold(slots, |sum, pool| sum.saturating_add(pool.max));
    let minimum = u32::try_from(PORTS.minimum).unwrap_or(1);
    machines.div_ceil(PORTS_OF_AN_ADDRESS / minimum).max(1)
}

/// What machines keep: a slot its private address, and where machines are public, a public one; the bastion its public one.
fn addresses(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    for slot in &cluster.control_plane.slots {
        let fixed = Some(slot.address.to_string());
        graph.add(&slot.name, internal(cluster, pins, &slot.name, &slot.subnet, fixed)?)?;
        if cluster.network.topology == Topology::Public {
            let what = format!("{}-public", slot.name);
            graph.add(&what, external(cluster, pins, &what))?;
        }
    }
    if cluster.bastion.is_some() {
        graph.add(BASTION, external(cluster, pins, BASTION))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::fixture;

    fn compiled(cluster: &Cluster) -> Graph {
        let mut graph = Graph::new();
        network(cluster, &Pins::new(), &mut graph).unwrap();
        graph.check().unwrap();
        graph
    }

    fn names(graph: &Graph, kind: &str) -> Vec<String> {
        graph.iter().filter(|node| node.address.kind() == kind).map(|node| node.address.name().to_owned()).collect()
    }

    #[test]
    fn a_private_network_has_one_way_out_for_all_zones() {
        let graph = compiled(&fixture::cluster());
        assert_eq!(names(&graph, "google_compute_subnetwork"), ["private", "public"]);
        assert_eq!(names(&graph, "google_compute_router"), ["main"]);
        let addresses = ["bastion", "control-plane-0", "control-plane-1", "control-plane-2", "nat-0"];
        assert_eq!(names(&graph, "google_compute_address"), addresses);
    }

    #[test]
    fn public_machines_need_no_way_out() {
        let graph = compiled(&fixture::public());
        assert_eq!(names(&graph, "google_compute_router"), Vec::<String>::new());
        assert!(names(&graph, "google_compute_address").contains(&"control-plane-2-public".to_owned()));
    }

    #[test]
    fn many_machines_have_more_addresses() {
        let mut cluster = fixture::cluster();
        assert_eq!(nat_addresses(&cluster), 1);
        cluster.pools[0].max = 600;
        assert_eq!(nat_addresses(&cluster), 2);
    }

    #[test]
    fn nothing_shared_is_made() {
        let graph = compiled(&fixture::shared());
        assert!(names(&graph, "google_compute_network").is_empty());
        assert!(names(&graph, "google_compute_subnetwork").is_empty());
        assert!(names(&graph, "google_compute_router").is_empty());
        let slot = graph.get(&"google_compute_address.control-plane-0".parse().unwrap()).unwrap();
        let subnet = "projects/unresolved/regions/europe-west1/subnetworks/shared-private".to_owned();
        assert_eq!(slot.fields["subnet"], meridian_engine::Value::String(subnet));
    }
}
