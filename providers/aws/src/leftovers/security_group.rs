//! Security groups of services and ingresses.

use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, IpPermission, SecurityGroup, UserIdGroupPair};
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource, resource};
use meridian_provider_api::{CloudError, Existing, Found, LeftoverOps, Scope};

use super::{filter, is_leftover, tags_of};
use crate::client::Aws;
use crate::ec2::{gone, pages};
use crate::limits::{ec2_read, ec2_write};
use crate::network::Vpc;

resource! {
    /// A security group that a controller made. Its id is its own.
    pub struct KubernetesSecurityGroup = "aws_kubernetes_security_group", "security group of a service", Replacement::DeleteFirst;
    fields {
        name: String => replace,
        vpc: Ref<Vpc> => replace,
    }
    computed {}
}

/// A direction of traffic.
#[derive(Debug, Clone, Copy)]
enum Direction {
    In,
    Out,
}

#[async_trait]
impl LeftoverOps<Aws> for KubernetesSecurityGroup {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let groups = list(client, filter(&client.cluster)).await?;
        Ok(groups.iter().filter_map(|group| read(&client.cluster, group)).collect())
    }

    /// Rules that name a group keep it from going: its own of other such groups, and those that the controller wrote
    /// into other groups, the machines' for one.
    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id = existing.id.as_str();
        let own = list(client, Filter::builder().name("group-id").values(id).build()).await?;
        for group in &own {
            revoke(client, id, Direction::In, with_peers(group.ip_permissions(), |_| true)).await?;
            revoke(client, id, Direction::Out, with_peers(group.ip_permissions_egress(), |_| true)).await?;
        }
        let naming = |name: &str| Filter::builder().name(name).values(id).build();
        let (incoming, outgoing) = tokio::try_join!(
            list(client, naming("ip-permission.group-id")),
            list(client, naming("egress.ip-permission.group-id"))
        )?;
        let is_it = |pair: &UserIdGroupPair| pair.group_id() == Some(id);
        for group in &incoming {
            let of = group.group_id().unwrap_or_default();
            revoke(client, of, Direction::In, with_peers(group.ip_permissions(), is_it)).await?;
        }
        for group in &outgoing {
            let of = group.group_id().unwrap_or_default();
            revoke(client, of, Direction::Out, with_peers(group.ip_permissions_egress(), is_it)).await?;
        }
        let api = ec2_write("DeleteSecurityGroup");
        gone(client.call(api, || client.ec2.delete_security_group().group_id(id).send()).await)
    }
}

async fn list(client: &Aws, filter: Filter) -> Result<Vec<SecurityGroup>, CloudError> {
    pages(|token| {
        let filter = filter.clone();
        async move {
            let page = client
                .call(ec2_read("DescribeSecurityGroups"), || {
                    client.ec2.describe_security_groups().filters(filter.clone()).set_next_token(token.clone()).send()
                })
                .await?;
            Ok((page.security_groups, page.next_token))
        }
    })
    .await
}

/// The permissions that name groups, cut down to the groups that `of` accepts.
fn with_peers(permissions: &[IpPermission], of: impl Fn(&UserIdGroupPair) -> bool) -> Vec<IpPermission> {
    let cut = |permission: &IpPermission| {
        let pairs: Vec<_> = permission.user_id_group_pairs().iter().filter(|pair| of(pair)).cloned().collect();
        let rule = IpPermission::builder()
            .set_ip_protocol(permission.ip_protocol.clone())
            .set_from_port(permission.from_port)
            .set_to_port(permission.to_port);
        (!pairs.is_empty()).then(|| rule.set_user_id_group_pairs(Some(pairs)).build())
    };
    permissions.iter().filter_map(cut).collect()
}

async fn revoke(
    client: &Aws,
    id: &str,
    direction: Direction,
    permissions: Vec<IpPermission>,
) -> Result<(), CloudError> {
    if permissions.is_empty() {
        return Ok(());
    }
    gone(match direction {
        Direction::In => client
            .call(ec2_write("RevokeSecurityGroupIngress"), || {
                let call = client.ec2.revoke_security_group_ingress().group_id(id);
                call.set_ip_permissions(Some(permissions.clone())).send()
            })
            .await
            .map(|_| ()),
        Direction::Out => client
            .call(ec2_write("RevokeSecurityGroupEgress"), || {
                let call = client.ec2.revoke_security_group_egress().group_id(id);
                call.set_ip_permissions(Some(permissions.clone())).send()
            })
            .await
            .map(|_| ()),
    })
}

fn read(cluster: &str, group: &SecurityGroup) -> Option<Found<KubernetesSecurityGroup>> {
    if !is_leftover(cluster, &tags_of(group.tags.as_deref())) {
        return None;
    }
    let id = group.group_id()?;
    Some(Found {
        address: Address::new(KubernetesSecurityGroup::SCHEMA.kind, id).ok()?,
        id: id.to_owned(),
        resource: KubernetesSecurityGroup {
            name: group.group_name.clone().unwrap_or_default(),
            vpc: Ref::existing(group.vpc_id.clone().unwrap_or_default()),
        },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_peers_that_are_meant_are_revoked() {
        let pair = |id: &str| UserIdGroupPair::builder().group_id(id).build();
        let permissions = [
            IpPermission::builder()
                .ip_protocol("-1")
                .user_id_group_pairs(pair("sg-1"))
                .user_id_group_pairs(pair("sg-2"))
                .build(),
            IpPermission::builder()
                .ip_protocol("tcp")
                .from_port(1)
                .to_port(2)
                .user_id_group_pairs(pair("sg-2"))
                .build(),
        ];
        let cut = with_peers(&permissions, |pair| pair.group_id() == Some("sg-1"));
        assert_eq!(cut, [IpPermission::builder().ip_protocol("-1").user_id_group_pairs(pair("sg-1")).build()]);
    }
}
