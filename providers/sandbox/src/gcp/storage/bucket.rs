//! Buckets. Their names are the same for all customers.

use bytes::Bytes;
use serde_json::{Value, json};

use super::bucket_check::check;
use super::conditions::{self, OF_BUCKETS, number};
use super::{At, BASE, answer, bucket_policy, empty, etag, object};
use crate::clock::timestamp;
use crate::gcp::compute::{is_project, number_of};
use crate::gcp::error::ApiError;
use crate::gcp::page::cut;
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Kind, Nulls, Schema};
use crate::gcp::world::{Cx, Doc, Item, text};

/// The most buckets on a page.
const LARGEST: u64 = 1_000;

const SWITCH: Schema = &[("enabled", Kind::Bool), ("lockedTime", Kind::Output)];

const IAM: Schema = &[
    ("uniformBucketLevelAccess", Kind::Object(SWITCH)),
    ("bucketPolicyOnly", Kind::Object(SWITCH)),
    ("publicAccessPrevention", Kind::Enum(&["inherited", "enforced"])),
];

const ACTION: Schema = &[
    ("type", Kind::Enum(&["Delete", "SetStorageClass", "AbortIncompleteMultipartUpload"])),
    ("storageClass", Kind::Enum(&["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"])),
];

const CONDITION: Schema = &[
    ("age", Kind::Int),
    ("createdBefore", Kind::Str),
    ("customTimeBefore", Kind::Str),
    ("daysSinceCustomTime", Kind::Int),
    ("daysSinceNoncurrentTime", Kind::Int),
    ("isLive", Kind::Bool),
    ("matchesPrefix", Kind::List(&Kind::Str)),
    ("matchesStorageClass", Kind::List(&Kind::Str)),
    ("matchesSuffix", Kind::List(&Kind::Str)),
    ("noncurrentTimeBefore", Kind::Str),
    ("numNewerVersions", Kind::Int),
    ("matchesPattern", Kind::Unsupported),
    ("sizeAboveBytes", Kind::Long),
    ("sizeBelowBytes", Kind::Long),
];

const RULE: Schema = &[("action", Kind::Object(ACTION)), ("condition", Kind::Object(CONDITION))];

const SOFT_DELETE: Schema = &[
    ("retentionDurationSeconds", Kind::Long),
    ("effectiveTime", Kind::Output),
    ("hardDeletePause", Kind::Unsupported),
];

