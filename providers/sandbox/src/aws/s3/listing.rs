//! Lists of objects and versions, with prefixes, delimiters and pages.

use std::collections::BTreeSet;

use super::{Object, Version, answer, invalid};
use crate::aws::{ApiError, Cx, Request, Response, Xml, timestamp};

type Answer = Result<Response, ApiError>;

pub fn objects(cx: &mut Cx<'_>, req: &Request, bucket: &str) -> Answer {
    let ask = Ask::read(cx, req)?;
    let start = req.query_value("start-after").unwrap_or_default();
    let token = req.query_value("continuation-token");
    let after = match token {
        Some(token) => decode_token(token)?,
        None => start.to_owned(),
    };
    let held = cx.world.global.s3.bucket(bucket)?;
    let mut page = Page::new(&ask, &after);
    for (key, versions) in held.objects.range(ask.prefix.to_owned()..) {
        if !key.starts_with(ask.prefix) {
            break;
        }
        if let Some(version) = versions.last()
            && let Some(object) = &version.object
            && !page.add(key, (version, object))
        {
            break;
        }
    }
    let owner = req.query_value("fetch-owner") == Some("true");
    Ok(answer(req, "ListBucketResult", |x| {
        x.text("Name", bucket);
        x.text("Prefix", ask.show(ask.prefix));
        ask.write_common(x);
        x.text("KeyCount", page.count());
        x.text("IsTruncated", page.next.is_some());
        x.opt("ContinuationToken", token);
        x.opt("NextContinuationToken", page.next.as_ref().map(|key| encode_token(key)));
        if !start.is_empty() {
            x.text("StartAfter", ask.show(start));
        }
        for (key, (version, object)) in &page.items {
            x.nest("Contents", |x| {
                x.text("Key", ask.show(key));
                write_object(x, version, object);
                if owner {
                    x.nest("Owner", |x| x.text("ID", cx.account));
                }
            });
        }
        page.write_prefixes(x, &ask);
    }))
}

pub fn versions(cx: &mut Cx<'_>, req: &Request, bucket: &str) -> Answer {
    let ask = Ask::read(cx, req)?;
    let (key_marker, version_marker) =
        (req.query_value("key-marker").unwrap_or_default(), req.query_value("version-id-marker"));
    if version_marker.is_some() && key_marker.is_empty() {
        return Err(invalid("A version-id marker cannot be specified without a key marker."));
    }
    let held = cx.world.global.s3.bucket(bucket)?;
    // Keys ascend, and the versions of a key go from the newest to the oldest.
    let mut rows: Vec<(&String, &Version, bool)> = Vec::new();
    let mut prefixes = BTreeSet::new();
    let mut next = None;
    'keys: for (key, versions) in held.objects.iter().filter(|(key, _)| key.starts_with(ask.prefix)) {
        if key.as_str() < key_marker || (key == key_marker && version_marker.is_none()) {
            continue;
        }
        if let Some(common) = ask.common(key) {
            if common.as_str() <= key_marker || prefixes.contains(&common) {
                continue;
            }
            if rows.len() + prefixes.len() == ask.max {
                next = rows
                    .last()
                    .map(|(key, version, _)| ((*key).clone(), Some(version.id.clone())))
                    .or_else(|| prefixes.last().map(|prefix: &String| (prefix.clone(), None)));
                break;
            }
            prefixes.insert(common);
            continue;
        }
        let mut skip = key == key_marker;
        for (at, version) in versions.iter().rev().enumerate() {
            if skip {
                skip = version_marker != Some(version.id.as_str());
                continue;
            }
            if rows.len() + prefixes.len() == ask.max {
                next = rows.last().map(|(key, version, _)| ((*key).clone(), Some(version.id.clone())));
                break 'keys;
            }
            rows.push((key, version, at == 0));
        }
    }
    Ok(answer(req, "ListVersionsResult", |x| {
        x.text("Name", bucket);
        x.text("Prefix", ask.show(ask.prefix));
        x.text("KeyMarker", ask.show(key_marker));
        x.text("VersionIdMarker", version_marker.unwrap_or_default());
        if let Some((key, version)) = &next {
            x.text("NextKeyMarker", ask.show(key));
            x.opt("NextVersionIdMarker", version.as_ref());
        }
        ask.write_common(x);
        x.text("IsTruncated", next.is_some());
        for (key, version, latest) in &rows {
            x.nest(if version.object.is_some() { "Version" } else { "DeleteMarker" }, |x| {
                x.text("Key", ask.show(key));
                x.text("VersionId", &version.id);
                x.text("IsLatest", latest);
                match &version.object {
                    Some(object) => write_object(x, version, object),
                    None => x.text("LastModified", timestamp(version.modified)),
                }
                x.nest("Owner", |x| x.text("ID", cx.account));
            });
        }
        for prefix in &prefixes {
            x.nest("CommonPrefixes", |x| x.text("Prefix", ask.show(prefix)));
        }
    }))
}

