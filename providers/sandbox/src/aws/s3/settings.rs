//! What is set on buckets: tags, versioning, public access, encryption, policy, ownership, lifecycle; and the tags of objects.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Bucket, Node, answer, body, check_tags, checked, malformed, not_implemented, objects, read_tags};
use crate::aws::iam::document;
use crate::aws::{ApiError, Cx, Request, Response, Xml};

type Answer = Result<Response, ApiError>;

/// Server-side encryption of a bucket's or an object's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// `AES256` or `aws:kms`.
    algorithm: String,
    key: Option<String>,
    bucket_key: bool,
}

impl Default for Encryption {
    /// What S3 has applied to every object since January 2023.
    fn default() -> Self {
        Self { algorithm: "AES256".to_owned(), key: None, bucket_key: false }
    }
}

impl Encryption {
    /// What the headers of an upload ask for, or the bucket's own.
    pub fn of_upload(req: &Request, usual: &Self) -> Result<Self, ApiError> {
        let key = req.header("x-amz-server-side-encryption-aws-kms-key-id").map(str::to_owned);
        let Some(algorithm) = req.header("x-amz-server-side-encryption") else {
            return if key.is_none() {
                Ok(usual.clone())
            } else {
                Err(super::invalid("The KMS key id needs x-amz-server-side-encryption"))
            };
        };
        let bucket_key = req.header("x-amz-server-side-encryption-bucket-key-enabled") == Some("true");
        let encryption = Self { algorithm: algorithm.to_owned(), key, bucket_key };
        encryption.check()?;
        Ok(encryption)
    }

    fn check(&self) -> Result<(), ApiError> {
        match self.algorithm.as_str() {
            "aws:kms" => Ok(()),
            "AES256" if self.key.is_none() => Ok(()),
            "AES256" => Err(super::invalid(
                "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
            )),
            _ => Err(ApiError::bad(
                "InvalidEncryptionAlgorithmError",
                "The encryption request you specified is not valid. The valid value is AES256.",
            )),
        }
    }

    /// Adds the headers that tell of it.
    pub fn describe(&self, response: Response) -> Response {
        let mut response = response.header("x-amz-server-side-encryption", &self.algorithm);
        if let Some(key) = &self.key {
            response = response.header("x-amz-server-side-encryption-aws-kms-key-id", key);
        }
        if self.bucket_key {
            response.header("x-amz-server-side-encryption-bucket-key-enabled", "true")
        } else {
            response
        }
    }
}

/// A lifecycle rule: what is deleted when, in days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleRule {
    id: Option<String>,
    enabled: bool,
    prefix: String,
    expiration: Option<u32>,
    expire_markers: bool,
    noncurrent: Option<u32>,
    noncurrent_kept: Option<u32>,
    abort_uploads: Option<u32>,
}

const FLAGS: [&str; 4] = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];

/// Answers the operations on a bucket's settings.
pub fn handle(cx: &mut Cx<'_>, req: &Request, name: &str) -> Answer {
    if let Some(response) = read(cx, req, name)? {
        return Ok(response);
    }
    let status = if req.operation.starts_with("Delete") { 204 } else { 200 };
    write(req, cx.world.global.s3.bucket_mut(name)?)?;
    cx.dirty_global();
    Ok(Response::empty(status))
}

