//! Buckets as Cloud Storage describes them.

use std::collections::BTreeMap;

use meridian_provider_api::CloudError;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::storage::storage;
use crate::gce::pages;
use crate::rest::{Request, Rest, part};

/// A bucket as Cloud Storage describes it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Described {
    pub name: String,
    pub location: String,
    pub iam_configuration: IamConfiguration,
    pub versioning: Switch,
    pub lifecycle: Lifecycle,
    pub soft_delete_policy: SoftDelete,
    pub encryption: Encryption,
    pub labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct IamConfiguration {
    pub uniform_bucket_level_access: Switch,
    pub public_access_prevention: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Switch {
    pub enabled: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Lifecycle {
    pub rule: Vec<Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SoftDelete {
    pub retention_duration_seconds: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Encryption {
    /// Empty where Google's own keys are used.
    pub default_kms_key_name: String,
}

/// Path of all buckets.
pub(crate) const BUCKETS: &str = "/storage/v1/b";

/// Path of one.
pub(crate) fn path(name: &str) -> String {
    format!("{BUCKETS}/{}", part(name))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    items: Vec<Described>,
    next_page_token: Option<String>,
}

/// The bucket, if it is in our project. It is listed and not asked for by its name: names are one set for all customers,
/// and whoever guesses ours could have made it before us, to be given the keys of the cluster.
pub(crate) async fn look(rest: &Rest, project: &str, name: &str) -> Result<Option<Described>, CloudError> {
    let buckets = pages(|token| async move {
        let mut request = Request::new(storage("buckets.list"), Method::GET, BUCKETS.to_owned())
            .query("project", project)
            .query("prefix", name);
        if let Some(token) = token {
            request = request.query("pageToken", token);
        }
        let page: Page = rest.json(&request).await?;
        Ok((page.items, page.next_page_token))
    })
    .await?;
    Ok(buckets.into_iter().find(|bucket| bucket.name == name))
}
