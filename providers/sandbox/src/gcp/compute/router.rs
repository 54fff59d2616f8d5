//! Cloud Routers, with their NAT.

use serde_json::{Value, json};

use super::collection::{Collection, Made, Verb, check_name};
use super::path::Path;
use super::{address, subnetwork};
use crate::gcp::error::ApiError;
use crate::gcp::schema::{Kind, Schema};
use crate::gcp::world::{Cx, Doc, Item};

const SCHEMA: Schema = &[
    ("name", Kind::Str),
    ("description", Kind::Str),
    ("network", Kind::Ref(&["networks"])),
    ("nats", Kind::List(&Kind::Object(NAT))),
    ("bgp", Kind::Object(BGP)),
    ("encryptedInterconnectRouter", Kind::Bool),
    ("bgpPeers", Kind::Unsupported),
    ("interfaces", Kind::Unsupported),
    ("md5AuthenticationKeys", Kind::Unsupported),
    ("nccGateway", Kind::Unsupported),
    ("params", Kind::Unsupported),
];

const BGP: Schema = &[
    ("asn", Kind::Int),
    ("advertiseMode", Kind::Enum(&["CUSTOM", "DEFAULT"])),
    ("advertisedGroups", Kind::List(&Kind::Enum(&["ALL_SUBNETS"]))),
    ("keepaliveInterval", Kind::Int),
];

const NAT: Schema = &[
    ("name", Kind::Str),
    ("type", Kind::Enum(&["PRIVATE", "PUBLIC"])),
    ("natIpAllocateOption", Kind::Enum(&["AUTO_ONLY", "MANUAL_ONLY"])),
    ("natIps", Kind::List(&Kind::Ref(&["addresses"]))),
    ("drainNatIps", Kind::List(&Kind::Ref(&["addresses"]))),
    (
        "sourceSubnetworkIpRangesToNat",
        Kind::Enum(&["ALL_SUBNETWORKS_ALL_IP_RANGES", "ALL_SUBNETWORKS_ALL_PRIMARY_IP_RANGES", "LIST_OF_SUBNETWORKS"]),
    ),
    ("subnetworks", Kind::List(&Kind::Object(NAT_SUBNETWORK))),
    ("autoNetworkTier", Kind::Enum(&["PREMIUM", "STANDARD"])),
    ("enableDynamicPortAllocation", Kind::Bool),
    ("enableEndpointIndependentMapping", Kind::Bool),
    (
        "endpointTypes",
        Kind::List(&Kind::Enum(&["ENDPOINT_TYPE_VM", "ENDPOINT_TYPE_SWG", "ENDPOINT_TYPE_MANAGED_PROXY_LB"])),
    ),
    ("minPortsPerVm", Kind::Int),
    ("maxPortsPerVm", Kind::Int),
    ("icmpIdleTimeoutSec", Kind::Int),
    ("tcpEstablishedIdleTimeoutSec", Kind::Int),
    ("tcpTimeWaitTimeoutSec", Kind::Int),
    ("tcpTransitoryIdleTimeoutSec", Kind::Int),
    ("udpIdleTimeoutSec", Kind::Int),
    ("logConfig", Kind::Object(LOG)),
    ("rules", Kind::Unsupported),
    ("nat64Subnetworks", Kind::Unsupported),
    ("sourceSubnetworkIpRangesToNat64", Kind::Unsupported),
    ("effectiveTcpTimeWaitTimeoutSec", Kind::Output),
];

const NAT_SUBNETWORK: Schema = &[
    ("name", Kind::Ref(&["subnetworks"])),
    (
        "sourceIpRangesToNat",
        Kind::List(&Kind::Enum(&["ALL_IP_RANGES", "LIST_OF_SECONDARY_IP_RANGES", "PRIMARY_IP_RANGE"])),
    ),
    ("secondaryIpRangeNames", Kind::List(&Kind::Str)),
];

const LOG: Schema = &[("enable", Kind::Bool), ("filter", Kind::Enum(&["ALL", "ERRORS_ONLY", "TRANSLATIONS_ONLY"]))];

/// Routers.
pub const ROUTERS: Collection = Collection {
    name: "routers",
    methods: "routers",
    one: "router",
    list: "routerList",
    aggregated: "routerAggregatedList",
    schema: SCHEMA,
    required: &["network"],
    mutable: &["description", "nats", "bgp"],
    verbs: &[Verb::Get, Verb::List, Verb::Aggregated, Verb::Insert, Verb::Delete, Verb::Patch, Verb::Update],
    takes: |pace| pace.nat_pending,
    prepare,
    ..Collection::BASE
};

