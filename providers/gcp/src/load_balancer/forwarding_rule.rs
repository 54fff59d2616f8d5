//! The address and port that clients of the API connect to.

use async_trait::async_trait;
use google_cloud_compute_v1::model::forwarding_rule::{IPProtocol, LoadBalancingScheme, NetworkTier};
use google_cloud_compute_v1::model::{ForwardingRule as SdkForwardingRule, RegionSetLabelsRequest};
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Attr, Fields, Ref, Resource as _, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::BackendService;
use crate::client::Gcp;
use crate::compute::relabelled;
use crate::gce::{computed, gone, id_of, last, pages, path_of, required};
use crate::limits::{compute_read, compute_write};
use crate::marks::{Labels, own_labels};
use crate::network::{Network, Subnetwork};

const TEXT: &str = "API of a Kubernetes cluster";

resource! {
    /// A forwarding rule of the region, for one TCP port.
    pub struct ForwardingRule = "google_compute_forwarding_rule", "forwarding rule", Replacement::DeleteFirst;
    fields {
        name: String => replace,
        /// `EXTERNAL` or `INTERNAL`.
        scheme: String => replace,
        /// The reserved address.
        address: Attr<String> => replace,
        port: u16 => replace,
        backend_service: Ref<BackendService> => replace,
        /// Network and subnet of an internal one.
        network: Option<Ref<Network>> => replace,
        subnet: Option<Ref<Subnetwork>> => replace,
        /// Whether clients in other regions of the network reach an internal one.
        global_access: bool => update,
        labels: Labels => update,
    }
    computed { endpoint }
}

#[async_trait]
impl KindOps<Gcp> for ForwardingRule {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let listing = client
            .listing("forwardingRules.list", || {
                pages(|token| async move {
                    let answer = client
                        .call(compute_read("forwardingRules.list"), || {
                            let service = &client.compute.forwarding_rules;
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
        Ok(listing.iter().filter_map(|rule| read(client, rule)).collect())
    }

    async fn create(&self, client: &Gcp, new: &New) -> Result<Made, CloudError> {
        let address = self.address()?;
        let internal = self.subnet.is_some();
        let body = SdkForwardingRule::new()
            .set_name(&self.name)
            .set_description(client.describe(&new.address, TEXT))
            .set_load_balancing_scheme(LoadBalancingScheme::from(self.scheme.as_str()))
            .set_ip_address(address)
            .set_ip_protocol(IPProtocol::Tcp)
            .set_ports([self.port.to_string()])
            .set_backend_service(id_of(&self.backend_service)?)
            .set_or_clear_network(self.network.as_ref().map(id_of).transpose()?)
            .set_or_clear_subnetwork(self.subnet.as_ref().map(id_of).transpose()?)
            .set_or_clear_network_tier((!internal).then_some(NetworkTier::Premium))
            .set_or_clear_allow_global_access(internal.then_some(self.global_access))
            .set_labels(client.all_labels(&self.labels));
        let operation = client
            .insert(compute_write("forwardingRules.insert"), &new.token, |id| {
                let service = &client.compute.forwarding_rules;
                service
                    .insert()
                    .set_project(&client.project)
                    .set_region(&client.region)
                    .set_request_id(id)
                    .set_body(body.clone())
                    .send()
            })
            .await?;
        self.made(path_of(&required(operation.target_link, "forwardingRules.insert", "target")?))
    }

    async fn update(&self, client: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let name = last(&existing.id);
        let service = &client.compute.forwarding_rules;
        let get = || {
            client.call(compute_read("forwardingRules.get"), || {
                service.get().set_project(&client.project).set_region(&client.region).set_forwarding_rule(name).send()
            })
        };
        if self.global_access != existing.before.global_access {
            client
                .edit(|| async {
                    let body = SdkForwardingRule::new()
                        .set_or_clear_fingerprint(get().await?.fingerprint)
                        .set_allow_global_access(self.global_access);
                    client
                        .change(compute_write("forwardingRules.patch"), || {
                            service
                                .patch()
                                .set_project(&client.project)
                                .set_region(&client.region)
                                .set_forwarding_rule(name)
                                .set_body(body.clone())
                                .send()
                        })
                        .await
                })
                .await?;
        }
        if self.labels != existing.before.labels {
            client
                .edit(|| async {
                    let now = get().await?;
                    let body = RegionSetLabelsRequest::new()
                        .set_or_clear_label_fingerprint(now.label_fingerprint)
                        .set_labels(relabelled(client, now.labels, &existing.before.labels, &self.labels));
                    client
                        .change(compute_write("forwardingRules.setLabels"), || {
                            service
                                .set_labels()
                                .set_project(&client.project)
                                .set_region(&client.region)
                                .set_resource(name)
                                .set_body(body.clone())
                                .send()
                        })
                        .await
                })
                .await?;
        }
        self.made(existing.id.clone())
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let service = &client.compute.forwarding_rules;
        gone(
            client
                .change(compute_write("forwardingRules.delete"), || {
                    service
                        .delete()
                        .set_project(&client.project)
                        .set_region(&client.region)
                        .set_forwarding_rule(last(&existing.id))
                        .send()
                })
                .await,
        )
    }
}

impl ForwardingRule {
    fn address(&self) -> Result<&str, CloudError> {
        let known = self.address.get().map(String::as_str);
        known.map_err(|error| CloudError::new(ErrorKind::Invalid, "reading a reference", error.to_string()))
    }

    fn made(&self, id: String) -> Result<Made, CloudError> {
        Ok(Made { id, computed: endpoint(self.address()?, self.port) })
    }
}

fn endpoint(address: &str, port: u16) -> Fields {
    computed([("endpoint", format!("https://{address}:{port}"))])
}

fn read(client: &Gcp, rule: &SdkForwardingRule) -> Option<Found<ForwardingRule>> {
    let marked = client.owned(ForwardingRule::SCHEMA.kind, rule.self_link.as_deref(), rule.description.as_deref())?;
    let address = rule.ip_address.clone().unwrap_or_default();
    // One port is told as a port, or as a range of one.
    let range = rule.port_range.as_deref().and_then(|range| range.split('-').next());
    let port = rule.ports.first().map(String::as_str).or(range).and_then(|port| port.parse().ok()).unwrap_or_default();
    let scheme = rule.load_balancing_scheme.as_ref()?.name()?.to_owned();
    // The network of an external one is told, too, and is not what it was made with.
    let inside = |link: &Option<String>| link.as_deref().filter(|_| scheme == "INTERNAL").map(path_of);
    Some(Found {
        address: marked.address,
        id: path_of(rule.self_link.as_deref()?),
        computed: endpoint(&address, port),
        resource: ForwardingRule {
            name: rule.name.clone()?,
            address: Attr::Known(address),
            port,
            backend_service: Ref::existing(rule.backend_service.as_deref().map(path_of).unwrap_or_default()),
            network: inside(&rule.network).map(Ref::existing),
            subnet: inside(&rule.subnetwork).map(Ref::existing),
            global_access: rule.allow_global_access.unwrap_or_default(),
            labels: own_labels(&rule.labels),
            scheme,
        },
        condition: Condition::Ready,
    })
}
