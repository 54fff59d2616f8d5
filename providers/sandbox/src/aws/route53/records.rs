//! Record sets: the batch of changes, which happens as a whole or not at all, and the list.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::names::{is_within, normal, sort_key};
use super::{Node, Record, RecordTarget, Zone, answer, body, invalid, malformed, max_items, record_change};
use crate::aws::{ApiError, Cx, Request, Response, Xml};

const KINDS: [&str; 13] = ["A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NS", "PTR", "SOA", "SPF", "SRV", "TXT"];
/// The most changes in one batch.
const MAX_CHANGES: usize = 1000;

pub fn change(cx: &mut Cx<'_>, req: &Request, id: &str) -> Result<Response, ApiError> {
    let mut node = body(req, "ChangeResourceRecordSetsRequest")?;
    let mut batch = node.need("ChangeBatch").map_err(|e| malformed(&e))?;
    node.finish().map_err(|e| malformed(&e))?;
    let comment = batch.take_text("Comment");
    let mut list = batch.need("Changes").map_err(|e| malformed(&e))?;
    batch.finish().map_err(|e| malformed(&e))?;
    let changes = list.take_all("Change");
    list.finish().map_err(|e| malformed(&e))?;
    if changes.is_empty() || changes.len() > MAX_CHANGES {
        return Err(invalid(format!("A batch has 1 to {MAX_CHANGES} changes, not {}", changes.len())));
    }
    let mut zone = cx.world.global.route53.zone(id)?.clone();
    let mut faults = Vec::new();
    for mut change in changes {
        let action = change.need_text("Action").map_err(|e| malformed(&e))?;
        let record = read(change.need("ResourceRecordSet").map_err(|e| malformed(&e))?)?;
        change.finish().map_err(|e| malformed(&e))?;
        if let Err(fault) = apply(&mut zone, &action, record)? {
            faults.push(fault);
        }
    }
    if !faults.is_empty() {
        return Err(ApiError::new(400, "InvalidChangeBatch", format!("[{}]", faults.join(", "))));
    }
    cx.world.global.route53.zones.insert(id.to_owned(), zone);
    let info = record_change(cx, comment);
    Ok(answer(req, 200, |x| x.append(&info)))
}

pub fn list(cx: &mut Cx<'_>, req: &Request, id: &str) -> Result<Response, ApiError> {
    let size = max_items(cx, req, 300)?;
    let zone = cx.world.global.route53.zone(id)?;
    let (name, kind, identifier) = (req.query_value("name"), req.query_value("type"), req.query_value("identifier"));
    if (kind.is_some() && name.is_none()) || (identifier.is_some() && kind.is_none()) {
        return Err(invalid("type needs name, and identifier needs type"));
    }
    let name = match name {
        Some(name) => normal(name).ok_or_else(|| invalid(format!("{name} is not a valid domain name")))?,
        None => String::new(),
    };
    let key = |record: &Record| {
        (sort_key(&record.name), record.kind.clone(), record.set_identifier.clone().unwrap_or_default())
    };
    let mut records: Vec<&Record> = zone.records.iter().collect();
    records.sort_by_key(|record| key(record));
    if !name.is_empty() {
        let from = (sort_key(&name), kind.unwrap_or_default().to_owned(), identifier.unwrap_or_default().to_owned());
        records.retain(|record| key(record) >= from);
    }
    Ok(answer(req, 200, |x| {
        x.list("ResourceRecordSets", "ResourceRecordSet", records.iter().take(size), |x, record| write(x, record));
        x.text("IsTruncated", records.len() > size);
        if let Some(next) = records.get(size) {
            x.text("NextRecordName", &next.name);
            x.text("NextRecordType", &next.kind);
            x.opt("NextRecordIdentifier", next.set_identifier.as_ref());
        }
        x.text("MaxItems", size);
    }))
}

/// What makes two record sets the same.
fn same(a: &Record, b: &Record) -> bool {
    a.name == b.name && a.kind == b.kind && a.set_identifier == b.set_identifier
}

/// Applies one change; the inner error belongs to the batch and is collected.
fn apply(zone: &mut Zone, action: &str, record: Record) -> Result<Result<(), String>, ApiError> {
    let what = format!("[name='{}', type='{}'", record.name, record.kind);
    if !is_within(&record.name, &zone.name) {
        return Ok(Err(format!("RRSet with DNS name {} is not permitted in zone {}", record.name, zone.name)));
    }
    let held = zone.records.iter().position(|known| same(known, &record));
    match action {
        "DELETE" => {
            let Some(at) = held else {
                return Ok(Err(format!("Tried to delete resource record set {what}] but it was not found")));
            };
            if zone.records[at] != record {
                return Ok(Err(format!(
                    "Tried to delete resource record set {what}] but the values provided do not match the current values"
                )));
            }
            if zone.is_fixed(&record) {
                return Ok(Err(format!(
                    "A HostedZone must contain at least one {} record for the zone itself.",
                    record.kind
                )));
            }
            zone.records.remove(at);
        }
        "CREATE" | "UPSERT" => {
            if action == "CREATE" && held.is_some() {
                return Ok(Err(format!("Tried to create resource record set {what}] but it already exists")));
            }
            if let Some(fault) = conflict(zone, &record) {
                return Ok(Err(fault));
            }
            match held {
                Some(at) => zone.records[at] = record,
                None => zone.records.push(record),
            }
        }
        other => {
            return Err(invalid(format!("'{other}' is not an action: CREATE, DELETE or UPSERT")));
        }
    }
    Ok(Ok(()))
}

