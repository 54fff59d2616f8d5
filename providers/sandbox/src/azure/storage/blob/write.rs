//! Writing and deleting blobs.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::condition::{Access, check};
use super::model::{Blob, Piece, etag, keep, load};
use super::read::missing;
use super::{Place, answer, bad_header, enter, missing_header, reach};
use crate::azure::error::ApiError;
use crate::azure::request::Request;
use crate::azure::response::Response;
use crate::azure::storage::{container, service};
use crate::azure::world::{Cx, name_of};
use crate::clock::http_date;

/// What a writer may say about the content.
const HEADERS: &[&str] = &[
    "x-ms-blob-type",
    "x-ms-blob-content-type",
    "x-ms-blob-content-encoding",
    "x-ms-blob-content-language",
    "x-ms-blob-content-disposition",
    "x-ms-blob-content-md5",
    "x-ms-blob-cache-control",
    "x-ms-access-tier",
    "x-ms-meta-*",
];

/// The most blocks of a blob.
const MOST_BLOCKS: usize = 50_000;

/// PUT of a whole blob.
pub fn put(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    let place = reach(cx, request, &[], HEADERS)?;
    match request.header("x-ms-blob-type") {
        None => return Err(missing_header("x-ms-blob-type")),
        Some("BlockBlob") => {}
        Some(other) => return Err(bad_header("x-ms-blob-type", other)),
    }
    let md5 = checked_md5(request)?;
    check(request, existing(cx, &place), Access::Write)?;
    let size = request.body.len();
    let body = keep(cx, &request.body)?;
    let blob = described(cx, request, &place, Blob { body, size, md5: Some(md5), ..blank() })?;
    Ok(write(cx, request, &place, blob))
}

/// PUT of a block, for a blob that is put together later.
pub fn stage(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    let place = reach(cx, request, &["comp", "blockid"], &[])?;
    let id = request.query.get("blockid").ok_or_else(|| {
        ApiError::bad("MissingRequiredQueryParameter", "A query parameter that's mandatory is not specified: blockid.")
    })?;
    let raw = STANDARD.decode(id).ok().filter(|raw| (1..=64).contains(&raw.len()));
    let raw = raw.ok_or_else(|| {
        ApiError::bad("InvalidQueryParameterValue", "Value for one of the query parameters is invalid: blockid.")
    })?;
    let md5 = checked_md5(request)?;
    let contents = cx.sub.containers.entry(place.container.clone()).or_default();
    let staged = contents.staged.entry(place.blob.clone()).or_default();
    let others = staged.keys().find_map(|other| STANDARD.decode(other).ok());
    if others.is_some_and(|other| other.len() != raw.len()) {
        return Err(ApiError::bad("InvalidBlobOrBlock", "The specified blob or block content is invalid."));
    }
    let body = keep(cx, &request.body)?;
    let contents = cx.sub.containers.entry(place.container).or_default();
    let replaced = contents.staged.entry(place.blob).or_default().insert(id.clone(), Piece { body });
    if let Some(piece) = replaced {
        cx.blobs.delete(&piece.body);
    }
    cx.dirty();
    let headers = vec![("Content-MD5", md5), ("x-ms-request-server-encrypted", "true".to_owned())];
    Ok(answer(request, 201, headers))
}

/// PUT of the list of blocks that make up a blob.
pub fn commit(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    let place = reach(cx, request, &["comp"], &HEADERS[1..])?;
    checked_md5(request)?;
    let list = block_list(&request.body)?;
    check(request, existing(cx, &place), Access::Write)?;
    let contents = cx.sub.containers.get(&place.container).cloned().unwrap_or_default();
    let staged = contents.staged.get(&place.blob).cloned().unwrap_or_default();
    let old = match contents.blobs.get(&place.blob) {
        Some(blob) => committed(blob, &blob.content(cx)?),
        None => BTreeMap::new(),
    };
    let mut whole = Vec::new();
    let mut blocks = Vec::new();
    for (kind, id) in list {
        let fresh = staged.get(&id).filter(|_| kind != "Committed");
        let content = match (fresh, old.get(&id).filter(|_| kind != "Uncommitted")) {
            (Some(piece), _) => load(cx, &piece.body)?,
            (None, Some(content)) => content.clone(),
            (None, None) => return Err(ApiError::bad("InvalidBlockList", "The specified block list is invalid.")),
        };
        blocks.push((id, content.len()));
        whole.extend(content);
    }
    let body = keep(cx, &whole)?;
    let md5 = request.header("x-ms-blob-content-md5").map(str::to_owned);
    let blob = described(cx, request, &place, Blob { body, size: whole.len(), md5, blocks, ..blank() })?;
    Ok(write(cx, request, &place, blob))
}

