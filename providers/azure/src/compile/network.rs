//! The resource group, the network, its subnets, and the ways out.

use meridian_engine::field::Set;
use meridian_engine::{Graph, Ref};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, Subnet as Range, SubnetRole, Topology};

use super::names::{self, existing_group, group_name, inside, resource_group, tags};
use crate::client::id::normal;
use crate::firewall::NetworkSecurityGroup;
use crate::network::route_table::Route;
use crate::network::{NatGateway, PublicIp, ResourceGroup, RouteTable, Subnet, VirtualNetwork};

/// The network the cluster stands in: its own, or a shared one.
pub(super) fn network_of(cluster: &Cluster) -> Result<Ref<VirtualNetwork>, CompileError> {
    match &cluster.network.existing {
        Some(id) => Ok(Ref::existing(normal(id))),
        None => Ok(Ref::to("main")?),
    }
}

/// The range of the subnet `name`.
pub(super) fn range<'a>(cluster: &'a Cluster, name: &str) -> Result<&'a Range, CompileError> {
    let range = cluster.network.subnets.iter().find(|range| range.name == name);
    range.ok_or_else(|| CompileError::Missing(format!("subnet `{name}`")))
}

/// The subnet `name`: the cluster's own, or a shared one.
pub(super) fn subnet(cluster: &Cluster, name: &str) -> Result<Ref<Subnet>, CompileError> {
    let range = range(cluster, name)?;
    match &range.existing {
        Some(id) => Ok(Ref::existing(normal(id))),
        None => Ok(Ref::to(&range.name)?),
    }
}

/// The name of the first subnet of a role.
pub(super) fn subnet_of(cluster: &Cluster, role: SubnetRole) -> Option<&str> {
    cluster.network.subnets.iter().find(|range| range.role == role).map(|range| range.name.as_str())
}

/// The zones that an address is served from: one, or all three. Of two Azure makes all (learn.microsoft.com, "Public IP
/// addresses", availability zone).
pub(super) fn address_zones(cluster: &Cluster) -> Set<String> {
    match cluster.network.zones.as_slice() {
        few @ ([] | [_]) => Set(few.to_vec()),
        _ => ["1", "2", "3"].into_iter().map(str::to_owned).collect(),
    }
}

/// A public address, served from every zone of the cluster.
pub(super) fn public_ip(
    cluster: &Cluster,
    pins: &Pins,
    graph: &mut Graph,
    name: &str,
) -> Result<Ref<PublicIp>, CompileError> {
    let address = PublicIp {
        group: resource_group(cluster, pins)?,
        name: inside(cluster, name),
        zones: address_zones(cluster),
        tags: tags(cluster),
    };
    Ok(graph.add(name, address)?)
}

pub(super) fn network(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    if existing_group(cluster).is_none() {
        graph.add("main", ResourceGroup { name: group_name(cluster), tags: tags(cluster) })?;
    }
    if cluster.network.existing.is_none() {
        let network = VirtualNetwork {
            group: resource_group(cluster, pins)?,
            name: inside(cluster, "main"),
            cidr: cluster.network.cidr.trunc(),
            tags: tags(cluster),
        };
        graph.add("main", network)?;
    }
    let own: Vec<&Range> = cluster.network.subnets.iter().filter(|range| range.existing.is_none()).collect();
    let needs_way_out =
        cluster.network.topology == Topology::Private && own.iter().any(|range| range.role == SubnetRole::Private);
    if needs_way_out {
        way_out(cluster, pins, graph)?;
    }
    for range in own {
        graph.add(&range.name, own_subnet(cluster, range)?)?;
    }
    Ok(())
}

/// A subnet has one NAT gateway, so that one a zone would need a subnet a zone.
fn way_out(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let address = public_ip(cluster, pins, graph, "nat")?;
    let gateway = NatGateway {
        group: resource_group(cluster, pins)?,
        name: inside(cluster, "main"),
        public_addresses: Set(vec![address]),
        tags: tags(cluster),
    };
    graph.add("main", gateway)?;
    let table = RouteTable {
        group: resource_group(cluster, pins)?,
        name: inside(cluster, "private"),
        // As Azure's own, but one that no gateway of a wider network overrides.
        routes: Set(vec![Route { name: "internet".to_owned(), destination: "0.0.0.0/0".to_owned() }]),
        tags: tags(cluster),
    };
    graph.add("private", table)?;
    Ok(())
}

fn own_subnet(cluster: &Cluster, range: &Range) -> Result<Subnet, CompileError> {
    let is_private = range.role == SubnetRole::Private;
    Ok(Subnet {
        network: network_of(cluster)?,
        name: names::subnet(cluster, &range.name),
        cidr: range.cidr.trunc(),
        security_group: Ref::<NetworkSecurityGroup>::to("main")?,
        nat_gateway: if is_private { Some(Ref::to("main")?) } else { None },
        route_table: if is_private { Some(Ref::to("private")?) } else { None },
        // Machines in public subnets have addresses of their own.
        default_outbound_access: false,
    })
}

#[cfg(test)]
mod tests {
    use meridian_engine::Value;

    use super::*;
    use crate::compile::{compile, fixture};

    fn count(graph: &Graph, kind: &str) -> usize {
        graph.iter().filter(|node| node.address.kind() == kind).count()
    }

    fn counts(cluster: &Cluster) -> [usize; 5] {
        let mut graph = Graph::new();
        network(cluster, &Pins::new(), &mut graph).unwrap();
        let kinds =
            ["azure_resource_group", "azure_virtual_network", "azure_subnet", "azure_nat_gateway", "azure_route_table"];
        kinds.map(|kind| count(&graph, kind))
    }

    #[test]
    fn a_private_network_has_one_way_out() {
        assert_eq!(counts(&fixture::cluster()), [1, 1, 2, 1, 1]);
        assert_eq!(counts(&fixture::public()), [1, 1, 1, 0, 0]);
    }

    #[test]
    fn an_address_is_in_one_zone_or_in_all() {
        let mut cluster = fixture::cluster();
        for (count, served) in [(3, 3), (2, 3), (1, 1), (0, 0)] {
            cluster.network.zones.truncate(count);
            assert_eq!(address_zones(&cluster).0.len(), served);
        }
    }

    #[test]
    fn nothing_shared_is_made() {
        let mut cluster = fixture::shared();
        assert_eq!(counts(&cluster), [1, 0, 0, 0, 0]);
        cluster.provider_options.insert(names::GROUP_OPTION.to_owned(), "theirs".to_owned());
        assert_eq!(counts(&cluster), [0, 0, 0, 0, 0]);
    }

    #[test]
    fn no_machine_has_a_way_out_that_nobody_asked_for() {
        for cluster in [fixture::cluster(), fixture::public()] {
            let graph = compile(&cluster, &Pins::new()).unwrap().graph;
            for node in graph.iter().filter(|node| node.address.kind() == "azure_subnet") {
                assert_eq!(node.fields["default_outbound_access"], Value::Bool(false));
            }
        }
    }
}
