//! A group of machines or load balancers that share their rules. The rules are a resource of their own, so that groups
//! may name each other.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ec2::types::{ResourceType, SecurityGroup as SdkSecurityGroup};
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, Resource as _, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use crate::client::{Aws, Owner, Tags};
use crate::ec2::{gone, id_of, made, marked_or_recorded, own, pages, required, retag, tag_specification, with_new};
use crate::limits::{ec2_create, ec2_read, ec2_write};
use crate::network::Vpc;

resource! {
    /// A security group, without its rules.
    pub struct SecurityGroup = "aws_security_group", "security group", Replacement::CreateFirst;
    fields {
        vpc: Ref<Vpc> => replace,
        /// Unique in the VPC.
        name: String => replace,
        /// What it is for. Only a new group could have another, and a text is not worth replacing what is in use: it is
        /// sent once and not compared.
        description: Option<String> => unread,
        tags: Tags => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Aws> for SecurityGroup {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|found| read(client.owner(), found)).collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let tags = client.all_tags(&new.address, &self.tags);
        let vpc = id_of(&self.vpc)?;
        let answer = with_new(client, || {
            client.call(ec2_create("CreateSecurityGroup"), || {
                client
                    .ec2
                    .create_security_group()
                    .vpc_id(vpc)
                    .group_name(&self.name)
                    .description(self.description.as_deref().unwrap_or(&self.name))
                    .tag_specifications(tag_specification(ResourceType::SecurityGroup, &tags))
                    .send()
            })
        })
        .await?;
        Ok(made(required(answer.group_id, "ec2:CreateSecurityGroup", "id")?))
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        retag(client, &existing.id, &existing.before.tags, &client.tags_of(existing, &self.tags)).await?;
        Ok(made(&existing.id))
    }

    /// EC2 refuses while an interface or a rule of another group still names it; the call is tried again.
    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        gone(
            client
                .call(ec2_write("DeleteSecurityGroup"), || {
                    client.ec2.delete_security_group().group_id(&existing.id).send()
                })
                .await,
        )
    }
}

/// Every security group that is tagged for the cluster, rules included.
pub(super) async fn list(client: &Aws) -> Result<Arc<Vec<SdkSecurityGroup>>, CloudError> {
    client
        .listing("DescribeSecurityGroups", || {
            marked_or_recorded(client, SecurityGroup::SCHEMA.kind, "group-id", SdkSecurityGroup::group_id, |filter| {
                pages(move |token| {
                    let filter = filter.clone();
                    async move {
                        let answer = client
                            .call(ec2_read("DescribeSecurityGroups"), || {
                                client
                                    .ec2
                                    .describe_security_groups()
                                    .filters(filter.clone())
                                    .set_next_token(token.clone())
                                    .send()
                            })
                            .await?;
                        Ok((answer.security_groups, answer.next_token))
                    }
                })
            })
        })
        .await
}

fn read(owner: Owner<'_>, group: &SdkSecurityGroup) -> Option<Found<SecurityGroup>> {
    let (address, tags) = own(owner, SecurityGroup::SCHEMA.kind, group.group_id.as_deref(), group.tags.as_deref())?;
    Some(Found {
        address,
        id: group.group_id.clone()?,
        resource: SecurityGroup {
            vpc: Ref::existing(group.vpc_id()?),
            name: group.group_name.clone()?,
            description: None,
            tags,
        },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}