fn read(cx: &Cx<'_>, req: &Request, name: &str) -> Result<Option<Response>, ApiError> {
    let bucket = cx.world.global.s3.bucket(name)?;
    let absent = |code: &str, what: &str| ApiError::new(404, code, format!("The {what} does not exist"));
    Ok(Some(match req.operation.as_str() {
        "GetBucketTagging" => {
            if bucket.tags.is_empty() {
                return Err(absent("NoSuchTagSet", "TagSet"));
            }
            answer(req, "Tagging", |x| write_tags(x, &bucket.tags))
        }
        "GetBucketVersioning" => answer(req, "VersioningConfiguration", |x| {
            x.opt("Status", bucket.versioning.as_ref());
        }),
        "GetPublicAccessBlock" => {
            let flags = bucket
                .public_access_block
                .ok_or_else(|| absent("NoSuchPublicAccessBlockConfiguration", "public access block configuration"))?;
            answer(req, "PublicAccessBlockConfiguration", |x| {
                FLAGS.iter().zip(flags).for_each(|(name, on)| x.text(name, on));
            })
        }
        "GetBucketEncryption" => answer(req, "ServerSideEncryptionConfiguration", |x| {
            x.nest("Rule", |x| {
                x.nest("ApplyServerSideEncryptionByDefault", |x| {
                    x.text("SSEAlgorithm", &bucket.encryption.algorithm);
                    x.opt("KMSMasterKeyID", bucket.encryption.key.as_ref());
                });
                x.text("BucketKeyEnabled", bucket.encryption.bucket_key);
            });
        }),
        "GetBucketPolicy" => {
            let policy = bucket.policy.clone().ok_or_else(|| absent("NoSuchBucketPolicy", "bucket policy"))?;
            Response {
                status: 200,
                headers: vec![("content-type".into(), "application/json".into())],
                body: policy.into(),
            }
        }
        "GetBucketPolicyStatus" => {
            let policy = bucket.policy.as_ref().ok_or_else(|| absent("NoSuchBucketPolicy", "bucket policy"))?;
            answer(req, "PolicyStatus", |x| {
                x.text("IsPublic", is_public(policy));
            })
        }
        "GetBucketOwnershipControls" => {
            let ownership = bucket
                .ownership
                .as_ref()
                .ok_or_else(|| absent("OwnershipControlsNotFoundError", "bucket ownership controls"))?;
            answer(req, "OwnershipControls", |x| {
                x.nest("Rule", |x| x.text("ObjectOwnership", ownership));
            })
        }
        "GetBucketLifecycleConfiguration" => {
            if bucket.lifecycle.is_empty() {
                return Err(absent("NoSuchLifecycleConfiguration", "lifecycle configuration"));
            }
            answer(req, "LifecycleConfiguration", |x| {
                bucket.lifecycle.iter().for_each(|rule| write_rule(x, rule));
            })
            .header("x-amz-transition-default-minimum-object-size", "all_storage_classes_128K")
        }
        _ => return Ok(None),
    }))
}

fn write(req: &Request, bucket: &mut Bucket) -> Result<(), ApiError> {
    match req.operation.as_str() {
        "PutBucketTagging" => bucket.tags = tagging(req, 50)?,
        "DeleteBucketTagging" => bucket.tags.clear(),
        "PutBucketVersioning" => {
            let mut node = body(req, "VersioningConfiguration")?;
            let status = node.need_text("Status").map_err(|_| {
                ApiError::bad("IllegalVersioningConfigurationException", "The Versioning element must be specified")
            })?;
            node.finish().map_err(|e| malformed(&e))?;
            bucket.versioning = Some(one_of(&status, &["Enabled", "Suspended"])?);
        }
        "PutPublicAccessBlock" => {
            let mut node = body(req, "PublicAccessBlockConfiguration")?;
            let mut flags = [false; 4];
            for (flag, name) in flags.iter_mut().zip(FLAGS) {
                *flag = boolean(node.take_text(name).as_deref())?;
            }
            node.finish().map_err(|e| malformed(&e))?;
            bucket.public_access_block = Some(flags);
        }
        "DeletePublicAccessBlock" => bucket.public_access_block = None,
        "PutBucketEncryption" => {
            bucket.encryption = encryption(body(req, "ServerSideEncryptionConfiguration")?)?;
        }
        "DeleteBucketEncryption" => bucket.encryption = Encryption::default(),
        "PutBucketPolicy" => bucket.policy = Some(policy(req, bucket)?),
        "DeleteBucketPolicy" => bucket.policy = None,
        "PutBucketOwnershipControls" => {
            let mut node = body(req, "OwnershipControls")?;
            let mut rule = node.need("Rule").map_err(|e| malformed(&e))?;
            let ownership = rule.need_text("ObjectOwnership").map_err(|e| malformed(&e))?;
            rule.finish().and_then(|()| node.finish()).map_err(|e| malformed(&e))?;
            check_ownership(&ownership)?;
            bucket.ownership = Some(ownership);
        }
        "DeleteBucketOwnershipControls" => bucket.ownership = None,
        "PutBucketLifecycleConfiguration" => {
            bucket.lifecycle = lifecycle(body(req, "LifecycleConfiguration")?)?;
        }
        "DeleteBucketLifecycle" => bucket.lifecycle.clear(),
        other => return Err(not_implemented(other)),
    }
    Ok(())
}

/// Refuses an unknown `ObjectOwnership`.
pub fn check_ownership(ownership: &str) -> Result<(), ApiError> {
    one_of(ownership, &["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"]).map(drop)
}

