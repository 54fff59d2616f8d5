//! Objects and their versions. The live version is the one that was not deleted.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::bucket::{check_projection, find as find_bucket};
use super::conditions::{self, OF_OBJECTS, number};
use super::{At, answer, download, empty, etag, invalid};
use crate::clock::timestamp;
use crate::gcp::error::ApiError;
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Kind, Nulls, Schema};
use crate::gcp::world::{Cx, Item};

/// The fields of an object.
pub const OBJECT: Schema = &[
    ("name", Kind::Str),
    ("bucket", Kind::Str),
    ("cacheControl", Kind::Str),
    ("contentDisposition", Kind::Str),
    ("contentEncoding", Kind::Str),
    ("contentLanguage", Kind::Str),
    ("contentType", Kind::Str),
    ("customTime", Kind::Str),
    ("metadata", Kind::Map(&Kind::Str)),
    ("storageClass", Kind::Enum(&["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"])),
    ("eventBasedHold", Kind::Bool),
    ("temporaryHold", Kind::Bool),
    ("crc32c", Kind::Str),
    ("md5Hash", Kind::Str),
    ("acl", Kind::Unsupported),
    ("contexts", Kind::Unsupported),
    ("retention", Kind::Unsupported),
    ("customerEncryption", Kind::Unsupported),
    ("kmsKeyName", Kind::Unsupported),
    ("componentCount", Kind::Output),
    ("etag", Kind::Output),
    ("generation", Kind::Output),
    ("hardDeleteTime", Kind::Output),
    ("id", Kind::Output),
    ("kind", Kind::Output),
    ("mediaLink", Kind::Output),
    ("metageneration", Kind::Output),
    ("owner", Kind::Output),
    ("restoreToken", Kind::Output),
    ("retentionExpirationTime", Kind::Output),
    ("selfLink", Kind::Output),
    ("size", Kind::Output),
    ("softDeleteTime", Kind::Output),
    ("timeCreated", Kind::Output),
    ("timeDeleted", Kind::Output),
    ("timeFinalized", Kind::Output),
    ("timeStorageClassUpdated", Kind::Output),
    ("updated", Kind::Output),
];

/// The fields that a patch may change.
const MUTABLE: [&str; 9] = [
    "cacheControl",
    "contentDisposition",
    "contentEncoding",
    "contentLanguage",
    "contentType",
    "customTime",
    "eventBasedHold",
    "metadata",
    "temporaryHold",
];

/// Where a version is kept. No name has a line break in it.
pub fn path(bucket: &str, name: &str, generation: u64) -> String {
    format!("objects/{bucket}/{name}\n{generation:020}")
}

/// Every version of every object of a bucket, by name and age.
pub fn all(cx: &Cx<'_>, bucket: &str) -> Vec<Arc<Item>> {
    let mut all: Vec<Arc<Item>> =
        cx.world.under(&format!("objects/{bucket}/")).map(|(_, item)| Arc::clone(item)).collect();
    all.sort_by(|one, other| key(one).cmp(&key(other)));
    all
}

/// What versions are sorted by.
pub fn key(item: &Item) -> (&str, u64) {
    (item.text("name"), number(&item.doc, "generation"))
}

/// Whether a version is the live one of its object.
pub fn is_live(item: &Item) -> bool {
    !item.doc.contains_key("timeDeleted")
}

/// The live version of an object.
pub fn live(cx: &Cx<'_>, at: &At) -> Option<Item> {
    let prefix = format!("objects/{}/{}\n", at.bucket, at.object);
    cx.world.under(&prefix).map(|(_, item)| Item::clone(item)).find(is_live)
}

/// The version that a request names, or the live one.
fn find(cx: &Cx<'_>, at: &At, request: &Request) -> Result<Option<Item>, ApiError> {
    find_bucket(cx, &at.bucket)?;
    Ok(match request.number("generation")? {
        Some(generation) => cx.world.get(&path(&at.bucket, &at.object, generation)).map(|item| Item::clone(item)),
        None => live(cx, at),
    })
}

/// What is said of an object that there is not.
pub fn missing(at: &At) -> ApiError {
    ApiError::new(404, "notFound", format!("No such object: {}/{}", at.bucket, at.object))
}

/// Keeps a version.
pub fn keep(cx: &mut Cx<'_>, bucket: &str, item: Item) {
    let path = path(bucket, item.text("name"), number(&item.doc, "generation"));
    cx.world.put(&path, item);
}

/// `objects.get`: what is known of an object or, with `alt=media`, its content.
pub fn get(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    request.check_query(&[&OF_OBJECTS[..], &["generation", "projection"]].concat())?;
    check_projection(request)?;
    let media = match request.text("alt") {
        None | Some("json") => request.path.starts_with("/download/"),
        Some("media") => true,
        Some(other) => return Err(ApiError::invalid("alt", other, "Must be 'json' or 'media'.")),
    };
    let item = find(cx, at, request)?;
    let Some(item) = item else {
        return if media { Ok(download::missing(at)) } else { Err(missing(at)) };
    };
    if let Some(known) = conditions::check(request, Some(&item.doc))? {
        return Ok(known);
    }
    if media { download::media(cx, &item, request) } else { Ok(answer(&Value::Object(item.doc))) }
}

