//! Subnetworks.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;
use serde_json::{Value, json};

use super::collection::{Action, Collection, Made, Verb, change, check_name, get};
use super::path::Path;
use crate::gcp::error::ApiError;
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Kind, Nulls, Schema};
use crate::gcp::world::{Cx, Doc, Item, text};

const SCHEMA: Schema = &[
    ("name", Kind::Str),
    ("description", Kind::Str),
    ("network", Kind::Ref(&["networks"])),
    ("ipCidrRange", Kind::Str),
    ("secondaryIpRanges", Kind::List(&Kind::Object(SECONDARY))),
    ("privateIpGoogleAccess", Kind::Bool),
    ("privateIpv6GoogleAccess", Kind::Enum(&["DISABLE_GOOGLE_ACCESS"])),
    ("purpose", Kind::Enum(&["PRIVATE", "REGIONAL_MANAGED_PROXY", "PRIVATE_SERVICE_CONNECT", "PRIVATE_NAT"])),
    ("role", Kind::Enum(&["ACTIVE", "BACKUP"])),
    ("stackType", Kind::Enum(&["IPV4_ONLY"])),
    ("enableFlowLogs", Kind::Bool),
    ("logConfig", Kind::Object(LOG)),
    ("fingerprint", Kind::Bytes),
    ("allowSubnetCidrRoutesOverlap", Kind::Unsupported),
    ("externalIpv6Prefix", Kind::Unsupported),
    ("internalIpv6Prefix", Kind::Unsupported),
    ("ipCollection", Kind::Unsupported),
    ("ipv6AccessType", Kind::Unsupported),
    ("params", Kind::Unsupported),
    ("reservedInternalRange", Kind::Unsupported),
    ("resolveSubnetMask", Kind::Unsupported),
    ("gatewayAddress", Kind::Output),
    ("ipv6CidrRange", Kind::Output),
    ("state", Kind::Output),
];

const SECONDARY: Schema = &[
    ("rangeName", Kind::Str),
    ("ipCidrRange", Kind::Str),
    ("ipVersion", Kind::Enum(&["IPV4"])),
    ("ipCollection", Kind::Unsupported),
    ("reservedInternalRange", Kind::Unsupported),
];

const LOG: Schema = &[
    ("enable", Kind::Bool),
    (
        "aggregationInterval",
        Kind::Enum(&[
            "INTERVAL_10_MIN",
            "INTERVAL_15_MIN",
            "INTERVAL_1_MIN",
            "INTERVAL_30_SEC",
            "INTERVAL_5_MIN",
            "INTERVAL_5_SEC",
        ]),
    ),
    ("flowSampling", Kind::Float),
    ("metadata", Kind::Enum(&["CUSTOM_METADATA", "EXCLUDE_ALL_METADATA", "INCLUDE_ALL_METADATA"])),
    ("metadataFields", Kind::List(&Kind::Str)),
    ("filterExpr", Kind::Str),
];

/// Subnetworks.
pub const SUBNETWORKS: Collection = Collection {
    name: "subnetworks",
    methods: "subnetworks",
    one: "subnetwork",
    list: "subnetworkList",
    aggregated: "subnetworkAggregatedList",
    schema: SCHEMA,
    required: &["network", "ipCidrRange"],
    mutable: &["secondaryIpRanges", "privateIpGoogleAccess", "logConfig", "enableFlowLogs", "role", "description"],
    fingerprint: true,
    verbs: &[Verb::Get, Verb::List, Verb::Aggregated, Verb::Insert, Verb::Delete, Verb::Patch],
    actions: &[
        Action { name: "expandIpCidrRange", query: &["requestId"], run: expand },
        Action { name: "setPrivateIpGoogleAccess", query: &["requestId"], run: set_private_access },
    ],
    quota: |quotas| Some(("SUBNETWORKS", quotas.subnets)),
    prepare,
    show,
    ..Collection::BASE
};

