//! Disks of claims.

use async_trait::async_trait;
use google_cloud_compute_v1::model::Disk;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Resource, resource};
use meridian_provider_api::{CloudError, Existing, Found, LeftoverOps, Scope};

use super::{described, is_own_machine, is_theirs, zonal};
use crate::client::Gcp;
use crate::gce::{gone, last, location, pages, path_of};
use crate::limits::{compute_read, compute_write};
use crate::marks::CLUSTER_LABEL;

/// Key of the claim that a disk was made for.
const CLAIM: &str = "kubernetes.io/created-for/pvc/name";

resource! {
    /// A disk that a controller made, in a zone of the region.
    pub struct KubernetesDisk = "google_kubernetes_disk", "disk of a claim", Replacement::DeleteFirst;
    fields {
        /// Name of the claim that it was made for, if it is told.
        claim: Option<String> => replace,
        size_gib: Option<i64> => replace,
    }
    computed {}
}

#[async_trait]
impl LeftoverOps<Gcp> for KubernetesDisk {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let disks = pages(|token| async move {
            let page = client
                .call(compute_read("disks.aggregatedList"), || {
                    let request = client.compute.disks.aggregated_list().set_project(&client.project);
                    request.set_or_clear_page_token(token.clone()).send()
                })
                .await?;
            let disks = page.items.into_values().flat_map(|scope| scope.disks);
            Ok((disks.collect::<Vec<_>>(), page.next_page_token))
        })
        .await?;
        Ok(disks.iter().filter_map(|disk| read(client, disk)).collect())
    }

    /// One that a machine still has attached is refused, and tried again until the machine is gone.
    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let zone = location(&existing.id).unwrap_or_default();
        gone(
            client
                .change(compute_write("disks.delete"), || {
                    let request = client.compute.disks.delete().set_project(&client.project).set_zone(zone);
                    request.set_disk(last(&existing.id)).send()
                })
                .await,
        )
    }
}

fn read(client: &Gcp, disk: &Disk) -> Option<Found<KubernetesDisk>> {
    let description = disk.description.as_deref();
    let id = path_of(disk.self_link.as_deref()?);
    // A cluster of the same name in another region has the same label.
    let is_here = location(&id).is_some_and(|zone| zone.starts_with(&format!("{}-", client.region)));
    let is_labelled = disk.labels.get(CLUSTER_LABEL) == Some(&client.cluster);
    let is_attached = disk.users.iter().any(|machine| is_own_machine(client, machine));
    if !is_here || !(is_labelled || is_attached) || !is_theirs(None, description) {
        return None;
    }
    Some(Found {
        address: Address::new(KubernetesDisk::SCHEMA.kind, &zonal(&id)).ok()?,
        id,
        resource: KubernetesDisk { claim: described(description, CLAIM), size_gib: disk.size_gb },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::testing::client;
    use crate::leftovers::prefix;

    #[tokio::test]
    async fn a_disk_is_known_by_its_label_or_its_machine() {
        let client = client().await;
        let disk = |zone: &str| {
            let link = format!("https://www.googleapis.com/compute/v1/projects/p/zones/{zone}/disks/pvc-1");
            Disk::new()
                .set_self_link(link)
                .set_description(r#"{"kubernetes.io/created-for/pvc/name":"data","storage.gke.io/created-by":"x"}"#)
        };
        let machine = format!("projects/p/zones/europe-west1-b/instances/{}-pool-general-0", prefix(&client));
        let is_found = |disk: Disk| read(&client, &disk).is_some();
        assert!(!is_found(disk("europe-west1-b")));
        assert!(is_found(disk("europe-west1-b").set_users([machine.clone()])));
        assert!(is_found(disk("europe-west1-b").set_labels([(CLUSTER_LABEL, "demo")])));
        assert!(!is_found(disk("europe-west4-a").set_labels([(CLUSTER_LABEL, "demo")])));
        let found = read(&client, &disk("europe-west1-b").set_users([machine])).unwrap();
        assert_eq!(found.resource.claim.as_deref(), Some("data"));
        assert_eq!(found.address.name(), "europe-west1-b/pvc-1");
    }
}