fn prepare(cx: &mut Cx<'_>, path: &Path, doc: &mut Doc, _: Option<&Item>) -> Result<Made, ApiError> {
    let network = doc.get("network").cloned().unwrap_or_default();
    let prefix = format!("projects/{}/regions/{}/routers/", path.project, path.region());
    let siblings = cx.world.under(&prefix);
    let own = path.to_string();
    // Two routers may each have a NAT, but not for the same subnetworks; the sandbox allows one NAT a network.
    let others = siblings.filter(|(key, item)| **key != own && item.text("network") == network);
    let taken = others.filter(|(_, item)| item.doc.get("nats").is_some_and(|nats| nats != &json!([]))).count() > 0;
    let Some(nats) = doc.get_mut("nats").and_then(Value::as_array_mut) else { return Ok(Made::default()) };
    if nats.len() + usize::from(taken) > 1 {
        let why = "The sandbox allows one NAT for a network in a region.";
        return Err(ApiError::invalid("resource.nats", nats.len(), why));
    }
    for (index, nat) in nats.iter_mut().filter_map(Value::as_object_mut).enumerate() {
        check_nat(cx, path, &network, nat, &format!("resource.nats[{index}]"))?;
    }
    Ok(Made::default())
}

fn check_nat(cx: &Cx<'_>, path: &Path, network: &Value, nat: &mut Doc, at: &str) -> Result<(), ApiError> {
    check_name(&format!("{at}.name"), nat.get("name").and_then(Value::as_str).unwrap_or_default())?;
    for required in ["natIpAllocateOption", "sourceSubnetworkIpRangesToNat"] {
        if !nat.contains_key(required) {
            return Err(ApiError::required(&format!("{at}.{required}")));
        }
    }
    let links = |field: &str| -> Vec<String> {
        nat.get(field)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let (ips, manual) = (links("natIps"), nat["natIpAllocateOption"] == "MANUAL_ONLY");
    if manual == ips.is_empty() {
        let why = "Addresses go with MANUAL_ONLY, and only with it.";
        return Err(ApiError::invalid(&format!("{at}.natIps"), ips.len(), why));
    }
    for link in &ips {
        let found = Path::of_url(link).and_then(|path| Some((cx.world.get(&path.to_string())?.clone(), path)));
        let Some((item, ip)) = found else { return Err(ApiError::not_found(link)) };
        if ip.region() != path.region() || item.text("addressType") != "EXTERNAL" {
            return Err(ApiError::invalid(&format!("{at}.natIps"), link, "Must be an external address of the region."));
        }
        if let Some(user) = address::users(cx, &ip, &item).into_iter().find(|user| *user != path.url()) {
            return Err(ApiError::in_use("address", ip, user));
        }
    }
    let listed = nat["sourceSubnetworkIpRangesToNat"] == "LIST_OF_SUBNETWORKS";
    let subnetworks = nat.get("subnetworks").and_then(Value::as_array).cloned().unwrap_or_default();
    if listed == subnetworks.is_empty() {
        let why = "Subnetworks go with LIST_OF_SUBNETWORKS, and only with it.";
        return Err(ApiError::invalid(&format!("{at}.subnetworks"), subnetworks.len(), why));
    }
    for subnetwork in &subnetworks {
        let link = subnetwork["name"].as_str().unwrap_or_default();
        let of_network =
            |(key, _): (&String, _)| super::path::url(key) == link && key.contains(&format!("/{}/", path.region()));
        if !subnetwork::of_network(cx, network.as_str().unwrap_or_default()).any(of_network) {
            let why = "Must be a subnetwork of the router's network and region.";
            return Err(ApiError::invalid(&format!("{at}.subnetworks"), link, why));
        }
        if subnetwork["sourceIpRangesToNat"].as_array().is_none_or(Vec::is_empty) {
            return Err(ApiError::required(&format!("{at}.subnetworks.sourceIpRangesToNat")));
        }
    }
    for (field, value) in [
        ("type", json!("PUBLIC")),
        ("enableEndpointIndependentMapping", json!(false)),
        ("enableDynamicPortAllocation", json!(false)),
        ("endpointTypes", json!(["ENDPOINT_TYPE_VM"])),
        ("autoNetworkTier", json!("PREMIUM")),
    ] {
        nat.entry(field).or_insert(value);
    }
    Ok(())
}
