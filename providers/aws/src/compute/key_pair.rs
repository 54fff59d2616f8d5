//! The operator's SSH key.

use async_trait::async_trait;
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{Filter, KeyPairInfo, ResourceType};
use meridian_engine::Fields;
use meridian_engine::Resource as _;
use meridian_engine::observed::Condition;
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use crate::client::{Aws, Owner, Tags};
use crate::ec2;
use crate::limits::{ec2_create, ec2_read, ec2_write};

resource! {
    /// An imported public key. Its id here is its name, by which machines refer to it.
    pub struct KeyPair = "aws_key_pair", "key pair", Replacement::DeleteFirst;
    fields {
        name: String => replace,
        /// Algorithm and key, without the comment (see [`bare`]).
        public_key: String => replace,
        tags: Tags => update,
    }
    computed { key_pair_id }
}

/// The first two words of an `authorized_keys` line. The third is a comment, which EC2 replaces by its own.
#[must_use]
pub fn bare(public_key: &str) -> String {
    public_key.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

fn observe(owner: Owner<'_>, key: &KeyPairInfo) -> Option<Found<KeyPair>> {
    let (address, tags) = ec2::own(owner, "aws_key_pair", key.key_name.as_deref(), key.tags.as_deref())?;
    let name = key.key_name.clone()?;
    let resource = KeyPair { name: name.clone(), public_key: bare(key.public_key().unwrap_or_default()), tags };
    let computed = computed(key.key_pair_id.as_deref());
    Some(Found { address, id: name, resource, computed, condition: Condition::Ready })
}

fn computed(key_pair_id: Option<&str>) -> Fields {
    ec2::computed([("key_pair_id", key_pair_id.unwrap_or_default().to_owned())])
}

#[async_trait]
impl KindOps<Aws> for KeyPair {
    /// `DescribeKeyPairs` has no pages.
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let list = |filter: Filter| async move {
            let answer = client
                .call(ec2_read("DescribeKeyPairs"), || {
                    client.ec2.describe_key_pairs().filters(filter.clone()).include_public_key(true).send()
                })
                .await?;
            Ok(answer.key_pairs.unwrap_or_default())
        };
        let kind = Self::SCHEMA.kind;
        let keys = ec2::marked_or_recorded(client, kind, "key-name", KeyPairInfo::key_name, list).await?;
        Ok(keys.iter().filter_map(|found| observe(client.owner(), found)).collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let tags = client.all_tags(&new.address, &self.tags);
        let key = client
            .call(ec2_create("ImportKeyPair"), || {
                client
                    .ec2
                    .import_key_pair()
                    .key_name(&self.name)
                    .public_key_material(Blob::new(self.public_key.as_bytes()))
                    .tag_specifications(ec2::tag_specification(ResourceType::KeyPair, &tags))
                    .send()
            })
            .await?;
        Ok(Made { id: self.name.clone(), computed: computed(key.key_pair_id()) })
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let key_pair_id = existing.computed.get("key_pair_id").and_then(|id| id.as_str()).unwrap_or_default();
        ec2::retag(client, key_pair_id, &existing.before.tags, &client.tags_of(existing, &self.tags)).await?;
        Ok(Made { id: existing.id.clone(), computed: existing.computed.clone() })
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        ec2::gone(
            client
                .call(ec2_write("DeleteKeyPair"), || client.ec2.delete_key_pair().key_name(&existing.id).send())
                .await,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comment_of_a_key_is_not_part_of_it() {
        assert_eq!(bare("ssh-ed25519 AAAA me@home \n"), "ssh-ed25519 AAAA");
        assert_eq!(bare("ssh-ed25519  AAAA"), bare("ssh-ed25519 AAAA meridian-demo"));
    }
}
