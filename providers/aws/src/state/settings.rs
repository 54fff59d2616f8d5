//! What protects a bucket, setting by setting: whether it is in place, and how it is put there.

use aws_sdk_s3::types::{
    BucketVersioningStatus, ExpirationStatus, LifecycleRule, ObjectOwnership, OwnershipControlsRule,
};
use futures::future::try_join_all;
use meridian_provider_api::{CloudError, ErrorKind, Finding, Grade};
use serde_json::{Value, json};

use super::bucket::{Place, api, is_unseen};
use crate::bootstrap::bucket::{encryption, ownership, public_access_block, versioning};
use crate::client::call;

/// A setting that protects a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    Versioning,
    PublicAccess,
    Encryption,
    Ownership,
    Transport,
    Expiry,
}

/// Every setting, in the order in which they are told.
const ALL: [Setting; 6] = [
    Setting::Versioning,
    Setting::PublicAccess,
    Setting::Encryption,
    Setting::Ownership,
    Setting::Transport,
    Setting::Expiry,
];

/// Looks at every setting of a bucket. What is of one of the grades in `mend` is set, one after the other: S3 refuses two at
/// once on a bucket.
pub(super) async fn look_over(place: &Place, mend: &[Grade]) -> Result<Vec<Finding>, CloudError> {
    let mut findings = try_join_all(ALL.map(|setting| look(place, setting))).await?;
    for (setting, finding) in ALL.into_iter().zip(&mut findings) {
        if !mend.contains(&finding.grade) {
            continue;
        }
        match put(place, setting).await {
            Ok(false) => {}
            Ok(true) => *finding = Finding { grade: Grade::Made, ..good(setting, setting.strength().to_owned()) },
            Err(error) if is_unseen(&error) => {
                finding.message = format!("{}; setting it failed: {error}", finding.message);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(findings)
}

async fn look(place: &Place, setting: Setting) -> Result<Finding, CloudError> {
    match read(place, setting).await {
        Err(error) if is_unseen(&error) => Ok(Finding {
            grade: Grade::Unknown,
            what: setting.name(),
            message: format!("it could not be looked at: {error}"),
            hint: format!("allow {} on the bucket, and check again", setting.permission()),
        }),
        result => result,
    }
}

impl Setting {
    fn name(self) -> &'static str {
        match self {
            Self::Versioning => "versioning",
            Self::PublicAccess => "public access",
            Self::Encryption => "encryption",
            Self::Ownership => "access lists",
            Self::Transport => "transport",
            Self::Expiry => "expiry",
        }
    }

    /// What it means that it is in place.
    fn strength(self) -> &'static str {
        match self {
            Self::Versioning => "what is overwritten or deleted is kept as an older version",
            Self::PublicAccess => "nobody can make it public",
            Self::Encryption => "what is written is encrypted with S3's own keys (AES256)",
            Self::Ownership => "access lists have no effect",
            Self::Transport => "plain HTTP is refused",
            Self::Expiry => "no rule removes what is current",
        }
    }

    /// The permission to look at it (Service Authorization Reference, "Amazon S3").
    fn permission(self) -> &'static str {
        match self {
            Self::Versioning => "s3:GetBucketVersioning",
            Self::PublicAccess => "s3:GetBucketPublicAccessBlock",
            Self::Encryption => "s3:GetEncryptionConfiguration",
            Self::Ownership => "s3:GetBucketOwnershipControls",
            Self::Transport => "s3:GetBucketPolicy",
            Self::Expiry => "s3:GetLifecycleConfiguration",
        }
    }

    /// The command of the AWS CLI that puts it in place.
    fn command(self, bucket: &str) -> String {
        let (verb, rest) = match self {
            Self::Versioning => ("put-bucket-versioning", "--versioning-configuration Status=Enabled"),
            Self::PublicAccess => (
                "put-public-access-block",
                "--public-access-block-configuration \
                 BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true",
            ),
            Self::Encryption => (
                "put-bucket-encryption",
                "--server-side-encryption-configuration \
                 '{\"Rules\":[{\"ApplyServerSideEncryptionByDefault\":{\"SSEAlgorithm\":\"AES256\"}}]}'",
            ),
            Self::Ownership => (
                "put-bucket-ownership-controls",
                "--ownership-controls 'Rules=[{ObjectOwnership=BucketOwnerEnforced}]'",
            ),
            Self::Transport => ("put-bucket-policy", "--policy file://policy.json"),
            Self::Expiry => ("get-bucket-lifecycle-configuration", ""),
        };
        format!("aws s3api {verb} --bucket {bucket} {rest}").trim_end().to_owned()
    }
}

