//! Objects: writing, reading, deleting; with and without versions.

use std::collections::BTreeMap;

use super::conditions::{check_read, check_write};
use super::settings::Encryption;
use super::{Bucket, Node, Object, Version, answer, body, check_tags, checked, invalid, malformed, no_key, payload};
use crate::aws::{ApiError, Cx, Request, Response};
use crate::clock::http_date;

type Answer = Result<Response, ApiError>;

/// Headers that are kept with an object and come back with it.
const KEPT: [&str; 6] =
    ["cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires"];
/// The largest single upload, in bytes.
const MAX_SIZE: usize = 5 * 1024 * 1024 * 1024;

pub fn put(cx: &mut Cx<'_>, req: &Request, bucket: &str, key: &str) -> Answer {
    let payload = checked(req)?;
    if payload.data.len() > MAX_SIZE {
        return Err(ApiError::bad("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size"));
    }
    let held = cx.world.global.s3.bucket(bucket)?;
    check_write(req, key, held.current(key).map(|(_, object)| object))?;
    let encryption = Encryption::of_upload(req, &held.encryption)?;
    let storage_class = req.header("x-amz-storage-class").unwrap_or("STANDARD").to_owned();
    if !["STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "REDUCED_REDUNDANCY", "GLACIER_IR"]
        .contains(&storage_class.as_str())
    {
        return Err(ApiError::bad("InvalidStorageClass", "The storage class you specified is not valid"));
    }
    let tags = match req.header("x-amz-tagging") {
        Some(text) => check_tags(pairs(text), 10)?,
        None => BTreeMap::new(),
    };
    let enabled = held.versioning.as_deref() == Some("Enabled");
    let versioned = held.versioning.is_some();
    let object = Object {
        body: cx.ids.hex(32),
        size: payload.data.len(),
        etag: payload::md5_hex(&payload.data),
        checksum: payload.checksum,
        headers: kept_headers(req),
        metadata: metadata(req)?,
        encryption,
        storage_class,
        tags,
    };
    cx.blobs
        .put(&object.body, &payload.data)
        .map_err(|error| ApiError::new(500, "InternalError", error.to_string()))?;
    let id = if enabled { cx.ids.upper(32) } else { "null".to_owned() };
    let mut response = Response::empty(200).header("etag", format!("\"{}\"", object.etag));
    response = object
        .encryption
        .describe(response)
        .header(object.checksum.0.header(), &object.checksum.1)
        .header("x-amz-checksum-type", "FULL_OBJECT");
    if versioned {
        response = response.header("x-amz-version-id", &id);
    }
    let now = cx.now;
    let bodies =
        insert(cx.world.global.s3.bucket_mut(bucket)?, key, Version { id, modified: now, object: Some(object) });
    for body in &bodies {
        cx.blobs.delete(body);
    }
    cx.dirty_global();
    Ok(response)
}

pub fn get(cx: &mut Cx<'_>, req: &Request, bucket: &str, key: &str, with_body: bool) -> Answer {
    let held = cx.world.global.s3.bucket(bucket)?;
    let (version, object) = find(held, req, key)?;
    if let Some(mode) = req.header("x-amz-checksum-mode")
        && mode != "ENABLED"
    {
        return Err(invalid("x-amz-checksum-mode must be ENABLED"));
    }
    let etag = format!("\"{}\"", object.etag);
    if !check_read(req, object, version.modified)? {
        return Ok(Response::empty(304).header("etag", etag));
    }
    let mut response = Response::empty(200)
        .header("etag", etag)
        .header("last-modified", http_date(version.modified))
        .header("accept-ranges", "bytes");
    for (name, value) in &object.headers {
        response = response.header(name, value);
    }
    for (name, value) in &object.metadata {
        response = response.header(&format!("x-amz-meta-{name}"), value);
    }
    response = object.encryption.describe(response);
    if held.versioning.is_some() {
        response = response.header("x-amz-version-id", &version.id);
    }
    if !object.tags.is_empty() {
        response = response.header("x-amz-tagging-count", object.tags.len().to_string());
    }
    if object.storage_class != "STANDARD" {
        response = response.header("x-amz-storage-class", &object.storage_class);
    }
    let range = req.header("range").map(|range| parse_range(range, object.size)).transpose()?.flatten();
    if req.header("x-amz-checksum-mode").is_some() && range.is_none() {
        response = response
            .header(object.checksum.0.header(), &object.checksum.1)
            .header("x-amz-checksum-type", "FULL_OBJECT");
    }
    if !with_body {
        // The server strips the body of an answer to HEAD; its length is told by itself.
        return Ok(response.header("content-length", object.size.to_string()));
    }
    let body = cx.blobs.get(&object.body).map_err(|error| ApiError::new(500, "InternalError", error.to_string()))?;
    match range {
        Some((first, last)) => {
            response.status = 206;
            response = response.header("content-range", format!("bytes {first}-{last}/{}", object.size));
            response.body = body[first..=last].to_vec().into();
        }
        None => response.body = body.into(),
    }
    Ok(response)
}

pub fn delete(cx: &mut Cx<'_>, req: &Request, bucket: &str, key: &str) -> Answer {
    let held = cx.world.global.s3.bucket(bucket)?;
    if req.headers.contains_key("if-match") {
        check_write(req, key, held.current(key).map(|(_, object)| object))?;
    }
    let gone = remove(cx, bucket, key, req.query_value("versionId"))?;
    let mut response = Response::empty(204);
    if let Some(version) = gone.version {
        response = response.header("x-amz-version-id", version);
    }
    if gone.marker {
        response = response.header("x-amz-delete-marker", "true");
    }
    Ok(response)
}

pub fn delete_many(cx: &mut Cx<'_>, req: &Request, bucket: &str) -> Answer {
    if !checked(req)?.verified {
        return Err(ApiError::bad("InvalidRequest", "Missing required header for this request: Content-MD5"));
    }
    let mut node = body(req, "Delete")?;
    let quiet = node.take_text("Quiet").is_some_and(|text| text == "true");
    let mut objects = Vec::new();
    for mut object in node.take_all("Object") {
        objects.push(read_identifier(&mut object)?);
        object.finish().map_err(|e| malformed(&e))?;
    }
    node.finish().map_err(|e| malformed(&e))?;
    if objects.is_empty() || objects.len() > 1000 {
        return Err(malformed(&super::TreeError::Missing("Object")));
    }
    let mut results = Vec::new();
    for (key, version) in objects {
        let result = remove(cx, bucket, &key, version.as_deref());
        results.push((key, version, result));
    }
    Ok(answer(req, "DeleteResult", |x| {
        for (key, version, result) in &results {
            match result {
                Ok(_) if quiet => {}
                Ok(gone) => x.nest("Deleted", |x| {
                    x.text("Key", key);
                    x.opt("VersionId", version.as_ref());
                    if gone.marker {
                        x.text("DeleteMarker", true);
                        x.opt("DeleteMarkerVersionId", gone.version.as_ref());
                    }
                }),
                Err(error) => x.nest("Error", |x| {
                    x.text("Key", key);
                    x.opt("VersionId", version.as_ref());
                    x.text("Code", &error.code);
                    x.text("Message", &error.message);
                }),
            }
        }
    }))
}

fn read_identifier(node: &mut Node) -> Result<(String, Option<String>), ApiError> {
    let key = node.need_text("Key").map_err(|e| malformed(&e))?;
    if key.is_empty() {
        Err(malformed(&super::TreeError::Missing("Key")))
    } else {
        Ok((key, node.take_text("VersionId")))
    }
}

/// The version that a request names, or the current one.
pub fn find<'b>(bucket: &'b Bucket, req: &Request, key: &str) -> Result<(&'b Version, &'b Object), ApiError> {
    let marked = |status, code, id: &str| {
        let mut error = ApiError::new(status, code, format!("The specified key does not exist: {key}"));
        error.headers =
            vec![("x-amz-delete-marker".to_owned(), "true".to_owned()), ("x-amz-version-id".to_owned(), id.to_owned())];
        error
    };
    if let Some(id) = req.query_value("versionId") {
        let version = bucket.objects.get(key).and_then(|versions| versions.iter().find(|version| version.id == id));
        let version =
            version.ok_or_else(|| ApiError::new(404, "NoSuchVersion", "The specified version does not exist."))?;
        let object = version.object.as_ref().ok_or_else(|| marked(405, "MethodNotAllowed", id))?;
        return Ok((version, object));
    }
    let version = bucket.latest(key).ok_or_else(|| no_key(key))?;
    let object = version.object.as_ref().ok_or_else(|| marked(404, "NoSuchKey", &version.id))?;
    Ok((version, object))
}

