//! Health checks of services. Nothing in one tells whose it is: they are found through the backend services that use them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Resource, resource};
use meridian_provider_api::{CloudError, Existing, Found, LeftoverOps, Scope};

use super::backend_service::services;
use super::is_theirs;
use crate::client::Gcp;
use crate::gce::{gone, last, location, path_of};
use crate::limits::compute_write;

resource! {
    /// A health check that a controller made, global or of the region.
    pub struct KubernetesHealthCheck = "google_kubernetes_health_check", "health check of a service", Replacement::DeleteFirst;
    fields {
        /// Path of it.
        path: String => replace,
    }
    computed {}
}

#[async_trait]
impl LeftoverOps<Gcp> for KubernetesHealthCheck {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let services = services(client).await?;
        let paths: BTreeSet<String> =
            services.iter().flat_map(|service| &service.health_checks).map(|link| path_of(link)).collect();
        // A check of a service may have the service's own name, by which alone nobody could tell who made it.
        let named = |path: &str| services.iter().any(|service| service.name.as_deref() == Some(last(path)));
        let theirs = paths.into_iter().filter(|path| is_theirs(Some(last(path)), None) || named(path));
        let read = |path: String| {
            Some(Found {
                address: Address::new(Self::SCHEMA.kind, last(&path)).ok()?,
                id: path.clone(),
                resource: Self { path },
                computed: Fields::new(),
                condition: Condition::Ready,
            })
        };
        Ok(theirs.filter_map(read).collect())
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let name = last(&existing.id);
        let deleted = if location(&existing.id).is_some() {
            client
                .change(compute_write("regionHealthChecks.delete"), || {
                    let request = client.compute.region_health_checks.delete().set_project(&client.project);
                    request.set_region(&client.region).set_health_check(name).send()
                })
                .await
        } else {
            client
                .change(compute_write("healthChecks.delete"), || {
                    client.compute.health_checks.delete().set_project(&client.project).set_health_check(name).send()
                })
                .await
        };
        gone(deleted)
    }
}
