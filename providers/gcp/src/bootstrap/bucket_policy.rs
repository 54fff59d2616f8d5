//! Who may read and write what in the bootstrap bucket.
//!
//! A bucket has one policy for everyone. Ours are the bindings of the cluster's own service accounts; what others have
//! bound stays, but for the viewers of the project, whom Cloud Storage lets read every new bucket: this one holds keys.

use async_trait::async_trait;
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource, record, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::bucket::is_own as is_own_bucket;
use super::contents::bucket;
use super::storage::storage;
use super::{BOOTSTRAP, Bucket};
use crate::client::Gcp;
use crate::gce::{found, gone, id_of, made, with_new};
use crate::identity::ServiceAccount;
use crate::identity::service_account::is_own;
use crate::rest::{Request, part};

/// The version of a policy with conditions (IAM, "Policy versions").
const VERSION: i32 = 3;

/// The members whom Cloud Storage binds to a new bucket for everyone who may view the project.
const VIEWERS: &str = "projectViewer:";

record! {
    /// What a service account may do, under a condition.
    pub struct Grant {
        /// `roles/storage.objectViewer`.
        role: String,
        member: Ref<ServiceAccount>,
        title: String,
        /// In the Common Expression Language.
        expression: String,
    }
}

resource! {
    /// The cluster's part of its bucket's policy. Its id is the bucket's name.
    pub struct BucketPolicy = "google_storage_bucket_iam_policy", "bucket policy", Replacement::DeleteFirst;
    fields {
        bucket: Ref<Bucket> => replace,
        grants: Set<Grant> => update,
        /// Whether everyone who may view the project may read the bucket.
        project_viewers: bool => update,
    }
    computed {}
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Policy {
    version: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    bindings: Vec<Binding>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Binding {
    role: String,
    members: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Clause>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Clause {
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    expression: String,
}

fn path(bucket: &str) -> String {
    format!("/storage/v1/b/{}/iam", part(bucket))
}

/// The service account behind a member, whether it lives or was deleted; `None` for other members.
fn service_account(member: &str) -> Option<&str> {
    let email = member.strip_prefix("deleted:").unwrap_or(member).strip_prefix("serviceAccount:")?;
    email.split('?').next()
}

impl Policy {
    /// The bindings of our service accounts, one by one. One whose account was deleted is like none that is wanted.
    fn grants(&self, is_ours: &dyn Fn(&str) -> bool) -> Set<Grant> {
        let mut grants = Vec::new();
        for binding in &self.bindings {
            let condition = binding.condition.clone().unwrap_or_default();
            let ours = binding.members.iter().filter(|member| service_account(member).is_some_and(is_ours));
            grants.extend(ours.map(|member| Grant {
                role: binding.role.clone(),
                member: Ref::existing(member.strip_prefix("serviceAccount:").unwrap_or(member)),
                title: condition.title.clone(),
                expression: condition.expression.clone(),
            }));
        }
        Set(grants)
    }

    fn has_viewers(&self) -> bool {
        self.bindings.iter().flat_map(|binding| &binding.members).any(|member| member.starts_with(VIEWERS))
    }

    /// Takes our bindings out and those of the project's viewers, and puts `grants` in.
    fn with(mut self, grants: &[Grant], is_ours: &dyn Fn(&str) -> bool) -> Result<Self, CloudError> {
        for binding in &mut self.bindings {
            binding
                .members
                .retain(|member| !member.starts_with(VIEWERS) && !service_account(member).is_some_and(is_ours));
        }
        self.bindings.retain(|binding| !binding.members.is_empty());
        for grant in grants {
            self.bindings.push(Binding {
                role: grant.role.clone(),
                members: vec![format!("serviceAccount:{}", id_of(&grant.member)?)],
                condition: Some(Clause {
                    title: grant.title.clone(),
                    description: None,
                    expression: grant.expression.clone(),
                }),
            });
        }
        self.version = VERSION;
        Ok(self)
    }
}

fn reading(bucket: &str) -> Request {
    Request::new(storage("buckets.getIamPolicy"), Method::GET, path(bucket))
        .query("optionsRequestedPolicyVersion", VERSION.to_string())
}

/// Reads, changes and writes the policy. One that was changed in between is read again.
async fn change(client: &Gcp, bucket: &str, grants: &[Grant]) -> Result<(), CloudError> {
    client
        .edit(|| async {
            let now: Policy = client.storage.json(&reading(bucket)).await?;
            let next = now.clone().with(grants, &|email| is_own(client, email))?;
            if next.bindings == now.bindings {
                return Ok(());
            }
            let body = serde_json::json!(next);
            let request = Request::new(storage("buckets.setIamPolicy"), Method::PUT, path(bucket)).json(&body);
            client.storage.send(&request).await.map(drop)
        })
        .await
}

#[async_trait]
impl KindOps<Gcp> for BucketPolicy {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let bucket = bucket(client);
        let policy = async { found(client.storage.json::<Policy>(&reading(&bucket)).await) };
        let (policy, is_own_bucket) = tokio::try_join!(policy, is_own_bucket(client))?;
        let Some(policy) = policy.filter(|_| is_own_bucket) else { return Ok(Vec::new()) };
        let grants = policy.grants(&|email| is_own(client, email));
        // Without a binding of ours, it was not made yet.
        if grants.0.is_empty() {
            return Ok(Vec::new());
        }
        let Ok(address) = Address::new(Self::SCHEMA.kind, BOOTSTRAP) else { return Ok(Vec::new()) };
        Ok(vec![Found {
            address,
            id: bucket.clone(),
            resource: Self { bucket: Ref::existing(&bucket), grants, project_viewers: policy.has_viewers() },
            computed: Fields::new(),
            condition: Condition::Ready,
        }])
    }

    async fn create(&self, client: &Gcp, _: &New) -> Result<Made, CloudError> {
        let bucket = id_of(&self.bucket)?;
        with_new(client, || change(client, bucket, &self.grants.0)).await?;
        Ok(made(bucket))
    }

    async fn update(&self, client: &Gcp, _: &Existing<Self>) -> Result<Made, CloudError> {
        let bucket = id_of(&self.bucket)?;
        change(client, bucket, &self.grants.0).await?;
        Ok(made(bucket))
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        gone(change(client, &existing.id, &[]).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "demo-0a1b2c-wk@p.iam.gserviceaccount.com";

    fn policy() -> Policy {
        let binding = |role: &str, members: &[&str]| Binding {
            role: role.to_owned(),
            members: members.iter().map(|member| (*member).to_owned()).collect(),
            condition: None,
        };
        Policy {
            version: 1,
            etag: Some("CAE=".to_owned()),
            bindings: vec![
                binding("roles/storage.legacyBucketOwner", &["projectEditor:p", "projectOwner:p"]),
                binding("roles/storage.legacyBucketReader", &["projectViewer:p"]),
                binding(
                    "roles/storage.objectViewer",
                    &["user:a@example.com", &format!("deleted:serviceAccount:{OURS}?uid=1")],
                ),
            ],
        }
    }

    #[test]
    fn others_keep_what_they_have_and_viewers_go() {
        let is_ours = |email: &str| email.starts_with("demo-0a1b2c-");
        let grant = Grant {
            role: "roles/storage.objectViewer".to_owned(),
            member: Ref::existing(OURS),
            title: "t".to_owned(),
            expression: "true".to_owned(),
        };
        assert!(policy().has_viewers());
        let stale = policy().grants(&is_ours);
        assert_eq!(stale.0.len(), 1);
        assert_ne!(stale.0[0].member, grant.member, "a deleted account is not the new one");
        let next = policy().with(std::slice::from_ref(&grant), &is_ours).unwrap();
        assert_eq!((next.version, next.etag.as_deref(), next.has_viewers()), (3, Some("CAE="), false));
        assert_eq!(next.bindings.len(), 3);
        assert_eq!(next.bindings[1].members, ["user:a@example.com"]);
        assert_eq!(next.grants(&is_ours), Set(vec![grant.clone()]));
        assert_eq!(next.clone().with(&[grant], &is_ours).unwrap(), next);
    }
}
