//! Load balancers of services, of the classic kind: what cloud-provider-aws makes unless an annotation asks for another.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ec2::types::Filter;
use aws_sdk_elasticloadbalancing::types::LoadBalancerDescription;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource, resource};
use meridian_provider_api::{CloudError, Existing, Found, LeftoverOps, Scope};

use super::{KubernetesSecurityGroup, is_leftover};
use crate::client::{Aws, Tags};
use crate::ec2::{found, gone, pages};
use crate::limits::ec2_read;
use crate::load_balancer::listing::{in_batches, read_api, write_api};
use crate::network::Subnet;

resource! {
    /// A classic load balancer that a controller made. Its id is its name.
    pub struct KubernetesClassicLoadBalancer = "aws_kubernetes_classic_load_balancer", "classic load balancer of a service", Replacement::DeleteFirst;
    fields {
        subnets: Vec<Ref<Subnet>> => replace,
        security_groups: Vec<Ref<KubernetesSecurityGroup>> => replace,
    }
    computed {}
}

#[async_trait]
impl LeftoverOps<Aws> for KubernetesClassicLoadBalancer {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let all = balancers(client).await?;
        let names: Vec<String> = all.iter().filter_map(|balancer| balancer.load_balancer_name.clone()).collect();
        let tags = tags(client, &names).await?;
        Ok(all.iter().filter_map(|balancer| read(&client.cluster, balancer, &tags)).collect())
    }

    /// Ends when its network interfaces are gone, which keep subnets and security groups in use.
    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let name = existing.id.as_str();
        let api = write_api("DeleteLoadBalancer");
        gone(client.call(api, || client.classic_elb.delete_load_balancer().load_balancer_name(name).send()).await)?;
        // Interfaces of a classic load balancer say whose they are in their description only (Elastic Load Balancing, "Prepare
        // your VPC and EC2 instances").
        let filter = |name: &str, value: String| Filter::builder().name(name).values(value).build();
        let filters =
            vec![filter("description", format!("ELB {name}")), filter("requester-id", "amazon-elb".to_owned())];
        client
            .caller
            .until("elasticloadbalancing:DeleteLoadBalancer", &format!("{name} to be gone"), || async {
                let api = ec2_read("DescribeNetworkInterfaces");
                let answer = client
                    .call(api, || client.ec2.describe_network_interfaces().set_filters(Some(filters.clone())).send())
                    .await?;
                Ok(answer.network_interfaces().is_empty().then_some(()))
            })
            .await
    }
}

/// All that there are: there is no filter.
async fn balancers(client: &Aws) -> Result<Vec<LoadBalancerDescription>, CloudError> {
    pages(|marker| async move {
        let page = client
            .call(read_api("DescribeLoadBalancers"), || {
                client.classic_elb.describe_load_balancers().set_marker(marker.clone()).send()
            })
            .await?;
        Ok((page.load_balancer_descriptions, page.next_marker))
    })
    .await
}

/// The tags of load balancers, by name.
async fn tags(client: &Aws, names: &[String]) -> Result<BTreeMap<String, Tags>, CloudError> {
    let answers = in_batches(names, |names| async move {
        let api = read_api("DescribeTags");
        let answer = client
            .call(api, || client.classic_elb.describe_tags().set_load_balancer_names(Some(names.clone())).send())
            .await;
        found(answer)
    })
    .await?;
    let described = answers.into_iter().flat_map(|answer| answer.tag_descriptions.unwrap_or_default());
    Ok(described
        .filter_map(|description| {
            let tags = description.tags.unwrap_or_default();
            let tags = tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect();
            Some((description.load_balancer_name?, tags))
        })
        .collect())
}

fn read(
    cluster: &str,
    balancer: &LoadBalancerDescription,
    tags: &BTreeMap<String, Tags>,
) -> Option<Found<KubernetesClassicLoadBalancer>> {
    let name = balancer.load_balancer_name()?;
    if !is_leftover(cluster, tags.get(name)?) {
        return None;
    }
    Some(Found {
        address: Address::new(KubernetesClassicLoadBalancer::SCHEMA.kind, name).ok()?,
        id: name.to_owned(),
        resource: KubernetesClassicLoadBalancer {
            subnets: balancer.subnets().iter().map(Ref::existing).collect(),
            security_groups: balancer.security_groups().iter().map(Ref::existing).collect(),
        },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_subnets_and_groups_in_use_is_read() {
        let balancer = LoadBalancerDescription::builder()
            .load_balancer_name("a0123456789")
            .subnets("subnet-1")
            .security_groups("sg-1")
            .build();
        let owned = Tags::from([("kubernetes.io/cluster/a".to_owned(), "owned".to_owned())]);
        let tags = BTreeMap::from([("a0123456789".to_owned(), owned)]);
        let found = read("a", &balancer, &tags).unwrap();
        assert_eq!(found.id, "a0123456789");
        assert_eq!(found.resource.subnets, [Ref::existing("subnet-1")]);
        assert_eq!(found.resource.security_groups, [Ref::existing("sg-1")]);
        assert!(read("b", &balancer, &tags).is_none());
        assert!(read("a", &balancer, &BTreeMap::new()).is_none());
    }
}
