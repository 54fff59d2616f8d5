//! Network load balancers.

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{
    LoadBalancer as SdkLoadBalancer, LoadBalancerAttribute, LoadBalancerSchemeEnum, LoadBalancerStateEnum,
    LoadBalancerTypeEnum,
};
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, Resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::listing::{Listing, create_api, read_api, retag, sdk_tags, until_gone, write_api};
use crate::client::{Aws, Tags};
use crate::ec2::{computed, found, gone, id_of, required, with_new};
use crate::firewall::SecurityGroup;
use crate::network::{InternetGateway, Subnet};

/// Tag that says what cross-zone balancing was set to. Reading the attribute itself would cost a call each time.
const CROSS_ZONE_TAG: &str = "meridian:cross-zone";

resource! {
    /// A network load balancer. Its id is its ARN.
    pub struct LoadBalancer = "aws_lb", "load balancer", Replacement::DeleteFirst;
    fields {
        /// At most 32 characters, unique in account and region.
        name: String => replace,
        /// `internet-facing` or `internal`.
        scheme: String => replace,
        /// One subnet a zone.
        subnets: Set<Ref<Subnet>> => update,
        /// What may connect. A load balancer made without one can never have one.
        security_group: Ref<SecurityGroup> => update,
        /// Whether a zone's address also reaches targets in other zones.
        cross_zone: bool => update,
        tags: Tags => update,
        /// One that faces the internet is refused as long as its VPC has no way there.
        internet_gateway: Option<Ref<InternetGateway>> => unread,
    }
    computed { dns_name, hosted_zone_id }
}

#[async_trait]
impl KindOps<Aws> for LoadBalancer {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let listing = Listing::of(client).await?;
        let read = |balancer: &SdkLoadBalancer| {
            let (address, tags) = listing.own(client, Self::SCHEMA.kind, balancer.load_balancer_arn()?)?;
            Some(Found {
                address,
                id: balancer.load_balancer_arn.clone()?,
                resource: read(balancer, tags),
                computed: computed_of(balancer),
                condition: condition(balancer),
            })
        };
        Ok(listing.balancers.iter().filter_map(read).collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let tags = client.all_tags(&new.address, &self.tags);
        let subnets = self.subnet_ids()?;
        let group = id_of(&self.security_group)?;
        // Elastic Load Balancing may not have heard of subnets that were just made.
        let answer = with_new(client, || {
            client.call(create_api("CreateLoadBalancer"), || {
                client
                    .elb
                    .create_load_balancer()
                    .name(&self.name)
                    .r#type(LoadBalancerTypeEnum::Network)
                    .scheme(LoadBalancerSchemeEnum::from(self.scheme.as_str()))
                    .set_subnets(Some(subnets.clone()))
                    .security_groups(group)
                    .set_tags(Some(sdk_tags(&tags)))
                    .send()
            })
        })
        .await?;
        let made =
            answer.load_balancers.and_then(|made| made.into_iter().next()).and_then(|made| made.load_balancer_arn);
        let arn = required(made, "elasticloadbalancing:CreateLoadBalancer", "ARN")?;
        let balancer = active(client, &arn).await?;
        with_new(client, || self.set_cross_zone(client, &arn)).await?;
        Ok(Made { id: arn, computed: computed_of(&balancer) })
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let arn = existing.id.as_str();
        let balancer = active(client, arn).await?;
        let before = &existing.before;
        if self.subnets != before.subnets {
            let subnets = self.subnet_ids()?;
            client
                .call(write_api("SetSubnets"), || {
                    client.elb.set_subnets().load_balancer_arn(arn).set_subnets(Some(subnets.clone())).send()
                })
                .await?;
        }
        if self.security_group != before.security_group {
            let group = id_of(&self.security_group)?;
            client
                .call(write_api("SetSecurityGroups"), || {
                    client.elb.set_security_groups().load_balancer_arn(arn).security_groups(group).send()
                })
                .await?;
        }
        if self.cross_zone != before.cross_zone {
            self.set_cross_zone(client, arn).await?;
        }
        retag(client, arn, &before.tags, &client.tags_of(existing, &self.tags)).await?;
        Ok(Made { id: arn.to_owned(), computed: computed_of(&balancer) })
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        remove(client, &existing.id).await
    }
}

impl LoadBalancer {
    fn subnet_ids(&self) -> Result<Vec<String>, CloudError> {
        self.subnets.0.iter().map(|subnet| id_of(subnet).map(str::to_owned)).collect()
    }

    /// Sets the attribute, then the tag that says so: a crash between the two is seen and mended.
    async fn set_cross_zone(&self, client: &Aws, arn: &str) -> Result<(), CloudError> {
        let attribute = LoadBalancerAttribute::builder()
            .key("load_balancing.cross_zone.enabled")
            .value(self.cross_zone.to_string())
            .build();
        client
            .call(write_api("ModifyLoadBalancerAttributes"), || {
                client.elb.modify_load_balancer_attributes().load_balancer_arn(arn).attributes(attribute.clone()).send()
            })
            .await?;
        let tag = Tags::from([(CROSS_ZONE_TAG.to_owned(), self.cross_zone.to_string())]);
        retag(client, arn, &Tags::new(), &tag).await
    }
}