/// Adds a version and gives the bodies that nobody refers to any more.
fn insert(bucket: &mut Bucket, key: &str, version: Version) -> Vec<String> {
    let versions = bucket.objects.entry(key.to_owned()).or_default();
    let mut bodies = Vec::new();
    // There is one version called null at most: the new one takes its place.
    if version.id == "null" {
        versions.retain(|held| {
            let replaced = held.id == "null";
            if replaced && let Some(object) = &held.object {
                bodies.push(object.body.clone());
            }
            !replaced
        });
    }
    versions.push(version);
    bodies
}

struct Gone {
    version: Option<String>,
    marker: bool,
}

/// Deletes a version for good, or puts a delete marker on top.
fn remove(cx: &mut Cx<'_>, bucket: &str, key: &str, version: Option<&str>) -> Result<Gone, ApiError> {
    let (now, marker_id) = (cx.now, cx.ids.upper(32));
    let held = cx.world.global.s3.bucket_mut(bucket)?;
    cx.global_dirty = true;
    let Some(id) = version else {
        return Ok(match held.versioning.as_deref() {
            None => {
                let gone = held.objects.remove(key).unwrap_or_default();
                for object in gone.iter().filter_map(|version| version.object.as_ref()) {
                    cx.blobs.delete(&object.body);
                }
                Gone { version: None, marker: false }
            }
            Some(state) => {
                let id = if state == "Enabled" { marker_id } else { "null".to_owned() };
                let bodies = insert(held, key, Version { id: id.clone(), modified: now, object: None });
                for body in &bodies {
                    cx.blobs.delete(body);
                }
                Gone { version: Some(id), marker: true }
            }
        });
    };
    let Some(versions) = held.objects.get_mut(key) else {
        return Ok(Gone { version: Some(id.to_owned()), marker: false });
    };
    let mut marker = false;
    if let Some(at) = versions.iter().position(|version| version.id == id) {
        match versions.remove(at).object {
            Some(object) => cx.blobs.delete(&object.body),
            None => marker = true,
        }
    }
    if versions.is_empty() {
        held.objects.remove(key);
    }
    Ok(Gone { version: Some(id.to_owned()), marker })
}

