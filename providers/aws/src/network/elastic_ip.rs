//! A public address of our own.

use async_trait::async_trait;
use aws_sdk_ec2::types::{Address as SdkAddress, DomainType, Filter, ResourceType};
use meridian_engine::Resource as _;
use meridian_engine::observed::Condition;
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use crate::client::{Aws, Owner, Tags};
use crate::ec2::{computed, gone, marked_or_recorded, own, required, retag, tag_specification};
use crate::limits::{ec2_create, ec2_read, ec2_write};

resource! {
    /// An Elastic IP address. What it belongs to refers to it: a NAT gateway, or a network interface.
    pub struct ElasticIp = "aws_eip", "public address", Replacement::CreateFirst;
    fields {
        tags: Tags => update,
    }
    computed { public_ip }
}

#[async_trait]
impl KindOps<Aws> for ElasticIp {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        // The one listing of EC2 without pages.
        let listing = client
            .listing("DescribeAddresses", || {
                let list = |filter: Filter| async move {
                    let api = ec2_read("DescribeAddresses");
                    let answer =
                        client.call(api, || client.ec2.describe_addresses().filters(filter.clone()).send()).await?;
                    Ok(answer.addresses.unwrap_or_default())
                };
                marked_or_recorded(client, ElasticIp::SCHEMA.kind, "allocation-id", SdkAddress::allocation_id, list)
            })
            .await?;
        Ok(listing.iter().filter_map(|found| read(client.owner(), found)).collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let tags = client.all_tags(&new.address, &self.tags);
        let answer = client
            .call(ec2_create("AllocateAddress"), || {
                client
                    .ec2
                    .allocate_address()
                    .domain(DomainType::Vpc)
                    .tag_specifications(tag_specification(ResourceType::ElasticIp, &tags))
                    .send()
            })
            .await?;
        let id = required(answer.allocation_id, "ec2:AllocateAddress", "allocation id")?;
        let public_ip = required(answer.public_ip, "ec2:AllocateAddress", "address")?;
        Ok(Made { id, computed: computed([("public_ip", public_ip)]) })
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id = existing.id.as_str();
        retag(client, id, &existing.before.tags, &client.tags_of(existing, &self.tags)).await?;
        Ok(Made { id: id.to_owned(), computed: existing.computed.clone() })
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id = existing.id.as_str();
        gone(client.call(ec2_write("ReleaseAddress"), || client.ec2.release_address().allocation_id(id).send()).await)
    }
}

fn read(owner: Owner<'_>, address: &SdkAddress) -> Option<Found<ElasticIp>> {
    let (ours, tags) = own(owner, ElasticIp::SCHEMA.kind, address.allocation_id.as_deref(), address.tags.as_deref())?;
    Some(Found {
        address: ours,
        id: address.allocation_id.clone()?,
        resource: ElasticIp { tags },
        computed: computed([("public_ip", address.public_ip.clone().unwrap_or_default())]),
        condition: Condition::Ready,
    })
}
