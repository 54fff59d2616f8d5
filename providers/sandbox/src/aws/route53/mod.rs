//! Route 53, 2013-04-01: public and private hosted zones, record sets, changes, tags.
//!
//! Route 53 is global and speaks REST with XML. A private zone does not keep its VPCs alive, as in the real service.

mod names;
mod records;
mod tags;
#[cfg(test)]
mod tests;
mod zones;

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};

use super::s3::tree::{Node, TreeError};
use crate::aws::{ApiError, Cx, Millis, Request, Response, Xml, timestamp};

/// How long a change can be asked for: clients poll for seconds.
const CHANGE_KEPT: Millis = 3_600_000;

/// Everything that Route 53 knows.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Route53 {
    zones: BTreeMap<String, Zone>,
    changes: BTreeMap<String, Change>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Zone {
    id: String,
    /// Lower case, with the final dot.
    name: String,
    caller_reference: String,
    comment: Option<String>,
    private: bool,
    /// Region and id of each VPC.
    vpcs: Vec<(String, String)>,
    records: Vec<Record>,
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    name: String,
    kind: String,
    set_identifier: Option<String>,
    weight: Option<u8>,
    target: RecordTarget,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum RecordTarget {
    Values { ttl: u32, values: Vec<String> },
    Alias { zone: String, name: String, evaluate: bool },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Change {
    submitted: Millis,
    in_sync: Millis,
    comment: Option<String>,
}

impl Route53 {
    /// Everything that exists, by kind: the zones, and the records that were added to them.
    pub fn inventory(&self) -> BTreeMap<String, Vec<String>> {
        let records = self.zones.values().flat_map(|zone| {
            let own = zone.records.iter().filter(|record| !zone.is_fixed(record));
            own.map(|record| format!("{}/{}/{}", zone.id, record.name, record.kind))
        });
        let mut all = BTreeMap::new();
        all.insert("route53/record-set".to_owned(), records.collect());
        all.insert("route53/hosted-zone".to_owned(), self.zones.keys().cloned().collect());
        all
    }

    fn zone(&self, id: &str) -> Result<&Zone, ApiError> {
        self.zones.get(id).ok_or_else(|| no_zone(id))
    }

    fn zone_mut(&mut self, id: &str) -> Result<&mut Zone, ApiError> {
        self.zones.get_mut(id).ok_or_else(|| no_zone(id))
    }
}

impl Zone {
    /// The name servers and the start of authority, which come and go with the zone.
    fn is_fixed(&self, record: &Record) -> bool {
        record.name == self.name && (record.kind == "NS" || record.kind == "SOA")
    }
}

/// The operation behind method and path; empty if there is none.
pub fn operation(request: &Request) -> String {
    let path = segments(request);
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    let known = match (&request.method, parts.as_slice()) {
        (&Method::POST, ["hostedzone"]) => "CreateHostedZone",
        (&Method::GET, ["hostedzone"]) => "ListHostedZones",
        (&Method::GET, ["hostedzonesbyname"]) => "ListHostedZonesByName",
        (&Method::GET, ["hostedzonesbyvpc"]) => "ListHostedZonesByVPC",
        (&Method::GET, ["hostedzone", _]) => "GetHostedZone",
        (&Method::POST, ["hostedzone", _]) => "UpdateHostedZoneComment",
        (&Method::DELETE, ["hostedzone", _]) => "DeleteHostedZone",
        (&Method::POST, ["hostedzone", _, "associatevpc"]) => "AssociateVPCWithHostedZone",
        (&Method::POST, ["hostedzone", _, "disassociatevpc"]) => "DisassociateVPCFromHostedZone",
        (&Method::POST, ["hostedzone", _, "rrset"]) => "ChangeResourceRecordSets",
        (&Method::GET, ["hostedzone", _, "rrset"]) => "ListResourceRecordSets",
        (&Method::GET, ["change", _]) => "GetChange",
        (&Method::POST, ["tags", _, _]) => "ChangeTagsForResource",
        (&Method::GET, ["tags", _, _]) => "ListTagsForResource",
        (&Method::POST, ["tags", _]) => "ListTagsForResources",
        _ => "",
    };
    known.to_owned()
}

/// Answers one request.
pub fn handle(cx: &mut Cx<'_>, req: &Request) -> Result<Response, ApiError> {
    let path = segments(req);
    let id = path.get(1).map_or("", String::as_str);
    let last = path.get(2).map_or("", String::as_str);
    check_query(req)?;
    match req.operation.as_str() {
        "CreateHostedZone" => zones::create(cx, req),
        "ListHostedZones" => zones::list(cx, req),
        "ListHostedZonesByName" => zones::list_by_name(cx, req),
        "ListHostedZonesByVPC" => zones::list_by_vpc(cx, req),
        "GetHostedZone" => zones::get(cx, req, id),
        "UpdateHostedZoneComment" => zones::update_comment(cx, req, id),
        "DeleteHostedZone" => zones::delete(cx, req, id),
        "AssociateVPCWithHostedZone" => zones::associate(cx, req, id),
        "DisassociateVPCFromHostedZone" => zones::disassociate(cx, req, id),
        "ChangeResourceRecordSets" => records::change(cx, req, id),
        "ListResourceRecordSets" => records::list(cx, req, id),
        "GetChange" => get_change(cx, req, id),
        "ChangeTagsForResource" => tags::change(cx, req, id, last),
        "ListTagsForResource" => tags::list(cx, req, id, last),
        "ListTagsForResources" => tags::list_many(cx, req, id),
        _ => {
            Err(ApiError::new(404, "UnknownOperationException", format!("{} {} is no operation", req.method, req.path)))
        }
    }
}

fn get_change(cx: &mut Cx<'_>, req: &Request, id: &str) -> Result<Response, ApiError> {
    let change = cx.world.global.route53.changes.get(id).ok_or_else(|| {
        ApiError::new(404, "NoSuchChange", format!("A change with the specified change ID {id} does not exist."))
    })?;
    Ok(answer(req, 200, |x| write_change(x, cx.now, id, change)))
}

/// The path below the version, percent-decoded.
fn segments(request: &Request) -> Vec<String> {
    let below = request.path.strip_prefix("/2013-04-01/").unwrap_or_default();
    let decoded = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
    below.split('/').filter(|part| !part.is_empty()).map(decoded).collect()
}

/// Refuses query keys that the operation does not know.
fn check_query(req: &Request) -> Result<(), ApiError> {
    let known: &[&str] = match req.operation.as_str() {
        "ListHostedZones" => &["marker", "maxitems"],
        "ListHostedZonesByName" => &["dnsname", "hostedzoneid", "maxitems"],
        "ListHostedZonesByVPC" => &["vpcid", "vpcregion", "maxitems", "nexttoken"],
        "ListResourceRecordSets" => &["name", "type", "identifier", "maxitems"],
        _ => &[],
    };
    match req.query.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        Some((key, _)) => Err(invalid(format!("The query parameter {key} is not recognized"))),
        None => Ok(()),
    }
}

/// The body, whose root must have that name.
fn body(req: &Request, root: &'static str) -> Result<Node, ApiError> {
    Node::parse(&req.body, root).map_err(|error| malformed(&error))
}

fn malformed(error: &TreeError) -> ApiError {
    invalid(format!("The XML body does not fit the schema: {error}"))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidInput", message)
}

fn no_zone(id: &str) -> ApiError {
    ApiError::new(404, "NoSuchHostedZone", format!("No hosted zone found with ID: {id}"))
}

fn answer(req: &Request, status: u16, inside: impl FnOnce(&mut Xml)) -> Response {
    Response::rest_xml(status, &format!("{}Response", req.operation), req.namespace(), inside)
}

/// Notes a change and writes its description.
fn record_change(cx: &mut Cx<'_>, comment: Option<String>) -> Xml {
    let id = format!("C0{}", cx.ids.upper(18));
    let change = Change { submitted: cx.now, in_sync: cx.now + cx.pace.dns_change, comment };
    let mut x = Xml::new();
    write_change(&mut x, cx.now, &id, &change);
    let now = cx.now;
    let changes = &mut cx.world.global.route53.changes;
    changes.retain(|_, change| change.submitted + CHANGE_KEPT > now);
    changes.insert(id, change);
    cx.dirty_global();
    x
}

fn write_change(x: &mut Xml, now: Millis, id: &str, change: &Change) {
    x.nest("ChangeInfo", |x| {
        x.text("Id", format!("/change/{id}"));
        x.text("Status", if now < change.in_sync { "PENDING" } else { "INSYNC" });
        x.text("SubmittedAt", timestamp(change.submitted));
        x.opt("Comment", change.comment.as_ref());
    });
}

/// `maxitems`, as asked and as granted: at most `usual`.
fn max_items(cx: &Cx<'_>, req: &Request, usual: usize) -> Result<usize, ApiError> {
    let asked = match req.query_value("maxitems") {
        None => usual,
        Some(text) => text
            .parse::<usize>()
            .ok()
            .filter(|n| *n > 0)
            .ok_or_else(|| invalid(format!("'{text}' is not a valid value for maxitems")))?,
    };
    Ok(asked.min(usual).min(cx.page_limit.unwrap_or(usize::MAX)))
}