pub fn put_object_tags(cx: &mut Cx<'_>, req: &Request, bucket: &str, key: &str) -> Answer {
    let tags = tagging(req, 10)?;
    set_object_tags(cx, req, bucket, key, tags, 200)
}

pub fn delete_object_tags(cx: &mut Cx<'_>, req: &Request, bucket: &str, key: &str) -> Answer {
    set_object_tags(cx, req, bucket, key, BTreeMap::new(), 204)
}

pub fn get_object_tags(cx: &mut Cx<'_>, req: &Request, bucket: &str, key: &str) -> Answer {
    let held = cx.world.global.s3.bucket(bucket)?;
    let (version, object) = objects::find(held, req, key)?;
    let response = answer(req, "Tagging", |x| write_tags(x, &object.tags));
    Ok(if held.versioning.is_some() { response.header("x-amz-version-id", &version.id) } else { response })
}

fn set_object_tags(
    cx: &mut Cx<'_>,
    req: &Request,
    bucket: &str,
    key: &str,
    tags: BTreeMap<String, String>,
    status: u16,
) -> Answer {
    let held = cx.world.global.s3.bucket_mut(bucket)?;
    let id = objects::find(held, req, key)?.0.id.clone();
    let version = held.objects.get_mut(key).and_then(|versions| versions.iter_mut().find(|version| version.id == id));
    if let Some(object) = version.and_then(|version| version.object.as_mut()) {
        object.tags = tags;
    }
    let versioned = held.versioning.is_some();
    cx.dirty_global();
    let response = Response::empty(status);
    Ok(if versioned { response.header("x-amz-version-id", id) } else { response })
}

fn tagging(req: &Request, max: usize) -> Result<BTreeMap<String, String>, ApiError> {
    let mut node = body(req, "Tagging")?;
    let set = node.need("TagSet").map_err(|e| malformed(&e))?;
    node.finish().map_err(|e| malformed(&e))?;
    check_tags(read_tags(set)?, max)
}

fn encryption(mut node: Node) -> Result<Encryption, ApiError> {
    let mut rule = node.need("Rule").map_err(|e| malformed(&e))?;
    let mut default = rule.need("ApplyServerSideEncryptionByDefault").map_err(|e| malformed(&e))?;
    let encryption = Encryption {
        algorithm: default.need_text("SSEAlgorithm").map_err(|e| malformed(&e))?,
        key: default.take_text("KMSMasterKeyID"),
        bucket_key: boolean(rule.take_text("BucketKeyEnabled").as_deref())?,
    };
    default.finish().and_then(|()| rule.finish()).and_then(|()| node.finish()).map_err(|e| malformed(&e))?;
    encryption.check()?;
    Ok(encryption)
}

fn policy(req: &Request, bucket: &Bucket) -> Result<String, ApiError> {
    let data = checked(req)?.data;
    let refused = |why: String| ApiError::bad("MalformedPolicy", why);
    let text = String::from_utf8(data.to_vec()).map_err(|_| refused("Policies must be valid JSON".to_owned()))?;
    if text.len() > 20 * 1024 {
        return Err(ApiError::bad("PolicyTooLarge", "A bucket policy has at most 20 KB"));
    }
    document::statements(document::Kind::Resource, &text).map_err(refused)?;
    if bucket.public_access_block.is_some_and(|[_, _, block, _]| block) && is_public(&text) {
        return Err(ApiError::new(
            403,
            "AccessDenied",
            "User is not authorized to perform: s3:PutBucketPolicy because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
        ));
    }
    Ok(text)
}

/// Whether a statement allows everyone something without a condition.
fn is_public(policy: &str) -> bool {
    let statements = document::statements(document::Kind::Resource, policy).unwrap_or_default();
    statements.iter().any(|statement| {
        let everyone = statement.get("Principal").is_some_and(|principal| {
            *principal == "*"
                || principal.get("AWS").is_some_and(|aws| document::strings(aws).is_some_and(|who| who.contains(&"*")))
        });
        statement.get("Effect").is_some_and(|effect| effect == "Allow")
            && everyone
            && !statement.contains_key("Condition")
    })
}

