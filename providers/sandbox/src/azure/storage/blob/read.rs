//! Reading blobs.

use bytes::Bytes;
use http::Method;

use super::condition::{Access, check};
use super::model::Blob;
use super::{answer, reach};
use crate::azure::body::text;
use crate::azure::error::ApiError;
use crate::azure::request::Request;
use crate::azure::response::Response;
use crate::azure::storage::container::{etag, modified};
use crate::azure::world::Cx;
use crate::clock::http_date;

/// The error for a blob that does not exist.
pub fn missing() -> ApiError {
    ApiError::new(404, "BlobNotFound", "The specified blob does not exist.")
}

/// GET and HEAD of a blob.
pub fn get(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    let place = reach(cx, request, &["versionid"], &["x-ms-range", "x-ms-range-get-content-md5"])?;
    let version = request.query.get("versionid").map(String::as_str);
    let contents = cx.sub.containers.get(&place.container);
    let blob = contents.and_then(|contents| contents.version(&place.blob, version)).ok_or_else(missing)?;
    check(request, Some(blob), Access::Read)?;
    let mut headers = described(blob);
    let present = contents.and_then(|contents| contents.blobs.get(&place.blob));
    if blob.version.is_some() && present.is_some_and(|present| present.etag == blob.etag) {
        headers.push(("x-ms-is-current-version", "true".to_owned()));
    }
    if request.method == Method::HEAD {
        headers.push(("Content-Length", blob.size.to_string()));
        headers.extend(blob.md5.clone().map(|md5| ("Content-MD5", md5)));
        return Ok(answer(request, 200, headers));
    }
    let content = blob.content(cx)?;
    let Some((first, last)) = range(request, content.len())? else {
        headers.extend(blob.md5.clone().map(|md5| ("Content-MD5", md5)));
        return Ok(Response { body: Bytes::from(content), ..answer(request, 200, headers) });
    };
    headers.push(("Content-Range", format!("bytes {first}-{last}/{}", content.len())));
    // The checksum is of the whole.
    headers.extend(blob.md5.clone().map(|md5| ("x-ms-blob-content-md5", md5)));
    let part = Bytes::from(content).slice(first..=last);
    Ok(Response { body: part, ..answer(request, 206, headers) })
}

fn described(blob: &Blob) -> Vec<(&str, String)> {
    let mut headers = vec![
        ("ETag", blob.etag.clone()),
        ("Last-Modified", http_date(blob.modified)),
        ("Accept-Ranges", "bytes".to_owned()),
        ("x-ms-creation-time", http_date(blob.created)),
        ("x-ms-blob-type", "BlockBlob".to_owned()),
        ("x-ms-lease-status", "unlocked".to_owned()),
        ("x-ms-lease-state", "available".to_owned()),
        ("x-ms-server-encrypted", "true".to_owned()),
        ("x-ms-access-tier", blob.tier.clone().unwrap_or_else(|| "Hot".to_owned())),
    ];
    if blob.tier.is_none() {
        headers.push(("x-ms-access-tier-inferred", "true".to_owned()));
    }
    headers.extend(blob.version.clone().map(|version| ("x-ms-version-id", version)));
    headers.extend(blob.headers.iter().map(|(name, value)| (name.as_str(), value.clone())));
    headers.extend(blob.metadata.iter().map(|(name, value)| (name.as_str(), value.clone())));
    headers
}

/// The first and last byte that are asked for, if not all of them are.
fn range(request: &Request, size: usize) -> Result<Option<(usize, usize)>, ApiError> {
    let Some(text) = request.header("x-ms-range").or_else(|| request.header("range")) else { return Ok(None) };
    let invalid =
        || ApiError::new(416, "InvalidRange", "The range specified is invalid for the current size of the resource.");
    let (first, last) = text.strip_prefix("bytes=").and_then(|spec| spec.split_once('-')).ok_or_else(invalid)?;
    let first: usize = first.parse().map_err(|_| invalid())?;
    let end = size.saturating_sub(1);
    let last = if last.is_empty() { end } else { last.parse::<usize>().map_err(|_| invalid())?.min(end) };
    if first >= size || first > last { Err(invalid()) } else { Ok(Some((first, last))) }
}

/// GET and HEAD of a container's properties.
pub fn container(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    let place = reach(cx, request, &["restype"], &[])?;
    let resource = cx.find(&place.id).ok_or_else(missing)?;
    let mut headers = vec![
        ("ETag", etag(resource)),
        ("Last-Modified", http_date(modified(resource))),
        ("x-ms-lease-status", "unlocked".to_owned()),
        ("x-ms-lease-state", "available".to_owned()),
        ("x-ms-has-immutability-policy", "false".to_owned()),
        ("x-ms-has-legal-hold", "false".to_owned()),
        ("x-ms-default-encryption-scope", "$account-encryption-key".to_owned()),
        ("x-ms-deny-encryption-scope-override", "false".to_owned()),
    ];
    let access = text(&resource.body, "/properties/publicAccess").to_lowercase();
    if access != "none" {
        headers.push(("x-ms-blob-public-access", access));
    }
    Ok(answer(request, 200, headers))
}
