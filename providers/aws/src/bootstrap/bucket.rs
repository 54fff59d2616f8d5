//! The bootstrap bucket and what protects it.

use async_trait::async_trait;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, ObjectOwnership, OwnershipControls,
    OwnershipControlsRule, PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging, VersioningConfiguration,
};
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Resource, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::contents::{api, contents, put, remove};
use crate::client::{Aws, Tags};
use crate::compile::names::{BOOTSTRAP, digest, digest_of_tags};
use crate::ec2::{allowing, found, made, with_new};

/// An empty object below this says by its name which settings are in place: reading seven settings would cost seven
/// calls each time.
const SETTINGS: &str = "settings/";

/// Grows with every change of what [`Bucket::configure`] sets by itself.
const SETTINGS_VERSION: u32 = 1;

resource! {
    /// A private, encrypted, versioned bucket. Its id is its name.
    pub struct Bucket = "aws_s3_bucket", "bucket", Replacement::Refused(
        "it holds the keys of the cluster's certificate authorities, without which no machine can join. To move a cluster \
         to another account or region, make a new one there and destroy this one");
    fields {
        /// Unique in the partition.
        name: String => replace,
        /// Digest of policy, tags and of what else is set, see [`settings`].
        settings: String => update,
        /// The bucket's policy.
        policy: Option<String> => unread,
        tags: Option<Tags> => unread,
    }
    computed {}
}

/// The digest of everything that is set on a bucket.
#[must_use]
pub fn settings(policy: &str, tags: &Tags) -> String {
    digest(&format!("{SETTINGS_VERSION}\n{policy}\n{}", digest_of_tags(tags)), 16)
}

#[async_trait]
impl KindOps<Aws> for Bucket {
    async fn find(client: &Aws, scope: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let contents = contents(client, scope).await?;
        let Some(contents) = contents.as_ref() else { return Ok(Vec::new()) };
        let address = Address::new(Self::SCHEMA.kind, BOOTSTRAP)
            .map_err(|error| CloudError::new(ErrorKind::Invalid, "s3:ListObjectsV2", error.to_string()))?;
        let settings: Vec<&str> = contents.below(SETTINGS).collect();
        Ok(vec![Found {
            address,
            id: contents.bucket.clone(),
            resource: Self {
                name: contents.bucket.clone(),
                // Two of them are left when a change was cut short, and are like none that is wanted.
                settings: settings.join(" "),
                policy: None,
                tags: None,
            },
            computed: Fields::new(),
            condition: match settings.len() {
                1 => Condition::Ready,
                _ => Condition::Unfinished("its settings are not all in place yet".to_owned()),
            },
        }])
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let location = (client.region != "us-east-1").then(|| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(client.region.as_str()))
                .build()
        });
        let created = client
            .call(api("CreateBucket"), || {
                client
                    .s3
                    .create_bucket()
                    .bucket(&self.name)
                    .set_create_bucket_configuration(location.clone())
                    .object_ownership(ObjectOwnership::BucketOwnerEnforced)
                    .send()
            })
            .await;
        allowing(created, |error| error.code.as_deref() == Some("BucketAlreadyOwnedByYou"))?;
        // What is asked of a new bucket may be answered by one who has not heard of it. Everything that is set is set
        // again then, which does no harm.
        with_new(client, || self.configure(client, &new.address)).await?;
        Ok(made(&self.name))
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        self.configure(client, &existing.address).await?;
        for stale in existing.before.settings.split_whitespace().filter(|stale| *stale != self.settings) {
            let key = format!("{SETTINGS}{stale}");
            client.call(api("DeleteObject"), || client.s3.delete_object().bucket(&self.name).key(&key).send()).await?;
        }
        Ok(made(&self.name))
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let bucket = existing.id.as_str();
        allowing(remove(client, bucket).await, |error| error.kind == ErrorKind::NotFound)?;
        let operation = "s3:HeadBucket";
        client
            .caller
            .until(operation, &format!("{bucket} to be gone"), || async {
                let head = client.call(api("HeadBucket"), || client.s3.head_bucket().bucket(bucket).send()).await;
                Ok(found(head)?.is_none().then_some(()))
            })
            .await
    }
}