/// PUT of a container.
pub fn container(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    let place = enter(cx, request, &["restype"], &["x-ms-blob-public-access", "x-ms-meta-*"])?;
    let name = name_of(&place.id).to_owned();
    container::begin(cx, &place.account, &name, request.header("x-ms-blob-public-access"))?;
    let made = cx.find(&place.id).ok_or_else(missing)?;
    let headers = vec![("ETag", container::etag(made)), ("Last-Modified", http_date(container::modified(made)))];
    Ok(answer(request, 201, headers))
}

/// DELETE of a blob, which leaves its versions, or of one of them.
pub fn delete(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    let place = reach(cx, request, &["versionid"], &["x-ms-delete-snapshots"])?;
    if let Some(value) = request.header("x-ms-delete-snapshots").filter(|value| *value != "include") {
        return Err(bad_header("x-ms-delete-snapshots", value));
    }
    let version = request.query.get("versionid").map(String::as_str);
    let contents = cx.sub.containers.get(&place.container);
    let blob = contents.and_then(|contents| contents.version(&place.blob, version)).ok_or_else(missing)?;
    check(request, Some(blob), Access::Write)?;
    if version.is_some() && existing(cx, &place).is_some_and(|present| present.version.as_deref() == version) {
        return Err(ApiError::new(
            403,
            "OperationNotAllowedOnRootBlob",
            "The specified operation is not allowed on root blob.",
        ));
    }
    let keeps_versions = service::keeps_versions(cx, &place.account);
    let contents = cx.sub.containers.entry(place.container).or_default();
    let body = match version {
        None => contents.blobs.remove(&place.blob).and_then(|blob| contents.retire(&place.blob, blob, keeps_versions)),
        Some(version) => {
            let all = contents.versions.entry(place.blob).or_default();
            let at = all.iter().position(|blob| blob.version.as_deref() == Some(version));
            at.map(|at| all.remove(at).body)
        }
    };
    let is_gone = body.is_some();
    if let Some(body) = body {
        cx.blobs.delete(&body);
    }
    cx.dirty();
    Ok(answer(request, 202, vec![("x-ms-delete-type-permanent", is_gone.to_string())]))
}

fn existing<'a>(cx: &'a Cx<'_>, place: &Place) -> Option<&'a Blob> {
    cx.sub.containers.get(&place.container)?.blobs.get(&place.blob)
}

fn blank() -> Blob {
    Blob {
        body: String::new(),
        size: 0,
        md5: None,
        etag: String::new(),
        created: 0,
        modified: 0,
        headers: BTreeMap::new(),
        metadata: BTreeMap::new(),
        tier: None,
        version: None,
        blocks: Vec::new(),
    }
}

