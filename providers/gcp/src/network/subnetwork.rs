//! A range of the network in the region.

use std::sync::Arc;

use async_trait::async_trait;
use google_cloud_compute_v1::model::subnetwork::{Purpose, State};
use google_cloud_compute_v1::model::{
    Subnetwork as SdkSubnetwork, SubnetworkSecondaryRange, SubnetworksSetPrivateIpGoogleAccessRequest,
};
use ipnet::Ipv4Net;
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, Resource as _, record, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::Network;
use crate::client::Gcp;
use crate::gce::{gone, id_of, last, made, pages, path_of, required};
use crate::limits::{compute_read, compute_write};

const TEXT: &str = "Subnet of a Kubernetes cluster";

record! {
    /// A range beside the machines' own.
    pub struct SecondaryRange {
        name: String,
        cidr: Ipv4Net,
    }
}

resource! {
    /// A subnet. It spans the zones of its region.
    pub struct Subnetwork = "google_compute_subnetwork", "subnet", Replacement::DeleteFirst;
    fields {
        name: String => replace,
        network: Ref<Network> => replace,
        cidr: Ipv4Net => exclusive,
        secondary_ranges: Set<SecondaryRange> => update,
        /// Whether machines without a public address reach Google's APIs.
        private_google_access: bool => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Gcp> for Subnetwork {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|subnet| read(client, subnet)).collect())
    }

    async fn create(&self, client: &Gcp, new: &New) -> Result<Made, CloudError> {
        let body = SdkSubnetwork::new()
            .set_name(&self.name)
            .set_description(client.describe(&new.address, TEXT))
            .set_network(id_of(&self.network)?)
            .set_ip_cidr_range(self.cidr.to_string())
            .set_purpose(Purpose::Private)
            .set_private_ip_google_access(self.private_google_access)
            .set_secondary_ip_ranges(self.secondary());
        let operation = client
            .insert(compute_write("subnetworks.insert"), &new.token, |id| {
                let service = &client.compute.subnetworks;
                service
                    .insert()
                    .set_project(&client.project)
                    .set_region(&client.region)
                    .set_request_id(id)
                    .set_body(body.clone())
                    .send()
            })
            .await?;
        Ok(made(path_of(&required(operation.target_link, "subnetworks.insert", "target")?)))
    }

    async fn update(&self, client: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let name = last(&existing.id);
        let service = &client.compute.subnetworks;
        if self.private_google_access != existing.before.private_google_access {
            let body = SubnetworksSetPrivateIpGoogleAccessRequest::new()
                .set_private_ip_google_access(self.private_google_access);
            client
                .change(compute_write("subnetworks.setPrivateIpGoogleAccess"), || {
                    service
                        .set_private_ip_google_access()
                        .set_project(&client.project)
                        .set_region(&client.region)
                        .set_subnetwork(name)
                        .set_body(body.clone())
                        .send()
                })
                .await?;
        }
        if self.secondary_ranges != existing.before.secondary_ranges {
            client
                .edit(|| async {
                    let now = client
                        .call(compute_read("subnetworks.get"), || {
                            service
                                .get()
                                .set_project(&client.project)
                                .set_region(&client.region)
                                .set_subnetwork(name)
                                .send()
                        })
                        .await?;
                    let body = SdkSubnetwork::new()
                        .set_or_clear_fingerprint(now.fingerprint)
                        .set_secondary_ip_ranges(self.secondary());
                    client
                        .change(compute_write("subnetworks.patch"), || {
                            service
                                .patch()
                                .set_project(&client.project)
                                .set_region(&client.region)
                                .set_subnetwork(name)
                                .set_body(body.clone())
                                .send()
                        })
                        .await
                })
                .await?;
        }
        Ok(made(&existing.id))
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let service = &client.compute.subnetworks;
        gone(
            client
                .change(compute_write("subnetworks.delete"), || {
                    service
                        .delete()
                        .set_project(&client.project)
                        .set_region(&client.region)
                        .set_subnetwork(last(&existing.id))
                        .send()
                })
                .await,
        )
    }
}

impl Subnetwork {
    fn secondary(&self) -> Vec<SubnetworkSecondaryRange> {
        let ranges = self.secondary_ranges.0.iter();
        ranges
            .map(|range| {
                SubnetworkSecondaryRange::new().set_range_name(&range.name).set_ip_cidr_range(range.cidr.to_string())
            })
            .collect()
    }
}

/// Every subnet with a name of the cluster's.
async fn list(client: &Gcp) -> Result<Arc<Vec<SdkSubnetwork>>, CloudError> {
    client
        .listing("subnetworks.list", || {
            pages(|token| async move {
                let answer = client
                    .call(compute_read("subnetworks.list"), || {
                        let service = &client.compute.subnetworks;
                        service
                            .list()
                            .set_project(&client.project)
                            .set_region(&client.region)
                            .set_filter(client.name_filter())
                            .set_or_clear_page_token(token.clone())
                            .send()
                    })
                    .await?;
                Ok((answer.items, answer.next_page_token))
            })
        })
        .await
}

fn read(client: &Gcp, subnet: &SdkSubnetwork) -> Option<Found<Subnetwork>> {
    let marked = client.owned(Subnetwork::SCHEMA.kind, subnet.self_link.as_deref(), subnet.description.as_deref())?;
    let secondary = subnet.secondary_ip_ranges.iter().filter_map(|range| {
        Some(SecondaryRange { name: range.range_name.clone()?, cidr: range.ip_cidr_range.as_deref()?.parse().ok()? })
    });
    Some(Found {
        address: marked.address,
        id: path_of(subnet.self_link.as_deref()?),
        resource: Subnetwork {
            name: subnet.name.clone()?,
            network: Ref::existing(path_of(subnet.network.as_deref()?)),
            cidr: subnet.ip_cidr_range.as_deref()?.parse().ok()?,
            secondary_ranges: secondary.collect(),
            private_google_access: subnet.private_ip_google_access.unwrap_or_default(),
        },
        computed: Fields::new(),
        condition: match &subnet.state {
            Some(State::Draining) => Condition::Unfinished("draining".to_owned()),
            _ => Condition::Ready,
        },
    })
}
