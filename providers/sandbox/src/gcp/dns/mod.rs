//! Cloud DNS v1: managed zones, their records, and the changes of these.
//!
//! A change of records is made at once and as a whole; what takes time is that name servers learn of it.

mod change;
mod operation;
mod record;
#[cfg(test)]
mod tests;
mod zone;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::compute::{is_project, number_of};
use super::error::ApiError;
use super::page::{Page, cut};
use super::request::{Request, json_response};
use super::world::{Cx, Doc, Item};
use crate::front::Target;

/// The most things on a page.
const LARGEST: u64 = 1_000;

/// How many records a change may add, and how many it may take away.
const MOST_IN_CHANGE: usize = 1_000;

/// What a request is about. What the method is not about is empty.
#[derive(Debug, Default)]
struct At {
    project: String,
    zone: String,
    /// The record's name, or the id of a change or operation.
    name: String,
    /// The record's type.
    kind: String,
}

impl At {
    /// Where the zone is kept.
    fn zone_path(&self) -> String {
        format!("zones/{}/{}", self.project, self.zone)
    }

    /// Where the zone's records, changes and operations begin.
    fn prefix(&self, collection: &str) -> String {
        format!("dns/{}/{}/{collection}/", self.project, self.zone)
    }

    fn record_path(&self) -> String {
        format!("{}{}/{}", self.prefix("rrsets"), self.name, self.kind)
    }
}

