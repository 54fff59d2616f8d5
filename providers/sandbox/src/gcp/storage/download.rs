//! The content of objects, whole or a range of it.

use std::ops::RangeInclusive;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use serde_json::Value;

use super::{At, empty};
use crate::gcp::error::ApiError;
use crate::gcp::request::Request;
use crate::gcp::world::{Cx, Item};

/// The answer where there is no object. Where content is asked for, the real service answers in plain text.
pub fn missing(at: &At) -> http::Response<Bytes> {
    let mut response = empty(404);
    *response.body_mut() = Bytes::from(format!("No such object: {}/{}", at.bucket, at.object));
    let plain = HeaderValue::from_static("text/html; charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

/// The content of a version.
pub fn media(cx: &Cx<'_>, item: &Item, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    let blob = item.hidden.get("blob").and_then(Value::as_str).unwrap_or_default();
    let content = cx.blobs.get(blob).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "the sandbox has lost an object");
        ApiError::server(500)
    })?;
    let asked = request.headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let range = match asked.map_or(Asked::Whole, |header| range(header, content.len())) {
        Asked::Nothing => {
            let mut response = empty(416);
            set(&mut response, "content-range", &format!("bytes */{}", content.len()));
            return Ok(response);
        }
        Asked::Part(range) => Some(range),
        Asked::Whole => None,
    };
    let mut response = empty(if range.is_some() { 206 } else { 200 });
    for (name, field) in [
        ("content-type", "contentType"),
        ("content-encoding", "contentEncoding"),
        ("content-language", "contentLanguage"),
        ("content-disposition", "contentDisposition"),
        ("cache-control", "cacheControl"),
        ("etag", "etag"),
        ("x-goog-generation", "generation"),
        ("x-goog-metageneration", "metageneration"),
        ("x-goog-storage-class", "storageClass"),
        ("x-goog-stored-content-length", "size"),
    ] {
        set(&mut response, name, item.text(field));
    }
    let hashes = format!("crc32c={},md5={}", item.text("crc32c"), item.text("md5Hash"));
    set(&mut response, "x-goog-hash", &hashes);
    *response.body_mut() = match range {
        Some(range) => {
            set(&mut response, "content-range", &format!("bytes {}-{}/{}", range.start(), range.end(), content.len()));
            Bytes::from(content).slice(range)
        }
        None => Bytes::from(content),
    };
    Ok(response)
}

fn set(response: &mut http::Response<Bytes>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value)
        && !value.is_empty()
    {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

/// What a range header asks for (RFC 9110, section 14).
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// All of it: the header is one that is to be ignored.
    Whole,
    /// Some of it.
    Part(RangeInclusive<usize>),
    /// What there is not.
    Nothing,
}

fn range(header: &str, length: usize) -> Asked {
    let Some((first, last)) = header.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Asked::Whole;
    };
    let found = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => first..=last,
        (Ok(first), Err(_)) if last.is_empty() => first..=usize::MAX,
        (Err(_), Ok(count)) if first.is_empty() && count > 0 => length.saturating_sub(count)..=usize::MAX,
        (Err(_), Ok(_)) if first.is_empty() => return Asked::Nothing,
        _ => return Asked::Whole,
    };
    match length.checked_sub(1).filter(|end| found.start() <= end) {
        Some(end) => Asked::Part(*found.start()..=*found.end().min(&end)),
        None => Asked::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        for (header, found) in [
            ("bytes=0-", Asked::Part(0..=9)),
            ("bytes=2-3", Asked::Part(2..=3)),
            ("bytes=2-99", Asked::Part(2..=9)),
            ("bytes=-3", Asked::Part(7..=9)),
            ("bytes=-30", Asked::Part(0..=9)),
            ("bytes=10-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=3-2", Asked::Whole),
            ("bytes=a-", Asked::Whole),
            ("lines=0-", Asked::Whole),
        ] {
            assert_eq!(range(header, 10), found, "{header}");
        }
        assert_eq!(range("bytes=0-", 0), Asked::Nothing);
    }
}
