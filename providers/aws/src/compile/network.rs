//! VPC, subnets and the ways out.

use std::collections::BTreeMap;

use meridian_engine::field::Set;
use meridian_engine::{Attr, Graph, Ref};
use meridian_node::names::dns_zone;
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, Nat, Subnet as Range, SubnetRole, Topology};

use super::names::tags;
use super::tags::for_kubernetes;
use crate::network::route_table::Route;
use crate::network::{DhcpOptions, ElasticIp, InternetGateway, NatGateway, RouteTable, Subnet, Vpc};

const ANYWHERE: &str = "0.0.0.0/0";

/// The VPC the cluster stands in: its own, or a shared one.
pub(super) fn vpc(cluster: &Cluster) -> Result<Ref<Vpc>, CompileError> {
    match &cluster.network.existing {
        Some(id) => Ok(Ref::existing(id)),
        None => Ok(Ref::to("main")?),
    }
}

/// The subnet `name`: the cluster's own, or a shared one.
pub(super) fn subnet(cluster: &Cluster, name: &str) -> Result<Ref<Subnet>, CompileError> {
    let range = cluster
        .network
        .subnets
        .iter()
        .find(|range| range.name == name)
        .ok_or_else(|| CompileError::Missing(format!("subnet `{name}`")))?;
    reference(range)
}

fn reference(range: &Range) -> Result<Ref<Subnet>, CompileError> {
    match &range.existing {
        Some(id) => Ok(Ref::existing(id)),
        None => Ok(Ref::to(&range.name)?),
    }
}

pub(super) fn network(cluster: &Cluster, _: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    if cluster.network.existing.is_none() {
        enclosure(cluster, graph)?;
    }
    for range in cluster.network.subnets.iter().filter(|range| range.existing.is_none()) {
        graph.add(&range.name, subnet_of(cluster, range)?)?;
    }
    if cluster.network.existing.is_none() {
        public_ways(cluster, graph)?;
        private_ways(cluster, graph)?;
    }
    Ok(())
}

fn enclosure(cluster: &Cluster, graph: &mut Graph) -> Result<(), CompileError> {
    let dhcp_options = graph.add(
        "main",
        DhcpOptions {
            domain_name: dns_zone(&cluster.name),
            name_servers: vec!["AmazonProvidedDNS".to_owned()],
            tags: tags(cluster, "main"),
        },
    )?;
    let vpc = graph.add(
        "main",
        Vpc {
            cidr: cluster.network.cidr.trunc(),
            dhcp_options,
            dns_support: true,
            dns_hostnames: true,
            tags: for_kubernetes(cluster, "main"),
        },
    )?;
    graph.add("main", InternetGateway { vpc, tags: tags(cluster, "main") })?;
    Ok(())
}

fn subnet_of(cluster: &Cluster, range: &Range) -> Result<Subnet, CompileError> {
    let mut own_tags = for_kubernetes(cluster, &range.name);
    // By these the AWS cloud controller chooses where load balancers go.
    let role = match range.role {
        SubnetRole::Public => "kubernetes.io/role/elb",
        SubnetRole::Private => "kubernetes.io/role/internal-elb",
    };
    own_tags.insert(role.to_owned(), "1".to_owned());
    Ok(Subnet {
        vpc: vpc(cluster)?,
        cidr: range.cidr.trunc(),
        zone: range.zone.clone(),
        // In a private topology public subnets hold gateways, load balancers and the bastion, of which each asks for
        // its address itself.
        public_addresses: range.role == SubnetRole::Public && cluster.network.topology == Topology::Public,
        tags: own_tags,
    })
}

/// The subnets of a role; shared ones keep the route tables they have.
fn own_subnets(cluster: &Cluster, role: SubnetRole) -> impl Iterator<Item = &Range> {
    cluster.network.subnets.iter().filter(move |range| range.role == role && range.existing.is_none())
}