const BUCKET: Schema = &[
    ("name", Kind::Str),
    ("location", Kind::Str),
    ("storageClass", Kind::Enum(&["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "REGIONAL", "MULTI_REGIONAL"])),
    ("iamConfiguration", Kind::Object(IAM)),
    ("versioning", Kind::Object(&[("enabled", Kind::Bool)])),
    ("labels", Kind::Map(&Kind::Str)),
    ("lifecycle", Kind::Object(&[("rule", Kind::List(&Kind::Object(RULE)))])),
    ("softDeletePolicy", Kind::Object(SOFT_DELETE)),
    (
        "encryption",
        Kind::Object(&[
            ("defaultKmsKeyName", Kind::Str),
            ("customerManagedEncryptionEnforcementConfig", Kind::Unsupported),
            ("customerSuppliedEncryptionEnforcementConfig", Kind::Unsupported),
            ("googleManagedEncryptionEnforcementConfig", Kind::Unsupported),
        ]),
    ),
    ("defaultEventBasedHold", Kind::Bool),
    ("acl", Kind::Unsupported),
    ("autoclass", Kind::Unsupported),
    ("billing", Kind::Unsupported),
    ("cors", Kind::Unsupported),
    ("customPlacementConfig", Kind::Unsupported),
    ("defaultObjectAcl", Kind::Unsupported),
    ("hierarchicalNamespace", Kind::Unsupported),
    ("ipFilter", Kind::Unsupported),
    ("logging", Kind::Unsupported),
    ("objectRetention", Kind::Unsupported),
    ("retentionPolicy", Kind::Unsupported),
    ("rpo", Kind::Unsupported),
    ("website", Kind::Unsupported),
    ("etag", Kind::Output),
    ("generation", Kind::Output),
    ("id", Kind::Output),
    ("kind", Kind::Output),
    ("locationType", Kind::Output),
    ("metageneration", Kind::Output),
    ("owner", Kind::Output),
    ("projectNumber", Kind::Output),
    ("satisfiesPZI", Kind::Output),
    ("satisfiesPZS", Kind::Output),
    ("selfLink", Kind::Output),
    ("timeCreated", Kind::Output),
    ("updated", Kind::Output),
    ("hardDeleteTime", Kind::Output),
    ("softDeleteTime", Kind::Output),
];

/// The fields that a client can set and that never change afterwards.
const FIXED: [&str; 2] = ["name", "location"];

/// The fields that an update removes when it does not say them.
const OPTIONAL: [&str; 5] = ["versioning", "labels", "lifecycle", "encryption", "defaultEventBasedHold"];

/// Where a bucket is kept.
pub fn path(name: &str) -> String {
    format!("buckets/{name}")
}

/// A bucket.
pub fn find(cx: &Cx<'_>, name: &str) -> Result<Item, ApiError> {
    let found = cx.world.get(&path(name)).map(|item| Item::clone(item));
    found.ok_or_else(|| ApiError::new(404, "notFound", "The specified bucket does not exist."))
}

/// Keeps a bucket that has changed.
pub fn keep(cx: &mut Cx<'_>, mut item: Item) {
    let metageneration = number(&item.doc, "metageneration") + 1;
    item.doc.insert("metageneration".to_owned(), json!(metageneration.to_string()));
    item.doc.insert("etag".to_owned(), json!(etag(&[metageneration])));
    item.doc.insert("updated".to_owned(), json!(timestamp(cx.now)));
    cx.world.put(&path(item.text("name")), item.clone());
}

/// Refuses a word for how much is to be shown that there is not. What there is makes no difference: no access lists.
pub fn check_projection(request: &Request) -> Result<(), ApiError> {
    match request.text("projection") {
        None | Some("full" | "noAcl") => Ok(()),
        Some(other) => Err(ApiError::invalid("projection", other, "Must be 'full' or 'noAcl'.")),
    }
}

fn project(request: &Request) -> Result<&str, ApiError> {
    let project = request.required("project")?;
    if is_project(project) {
        Ok(project)
    } else {
        Err(ApiError::new(400, "invalid", format!("Unknown project id: {project}")))
    }
}

/// `buckets.insert`.
pub fn insert(cx: &mut Cx<'_>, _: &At, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    request.check_query(&["project", "projection"])?;
    check_projection(request)?;
    let project = project(request)?;
    let mut doc = schema::read(BUCKET, request.json()?, "", Nulls::Drop)?;
    let name = text(&doc, "name").to_owned();
    if name.is_empty() {
        return Err(ApiError::new(400, "required", "Required: name"));
    }
    doc.entry("location").or_insert_with(|| json!("US"));
    doc.entry("storageClass").or_insert_with(|| json!("STANDARD"));
    let now = timestamp(cx.now);
    check(cx, &mut doc, &Doc::new())?;
    if let Some(other) = cx.world.get(&path(&name)) {
        let message = if other.text("projectNumber") == number_of(project) {
            "Your previous request to create the named bucket succeeded and you already own it."
        } else {
            {
                "The requested bucket name is not available. The bucket namespace is shared by all users of the \
                 system. Please select a different name and try again."
            }
        };
        return Err(ApiError::new(409, "conflict", message));
    }
    for (field, value) in [
        ("kind", json!("storage#bucket")),
        ("selfLink", json!(format!("{BASE}/b/{name}"))),
        ("id", json!(name)),
        ("projectNumber", json!(number_of(project))),
        ("generation", json!((cx.now * 1_000).to_string())),
        ("metageneration", json!("1")),
        ("etag", json!(etag(&[1]))),
        ("timeCreated", json!(now)),
        ("updated", json!(now)),
    ] {
        doc.insert(field.to_owned(), value);
    }
    let mut item = Item::new(doc);
    item.hidden.insert("policy".to_owned(), Value::Object(bucket_policy::first(project, &item.doc)));
    let view = view(&item);
    cx.world.put(&path(&name), item);
    Ok(answer(&view))
}

fn view(item: &Item) -> Value {
    Value::Object(item.doc.clone())
}

/// `buckets.get`.
pub fn get(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    request.check_query(&[&OF_BUCKETS[..], &["projection"]].concat())?;
    check_projection(request)?;
    let item = find(cx, &at.bucket)?;
    let known = conditions::check(request, Some(&item.doc))?;
    Ok(known.unwrap_or_else(|| answer(&view(&item))))
}

/// `buckets.list`.
pub fn list(cx: &mut Cx<'_>, _: &At, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    request.check_query(&["maxResults", "pageToken", "prefix", "project", "projection"])?;
    check_projection(request)?;
    let number = number_of(project(request)?);
    let limit = usize::try_from(request.number("maxResults")?.unwrap_or(LARGEST).clamp(1, LARGEST)).unwrap_or(1);
    let prefix = path(request.text("prefix").unwrap_or_default());
    let own = cx.world.under(&prefix).filter(|(_, item)| item.text("projectNumber") == number);
    let page = cut(cx, own.map(|(key, item)| (key.clone(), view(item))), limit, request.text("pageToken"))?;
    let mut buckets = Doc::from_iter([("kind".to_owned(), json!("storage#buckets"))]);
    if !page.items.is_empty() {
        buckets.insert("items".to_owned(), page.items.into_iter().map(|(_, value)| value).collect());
    }
    buckets.extend(page.next.map(|next| ("nextPageToken".to_owned(), json!(next))));
    Ok(answer(&Value::Object(buckets)))
}

/// `buckets.patch`.
pub fn patch(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    change(cx, at, request, Nulls::Keep)
}

/// `buckets.update`.
pub fn update(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    change(cx, at, request, Nulls::Drop)
}

fn change(cx: &mut Cx<'_>, at: &At, request: &Request, nulls: Nulls) -> Result<http::Response<Bytes>, ApiError> {
    request.check_query(&[&OF_BUCKETS[..], &["projection"]].concat())?;
    check_projection(request)?;
    let body = schema::read(BUCKET, request.json()?, "", nulls)?;
    let mut item = find(cx, &at.bucket)?;
    conditions::check(request, Some(&item.doc))?;
    for field in FIXED {
        let differs = |value: &Value| !value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(item.text(field)));
        if body.get(field).is_some_and(differs) {
            return Err(super::invalid(format!("The {field} of a bucket cannot be changed.")));
        }
    }
    let old = item.doc.clone();
    if nulls == Nulls::Drop {
        item.doc.retain(|field, _| !OPTIONAL.contains(&field.as_str()));
    }
    schema::merge(&mut item.doc, body);
    prune(&mut item.doc);
    check(cx, &mut item.doc, &old)?;
    keep(cx, item);
    Ok(answer(&view(&find(cx, &at.bucket)?)))
}

/// Removes what a patch set to `null` where nothing was before.
fn prune(doc: &mut Doc) {
    doc.retain(|_, value| {
        if let Value::Object(inner) = value {
            prune(inner);
        }
        !value.is_null()
    });
}

/// `buckets.delete`.
pub fn delete(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    request.check_query(&OF_BUCKETS)?;
    request.check_no_body()?;
    let item = find(cx, &at.bucket)?;
    conditions::check(request, Some(&item.doc))?;
    if !object::all(cx, &at.bucket).is_empty() {
        return Err(ApiError::new(409, "conflict", "The bucket you tried to delete is not empty."));
    }
    cx.world.remove(&path(&at.bucket));
    Ok(empty(204))
}
