//! Firewall rules of networks.

use ipnet::Ipv4Net;
use serde_json::{Value, json};

use super::collection::{Collection, Level, Made, Verb, check_name};
use super::path::Path;
use crate::gcp::error::ApiError;
use crate::gcp::schema::{Kind, Schema};
use crate::gcp::world::{Cx, Doc, Item, text};

const SCHEMA: Schema = &[
    ("name", Kind::Str),
    ("description", Kind::Str),
    ("network", Kind::Ref(&["networks"])),
    ("priority", Kind::Int),
    ("direction", Kind::Enum(&["EGRESS", "INGRESS"])),
    ("disabled", Kind::Bool),
    ("allowed", Kind::List(&Kind::Object(TRAFFIC))),
    ("denied", Kind::List(&Kind::Object(TRAFFIC))),
    ("sourceRanges", Kind::List(&Kind::Str)),
    ("destinationRanges", Kind::List(&Kind::Str)),
    ("sourceTags", Kind::List(&Kind::Str)),
    ("targetTags", Kind::List(&Kind::Str)),
    ("sourceServiceAccounts", Kind::List(&Kind::Str)),
    ("targetServiceAccounts", Kind::List(&Kind::Str)),
    ("logConfig", Kind::Object(LOG)),
    ("params", Kind::Unsupported),
];

const TRAFFIC: Schema = &[("IPProtocol", Kind::Str), ("ports", Kind::List(&Kind::Str))];

const LOG: Schema =
    &[("enable", Kind::Bool), ("metadata", Kind::Enum(&["EXCLUDE_ALL_METADATA", "INCLUDE_ALL_METADATA"]))];

/// Firewall rules.
pub const FIREWALLS: Collection = Collection {
    name: "firewalls",
    methods: "firewalls",
    one: "firewall",
    list: "firewallList",
    level: Level::Global,
    schema: SCHEMA,
    mutable: &[
        "description",
        "priority",
        "disabled",
        "allowed",
        "denied",
        "sourceRanges",
        "destinationRanges",
        "sourceTags",
        "targetTags",
        "sourceServiceAccounts",
        "targetServiceAccounts",
        "logConfig",
    ],
    verbs: &[Verb::Get, Verb::List, Verb::Insert, Verb::Delete, Verb::Patch, Verb::Update],
    prepare,
    ..Collection::BASE
};

/// The lists of a rule; an empty one is as if it were not there.
const LISTS: [&str; 8] = [
    "allowed",
    "denied",
    "sourceRanges",
    "destinationRanges",
    "sourceTags",
    "targetTags",
    "sourceServiceAccounts",
    "targetServiceAccounts",
];

fn texts<'a>(doc: &'a Doc, field: &str) -> Vec<&'a str> {
    doc.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn prepare(_: &mut Cx<'_>, path: &Path, doc: &mut Doc, _: Option<&Item>) -> Result<Made, ApiError> {
    for list in LISTS {
        if doc.get(list) == Some(&json!([])) {
            doc.remove(list);
        }
    }
    // The documented default of a rule that names no network.
    let usual = path.beside("networks", "default").url();
    let network = doc.entry("network").or_insert_with(|| json!(usual));
    let link = network.as_str().unwrap_or_default();
    if Path::parse(link, &path.project).is_none_or(|network| network.project != path.project) {
        let why = "A firewall rule has to be in the project of its network.";
        return Err(ApiError::invalid("resource.network", link, why));
    }
    doc.entry("direction").or_insert_with(|| json!("INGRESS"));
    doc.entry("disabled").or_insert_with(|| json!(false));
    doc.entry("logConfig").or_insert_with(|| json!({ "enable": false }));
    let priority = doc.entry("priority").or_insert_with(|| json!(1000));
    if !priority.as_i64().is_some_and(|priority| (0..=65_535).contains(&priority)) {
        return Err(ApiError::invalid("resource.priority", priority, "Must be between 0 and 65535."));
    }
    check_traffic(doc)?;
    check_sides(doc)?;
    Ok(Made::default())
}

