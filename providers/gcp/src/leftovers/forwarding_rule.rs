//! Forwarding rules: the addresses of services.

use async_trait::async_trait;
use google_cloud_compute_v1::model::ForwardingRule;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource, resource};
use meridian_provider_api::{CloudError, Existing, Found, LeftoverOps, Scope};

use super::backend_service::services;
use super::target_pool::pools;
use super::{KubernetesBackendService, KubernetesTargetPool, SERVICE, described, is_own_network, is_theirs};
use crate::client::Gcp;
use crate::gce::{gone, last, pages, path_of};
use crate::limits::{compute_read, compute_write};
use crate::network::Subnetwork;

resource! {
    /// A forwarding rule that a controller made.
    pub struct KubernetesForwardingRule = "google_kubernetes_forwarding_rule", "load balancer of a service", Replacement::DeleteFirst;
    fields {
        /// The service, if it is told.
        service: Option<String> => replace,
        /// What it leads to can't go before it.
        target_pool: Option<Ref<KubernetesTargetPool>> => replace,
        backend_service: Option<Ref<KubernetesBackendService>> => replace,
        subnetwork: Option<Ref<Subnetwork>> => replace,
    }
    computed {}
}

#[async_trait]
impl LeftoverOps<Gcp> for KubernetesForwardingRule {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let rules = pages(|token| async move {
            let page = client
                .call(compute_read("forwardingRules.list"), || {
                    let request = client.compute.forwarding_rules.list().set_project(&client.project);
                    request.set_region(&client.region).set_or_clear_page_token(token.clone()).send()
                })
                .await?;
            Ok((page.items, page.next_page_token))
        });
        let (rules, pools, services) = tokio::try_join!(rules, pools(client), services(client))?;
        let pools = pools.iter().filter_map(|pool| pool.self_link.as_deref());
        let services = services.iter().filter_map(|service| service.self_link.as_deref());
        let behind: Vec<String> = pools.chain(services).map(path_of).collect();
        Ok(rules.iter().filter_map(|rule| read(client, rule, &behind)).collect())
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        gone(
            client
                .change(compute_write("forwardingRules.delete"), || {
                    let request = client.compute.forwarding_rules.delete().set_project(&client.project);
                    request.set_region(&client.region).set_forwarding_rule(last(&existing.id)).send()
                })
                .await,
        )
    }
}

/// A rule of a controller that leads to one of `behind`, or has its address in the cluster's own network.
fn read(client: &Gcp, rule: &ForwardingRule, behind: &[String]) -> Option<Found<KubernetesForwardingRule>> {
    let path = |link: &Option<String>| link.as_deref().map(path_of);
    let (target, service) = (path(&rule.target), path(&rule.backend_service));
    let leads_there = target.iter().chain(&service).any(|path| behind.contains(path));
    let is_near = leads_there || is_own_network(client, rule.network.as_deref());
    if !is_near || !is_theirs(rule.name.as_deref(), rule.description.as_deref()) {
        return None;
    }
    Some(Found {
        address: Address::new(KubernetesForwardingRule::SCHEMA.kind, rule.name.as_deref()?).ok()?,
        id: path_of(rule.self_link.as_deref()?),
        resource: KubernetesForwardingRule {
            service: described(rule.description.as_deref(), SERVICE),
            target_pool: target.map(Ref::existing),
            backend_service: service.map(Ref::existing),
            subnetwork: path(&rule.subnetwork).map(Ref::existing),
        },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::testing::client;
    use crate::leftovers::own_network;

    #[tokio::test]
    async fn a_rule_is_known_by_what_it_leads_to_or_by_its_network() {
        let client = client().await;
        let pool = "projects/p/regions/europe-west1/targetPools/a0123";
        let rule = ForwardingRule::new()
            .set_name("a0123")
            .set_self_link(
                "https://www.googleapis.com/compute/v1/projects/p/regions/europe-west1/forwardingRules/a0123",
            )
            .set_description(r#"{"kubernetes.io/service-name":"default/web"}"#)
            .set_target(format!("https://www.googleapis.com/compute/v1/{pool}"));
        assert!(read(&client, &rule, &[]).is_none());
        let found = read(&client, &rule, &[pool.to_owned()]).unwrap();
        assert_eq!(found.resource.target_pool, Some(Ref::existing(pool)));
        assert_eq!(found.resource.service.as_deref(), Some("default/web"));
        assert!(read(&client, &rule.clone().set_network(own_network(&client)), &[]).is_some());
        let ours = rule.set_network(own_network(&client)).set_description("ours [meridian cluster=demo]");
        assert!(read(&client, &ours, &[pool.to_owned()]).is_none());
    }
}
