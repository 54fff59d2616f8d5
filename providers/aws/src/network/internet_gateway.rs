//! The way to and from the internet.

use async_trait::async_trait;
use aws_sdk_ec2::types::{AttachmentStatus, InternetGateway as SdkInternetGateway, ResourceType};
use meridian_engine::observed::Condition;
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, Resource as _};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::Vpc;
use crate::client::{Aws, Owner, Tags};
use crate::ec2::{
    allowing, gone, id_of, made, marked_or_recorded, own, pages, required, retag, tag_specification, with_new,
};
use crate::limits::{ec2_create, ec2_read, ec2_write};

resource! {
    /// An internet gateway, attached to the VPC.
    pub struct InternetGateway = "aws_internet_gateway", "internet gateway", Replacement::DeleteFirst;
    fields {
        /// The VPC it is attached to.
        vpc: Ref<Vpc> => update,
        tags: Tags => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Aws> for InternetGateway {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let listing = client
            .listing("DescribeInternetGateways", || {
                marked_or_recorded(
                    client,
                    InternetGateway::SCHEMA.kind,
                    "internet-gateway-id",
                    SdkInternetGateway::internet_gateway_id,
                    |filter| {
                        pages(move |token| {
                            let filter = filter.clone();
                            async move {
                                let answer = client
                                    .call(ec2_read("DescribeInternetGateways"), || {
                                        client
                                            .ec2
                                            .describe_internet_gateways()
                                            .filters(filter.clone())
                                            .set_next_token(token.clone())
                                            .send()
                                    })
                                    .await?;
                                Ok((answer.internet_gateways, answer.next_token))
                            }
                        })
                    },
                )
            })
            .await?;
        Ok(listing.iter().filter_map(|found| read(client.owner(), found)).collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let tags = client.all_tags(&new.address, &self.tags);
        let answer = client
            .call(ec2_create("CreateInternetGateway"), || {
                client
                    .ec2
                    .create_internet_gateway()
                    .tag_specifications(tag_specification(ResourceType::InternetGateway, &tags))
                    .send()
            })
            .await?;
        let id = answer.internet_gateway.and_then(|gateway| gateway.internet_gateway_id);
        let id = required(id, "ec2:CreateInternetGateway", "id")?;
        self.attach(client, &id).await?;
        Ok(made(id))
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id = existing.id.as_str();
        if existing.before.vpc != self.vpc {
            detach(client, id, id_of(&existing.before.vpc)?).await?;
            self.attach(client, id).await?;
        }
        retag(client, id, &existing.before.tags, &client.tags_of(existing, &self.tags)).await?;
        Ok(made(id))
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id = existing.id.as_str();
        detach(client, id, id_of(&existing.before.vpc)?).await?;
        gone(
            client
                .call(ec2_write("DeleteInternetGateway"), || {
                    client.ec2.delete_internet_gateway().internet_gateway_id(id).send()
                })
                .await,
        )
    }
}

impl InternetGateway {
    async fn attach(&self, client: &Aws, id: &str) -> Result<(), CloudError> {
        let vpc = id_of(&self.vpc)?;
        let result = with_new(client, || {
            client.call(ec2_write("AttachInternetGateway"), || {
                client.ec2.attach_internet_gateway().internet_gateway_id(id).vpc_id(vpc).send()
            })
        })
        .await;
        // Attached already, to this VPC: a VPC that has another gateway answers with another code.
        allowing(result, |error| {
            error.code.as_deref() == Some("Resource.AlreadyAssociated") && error.message.contains(vpc)
        })
    }
}

/// Detaches the gateway from `vpc`; empty when it is attached to none. While the VPC still has public addresses in use
/// EC2 refuses, and the call is tried again.
async fn detach(client: &Aws, id: &str, vpc: &str) -> Result<(), CloudError> {
    if vpc.is_empty() {
        return Ok(());
    }
    let result = client
        .call(ec2_write("DetachInternetGateway"), || {
            client.ec2.detach_internet_gateway().internet_gateway_id(id).vpc_id(vpc).send()
        })
        .await;
    gone(allowing(result, |error| error.code.as_deref() == Some("Gateway.NotAttached")))
}

fn read(owner: Owner<'_>, gateway: &SdkInternetGateway) -> Option<Found<InternetGateway>> {
    let (address, tags) =
        own(owner, InternetGateway::SCHEMA.kind, gateway.internet_gateway_id.as_deref(), gateway.tags.as_deref())?;
    // The documented state of an attached gateway is `available`, which the enumeration of the SDK does not have.
    let attachment = gateway
        .attachments()
        .iter()
        .find(|attachment| !matches!(attachment.state, Some(AttachmentStatus::Detached | AttachmentStatus::Detaching)));
    Some(Found {
        address,
        id: gateway.internet_gateway_id.clone()?,
        resource: InternetGateway {
            vpc: Ref::existing(attachment.and_then(|attachment| attachment.vpc_id()).unwrap_or_default()),
            tags,
        },
        computed: Fields::new(),
        condition: match attachment {
            None => Condition::Unfinished("not attached".to_owned()),
            Some(attachment) if attachment.state == Some(AttachmentStatus::Attaching) => {
                Condition::Unfinished("attaching".to_owned())
            }
            Some(_) => Condition::Ready,
        },
    })
}
