//! Private zones.

use std::sync::Arc;

use async_trait::async_trait;
use google_cloud_dns_v1::model::managed_zone::Visibility;
use google_cloud_dns_v1::model::{
    Change, ManagedZone, ManagedZonePrivateVisibilityConfig, ManagedZonePrivateVisibilityConfigNetwork,
    ResourceRecordSet,
};
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, resource};
use meridian_node::names::dns_zone;
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::api;
use crate::client::Gcp;
use crate::compile::names;
use crate::compute::relabelled;
use crate::gce::{found, gone, id_of, made, pages, path_of};
use crate::marks::{Labels, own_labels};
use crate::network::Network;

/// Name of the zone in its address.
pub const MAIN: &str = "main";

/// Links to networks are compared by Cloud DNS as they are; this is how Compute Engine writes them.
const COMPUTE: &str = "https://www.googleapis.com/compute/v1/";

/// Begins the description.
const TEXT: &str = "Names of the machines of a cluster";

resource! {
    /// A private zone of one network. Its id is its name.
    pub struct Zone = "google_dns_managed_zone", "DNS zone", Replacement::DeleteFirst;
    fields {
        /// Unique in the project.
        name: String => replace,
        /// Without a dot at the end.
        dns_name: String => replace,
        network: Ref<Network> => replace,
        labels: Labels => update,
    }
    computed {}
}

/// The zones of the cluster's name, other regions' and other people's, too.
async fn list(client: &Gcp) -> Result<Arc<Vec<ManagedZone>>, CloudError> {
    let dns_name = format!("{}.", dns_zone(&client.cluster));
    client
        .listing("managedZones.list", || {
            pages(|token| {
                let dns_name = dns_name.as_str();
                async move {
                    let page = client
                        .call(api("managedZones.list", true), || {
                            let request = client.dns.managed_zones.list().set_project(&client.project);
                            request.set_dns_name(dns_name).set_or_clear_page_token(token.clone()).send()
                        })
                        .await?;
                    Ok((page.managed_zones, page.next_page_token))
                }
            })
        })
        .await
}

/// Every record of the cluster's zone, found by the name that the zone must have; `None` when there is no zone.
pub(super) async fn records(client: &Gcp) -> Result<Arc<Option<Vec<ResourceRecordSet>>>, CloudError> {
    client.listing("resourceRecordSets.list", || async { found(read_records(client, &name(client)).await) }).await
}

/// Whether the zone of that name is there and ours.
pub(super) async fn is_own(client: &Gcp) -> Result<bool, CloudError> {
    let name = name(client);
    Ok(list(client).await?.iter().filter_map(|zone| observe(client, zone)).any(|zone| zone.id == name))
}

/// The name of the cluster's zone.
pub(super) fn name(client: &Gcp) -> String {
    format!("{}-{MAIN}", names::prefix_of(&client.cluster, &client.region, &client.project))
}

async fn read_records(client: &Gcp, zone: &str) -> Result<Vec<ResourceRecordSet>, CloudError> {
    pages(|token| async move {
        let page = client
            .call(api("resourceRecordSets.list", true), || {
                let request = client.dns.record_sets.list().set_project(&client.project).set_managed_zone(zone);
                request.set_or_clear_page_token(token.clone()).send()
            })
            .await?;
        Ok((page.rrsets, page.next_page_token))
    })
    .await
}

fn observe(client: &Gcp, zone: &ManagedZone) -> Option<Found<Zone>> {
    let marked = client.owned("google_dns_managed_zone", zone.name.as_deref(), zone.description.as_deref())?;
    let name = zone.name.clone()?;
    let networks = zone.private_visibility_config.as_ref().map(|config| config.networks.as_slice()).unwrap_or_default();
    // Of two networks, one is somebody else's: it is told as none, so that it is seen.
    let network = match networks {
        [network] => network.network_url.as_deref().map(path_of).unwrap_or_default(),
        _ => String::new(),
    };
    let resource = Zone {
        name: name.clone(),
        dns_name: zone.dns_name.as_deref().unwrap_or_default().trim_end_matches('.').to_owned(),
        network: Ref::existing(network),
        labels: own_labels(zone.labels.clone()),
    };
    Some(Found { address: marked.address, id: name, resource, computed: Fields::new(), condition: Condition::Ready })
}

