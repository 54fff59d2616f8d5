//! The bucket that state is kept in: made as it should be by one call, or looked over.

use meridian_provider_api::{CloudError, ErrorKind, Finding, Grade, StateBucket};
use reqwest::Method;
use serde_json::{Value, json};

use super::GcpState;
use crate::bootstrap::bucket::STORAGE_CLASS;
use crate::bootstrap::described::{BUCKETS, Described, look, path};
use crate::bootstrap::storage::storage;
use crate::rest::Request;

/// The label of a bucket that we made, and its value. What is weak about such a bucket is mended.
const MARK: (&str, &str) = ("meridian-state", "true");

/// How long what was deleted is kept, in seconds: what Cloud Storage sets by itself.
const SOFT_DELETE_SECONDS: u32 = 604_800;

/// Makes the bucket if it is not there, and looks it over.
pub(super) async fn prepare(state: &GcpState, bucket: &StateBucket) -> Result<Vec<Finding>, CloudError> {
    let name = bucket.name.as_str();
    match get(state, name).await {
        Ok(found) => existing(state, found).await,
        Err(error) if error.kind == ErrorKind::NotFound => match make(state, bucket).await {
            Ok(made) => {
                let made_it = Finding {
                    grade: Grade::Made,
                    what: "bucket",
                    message: format!("the bucket {name} was made in {}", made.location.to_lowercase()),
                    hint: String::new(),
                };
                Ok([made_it].into_iter().chain(findings(&made)).collect())
            }
            // Made before by an answer that was lost, or by someone else.
            Err(error) if error.kind == ErrorKind::AlreadyExists => match get(state, name).await {
                Ok(found) => existing(state, found).await,
                Err(_) => Err(error),
            },
            Err(error) => Err(error),
        },
        Err(error) if error.kind == ErrorKind::Denied => Ok(vec![Finding {
            grade: Grade::Unknown,
            what: "bucket",
            message: format!("it could not be looked at: {error}"),
            hint: format!(
                "allow storage.buckets.get, for instance by `gcloud storage buckets add-iam-policy-binding gs://{name} \
                 --member=… --role=roles/storage.legacyBucketReader`, and check again"
            ),
        }]),
        Err(error) => Err(error),
    }
}

/// Looks a bucket over that was there. One that we made is mended.
async fn existing(state: &GcpState, found: Described) -> Result<Vec<Finding>, CloudError> {
    let owner = owner(state, &found.name).await?;
    let is_ours = owner.grade == Grade::Good && found.labels.get(MARK.0).is_some_and(|value| value == MARK.1);
    let before = findings(&found);
    let change = settings(&before);
    let after = if is_ours && change.as_object().is_some_and(|change| !change.is_empty()) {
        let request = Request::new(storage("buckets.patch"), Method::PATCH, path(&found.name)).json(&change);
        match state.storage.json::<Described>(&request).await {
            Ok(mended) => mend(before, findings(&mended)),
            Err(error) if error.kind == ErrorKind::Denied => before,
            Err(error) => return Err(error),
        }
    } else {
        before
    };
    Ok([owner].into_iter().chain(after).collect())
}

/// What was weak and is good now was made so.
fn mend(before: Vec<Finding>, mut after: Vec<Finding>) -> Vec<Finding> {
    for (was, is) in before.into_iter().zip(&mut after) {
        if (was.grade, is.grade) == (Grade::Weak, Grade::Good) {
            is.grade = Grade::Made;
        }
    }
    after
}

async fn get(state: &GcpState, name: &str) -> Result<Described, CloudError> {
    state.storage.json(&Request::new(storage("buckets.get"), Method::GET, path(name))).await
}

/// Makes the bucket with all that protects it, marked as ours, in one call.
async fn make(state: &GcpState, bucket: &StateBucket) -> Result<Described, CloudError> {
    let missing = |what: &str| {
        let why = format!("there is no bucket {}, and no {what} is named to make it in", bucket.name);
        CloudError::new(ErrorKind::Invalid, "making the bucket", why)
    };
    let project = state.project.as_deref().ok_or_else(|| missing("project"))?;
    let region = bucket.region.as_deref().or(state.region.as_deref()).ok_or_else(|| missing("region"))?;
    let (label, value) = MARK;
    let body = json!({
        "name": bucket.name,
        "location": region,
        "storageClass": STORAGE_CLASS,
        "iamConfiguration": access(),
        "versioning": { "enabled": true },
        "labels": { label: value },
    });
    let request =
        Request::new(storage("buckets.insert"), Method::POST, BUCKETS.to_owned()).query("project", project).json(&body);
    state.storage.json(&request).await
}

/// What is allowed is said by policies alone, and nobody can make the bucket public.
fn access() -> Value {
    json!({ "uniformBucketLevelAccess": { "enabled": true }, "publicAccessPrevention": "enforced" })
}

/// Whether the bucket is our project's. Names are one set for all customers, and whoever guesses one could have made it
/// first, to be given the state.
async fn owner(state: &GcpState, name: &str) -> Result<Finding, CloudError> {
    let finding = |grade, message: String, hint: String| Finding { grade, what: "owner", message, hint };
    let Some(project) = state.project.as_deref() else {
        let why = "no project is named, so nobody can tell whether it is yours".to_owned();
        return Ok(finding(Grade::Unknown, why, "set GOOGLE_CLOUD_PROJECT, and check again".to_owned()));
    };
    match look(&state.storage, project, name).await {
        Ok(Some(_)) => Ok(finding(Grade::Good, format!("it belongs to the project {project}"), String::new())),
        Ok(None) => Ok(finding(
            Grade::Weak,
            format!("it does not belong to the project {project}"),
            format!("if it should be yours, compare `gcloud storage buckets list --project={project}`"),
        )),
        Err(error) if error.kind == ErrorKind::Denied => Ok(finding(
            Grade::Unknown,
            format!("it could not be looked at: {error}"),
            format!("allow storage.buckets.list in the project {project}, and check again"),
        )),
        Err(error) => Err(error),
    }
}

