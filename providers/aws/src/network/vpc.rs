//! The cluster's network.

use async_trait::async_trait;
use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, Vpc as SdkVpc, VpcAttributeName as Attribute, VpcState};
use futures::future::{try_join, try_join_all};
use ipnet::Ipv4Net;
use meridian_engine::observed::Condition;
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, Resource as _};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::DhcpOptions;
use crate::client::{Aws, Owner, Tags};
use crate::ec2::{
    found, gone, id_of, made, marked_or_recorded, own, pages, required, retag, tag_specification, with_new,
};
use crate::limits::{ec2_create, ec2_read, ec2_write};

resource! {
    /// A VPC.
    pub struct Vpc = "aws_vpc", "VPC", Replacement::Refused(
        "everything in the cluster stands in it, etcd's data included; make a second cluster with the new range and move over"
    );
    fields {
        cidr: Ipv4Net => replace,
        /// The DHCP options that are associated with it.
        dhcp_options: Ref<DhcpOptions> => update,
        /// Whether Amazon's resolver answers in it; private zones need it.
        dns_support: bool => update,
        /// Whether machines get names; private zones need it.
        dns_hostnames: bool => update,
        tags: Tags => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Aws> for Vpc {
    /// Two attributes are told by a call each, and not by the listing: they cost a second round trip, and there is one
    /// VPC a cluster.
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let listing = client
            .listing("DescribeVpcs", || {
                marked_or_recorded(client, Vpc::SCHEMA.kind, "vpc-id", SdkVpc::vpc_id, |filter| {
                    pages(move |token| {
                        let filter = filter.clone();
                        async move {
                            let answer = client
                                .call(ec2_read("DescribeVpcs"), || {
                                    client
                                        .ec2
                                        .describe_vpcs()
                                        .filters(filter.clone())
                                        .set_next_token(token.clone())
                                        .send()
                                })
                                .await?;
                            Ok((answer.vpcs, answer.next_token))
                        }
                    })
                })
            })
            .await?;
        let with_attributes = listing.iter().map(|vpc| async move {
            let id = vpc.vpc_id().unwrap_or_default();
            let (support, hostnames) = try_join(
                attribute(client, id, Attribute::EnableDnsSupport),
                attribute(client, id, Attribute::EnableDnsHostnames),
            )
            .await?;
            Ok::<_, CloudError>(
                support.zip(hostnames).and_then(|(support, hostnames)| read(client.owner(), vpc, support, hostnames)),
            )
        });
        Ok(try_join_all(with_attributes).await?.into_iter().flatten().collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let tags = client.all_tags(&new.address, &self.tags);
        let answer = client
            .call(ec2_create("CreateVpc"), || {
                client
                    .ec2
                    .create_vpc()
                    .cidr_block(self.cidr.to_string())
                    .tag_specifications(tag_specification(ResourceType::Vpc, &tags))
                    .send()
            })
            .await?;
        let id = required(answer.vpc.and_then(|vpc| vpc.vpc_id), "ec2:CreateVpc", "id")?;
        available(client, &id).await?;
        self.set_attributes(client, &id).await?;
        self.associate(client, &id).await?;
        Ok(made(id))
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        available(client, &existing.id).await?;
        if self.dns_support != existing.before.dns_support || self.dns_hostnames != existing.before.dns_hostnames {
            self.set_attributes(client, &existing.id).await?;
        }
        if self.dhcp_options != existing.before.dhcp_options {
            self.associate(client, &existing.id).await?;
        }
        retag(client, &existing.id, &existing.before.tags, &client.tags_of(existing, &self.tags)).await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id = existing.id.as_str();
        gone(client.call(ec2_write("DeleteVpc"), || client.ec2.delete_vpc().vpc_id(id).send()).await)?;
        client
            .caller
            .until("ec2:DescribeVpcs", &format!("{id} to be gone"), || async {
                Ok(look(client, id).await?.is_none().then_some(()))
            })
            .await
    }
}

impl Vpc {
    /// One attribute a call; names need the resolver, so the resolver comes first when both are wanted.
    async fn set_attributes(&self, client: &Aws, id: &str) -> Result<(), CloudError> {
        let value = |on: bool| AttributeBooleanValue::builder().value(on).build();
        let support = || {
            client.call(ec2_write("ModifyVpcAttribute"), || {
                client.ec2.modify_vpc_attribute().vpc_id(id).enable_dns_support(value(self.dns_support)).send()
            })
        };
        let hostnames = || {
            client.call(ec2_write("ModifyVpcAttribute"), || {
                client.ec2.modify_vpc_attribute().vpc_id(id).enable_dns_hostnames(value(self.dns_hostnames)).send()
            })
        };
        if self.dns_support {
            with_new(client, support).await?;
            with_new(client, hostnames).await?;
        } else {
            with_new(client, hostnames).await?;
            with_new(client, support).await?;
        }
        Ok(())
    }

    async fn associate(&self, client: &Aws, id: &str) -> Result<(), CloudError> {
        let options = id_of(&self.dhcp_options)?;
        with_new(client, || {
            client.call(ec2_write("AssociateDhcpOptions"), || {
                client.ec2.associate_dhcp_options().vpc_id(id).dhcp_options_id(options).send()
            })
        })
        .await?;
        Ok(())
    }
}

/// `None` when the VPC went between the listing and this call.
async fn attribute(client: &Aws, id: &str, name: Attribute) -> Result<Option<bool>, CloudError> {
    let answer = found(
        client
            .call(ec2_read("DescribeVpcAttribute"), || {
                client.ec2.describe_vpc_attribute().vpc_id(id).attribute(name.clone()).send()
            })
            .await,
    )?;
    Ok(answer.map(|answer| {
        let value =
            if name == Attribute::EnableDnsSupport { answer.enable_dns_support } else { answer.enable_dns_hostnames };
        value.and_then(|value| value.value).unwrap_or_default()
    }))
}

async fn available(client: &Aws, id: &str) -> Result<(), CloudError> {
    client
        .caller
        .until("ec2:DescribeVpcs", &format!("{id} to be available"), || async {
            let vpc = look(client, id).await?;
            Ok(vpc.is_some_and(|vpc| vpc.state == Some(VpcState::Available)).then_some(()))
        })
        .await
}

async fn look(client: &Aws, id: &str) -> Result<Option<SdkVpc>, CloudError> {
    let answer = found(client.call(ec2_read("DescribeVpcs"), || client.ec2.describe_vpcs().vpc_ids(id).send()).await)?;
    Ok(answer.and_then(|answer| answer.vpcs).and_then(|vpcs| vpcs.into_iter().next()))
}

fn read(owner: Owner<'_>, vpc: &SdkVpc, dns_support: bool, dns_hostnames: bool) -> Option<Found<Vpc>> {
    let (address, tags) = own(owner, Vpc::SCHEMA.kind, vpc.vpc_id.as_deref(), vpc.tags.as_deref())?;
    if vpc.state == Some(VpcState::Deleting) {
        return None;
    }
    Some(Found {
        address,
        id: vpc.vpc_id.clone()?,
        resource: Vpc {
            cidr: vpc.cidr_block()?.parse().ok()?,
            dhcp_options: Ref::existing(vpc.dhcp_options_id().unwrap_or_default()),
            dns_support,
            dns_hostnames,
            tags,
        },
        computed: Fields::new(),
        condition: match &vpc.state {
            Some(VpcState::Pending) => Condition::Unfinished("pending".to_owned()),
            _ => Condition::Ready,
        },
    })
}
