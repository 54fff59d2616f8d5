//! Networks that belong to someone else: whether they are as the spec says. Nothing is ever written to them.

use google_cloud_compute_v1::model::{Network as SdkNetwork, Subnetwork as SdkSubnetwork};
use meridian_provider_api::{CloudError, ErrorKind};
use meridian_spec::cluster::{Cluster, Subnet};

use crate::client::Gcp;
use crate::compile::existing;
use crate::gce::{found, last, path_of};
use crate::limits::compute_read;

/// Checks that the existing network and subnets that the spec names are there as it says. No call when it names none.
pub(crate) async fn check(client: &Gcp, cluster: &Cluster) -> Result<(), CloudError> {
    let Some(named) = &cluster.network.existing else { return Ok(()) };
    let path = existing::network(&client.project, named);
    let own = named_subnets(cluster).map(|(_, named)| existing::subnet(&client.project, &client.region, named));
    let elsewhere: Vec<_> = std::iter::once(path.clone())
        .chain(own)
        .filter_map(|path| existing::elsewhere(&path, &client.project))
        .collect();
    if !elsewhere.is_empty() {
        return Err(CloudError::new(ErrorKind::Unsupported, "checking the existing network", elsewhere.join("; ")));
    }
    let network = async {
        let service = &client.compute.networks;
        let answer = client
            .call(compute_read("networks.get"), || {
                service.get().set_project(&client.project).set_network(last(&path)).send()
            })
            .await;
        found(answer)
    };
    let subnets = futures::future::try_join_all(named_subnets(cluster).map(|(_, named)| async move {
        let path = existing::subnet(&client.project, &client.region, named);
        let service = &client.compute.subnetworks;
        let answer = client
            .call(compute_read("subnetworks.get"), || {
                service.get().set_project(&client.project).set_region(&client.region).set_subnetwork(last(&path)).send()
            })
            .await;
        found(answer)
    }));
    let (network, subnets) = tokio::try_join!(network, subnets)?;
    let faults = faults(cluster, &path, network.as_ref(), &subnets);
    if faults.is_empty() {
        return Ok(());
    }
    Err(CloudError::new(ErrorKind::Invalid, "checking the existing network", faults.join("; ")))
}

fn named_subnets(cluster: &Cluster) -> impl Iterator<Item = (&Subnet, &str)> {
    cluster.network.subnets.iter().filter_map(|subnet| Some((subnet, subnet.existing.as_deref()?)))
}

/// Everything that is not as the spec says. `subnets` are in the order of the spec.
fn faults(
    cluster: &Cluster,
    path: &str,
    network: Option<&SdkNetwork>,
    subnets: &[Option<SdkSubnetwork>],
) -> Vec<String> {
    let mut faults = Vec::new();
    if network.is_none() {
        faults.push(format!("there is no network {path}"));
    }
    for ((subnet, named), found) in named_subnets(cluster).zip(subnets) {
        let Some(found) = found else {
            faults.push(format!("there is no subnet {named} in {}", cluster.region.name));
            continue;
        };
        let stands_in = path_of(found.network.as_deref().unwrap_or_default());
        if stands_in != path {
            faults.push(format!("the subnet {named} is in the network {stands_in}"));
        }
        let range = found.ip_cidr_range.as_deref().unwrap_or_default();
        if range != subnet.cidr.to_string() {
            faults.push(format!("the subnet {named} has the range {range}, not {}", subnet.cidr));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::fixture;

    #[test]
    fn what_is_not_as_the_spec_says_is_told() {
        let cluster = fixture::shared();
        let path = existing::network("p", cluster.network.existing.as_deref().unwrap());
        let network = SdkNetwork::new();
        let link = format!("https://www.googleapis.com/compute/v1/{path}");
        let mut subnets: Vec<Option<SdkSubnetwork>> = named_subnets(&cluster)
            .map(|(subnet, _)| Some(SdkSubnetwork::new().set_network(&link).set_ip_cidr_range(subnet.cidr.to_string())))
            .collect();
        assert_eq!(faults(&cluster, &path, Some(&network), &subnets), Vec::<String>::new());
        subnets[0] = None;
        subnets[1] =
            Some(SdkSubnetwork::new().set_network("projects/p/global/networks/x").set_ip_cidr_range("10.0.0.0/24"));
        assert_eq!(faults(&cluster, &path, None, &subnets).len(), 4);
    }
}
