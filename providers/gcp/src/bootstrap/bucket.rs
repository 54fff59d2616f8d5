//! The bootstrap bucket and what protects it.

use std::sync::Arc;

use async_trait::async_trait;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Resource, resource};
use meridian_provider_api::{Client as _, CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope, Stranger};
use reqwest::Method;
use serde_json::{Value, json};

use super::BOOTSTRAP;
use super::contents::{bucket, remove};
use super::described::{BUCKETS, Described, look, path};
use super::storage::storage;
use crate::client::Gcp;
use crate::gce::{gone, made};
use crate::marks::{CLUSTER_LABEL, Labels, own_labels};
use crate::rest::Request;

/// How long an older version of an object is kept. Slots publish a join token each hour.
const OLD_VERSIONS_DAYS: u32 = 30;

/// The only class of storage without a least time and a price for reading.
pub(crate) const STORAGE_CLASS: &str = "STANDARD";

resource! {
    /// A private, versioned bucket, which Google encrypts with its own keys. Its id is its name.
    pub struct Bucket = "google_storage_bucket", "bucket", Replacement::Refused(
        "it holds the keys of the cluster's certificate authorities, without which no machine can join. To move a cluster \
         to another project or region, make a new one there and destroy this one");
    fields {
        /// Unique among all customers.
        name: String => replace,
        /// The region.
        location: String => replace,
        /// Whether what is allowed is said by the bucket's policy alone, and by no access lists.
        uniform_access: bool => update,
        /// `enforced`: nobody can make the bucket or an object public.
        public_access_prevention: String => update,
        versioning: bool => update,
        /// Days after which an older version is removed.
        old_versions_days: u32 => update,
        /// How long Google keeps what was deleted. None: versions do that as long as the cluster lives, and when it is
        /// destroyed its keys are to be gone.
        soft_delete_seconds: i64 => update,
        labels: Labels => update,
    }
    computed {}
}

impl Bucket {
    /// The bucket of a cluster, private in every way that there is.
    #[must_use]
    pub fn private(name: String, region: &str, labels: Labels) -> Self {
        Self {
            name,
            location: region.to_owned(),
            uniform_access: true,
            public_access_prevention: "enforced".to_owned(),
            versioning: true,
            old_versions_days: OLD_VERSIONS_DAYS,
            soft_delete_seconds: 0,
            labels,
        }
    }

    /// What an update may change, as the API takes it. `before` are labels that may have to go.
    fn settings(&self, client: &Gcp, before: &Labels) -> Value {
        let gone = before.keys().filter(|key| !self.labels.contains_key(*key)).map(|key| (key.clone(), Value::Null));
        let labels = client.all_labels(&self.labels).into_iter().map(|(key, value)| (key, Value::String(value)));
        json!({
            "iamConfiguration": {
                "uniformBucketLevelAccess": { "enabled": self.uniform_access },
                "publicAccessPrevention": self.public_access_prevention,
            },
            "versioning": { "enabled": self.versioning },
            "lifecycle": { "rule": [rule(self.old_versions_days)] },
            "softDeletePolicy": { "retentionDurationSeconds": self.soft_delete_seconds.to_string() },
            "labels": gone.chain(labels).collect::<serde_json::Map<_, _>>(),
        })
    }
}

fn rule(days: u32) -> Value {
    json!({ "action": { "type": "Delete" }, "condition": { "daysSinceNoncurrentTime": days } })
}

/// The days of the one rule that is ours; none when there are others.
fn days_of(rules: &[Value]) -> u32 {
    let [only] = rules else { return 0 };
    let days = only["condition"]["daysSinceNoncurrentTime"].as_u64().and_then(|days| days.try_into().ok());
    days.filter(|days| *only == rule(*days)).unwrap_or_default()
}

/// The cluster's bucket, if it is there and ours.
async fn own(client: &Gcp) -> Result<Arc<Option<Described>>, CloudError> {
    client
        .listing("buckets.list", || async {
            let found = look(&client.storage, &client.project, &bucket(client)).await?;
            Ok(found.filter(|answer| is_marked(client, answer) || is_recorded(client, answer)))
        })
        .await
}