fn check_traffic(doc: &Doc) -> Result<(), ApiError> {
    let list = match (doc.get("allowed"), doc.get("denied")) {
        (Some(list), None) | (None, Some(list)) => list,
        (None, None) => return Err(ApiError::required("resource.allowed")),
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid("resource.denied", "", "Only one of 'allowed' and 'denied' can be given."));
        }
    };
    for (index, traffic) in list.as_array().into_iter().flatten().enumerate() {
        let field = format!("resource.allowed[{index}]");
        let protocol = traffic["IPProtocol"].as_str().unwrap_or_default();
        let named = ["tcp", "udp", "icmp", "esp", "ah", "ipip", "sctp", "all"].contains(&protocol);
        if !named && protocol.parse::<u8>().is_err() {
            return Err(ApiError::invalid(&format!("{field}.IPProtocol"), protocol, "Invalid protocol."));
        }
        let ports = traffic["ports"].as_array();
        if ports.is_some() && !["tcp", "udp", "sctp"].contains(&protocol) {
            return Err(ApiError::invalid(&format!("{field}.ports"), "", "The protocol has no ports."));
        }
        for port in ports.into_iter().flatten().filter_map(Value::as_str) {
            let (from, to) = port.split_once('-').unwrap_or((port, port));
            let valid = match (from.parse::<u16>(), to.parse::<u16>()) {
                (Ok(from), Ok(to)) => from <= to,
                _ => false,
            };
            if !valid {
                return Err(ApiError::invalid(&format!("{field}.ports"), port, "Invalid port range."));
            }
        }
    }
    Ok(())
}

fn check_sides(doc: &mut Doc) -> Result<(), ApiError> {
    for field in ["sourceRanges", "destinationRanges"] {
        for range in texts(doc, field) {
            let net: Result<Ipv4Net, _> = range.parse();
            if !net.is_ok_and(|net| net.network() == net.addr()) {
                return Err(ApiError::invalid(&format!("resource.{field}"), range, "Must be a valid CIDR range."));
            }
        }
    }
    for field in ["sourceTags", "targetTags"] {
        texts(doc, field).into_iter().try_for_each(|tag| check_name(&format!("resource.{field}"), tag))?;
    }
    for field in ["sourceServiceAccounts", "targetServiceAccounts"] {
        let list = texts(doc, field);
        if list.len() > 10 {
            return Err(ApiError::invalid(&format!("resource.{field}"), list.len(), "At most 10 are allowed."));
        }
        if let Some(account) = list.iter().find(|account| !account.contains('@')) {
            return Err(ApiError::invalid(&format!("resource.{field}"), account, "Must be an e-mail address."));
        }
    }
    let has = |field: &str| doc.contains_key(field);
    let accounts = has("sourceServiceAccounts") || has("targetServiceAccounts");
    if accounts && (has("sourceTags") || has("targetTags")) {
        let why = "Tags cannot be used together with service accounts.";
        return Err(ApiError::invalid("resource.sourceServiceAccounts", "", why));
    }
    let ingress = text(doc, "direction") == "INGRESS";
    let sources = ["sourceRanges", "sourceTags", "sourceServiceAccounts"];
    if !ingress && let Some(field) = sources[1..].iter().find(|field| has(field)) {
        return Err(ApiError::invalid(&format!("resource.{field}"), "", "An egress rule cannot have it."));
    }
    if ingress && !sources.into_iter().any(has) && !has("destinationRanges") {
        doc.insert("sourceRanges".to_owned(), json!(["0.0.0.0/0"]));
    } else if !ingress && !has("destinationRanges") {
        doc.insert("destinationRanges".to_owned(), json!(["0.0.0.0/0"]));
    }
    Ok(())
}
