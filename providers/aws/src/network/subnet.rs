//! A range of the network in one zone.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, Subnet as SdkSubnet, SubnetState};
use ipnet::Ipv4Net;
use meridian_engine::observed::Condition;
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, Resource as _};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::Vpc;
use crate::client::{Aws, Owner, Tags};
use crate::ec2::{
    found, gone, id_of, made, marked_or_recorded, own, pages, required, retag, tag_specification, with_new,
};
use crate::limits::{ec2_create, ec2_read, ec2_write};

resource! {
    /// A subnet.
    pub struct Subnet = "aws_subnet", "subnet", Replacement::DeleteFirst;
    fields {
        vpc: Ref<Vpc> => replace,
        cidr: Ipv4Net => exclusive,
        zone: String => replace,
        /// Whether machines that ask for nothing else get a public address.
        public_addresses: bool => update,
        tags: Tags => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Aws> for Subnet {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|found| read(client.owner(), found)).collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let tags = client.all_tags(&new.address, &self.tags);
        let vpc = id_of(&self.vpc)?;
        let answer = with_new(client, || {
            client.call(ec2_create("CreateSubnet"), || {
                client
                    .ec2
                    .create_subnet()
                    .vpc_id(vpc)
                    .cidr_block(self.cidr.to_string())
                    .availability_zone(&self.zone)
                    .tag_specifications(tag_specification(ResourceType::Subnet, &tags))
                    .send()
            })
        })
        .await?;
        let subnet = required(answer.subnet, "ec2:CreateSubnet", "subnet")?;
        let id = required(subnet.subnet_id, "ec2:CreateSubnet", "id")?;
        if subnet.state != Some(SubnetState::Available) {
            available(client, &id).await?;
        }
        if self.public_addresses {
            self.map_public_addresses(client, &id).await?;
        }
        Ok(made(id))
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        available(client, &existing.id).await?;
        if self.public_addresses != existing.before.public_addresses {
            self.map_public_addresses(client, &existing.id).await?;
        }
        retag(client, &existing.id, &existing.before.tags, &client.tags_of(existing, &self.tags)).await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        gone(client.call(ec2_write("DeleteSubnet"), || client.ec2.delete_subnet().subnet_id(&existing.id).send()).await)
    }
}

impl Subnet {
    async fn map_public_addresses(&self, client: &Aws, id: &str) -> Result<(), CloudError> {
        let value = AttributeBooleanValue::builder().value(self.public_addresses).build();
        with_new(client, || {
            client.call(ec2_write("ModifySubnetAttribute"), || {
                client.ec2.modify_subnet_attribute().subnet_id(id).map_public_ip_on_launch(value.clone()).send()
            })
        })
        .await?;
        Ok(())
    }
}

/// Every subnet that is tagged for the cluster.
pub(super) async fn list(client: &Aws) -> Result<Arc<Vec<SdkSubnet>>, CloudError> {
    client
        .listing("DescribeSubnets", || {
            marked_or_recorded(client, Subnet::SCHEMA.kind, "subnet-id", SdkSubnet::subnet_id, |filter| {
                pages(move |token| {
                    let filter = filter.clone();
                    async move {
                        let answer = client
                            .call(ec2_read("DescribeSubnets"), || {
                                client
                                    .ec2
                                    .describe_subnets()
                                    .filters(filter.clone())
                                    .set_next_token(token.clone())
                                    .send()
                            })
                            .await?;
                        Ok((answer.subnets, answer.next_token))
                    }
                })
            })
        })
        .await
}

async fn available(client: &Aws, id: &str) -> Result<(), CloudError> {
    client
        .caller
        .until("ec2:DescribeSubnets", &format!("{id} to be available"), || async {
            let answer = found(
                client.call(ec2_read("DescribeSubnets"), || client.ec2.describe_subnets().subnet_ids(id).send()).await,
            )?;
            let subnets = answer.and_then(|answer| answer.subnets).unwrap_or_default();
            Ok(subnets.iter().any(|subnet| subnet.state == Some(SubnetState::Available)).then_some(()))
        })
        .await
}

fn read(owner: Owner<'_>, subnet: &SdkSubnet) -> Option<Found<Subnet>> {
    let (address, tags) = own(owner, Subnet::SCHEMA.kind, subnet.subnet_id.as_deref(), subnet.tags.as_deref())?;
    Some(Found {
        address,
        id: subnet.subnet_id.clone()?,
        resource: Subnet {
            vpc: Ref::existing(subnet.vpc_id()?),
            cidr: subnet.cidr_block()?.parse().ok()?,
            zone: subnet.availability_zone.clone()?,
            public_addresses: subnet.map_public_ip_on_launch.unwrap_or_default(),
            tags,
        },
        computed: Fields::new(),
        condition: match &subnet.state {
            Some(SubnetState::Pending) => Condition::Unfinished("pending".to_owned()),
            Some(state @ (SubnetState::Failed | SubnetState::FailedInsufficientCapacity)) => {
                Condition::Failed(state.as_str().to_owned())
            }
            _ => Condition::Ready,
        },
    })
}
