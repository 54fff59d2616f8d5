//! A firewall rule of the network.

use async_trait::async_trait;
use google_cloud_compute_v1::model::Firewall as SdkFirewall;
use google_cloud_compute_v1::model::firewall::{Allowed, Direction};
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, Resource as _, record, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use crate::client::Gcp;
use crate::gce::{gone, id_of, last, made, pages, path_of, required};
use crate::identity::ServiceAccount;
use crate::limits::{compute_read, compute_write};
use crate::network::Network;

/// Priority of every rule; the network's own implied ones come last, at 65535.
const PRIORITY: i32 = 1000;

record! {
    /// What may pass.
    pub struct Traffic {
        /// `tcp` or `udp`.
        protocol: String,
        /// Ports or ranges of ports (`2379-2380`).
        ports: Set<String>,
    }
}

resource! {
    /// A rule that lets something in. It goes by who machines are, which nobody else can claim to be, as they could with
    /// network tags.
    pub struct Firewall = "google_compute_firewall", "firewall rule", Replacement::DeleteFirst;
    fields {
        name: String => replace,
        network: Ref<Network> => replace,
        /// Why the rule is there.
        description: String => update,
        /// Ranges that are let in; empty where it goes by service accounts.
        source_ranges: Set<String> => update,
        /// Machines that are let in; empty where it goes by ranges.
        source_accounts: Set<Ref<ServiceAccount>> => update,
        /// Machines that the rule holds for.
        target_accounts: Set<Ref<ServiceAccount>> => update,
        traffic: Set<Traffic> => update,
        disabled: bool => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Gcp> for Firewall {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let listing = client
            .listing("firewalls.list", || {
                pages(|token| async move {
                    let answer = client
                        .call(compute_read("firewalls.list"), || {
                            let service = &client.compute.firewalls;
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
        Ok(listing.iter().filter_map(|rule| read(client, rule)).collect())
    }

    async fn create(&self, client: &Gcp, new: &New) -> Result<Made, CloudError> {
        let body = self.body(client, &new.address)?;
        let operation = client
            .insert(compute_write("firewalls.insert"), &new.token, |id| {
                let service = &client.compute.firewalls;
                service.insert().set_project(&client.project).set_request_id(id).set_body(body.clone()).send()
            })
            .await?;
        Ok(made(path_of(&required(operation.target_link, "firewalls.insert", "target")?)))
    }

    async fn update(&self, client: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let service = &client.compute.firewalls;
        let now = client
            .call(compute_read("firewalls.get"), || {
                service.get().set_project(&client.project).set_firewall(last(&existing.id)).send()
            })
            .await?;
        // An update writes everything; what is logged is not ours to say.
        let body = self.body(client, &existing.address)?.set_or_clear_log_config(now.log_config);
        client
            .change(compute_write("firewalls.update"), || {
                service
                    .update()
                    .set_project(&client.project)
                    .set_firewall(last(&existing.id))
                    .set_body(body.clone())
                    .send()
            })
            .await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let service = &client.compute.firewalls;
        gone(
            client
                .change(compute_write("firewalls.delete"), || {
                    service.delete().set_project(&client.project).set_firewall(last(&existing.id)).send()
                })
                .await,
        )
    }
}

impl Firewall {
    fn body(&self, client: &Gcp, address: &meridian_engine::Address) -> Result<SdkFirewall, CloudError> {
        let sources = self.source_accounts.0.iter().map(id_of).collect::<Result<Vec<_>, _>>()?;
        let targets = self.target_accounts.0.iter().map(id_of).collect::<Result<Vec<_>, _>>()?;
        // A rule without a source lets everyone in, and one without a target holds for every machine.
        if targets.is_empty() || sources.is_empty() && self.source_ranges.0.is_empty() {
            let message = format!("{address} has no source or no target, and would be open to all");
            return Err(CloudError::new(ErrorKind::Invalid, "compute:firewalls.insert", message));
        }
        let allowed = self
            .traffic
            .0
            .iter()
            .map(|traffic| Allowed::new().set_ip_protocol(&traffic.protocol).set_ports(traffic.ports.0.clone()));
        Ok(SdkFirewall::new()
            .set_name(&self.name)
            .set_description(client.describe(address, &self.description))
            .set_network(id_of(&self.network)?)
            .set_direction(Direction::Ingress)
            .set_priority(PRIORITY)
            .set_disabled(self.disabled)
            .set_allowed(allowed)
            .set_source_ranges(self.source_ranges.0.clone())
            .set_source_service_accounts(sources)
            .set_target_service_accounts(targets))
    }
}

fn read(client: &Gcp, rule: &SdkFirewall) -> Option<Found<Firewall>> {
    let marked = client.owned(Firewall::SCHEMA.kind, rule.self_link.as_deref(), rule.description.as_deref())?;
    let accounts = |emails: &[String]| emails.iter().map(|email| Ref::existing(email.as_str())).collect();
    let traffic = rule.allowed.iter().map(|allowed| Traffic {
        protocol: allowed.ip_protocol.clone().unwrap_or_default(),
        ports: Set(allowed.ports.clone()),
    });
    Some(Found {
        address: marked.address,
        id: path_of(rule.self_link.as_deref()?),
        resource: Firewall {
            name: rule.name.clone()?,
            network: Ref::existing(path_of(rule.network.as_deref()?)),
            description: marked.text,
            source_ranges: Set(rule.source_ranges.clone()),
            source_accounts: accounts(&rule.source_service_accounts),
            target_accounts: accounts(&rule.target_service_accounts),
            traffic: traffic.collect(),
            disabled: rule.disabled.unwrap_or_default(),
        },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}