fn public_ways(cluster: &Cluster, graph: &mut Graph) -> Result<(), CompileError> {
    let subnets: Vec<_> = own_subnets(cluster, SubnetRole::Public).map(reference).collect::<Result<_, _>>()?;
    if subnets.is_empty() {
        return Ok(());
    }
    let gateway = Ref::<InternetGateway>::to("main")?;
    graph.add(
        "public",
        RouteTable {
            vpc: vpc(cluster)?,
            routes: vec![default_route(gateway.attribute("id"))],
            subnets: Set(subnets),
            tags: tags(cluster, "public"),
        },
    )?;
    Ok(())
}

/// A route table a zone, so that a change from one NAT gateway to one a zone turns routes and moves no subnet.
fn private_ways(cluster: &Cluster, graph: &mut Graph) -> Result<(), CompileError> {
    let mut subnets: BTreeMap<&str, Vec<Ref<Subnet>>> = BTreeMap::new();
    for range in own_subnets(cluster, SubnetRole::Private) {
        subnets.entry(&range.zone).or_default().push(reference(range)?);
    }
    let zones: Vec<&str> =
        cluster.network.zones.iter().map(String::as_str).filter(|zone| subnets.contains_key(zone)).collect();
    let Some(first) = zones.first().copied() else { return Ok(()) };
    for zone in &zones {
        let nat_zone = match cluster.network.nat {
            Nat::PerZone => *zone,
            Nat::Single => first,
        };
        if nat_zone == *zone {
            nat_gateway(cluster, graph, zone)?;
        }
        let name = format!("private-{zone}");
        let gateway = Ref::<NatGateway>::to(nat_zone)?;
        graph.add(
            &name,
            RouteTable {
                vpc: vpc(cluster)?,
                routes: vec![default_route(gateway.attribute("id"))],
                subnets: Set(subnets.remove(zone).unwrap_or_default()),
                tags: tags(cluster, &name),
            },
        )?;
    }
    Ok(())
}

fn nat_gateway(cluster: &Cluster, graph: &mut Graph, zone: &str) -> Result<(), CompileError> {
    let range = cluster
        .network
        .subnets
        .iter()
        .find(|range| range.role == SubnetRole::Public && range.zone == zone)
        .ok_or_else(|| CompileError::Missing(format!("public subnet in {zone}")))?;
    let name = format!("nat-{zone}");
    let public_address = graph.add(&name, ElasticIp { tags: tags(cluster, &name) })?;
    graph.add(
        zone,
        NatGateway {
            subnet: reference(range)?,
            public_address,
            internet_gateway: Some(Ref::to("main")?),
            tags: tags(cluster, &name),
        },
    )?;
    Ok(())
}

fn default_route(target: Attr<String>) -> Route {
    Route { destination: ANYWHERE.to_owned(), target }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::fixture;

    fn compiled(cluster: &Cluster) -> Graph {
        let mut graph = Graph::new();
        network(cluster, &Pins::new(), &mut graph).unwrap();
        graph
    }

    fn count(graph: &Graph, kind: &str) -> usize {
        graph.iter().filter(|node| node.address.kind() == kind).count()
    }

    #[test]
    fn a_private_network_has_a_way_out_a_zone() {
        let graph = compiled(&fixture::cluster());
        graph.check().unwrap();
        let counts = ["aws_subnet", "aws_nat_gateway", "aws_eip", "aws_route_table"].map(|kind| count(&graph, kind));
        assert_eq!(counts, [6, 3, 3, 4]);
    }

    #[test]
    fn a_single_nat_gateway_serves_every_zone() {
        let mut cluster = fixture::cluster();
        cluster.network.nat = Nat::Single;
        let graph = compiled(&cluster);
        graph.check().unwrap();
        let counts = ["aws_nat_gateway", "aws_eip", "aws_route_table"].map(|kind| count(&graph, kind));
        assert_eq!(counts, [1, 1, 4]);
    }

    #[test]
    fn nothing_shared_is_made() {
        assert!(compiled(&fixture::shared()).is_empty());
    }

    #[test]
    fn private_subnets_map_no_public_addresses() {
        for topology in [Topology::Private, Topology::Public] {
            let mut cluster = fixture::cluster();
            cluster.network.topology = topology;
            for node in compiled(&cluster).iter().filter(|node| node.address.name().starts_with("private-")) {
                assert_ne!(node.fields.get("public_addresses"), Some(&meridian_engine::Value::Bool(true)));
            }
        }
    }
}