fn good(setting: Setting, message: String) -> Finding {
    Finding { grade: Grade::Good, what: setting.name(), message, hint: String::new() }
}

fn weak(place: &Place, setting: Setting, message: impl Into<String>) -> Finding {
    let command = setting.command(&place.name);
    let hint = match setting {
        Setting::Transport => format!("add this statement to its policy with `{command}`: {}", deny_plain_http(place)),
        Setting::Expiry => format!("see `{command}`; the rule may be about objects that are no state"),
        _ => format!("`{command}`"),
    };
    Finding { grade: Grade::Weak, what: setting.name(), message: message.into(), hint }
}

/// What is not set is told as an error that it is not found; that the bucket is not is another.
fn set<T>(result: Result<T, CloudError>) -> Result<Option<T>, CloudError> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.kind == ErrorKind::NotFound && error.code.as_deref() != Some("NoSuchBucket") => Ok(None),
        Err(error) => Err(error),
    }
}

async fn read(place: &Place, setting: Setting) -> Result<Finding, CloudError> {
    let Place { name, caller, s3, .. } = place;
    let weak = |why: &str| weak(place, setting, why);
    let as_it_should_be = || good(setting, setting.strength().to_owned());
    Ok(match setting {
        Setting::Versioning => {
            let send = || s3.get_bucket_versioning().bucket(name).send();
            let answer = call(caller, api("GetBucketVersioning"), send).await?;
            match answer.status {
                Some(BucketVersioningStatus::Enabled) => as_it_should_be(),
                _ => weak("what is overwritten or deleted is gone"),
            }
        }
        Setting::PublicAccess => {
            let send = || s3.get_public_access_block().bucket(name).send();
            let answer = set(call(caller, api("GetPublicAccessBlock"), send).await)?;
            let block = answer.and_then(|answer| answer.public_access_block_configuration);
            if block == Some(public_access_block()) {
                as_it_should_be()
            } else {
                weak("it can be made public: not every Block Public Access setting is on")
            }
        }
        Setting::Encryption => {
            let send = || s3.get_bucket_encryption().bucket(name).send();
            let answer = set(call(caller, api("GetBucketEncryption"), send).await)?;
            let rules = answer.and_then(|answer| answer.server_side_encryption_configuration);
            let default = rules
                .as_ref()
                .and_then(|rules| rules.rules().iter().find_map(|rule| rule.apply_server_side_encryption_by_default()));
            match default {
                Some(default) => good(setting, format!("what is written is encrypted ({})", default.sse_algorithm())),
                None => weak("what is written is not encrypted by default"),
            }
        }
        Setting::Ownership => {
            let send = || s3.get_bucket_ownership_controls().bucket(name).send();
            let answer = set(call(caller, api("GetBucketOwnershipControls"), send).await)?;
            let controls = answer.and_then(|answer| answer.ownership_controls);
            let rule = controls.as_ref().and_then(|controls| controls.rules().first());
            match rule.map(OwnershipControlsRule::object_ownership) {
                Some(ObjectOwnership::BucketOwnerEnforced) => as_it_should_be(),
                _ => weak("access lists can let others in"),
            }
        }
        Setting::Transport => match policy(place).await? {
            Some(policy) if denies_plain_http(&policy) => as_it_should_be(),
            _ => weak("plain HTTP is answered"),
        },
        Setting::Expiry => {
            let send = || s3.get_bucket_lifecycle_configuration().bucket(name).send();
            let answer = set(call(caller, api("GetBucketLifecycleConfiguration"), send).await)?;
            let rules = answer.and_then(|answer| answer.rules).unwrap_or_default();
            match rules.iter().find(|rule| removes_current(rule)) {
                Some(rule) => {
                    let id = rule.id().unwrap_or("without an id");
                    weak(&format!("the lifecycle rule {id} removes objects that are current"))
                }
                None => as_it_should_be(),
            }
        }
    })
}

