//! Target pools: what stands behind the public load balancer of a service.

use std::sync::Arc;

use async_trait::async_trait;
use google_cloud_compute_v1::model::TargetPool;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Resource, resource};
use meridian_provider_api::{CloudError, Existing, Found, LeftoverOps, Scope};

use super::{SERVICE, described, is_own_machine, is_theirs};
use crate::client::Gcp;
use crate::gce::{gone, last, pages, path_of};
use crate::limits::{compute_read, compute_write};

resource! {
    /// A target pool that a controller made, with machines of the cluster in it.
    pub struct KubernetesTargetPool = "google_kubernetes_target_pool", "target pool of a service", Replacement::DeleteFirst;
    fields {
        /// The service, if it is told.
        service: Option<String> => replace,
    }
    computed {}
}

/// The target pools of controllers that have machines of ours.
pub(super) async fn pools(client: &Gcp) -> Result<Arc<Vec<TargetPool>>, CloudError> {
    client
        .listing("kubernetes target pools", || async {
            let all = pages(|token| async move {
                let page = client
                    .call(compute_read("targetPools.list"), || {
                        let request = client.compute.target_pools.list().set_project(&client.project);
                        request.set_region(&client.region).set_or_clear_page_token(token.clone()).send()
                    })
                    .await?;
                Ok((page.items, page.next_page_token))
            })
            .await?;
            let ours = |pool: &TargetPool| {
                is_theirs(pool.name.as_deref(), pool.description.as_deref())
                    && pool.instances.iter().any(|machine| is_own_machine(client, machine))
            };
            Ok(all.into_iter().filter(ours).collect())
        })
        .await
}

#[async_trait]
impl LeftoverOps<Gcp> for KubernetesTargetPool {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let read = |pool: &TargetPool| {
            Some(Found {
                address: Address::new(Self::SCHEMA.kind, pool.name.as_deref()?).ok()?,
                id: path_of(pool.self_link.as_deref()?),
                resource: Self { service: described(pool.description.as_deref(), SERVICE) },
                computed: Fields::new(),
                condition: Condition::Ready,
            })
        };
        Ok(pools(client).await?.iter().filter_map(read).collect())
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        gone(
            client
                .change(compute_write("targetPools.delete"), || {
                    let request = client.compute.target_pools.delete().set_project(&client.project);
                    request.set_region(&client.region).set_target_pool(last(&existing.id)).send()
                })
                .await,
        )
    }
}