#[async_trait]
impl KindOps<Gcp> for Zone {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|zone| observe(client, zone)).collect())
    }

    async fn create(&self, client: &Gcp, new: &New) -> Result<Made, CloudError> {
        let network = format!("{COMPUTE}{}", id_of(&self.network)?);
        let network = ManagedZonePrivateVisibilityConfigNetwork::new().set_network_url(network);
        let body = ManagedZone::new()
            .set_name(&self.name)
            .set_dns_name(format!("{}.", self.dns_name))
            .set_description(client.describe(&new.address, TEXT))
            .set_visibility(Visibility::Private)
            .set_private_visibility_config(ManagedZonePrivateVisibilityConfig::new().set_networks([network]))
            .set_labels(client.all_labels(&self.labels));
        client
            .call(api("managedZones.create", false), || {
                client.dns.managed_zones.create().set_project(&client.project).set_body(body.clone()).send()
            })
            .await?;
        Ok(made(&self.name))
    }

    async fn update(&self, client: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let before = &existing.before.labels;
        if *before != self.labels {
            let now = client
                .call(api("managedZones.get", true), || {
                    client.dns.managed_zones.get().set_project(&client.project).set_managed_zone(&self.name).send()
                })
                .await?;
            let body = ManagedZone::new().set_labels(relabelled(client, now.labels, before, &self.labels));
            client
                .call(api("managedZones.patch", true), || {
                    let request = client.dns.managed_zones.patch().set_project(&client.project);
                    request.set_managed_zone(&self.name).set_body(body.clone()).send()
                })
                .await?;
        }
        Ok(made(&self.name))
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let zone = existing.id.as_str();
        let Some(records) = found(read_records(client, zone).await)? else { return Ok(()) };
        // The zone's own two records go with it.
        let left = records.into_iter().filter(|record| !matches!(record.r#type.as_deref(), Some("NS" | "SOA")));
        let change = Change::new().set_deletions(left);
        if !change.deletions.is_empty() {
            let changed = client
                .call(api("changes.create", true), || {
                    let request = client.dns.changes.create().set_project(&client.project).set_managed_zone(zone);
                    request.set_body(change.clone()).send()
                })
                .await;
            // A change that was sent before and never answered: the zone is empty, or tells that it is not.
            match changed {
                Err(error) if error.kind == ErrorKind::NotFound => {}
                changed => drop(changed?),
            }
        }
        gone(
            client
                .call(api("managedZones.delete", true), || {
                    client.dns.managed_zones.delete().set_project(&client.project).set_managed_zone(zone).send()
                })
                .await,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::testing::client;

    #[tokio::test]
    async fn a_zone_that_another_network_sees_is_noticed() {
        let client = client().await;
        let address = "google_dns_managed_zone.main".parse().unwrap();
        let network = |name: &str| {
            let link = format!("{COMPUTE}projects/p/global/networks/{name}");
            ManagedZonePrivateVisibilityConfigNetwork::new().set_network_url(link)
        };
        let zone = |networks: Vec<_>| {
            ManagedZone::new()
                .set_name("demo-0a1b2c-main")
                .set_dns_name("demo.meridian.internal.")
                .set_description(client.describe(&address, TEXT))
                .set_private_visibility_config(ManagedZonePrivateVisibilityConfig::new().set_networks(networks))
        };
        let found = observe(&client, &zone(vec![network("n")])).unwrap().resource;
        assert_eq!(
            (found.network, found.dns_name.as_str()),
            (Ref::existing("projects/p/global/networks/n"), "demo.meridian.internal")
        );
        assert_eq!(
            observe(&client, &zone(vec![network("n"), network("m")])).unwrap().resource.network,
            Ref::existing("")
        );
    }
}
