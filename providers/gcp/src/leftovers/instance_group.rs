//! Instance groups: the machines behind the internal load balancers of services, one group a zone.

use std::sync::Arc;

use async_trait::async_trait;
use google_cloud_compute_v1::model::InstanceGroup;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource, resource};
use meridian_provider_api::{CloudError, Existing, Found, LeftoverOps, Scope};

use super::{is_own_network, is_theirs, zonal};
use crate::client::Gcp;
use crate::gce::{gone, last, location, pages, path_of};
use crate::limits::{compute_read, compute_write};
use crate::network::Network;

resource! {
    /// An unmanaged instance group that a controller made.
    pub struct KubernetesInstanceGroup = "google_kubernetes_instance_group", "instance group of services", Replacement::DeleteFirst;
    fields {
        network: Ref<Network> => replace,
    }
    computed {}
}

/// The instance groups of controllers in the cluster's own network.
pub(super) async fn groups(client: &Gcp) -> Result<Arc<Vec<InstanceGroup>>, CloudError> {
    client
        .listing("kubernetes instance groups", || async {
            let all = pages(|token| async move {
                let page = client
                    .call(compute_read("instanceGroups.aggregatedList"), || {
                        let request = client.compute.instance_groups.aggregated_list().set_project(&client.project);
                        request.set_or_clear_page_token(token.clone()).send()
                    })
                    .await?;
                let groups = page.items.into_values().flat_map(|scope| scope.instance_groups);
                Ok((groups.collect::<Vec<_>>(), page.next_page_token))
            })
            .await?;
            let ours = |group: &InstanceGroup| {
                is_theirs(group.name.as_deref(), None) && is_own_network(client, group.network.as_deref())
            };
            Ok(all.into_iter().filter(ours).collect())
        })
        .await
}

#[async_trait]
impl LeftoverOps<Gcp> for KubernetesInstanceGroup {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let read = |group: &InstanceGroup| {
            let id = path_of(group.self_link.as_deref()?);
            Some(Found {
                address: Address::new(Self::SCHEMA.kind, &zonal(&id)).ok()?,
                id,
                resource: Self { network: Ref::existing(path_of(group.network.as_deref()?)) },
                computed: Fields::new(),
                condition: Condition::Ready,
            })
        };
        Ok(groups(client).await?.iter().filter_map(read).collect())
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let zone = location(&existing.id).unwrap_or_default();
        gone(
            client
                .change(compute_write("instanceGroups.delete"), || {
                    let request = client.compute.instance_groups.delete().set_project(&client.project);
                    request.set_zone(zone).set_instance_group(last(&existing.id)).send()
                })
                .await,
        )
    }
}
