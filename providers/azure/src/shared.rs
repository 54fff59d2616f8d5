//! Networks that belong to someone else: whether they are as the spec says. Nothing is ever written to them.

use azure_mgmt_network::package_2024_03::models::{Subnet as SdkSubnet, VirtualNetwork as SdkNetwork};
use futures::future::try_join_all;
use ipnet::Ipv4Net;
use meridian_provider_api::{CloudError, ErrorKind};
use meridian_spec::cluster::{Cluster, Subnet};

use crate::arm::found;
use crate::client::Azure;
use crate::client::id::{ArmId, location, normal};
use crate::network::virtual_network;

/// Checks that the existing network and subnets that the spec names are there as it says. No call when it names none.
pub(crate) async fn check(client: &Azure, cluster: &Cluster) -> Result<(), CloudError> {
    let network = cluster.network.existing.as_deref();
    let mut ids: Vec<ArmId> = Vec::new();
    for id in network.into_iter().chain(existing(cluster).map(|(_, id)| id)) {
        let id: ArmId = id.parse()?;
        // A network lists its subnets.
        let network = ArmId { path: id.path.into_iter().take(1).collect(), ..id };
        if !ids.contains(&network) {
            ids.push(network);
        }
    }
    let networks = try_join_all(ids.iter().map(|id| async { found(virtual_network::get(client, id).await) })).await?;
    let networks: Vec<SdkNetwork> = networks.into_iter().flatten().collect();
    let faults = faults(cluster, &networks);
    if faults.is_empty() {
        return Ok(());
    }
    Err(CloudError::new(ErrorKind::Invalid, "checking the existing network", faults.join("; ")))
}

fn existing(cluster: &Cluster) -> impl Iterator<Item = (&Subnet, &str)> {
    cluster.network.subnets.iter().filter_map(|subnet| Some((subnet, subnet.existing.as_deref()?)))
}

/// Everything that is not as the spec says.
fn faults(cluster: &Cluster, networks: &[SdkNetwork]) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(id) = &cluster.network.existing {
        let found = networks.iter().find(|network| is(network.resource.id.as_deref(), id));
        match found {
            None => faults.push(format!("there is no virtual network {id}")),
            Some(network) => faults.extend(network_faults(cluster, id, network)),
        }
    }
    let subnets: Vec<&SdkSubnet> = networks
        .iter()
        .filter_map(|network| network.properties.as_ref())
        .flat_map(|network| &network.subnets)
        .collect();
    for (subnet, id) in existing(cluster) {
        let Some(found) = subnets.iter().find(|subnet| is(subnet.sub_resource.id.as_deref(), id)) else {
            faults.push(format!("there is no subnet {id}"));
            continue;
        };
        if let Some(network) = &cluster.network.existing
            && !normal(id).starts_with(&format!("{}/", normal(network)))
        {
            faults.push(format!("the subnet {id} is not in the virtual network {network}"));
        }
        let ranges = ranges_of(found);
        if !ranges.contains(&subnet.cidr.trunc()) {
            faults.push(format!("the subnet {id} has the range {}, not {}", list(&ranges), subnet.cidr));
        }
    }
    faults
}

fn network_faults(cluster: &Cluster, id: &str, network: &SdkNetwork) -> Vec<String> {
    let mut faults = Vec::new();
    let place = network.resource.location.as_deref().map(location).unwrap_or_default();
    if place != cluster.region.name {
        faults.push(format!("the virtual network {id} is in {place}, not in {}", cluster.region.name));
    }
    let space = network.properties.as_ref().and_then(|properties| properties.address_space.as_ref());
    let ranges: Vec<Ipv4Net> =
        space.iter().flat_map(|space| &space.address_prefixes).filter_map(|range| range.parse().ok()).collect();
    if !ranges.iter().any(|range| range.contains(&cluster.network.cidr)) {
        let network_cidr = cluster.network.cidr;
        faults.push(format!("{network_cidr} is not in the virtual network {id}, which has {}", list(&ranges)));
    }
    faults
}

fn is(id: Option<&str>, other: &str) -> bool {
    id.is_some_and(|id| id.eq_ignore_ascii_case(other))
}

fn list(ranges: &[Ipv4Net]) -> String {
    ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn ranges_of(subnet: &SdkSubnet) -> Vec<Ipv4Net> {
    let properties = subnet.properties.iter();
    let written =
        properties.flat_map(|properties| properties.address_prefix.iter().chain(&properties.address_prefixes));
    written.filter_map(|range| range.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use azure_mgmt_network::package_2024_03::models::{
        AddressSpace, Resource, SubResource, SubnetPropertiesFormat, VirtualNetworkPropertiesFormat,
    };

    use super::*;
    use crate::compile::fixture;

    fn network(cluster: &Cluster, range: &str) -> SdkNetwork {
        let subnet = |(subnet, id): (&Subnet, &str)| SdkSubnet {
            sub_resource: SubResource { id: Some(id.to_ascii_uppercase()) },
            properties: Some(SubnetPropertiesFormat {
                address_prefix: Some(subnet.cidr.to_string()),
                ..SubnetPropertiesFormat::default()
            }),
            ..SdkSubnet::default()
        };
        SdkNetwork {
            resource: Resource {
                id: cluster.network.existing.clone(),
                location: Some("West Europe".to_owned()),
                ..Resource::default()
            },
            properties: Some(VirtualNetworkPropertiesFormat {
                address_space: Some(AddressSpace { address_prefixes: vec![range.to_owned()] }),
                subnets: existing(cluster).map(subnet).collect(),
                ..VirtualNetworkPropertiesFormat::default()
            }),
            ..SdkNetwork::default()
        }
    }

    #[test]
    fn what_is_not_as_the_spec_says_is_told() {
        let mut cluster = fixture::shared();
        let there = network(&cluster, "10.40.0.0/16");
        assert_eq!(faults(&cluster, std::slice::from_ref(&there)), Vec::<String>::new());
        assert!(faults(&cluster, &[])[0].contains("there is no virtual network"));
        let elsewhere = network(&cluster, "10.41.0.0/16");
        cluster.region.name = "northeurope".to_owned();
        cluster.network.subnets[0].cidr = "10.40.0.0/28".parse().unwrap();
        assert_eq!(faults(&cluster, &[elsewhere]).len(), 3);
    }
}
