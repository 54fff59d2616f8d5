//! Changes: records that come and go together, or not at all.

use serde_json::{Value, json};

use super::record::{RECORD, check};
use super::{At, MOST_IN_CHANGE, exists, invalid, listed, missing, next_number, numbered, page, with_status};
use crate::clock::timestamp;
use crate::gcp::error::ApiError;
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Kind, Nulls, Schema};
use crate::gcp::world::{Cx, Doc, Item, text};

const CHANGE: Schema = &[
    ("additions", Kind::List(&Kind::Object(RECORD))),
    ("deletions", Kind::List(&Kind::Object(RECORD))),
    ("kind", Kind::Output),
    ("id", Kind::Output),
    ("startTime", Kind::Output),
    ("status", Kind::Output),
    ("isServing", Kind::Output),
];

/// How many changes of a zone are remembered.
const REMEMBERED: usize = 200;

/// Where a record of the zone is kept.
fn path(at: &At, doc: &Doc) -> String {
    format!("{}{}/{}", at.prefix("rrsets"), text(doc, "name"), text(doc, "type"))
}

fn called(doc: &Doc) -> String {
    format!("{} ({})", text(doc, "name"), text(doc, "type"))
}

/// Takes records away, then adds others, keeps the change and gives what was added.
pub fn apply(cx: &mut Cx<'_>, at: &At, mut additions: Vec<Doc>, mut deletions: Vec<Doc>) -> Result<Vec<Doc>, ApiError> {
    let dns_name = cx.world.get(&at.zone_path()).map(|zone| zone.text("dnsName").to_owned()).unwrap_or_default();
    for (index, doc) in deletions.iter_mut().enumerate() {
        let place = format!("entity.change.deletions[{index}]");
        check(doc, &dns_name, &place)?;
        let path = path(at, doc);
        let old = cx.world.get(&path).ok_or_else(|| missing(&place, &called(doc)))?;
        if old.doc.get("ttl") != doc.get("ttl") || sorted(&old.doc) != sorted(doc) {
            return Err(ApiError::condition(format!("Precondition not met for '{place}'")));
        }
        cx.world.remove(&path);
    }
    for (index, doc) in additions.iter_mut().enumerate() {
        let place = format!("entity.change.additions[{index}]");
        check(doc, &dns_name, &place)?;
        let path = path(at, doc);
        if cx.world.get(&path).is_some() {
            return Err(exists(&place, &called(doc)));
        }
        check_alias(cx, at, doc, &place)?;
        cx.world.put(&path, Item::new(doc.clone()));
    }
    for kind in ["NS", "SOA"] {
        let apex =
            At { project: at.project.clone(), zone: at.zone.clone(), name: dns_name.clone(), kind: kind.to_owned() };
        if cx.world.get(&apex.record_path()).is_none() {
            let message = format!(
                "The change is invalid because a zone must contain exactly one resource record set of type '{kind}' at \
                 the apex."
            );
            return Err(ApiError::new(400, "invalidZoneApex", message));
        }
    }
    keep(cx, at, &additions, &deletions);
    Ok(additions)
}

/// The values of a record in their order.
fn sorted(doc: &Doc) -> Vec<String> {
    let data = doc.get("rrdatas").and_then(Value::as_array).into_iter().flatten();
    let mut data: Vec<String> = data.filter_map(Value::as_str).map(str::to_owned).collect();
    data.sort();
    data
}

/// Refuses an alias beside other records of its name.
fn check_alias(cx: &Cx<'_>, at: &At, doc: &Doc, place: &str) -> Result<(), ApiError> {
    let prefix = format!("{}{}/", at.prefix("rrsets"), text(doc, "name"));
    let clash = cx.world.under(&prefix).any(|(_, other)| text(doc, "type") == "CNAME" || other.text("type") == "CNAME");
    if clash {
        let message = format!(
            "The resource record set '{place}' is invalid because the DNS name '{}' may have either one CNAME resource \
             record set or resource record sets of other types, but not both.",
            text(doc, "name")
        );
        return Err(ApiError::new(400, "cnameResourceRecordSetConflict", message));
    }
    Ok(())
}

fn keep(cx: &mut Cx<'_>, at: &At, additions: &[Doc], deletions: &[Doc]) {
    let prefix = at.prefix("changes");
    let (id, path) = next_number(cx, &prefix);
    let mut doc = Doc::from_iter([
        ("kind".to_owned(), json!("dns#change")),
        ("id".to_owned(), json!(id)),
        ("startTime".to_owned(), json!(timestamp(cx.now))),
        ("isServing".to_owned(), json!(false)),
    ]);
    for (field, records) in [("additions", additions), ("deletions", deletions)] {
        if !records.is_empty() {
            doc.insert(field.to_owned(), json!(records));
        }
    }
    let mut item = Item::new(doc);
    item.hidden.insert("begun".to_owned(), json!(cx.now));
    cx.world.put(&path, item);
    let forgotten = if cx.world.under(&prefix).count() > REMEMBERED {
        cx.world.under(&prefix).next().map(|(path, _)| path.clone())
    } else {
        None
    };
    if let Some(path) = forgotten {
        cx.world.remove(&path);
    }
}

/// `changes.create`.
pub fn create(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&["clientOperationId"])?;
    let body = schema::read(CHANGE, request.json()?, "", Nulls::Drop)?;
    let records = |field: &str| -> Vec<Doc> {
        let all = body.get(field).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_object).cloned().collect()
    };
    let (additions, deletions) = (records("additions"), records("deletions"));
    if additions.is_empty() && deletions.is_empty() {
        return Err(super::required("entity.change"));
    }
    for (metric, count) in [("rrsetAdditionsPerChange", additions.len()), ("rrsetDeletionsPerChange", deletions.len())]
    {
        if count > MOST_IN_CHANGE {
            return Err(ApiError::quota(metric, MOST_IN_CHANGE, "per change"));
        }
    }
    apply(cx, at, additions, deletions)?;
    let prefix = at.prefix("changes");
    let last = cx.world.under(&prefix).last().map(|(_, item)| with_status(cx, item));
    Ok(last.unwrap_or_default())
}

/// `changes.get`.
pub fn get(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&["clientOperationId"])?;
    let item = numbered(cx, &at.prefix("changes"), &at.name);
    item.map(|item| with_status(cx, item)).ok_or_else(|| missing("parameters.changeId", &at.name))
}

/// `changes.list`, the newest last unless asked otherwise.
pub fn list(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&["maxResults", "pageToken", "sortBy", "sortOrder"])?;
    if let Some(other) = request.text("sortBy").filter(|by| *by != "changeSequence") {
        return Err(invalid("parameters.sortBy", other));
    }
    let newest_first = match request.text("sortOrder") {
        None | Some("ascending") => false,
        Some("descending") => true,
        Some(other) => return Err(invalid("parameters.sortOrder", other)),
    };
    let prefix = at.prefix("changes");
    let mut changes: Vec<(String, Value)> =
        cx.world.under(&prefix).map(|(path, item)| (path.clone(), with_status(cx, item))).collect();
    if newest_first {
        let count = changes.len();
        changes.reverse();
        // Pages go on by key, so these count the other way.
        for (index, (key, _)) in changes.iter_mut().enumerate() {
            *key = format!("{count:08}.{index:08}");
        }
    }
    Ok(listed(page(cx, request, changes)?, "changesListResponse", "changes"))
}
