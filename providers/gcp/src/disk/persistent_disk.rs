//! Persistent disks that hold etcd's data.

use std::sync::Arc;

use async_trait::async_trait;
use google_cloud_compute_v1::model::disk::Status;
use google_cloud_compute_v1::model::{Disk as SdkDisk, DisksResizeRequest, ZoneSetLabelsRequest};
use meridian_engine::Fields;
use meridian_engine::observed::Condition;
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_node::settled;
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use crate::client::Gcp;
use crate::compute::{relabelled, single};
use crate::gce::{found, gone, last, made, pages, path_of};
use crate::limits::{compute_read, compute_write};
use crate::marks::{Labels, Marked, own_labels};

/// What can't be lost without losing a member of etcd.
const REFUSAL: &str = "the disk holds the data of a member of etcd. Its zone, its type and the members of etcd with \
                       their addresses are fixed when the cluster is made; to change them, build a new cluster and move \
                       to it, or restore a snapshot there";

resource! {
    /// The disk that holds the data of a slot's etcd member. It outlives the slot's machines. Google encrypts every
    /// disk at rest (Compute Engine, "About disk encryption").
    pub struct Disk = "google_compute_disk", "disk", Replacement::Refused(REFUSAL);
    fields {
        /// Unique in the zone.
        name: String => replace,
        /// Where it is; a disk can't leave its zone.
        zone: String => replace,
        /// Size in GiB. It can grow and not shrink.
        size_gib: u32 => update_if(settled::grows),
        /// `pd-ssd`, `hyperdisk-balanced`.
        disk_type: String => replace,
        /// Each slot as `name=address`, sorted. What lies on the disk is a member of just this etcd.
        members: String => replace,
        /// What of the cluster can't change, as [`settled::settled`] has it.
        settled: String => update_if(settled::stays),
        /// Exact version of the Kubernetes that writes to it; it is written down before that is begun.
        kubernetes: String => update_if(settled::upgrades),
        labels: Labels => update,
    }
    computed {}
}

/// The disks of the cluster that carry its prefix, whatever they are for: a machine's own disk has the machine's name.
/// Those of pools, of which there may be many, are left out.
pub(crate) async fn list(client: &Gcp) -> Result<Arc<Vec<SdkDisk>>, CloudError> {
    let filter = single(client);
    client
        .listing("disks.aggregatedList", || {
            pages(|token| {
                let filter = &filter;
                async move {
                    let page = client
                        .call(compute_read("disks.aggregatedList"), || {
                            let request = client.compute.disks.aggregated_list();
                            request
                                .set_project(&client.project)
                                .set_filter(filter)
                                .set_or_clear_page_token(token.clone())
                                .send()
                        })
                        .await?;
                    let disks = page.items.into_values().flat_map(|scoped| scoped.disks);
                    Ok((disks.collect(), page.next_page_token))
                }
            })
        })
        .await
}

/// The disk as a resource, when it is one of ours and here to stay.
fn observe(client: &Gcp, disk: &SdkDisk) -> Option<Found<Disk>> {
    let Marked { address, text } =
        client.owned("google_compute_disk", disk.self_link.as_deref(), disk.description.as_deref())?;
    let condition = match disk.status.as_ref()? {
        Status::Ready => Condition::Ready,
        Status::Creating | Status::Restoring => Condition::Unfinished("it is being made".to_owned()),
        Status::Failed => Condition::Failed("it is in the state `FAILED`".to_owned()),
        Status::Deleting => return None,
        other => Condition::Unfinished(format!("it is in the state `{}`", other.name().unwrap_or("unknown"))),
    };
    let text = text.strip_prefix(MEMBERS).unwrap_or_default();
    let (members, settled) = text.split_once(SETTLED).unwrap_or((text, ""));
    let mut labels = own_labels(disk.labels.clone());
    let resource = Disk {
        name: disk.name.clone().unwrap_or_default(),
        zone: last(disk.zone.as_deref().unwrap_or_default()).to_owned(),
        size_gib: disk.size_gb.and_then(|size| size.try_into().ok()).unwrap_or_default(),
        disk_type: last(disk.r#type.as_deref().unwrap_or_default()).to_owned(),
        members: members.to_owned(),
        settled: settled.to_owned(),
        kubernetes: labels.remove(KUBERNETES_LABEL).unwrap_or_default().replace('-', "."),
        labels,
    };
    let id = path_of(disk.self_link.as_deref()?);
    Some(Found { address, id, resource, computed: Fields::new(), condition })
}

/// What the description says before the members.
const MEMBERS: &str = "Data of a member of the etcd of ";

/// What it says between them and what can't change.
const SETTLED: &str = " in a cluster with ";

/// Label that holds the version of Kubernetes, which changes, as no description of a disk can. A label has no dots.
const KUBERNETES_LABEL: &str = "meridian-kubernetes";

async fn look(client: &Gcp, zone: &str, name: &str) -> Result<Option<SdkDisk>, CloudError> {
    let got = client
        .call(compute_read("disks.get"), || {
            client.compute.disks.get().set_project(&client.project).set_zone(zone).set_disk(name).send()
        })
        .await;
    found(got)
}

#[async_trait]
impl KindOps<Gcp> for Disk {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|disk| observe(client, disk)).collect())
    }

    async fn create(&self, client: &Gcp, new: &New) -> Result<Made, CloudError> {
        let body = SdkDisk::new()
            .set_name(&self.name)
            .set_description(client.describe(&new.address, &self.text()))
            .set_size_gb(i64::from(self.size_gib))
            .set_type(format!("projects/{}/zones/{}/diskTypes/{}", client.project, self.zone, self.disk_type))
            .set_labels(client.all_labels(&self.every_label()));
        client
            .insert(compute_write("disks.insert"), &new.token, |id| {
                let request = client.compute.disks.insert().set_project(&client.project).set_zone(&self.zone);
                request.set_request_id(id).set_body(body.clone()).send()
            })
            .await?;
        Ok(made(self.id(client)))
    }

    async fn update(&self, client: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let (zone, name) = (self.zone.as_str(), self.name.as_str());
        let now = client
            .caller
            .until("compute:disks.insert", "the disk to be ready", || async move {
                let Some(disk) = look(client, zone, name).await? else {
                    return Err(CloudError::new(ErrorKind::NotFound, "compute:disks.get", format!("{name} is gone")));
                };
                Ok((disk.status == Some(Status::Ready)).then_some(disk))
            })
            .await?;
        if now.size_gb.is_some_and(|size| size < i64::from(self.size_gib)) {
            let body = DisksResizeRequest::new().set_size_gb(i64::from(self.size_gib));
            client
                .change(compute_write("disks.resize"), || {
                    let request = client.compute.disks.resize().set_project(&client.project).set_zone(zone);
                    request.set_disk(name).set_body(body.clone()).send()
                })
                .await?;
        }
        let (before, after) = (existing.before.every_label(), self.every_label());
        if before != after {
            client.edit(|| self.relabel(client, &before, &after)).await?;
        }
        Ok(made(self.id(client)))
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let before = &existing.before;
        gone(
            client
                .change(compute_write("disks.delete"), || {
                    let request = client.compute.disks.delete().set_project(&client.project).set_zone(&before.zone);
                    request.set_disk(&before.name).send()
                })
                .await,
        )
    }
}