/// A setting that protects a bucket: what it is about, whether it is in place, what that means and what it means that it
/// is not, and the words of the gcloud CLI that put it in place.
type Setting = (&'static str, bool, &'static str, &'static str, &'static str);

/// What is good and weak about a bucket.
fn findings(bucket: &Described) -> Vec<Finding> {
    let access = &bucket.iam_configuration;
    let kept: u64 = bucket.soft_delete_policy.retention_duration_seconds.parse().unwrap_or_default();
    let settings: [Setting; 5] = [
        (
            "versioning",
            bucket.versioning.enabled,
            "what is overwritten or deleted is kept as an older version",
            "what is overwritten or deleted is gone",
            "--versioning",
        ),
        (
            "public access",
            access.public_access_prevention == "enforced",
            "nobody can make it public",
            "it can be made public",
            "--public-access-prevention",
        ),
        (
            "access lists",
            access.uniform_bucket_level_access.enabled,
            "access lists have no effect",
            "access lists (ACLs) can let others in",
            "--uniform-bucket-level-access",
        ),
        (
            "soft delete",
            kept > 0,
            "what is removed for good is kept for some days",
            "a version that is removed can't be restored",
            "--soft-delete-duration=7d",
        ),
        (
            "expiry",
            !bucket.lifecycle.rule.iter().any(removes_live),
            "no rule removes what is current",
            "a lifecycle rule removes objects that are current, unless it is about others than state",
            "--lifecycle-file=…",
        ),
    ];
    let name = bucket.name.as_str();
    let told = settings.into_iter().map(|(what, is_good, strength, weakness, option)| Finding {
        grade: if is_good { Grade::Good } else { Grade::Weak },
        what,
        message: if is_good { strength } else { weakness }.to_owned(),
        hint: if is_good { String::new() } else { format!("`gcloud storage buckets update gs://{name} {option}`") },
    });
    let key = match bucket.encryption.default_kms_key_name.as_str() {
        "" => "Google's own keys",
        key => key,
    };
    let encryption = Finding {
        grade: Grade::Good,
        what: "encryption",
        message: format!("what is written is encrypted with {key}"),
        hint: String::new(),
    };
    told.chain([encryption]).collect()
}

/// What a patch has to say so that what is weak is mended; other settings, and rules that someone made, stay as they are.
fn settings(findings: &[Finding]) -> Value {
    let is_weak = |what: &str| findings.iter().any(|finding| finding.what == what && finding.grade == Grade::Weak);
    let mut change = json!({});
    if is_weak("versioning") {
        change["versioning"] = json!({ "enabled": true });
    }
    if is_weak("public access") || is_weak("access lists") {
        change["iamConfiguration"] = access();
    }
    if is_weak("soft delete") {
        change["softDeletePolicy"] = json!({ "retentionDurationSeconds": SOFT_DELETE_SECONDS.to_string() });
    }
    change
}

/// Whether a lifecycle rule deletes objects that are live: every condition that speaks of older versions alone spares them
/// (Cloud Storage, "Object Lifecycle Management").
fn removes_live(rule: &Value) -> bool {
    let condition = &rule["condition"];
    let spares = ["daysSinceNoncurrentTime", "noncurrentTimeBefore", "numNewerVersions"];
    let is_about_older = spares.iter().any(|name| !condition[*name].is_null()) || condition["isLive"] == json!(false);
    rule["action"]["type"] == "Delete" && !is_about_older
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(value: Value) -> Described {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_weak_is_told_and_mended_and_nothing_else() {
        let hard = described(json!({
            "name": "b", "iamConfiguration": access(), "versioning": { "enabled": true },
            "softDeletePolicy": { "retentionDurationSeconds": "604800" },
        }));
        assert!(findings(&hard).iter().all(|finding| finding.grade == Grade::Good));
        assert_eq!(settings(&findings(&hard)), json!({}));
        let soft = described(json!({
            "name": "b",
            "lifecycle": { "rule": [{ "action": { "type": "Delete" }, "condition": { "age": 30 } }] },
            "encryption": { "defaultKmsKeyName": "projects/p" },
        }));
        let weak = findings(&soft);
        assert_eq!(weak.iter().filter(|finding| finding.grade == Grade::Weak).count(), 5);
        assert!(weak.iter().all(|finding| (finding.grade == Grade::Weak) != finding.hint.is_empty()));
        let change = settings(&weak);
        assert_eq!(change["versioning"]["enabled"], true);
        assert!(change.get("lifecycle").is_none(), "someone made that rule");
        let mended = mend(weak, findings(&hard));
        assert!(mended[..4].iter().all(|finding| finding.grade == Grade::Made));
    }

    #[test]
    fn rules_about_older_versions_are_harmless() {
        for (condition, live) in [
            (json!({ "age": 1 }), true),
            (json!({ "age": 1, "isLive": true }), true),
            (json!({ "age": 1, "isLive": false }), false),
            (json!({ "daysSinceNoncurrentTime": 30 }), false),
            (json!({ "numNewerVersions": 3 }), false),
        ] {
            let rule = json!({ "action": { "type": "Delete" }, "condition": condition });
            assert_eq!(removes_live(&rule), live, "{rule}");
        }
        assert!(!removes_live(&json!({ "action": { "type": "SetStorageClass" }, "condition": { "age": 1 } })));
    }
}
