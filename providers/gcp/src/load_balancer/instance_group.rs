//! The slots of one zone, as the load balancer knows them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures::future::try_join_all;
use google_cloud_compute_v1::model::{
    InstanceGroup as SdkInstanceGroup, InstanceGroupsAddInstancesRequest, InstanceGroupsListInstancesRequest,
    InstanceGroupsRemoveInstancesRequest, InstanceReference,
};
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource as _, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use crate::client::Gcp;
use crate::compute::Instance;
use crate::gce::{found, gone, id_of, last, location, made, pages, path_of, required};
use crate::limits::{compute_read, compute_write};

const TEXT: &str = "Control-plane machines of a Kubernetes cluster in one zone";

resource! {
    /// An unmanaged group of machines in a zone. A machine that goes leaves it; its successor is put in again.
    pub struct InstanceGroup = "google_compute_instance_group", "instance group", Replacement::DeleteFirst;
    fields {
        name: String => replace,
        zone: String => replace,
        machines: Set<Ref<Instance>> => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Gcp> for InstanceGroup {
    /// Members are told by a call for each group and not by the listing: they cost a second round trip, and there is one
    /// group a zone.
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let listing = client
            .listing("instanceGroups.aggregatedList", || {
                pages(|token| async move {
                    let answer = client
                        .call(compute_read("instanceGroups.aggregatedList"), || {
                            let service = &client.compute.instance_groups;
                            service
                                .aggregated_list()
                                .set_project(&client.project)
                                .set_filter(client.name_filter())
                                .set_or_clear_page_token(token.clone())
                                .send()
                        })
                        .await?;
                    let groups = answer.items.into_values().flat_map(|scope| scope.instance_groups);
                    Ok((groups.collect::<Vec<_>>(), answer.next_page_token))
                })
            })
            .await?;
        let own = listing.iter().filter_map(|group| Some((address(client, group)?, group)));
        let read = own.map(|(address, group)| async move {
            let id = path_of(group.self_link.as_deref().unwrap_or_default());
            let Some(members) = found(members(client, &id).await)? else { return Ok(None) };
            Ok::<_, CloudError>(Some(Found {
                address,
                resource: InstanceGroup {
                    name: last(&id).to_owned(),
                    zone: location(&id).unwrap_or_default().to_owned(),
                    machines: members.into_iter().map(Ref::existing).collect(),
                },
                id,
                computed: Fields::new(),
                condition: Condition::Ready,
            }))
        });
        Ok(try_join_all(read).await?.into_iter().flatten().collect())
    }

    async fn create(&self, client: &Gcp, new: &New) -> Result<Made, CloudError> {
        let body = SdkInstanceGroup::new().set_name(&self.name).set_description(client.describe(&new.address, TEXT));
        let operation = client
            .insert(compute_write("instanceGroups.insert"), &new.token, |id| {
                let service = &client.compute.instance_groups;
                service
                    .insert()
                    .set_project(&client.project)
                    .set_zone(&self.zone)
                    .set_request_id(id)
                    .set_body(body.clone())
                    .send()
            })
            .await?;
        let id = path_of(&required(operation.target_link, "instanceGroups.insert", "target")?);
        self.settle(client, &id).await?;
        Ok(made(id))
    }

    async fn update(&self, client: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
        self.settle(client, &existing.id).await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let service = &client.compute.instance_groups;
        gone(
            client
                .change(compute_write("instanceGroups.delete"), || {
                    service
                        .delete()
                        .set_project(&client.project)
                        .set_zone(&existing.before.zone)
                        .set_instance_group(last(&existing.id))
                        .send()
                })
                .await,
        )
    }
}

impl InstanceGroup {
    /// Puts in what is missing and takes out what is too much. Who is in is asked anew: a machine that was replaced has the
    /// path of its predecessor, and left with it.
    async fn settle(&self, client: &Gcp, id: &str) -> Result<(), CloudError> {
        let wanted = self.machines.0.iter().map(|machine| id_of(machine).map(str::to_owned));
        let wanted = wanted.collect::<Result<BTreeSet<_>, _>>()?;
        let present: BTreeSet<String> = members(client, id).await?.into_iter().collect();
        let references = |paths: Vec<&String>| {
            paths.into_iter().map(|path| InstanceReference::new().set_instance(path)).collect::<Vec<_>>()
        };
        let (missing, leaving) =
            (references(wanted.difference(&present).collect()), references(present.difference(&wanted).collect()));
        let service = &client.compute.instance_groups;
        if !missing.is_empty() {
            let body = InstanceGroupsAddInstancesRequest::new().set_instances(missing);
            let added = client
                .change(compute_write("instanceGroups.addInstances"), || {
                    service
                        .add_instances()
                        .set_project(&client.project)
                        .set_zone(&self.zone)
                        .set_instance_group(last(id))
                        .set_body(body.clone())
                        .send()
                })
                .await;
            // An answer that got lost is asked for again: by then they are in.
            if let Err(error) = added
                && error.kind != ErrorKind::AlreadyExists
            {
                return Err(error);
            }
        }
        if !leaving.is_empty() {
            let body = InstanceGroupsRemoveInstancesRequest::new().set_instances(leaving);
            gone(
                client
                    .change(compute_write("instanceGroups.removeInstances"), || {
                        service
                            .remove_instances()
                            .set_project(&client.project)
                            .set_zone(&self.zone)
                            .set_instance_group(last(id))
                            .set_body(body.clone())
                            .send()
                    })
                    .await,
            )?;
        }
        Ok(())
    }
}

/// Paths of the machines that are in a group.
async fn members(client: &Gcp, id: &str) -> Result<Vec<String>, CloudError> {
    let zone = location(id).unwrap_or_default();
    pages(|token| async move {
        let answer = client
            .call(compute_read("instanceGroups.listInstances"), || {
                let service = &client.compute.instance_groups;
                service
                    .list_instances()
                    .set_project(&client.project)
                    .set_zone(zone)
                    .set_instance_group(last(id))
                    .set_or_clear_page_token(token.clone())
                    .set_body(InstanceGroupsListInstancesRequest::new())
                    .send()
            })
            .await?;
        let machines = answer.items.iter().filter_map(|item| Some(path_of(item.instance.as_deref()?)));
        Ok((machines.collect(), answer.next_page_token))
    })
    .await
}

fn address(client: &Gcp, group: &SdkInstanceGroup) -> Option<Address> {
    Some(client.owned(InstanceGroup::SCHEMA.kind, group.description.as_deref())?.address)
}