/// The subnetworks of a network, wherever they are.
pub fn of_network<'a>(cx: &'a Cx<'_>, network: &'a str) -> impl Iterator<Item = (&'a String, &'a Arc<Item>)> {
    cx.world
        .all()
        .filter(|(key, _)| key.contains("/subnetworks/"))
        .filter(move |(_, item)| item.text("network") == network)
}

/// Reads a range of private addresses whose prefix has a length that is allowed.
fn range(field: &str, text: &str) -> Result<Ipv4Net, ApiError> {
    let range: Ipv4Net = text.parse().map_err(|_| ApiError::invalid(field, text, "Invalid CIDR range."))?;
    if range.network() != range.addr() {
        return Err(ApiError::invalid(field, text, "Invalid network address: bits beyond the prefix are set."));
    }
    if !(4..=29).contains(&range.prefix_len()) {
        return Err(ApiError::invalid(field, text, "The prefix must be between /4 and /29."));
    }
    let ours = [
        Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8),
        Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
        Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
        Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10),
        Ipv4Net::new_assert(Ipv4Addr::new(198, 18, 0, 0), 15),
        Ipv4Net::new_assert(Ipv4Addr::new(240, 0, 0, 0), 4),
    ];
    // Docker's usual bridge; Google refuses it for subnetworks as well.
    let bridge = Ipv4Net::new_assert(Ipv4Addr::new(172, 17, 0, 0), 16);
    if !ours.iter().any(|net| net.contains(&range)) || bridge.contains(&range) {
        return Err(ApiError::invalid(field, text, "The range is not among the valid ranges for subnetworks."));
    }
    Ok(range)
}

/// All ranges of a subnetwork, the primary one first, each with the field that it stands in.
fn ranges(doc: &Doc) -> Result<Vec<(String, Ipv4Net)>, ApiError> {
    let mut all = vec![("resource.ipCidrRange".to_owned(), range("resource.ipCidrRange", text(doc, "ipCidrRange"))?)];
    for (index, secondary) in secondary(doc).iter().enumerate() {
        let field = format!("resource.secondaryIpRanges[{index}].ipCidrRange");
        let cidr = secondary.get("ipCidrRange").and_then(Value::as_str).unwrap_or_default();
        all.push((field.clone(), range(&field, cidr)?));
    }
    Ok(all)
}

