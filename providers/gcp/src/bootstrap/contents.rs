//! What lies in the bucket: one listing for the bundles and the keys.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use meridian_provider_api::CloudError;
use reqwest::Method;
use serde::Deserialize;

use super::bucket::is_own;
use super::storage::{storage, upload};
use crate::client::Gcp;
use crate::compile::names::bucket_name_of;
use crate::gce::{found, gone, pages};
use crate::rest::{Request, part};

/// Deletions of single versions that are under way at once; Cloud Storage has no call for several.
const AT_ONCE: usize = 16;

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

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    items: Vec<Item>,
    next_page_token: Option<String>,
}

/// A version of an object.
#[derive(Debug, Clone, Deserialize)]
struct Item {
    name: String,
    generation: String,
}

/// The name follows from the project, the region and the cluster.
pub(super) fn bucket(client: &Gcp) -> String {
    bucket_name_of(&client.cluster, &client.region, &client.project)
}

/// What is in the cluster's bucket; `None` when there is no bucket of ours.
pub(super) async fn contents(client: &Gcp) -> Result<Arc<Option<Contents>>, CloudError> {
    client
        .listing("objects.list", || async {
            let bucket = bucket(client);
            let items = async { found(list(client, &bucket, "", false).await) };
            let (items, is_own) = tokio::try_join!(items, is_own(client))?;
            Ok(items
                .filter(|_| is_own)
                .map(|items| Contents { bucket, keys: items.into_iter().map(|item| item.name).collect() }))
        })
        .await
}

async fn list(client: &Gcp, bucket: &str, prefix: &str, versions: bool) -> Result<Vec<Item>, CloudError> {
    pages(|token| async move {
        let mut request = Request::new(storage("objects.list"), Method::GET, objects(bucket));
        if !prefix.is_empty() {
            request = request.query("prefix", prefix);
        }
        if versions {
            request = request.query("versions", "true");
        }
        if let Some(token) = token {
            request = request.query("pageToken", token);
        }
        let page: Page = client.storage.json(&request).await?;
        Ok((page.items, page.next_page_token))
    })
    .await
}

fn objects(bucket: &str) -> String {
    format!("/storage/v1/b/{}/o", part(bucket))
}

fn object(bucket: &str, key: &str) -> String {
    format!("{}/{}", objects(bucket), part(key))
}

/// Writes an object.
pub(super) async fn put(client: &Gcp, bucket: &str, key: &str, body: &str) -> Result<(), CloudError> {
    client.storage.send(&upload(storage("objects.insert"), bucket, key, body)?).await.map(drop)
}

/// Writes an object unless it is there; whether it was written. An answer that was lost leaves it written: then it is
/// there the next time, and is read back.
pub(super) async fn put_new(client: &Gcp, bucket: &str, key: &str, body: &str) -> Result<bool, CloudError> {
    let request = upload(storage("objects.insert"), bucket, key, body)?.query("ifGenerationMatch", "0");
    match client.storage.send(&request).await {
        Ok(_) => Ok(true),
        Err(error) if error.code.as_deref() == Some("conditionNotMet") => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads an object.
pub(super) async fn get(client: &Gcp, bucket: &str, key: &str) -> Result<Vec<u8>, CloudError> {
    let request = Request::new(storage("objects.get"), Method::GET, object(bucket, key)).query("alt", "media");
    client.storage.send(&request).await
}

/// Removes an object; an older version of it stays until it is purged.
pub(super) async fn delete(client: &Gcp, bucket: &str, key: &str) -> Result<(), CloudError> {
    let request = Request::new(storage("objects.delete"), Method::DELETE, object(bucket, key));
    gone(client.storage.send(&request).await)
}

/// Removes every version of every object whose key begins with `prefix`.
pub(super) async fn purge(client: &Gcp, bucket: &str, prefix: &str) -> Result<(), CloudError> {
    let versions = list(client, bucket, prefix, true).await?;
    stream::iter(versions)
        .map(|version| async move {
            let request = Request::new(storage("objects.delete"), Method::DELETE, object(bucket, &version.name))
                .query("generation", version.generation);
            gone(client.storage.send(&request).await)
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Empties a bucket and removes it; once more each time that someone has put something in between.
pub(super) async fn remove(client: &Gcp, bucket: &str) -> Result<(), CloudError> {
    let request = Request::new(storage("buckets.delete"), Method::DELETE, format!("/storage/v1/b/{}", part(bucket)));
    client
        .caller
        .call(storage("buckets.delete"), || async {
            purge(client, bucket, "").await?;
            client.storage.once(&request).await.map(drop)
        })
        .await
}
