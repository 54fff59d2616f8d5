//! Firewall rules of services.

use async_trait::async_trait;
use google_cloud_compute_v1::model::Firewall;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource, resource};
use meridian_provider_api::{CloudError, Existing, Found, LeftoverOps, Scope};

use super::{SERVICE, described, is_own_network, is_theirs};
use crate::client::Gcp;
use crate::gce::{gone, last, pages, path_of};
use crate::limits::{compute_read, compute_write};
use crate::network::Network;

resource! {
    /// A firewall rule that a controller made.
    pub struct KubernetesFirewall = "google_kubernetes_firewall", "firewall rule of a service", Replacement::DeleteFirst;
    fields {
        /// The service, if it is told.
        service: Option<String> => replace,
        network: Ref<Network> => replace,
    }
    computed {}
}

#[async_trait]
impl LeftoverOps<Gcp> for KubernetesFirewall {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let rules = pages(|token| async move {
            let page = client
                .call(compute_read("firewalls.list"), || {
                    let request = client.compute.firewalls.list().set_project(&client.project);
                    request.set_or_clear_page_token(token.clone()).send()
                })
                .await?;
            Ok((page.items, page.next_page_token))
        })
        .await?;
        Ok(rules.iter().filter_map(|rule| read(client, rule)).collect())
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        gone(
            client
                .change(compute_write("firewalls.delete"), || {
                    let request = client.compute.firewalls.delete().set_project(&client.project);
                    request.set_firewall(last(&existing.id)).send()
                })
                .await,
        )
    }
}

fn read(client: &Gcp, rule: &Firewall) -> Option<Found<KubernetesFirewall>> {
    let (name, description) = (rule.name.as_deref()?, rule.description.as_deref());
    if !is_own_network(client, rule.network.as_deref()) || !is_theirs(Some(name), description) {
        return None;
    }
    Some(Found {
        address: Address::new(KubernetesFirewall::SCHEMA.kind, name).ok()?,
        id: path_of(rule.self_link.as_deref()?),
        resource: KubernetesFirewall {
            service: described(description, SERVICE),
            network: Ref::existing(path_of(rule.network.as_deref()?)),
        },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}