fn read(balancer: &SdkLoadBalancer, mut tags: Tags) -> LoadBalancer {
    let cross_zone = tags.remove(CROSS_ZONE_TAG);
    LoadBalancer {
        name: balancer.load_balancer_name.clone().unwrap_or_default(),
        scheme: balancer.scheme().map(|scheme| scheme.as_str().to_owned()).unwrap_or_default(),
        subnets: balancer
            .availability_zones()
            .iter()
            .filter_map(|zone| zone.subnet_id.clone().map(Ref::existing))
            .collect(),
        security_group: Ref::existing(balancer.security_groups().join(",")),
        cross_zone: cross_zone.as_deref() == Some("true"),
        tags,
        internet_gateway: None,
    }
}

fn condition(balancer: &SdkLoadBalancer) -> Condition {
    let state = balancer.state();
    match state.and_then(|state| state.code()) {
        Some(LoadBalancerStateEnum::Provisioning) => Condition::Unfinished("provisioning".to_owned()),
        Some(LoadBalancerStateEnum::Failed) => {
            Condition::Failed(state.and_then(|state| state.reason()).unwrap_or("no reason given").to_owned())
        }
        _ => Condition::Ready,
    }
}

fn computed_of(balancer: &SdkLoadBalancer) -> Fields {
    computed([
        // The name's case is the load balancer's; DNS knows none.
        ("dns_name", balancer.dns_name().unwrap_or_default().to_owned()),
        ("hosted_zone_id", balancer.canonical_hosted_zone_id().unwrap_or_default().to_owned()),
    ])
}

async fn active(client: &Aws, arn: &str) -> Result<SdkLoadBalancer, CloudError> {
    let operation = "elasticloadbalancing:DescribeLoadBalancers";
    client
        .caller
        .until(operation, &format!("{arn} to be active"), || async {
            let Some(balancer) = look(client, arn).await? else { return Ok(None) };
            match condition(&balancer) {
                Condition::Ready => Ok(Some(balancer)),
                Condition::Unfinished(_) | Condition::Unmarked => Ok(None),
                Condition::Failed(why) => Err(CloudError::new(ErrorKind::Invalid, operation, why)),
            }
        })
        .await
}

async fn look(client: &Aws, arn: &str) -> Result<Option<SdkLoadBalancer>, CloudError> {
    let api = read_api("DescribeLoadBalancers");
    let answer = client.call(api, || client.elb.describe_load_balancers().load_balancer_arns(arn).send()).await;
    Ok(found(answer)?.and_then(|answer| answer.load_balancers).and_then(|all| all.into_iter().next()))
}

/// Removes a load balancer with its listeners and waits until it is gone.
pub(crate) async fn remove(client: &Aws, arn: &str) -> Result<(), CloudError> {
    let api = write_api("DeleteLoadBalancer");
    gone(client.call(api, || client.elb.delete_load_balancer().load_balancer_arn(arn).send()).await)?;
    until_gone(client, "elasticloadbalancing:DescribeLoadBalancers", arn, || look(client, arn)).await
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::{AvailabilityZone, LoadBalancerState};

    use super::*;

    #[test]
    fn what_is_read_has_the_shape_of_what_is_desired() {
        let zone = |name: &str, id: &str| AvailabilityZone::builder().zone_name(name).subnet_id(id).build();
        let balancer = SdkLoadBalancer::builder()
            .load_balancer_name("mrd-demo-api-12345678")
            .scheme(LoadBalancerSchemeEnum::Internal)
            .availability_zones(zone("eu-west-1b", "subnet-2"))
            .availability_zones(zone("eu-west-1a", "subnet-1"))
            .security_groups("sg-1")
            .state(LoadBalancerState::builder().code(LoadBalancerStateEnum::Provisioning).build())
            .build();
        let tags = Tags::from([("Name".to_owned(), "api.demo".to_owned())]);
        let mut with_mark = tags.clone();
        with_mark.insert(CROSS_ZONE_TAG.to_owned(), "true".to_owned());
        assert_eq!(
            read(&balancer, with_mark),
            LoadBalancer {
                name: "mrd-demo-api-12345678".to_owned(),
                scheme: "internal".to_owned(),
                subnets: Set(vec![Ref::existing("subnet-2"), Ref::existing("subnet-1")]),
                security_group: Ref::existing("sg-1"),
                cross_zone: true,
                tags,
                internet_gateway: None,
            }
        );
        assert_eq!(condition(&balancer), Condition::Unfinished("provisioning".to_owned()));
    }
}
