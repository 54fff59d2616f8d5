//! The way out of private subnets: a Cloud Router and the NAT on it.

use async_trait::async_trait;
use google_cloud_compute_v1::model::router_nat::{NatIpAllocateOption, SourceSubnetworkIpRangesToNat};
use google_cloud_compute_v1::model::router_nat_log_config::Filter;
use google_cloud_compute_v1::model::router_nat_subnetwork_to_nat::SourceIpRangesToNat;
use google_cloud_compute_v1::model::{Router as SdkRouter, RouterNat, RouterNatLogConfig, RouterNatSubnetworkToNat};
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, Resource as _, record, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::{Address, Network, Subnetwork};
use crate::client::Gcp;
use crate::gce::{gone, id_of, last, made, pages, path_of, required};
use crate::limits::{compute_read, compute_write};

const TEXT: &str = "Egress of the private subnets of a Kubernetes cluster";

record! {
    /// What the NAT gives a machine.
    pub struct Ports {
        /// Ports that a machine has at least; a power of two.
        minimum: i32,
        /// Ports that it may come to have while it needs them; a power of two.
        maximum: i32,
    }
}

resource! {
    /// A router with one NAT. Cloud NAT is no machine and stands in no zone: one serves all of them.
    pub struct Router = "google_compute_router", "router and NAT", Replacement::DeleteFirst;
    fields {
        name: String => replace,
        network: Ref<Network> => replace,
        /// Name of the NAT.
        nat: String => replace,
        /// Subnets that it serves, with all their ranges.
        subnets: Set<Ref<Subnetwork>> => update,
        /// Public addresses that machines are seen with.
        addresses: Set<Ref<Address>> => update,
        ports: Ports => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Gcp> for Router {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let listing = client
            .listing("routers.list", || {
                pages(|token| async move {
                    let answer = client
                        .call(compute_read("routers.list"), || {
                            let service = &client.compute.routers;
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
        Ok(listing.iter().filter_map(|router| read(client, router)).collect())
    }

    async fn create(&self, client: &Gcp, new: &New) -> Result<Made, CloudError> {
        let body = SdkRouter::new()
            .set_name(&self.name)
            .set_description(client.describe(&new.address, TEXT))
            .set_network(id_of(&self.network)?)
            .set_nats([self.nat()?]);
        let operation = client
            .insert(compute_write("routers.insert"), &new.token, |id| {
                let service = &client.compute.routers;
                service
                    .insert()
                    .set_project(&client.project)
                    .set_region(&client.region)
                    .set_request_id(id)
                    .set_body(body.clone())
                    .send()
            })
            .await?;
        Ok(made(path_of(&required(operation.target_link, "routers.insert", "target")?)))
    }

    async fn update(&self, client: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let service = &client.compute.routers;
        let router = last(&existing.id);
        let now = client
            .call(compute_read("routers.get"), || {
                service.get().set_project(&client.project).set_region(&client.region).set_router(router).send()
            })
            .await?;
        // A patch writes the whole list, with the NATs of others on it.
        let others = now.nats.into_iter().filter(|nat| nat.name.as_ref() != Some(&self.nat));
        let body = SdkRouter::new().set_nats(others.chain([self.nat()?]));
        client
            .change(compute_write("routers.patch"), || {
                service
                    .patch()
                    .set_project(&client.project)
                    .set_region(&client.region)
                    .set_router(router)
                    .set_body(body.clone())
                    .send()
            })
            .await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let service = &client.compute.routers;
        gone(
            client
                .change(compute_write("routers.delete"), || {
                    service
                        .delete()
                        .set_project(&client.project)
                        .set_region(&client.region)
                        .set_router(last(&existing.id))
                        .send()
                })
                .await,
        )
    }
}

impl Router {
    fn nat(&self) -> Result<RouterNat, CloudError> {
        let subnets = self.subnets.0.iter().map(|subnet| {
            Ok(RouterNatSubnetworkToNat::new()
                .set_name(id_of(subnet)?)
                .set_source_ip_ranges_to_nat([SourceIpRangesToNat::AllIpRanges]))
        });
        let addresses = self.addresses.0.iter().map(id_of).collect::<Result<Vec<_>, _>>()?;
        Ok(RouterNat::new()
            .set_name(&self.nat)
            .set_nat_ip_allocate_option(NatIpAllocateOption::ManualOnly)
            .set_nat_ips(addresses)
            .set_source_subnetwork_ip_ranges_to_nat(SourceSubnetworkIpRangesToNat::ListOfSubnetworks)
            .set_subnetworks(subnets.collect::<Result<Vec<_>, CloudError>>()?)
            .set_enable_dynamic_port_allocation(true)
            // The two can't both be on (Cloud NAT, "Dynamic port allocation").
            .set_enable_endpoint_independent_mapping(false)
            .set_min_ports_per_vm(self.ports.minimum)
            .set_max_ports_per_vm(self.ports.maximum)
            .set_log_config(RouterNatLogConfig::new().set_enable(true).set_filter(Filter::ErrorsOnly)))
    }
}

fn read(client: &Gcp, router: &SdkRouter) -> Option<Found<Router>> {
    let marked = client.owned(Router::SCHEMA.kind, router.self_link.as_deref(), router.description.as_deref())?;
    // Someone may have put another on it; ours says so by how its name begins.
    let is_ours = |nat: &&RouterNat| nat.name.as_deref().is_some_and(|name| client.is_named_ours(name));
    let nat = router.nats.iter().find(is_ours);
    let subnets = nat.map(|nat| nat.subnetworks.as_slice()).unwrap_or_default();
    let addresses = nat.map(|nat| nat.nat_ips.as_slice()).unwrap_or_default();
    Some(Found {
        address: marked.address,
        id: path_of(router.self_link.as_deref()?),
        resource: Router {
            name: router.name.clone()?,
            network: Ref::existing(path_of(router.network.as_deref()?)),
            nat: nat.and_then(|nat| nat.name.clone()).unwrap_or_default(),
            subnets: subnets
                .iter()
                .filter_map(|subnet| Some(Ref::existing(path_of(subnet.name.as_deref()?))))
                .collect(),
            addresses: addresses.iter().map(|link| Ref::existing(path_of(link))).collect(),
            ports: Ports {
                minimum: nat.and_then(|nat| nat.min_ports_per_vm).unwrap_or_default(),
                maximum: nat.and_then(|nat| nat.max_ports_per_vm).unwrap_or_default(),
            },
        },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}
