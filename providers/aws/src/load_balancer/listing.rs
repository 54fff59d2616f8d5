//! Everything of Elastic Load Balancing that a cluster has, read in three steps: load balancers and target groups by
//! name, then what hangs on them, then the tags of all. Elastic Load Balancing can't filter by tag.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use aws_sdk_elasticloadbalancingv2::types::{
    Listener, LoadBalancer, Tag, TargetGroup, TargetHealthDescription, TargetHealthStateEnum,
};
use futures::future::try_join_all;
use meridian_engine::Address;
use meridian_provider_api::{Api, CloudError};

use crate::client::{Aws, Tags, owned};
use crate::compile::names::{API, lb_name};
use crate::ec2::{found, pages};
use crate::limits::other;

/// The load balancers of a cluster by their role.
const ROLES: [&str; 1] = [API];

/// `DescribeTags` takes no more at once.
const TAGS_AT_ONCE: usize = 20;

/// What exists.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub balancers: Vec<LoadBalancer>,
    pub groups: Vec<TargetGroup>,
    pub listeners: Vec<Listener>,
    /// Addresses of registered targets by the target group's ARN, without those that are leaving.
    targets: BTreeMap<String, Vec<String>>,
    tags: BTreeMap<String, Tags>,
}

impl Listing {
    /// The listing that all kinds share.
    pub async fn of(client: &Aws) -> Result<Arc<Self>, CloudError> {
        client.listing("elbv2", || read(client)).await
    }

    /// The address of what is ours and of `kind`, and its own tags.
    pub fn own(&self, client: &Aws, kind: &str, arn: &str) -> Option<(Address, Tags)> {
        owned(client.owner(), kind, Some(arn), self.tags.get(arn)?.clone())
    }

    /// The targets of a group.
    pub fn targets(&self, arn: &str) -> Vec<String> {
        self.targets.get(arn).cloned().unwrap_or_default()
    }
}

pub(crate) fn read_api(operation: &'static str) -> Api {
    other("elasticloadbalancing", operation, true)
}

pub(crate) fn write_api(operation: &'static str) -> Api {
    other("elasticloadbalancing", operation, true)
}

/// A create: sent twice it is refused, or answered only if every setting is the same.
pub(super) fn create_api(operation: &'static str) -> Api {
    other("elasticloadbalancing", operation, false)
}

async fn read(client: &Aws) -> Result<Listing, CloudError> {
    let names: Vec<String> = ROLES.iter().map(|role| lb_name(&client.cluster, role)).collect();
    let balancers = async {
        let api = read_api("DescribeLoadBalancers");
        let answer =
            client.call(api, || client.elb.describe_load_balancers().set_names(Some(names.clone())).send()).await;
        Ok(found(answer)?.and_then(|answer| answer.load_balancers).unwrap_or_default())
    };
    let groups = async {
        let api = read_api("DescribeTargetGroups");
        let answer =
            client.call(api, || client.elb.describe_target_groups().set_names(Some(names.clone())).send()).await;
        Ok(found(answer)?.and_then(|answer| answer.target_groups).unwrap_or_default())
    };
    let (balancers, groups): (Vec<LoadBalancer>, Vec<TargetGroup>) = tokio::try_join!(balancers, groups)?;

    let listeners =
        try_join_all(balancers.iter().filter_map(|b| b.load_balancer_arn()).map(|arn| listeners(client, arn)));
    let targets = try_join_all(
        groups
            .iter()
            .filter_map(|group| group.target_group_arn())
            .map(|arn| async move { Ok::<_, CloudError>((arn.to_owned(), targets(client, arn).await?)) }),
    );
    let (listeners, targets) = tokio::try_join!(listeners, targets)?;
    let listeners: Vec<Listener> = listeners.into_iter().flatten().collect();
    let arns = balancers
        .iter()
        .filter_map(|balancer| balancer.load_balancer_arn.clone())
        .chain(groups.iter().filter_map(|group| group.target_group_arn.clone()))
        .chain(listeners.iter().filter_map(|listener| listener.listener_arn.clone()))
        .collect();
    let tags = tags(client, arns).await?;
    Ok(Listing { balancers, groups, listeners, targets: targets.into_iter().collect(), tags })
}

async fn listeners(client: &Aws, balancer: &str) -> Result<Vec<Listener>, CloudError> {
    let answer = pages(|marker| async move {
        let page = client
            .call(read_api("DescribeListeners"), || {
                client.elb.describe_listeners().load_balancer_arn(balancer).set_marker(marker.clone()).send()
            })
            .await?;
        Ok((page.listeners, page.next_marker))
    })
    .await;
    Ok(found(answer)?.unwrap_or_default())
}

/// The addresses of a group's targets, without those that are leaving.
pub(super) async fn targets(client: &Aws, group: &str) -> Result<Vec<String>, CloudError> {
    let api = read_api("DescribeTargetHealth");
    let answer = client.call(api, || client.elb.describe_target_health().target_group_arn(group).send()).await;
    let targets = found(answer)?.and_then(|answer| answer.target_health_descriptions).unwrap_or_default();
    Ok(staying(&targets))
}

