//! Cloud Storage v1 by its JSON API: buckets, their policies, and objects with their versions.
//!
//! Uploads are simple or of several parts; the sandbox has no resumable ones, and no access lists.

mod bucket;
mod bucket_check;
mod bucket_policy;
mod conditions;
mod download;
mod listing;
mod object;
#[cfg(test)]
mod tests;
mod upload;

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::error::ApiError;
use super::request::{Request, json_response};
use super::world::{Cx, Item};
use crate::front::Target;

/// Where the API shows everything.
const BASE: &str = "https://www.googleapis.com/storage/v1";

/// The longest body that is read, as the real service's for uploads in one request is far above what is sent here.
const LARGEST_BODY: usize = 64 << 20;

/// What a request is about. What the method is not about is empty.
#[derive(Debug, Default)]
struct At {
    bucket: String,
    object: String,
}

type Run = fn(&mut Cx<'_>, &At, &Request) -> Result<http::Response<Bytes>, ApiError>;

fn call(request: &Request) -> Option<(&'static str, Run, At)> {
    let parts = request.parts();
    let (uploads, rest) = match parts.as_slice() {
        ["upload", "storage", "v1", "b", rest @ ..] => (true, rest),
        ["storage", "v1", "b", rest @ ..] | ["download", "storage", "v1", "b", rest @ ..] => (false, rest),
        _ => return None,
    };
    let (method, run): (&'static str, Run) = match (request.method.as_str(), rest, uploads) {
        ("POST", [_, "o"], true) => ("objects.insert", upload::insert),
        (_, _, true) => return None,
        ("GET", [], _) => ("buckets.list", bucket::list),
        ("POST", [], _) => ("buckets.insert", bucket::insert),
        ("GET", [_], _) => ("buckets.get", bucket::get),
        ("PATCH", [_], _) => ("buckets.patch", bucket::patch),
        ("PUT", [_], _) => ("buckets.update", bucket::update),
        ("DELETE", [_], _) => ("buckets.delete", bucket::delete),
        ("GET", [_, "iam"], _) => ("buckets.getIamPolicy", bucket_policy::get),
        ("PUT", [_, "iam"], _) => ("buckets.setIamPolicy", bucket_policy::set),
        ("GET", [_, "o"], _) => ("objects.list", listing::list),
        ("GET", [_, "o", _], _) => ("objects.get", object::get),
        ("PATCH", [_, "o", _], _) => ("objects.patch", object::patch),
        ("DELETE", [_, "o", _], _) => ("objects.delete", object::delete),
        _ => return None,
    };
    let text = |index: usize| rest.get(index).copied().unwrap_or_default().to_owned();
    Some((method, run, At { bucket: text(0), object: text(2) }))
}

/// What a request asks for, if it is for this service and for a method that the sandbox has.
pub fn target(request: &Request) -> Option<Target> {
    let (method, ..) = call(request)?;
    Some(Target { service: "storage".to_owned(), operation: method.to_owned(), region: String::new() })
}

/// Handles a request.
pub fn handle(cx: &mut Cx<'_>, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    let (_, run, at) = call(request).ok_or_else(|| ApiError::no_method(&request.method, &request.path))?;
    if request.body.len() > LARGEST_BODY {
        return Err(ApiError::new(413, "uploadTooLarge", "The body is too large."));
    }
    if request.path.starts_with("/download/") && (request.method != Method::GET || at.object.is_empty()) {
        return Err(ApiError::no_method(&request.method, &request.path));
    }
    run(cx, &at, request)
}

/// The buckets and the objects that exist, and those that are deleted and still kept.
pub fn inventory(cx: &Cx<'_>) -> BTreeMap<String, Vec<String>> {
    let path = |item: &Arc<Item>| format!("{}/{}", item.text("bucket"), item.text("name"));
    let (mut buckets, mut objects) = (Vec::new(), Vec::new());
    for (_, bucket) in cx.world.under("buckets/") {
        let name = bucket.text("name");
        objects.extend(object::all(cx, name).iter().filter(|item| object::is_live(item)).map(path));
        buckets.push(name.to_owned());
    }
    BTreeMap::from([
        ("storage/bucket".to_owned(), buckets),
        ("storage/object".to_owned(), objects),
        ("storage/softDeletedObject".to_owned(), object::soft_deleted(cx, "").iter().map(path).collect()),
    ])
}

/// An answer.
fn answer(value: &Value) -> http::Response<Bytes> {
    json_response(200, value)
}

/// An answer without anything in it.
fn empty(status: u16) -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::new());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "invalid", message)
}

/// An `etag`, in which Cloud Storage puts numbers as a protocol buffer.
fn etag(numbers: &[u64]) -> String {
    let mut bytes = Vec::new();
    let mut tag = 0_u8;
    for number in numbers {
        tag += 0x08;
        bytes.push(tag);
        let mut rest = *number;
        loop {
            let low = u8::try_from(rest & 0x7f).unwrap_or_default();
            rest >>= 7;
            bytes.push(if rest == 0 { low } else { low | 0x80 });
            if rest == 0 {
                break;
            }
        }
    }
    BASE64_STANDARD.encode(bytes)
}
