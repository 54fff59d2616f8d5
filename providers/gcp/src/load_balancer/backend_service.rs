//! The groups of machines that connections are given to.

use std::time::Duration;

use async_trait::async_trait;
use google_cloud_compute_v1::model::backend::BalancingMode;
use google_cloud_compute_v1::model::backend_service::{LoadBalancingScheme, Protocol};
use google_cloud_compute_v1::model::{Backend, BackendService as SdkBackendService, ConnectionDraining};
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource as _, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::{HealthCheck, InstanceGroup};
use crate::client::Gcp;
use crate::gce::{gone, id_of, last, made, pages, path_of, required};
use crate::limits::{compute_read, compute_write};

const TEXT: &str = "API servers of a Kubernetes cluster";

/// How long connections go on to a machine that was taken out.
const DRAINING: Duration = Duration::from_secs(30);

resource! {
    /// A backend service of the region, for TCP.
    pub struct BackendService = "google_compute_region_backend_service", "backend service", Replacement::DeleteFirst;
    fields {
        name: String => replace,
        /// `EXTERNAL` or `INTERNAL`.
        scheme: String => replace,
        health_check: Ref<HealthCheck> => update,
        groups: Set<Ref<InstanceGroup>> => update,
        /// Seconds that connections go on to a machine that was taken out.
        draining_seconds: i32 => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Gcp> for BackendService {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let listing = client
            .listing("regionBackendServices.list", || {
                pages(|token| async move {
                    let answer = client
                        .call(compute_read("regionBackendServices.list"), || {
                            let service = &client.compute.region_backend_services;
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
            .await?;
        Ok(listing.iter().filter_map(|service| read(client, service)).collect())
    }

    async fn create(&self, client: &Gcp, new: &New) -> Result<Made, CloudError> {
        let body = self.body(client, &new.address)?;
        let operation = client
            .insert(compute_write("regionBackendServices.insert"), &new.token, |id| {
                let service = &client.compute.region_backend_services;
                service
                    .insert()
                    .set_project(&client.project)
                    .set_region(&client.region)
                    .set_request_id(id)
                    .set_body(body.clone())
                    .send()
            })
            .await?;
        Ok(made(path_of(&required(operation.target_link, "regionBackendServices.insert", "target")?)))
    }

    async fn update(&self, client: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let name = last(&existing.id);
        let body = self.body(client, &existing.address)?;
        let service = &client.compute.region_backend_services;
        client
            .edit(|| async {
                let now = client
                    .call(compute_read("regionBackendServices.get"), || {
                        service
                            .get()
                            .set_project(&client.project)
                            .set_region(&client.region)
                            .set_backend_service(name)
                            .send()
                    })
                    .await?;
                let body = body.clone().set_or_clear_fingerprint(now.fingerprint);
                client
                    .change(compute_write("regionBackendServices.patch"), || {
                        service
                            .patch()
                            .set_project(&client.project)
                            .set_region(&client.region)
                            .set_backend_service(name)
                            .set_body(body.clone())
                            .send()
                    })
                    .await
            })
            .await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let service = &client.compute.region_backend_services;
        gone(
            client
                .change(compute_write("regionBackendServices.delete"), || {
                    service
                        .delete()
                        .set_project(&client.project)
                        .set_region(&client.region)
                        .set_backend_service(last(&existing.id))
                        .send()
                })
                .await,
        )
    }
}

impl BackendService {
    /// Seconds that connections go on, as the compiler writes it.
    #[must_use]
    pub fn draining() -> i32 {
        i32::try_from(DRAINING.as_secs()).unwrap_or(i32::MAX)
    }

    fn body(&self, client: &Gcp, address: &Address) -> Result<SdkBackendService, CloudError> {
        let backends = self
            .groups
            .0
            .iter()
            .map(|group| Ok(Backend::new().set_group(id_of(group)?).set_balancing_mode(BalancingMode::Connection)))
            .collect::<Result<Vec<_>, CloudError>>()?;
        Ok(SdkBackendService::new()
            .set_name(&self.name)
            .set_description(client.describe(address, TEXT))
            .set_load_balancing_scheme(LoadBalancingScheme::from(self.scheme.as_str()))
            .set_protocol(Protocol::Tcp)
            .set_health_checks([id_of(&self.health_check)?])
            .set_backends(backends)
            .set_connection_draining(ConnectionDraining::new().set_draining_timeout_sec(self.draining_seconds)))
    }
}

fn read(client: &Gcp, service: &SdkBackendService) -> Option<Found<BackendService>> {
    let marked =
        client.owned(BackendService::SCHEMA.kind, service.self_link.as_deref(), service.description.as_deref())?;
    let groups = service.backends.iter().filter_map(|backend| Some(Ref::existing(path_of(backend.group.as_deref()?))));
    Some(Found {
        address: marked.address,
        id: path_of(service.self_link.as_deref()?),
        resource: BackendService {
            name: service.name.clone()?,
            scheme: service.load_balancing_scheme.as_ref()?.name()?.to_owned(),
            health_check: Ref::existing(service.health_checks.first().map(|link| path_of(link)).unwrap_or_default()),
            groups: groups.collect(),
            draining_seconds: service
                .connection_draining
                .as_ref()
                .and_then(|draining| draining.draining_timeout_sec)
                .unwrap_or_default(),
        },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}