fn staying(targets: &[TargetHealthDescription]) -> Vec<String> {
    let leaves = |target: &TargetHealthDescription| {
        matches!(
            target.target_health().and_then(|health| health.state()),
            Some(TargetHealthStateEnum::Draining | TargetHealthStateEnum::UnhealthyDraining)
        )
    };
    targets.iter().filter(|target| !leaves(target)).filter_map(|target| target.target()?.id.clone()).collect()
}

/// The tags of load balancers, target groups and listeners, by ARN.
pub(crate) async fn tags(client: &Aws, arns: Vec<String>) -> Result<BTreeMap<String, Tags>, CloudError> {
    let answers = in_batches(&arns, |arns| async move {
        let api = read_api("DescribeTags");
        found(client.call(api, || client.elb.describe_tags().set_resource_arns(Some(arns.clone())).send()).await)
    })
    .await?;
    Ok(answers
        .into_iter()
        .flat_map(|answer| answer.tag_descriptions.unwrap_or_default())
        .filter_map(|description| {
            let tags = description.tags.unwrap_or_default();
            let tags = tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect();
            Some((description.resource_arn?, tags))
        })
        .collect())
}

/// Asks for the tags of as many as one call takes. One that went meanwhile gives no answer for all of them; then each is
/// asked for alone, so that the others are not taken for gone.
pub(crate) async fn in_batches<T, F, Fut>(names: &[String], ask: F) -> Result<Vec<T>, CloudError>
where
    F: Fn(Vec<String>) -> Fut,
    Fut: Future<Output = Result<Option<T>, CloudError>>,
{
    let batches = try_join_all(names.chunks(TAGS_AT_ONCE).map(|batch| {
        let ask = &ask;
        async move {
            if let Some(answer) = ask(batch.to_vec()).await? {
                return Ok(vec![answer]);
            }
            let each = try_join_all(batch.iter().map(|name| ask(vec![name.clone()]))).await?;
            Ok::<_, CloudError>(each.into_iter().flatten().collect())
        }
    }))
    .await?;
    Ok(batches.into_iter().flatten().collect())
}

/// The same tags as the SDK has them.
pub(super) fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Makes a resource's own tags those of `after`. Tags in neither are left alone.
pub(super) async fn retag(client: &Aws, arn: &str, before: &Tags, after: &Tags) -> Result<(), CloudError> {
    let set: Tags =
        after.iter().filter(|(k, v)| before.get(*k) != Some(*v)).map(|(k, v)| (k.clone(), v.clone())).collect();
    let gone: Vec<String> = before.keys().filter(|key| !after.contains_key(*key)).cloned().collect();
    if !set.is_empty() {
        client
            .call(write_api("AddTags"), || {
                client.elb.add_tags().resource_arns(arn).set_tags(Some(sdk_tags(&set))).send()
            })
            .await?;
    }
    if !gone.is_empty() {
        client
            .call(write_api("RemoveTags"), || {
                client.elb.remove_tags().resource_arns(arn).set_tag_keys(Some(gone.clone())).send()
            })
            .await?;
    }
    Ok(())
}

/// Waits until `look` finds nothing any more.
pub(super) async fn until_gone<T, F, Fut>(
    client: &Aws,
    operation: &str,
    arn: &str,
    mut look: F,
) -> Result<(), CloudError>
where
    F: FnMut() -> Fut + Send,
    Fut: Future<Output = Result<Option<T>, CloudError>> + Send,
    T: Send,
{
    client
        .caller
        .until(operation, &format!("{arn} to be gone"), || {
            let seen = look();
            async move { Ok(seen.await?.is_none().then_some(())) }
        })
        .await
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::{TargetDescription, TargetHealth};

    use super::*;

    #[test]
    fn a_target_that_drains_is_no_target() {
        let target = |id: &str, state| {
            TargetHealthDescription::builder()
                .target(TargetDescription::builder().id(id).build())
                .target_health(TargetHealth::builder().state(state).build())
                .build()
        };
        let all = [
            target("10.0.0.1", TargetHealthStateEnum::Healthy),
            target("10.0.0.2", TargetHealthStateEnum::Draining),
            target("10.0.0.3", TargetHealthStateEnum::Unused),
        ];
        assert_eq!(staying(&all), ["10.0.0.1", "10.0.0.3"]);
    }

    #[tokio::test]
    async fn one_that_is_gone_does_not_hide_the_others() {
        let names: Vec<String> = (0..25).map(|number| number.to_string()).collect();
        let answers =
            in_batches(&names, |batch| async move { Ok((!batch.contains(&"7".to_owned())).then_some(batch)) });
        let told: Vec<String> = answers.await.unwrap().into_iter().flatten().collect();
        assert_eq!(told.len(), 24);
        assert!(!told.contains(&"7".to_owned()));
    }
}
