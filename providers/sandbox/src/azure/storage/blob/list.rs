//! Lists of blobs.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::model::{Blob, Contents};
use super::{account, answer, reach};
use crate::azure::error::ApiError;
use crate::azure::request::Request;
use crate::azure::response::Response;
use crate::azure::world::{Cx, name_of};
use crate::clock::http_date;
use crate::xml::Xml;

/// The largest page.
const LARGEST: usize = 5_000;

/// What may be included. Nothing but metadata and versions is there to include.
const INCLUDED: &[&str] = &["copy", "deleted", "metadata", "snapshots", "tags", "uncommittedblobs", "versions"];

/// What is on a page.
enum Item<'a> {
    Blob(Entry<'a>),
    /// What blobs have in common up to the delimiter.
    Prefix(String),
}

/// A blob or a version of one.
struct Entry<'a> {
    name: &'a str,
    blob: &'a Blob,
    is_current: bool,
}

impl Item<'_> {
    /// What the marker of a page that begins here holds. It grows from item to item: versions come before what they
    /// became, and nothing in a name sorts before the zero behind it.
    fn key(&self) -> String {
        match self {
            Self::Prefix(prefix) => prefix.clone(),
            Self::Blob(entry) if entry.is_current => format!("{}\0~", entry.name),
            Self::Blob(entry) => format!("{}\0{}", entry.name, entry.blob.version.as_deref().unwrap_or_default()),
        }
    }
}

/// Blobs by name, and with them what they were before.
fn entries(contents: &Contents, with_versions: bool) -> Vec<Entry<'_>> {
    let former = contents.versions.iter().filter(|_| with_versions);
    let former = former.flat_map(|(name, all)| all.iter().map(|blob| Entry { name, blob, is_current: false }));
    let present = contents.blobs.iter().map(|(name, blob)| Entry { name, blob, is_current: true });
    let mut all: Vec<Entry<'_>> = former.chain(present).collect();
    // Stable: of one name the versions stay before what they became, the oldest first.
    all.sort_by_key(|entry| entry.name);
    all
}

/// GET of a page.
pub fn list(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    const QUERIES: &[&str] = &["restype", "comp", "prefix", "delimiter", "marker", "maxresults", "include"];
    let place = reach(cx, request, QUERIES, &[])?;
    let given = |name: &str| request.query.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let most = match given("maxresults").map(str::parse::<usize>) {
        None => LARGEST,
        Some(Ok(most)) if most > 0 => most.min(LARGEST),
        Some(_) => {
            return Err(ApiError::bad(
                "OutOfRangeQueryParameterValue",
                "One of the query parameters specified in the request URI is outside the permissible range: maxresults.",
            ));
        }
    };
    let size = cx.page_limit.map_or(most, |limit| most.min(limit)).max(1);
    let include: Vec<&str> = given("include").map(|list| list.split(',').collect()).unwrap_or_default();
    if let Some(unknown) = include.iter().find(|what| !INCLUDED.contains(what)) {
        return Err(invalid("include", unknown));
    }
    let start = match given("marker") {
        None => String::new(),
        Some(marker) => {
            let decoded = STANDARD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            decoded.ok_or_else(|| invalid("marker", marker))?
        }
    };
    let (prefix, delimiter) = (given("prefix").unwrap_or_default(), given("delimiter"));
    let with_versions = include.contains(&"versions");
    let contents = cx.sub.containers.get(&place.container);
    let mut items: Vec<Item<'_>> = Vec::new();
    let mut seen = BTreeSet::new();
    let all = contents.map(|contents| entries(contents, with_versions)).unwrap_or_default();
    for entry in all.into_iter().filter(|entry| entry.name.starts_with(prefix)) {
        let name = entry.name;
        let end = delimiter.and_then(|delimiter| Some((delimiter, name[prefix.len()..].find(delimiter)?)));
        let item = match end {
            Some((delimiter, at)) => Item::Prefix(name[..prefix.len() + at + delimiter.len()].to_owned()),
            None => Item::Blob(entry),
        };
        if item.key() >= start && seen.insert(item.key()) {
            items.push(item);
        }
    }
    let next = items.get(size).map(|item| STANDARD.encode(item.key()));
    items.truncate(size);
    let endpoint = format!("http://{}/{}", request.host, account(request).unwrap_or_default());
    let mut xml = Xml::document();
    let attributes = [("ServiceEndpoint", endpoint.as_str()), ("ContainerName", name_of(&place.id))];
    xml.with("EnumerationResults", &attributes, |x| {
        x.opt("Prefix", given("prefix"));
        x.opt("Marker", given("marker"));
        x.opt("MaxResults", given("maxresults"));
        x.opt("Delimiter", delimiter);
        x.nest("Blobs", |x| items.iter().for_each(|item| show(x, item, include.contains(&"metadata"), with_versions)));
        x.text("NextMarker", next.unwrap_or_default());
    });
    let headers = vec![("Content-Type", "application/xml".to_owned())];
    Ok(Response { body: Bytes::from(xml.finish()), ..answer(request, 200, headers) })
}

fn invalid(name: &str, value: &str) -> ApiError {
    ApiError::bad(
        "InvalidQueryParameterValue",
        format!("Value for one of the query parameters specified in the request URI is invalid: {name}={value}."),
    )
}

fn show(x: &mut Xml, item: &Item<'_>, with_metadata: bool, with_versions: bool) {
    let Entry { name, blob, is_current } = match item {
        Item::Prefix(prefix) => return x.nest("BlobPrefix", |x| x.text("Name", prefix)),
        Item::Blob(entry) => entry,
    };
    x.nest("Blob", |x| {
        x.text("Name", name);
        if let (true, Some(version)) = (with_versions, &blob.version) {
            x.text("VersionId", version);
            if *is_current {
                x.text("IsCurrentVersion", true);
            }
        }
        x.nest("Properties", |x| {
            x.text("Creation-Time", http_date(blob.created));
            x.text("Last-Modified", http_date(blob.modified));
            x.text("Etag", blob.etag.trim_matches('"'));
            x.text("Content-Length", blob.size);
            for header in ["Content-Type", "Content-Encoding", "Content-Language"] {
                x.text(header, blob.headers.get(header).map(String::as_str).unwrap_or_default());
            }
            x.text("Content-CRC64", "");
            x.text("Content-MD5", blob.md5.as_deref().unwrap_or_default());
            for header in ["Cache-Control", "Content-Disposition"] {
                x.text(header, blob.headers.get(header).map(String::as_str).unwrap_or_default());
            }
            x.text("BlobType", "BlockBlob");
            x.text("AccessTier", blob.tier.as_deref().unwrap_or("Hot"));
            if blob.tier.is_none() {
                x.text("AccessTierInferred", true);
            }
            x.text("LeaseStatus", "unlocked");
            x.text("LeaseState", "available");
            x.text("ServerEncrypted", true);
        });
        if with_metadata && !blob.metadata.is_empty() {
            x.nest("Metadata", |x| {
                for (name, value) in &blob.metadata {
                    x.text(name.trim_start_matches("x-ms-meta-"), value);
                }
            });
        }
        x.text("OrMetadata", "");
    });
}