fn lifecycle(mut node: Node) -> Result<Vec<LifecycleRule>, ApiError> {
    let mut rules: Vec<LifecycleRule> = Vec::new();
    for mut rule in node.take_all("Rule") {
        let mut prefix = rule.take_text("Prefix");
        if let Some(mut filter) = rule.take("Filter") {
            prefix = filter.take_text("Prefix").or(prefix).or_else(|| Some(String::new()));
            filter.finish().map_err(|e| malformed(&e))?;
        }
        let mut made = LifecycleRule {
            id: rule.take_text("ID"),
            enabled: one_of(&rule.need_text("Status").map_err(|e| malformed(&e))?, &["Enabled", "Disabled"])?
                == "Enabled",
            prefix: prefix.ok_or_else(|| malformed(&super::TreeError::Missing("Filter")))?,
            expiration: None,
            expire_markers: false,
            noncurrent: None,
            noncurrent_kept: None,
            abort_uploads: None,
        };
        if let Some(mut expiration) = rule.take("Expiration") {
            made.expiration = days(expiration.take_text("Days"))?;
            made.expire_markers = boolean(expiration.take_text("ExpiredObjectDeleteMarker").as_deref())?;
            expiration.finish().map_err(|e| malformed(&e))?;
        }
        if let Some(mut noncurrent) = rule.take("NoncurrentVersionExpiration") {
            made.noncurrent = days(noncurrent.take_text("NoncurrentDays"))?;
            made.noncurrent_kept = days(noncurrent.take_text("NewerNoncurrentVersions"))?;
            noncurrent.finish().map_err(|e| malformed(&e))?;
        }
        if let Some(mut abort) = rule.take("AbortIncompleteMultipartUpload") {
            made.abort_uploads = days(abort.take_text("DaysAfterInitiation"))?;
            abort.finish().map_err(|e| malformed(&e))?;
        }
        rule.finish().map_err(|e| malformed(&e))?;
        if made.expiration.is_none()
            && !made.expire_markers
            && made.noncurrent.is_none()
            && made.abort_uploads.is_none()
        {
            return Err(ApiError::bad("InvalidRequest", "At least one action needs to be specified in a rule"));
        }
        if rules.iter().any(|other| other.id.is_some() && other.id == made.id) {
            return Err(super::invalid("Rule ID must be unique"));
        }
        rules.push(made);
    }
    node.finish().map_err(|e| malformed(&e))?;
    if rules.is_empty() || rules.len() > 1000 { Err(malformed(&super::TreeError::Missing("Rule"))) } else { Ok(rules) }
}

fn write_rule(x: &mut Xml, rule: &LifecycleRule) {
    x.nest("Rule", |x| {
        x.opt("ID", rule.id.as_ref());
        x.nest("Filter", |x| x.text("Prefix", &rule.prefix));
        x.text("Status", if rule.enabled { "Enabled" } else { "Disabled" });
        if rule.expiration.is_some() || rule.expire_markers {
            x.nest("Expiration", |x| {
                x.opt("Days", rule.expiration);
                x.opt("ExpiredObjectDeleteMarker", rule.expire_markers.then_some(true));
            });
        }
        if let Some(days) = rule.noncurrent {
            x.nest("NoncurrentVersionExpiration", |x| {
                x.text("NoncurrentDays", days);
                x.opt("NewerNoncurrentVersions", rule.noncurrent_kept);
            });
        }
        if let Some(days) = rule.abort_uploads {
            x.nest("AbortIncompleteMultipartUpload", |x| {
                x.text("DaysAfterInitiation", days);
            });
        }
    });
}

fn write_tags(x: &mut Xml, tags: &BTreeMap<String, String>) {
    x.list("TagSet", "Tag", tags, |x, (key, value)| {
        x.text("Key", key);
        x.text("Value", value);
    });
}

fn one_of(value: &str, known: &[&str]) -> Result<String, ApiError> {
    if known.contains(&value) {
        Ok(value.to_owned())
    } else {
        Err(malformed(&super::TreeError::Unexpected(value.to_owned())))
    }
}

fn boolean(text: Option<&str>) -> Result<bool, ApiError> {
    match text {
        None => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(other) => Err(malformed(&super::TreeError::Unexpected(other.to_owned()))),
    }
}

fn days(text: Option<String>) -> Result<Option<u32>, ApiError> {
    text.map(|text| {
        text.parse::<u32>()
            .ok()
            .filter(|days| *days > 0)
            .ok_or_else(|| super::invalid("'Days' must be a positive integer"))
    })
    .transpose()
}
