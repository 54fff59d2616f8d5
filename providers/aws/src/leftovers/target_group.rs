//! Target groups of services and ingresses.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::TargetGroup;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource, resource};
use meridian_provider_api::{CloudError, Existing, Found, LeftoverOps, Scope};

use super::is_leftover;
use crate::client::Aws;
use crate::ec2::pages;
use crate::load_balancer::listing::{read_api, tags};
use crate::load_balancer::target_group::remove;
use crate::network::Vpc;

resource! {
    /// A target group that a controller made. Its id is its ARN.
    pub struct KubernetesTargetGroup = "aws_kubernetes_target_group", "target group of a service", Replacement::DeleteFirst;
    fields {
        name: String => replace,
        vpc: Ref<Vpc> => replace,
    }
    computed {}
}

#[async_trait]
impl LeftoverOps<Aws> for KubernetesTargetGroup {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let read = |group: &TargetGroup| {
            let name = group.target_group_name()?;
            Some(Found {
                address: Address::new(Self::SCHEMA.kind, name).ok()?,
                id: group.target_group_arn.clone()?,
                resource: Self { name: name.to_owned(), vpc: Ref::existing(group.vpc_id.clone().unwrap_or_default()) },
                computed: Fields::new(),
                condition: Condition::Ready,
            })
        };
        Ok(groups(client).await?.iter().filter_map(read).collect())
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        remove(client, &existing.id).await
    }
}

/// The target groups that controllers made. All have to be listed: there is no filter.
pub(super) async fn groups(client: &Aws) -> Result<Arc<Vec<TargetGroup>>, CloudError> {
    client
        .listing("kubernetes target groups", || async {
            let all = pages(|marker| async move {
                let page = client
                    .call(read_api("DescribeTargetGroups"), || {
                        client.elb.describe_target_groups().set_marker(marker.clone()).send()
                    })
                    .await?;
                Ok((page.target_groups, page.next_marker))
            })
            .await?;
            let arns = all.iter().filter_map(|group| group.target_group_arn.clone()).collect();
            let tags = tags(client, arns).await?;
            let theirs = |group: &TargetGroup| {
                let tags = group.target_group_arn().and_then(|arn| tags.get(arn));
                tags.is_some_and(|tags| is_leftover(&client.cluster, tags))
            };
            Ok(all.into_iter().filter(theirs).collect())
        })
        .await
}
