//! Where the load balancer looks for the slots of one zone. Machines join and leave; the group stays, and all that refers to
//! it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::try_join_all;
use google_cloud_compute_v1::model::{
    InstanceGroup as SdkInstanceGroup, InstanceGroupsAddInstancesRequest, InstanceGroupsListInstancesRequest,
    InstanceGroupsRemoveInstancesRequest, InstanceReference,
};
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Resource as _, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use crate::client::Gcp;
use crate::gce::{found, gone, last, location, made, pages, path_of, required, with_new};
use crate::limits::{compute_read, compute_write};

const TEXT: &str = "Control-plane machines of a Kubernetes cluster in one zone";

resource! {
    /// An unmanaged group of machines in a zone. A machine that goes leaves it; its successor joins it by itself.
    pub struct InstanceGroup = "google_compute_instance_group", "instance group", Replacement::DeleteFirst;
    fields {
        name: String => replace,
        zone: String => replace,
    }
    computed {}
}

#[async_trait]
impl KindOps<Gcp> for InstanceGroup {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let read = |group: &SdkInstanceGroup| {
            let id = path_of(group.self_link.as_deref()?);
            Some(Found {
                address: address(client, group)?,
                resource: InstanceGroup {
                    name: last(&id).to_owned(),
                    zone: location(&id).unwrap_or_default().to_owned(),
                },
                id,
                computed: Fields::new(),
                condition: Condition::Ready,
            })
        };
        Ok(list(client).await?.iter().filter_map(read).collect())
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
        Ok(made(path_of(&required(operation.target_link, "instanceGroups.insert", "target")?)))
    }

    /// A group has nothing that could be changed or left half made.
    async fn update(&self, _: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
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

/// The groups that are the cluster's by name.
async fn list(client: &Gcp) -> Result<Arc<Vec<SdkInstanceGroup>>, CloudError> {
    client
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
        .await
}

/// The paths of the cluster's groups by those of the machines in them. Members are told by a call for each group and not by
/// the listing: they cost a second round trip, and there is one group a zone.
pub async fn memberships(client: &Gcp) -> Result<BTreeMap<String, String>, CloudError> {
    let groups = list(client).await?;
    let own = groups.iter().filter(|group| address(client, group).is_some());
    let read = own.map(|group| async move {
        let id = path_of(group.self_link.as_deref().unwrap_or_default());
        let machines = found(members(client, &id).await)?.unwrap_or_default();
        Ok::<_, CloudError>(machines.into_iter().map(move |machine| (machine, id.clone())))
    });
    Ok(try_join_all(read).await?.into_iter().flatten().collect())
}

/// Puts a machine, which may be new, into a group; one that is in it already is a success.
pub async fn join(client: &Gcp, group: &str, machine: &str) -> Result<(), CloudError> {
    let service = &client.compute.instance_groups;
    let body = InstanceGroupsAddInstancesRequest::new().set_instances([InstanceReference::new().set_instance(machine)]);
    let added = with_new(client, || {
        client.change(compute_write("instanceGroups.addInstances"), || {
            service
                .add_instances()
                .set_project(&client.project)
                .set_zone(location(group).unwrap_or_default())
                .set_instance_group(last(group))
                .set_body(body.clone())
                .send()
        })
    })
    .await;
    match added {
        // An answer that got lost is asked for again: by then it is in.
        Err(error) if error.kind != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Takes a machine out of a group; one that is not in it is a success.
pub async fn leave(client: &Gcp, group: &str, machine: &str) -> Result<(), CloudError> {
    let service = &client.compute.instance_groups;
    let references = [InstanceReference::new().set_instance(machine)];
    let body = InstanceGroupsRemoveInstancesRequest::new().set_instances(references);
    gone(
        client
            .change(compute_write("instanceGroups.removeInstances"), || {
                service
                    .remove_instances()
                    .set_project(&client.project)
                    .set_zone(location(group).unwrap_or_default())
                    .set_instance_group(last(group))
                    .set_body(body.clone())
                    .send()
            })
            .await,
    )
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
    Some(client.owned(InstanceGroup::SCHEMA.kind, group.self_link.as_deref(), group.description.as_deref())?.address)
}
