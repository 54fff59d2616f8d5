//! Networks that belong to someone else: whether they are as the spec says. Nothing is ever written to them.

use aws_sdk_ec2::types::{Subnet as SdkSubnet, Vpc as SdkVpc, VpcCidrBlockStateCode};
use ipnet::Ipv4Net;
use meridian_provider_api::{CloudError, ErrorKind};
use meridian_spec::cluster::{Cluster, Subnet};

use crate::client::Aws;
use crate::limits::ec2_read;

/// Checks that the existing network and subnets that the spec names are there as it says. No call when it names none.
pub(crate) async fn check(client: &Aws, cluster: &Cluster) -> Result<(), CloudError> {
    let Some(id) = &cluster.network.existing else { return Ok(()) };
    let subnets = existing(cluster).map(|(_, id)| id.to_owned()).collect::<Vec<_>>();
    let vpc = client.call(ec2_read("DescribeVpcs"), || client.ec2.describe_vpcs().vpc_ids(id).send());
    let ranges = async {
        if subnets.is_empty() {
            return Ok(Vec::new());
        }
        let api = ec2_read("DescribeSubnets");
        let answer =
            client.call(api, || client.ec2.describe_subnets().set_subnet_ids(Some(subnets.clone())).send()).await?;
        Ok(answer.subnets.unwrap_or_default())
    };
    let (vpc, ranges) = tokio::try_join!(vpc, ranges)?;
    let vpc = vpc.vpcs.unwrap_or_default().into_iter().next();
    let faults = faults(cluster, vpc.as_ref(), &ranges);
    if faults.is_empty() {
        return Ok(());
    }
    Err(CloudError::new(ErrorKind::Invalid, "checking the existing network", faults.join("; ")))
}

fn existing(cluster: &Cluster) -> impl Iterator<Item = (&Subnet, &str)> {
    cluster.network.subnets.iter().filter_map(|subnet| Some((subnet, subnet.existing.as_deref()?)))
}

/// Everything that is not as the spec says.
fn faults(cluster: &Cluster, vpc: Option<&SdkVpc>, ranges: &[SdkSubnet]) -> Vec<String> {
    let mut faults = Vec::new();
    let network = &cluster.network;
    let id = network.existing.as_deref().unwrap_or_default();
    match vpc {
        None => faults.push(format!("there is no VPC {id}")),
        Some(vpc) => {
            let blocks = blocks(vpc);
            if !blocks.iter().any(|block| block.contains(&network.cidr)) {
                let blocks = blocks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                faults.push(format!("{} is not in the VPC {id}, which has {blocks}", network.cidr));
            }
        }
    }
    for (subnet, id) in existing(cluster) {
        let Some(found) = ranges.iter().find(|range| range.subnet_id() == Some(id)) else {
            faults.push(format!("there is no subnet {id}"));
            continue;
        };
        let (vpc, zone) = (found.vpc_id().unwrap_or_default(), found.availability_zone().unwrap_or_default());
        let range = found.cidr_block().unwrap_or_default();
        if Some(vpc) != network.existing.as_deref() {
            faults.push(format!("the subnet {id} is in the VPC {vpc}"));
        }
        if zone != subnet.zone {
            faults.push(format!("the subnet {id} is in the zone {zone}, not {}", subnet.zone));
        }
        if range != subnet.cidr.to_string() {
            faults.push(format!("the subnet {id} has the range {range}, not {}", subnet.cidr));
        }
    }
    faults
}

/// Every IPv4 range of a VPC that is in use.
fn blocks(vpc: &SdkVpc) -> Vec<Ipv4Net> {
    let associated = vpc.cidr_block_association_set().iter().filter(|set| {
        set.cidr_block_state().and_then(|state| state.state()) == Some(&VpcCidrBlockStateCode::Associated)
    });
    let mut blocks: Vec<Ipv4Net> = vpc
        .cidr_block()
        .into_iter()
        .chain(associated.filter_map(|set| set.cidr_block()))
        .filter_map(|block| block.parse().ok())
        .collect();
    blocks.sort();
    blocks.dedup();
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::fixture;

    #[test]
    fn what_is_not_as_the_spec_says_is_told() {
        let cluster = fixture::shared();
        let id = cluster.network.existing.clone().unwrap();
        let vpc = SdkVpc::builder().vpc_id(&id).cidr_block("10.40.0.0/16").build();
        let mut ranges: Vec<SdkSubnet> = existing(&cluster)
            .map(|(subnet, id_of)| {
                SdkSubnet::builder()
                    .subnet_id(id_of)
                    .vpc_id(&id)
                    .availability_zone(&subnet.zone)
                    .cidr_block(subnet.cidr.to_string())
                    .build()
            })
            .collect();
        assert_eq!(faults(&cluster, Some(&vpc), &ranges), Vec::<String>::new());
        ranges[0].availability_zone = Some("eu-west-1x".to_owned());
        ranges.pop();
        let other = SdkVpc::builder().vpc_id(&id).cidr_block("10.41.0.0/16").build();
        assert_eq!(faults(&cluster, Some(&other), &ranges).len(), 3);
        assert!(faults(&cluster, None, &ranges)[0].contains("there is no VPC"));
    }
}