fn conflict(zone: &Zone, record: &Record) -> Option<String> {
    if record.kind == "CNAME" && record.name == zone.name {
        return Some(format!(
            "RRSet of type CNAME with DNS name {} is not permitted at apex in zone {}",
            record.name, zone.name
        ));
    }
    let others = || zone.records.iter().filter(|other| other.name == record.name && !same(other, record));
    if others().any(|other| (other.kind == "CNAME") != (record.kind == "CNAME")) {
        return Some(format!(
            "RRSet of type {} with DNS name {} is not permitted because a conflicting RRSet of another type already exists in zone {}",
            record.kind, record.name, zone.name
        ));
    }
    if others()
        .any(|other| other.kind == record.kind && other.set_identifier.is_some() != record.set_identifier.is_some())
    {
        return Some(format!(
            "RRSet with DNS name {}, type {} cannot be created as other RRSets exist with the same name and type but another routing policy",
            record.name, record.kind
        ));
    }
    None
}

fn read(mut node: Node) -> Result<Record, ApiError> {
    let asked = node.need_text("Name").map_err(|e| malformed(&e))?;
    let name = normal(&asked).ok_or_else(|| invalid(format!("{asked} is not a valid domain name")))?;
    let kind = node.need_text("Type").map_err(|e| malformed(&e))?;
    if !KINDS.contains(&kind.as_str()) {
        return Err(invalid(format!("'{kind}' is not a record type")));
    }
    let set_identifier = node.take_text("SetIdentifier");
    let weight = node
        .take_text("Weight")
        .map(|text| text.parse::<u8>().map_err(|_| invalid("Weight must be between 0 and 255")))
        .transpose()?;
    if set_identifier.is_some() != weight.is_some() {
        return Err(invalid("SetIdentifier needs a routing policy such as Weight, and the other way round"));
    }
    let ttl = node
        .take_text("TTL")
        .map(|text| {
            text.parse::<u32>()
                .ok()
                .filter(|ttl| *ttl <= 2_147_483_647)
                .ok_or_else(|| invalid("TTL must be between 0 and 2147483647"))
        })
        .transpose()?;
    let mut values = Vec::new();
    if let Some(mut list) = node.take("ResourceRecords") {
        for mut record in list.take_all("ResourceRecord") {
            values.push(record.need_text("Value").map_err(|e| malformed(&e))?);
            record.finish().map_err(|e| malformed(&e))?;
        }
        list.finish().map_err(|e| malformed(&e))?;
    }
    let alias = node.take("AliasTarget");
    node.finish().map_err(|e| malformed(&e))?;
    let target = match (alias, ttl) {
        (Some(alias), None) if values.is_empty() => read_alias(alias)?,
        (None, Some(ttl)) if !values.is_empty() => RecordTarget::Values { ttl, values },
        _ => {
            return Err(invalid("A record set has either TTL and ResourceRecords, or an AliasTarget"));
        }
    };
    check_values(&kind, &target)?;
    Ok(Record { name, kind, set_identifier, weight, target })
}

fn read_alias(mut alias: Node) -> Result<RecordTarget, ApiError> {
    let zone = alias.need_text("HostedZoneId").map_err(|e| malformed(&e))?;
    let asked = alias.need_text("DNSName").map_err(|e| malformed(&e))?;
    let evaluate = match alias.need_text("EvaluateTargetHealth").map_err(|e| malformed(&e))?.as_str() {
        "true" => true,
        "false" => false,
        other => return Err(invalid(format!("'{other}' is no boolean"))),
    };
    alias.finish().map_err(|e| malformed(&e))?;
    let name = normal(&asked).ok_or_else(|| invalid(format!("{asked} is not a valid domain name")))?;
    Ok(RecordTarget::Alias { zone, name, evaluate })
}

fn check_values(kind: &str, target: &RecordTarget) -> Result<(), ApiError> {
    let RecordTarget::Values { values, .. } = target else {
        return if matches!(kind, "NS" | "SOA") {
            Err(invalid(format!("An alias of type {kind} is not possible")))
        } else {
            Ok(())
        };
    };
    for (at, value) in values.iter().enumerate() {
        let fits = match kind {
            "A" => value.parse::<Ipv4Addr>().is_ok(),
            "AAAA" => value.parse::<Ipv6Addr>().is_ok(),
            "CNAME" | "PTR" | "NS" => normal(value).is_some(),
            "TXT" | "SPF" => value.len() >= 2 && value.starts_with('"') && value.ends_with('"'),
            "MX" => value.split(' ').count() == 2,
            "SRV" => value.split(' ').count() == 4,
            _ => !value.is_empty(),
        };
        let problem = if !fits {
            Some(format!("Invalid Resource Record: 'FATAL problem: {value} is not a valid value for type {kind}'"))
        } else if values[..at].contains(value) {
            Some("Duplicate Resource Record".to_owned())
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(ApiError::new(400, "InvalidChangeBatch", format!("[{problem}]")));
        }
    }
    if kind == "CNAME" && values.len() > 1 {
        return Err(ApiError::new(400, "InvalidChangeBatch", "[A CNAME record set has one value]"));
    }
    Ok(())
}

fn write(x: &mut Xml, record: &Record) {
    x.text("Name", &record.name);
    x.text("Type", &record.kind);
    x.opt("SetIdentifier", record.set_identifier.as_ref());
    x.opt("Weight", record.weight);
    match &record.target {
        RecordTarget::Values { ttl, values } => {
            x.text("TTL", ttl);
            x.list("ResourceRecords", "ResourceRecord", values, |x, value| {
                x.text("Value", value);
            });
        }
        RecordTarget::Alias { zone, name, evaluate } => x.nest("AliasTarget", |x| {
            x.text("HostedZoneId", zone);
            x.text("DNSName", name);
            x.text("EvaluateTargetHealth", evaluate);
        }),
    }
}
