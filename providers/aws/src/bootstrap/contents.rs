//! What lies in the bucket: one listing for the bucket itself, its settings, the bundles and the keys.

use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use meridian_engine::{Address, Resource};
use meridian_provider_api::{Api, CloudError, ErrorKind, Scope};

use super::Bucket;
use crate::client::{Aws, recorded};
use crate::compile::names::{BOOTSTRAP, bucket_name_of};
use crate::ec2::{found, pages};
use crate::errors::from_sdk;
use crate::limits::other;

/// A bucket and the keys of its objects, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contents {
    pub bucket: String,
    pub keys: Vec<String>,
}

impl Contents {
    /// What follows `prefix` in the keys that begin with it.
    pub fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.keys.iter().filter_map(move |key| key.strip_prefix(prefix))
    }
}

pub(super) fn api(operation: &'static str) -> Api {
    other("s3", operation, true)
}

/// The cluster's bucket and what is in it; `None` when there is no bucket.
pub(super) async fn contents(client: &Aws, scope: &Scope) -> Result<Arc<Option<Contents>>, CloudError> {
    client.listing("ListObjectsV2", || read(client, scope)).await
}

/// The name follows from the account, the region and the cluster. When it was recorded, nobody has to be asked who we
/// are.
async fn read(client: &Aws, scope: &Scope) -> Result<Option<Contents>, CloudError> {
    let address = Address::new(Bucket::SCHEMA.kind, BOOTSTRAP)
        .map_err(|error| CloudError::new(ErrorKind::Invalid, "s3:ListObjectsV2", error.to_string()))?;
    let bucket = match recorded(scope, &address) {
        Some(name) => name.to_owned(),
        None => bucket_name_of(&client.cluster, &client.region, client.account().await?),
    };
    let keys = pages(|token| {
        let bucket = bucket.as_str();
        async move {
            let page = client
                .call(api("ListObjectsV2"), || {
                    client.s3.list_objects_v2().bucket(bucket).set_continuation_token(token.clone()).send()
                })
                .await?;
            let keys = page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key).collect();
            Ok((Some(keys), page.next_continuation_token))
        }
    })
    .await;
    Ok(found(keys)?.map(|keys| Contents { bucket, keys }))
}

/// Writes an object into a bucket of our own account; a bucket of that name in another's hands is refused.
pub(super) async fn put(client: &Aws, bucket: &str, key: &str, body: &str) -> Result<(), CloudError> {
    let owner = client.account().await?;
    client
        .call(api("PutObject"), || {
            client
                .s3
                .put_object()
                .bucket(bucket)
                .key(key)
                .expected_bucket_owner(owner)
                .body(ByteStream::from(body.as_bytes().to_vec()))
                .send()
        })
        .await?;
    Ok(())
}

/// Removes every version of every object whose key begins with `prefix`.
pub(super) async fn purge(client: &Aws, bucket: &str, prefix: &str) -> Result<(), CloudError> {
    loop {
        let page = client
            .call(api("ListObjectVersions"), || client.s3.list_object_versions().bucket(bucket).prefix(prefix).send())
            .await?;
        let versions = page.versions().iter().map(|version| (version.key(), version.version_id()));
        let markers = page.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
        let objects: Vec<ObjectIdentifier> = versions
            .chain(markers)
            .filter_map(|(key, version)| {
                ObjectIdentifier::builder().key(key?).set_version_id(version.map(str::to_owned)).build().ok()
            })
            .collect();
        // What is removed leaves the listing, so that its first page is always the next.
        if objects.is_empty() {
            return Ok(());
        }
        let delete = Delete::builder()
            .set_objects(Some(objects))
            .quiet(true)
            .build()
            .map_err(|error| CloudError::new(ErrorKind::Invalid, "s3:DeleteObjects", error.to_string()))?;
        let answer = client
            .call(api("DeleteObjects"), || client.s3.delete_objects().bucket(bucket).delete(delete.clone()).send())
            .await?;
        if let Some(error) = answer.errors().first() {
            let kind = if error.code() == Some("AccessDenied") { ErrorKind::Denied } else { ErrorKind::Transient };
            let what = format!("{}: {}", error.key().unwrap_or_default(), error.message().unwrap_or_default());
            return Err(CloudError::new(kind, "s3:DeleteObjects", what));
        }
    }
}

/// Empties a bucket and removes it; once more each time that someone has put something in between.
pub(super) async fn remove(client: &Aws, bucket: &str) -> Result<(), CloudError> {
    let api = api("DeleteBucket");
    client
        .caller
        .call(api, || async move {
            purge(client, bucket, "").await?;
            client.s3.delete_bucket().bucket(bucket).send().await.map_err(|error| from_sdk(api, &client.region, &error))
        })
        .await?;
    Ok(())
}
