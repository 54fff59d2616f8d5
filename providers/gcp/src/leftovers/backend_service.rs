//! Backend services: what stands behind the load balancers of services that use no target pool.

use std::sync::Arc;

use async_trait::async_trait;
use google_cloud_compute_v1::model::BackendService;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource, resource};
use meridian_provider_api::{CloudError, Existing, Found, LeftoverOps, Scope};

use super::instance_group::groups;
use super::{KubernetesHealthCheck, KubernetesInstanceGroup, SERVICE, described, is_own_network, is_theirs};
use crate::client::Gcp;
use crate::gce::{gone, last, pages, path_of};
use crate::limits::{compute_read, compute_write};

resource! {
    /// A backend service that a controller made.
    pub struct KubernetesBackendService = "google_kubernetes_backend_service", "backend of a service", Replacement::DeleteFirst;
    fields {
        /// The service, if it is told.
        service: Option<String> => replace,
        /// Neither groups nor health checks can go while it uses them, so it goes first.
        groups: Vec<Ref<KubernetesInstanceGroup>> => replace,
        health_checks: Vec<Ref<KubernetesHealthCheck>> => replace,
    }
    computed {}
}

/// The backend services of controllers, in the cluster's own network or in front of groups there.
pub(super) async fn services(client: &Gcp) -> Result<Arc<Vec<BackendService>>, CloudError> {
    client
        .listing("kubernetes backend services", || async {
            let all = pages(|token| async move {
                let page = client
                    .call(compute_read("regionBackendServices.list"), || {
                        let request = client.compute.region_backend_services.list().set_project(&client.project);
                        request.set_region(&client.region).set_or_clear_page_token(token.clone()).send()
                    })
                    .await?;
                Ok((page.items, page.next_page_token))
            });
            let (all, groups) = tokio::try_join!(all, groups(client))?;
            let is_group = |link: &str| {
                groups.iter().filter_map(|group| group.self_link.as_deref()).any(|own| path_of(own) == path_of(link))
            };
            let ours = |service: &BackendService| {
                let near = is_own_network(client, service.network.as_deref())
                    || service.backends.iter().filter_map(|backend| backend.group.as_deref()).any(is_group);
                near && is_theirs(service.name.as_deref(), service.description.as_deref())
            };
            Ok(all.into_iter().filter(ours).collect())
        })
        .await
}

#[async_trait]
impl LeftoverOps<Gcp> for KubernetesBackendService {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let read = |service: &BackendService| {
            let groups = service.backends.iter().filter_map(|backend| backend.group.as_deref());
            Some(Found {
                address: Address::new(Self::SCHEMA.kind, service.name.as_deref()?).ok()?,
                id: path_of(service.self_link.as_deref()?),
                resource: Self {
                    service: described(service.description.as_deref(), SERVICE),
                    groups: groups.map(|link| Ref::existing(path_of(link))).collect(),
                    health_checks: service.health_checks.iter().map(|link| Ref::existing(path_of(link))).collect(),
                },
                computed: Fields::new(),
                condition: Condition::Ready,
            })
        };
        Ok(services(client).await?.iter().filter_map(read).collect())
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        gone(
            client
                .change(compute_write("regionBackendServices.delete"), || {
                    let request = client.compute.region_backend_services.delete().set_project(&client.project);
                    request.set_region(&client.region).set_backend_service(last(&existing.id)).send()
                })
                .await,
        )
    }
}