struct Ask<'r> {
    prefix: &'r str,
    delimiter: &'r str,
    max: usize,
    asked_max: usize,
    encoded: bool,
}

impl<'r> Ask<'r> {
    fn read(cx: &Cx<'_>, req: &'r Request) -> Result<Self, ApiError> {
        let asked_max = match req.query_value("max-keys") {
            None => 1000,
            Some(text) => text
                .parse::<usize>()
                .map_err(|_| invalid("Provided max-keys not an integer or within integer range"))?
                .min(1000),
        };
        let encoded = match req.query_value("encoding-type") {
            None => false,
            Some("url") => true,
            Some(_) => return Err(invalid("Invalid Encoding Method specified in Request")),
        };
        let max = asked_max.min(cx.page_limit.unwrap_or(usize::MAX));
        Ok(Self {
            prefix: req.query_value("prefix").unwrap_or_default(),
            delimiter: req.query_value("delimiter").unwrap_or_default(),
            max,
            asked_max,
            encoded,
        })
    }

    /// The common prefix that stands for a key, if the delimiter occurs after the prefix.
    fn common(&self, key: &str) -> Option<String> {
        if self.delimiter.is_empty() {
            return None;
        }
        let rest = key.strip_prefix(self.prefix)?;
        let at = rest.find(self.delimiter)?;
        Some(format!("{}{}", self.prefix, &rest[..at + self.delimiter.len()]))
    }

    fn show(&self, text: &str) -> String {
        const KEEP: percent_encoding::AsciiSet =
            percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
        if self.encoded { percent_encoding::utf8_percent_encode(text, &KEEP).to_string() } else { text.to_owned() }
    }

    fn write_common(&self, x: &mut Xml) {
        x.text("MaxKeys", self.asked_max);
        if !self.delimiter.is_empty() {
            x.text("Delimiter", self.show(self.delimiter));
        }
        if self.encoded {
            x.text("EncodingType", "url");
        }
    }
}

/// A page of keys and common prefixes under way.
struct Page<'p, T> {
    ask: &'p Ask<'p>,
    after: &'p str,
    items: Vec<(&'p String, T)>,
    prefixes: BTreeSet<String>,
    last: String,
    /// The last key or prefix of the page, if more follows.
    next: Option<String>,
}

impl<'p, T> Page<'p, T> {
    fn new(ask: &'p Ask<'p>, after: &'p str) -> Self {
        Self { ask, after, items: Vec::new(), prefixes: BTreeSet::new(), last: String::new(), next: None }
    }

    /// Takes a key in; `false` once the page is full.
    fn add(&mut self, key: &'p String, item: T) -> bool {
        let common = self.ask.common(key);
        let shown = common.as_ref().unwrap_or(key);
        // What starts with the common prefix after which the page begins was in the page before.
        if shown.as_str() <= self.after || (common.is_some() && self.prefixes.contains(shown)) {
            return true;
        }
        if self.count() >= self.ask.max {
            self.next = (self.ask.max > 0).then(|| self.last.clone());
            return false;
        }
        self.last.clone_from(shown);
        match common {
            Some(common) => drop(self.prefixes.insert(common)),
            None => self.items.push((key, item)),
        }
        true
    }

    fn count(&self) -> usize {
        self.items.len() + self.prefixes.len()
    }

    fn write_prefixes(&self, x: &mut Xml, ask: &Ask<'_>) {
        for prefix in &self.prefixes {
            x.nest("CommonPrefixes", |x| x.text("Prefix", ask.show(prefix)));
        }
    }
}

fn write_object(x: &mut Xml, version: &Version, object: &Object) {
    x.text("LastModified", timestamp(version.modified));
    x.text("ETag", format!("\"{}\"", object.etag));
    x.text("ChecksumAlgorithm", object.checksum.0.name());
    x.text("ChecksumType", "FULL_OBJECT");
    x.text("Size", object.size);
    x.text("StorageClass", &object.storage_class);
}

fn encode_token(key: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE.encode(key)
}

fn decode_token(token: &str) -> Result<String, ApiError> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| invalid("The continuation token provided is incorrect"))
}
