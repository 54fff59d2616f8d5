//! Lists of objects: with prefixes, delimiters, and all versions.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::bucket::{check_projection, find as find_bucket};
use super::object::{all, is_live, key, soft_deleted as soft_deleted_of};
use super::{At, answer, invalid};
use crate::gcp::error::ApiError;
use crate::gcp::page::cut;
use crate::gcp::request::Request;
use crate::gcp::world::{Cx, Doc};

/// The most entries on a page.
const LARGEST: u64 = 1_000;

/// `objects.list`.
pub fn list(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    request.check_query(&[
        "delimiter",
        "endOffset",
        "includeTrailingDelimiter",
        "maxResults",
        "pageToken",
        "prefix",
        "projection",
        "softDeleted",
        "startOffset",
        "versions",
    ])?;
    check_projection(request)?;
    find_bucket(cx, &at.bucket)?;
    let versions = request.flag("versions")?.unwrap_or(false);
    let soft_deleted = request.flag("softDeleted")?.unwrap_or(false);
    if versions && soft_deleted {
        return Err(invalid("Versions and soft-deleted objects cannot be listed together."));
    }
    let all = if soft_deleted { soft_deleted_of(cx, &at.bucket) } else { all(cx, &at.bucket) };
    let trailing = request.flag("includeTrailingDelimiter")?.unwrap_or(false);
    let prefix = request.text("prefix").unwrap_or_default();
    let delimiter = request.text("delimiter");
    let (start, end) = (request.text("startOffset"), request.text("endOffset"));
    // A prefix stands for all that is below it and comes before it.
    let mut entries: BTreeMap<String, Value> = BTreeMap::new();
    for item in &all {
        let name = item.text("name");
        let outside = start.is_some_and(|start| name < start) || end.is_some_and(|end| name >= end);
        let Some(rest) = name.strip_prefix(prefix).filter(|_| !outside && (versions || soft_deleted || is_live(item)))
        else {
            continue;
        };
        let below = delimiter.and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len()));
        if let Some(length) = below {
            let group = format!("{prefix}{}", &rest[..length]);
            entries.insert(group.clone(), Value::String(group));
        }
        if below.is_none_or(|length| trailing && length == rest.len()) {
            // A line break is before all that names consist of.
            entries.insert(format!("{name}\n{:020}", key(item).1), Value::Object(item.doc.clone()));
        }
    }
    let limit = usize::try_from(request.number("maxResults")?.unwrap_or(LARGEST).clamp(1, LARGEST)).unwrap_or(1);
    let page = cut(cx, entries, limit, request.text("pageToken"))?;
    let (prefixes, items): (Vec<Value>, Vec<Value>) =
        page.items.into_iter().map(|(_, value)| value).partition(Value::is_string);
    let mut objects = Doc::from_iter([("kind".to_owned(), json!("storage#objects"))]);
    for (field, values) in [("prefixes", prefixes), ("items", items)] {
        if !values.is_empty() {
            objects.insert(field.to_owned(), Value::from(values));
        }
    }
    objects.extend(page.next.map(|next| ("nextPageToken".to_owned(), json!(next))));
    Ok(answer(&Value::Object(objects)))
}