/// Whether the cluster's bucket is there and ours: what lies in another's is not looked at.
pub(super) async fn is_own(client: &Gcp) -> Result<bool, CloudError> {
    Ok(own(client).await?.is_some())
}

fn is_marked(client: &Gcp, answer: &Described) -> bool {
    answer.labels.get(CLUSTER_LABEL) == Some(&client.cluster)
}

/// Whether the state says that it is the cluster's, and no label that it is another's.
fn is_recorded(client: &Gcp, answer: &Described) -> bool {
    match answer.labels.get(CLUSTER_LABEL) {
        Some(other) => client.recorded().turn_down(&answer.name, Stranger::OfCluster(other.clone())),
        None => return client.recorded().unmarked(Bucket::SCHEMA.kind, &answer.name).is_some(),
    }
    false
}

fn read(answer: Described) -> Option<Found<Bucket>> {
    Some(Found {
        address: Address::new(Bucket::SCHEMA.kind, BOOTSTRAP).ok()?,
        id: answer.name.clone(),
        resource: Bucket {
            name: answer.name,
            // Cloud Storage writes locations in capitals.
            location: answer.location.to_lowercase(),
            uniform_access: answer.iam_configuration.uniform_bucket_level_access.enabled,
            public_access_prevention: answer.iam_configuration.public_access_prevention,
            versioning: answer.versioning.enabled,
            old_versions_days: days_of(&answer.lifecycle.rule),
            soft_delete_seconds: answer.soft_delete_policy.retention_duration_seconds.parse().unwrap_or_default(),
            labels: own_labels(answer.labels),
        },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}

#[async_trait]
impl KindOps<Gcp> for Bucket {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let answer = own(client).await?.as_ref().clone();
        Ok(answer.and_then(read).into_iter().collect())
    }

    async fn create(&self, client: &Gcp, _: &New) -> Result<Made, CloudError> {
        let mut body = self.settings(client, &Labels::new());
        body["name"] = json!(self.name);
        body["location"] = json!(self.location);
        body["storageClass"] = json!(STORAGE_CLASS);
        let request = Request::new(storage("buckets.insert"), Method::POST, BUCKETS.to_owned())
            .query("project", &client.project)
            .json(&body);
        match client.storage.send(&request).await {
            // A create that was sent before and never answered.
            Err(error) if error.kind == ErrorKind::AlreadyExists => {
                let found = look(&client.storage, &client.project, &self.name).await?;
                if found.is_some_and(|answer| is_marked(client, &answer)) { Ok(made(&self.name)) } else { Err(error) }
            }
            result => result.map(|_| made(&self.name)),
        }
    }

    async fn update(&self, client: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let body = self.settings(client, &existing.before.labels);
        let request = Request::new(storage("buckets.patch"), Method::PATCH, path(&self.name)).json(&body);
        client.storage.send(&request).await?;
        Ok(made(&self.name))
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let name = existing.id.as_str();
        gone(remove(client, name).await)?;
        client
            .caller
            .until("storage:buckets.delete", &format!("{name} to be gone"), || async {
                Ok(look(&client.storage, &client.project, name).await?.is_none().then_some(()))
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_rules_than_ours_are_noticed() {
        assert_eq!(days_of(&[rule(30)]), 30);
        assert_eq!(days_of(&[rule(30), rule(30)]), 0);
        assert_eq!(days_of(&[json!({ "action": { "type": "Delete" }, "condition": { "age": 1 } })]), 0);
        let mut more = rule(30);
        more["condition"]["matchesPrefix"] = json!(["join/"]);
        assert_eq!(days_of(&[more]), 0);
    }

    #[test]
    fn an_answer_is_read() {
        let answer: Described = serde_json::from_value(json!({
            "kind": "storage#bucket",
            "name": "b",
            "location": "EUROPE-WEST1",
            "iamConfiguration": {
                "uniformBucketLevelAccess": { "enabled": true, "lockedTime": "2027-02-19T07:00:00.000Z" },
                "publicAccessPrevention": "enforced",
            },
            "softDeletePolicy": { "retentionDurationSeconds": "0" },
        }))
        .unwrap();
        assert!(answer.iam_configuration.uniform_bucket_level_access.enabled && !answer.versioning.enabled);
        assert_eq!(answer.soft_delete_policy.retention_duration_seconds, "0");
    }
}
