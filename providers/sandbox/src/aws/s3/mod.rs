//! S3, 2006-03-01: buckets, their settings, objects and versions.
//!
//! Paths and virtual hosts both name buckets. A bucket belongs to the region that its creator signed for; a request signed for
//! another is told so. Bodies and checksums are verified. No multipart uploads, no ACLs, no replication.

mod buckets;
mod conditions;
mod listing;
mod objects;
mod payload;
mod route;
mod settings;
#[cfg(test)]
mod tests;
pub mod tree;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::route::Route;
use self::tree::{Node, TreeError};
use crate::aws::{ApiError, Cx, Millis, Request, Response, Xml};

pub use self::route::operation;

/// Everything that S3 holds, except the bodies.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct S3 {
    buckets: BTreeMap<String, Bucket>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Bucket {
    region: String,
    created: Millis,
    /// `Enabled` or `Suspended`, once it was ever set.
    versioning: Option<String>,
    tags: BTreeMap<String, String>,
    /// `BlockPublicAcls`, `IgnorePublicAcls`, `BlockPublicPolicy`, `RestrictPublicBuckets`.
    public_access_block: Option<[bool; 4]>,
    encryption: settings::Encryption,
    policy: Option<String>,
    ownership: Option<String>,
    lifecycle: Vec<settings::LifecycleRule>,
    /// The versions of each key, the newest last.
    objects: BTreeMap<String, Vec<Version>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Version {
    /// `null` for a version that came while versioning was not enabled.
    id: String,
    modified: Millis,
    /// Nothing for a delete marker.
    object: Option<Object>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Object {
    /// The id of the body.
    body: String,
    size: usize,
    /// Hexadecimal MD5, without quotes.
    etag: String,
    checksum: (payload::Algorithm, String),
    /// Content-Type and its like, by lower-case name.
    headers: BTreeMap<String, String>,
    metadata: BTreeMap<String, String>,
    encryption: settings::Encryption,
    storage_class: String,
    tags: BTreeMap<String, String>,
}

impl S3 {
    /// Everything that exists, by kind.
    pub fn inventory(&self) -> BTreeMap<String, Vec<String>> {
        let objects = self
            .buckets
            .iter()
            .flat_map(|(bucket, held)| held.objects.keys().map(move |key| format!("{bucket}/{key}")));
        BTreeMap::from([
            ("s3/object".to_owned(), objects.collect()),
            ("s3/bucket".to_owned(), self.buckets.keys().cloned().collect()),
        ])
    }

    fn bucket(&self, name: &str) -> Result<&Bucket, ApiError> {
        self.buckets.get(name).ok_or_else(|| no_bucket(name))
    }

    fn bucket_mut(&mut self, name: &str) -> Result<&mut Bucket, ApiError> {
        self.buckets.get_mut(name).ok_or_else(|| no_bucket(name))
    }
}

impl Bucket {
    /// The newest version of a key, which may be a delete marker.
    fn latest(&self, key: &str) -> Option<&Version> {
        self.objects.get(key)?.last()
    }

    /// The object that a plain GET finds.
    fn current(&self, key: &str) -> Option<(&Version, &Object)> {
        let version = self.latest(key)?;
        Some((version, version.object.as_ref()?))
    }
}

/// Answers one request.
pub fn handle(cx: &mut Cx<'_>, req: &Request) -> Result<Response, ApiError> {
    let route = Route::read(req)?;
    if req.operation.is_empty() {
        return Err(not_implemented("The operation"));
    }
    route.check(req)?;
    if !route.bucket.is_empty() && req.operation != "CreateBucket" {
        check_owner_and_region(cx, req, &route.bucket)?;
    }
    let (bucket, key) = (route.bucket.as_str(), route.key.as_str());
    match req.operation.as_str() {
        "ListBuckets" => buckets::list(cx, req),
        "CreateBucket" => buckets::create(cx, req, bucket),
        "HeadBucket" => buckets::head(cx, bucket),
        "DeleteBucket" => buckets::delete(cx, bucket),
        "GetBucketLocation" => buckets::location(cx, req, bucket),
        "PutObject" => objects::put(cx, req, bucket, key),
        "GetObject" => objects::get(cx, req, bucket, key, true),
        "HeadObject" => objects::get(cx, req, bucket, key, false),
        "DeleteObject" => objects::delete(cx, req, bucket, key),
        "DeleteObjects" => objects::delete_many(cx, req, bucket),
        "PutObjectTagging" => settings::put_object_tags(cx, req, bucket, key),
        "GetObjectTagging" => settings::get_object_tags(cx, req, bucket, key),
        "DeleteObjectTagging" => settings::delete_object_tags(cx, req, bucket, key),
        "ListObjectsV2" => listing::objects(cx, req, bucket),
        "ListObjectVersions" => listing::versions(cx, req, bucket),
        _ => settings::handle(cx, req, bucket),
    }
}

fn check_owner_and_region(cx: &Cx<'_>, req: &Request, bucket: &str) -> Result<(), ApiError> {
    let held = cx.world.global.s3.bucket(bucket)?;
    if req.header("x-amz-expected-bucket-owner").is_some_and(|owner| owner != cx.account) {
        return Err(ApiError::new(403, "AccessDenied", "Access Denied"));
    }
    if held.region == cx.region {
        return Ok(());
    }
    let message = format!(
        "The authorization header is malformed; the region '{}' is wrong; expecting '{}'",
        cx.region, held.region
    );
    let mut error = ApiError::bad("AuthorizationHeaderMalformed", message);
    error.headers.push(("x-amz-bucket-region".to_owned(), held.region.clone()));
    Err(error)
}

fn no_bucket(name: &str) -> ApiError {
    ApiError::new(404, "NoSuchBucket", format!("The specified bucket does not exist: {name}"))
}

fn no_key(key: &str) -> ApiError {
    ApiError::new(404, "NoSuchKey", format!("The specified key does not exist: {key}"))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidArgument", message)
}

fn not_implemented(what: &str) -> ApiError {
    ApiError::new(501, "NotImplemented", format!("{what} implies functionality that is not implemented"))
}

fn malformed(error: &TreeError) -> ApiError {
    ApiError::bad(
        "MalformedXML",
        format!("The XML you provided was not well-formed or did not validate against our published schema: {error}"),
    )
}

/// The body, checked against its checksums and parsed.
fn body(req: &Request, root: &'static str) -> Result<Node, ApiError> {
    Node::parse(&checked(req)?.data, root).map_err(|error| malformed(&error))
}

/// The body, decoded and checked against its checksums.
fn checked(req: &Request) -> Result<payload::Payload, ApiError> {
    payload::check(&req.body, |name| req.header(name)).map_err(|error| ApiError::bad(error.code(), error.to_string()))
}

fn answer(req: &Request, root: &str, inside: impl FnOnce(&mut Xml)) -> Response {
    Response::rest_xml(200, root, "http://s3.amazonaws.com/doc/2006-03-01/", inside)
        .header("x-amz-id-2", &req.request_id)
}

/// `TagSet`, or a tag header's pairs, within the limits.
fn check_tags(tags: Vec<(String, String)>, max: usize) -> Result<BTreeMap<String, String>, ApiError> {
    let mut checked = BTreeMap::new();
    if tags.len() > max {
        return Err(ApiError::bad("BadRequest", format!("Object tags cannot be greater than {max}")));
    }
    for (key, value) in tags {
        let letters = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c));
        if key.is_empty() || key.chars().count() > 128 || !letters(&key) {
            return Err(ApiError::bad("InvalidTag", "The TagKey you have provided is invalid"));
        }
        if value.chars().count() > 256 || !letters(&value) {
            return Err(ApiError::bad("InvalidTag", "The TagValue you have provided is invalid"));
        }
        if key.starts_with("aws:") {
            return Err(ApiError::bad("InvalidTag", "System tags cannot be added/updated by requester"));
        }
        if checked.insert(key, value).is_some() {
            return Err(ApiError::bad("InvalidTag", "Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(checked)
}

fn read_tags(mut set: Node) -> Result<Vec<(String, String)>, ApiError> {
    let mut tags = Vec::new();
    for mut tag in set.take_all("Tag") {
        tags.push((
            tag.need_text("Key").map_err(|e| malformed(&e))?,
            tag.need_text("Value").map_err(|e| malformed(&e))?,
        ));
        tag.finish().map_err(|e| malformed(&e))?;
    }
    set.finish().map_err(|e| malformed(&e))?;
    Ok(tags)
}