impl Disk {
    fn text(&self) -> String {
        format!("{MEMBERS}{}{SETTLED}{}", self.members, self.settled)
    }

    fn every_label(&self) -> Labels {
        let mut labels = self.labels.clone();
        labels.insert(KUBERNETES_LABEL.to_owned(), self.kubernetes.replace('.', "-"));
        labels
    }

    /// Puts our labels on, beside those of others.
    async fn relabel(&self, client: &Gcp, before: &Labels, after: &Labels) -> Result<(), CloudError> {
        let (zone, name) = (self.zone.as_str(), self.name.as_str());
        let Some(now) = look(client, zone, name).await? else { return Ok(()) };
        let mut body = ZoneSetLabelsRequest::new().set_labels(relabelled(client, now.labels, before, after));
        body.label_fingerprint = now.label_fingerprint;
        client
            .change(compute_write("disks.setLabels"), || {
                let request = client.compute.disks.set_labels().set_project(&client.project).set_zone(zone);
                request.set_resource(name).set_body(body.clone()).send()
            })
            .await
            .map(drop)
    }

    fn id(&self, client: &Gcp) -> String {
        format!("projects/{}/zones/{}/disks/{}", client.project, self.zone, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::testing::client;

    #[tokio::test]
    async fn what_the_disk_says_of_the_cluster_is_read_from_it() {
        let client = client().await;
        let address = "google_compute_disk.control-plane-0".parse().unwrap();
        let disk = |status| {
            SdkDisk::new()
                .set_name("demo-etcd")
                .set_self_link("https://www.googleapis.com/compute/v1/projects/p/zones/europe-west1-b/disks/demo-etcd")
                .set_zone("https://www.googleapis.com/compute/v1/projects/p/zones/europe-west1-b")
                .set_size_gb(20)
                .set_status(status)
                .set_description(
                    client.describe(&address, &format!("{MEMBERS}a=10.0.0.10,b=10.0.0.11{SETTLED}topology=private")),
                )
                .set_labels([("meridian-cluster", "demo"), (KUBERNETES_LABEL, "1-36-3"), ("team", "platform")])
        };
        let found = observe(&client, &disk(Status::Ready)).unwrap();
        assert_eq!(found.resource.members, "a=10.0.0.10,b=10.0.0.11");
        assert_eq!(
            (found.resource.settled.as_str(), found.resource.kubernetes.as_str()),
            ("topology=private", "1.36.3")
        );
        assert_eq!(found.resource.labels.keys().collect::<Vec<_>>(), ["team"]);
        assert_eq!(
            (found.id.as_str(), found.condition),
            ("projects/p/zones/europe-west1-b/disks/demo-etcd", Condition::Ready)
        );
        assert!(observe(&client, &disk(Status::Deleting)).is_none());
        assert!(matches!(observe(&client, &disk(Status::Failed)).unwrap().condition, Condition::Failed(_)));
    }
}