/// Puts a setting in place; `false` where that would undo what someone else has said.
async fn put(place: &Place, setting: Setting) -> Result<bool, CloudError> {
    let Place { name, caller, s3, account } = place;
    let owner = account.id.as_str();
    match setting {
        Setting::Versioning => {
            let send = || {
                let put = s3.put_bucket_versioning().bucket(name).expected_bucket_owner(owner);
                put.versioning_configuration(versioning()).send()
            };
            call(caller, api("PutBucketVersioning"), send).await?;
        }
        Setting::PublicAccess => {
            let send = || {
                let put = s3.put_public_access_block().bucket(name).expected_bucket_owner(owner);
                put.public_access_block_configuration(public_access_block()).send()
            };
            call(caller, api("PutPublicAccessBlock"), send).await?;
        }
        Setting::Encryption => {
            let rules = encryption()?;
            let send = || {
                let put = s3.put_bucket_encryption().bucket(name).expected_bucket_owner(owner);
                put.server_side_encryption_configuration(rules.clone()).send()
            };
            call(caller, api("PutBucketEncryption"), send).await?;
        }
        Setting::Ownership => {
            let controls = ownership()?;
            let send = || {
                let put = s3.put_bucket_ownership_controls().bucket(name).expected_bucket_owner(owner);
                put.ownership_controls(controls.clone()).send()
            };
            call(caller, api("PutBucketOwnershipControls"), send).await?;
        }
        Setting::Transport => {
            if policy(place).await?.is_some() {
                return Ok(false);
            }
            let policy = json!({ "Version": "2012-10-17", "Statement": [deny_plain_http(place)] }).to_string();
            let send = || s3.put_bucket_policy().bucket(name).expected_bucket_owner(owner).policy(&policy).send();
            call(caller, api("PutBucketPolicy"), send).await?;
        }
        Setting::Expiry => return Ok(false),
    }
    Ok(true)
}

/// The bucket's policy, if it has one.
async fn policy(place: &Place) -> Result<Option<String>, CloudError> {
    let Place { name, caller, s3, .. } = place;
    let answer = set(call(caller, api("GetBucketPolicy"), || s3.get_bucket_policy().bucket(name).send()).await)?;
    Ok(answer.and_then(|answer| answer.policy))
}

/// AWS's own words for it (S3 User Guide, "Restrict access to only HTTPS requests").
fn deny_plain_http(place: &Place) -> Value {
    let arn = format!("arn:{}:s3:::{}", place.account.partition, place.name);
    json!({
        "Sid": "RestrictToTLSRequestsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, format!("{arn}/*")],
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    })
}

/// Whether a policy has such a statement.
fn denies_plain_http(policy: &str) -> bool {
    let document: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = &document["Statement"];
    let alone = std::slice::from_ref(statements);
    statements.as_array().map_or(alone, Vec::as_slice).iter().any(|statement| {
        let everyone = holds(&statement["Principal"], "*") || holds(&statement["Principal"]["AWS"], "*");
        let everything = holds(&statement["Action"], "s3:*") || holds(&statement["Action"], "*");
        let condition = &statement["Condition"]["Bool"]["aws:SecureTransport"];
        let plain = holds(condition, "false") || *condition == json!(false);
        statement["Effect"] == "Deny" && everyone && everything && plain
    })
}

/// Whether a value of a policy, which may be one text or several, has this one.
fn holds(value: &Value, text: &str) -> bool {
    value == text || value.as_array().is_some_and(|several| several.iter().any(|one| one == text))
}

fn removes_current(rule: &LifecycleRule) -> bool {
    let expiration = rule.expiration().is_some_and(|expiration| expiration.days.is_some() || expiration.date.is_some());
    *rule.status() == ExpirationStatus::Enabled && expiration
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_denies_plain_http_is_recognised() {
        let policy = |statement: Value| json!({ "Statement": statement }).to_string();
        let ours = json!({
            "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        });
        assert!(denies_plain_http(&policy(ours.clone())), "one statement need not be in a list");
        let mut theirs = ours.clone();
        theirs["Principal"] = json!({ "AWS": ["*"] });
        theirs["Condition"]["Bool"]["aws:SecureTransport"] = json!(["false"]);
        assert!(denies_plain_http(&policy(json!([{ "Effect": "Allow" }, theirs]))));
        for (field, other) in [
            ("Effect", json!("Allow")),
            ("Principal", json!({ "AWS": "arn:aws:iam::1:root" })),
            ("Action", json!("s3:GetObject")),
            ("Condition", json!({ "Bool": { "aws:SecureTransport": "true" } })),
            ("Condition", Value::Null),
        ] {
            let mut less = ours.clone();
            less[field] = other;
            assert!(!denies_plain_http(&policy(json!([less]))), "{field}");
        }
        assert!(!denies_plain_http("no JSON"));
    }

    #[test]
    fn hints_are_commands() {
        for setting in ALL {
            let command = setting.command("b");
            assert!(command.starts_with("aws s3api ") && command.contains(" --bucket b"), "{command}");
        }
    }
}
