//! Target groups: the fixed addresses of the slots.

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{
    ProtocolEnum, TargetDescription, TargetGroup as SdkTargetGroup, TargetTypeEnum,
};
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, Resource, record, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::listing::{Listing, create_api, read_api, retag, sdk_tags, targets, until_gone, write_api};
use crate::client::{Aws, Tags};
use crate::ec2::{found, gone, id_of, made, required, with_new};
use crate::network::Vpc;

record! {
    /// How a target is found healthy. The time-out is the load balancer's own for the protocol.
    pub struct HealthCheck {
        /// `TCP`, `HTTP` or `HTTPS`.
        protocol: String,
        /// Path that is asked for; none for TCP.
        path: Option<String>,
        /// Seconds between two checks.
        interval_seconds: i32,
        /// Checks in a row before a target counts as healthy.
        healthy_threshold: i32,
        /// Checks in a row before a target counts as unhealthy.
        unhealthy_threshold: i32,
    }
}

resource! {
    /// A TCP target group of addresses. Its id is its ARN.
    pub struct TargetGroup = "aws_lb_target_group", "target group", Replacement::DeleteFirst;
    fields {
        /// At most 32 characters, unique in account and region.
        name: String => replace,
        vpc: Ref<Vpc> => replace,
        /// TCP port of every target.
        port: u16 => replace,
        health_check: HealthCheck => update,
        /// Addresses in the VPC.
        targets: Set<String> => update,
        tags: Tags => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Aws> for TargetGroup {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let listing = Listing::of(client).await?;
        let read = |group: &SdkTargetGroup| {
            let arn = group.target_group_arn()?;
            let (address, tags) = listing.own(client, Self::SCHEMA.kind, arn)?;
            Some(Found {
                address,
                id: arn.to_owned(),
                resource: read(group, listing.targets(arn), tags),
                computed: Fields::new(),
                condition: Condition::Ready,
            })
        };
        Ok(listing.groups.iter().filter_map(read).collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let tags = client.all_tags(&new.address, &self.tags);
        let vpc = id_of(&self.vpc)?;
        let check = &self.health_check;
        let answer = client
            .call(create_api("CreateTargetGroup"), || {
                client
                    .elb
                    .create_target_group()
                    .name(&self.name)
                    .target_type(TargetTypeEnum::Ip)
                    .protocol(ProtocolEnum::Tcp)
                    .port(self.port.into())
                    .vpc_id(vpc)
                    .health_check_protocol(ProtocolEnum::from(check.protocol.as_str()))
                    .set_health_check_path(check.path.clone())
                    .health_check_interval_seconds(check.interval_seconds)
                    .healthy_threshold_count(check.healthy_threshold)
                    .unhealthy_threshold_count(check.unhealthy_threshold)
                    .set_tags(Some(sdk_tags(&tags)))
                    .send()
            })
            .await?;
        let group =
            answer.target_groups.and_then(|made| made.into_iter().next()).and_then(|made| made.target_group_arn);
        let arn = required(group, "elasticloadbalancing:CreateTargetGroup", "ARN")?;
        with_new(client, || self.register(client, &arn, &[])).await?;
        Ok(made(arn))
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let arn = existing.id.as_str();
        let before = &existing.before;
        if self.health_check != before.health_check {
            let check = &self.health_check;
            client
                .call(write_api("ModifyTargetGroup"), || {
                    client
                        .elb
                        .modify_target_group()
                        .target_group_arn(arn)
                        .health_check_protocol(ProtocolEnum::from(check.protocol.as_str()))
                        .set_health_check_path(check.path.clone())
                        .health_check_interval_seconds(check.interval_seconds)
                        .healthy_threshold_count(check.healthy_threshold)
                        .unhealthy_threshold_count(check.unhealthy_threshold)
                        .send()
                })
                .await?;
        }
        if self.targets != before.targets {
            let registered = targets(client, arn).await?;
            self.register(client, arn, &registered).await?;
        }
        retag(client, arn, &before.tags, &client.tags_of(existing, &self.tags)).await?;
        Ok(made(arn))
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        remove(client, &existing.id).await
    }
}

impl TargetGroup {
    /// Registers what is missing and takes out what is too much.
    async fn register(&self, client: &Aws, arn: &str, registered: &[String]) -> Result<(), CloudError> {
        let target = |id: &String| TargetDescription::builder().id(id).port(self.port.into()).build();
        let missing: Vec<_> = self.targets.0.iter().filter(|id| !registered.contains(id)).map(target).collect();
        // Without a port, a target goes whatever port it was registered with.
        let leaving: Vec<_> = registered
            .iter()
            .filter(|id| !self.targets.0.contains(id))
            .map(|id| TargetDescription::builder().id(id).build())
            .collect();
        if !missing.is_empty() {
            client
                .call(write_api("RegisterTargets"), || {
                    client.elb.register_targets().target_group_arn(arn).set_targets(Some(missing.clone())).send()
                })
                .await?;
        }
        if !leaving.is_empty() {
            client
                .call(write_api("DeregisterTargets"), || {
                    client.elb.deregister_targets().target_group_arn(arn).set_targets(Some(leaving.clone())).send()
                })
                .await?;
        }
        Ok(())
    }
}

fn read(group: &SdkTargetGroup, targets: Vec<String>, tags: Tags) -> TargetGroup {
    let protocol = group.health_check_protocol().map(|protocol| protocol.as_str().to_owned()).unwrap_or_default();
    TargetGroup {
        name: group.target_group_name.clone().unwrap_or_default(),
        vpc: Ref::existing(group.vpc_id.clone().unwrap_or_default()),
        port: group.port.and_then(|port| u16::try_from(port).ok()).unwrap_or_default(),
        health_check: HealthCheck {
            path: group.health_check_path.clone().filter(|_| protocol != "TCP"),
            protocol,
            interval_seconds: group.health_check_interval_seconds.unwrap_or_default(),
            healthy_threshold: group.healthy_threshold_count.unwrap_or_default(),
            unhealthy_threshold: group.unhealthy_threshold_count.unwrap_or_default(),
        },
        targets: Set(targets),
        tags,
    }
}

/// Removes a target group and waits until it is gone.
pub(crate) async fn remove(client: &Aws, arn: &str) -> Result<(), CloudError> {
    let api = write_api("DeleteTargetGroup");
    gone(client.call(api, || client.elb.delete_target_group().target_group_arn(arn).send()).await)?;
    until_gone(client, "elasticloadbalancing:DescribeTargetGroups", arn, || async {
        let api = read_api("DescribeTargetGroups");
        let answer = client.call(api, || client.elb.describe_target_groups().target_group_arns(arn).send()).await;
        Ok(found(answer)?.and_then(|answer| answer.target_groups).and_then(|all| all.into_iter().next()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tcp_check_has_no_path() {
        let group = SdkTargetGroup::builder()
            .target_group_name("x")
            .port(6443)
            .health_check_protocol(ProtocolEnum::Tcp)
            .health_check_path("/")
            .build();
        let read = read(&group, vec!["10.0.0.1".to_owned()], Tags::new());
        assert_eq!(read.health_check.path, None);
        assert_eq!((read.port, read.targets.0.len()), (6443, 1));
    }
}