fn kept_headers(req: &Request) -> BTreeMap<String, String> {
    let mut kept = BTreeMap::new();
    for name in KEPT {
        let Some(value) = req.header(name) else {
            continue;
        };
        // The framing of the upload is no property of the object.
        let value = if name == "content-encoding" {
            value.split(',').map(str::trim).filter(|coding| *coding != "aws-chunked").collect::<Vec<_>>().join(",")
        } else {
            value.to_owned()
        };
        if !value.is_empty() {
            kept.insert(name.to_owned(), value);
        }
    }
    kept.entry("content-type".to_owned()).or_insert_with(|| "binary/octet-stream".to_owned());
    kept
}

fn metadata(req: &Request) -> Result<BTreeMap<String, String>, ApiError> {
    let mut metadata = BTreeMap::new();
    for (name, value) in &req.headers {
        if let (Some(name), Ok(value)) = (name.as_str().strip_prefix("x-amz-meta-"), value.to_str()) {
            metadata.insert(name.to_owned(), value.to_owned());
        }
    }
    if metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > 2048 {
        return Err(ApiError::bad(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
        ));
    }
    Ok(metadata)
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let decode =
        |part: &str| percent_encoding::percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').map_or_else(|| (decode(pair), String::new()), |(k, v)| (decode(k), decode(v))))
        .collect()
}

/// `bytes=a-b`, `bytes=a-` or `bytes=-n`; anything else is ignored, as RFC 9110 has it.
fn parse_range(range: &str, size: usize) -> Result<Option<(usize, usize)>, ApiError> {
    let Some((first, last)) =
        range.strip_prefix("bytes=").filter(|spec| !spec.contains(',')).and_then(|spec| spec.split_once('-'))
    else {
        return Ok(None);
    };
    let unsatisfiable = || ApiError::new(416, "InvalidRange", "The requested range is not satisfiable");
    let (first, last) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.min(size.saturating_sub(1))),
        (Ok(first), Err(_)) if last.is_empty() => (first, size.saturating_sub(1)),
        (Err(_), Ok(suffix)) if first.is_empty() && suffix > 0 => (size.saturating_sub(suffix), size.saturating_sub(1)),
        _ => return Ok(None),
    };
    if first >= size { Err(unsatisfiable()) } else { Ok(Some((first, last))) }
}
