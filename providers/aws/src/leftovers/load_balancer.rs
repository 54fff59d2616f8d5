//! Load balancers of services and ingresses, of the application and network kind. [`super::classic_load_balancer`] has the
//! others.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::LoadBalancer;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource, resource};
use meridian_provider_api::{CloudError, Existing, Found, LeftoverOps, Scope};

use super::target_group::groups;
use super::{KubernetesSecurityGroup, KubernetesTargetGroup, is_leftover};
use crate::client::Aws;
use crate::ec2::pages;
use crate::load_balancer::balancer::remove;
use crate::load_balancer::listing::{read_api, tags};
use crate::network::Subnet;

resource! {
    /// A load balancer that a controller made. Its id is its ARN.
    pub struct KubernetesLoadBalancer = "aws_kubernetes_load_balancer", "load balancer of a service", Replacement::DeleteFirst;
    fields {
        name: String => replace,
        subnets: Vec<Ref<Subnet>> => replace,
        security_groups: Vec<Ref<KubernetesSecurityGroup>> => replace,
        /// They can't go while its listeners use them, so it goes first.
        target_groups: Vec<Ref<KubernetesTargetGroup>> => replace,
    }
    computed {}
}

#[async_trait]
impl LeftoverOps<Aws> for KubernetesLoadBalancer {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let (balancers, groups) = tokio::try_join!(balancers(client), groups(client))?;
        let read = |balancer: &LoadBalancer| {
            let (arn, name) = (balancer.load_balancer_arn()?, balancer.load_balancer_name()?);
            let behind = groups.iter().filter(|group| group.load_balancer_arns().iter().any(|of| of == arn));
            let subnets = balancer.availability_zones().iter().filter_map(|zone| zone.subnet_id());
            Some(Found {
                address: Address::new(Self::SCHEMA.kind, name).ok()?,
                id: arn.to_owned(),
                resource: Self {
                    name: name.to_owned(),
                    subnets: subnets.map(Ref::existing).collect(),
                    security_groups: balancer.security_groups().iter().map(Ref::existing).collect(),
                    target_groups: behind.filter_map(|group| group.target_group_arn()).map(Ref::existing).collect(),
                },
                computed: Fields::new(),
                condition: Condition::Ready,
            })
        };
        Ok(balancers.iter().filter_map(read).collect())
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        remove(client, &existing.id).await
    }
}

/// The load balancers that controllers made. All have to be listed: there is no filter.
async fn balancers(client: &Aws) -> Result<Arc<Vec<LoadBalancer>>, CloudError> {
    client
        .listing("kubernetes load balancers", || async {
            let all = pages(|marker| async move {
                let page = client
                    .call(read_api("DescribeLoadBalancers"), || {
                        client.elb.describe_load_balancers().set_marker(marker.clone()).send()
                    })
                    .await?;
                Ok((page.load_balancers, page.next_marker))
            })
            .await?;
            let arns = all.iter().filter_map(|balancer| balancer.load_balancer_arn.clone()).collect();
            let tags = tags(client, arns).await?;
            let theirs = |balancer: &LoadBalancer| {
                let tags = balancer.load_balancer_arn().and_then(|arn| tags.get(arn));
                tags.is_some_and(|tags| is_leftover(&client.cluster, tags))
            };
            Ok(all.into_iter().filter(theirs).collect())
        })
        .await
}