/// Gives a blob its version, its times, and what the request says about it.
fn described(cx: &mut Cx<'_>, request: &Request, place: &Place, mut blob: Blob) -> Result<Blob, ApiError> {
    let usual = request.header("content-type").unwrap_or("application/octet-stream");
    let given = request.header("x-ms-blob-content-type").unwrap_or(usual).to_owned();
    blob.headers.insert("Content-Type".to_owned(), given);
    for (name, shown) in [
        ("x-ms-blob-content-encoding", "Content-Encoding"),
        ("x-ms-blob-content-language", "Content-Language"),
        ("x-ms-blob-content-disposition", "Content-Disposition"),
        ("x-ms-blob-cache-control", "Cache-Control"),
    ] {
        blob.headers.extend(request.header(name).map(|value| (shown.to_owned(), value.to_owned())));
    }
    for (name, value) in &request.headers {
        if name.as_str().starts_with("x-ms-meta-") {
            let value = value.to_str().map_err(|_| bad_header(name.as_str(), "?"))?;
            blob.metadata.insert(name.as_str().to_owned(), value.to_owned());
        }
    }
    blob.tier = match request.header("x-ms-access-tier") {
        Some(tier) if !["Hot", "Cool", "Cold", "Archive"].contains(&tier) => {
            return Err(bad_header("x-ms-access-tier", tier));
        }
        tier => tier.map(str::to_owned),
    };
    blob.created = existing(cx, place).map_or(cx.now, |old| old.created);
    blob.modified = cx.now;
    blob.etag = etag(cx);
    if service::keeps_versions(cx, &place.account) {
        let contents = cx.sub.containers.entry(place.container.clone()).or_default();
        blob.version = Some(contents.next_version(&place.blob, cx.now));
    }
    Ok(blob)
}

/// Puts a blob in its place, whatever was there, and lets go of the blocks that it has not taken.
fn write(cx: &mut Cx<'_>, request: &Request, place: &Place, blob: Blob) -> Response {
    let mut headers = vec![
        ("ETag", blob.etag.clone()),
        ("Last-Modified", http_date(blob.modified)),
        ("x-ms-request-server-encrypted", "true".to_owned()),
    ];
    headers.extend(blob.md5.clone().map(|md5| ("Content-MD5", md5)));
    headers.extend(blob.version.clone().map(|version| ("x-ms-version-id", version)));
    let keeps_versions = service::keeps_versions(cx, &place.account);
    let contents = cx.sub.containers.entry(place.container.clone()).or_default();
    let replaced = contents.blobs.insert(place.blob.clone(), blob);
    let dropped = replaced.and_then(|old| contents.retire(&place.blob, old, keeps_versions));
    let staged = contents.staged.remove(&place.blob).unwrap_or_default();
    let bodies = dropped.into_iter().chain(staged.into_values().map(|piece| piece.body));
    bodies.for_each(|body| cx.blobs.delete(&body));
    cx.dirty();
    answer(request, 201, headers)
}

/// The checksum of the request's body, which must be the one that it claims.
fn checked_md5(request: &Request) -> Result<String, ApiError> {
    let md5 = STANDARD.encode(Md5::digest(&request.body));
    match request.header("content-md5") {
        Some(claimed) if claimed != md5 => Err(ApiError::bad(
            "Md5Mismatch",
            "The MD5 value specified in the request did not match with the MD5 value calculated by the server.",
        )),
        _ => Ok(md5),
    }
}

/// The blocks that a blob is made of.
fn committed(blob: &Blob, content: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut rest = content;
    let mut blocks = BTreeMap::new();
    for (id, size) in &blob.blocks {
        let (block, more) = rest.split_at((*size).min(rest.len()));
        blocks.insert(id.clone(), block.to_vec());
        rest = more;
    }
    blocks
}

/// The lists to look in and the ids of blocks, in their order.
fn block_list(body: &[u8]) -> Result<Vec<(String, String)>, ApiError> {
    let invalid = || ApiError::bad("InvalidXmlDocument", "XML specified is not syntactically valid.");
    let mut reader = Reader::from_str(std::str::from_utf8(body).map_err(|_| invalid())?);
    let mut list = Vec::new();
    let mut open: Vec<String> = Vec::new();
    loop {
        match reader.read_event().map_err(|_| invalid())? {
            Event::Start(start) => {
                let name = start.name().as_ref().to_owned();
                let fits = match open.len() {
                    0 => name == "BlockList",
                    1 => ["Committed", "Uncommitted", "Latest"].contains(&name.as_str()),
                    _ => false,
                };
                if !fits {
                    return Err(invalid());
                }
                open.push(name);
            }
            Event::End(_) => drop(open.pop()),
            Event::Text(text) if open.len() == 2 => {
                list.push((open[1].clone(), text.trim().to_owned()));
            }
            Event::Eof if open.is_empty() && list.len() <= MOST_BLOCKS => return Ok(list),
            Event::Eof => return Err(invalid()),
            _ => {}
        }
    }
}
