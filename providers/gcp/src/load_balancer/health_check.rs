//! How the load balancer finds out which slots answer.

use async_trait::async_trait;
use google_cloud_compute_v1::model::health_check::Type;
use google_cloud_compute_v1::model::{HTTPSHealthCheck, HealthCheck as SdkHealthCheck, TCPHealthCheck};
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Resource as _, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use crate::client::Gcp;
use crate::gce::{gone, last, made, pages, path_of, required};
use crate::limits::{compute_read, compute_write};

const TEXT: &str = "Health of the API servers of a Kubernetes cluster";

resource! {
    /// A health check of the region.
    pub struct HealthCheck = "google_compute_region_health_check", "health check", Replacement::DeleteFirst;
    fields {
        name: String => replace,
        /// `HTTPS` or `TCP`.
        protocol: String => update,
        port: u16 => update,
        /// Path that is asked for; none for TCP.
        path: Option<String> => update,
        /// Seconds between two checks.
        interval_seconds: i32 => update,
        /// Seconds that an answer may take.
        timeout_seconds: i32 => update,
        /// Checks in a row before a machine counts as healthy.
        healthy_threshold: i32 => update,
        /// Checks in a row before a machine counts as unhealthy.
        unhealthy_threshold: i32 => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Gcp> for HealthCheck {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let listing = client
            .listing("regionHealthChecks.list", || {
                pages(|token| async move {
                    let answer = client
                        .call(compute_read("regionHealthChecks.list"), || {
                            let service = &client.compute.region_health_checks;
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
        Ok(listing.iter().filter_map(|check| read(client, check)).collect())
    }

    async fn create(&self, client: &Gcp, new: &New) -> Result<Made, CloudError> {
        let body = self.body(client, &new.address);
        let operation = client
            .insert(compute_write("regionHealthChecks.insert"), &new.token, |id| {
                let service = &client.compute.region_health_checks;
                service
                    .insert()
                    .set_project(&client.project)
                    .set_region(&client.region)
                    .set_request_id(id)
                    .set_body(body.clone())
                    .send()
            })
            .await?;
        Ok(made(path_of(&required(operation.target_link, "regionHealthChecks.insert", "target")?)))
    }

    async fn update(&self, client: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let (service, name) = (&client.compute.region_health_checks, last(&existing.id));
        let now = client
            .call(compute_read("regionHealthChecks.get"), || {
                service.get().set_project(&client.project).set_region(&client.region).set_health_check(name).send()
            })
            .await?;
        // An update writes everything; what is logged is not ours to say.
        let body = self.body(client, &existing.address).set_or_clear_log_config(now.log_config);
        client
            .change(compute_write("regionHealthChecks.update"), || {
                service
                    .update()
                    .set_project(&client.project)
                    .set_region(&client.region)
                    .set_health_check(name)
                    .set_body(body.clone())
                    .send()
            })
            .await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let service = &client.compute.region_health_checks;
        gone(
            client
                .change(compute_write("regionHealthChecks.delete"), || {
                    service
                        .delete()
                        .set_project(&client.project)
                        .set_region(&client.region)
                        .set_health_check(last(&existing.id))
                        .send()
                })
                .await,
        )
    }
}

impl HealthCheck {
    fn body(&self, client: &Gcp, address: &Address) -> SdkHealthCheck {
        let check = SdkHealthCheck::new()
            .set_name(&self.name)
            .set_description(client.describe(address, TEXT))
            .set_type(Type::from(self.protocol.as_str()))
            .set_check_interval_sec(self.interval_seconds)
            .set_timeout_sec(self.timeout_seconds)
            .set_healthy_threshold(self.healthy_threshold)
            .set_unhealthy_threshold(self.unhealthy_threshold);
        match &self.path {
            Some(path) => {
                check.set_https_health_check(HTTPSHealthCheck::new().set_port(self.port).set_request_path(path))
            }
            None => check.set_tcp_health_check(TCPHealthCheck::new().set_port(self.port)),
        }
    }
}

fn read(client: &Gcp, check: &SdkHealthCheck) -> Option<Found<HealthCheck>> {
    let marked = client.owned(HealthCheck::SCHEMA.kind, check.self_link.as_deref(), check.description.as_deref())?;
    let protocol = check.r#type.as_ref().and_then(|kind| kind.name()).unwrap_or_default();
    let (https, tcp) = (check.https_health_check.as_ref(), check.tcp_health_check.as_ref());
    let port = https.and_then(|https| https.port).or_else(|| tcp.and_then(|tcp| tcp.port));
    Some(Found {
        address: marked.address,
        id: path_of(check.self_link.as_deref()?),
        resource: HealthCheck {
            name: check.name.clone()?,
            protocol: protocol.to_owned(),
            port: port.and_then(|port| port.try_into().ok()).unwrap_or_default(),
            path: https.and_then(|https| https.request_path.clone()),
            interval_seconds: check.check_interval_sec.unwrap_or_default(),
            timeout_seconds: check.timeout_sec.unwrap_or_default(),
            healthy_threshold: check.healthy_threshold.unwrap_or_default(),
            unhealthy_threshold: check.unhealthy_threshold.unwrap_or_default(),
        },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}