impl Bucket {
    /// Sets everything, and writes last that it is so. One after the other: S3 refuses two at once on a bucket.
    async fn configure(&self, client: &Aws, address: &Address) -> Result<(), CloudError> {
        let (name, s3, owner) = (self.name.as_str(), &client.s3, client.account().await?);
        let block = public_access_block();
        client
            .call(api("PutPublicAccessBlock"), || {
                s3.put_public_access_block()
                    .bucket(name)
                    .expected_bucket_owner(owner)
                    .public_access_block_configuration(block.clone())
                    .send()
            })
            .await?;
        let ownership = ownership()?;
        client
            .call(api("PutBucketOwnershipControls"), || {
                s3.put_bucket_ownership_controls()
                    .bucket(name)
                    .expected_bucket_owner(owner)
                    .ownership_controls(ownership.clone())
                    .send()
            })
            .await?;
        let encryption = encryption()?;
        client
            .call(api("PutBucketEncryption"), || {
                s3.put_bucket_encryption()
                    .bucket(name)
                    .expected_bucket_owner(owner)
                    .server_side_encryption_configuration(encryption.clone())
                    .send()
            })
            .await?;
        let versioning = versioning();
        client
            .call(api("PutBucketVersioning"), || {
                s3.put_bucket_versioning()
                    .bucket(name)
                    .expected_bucket_owner(owner)
                    .versioning_configuration(versioning.clone())
                    .send()
            })
            .await?;
        if let Some(policy) = &self.policy {
            client
                .call(api("PutBucketPolicy"), || {
                    s3.put_bucket_policy().bucket(name).expected_bucket_owner(owner).policy(policy).send()
                })
                .await?;
        }
        let tags = client.all_tags(address, self.tags.as_ref().unwrap_or(&Tags::new()));
        let tagging = tagging(&self.among_others(client, tags).await?)?;
        client
            .call(api("PutBucketTagging"), || {
                s3.put_bucket_tagging().bucket(name).expected_bucket_owner(owner).tagging(tagging.clone()).send()
            })
            .await?;
        put(client, name, &format!("{SETTINGS}{}", self.settings), "").await
    }

    /// Our tags, and those that others have put on: S3 takes all tags of a bucket at once and drops what is not among them.
    async fn among_others(&self, client: &Aws, ours: Tags) -> Result<Tags, CloudError> {
        let (name, owner) = (self.name.as_str(), client.account().await?);
        let present = client
            .call(api("GetBucketTagging"), || {
                client.s3.get_bucket_tagging().bucket(name).expected_bucket_owner(owner).send()
            })
            .await;
        let present = found(present)?.map(|answer| answer.tag_set).unwrap_or_default();
        let mut tags: Tags = present.into_iter().map(|tag| (tag.key, tag.value)).collect();
        // Those of AWS itself stay by themselves, and can't be sent.
        tags.retain(|key, _| !key.starts_with("aws:"));
        tags.extend(ours);
        Ok(tags)
    }
}

/// Nobody can make the bucket or what is in it public.
pub(crate) fn public_access_block() -> PublicAccessBlockConfiguration {
    PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .ignore_public_acls(true)
        .block_public_policy(true)
        .restrict_public_buckets(true)
        .build()
}

/// What is overwritten or deleted stays as an older version.
pub(crate) fn versioning() -> VersioningConfiguration {
    VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build()
}

/// No access lists: what the policy says is all.
pub(crate) fn ownership() -> Result<OwnershipControls, CloudError> {
    let rule = OwnershipControlsRule::builder()
        .object_ownership(ObjectOwnership::BucketOwnerEnforced)
        .build()
        .map_err(|error| unbuilt(&error))?;
    OwnershipControls::builder().rules(rule).build().map_err(|error| unbuilt(&error))
}

/// With S3's own keys, which cost nothing and need no permission.
pub(crate) fn encryption() -> Result<ServerSideEncryptionConfiguration, CloudError> {
    let default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::Aes256)
        .build()
        .map_err(|error| unbuilt(&error))?;
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(default).build();
    ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(|error| unbuilt(&error))
}

fn tagging(tags: &Tags) -> Result<Tagging, CloudError> {
    let set = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unbuilt(&error))?;
    Tagging::builder().set_tag_set(Some(set)).build().map_err(|error| unbuilt(&error))
}

pub(crate) fn unbuilt(error: &aws_sdk_s3::error::BuildError) -> CloudError {
    CloudError::new(ErrorKind::Invalid, "s3", error.to_string())
}
