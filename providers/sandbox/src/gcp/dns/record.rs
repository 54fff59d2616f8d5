//! Record sets: all records of one name and type.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};

use super::{At, change, invalid, listed, missing, page, required};
use crate::gcp::error::ApiError;
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Kind, Nulls, Schema};
use crate::gcp::world::{Cx, Doc, Item, text};

/// How long the records that every zone has are kept by those who asked, in seconds.
const TTL: i64 = 21_600;

/// The fields of a record set.
pub const RECORD: Schema = &[
    ("name", Kind::Str),
    ("type", Kind::Str),
    ("ttl", Kind::Int),
    ("rrdatas", Kind::List(&Kind::Str)),
    ("signatureRrdatas", Kind::List(&Kind::Str)),
    ("routingPolicy", Kind::Unsupported),
    ("kind", Kind::Output),
];

/// The types that the sandbox has.
const TYPES: [&str; 9] = ["A", "AAAA", "CAA", "CNAME", "MX", "NS", "SOA", "SRV", "TXT"];

/// Whether a text is a whole domain name: labels, each followed by a dot.
pub fn is_domain(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_*".contains(&b))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 254 && name.strip_suffix('.').is_some_and(|labels| labels.split('.').all(label))
}

/// The records that every zone has.
pub fn first(dns_name: &str, servers: &[String]) -> Vec<Doc> {
    let main = servers.first().map(String::as_str).unwrap_or_default();
    let soa = format!("{main} cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300");
    let record = |kind: &str, data: Value| {
        Doc::from_iter([
            ("name".to_owned(), json!(dns_name)),
            ("type".to_owned(), json!(kind)),
            ("ttl".to_owned(), json!(TTL)),
            ("rrdatas".to_owned(), data),
        ])
    };
    vec![record("NS", json!(servers)), record("SOA", json!([soa]))]
}

/// Whether a record is one of those that every zone has.
pub fn of_the_zone(item: &Item, dns_name: &str) -> bool {
    item.text("name") == dns_name && ["NS", "SOA"].contains(&item.text("type"))
}

/// Refuses a record that cannot be in the zone, and puts it into the form in which it is kept.
pub fn check(doc: &mut Doc, dns_name: &str, at: &str) -> Result<(), ApiError> {
    for field in ["name", "type", "ttl", "rrdatas"] {
        if !doc.contains_key(field) {
            return Err(required(&format!("{at}.{field}")));
        }
    }
    let name = text(doc, "name").to_ascii_lowercase();
    let below = name.strip_suffix(dns_name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    if !is_domain(&name) || !below {
        return Err(invalid(&format!("{at}.name"), &name));
    }
    let kind = text(doc, "type").to_owned();
    if !TYPES.contains(&kind.as_str()) {
        return Err(invalid(&format!("{at}.type"), &kind));
    }
    if doc["ttl"].as_i64().is_none_or(|ttl| ttl < 0) {
        return Err(invalid(&format!("{at}.ttl"), &doc["ttl"].to_string()));
    }
    let data: Vec<String> =
        doc["rrdatas"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    if data.is_empty() {
        return Err(required(&format!("{at}.rrdatas")));
    }
    for (index, value) in data.iter().enumerate() {
        let good = match kind.as_str() {
            "A" => value.parse::<Ipv4Addr>().is_ok(),
            "AAAA" => value.parse::<Ipv6Addr>().is_ok(),
            "CNAME" | "NS" => is_domain(&value.to_ascii_lowercase()),
            _ => !value.is_empty(),
        };
        if !good || data[..index].contains(value) {
            return Err(invalid(&format!("{at}.rrdatas[{index}]"), value));
        }
    }
    if ["CNAME", "SOA"].contains(&kind.as_str()) && (data.len() > 1 || (kind == "CNAME" && name == dns_name)) {
        return Err(invalid(&format!("{at}.rrdatas"), &data.join(" ")));
    }
    doc.insert("name".to_owned(), json!(name));
    doc.insert("kind".to_owned(), json!("dns#resourceRecordSet"));
    doc.insert("signatureRrdatas".to_owned(), json!([]));
    Ok(())
}

/// The record that a request names.
fn find(cx: &Cx<'_>, at: &At) -> Result<Doc, ApiError> {
    let found = cx.world.get(&at.record_path()).map(|item| item.doc.clone());
    found.ok_or_else(|| missing("parameters.name", &format!("{} ({})", at.name, at.kind)))
}

/// `resourceRecordSets.get`.
pub fn get(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&["clientOperationId"])?;
    find(cx, at).map(Value::Object)
}

/// `resourceRecordSets.list`.
pub fn list(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&["maxResults", "name", "pageToken", "type"])?;
    let (name, kind) = (request.text("name"), request.text("type"));
    if kind.is_some() && name.is_none() {
        return Err(required("parameters.name"));
    }
    let prefix = at.prefix("rrsets");
    let records = cx
        .world
        .under(&prefix)
        .filter(|(_, item)| name.is_none_or(|name| item.text("name").eq_ignore_ascii_case(name)))
        .filter(|(_, item)| kind.is_none_or(|kind| item.text("type") == kind))
        .map(|(path, item)| (path.clone(), Value::Object(item.doc.clone())));
    Ok(listed(page(cx, request, records)?, "resourceRecordSetsListResponse", "rrsets"))
}

/// `resourceRecordSets.create`.
pub fn create(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&["clientOperationId"])?;
    let doc = schema::read(RECORD, request.json()?, "", Nulls::Drop)?;
    let mut made = change::apply(cx, at, vec![doc], Vec::new())?;
    Ok(made.pop().map(Value::Object).unwrap_or_default())
}

/// `resourceRecordSets.patch`.
pub fn patch(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&["clientOperationId"])?;
    let body = schema::read(RECORD, request.json()?, "", Nulls::Drop)?;
    let old = find(cx, at)?;
    let mut next = old.clone();
    schema::merge(&mut next, body);
    for field in ["name", "type"] {
        if !text(&next, field).eq_ignore_ascii_case(text(&old, field)) {
            return Err(invalid(&format!("entity.resourceRecordSet.{field}"), text(&next, field)));
        }
    }
    let mut made = change::apply(cx, at, vec![next], vec![old])?;
    Ok(made.pop().map(Value::Object).unwrap_or_default())
}

/// `resourceRecordSets.delete`.
pub fn delete(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&["clientOperationId"])?;
    request.check_no_body()?;
    let old = find(cx, at)?;
    change::apply(cx, at, Vec::new(), vec![old])?;
    Ok(json!({}))
}
