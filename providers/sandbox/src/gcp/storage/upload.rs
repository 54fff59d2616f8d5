//! Uploads: the content alone, or what is to be known of it and the content in two parts.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use super::bucket::{check_projection, find as find_bucket};
use super::conditions::{self, OF_OBJECTS};
use super::object::{self, OBJECT, keep};
use super::{At, BASE, answer, etag, invalid};
use crate::clock::timestamp;
use crate::gcp::error::ApiError;
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Nulls};
use crate::gcp::world::{Cx, Doc, Item, text};

/// `objects.insert`.
pub fn insert(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    request.check_query(&[&OF_OBJECTS[..], &["contentEncoding", "name", "projection", "uploadType"]].concat())?;
    check_projection(request)?;
    let kind = request.headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (mut doc, kind, content) = match request.required("uploadType")? {
        "media" => (Doc::new(), kind.to_owned(), request.body.clone()),
        "multipart" => parts(kind, &request.body)?,
        other => return Err(invalid(format!("Upload type '{other}' is not one that the sandbox has."))),
    };
    if let Some(name) = request.text("name") {
        doc.entry("name").or_insert_with(|| json!(name));
    }
    check_name(text(&doc, "name"))?;
    if doc.get("bucket").is_some_and(|bucket| bucket.as_str() != Some(&at.bucket)) {
        return Err(invalid(format!("The bucket '{}' is not the one in the URL.", text(&doc, "bucket"))));
    }
    if let Some(encoding) = request.text("contentEncoding") {
        doc.insert("contentEncoding".to_owned(), json!(encoding));
    }
    if !doc.contains_key("contentType") {
        let kind = if kind.is_empty() { "application/octet-stream" } else { &kind };
        doc.insert("contentType".to_owned(), json!(kind));
    }
    let at = At { bucket: at.bucket.clone(), object: text(&doc, "name").to_owned() };
    let bucket = find_bucket(cx, &at.bucket)?;
    let live = object::live(cx, &at);
    conditions::check(request, live.as_ref().map(|item| &item.doc))?;
    check_digests(&mut doc, &content)?;
    doc.entry("storageClass").or_insert_with(|| json!(bucket.text("storageClass")));
    let item = complete(cx, &at, doc, content.len());
    let blob = cx.ids.hex(32);
    cx.blobs.put(&blob, &content).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "the sandbox cannot keep an object");
        ApiError::server(500)
    })?;
    if let Some(live) = live {
        object::retire(cx, &at.bucket, live)?;
    }
    let mut item = item;
    item.hidden.insert("blob".to_owned(), json!(blob));
    keep(cx, &at.bucket, item.clone());
    Ok(answer(&Value::Object(item.doc)))
}

/// Adds what the service knows of a new version.
fn complete(cx: &mut Cx<'_>, at: &At, mut doc: Doc, size: usize) -> Item {
    // Generations are microseconds; those within a millisecond are told apart by chance or by the last one.
    let chance = u64::from_str_radix(&cx.ids.hex(4), 16).unwrap_or_default() % 1_000;
    let prefix = format!("objects/{}/{}\n", at.bucket, at.object);
    let last = cx.world.under(&prefix).last().map_or(0, |(_, item)| object::key(item).1);
    let generation = (cx.now * 1_000 + chance).max(last + 1);
    let now = timestamp(cx.now);
    let escaped = percent_encoding::utf8_percent_encode(&at.object, percent_encoding::NON_ALPHANUMERIC).to_string();
    let link = format!("{BASE}/b/{}/o/{escaped}", at.bucket);
    for (field, value) in [
        ("kind", json!("storage#object")),
        ("id", json!(format!("{}/{}/{generation}", at.bucket, at.object))),
        ("selfLink", json!(link)),
        (
            "mediaLink",
            json!(format!("{}?generation={generation}&alt=media", link.replace("/storage/", "/download/storage/"))),
        ),
        ("bucket", json!(at.bucket)),
        ("generation", json!(generation.to_string())),
        ("metageneration", json!("1")),
        ("etag", json!(etag(&[generation, 1]))),
        ("size", json!(size.to_string())),
        ("timeCreated", json!(now)),
        ("updated", json!(now)),
        ("timeStorageClassUpdated", json!(now)),
        ("timeFinalized", json!(now)),
    ] {
        doc.insert(field.to_owned(), value);
    }
    Item::new(doc)
}