type Run = fn(&mut Cx<'_>, &At, &Request) -> Result<Value, ApiError>;

fn call(request: &Request) -> Option<(&'static str, Run, At)> {
    let parts = request.parts();
    let ["dns", "v1", "projects", project, rest @ ..] = parts.as_slice() else { return None };
    let (method, run): (&'static str, Run) = match (request.method.as_str(), rest) {
        ("GET", []) => ("projects.get", project_get),
        ("GET", ["managedZones"]) => ("managedZones.list", zone::list),
        ("POST", ["managedZones"]) => ("managedZones.create", zone::create),
        ("GET", ["managedZones", _]) => ("managedZones.get", zone::get),
        ("PATCH", ["managedZones", _]) => ("managedZones.patch", zone::patch),
        ("PUT", ["managedZones", _]) => ("managedZones.update", zone::update),
        ("DELETE", ["managedZones", _]) => ("managedZones.delete", zone::delete),
        ("GET", ["managedZones", _, "rrsets"]) => ("resourceRecordSets.list", record::list),
        ("POST", ["managedZones", _, "rrsets"]) => ("resourceRecordSets.create", record::create),
        ("GET", ["managedZones", _, "rrsets", _, _]) => ("resourceRecordSets.get", record::get),
        ("PATCH", ["managedZones", _, "rrsets", _, _]) => ("resourceRecordSets.patch", record::patch),
        ("DELETE", ["managedZones", _, "rrsets", _, _]) => ("resourceRecordSets.delete", record::delete),
        ("GET", ["managedZones", _, "changes"]) => ("changes.list", change::list),
        ("POST", ["managedZones", _, "changes"]) => ("changes.create", change::create),
        ("GET", ["managedZones", _, "changes", _]) => ("changes.get", change::get),
        ("GET", ["managedZones", _, "operations"]) => ("managedZoneOperations.list", operation::list),
        ("GET", ["managedZones", _, "operations", _]) => ("managedZoneOperations.get", operation::get),
        _ => return None,
    };
    let text = |index: usize| rest.get(index).copied().unwrap_or_default().to_owned();
    // Names are the same in any case.
    let name = text(3).to_ascii_lowercase();
    Some((method, run, At { project: (*project).to_owned(), zone: text(1), name, kind: text(4) }))
}

/// What a request asks for, if it is for this service and for a method that the sandbox has.
pub fn target(request: &Request) -> Option<Target> {
    let (method, ..) = call(request)?;
    Some(Target { service: "dns".to_owned(), operation: method.to_owned(), region: String::new() })
}

/// Handles a request.
pub fn handle(cx: &mut Cx<'_>, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    let (method, run, at) = call(request).ok_or_else(|| ApiError::no_method(&request.method, &request.path))?;
    if !is_project(&at.project) {
        return Err(ApiError::new(403, "forbidden", "Forbidden"));
    }
    if !at.zone.is_empty() && cx.world.get(&at.zone_path()).is_none() {
        return Err(missing("parameters.managedZone", &at.zone));
    }
    let answer = run(cx, &at, request)?;
    let mut response = json_response(if method == "managedZones.delete" { 204 } else { 200 }, &answer);
    if method == "managedZones.delete" {
        *response.body_mut() = Bytes::new();
    }
    Ok(response)
}

/// The zones that exist, and their records, but for the two that every zone has.
pub fn inventory(cx: &Cx<'_>) -> BTreeMap<String, Vec<String>> {
    let (mut zones, mut records) = (Vec::new(), Vec::new());
    for (path, zone) in cx.world.under("zones/") {
        let prefix = format!("dns/{}/rrsets/", path.strip_prefix("zones/").unwrap_or_default());
        let own = cx.world.under(&prefix).filter(|(_, item)| !record::of_the_zone(item, zone.text("dnsName")));
        records.extend(own.map(|(path, _)| path.clone()));
        zones.push(path.clone());
    }
    BTreeMap::from([("dns/managedZone".to_owned(), zones), ("dns/resourceRecordSet".to_owned(), records)])
}

fn missing(what: &str, name: &str) -> ApiError {
    ApiError::new(404, "notFound", format!("The '{what}' resource named '{name}' does not exist."))
}

fn exists(what: &str, name: &str) -> ApiError {
    ApiError::new(409, "alreadyExists", format!("The resource '{what}' named '{name}' already exists"))
}

fn invalid(what: &str, value: &str) -> ApiError {
    ApiError::new(400, "invalid", format!("Invalid value for '{what}': '{value}'"))
}

fn required(what: &str) -> ApiError {
    ApiError::new(400, "required", format!("The '{what}' parameter is required but was missing."))
}

/// The page of a list that a request asks for. More than the most is as much as the most.
fn page(cx: &Cx<'_>, request: &Request, all: impl IntoIterator<Item = (String, Value)>) -> Result<Page, ApiError> {
    let asked = request.number("maxResults")?.unwrap_or(LARGEST);
    if asked == 0 {
        return Err(invalid("parameters.maxResults", "0"));
    }
    cut(cx, all, usize::try_from(asked.min(LARGEST)).unwrap_or(usize::MAX), request.text("pageToken"))
}

/// The answer of a list. An empty one is sent, too.
fn listed(page: Page, kind: &str, field: &str) -> Value {
    let mut answer = Doc::new();
    answer.insert("kind".to_owned(), json!(format!("dns#{kind}")));
    answer.insert(field.to_owned(), page.items.into_iter().map(|(_, value)| value).collect());
    answer.extend(page.next.map(|next| ("nextPageToken".to_owned(), json!(next))));
    Value::Object(answer)
}

/// The number of the next change or operation of a zone, and where it is kept.
fn next_number(cx: &Cx<'_>, prefix: &str) -> (String, String) {
    let last = cx.world.under(prefix).last().and_then(|(path, _)| path.strip_prefix(prefix)?.parse::<u64>().ok());
    let number = last.map_or(0, |last| last + 1);
    (number.to_string(), format!("{prefix}{number:020}"))
}

/// What was begun under a number.
fn numbered<'a>(cx: &'a Cx<'_>, prefix: &str, number: &str) -> Option<&'a Item> {
    let number: u64 = number.parse().ok()?;
    cx.world.get(&format!("{prefix}{number:020}")).map(|item| &**item)
}

/// What was begun, with its status by now.
fn with_status(cx: &Cx<'_>, item: &Item) -> Value {
    let begun = item.hidden.get("begun").and_then(Value::as_u64).unwrap_or_default();
    let mut doc = item.doc.clone();
    let status = if begun + cx.pace.dns_change <= cx.now { "done" } else { "pending" };
    doc.insert("status".to_owned(), json!(status));
    Value::Object(doc)
}

/// `projects.get`.
fn project_get(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&["clientOperationId"])?;
    Ok(json!({
        "kind": "dns#project",
        "number": number_of(&at.project),
        "id": at.project,
        "quota": {
            "kind": "dns#quota",
            "managedZones": 10_000,
            "managedZonesPerNetwork": 10_000,
            "networksPerManagedZone": cx.quotas.vpcs,
            "resourceRecordsPerRrset": 100,
            "rrsetAdditionsPerChange": MOST_IN_CHANGE,
            "rrsetDeletionsPerChange": MOST_IN_CHANGE,
            "rrsetsPerManagedZone": 10_000,
            "totalRrdataSizePerChange": 100_000,
        },
    }))
}