fn secondary(doc: &Doc) -> &[Value] {
    doc.get("secondaryIpRanges").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Refuses ranges that overlap with each other or with those of another subnetwork of the network.
fn check_overlaps(cx: &Cx<'_>, path: &Path, doc: &Doc) -> Result<(), ApiError> {
    let own = ranges(doc)?;
    let mut taken: Vec<(String, Ipv4Net)> = Vec::new();
    let key = path.to_string();
    for (other, item) in of_network(cx, text(doc, "network")).filter(|(other, _)| **other != key) {
        taken.extend(ranges(&item.doc)?.into_iter().map(|(_, range)| (other.clone(), range)));
    }
    for (field, range) in own {
        if let Some((other, _)) = taken.iter().find(|(_, net)| net.contains(&range) || range.contains(net)) {
            let why = format!("Invalid IPCidrRange: {range} conflicts with existing subnetwork '{other}'.");
            return Err(ApiError::invalid(&field, range, &why));
        }
        taken.push((key.clone(), range));
    }
    Ok(())
}

fn prepare(cx: &mut Cx<'_>, path: &Path, doc: &mut Doc, old: Option<&Item>) -> Result<Made, ApiError> {
    for (index, range) in secondary(doc).iter().enumerate() {
        let field = format!("resource.secondaryIpRanges[{index}].rangeName");
        let name = range.get("rangeName").and_then(Value::as_str).unwrap_or_default();
        check_name(&field, name)?;
        if secondary(doc)[..index].iter().any(|other| other.get("rangeName") == range.get("rangeName")) {
            return Err(ApiError::invalid(&field, name, "The name is given twice."));
        }
    }
    check_overlaps(cx, path, doc)?;
    if let Some(old) = old {
        for gone in secondary(&old.doc).iter().filter(|range| !secondary(doc).contains(range)) {
            let name = gone.get("rangeName").and_then(Value::as_str).unwrap_or_default();
            if let Some(user) = user_of_range(cx, &path.url(), name) {
                return Err(ApiError::in_use("secondary range", name, user));
            }
        }
    }
    if doc.get("secondaryIpRanges") == Some(&json!([])) {
        doc.remove("secondaryIpRanges");
    }
    doc.entry("privateIpGoogleAccess").or_insert_with(|| json!(false));
    doc.entry("privateIpv6GoogleAccess").or_insert_with(|| json!("DISABLE_GOOGLE_ACCESS"));
    doc.entry("purpose").or_insert_with(|| json!("PRIVATE"));
    doc.entry("stackType").or_insert_with(|| json!("IPV4_ONLY"));
    doc.entry("enableFlowLogs").or_insert_with(|| json!(false));
    Ok(Made::default())
}

/// An instance with an alias range out of a secondary range.
fn user_of_range(cx: &Cx<'_>, subnetwork: &str, name: &str) -> Option<String> {
    let uses = |item: &Item| {
        item.doc.get("networkInterfaces").and_then(Value::as_array).is_some_and(|interfaces| {
            interfaces.iter().any(|interface| {
                interface["subnetwork"] == subnetwork
                    && interface["aliasIpRanges"]
                        .as_array()
                        .is_some_and(|ranges| ranges.iter().any(|range| range["subnetworkRangeName"] == name))
            })
        })
    };
    cx.world.all().find(|(_, item)| uses(item)).map(|(key, _)| key.clone())
}

fn show(_: &Cx<'_>, _: &Path, item: &Item, doc: &mut Doc) {
    if let Ok(range) = item.text("ipCidrRange").parse::<Ipv4Net>() {
        doc.insert("gatewayAddress".to_owned(), json!(gateway(range)));
    }
}

/// The router's address: the first of the range.
pub fn gateway(range: Ipv4Net) -> Ipv4Addr {
    Ipv4Addr::from_bits(range.network().to_bits() + 1)
}

/// Whether something can have an address: Google keeps the first two and the last two of a range.
pub fn usable(range: Ipv4Net, address: Ipv4Addr) -> bool {
    let (first, last) = (range.network().to_bits(), range.broadcast().to_bits());
    (first + 2..last - 1).contains(&address.to_bits())
}

const EXPANSION: Schema = &[("ipCidrRange", Kind::Str)];

/// `expandIpCidrRange`: the new range contains the old one.
fn expand(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let body = schema::read(EXPANSION, request.json()?, "", Nulls::Drop)?;
    let mut next = Item::clone(&*get(cx, path)?);
    let new = range("resource.ipCidrRange", text(&body, "ipCidrRange"))?;
    let old = range("resource.ipCidrRange", next.text("ipCidrRange"))?;
    if !new.contains(&old) || new == old {
        return Err(ApiError::invalid("resource.ipCidrRange", new, "The range must contain the present one."));
    }
    next.doc.insert("ipCidrRange".to_owned(), json!(new.to_string()));
    check_overlaps(cx, path, &next.doc)?;
    let takes = cx.pace.operation;
    change(cx, path, request, "expandIpCidrRange", next, Vec::new(), takes)
}

const ACCESS: Schema = &[("privateIpGoogleAccess", Kind::Bool)];

/// `setPrivateIpGoogleAccess`.
fn set_private_access(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let body = schema::read(ACCESS, request.json()?, "", Nulls::Drop)?;
    let mut next = Item::clone(&*get(cx, path)?);
    let access = body.get("privateIpGoogleAccess").cloned().unwrap_or(Value::Bool(false));
    next.doc.insert("privateIpGoogleAccess".to_owned(), access);
    let takes = cx.pace.operation;
    change(cx, path, request, "setPrivateIpGoogleAccess", next, Vec::new(), takes)
}