/// `objects.patch`.
pub fn patch(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    request.check_query(&[&OF_OBJECTS[..], &["generation", "projection"]].concat())?;
    check_projection(request)?;
    let body = schema::read(OBJECT, request.json()?, "", Nulls::Keep)?;
    let mut item = find(cx, at, request)?.ok_or_else(|| missing(at))?;
    conditions::check(request, Some(&item.doc))?;
    if let Some((field, _)) =
        body.iter().find(|(field, value)| !MUTABLE.contains(&field.as_str()) && item.doc.get(*field) != Some(value))
    {
        return Err(invalid(format!("The {field} of an object cannot be changed.")));
    }
    schema::merge(&mut item.doc, body);
    if let Some(metadata) = item.doc.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|_, value| !value.is_null());
    }
    let metageneration = number(&item.doc, "metageneration") + 1;
    let generation = number(&item.doc, "generation");
    item.doc.insert("metageneration".to_owned(), json!(metageneration.to_string()));
    item.doc.insert("etag".to_owned(), json!(etag(&[generation, metageneration])));
    item.doc.insert("updated".to_owned(), json!(timestamp(cx.now)));
    keep(cx, &at.bucket, item.clone());
    Ok(answer(&Value::Object(item.doc)))
}

/// `objects.delete`: without a generation, the live version of a versioned bucket stays as an older one.
pub fn delete(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    request.check_query(&[&OF_OBJECTS[..], &["generation"]].concat())?;
    request.check_no_body()?;
    let item = find(cx, at, request)?.ok_or_else(|| missing(at))?;
    conditions::check(request, Some(&item.doc))?;
    for hold in ["eventBasedHold", "temporaryHold"] {
        if item.doc.get(hold) == Some(&json!(true)) {
            let message = format!("Object '{}/{}' is under active hold.", at.bucket, at.object);
            return Err(ApiError::new(403, "forbidden", message));
        }
    }
    match request.text("generation") {
        None => retire(cx, &at.bucket, item)?,
        Some(_) => destroy(cx, &at.bucket, &item),
    }
    Ok(empty(204))
}

/// Takes the live version out of the way: it stays as an older one where the bucket keeps these.
pub fn retire(cx: &mut Cx<'_>, bucket: &str, mut item: Item) -> Result<(), ApiError> {
    let versioned = find_bucket(cx, bucket)?.doc.get("versioning") == Some(&json!({ "enabled": true }));
    if versioned {
        item.doc.insert("timeDeleted".to_owned(), json!(timestamp(cx.now)));
        keep(cx, bucket, item);
    } else {
        destroy(cx, bucket, &item);
    }
    Ok(())
}

/// Removes a version. A bucket with a policy for that keeps it for a while where only a list of the soft-deleted shows
/// it, even when the bucket is gone.
fn destroy(cx: &mut Cx<'_>, bucket: &str, item: &Item) {
    let (name, generation) = key(item);
    let (path, soft) = (path(bucket, name, generation), format!("softdeleted/{bucket}/{name}\n{generation:020}"));
    cx.world.remove(&path);
    let policy = find_bucket(cx, bucket).ok().and_then(|bucket| bucket.doc.get("softDeletePolicy").cloned());
    let seconds = policy.and_then(|policy| policy["retentionDurationSeconds"].as_str()?.parse::<u64>().ok());
    match seconds.unwrap_or_default() {
        0 => cx.blobs.delete(item.hidden.get("blob").and_then(Value::as_str).unwrap_or_default()),
        seconds => {
            let until = cx.now + seconds * 1_000;
            let mut item = item.clone();
            item.doc.insert("softDeleteTime".to_owned(), json!(timestamp(cx.now)));
            item.doc.insert("hardDeleteTime".to_owned(), json!(timestamp(until)));
            item.hidden.insert("until".to_owned(), json!(until));
            cx.world.put(&soft, item);
        }
    }
}

/// Every version that is deleted and still kept, of a bucket or of all.
pub fn soft_deleted(cx: &Cx<'_>, bucket: &str) -> Vec<Arc<Item>> {
    let prefix = if bucket.is_empty() { "softdeleted/".to_owned() } else { format!("softdeleted/{bucket}/") };
    let kept = |item: &Item| item.hidden.get("until").and_then(Value::as_u64).is_some_and(|until| until > cx.now);
    let mut all: Vec<Arc<Item>> =
        cx.world.under(&prefix).filter(|(_, item)| kept(item)).map(|(_, item)| Arc::clone(item)).collect();
    all.sort_by(|one, other| key(one).cmp(&key(other)));
    all
}
