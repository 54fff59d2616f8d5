//! The cluster's network.

use async_trait::async_trait;
use google_cloud_compute_v1::model::network_routing_config::RoutingMode;
use google_cloud_compute_v1::model::{Network as SdkNetwork, NetworkRoutingConfig};
use meridian_engine::observed::Condition;
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Resource as _};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use crate::client::Gcp;
use crate::gce::{gone, last, made, pages, path_of, required};
use crate::limits::{compute_read, compute_write};

const TEXT: &str = "Network of a Kubernetes cluster";

resource! {
    /// A VPC network. It is one for all regions; the cluster's has subnets in one.
    pub struct Network = "google_compute_network", "network", Replacement::Refused(
        "everything in the cluster stands in it, etcd's data included; make a second cluster and move over"
    );
    fields {
        name: String => replace,
        /// Whether Google makes a subnet in every region by itself.
        automatic_subnets: bool => replace,
        /// `REGIONAL` or `GLOBAL`: how far Cloud Routers' routes reach.
        routing_mode: String => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Gcp> for Network {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let listing = client
            .listing("networks.list", || {
                pages(|token| async move {
                    let answer = client
                        .call(compute_read("networks.list"), || {
                            let service = &client.compute.networks;
                            service
                                .list()
                                .set_project(&client.project)
                                .set_filter(client.name_filter())
                                .set_or_clear_page_token(token.clone())
                                .send()
                        })
                        .await?;
                    Ok((answer.items, answer.next_page_token))
                })
            })
            .await?;
        Ok(listing.iter().filter_map(|network| read(client, network)).collect())
    }

    async fn create(&self, client: &Gcp, new: &New) -> Result<Made, CloudError> {
        let body = SdkNetwork::new()
            .set_name(&self.name)
            .set_description(client.describe(&new.address, TEXT))
            .set_auto_create_subnetworks(self.automatic_subnets)
            .set_routing_config(self.routing());
        let operation = client
            .insert(compute_write("networks.insert"), &new.token, |id| {
                let service = &client.compute.networks;
                service.insert().set_project(&client.project).set_request_id(id).set_body(body.clone()).send()
            })
            .await?;
        Ok(made(path_of(&required(operation.target_link, "networks.insert", "target")?)))
    }

    async fn update(&self, client: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
        if self.routing_mode != existing.before.routing_mode {
            let body = SdkNetwork::new().set_routing_config(self.routing());
            client
                .change(compute_write("networks.patch"), || {
                    let service = &client.compute.networks;
                    service
                        .patch()
                        .set_project(&client.project)
                        .set_network(last(&existing.id))
                        .set_body(body.clone())
                        .send()
                })
                .await?;
        }
        Ok(made(&existing.id))
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let service = &client.compute.networks;
        gone(
            client
                .change(compute_write("networks.delete"), || {
                    service.delete().set_project(&client.project).set_network(last(&existing.id)).send()
                })
                .await,
        )
    }
}

impl Network {
    fn routing(&self) -> NetworkRoutingConfig {
        NetworkRoutingConfig::new().set_routing_mode(RoutingMode::from(self.routing_mode.as_str()))
    }
}

fn read(client: &Gcp, network: &SdkNetwork) -> Option<Found<Network>> {
    let marked = client.owned(Network::SCHEMA.kind, network.self_link.as_deref(), network.description.as_deref())?;
    let mode = network.routing_config.as_ref().and_then(|routing| routing.routing_mode.as_ref()?.name());
    Some(Found {
        address: marked.address,
        id: path_of(network.self_link.as_deref()?),
        resource: Network {
            name: network.name.clone()?,
            automatic_subnets: network.auto_create_subnetworks.unwrap_or_default(),
            routing_mode: mode.unwrap_or_default().to_owned(),
        },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}