/// Refuses names that there cannot be (Cloud Storage, "About objects").
fn check_name(name: &str) -> Result<(), ApiError> {
    if name.is_empty() {
        return Err(ApiError::new(400, "required", "Required: name"));
    }
    let bad = name.len() > 1_024
        || name.contains(['\r', '\n'])
        || [".", ".."].contains(&name)
        || name.starts_with(".well-known/acme-challenge/");
    if bad { Err(invalid(format!("Invalid object name: '{name}'"))) } else { Ok(()) }
}

/// Refuses content that is not what the client says it is, and notes what it is.
fn check_digests(doc: &mut Doc, content: &[u8]) -> Result<(), ApiError> {
    let crc = u32::try_from(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, content)).unwrap_or_default();
    let (crc, md5) = (BASE64_STANDARD.encode(crc.to_be_bytes()), BASE64_STANDARD.encode(Md5::digest(content)));
    for (field, name, actual) in [("crc32c", "CRC32C", crc), ("md5Hash", "MD5 hash", md5)] {
        if let Some(given) = doc.get(field).filter(|given| given.as_str() != Some(&actual)) {
            return Err(invalid(format!("Provided {name} {given} doesn't match calculated {name} \"{actual}\".")));
        }
        doc.insert(field.to_owned(), json!(actual));
    }
    Ok(())
}

/// Takes an upload of two parts apart (RFC 2387): what is to be known, the content's type, and the content.
fn parts(kind: &str, body: &Bytes) -> Result<(Doc, String, Bytes), ApiError> {
    let malformed = || ApiError::new(400, "badContent", "Malformed multipart body.");
    let mut fields = kind.split(';').map(str::trim);
    if fields.next() != Some("multipart/related") {
        return Err(ApiError::new(400, "badContent", "A multipart upload must be of the type multipart/related."));
    }
    let boundary = fields.find_map(|field| field.strip_prefix("boundary=")).ok_or_else(malformed)?.trim_matches('"');
    let line = format!("--{boundary}");
    let mut rest = body.strip_prefix(line.as_bytes()).ok_or_else(malformed)?;
    let between = format!("\r\n{line}");
    let mut found = Vec::new();
    while !rest.starts_with(b"--") {
        let part = rest.strip_prefix(b"\r\n").ok_or_else(malformed)?;
        let end = find(part, between.as_bytes()).ok_or_else(malformed)?;
        let (head, content) = match find(&part[..end], b"\r\n\r\n") {
            Some(blank) => (&part[..blank], &part[blank + 4..end]),
            None => return Err(malformed()),
        };
        found.push((kind_of(head), body.slice_ref(content)));
        rest = &part[end + between.len()..];
    }
    let [(metadata_kind, metadata), (content_kind, content)] = found.try_into().map_err(|_| malformed())?;
    if !metadata_kind.starts_with("application/json") {
        return Err(ApiError::new(400, "badContent", "The first part must be JSON."));
    }
    let metadata = serde_json::from_slice(&metadata)
        .map_err(|error| ApiError::new(400, "parseError", format!("Parse Error: {error}")))?;
    Ok((schema::read(OBJECT, metadata, "", Nulls::Drop)?, content_kind, content))
}

/// The type that the head of a part names.
fn kind_of(head: &[u8]) -> String {
    let head = String::from_utf8_lossy(head);
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    fields
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("content-type"))
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        let body = "--b\r\nContent-Type: application/json\r\n\r\n{\"name\":\"n\"}\r\n--b\r\ncontent-type: text/plain\r\n\r\nx\r\n--\r\n\r\n--b--\r\n";
        let (doc, kind, content) = parts("multipart/related; boundary=\"b\"", &Bytes::from(body)).unwrap();
        assert_eq!((text(&doc, "name"), kind.as_str(), &content[..]), ("n", "text/plain", &b"x\r\n--\r\n"[..]));
        for (kind, body) in [
            ("multipart/mixed; boundary=b", body),
            ("multipart/related", body),
            ("multipart/related; boundary=c", body),
            ("multipart/related; boundary=b", "--b\r\n\r\n{}\r\n--b--"),
        ] {
            assert!(parts(kind, &Bytes::from(body.to_owned())).is_err(), "{kind}");
        }
    }
}
