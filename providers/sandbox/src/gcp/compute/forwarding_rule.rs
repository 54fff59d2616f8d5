//! Forwarding rules of passthrough load balancers, in a region.

use serde_json::{Value, json};

use super::collection::{Action, Collection, Made, Verb};
use super::path::Path;
use super::{address, labels};
use crate::gcp::error::ApiError;
use crate::gcp::schema::{Kind, Schema};
use crate::gcp::world::{Cx, Doc, Item, text};

const SCHEMA: Schema = &[
    ("name", Kind::Str),
    ("description", Kind::Str),
    ("IPAddress", Kind::Str),
    ("IPProtocol", Kind::Enum(&["L3_DEFAULT", "TCP", "UDP"])),
    ("allPorts", Kind::Bool),
    ("allowGlobalAccess", Kind::Bool),
    ("backendService", Kind::Ref(&["backendServices"])),
    ("ipVersion", Kind::Enum(&["IPV4"])),
    ("labels", Kind::Map(&Kind::Str)),
    ("loadBalancingScheme", Kind::Enum(&["EXTERNAL", "INTERNAL"])),
    ("network", Kind::Ref(&["networks"])),
    ("networkTier", Kind::Enum(&["PREMIUM", "STANDARD"])),
    ("portRange", Kind::Str),
    ("ports", Kind::List(&Kind::Str)),
    ("serviceLabel", Kind::Str),
    ("sourceIpRanges", Kind::List(&Kind::Str)),
    ("subnetwork", Kind::Ref(&["subnetworks"])),
    ("target", Kind::Ref(&["targetPools"])),
    ("IPAddresses", Kind::Unsupported),
    ("allowPscGlobalAccess", Kind::Unsupported),
    ("ipCollection", Kind::Unsupported),
    ("isMirroringCollector", Kind::Unsupported),
    ("metadataFilters", Kind::Unsupported),
    ("noAutomateDnsZone", Kind::Unsupported),
    ("serviceDirectoryRegistrations", Kind::Unsupported),
    ("fingerprint", Kind::Bytes),
    ("serviceName", Kind::Output),
];

/// Forwarding rules of a region.
pub const FORWARDING_RULES: Collection = Collection {
    name: "forwardingRules",
    methods: "forwardingRules",
    one: "forwardingRule",
    list: "forwardingRuleList",
    aggregated: "forwardingRuleAggregatedList",
    schema: SCHEMA,
    mutable: &["allowGlobalAccess"],
    fingerprint: true,
    verbs: &[Verb::Get, Verb::List, Verb::Aggregated, Verb::Insert, Verb::Delete, Verb::Patch],
    actions: &[Action { name: "setLabels", query: &["requestId"], run: labels::set }],
    takes: |pace| pace.load_balancer_provisioning,
    prepare,
    ..Collection::BASE
};

fn prepare(cx: &mut Cx<'_>, path: &Path, doc: &mut Doc, old: Option<&Item>) -> Result<Made, ApiError> {
    doc.entry("loadBalancingScheme").or_insert_with(|| json!("EXTERNAL"));
    let scheme = text(doc, "loadBalancingScheme").to_owned();
    if old.is_some() {
        // Of a rule that exists only this can change, and only of an internal one.
        return match doc.get("allowGlobalAccess") {
            Some(access) if scheme != "INTERNAL" => {
                Err(ApiError::invalid("resource.allowGlobalAccess", access, "Only INTERNAL ones have it."))
            }
            _ => Ok(Made::default()),
        };
    }
    doc.entry("IPProtocol").or_insert_with(|| json!("TCP"));
    if doc.contains_key("target") {
        check_target(path, doc)?;
    } else {
        check_backend(cx, path, doc)?;
    }
    check_ports(doc)?;
    let wanted = text(doc, "IPAddress").to_owned();
    // It may be the link of a reserved address as well.
    let reserved = match Path::parse(&wanted, &path.project) {
        Some(link) => Some(super::collection::ready(cx, &link)?.text("address").to_owned()),
        None => (!wanted.is_empty()).then_some(wanted),
    };
    let address = if scheme == "INTERNAL" {
        internal(cx, path, doc, reserved)?
    } else {
        if let Some(field) =
            ["subnetwork", "network", "allowGlobalAccess"].into_iter().find(|field| doc.contains_key(*field))
        {
            return Err(ApiError::invalid(&format!("resource.{field}"), &doc[field], "Only INTERNAL ones have it."));
        }
        doc.entry("networkTier").or_insert_with(|| json!("PREMIUM"));
        external(cx, path, reserved)?
    };
    doc.insert("IPAddress".to_owned(), json!(address));
    Ok(Made::default())
}

/// A rule leads to a target pool, as the older external load balancers do, or to a backend service.
fn check_target(path: &Path, doc: &Doc) -> Result<(), ApiError> {
    if doc.contains_key("backendService") {
        let why = "Exactly one of target and backendService must be given.";
        return Err(ApiError::invalid("resource.target", text(doc, "target"), why));
    }
    let pool = Path::of_url(text(doc, "target")).ok_or_else(|| ApiError::required("resource.target"))?;
    if pool.region() != path.region() {
        return Err(ApiError::invalid("resource.target", pool, "The target pool is in another region."));
    }
    if text(doc, "loadBalancingScheme") != "EXTERNAL" || doc.contains_key("ports") {
        let why = "Only external rules with a range of ports lead to a target pool.";
        return Err(ApiError::invalid("resource.target", pool, why));
    }
    Ok(())
}

fn check_backend(cx: &Cx<'_>, path: &Path, doc: &Doc) -> Result<(), ApiError> {
    let service =
        Path::of_url(text(doc, "backendService")).ok_or_else(|| ApiError::required("resource.backendService"))?;
    let backend = super::collection::get(cx, &service)?;
    if service.region() != path.region() || backend.text("loadBalancingScheme") != text(doc, "loadBalancingScheme") {
        let why = "The region or the load balancing scheme of the backend service is another.";
        return Err(ApiError::invalid("resource.backendService", service, why));
    }
    let (protocol, of_backend) = (text(doc, "IPProtocol"), backend.text("protocol"));
    if of_backend != "UNSPECIFIED" && protocol != of_backend {
        return Err(ApiError::invalid("resource.IPProtocol", protocol, "The backend service has another protocol."));
    }
    Ok(())
}

fn check_ports(doc: &mut Doc) -> Result<(), ApiError> {
    let given = ["ports", "portRange", "allPorts"].into_iter().filter(|field| doc.contains_key(*field)).count();
    if given != 1 {
        let why = "Exactly one of ports, portRange and allPorts must be given.";
        return Err(ApiError::invalid("resource.ports", given, why));
    }
    let range = |text: &str| -> Option<(u16, u16)> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first > 0 && first <= last).then_some((first, last))
    };
    if let Some(ports) = doc.get("ports").and_then(Value::as_array) {
        let wrong = ports.iter().find(|port| port.as_str().and_then(range).is_none());
        if ports.len() > 5 || ports.is_empty() || wrong.is_some() {
            return Err(ApiError::invalid("resource.ports", &doc["ports"], "One to five ports must be given."));
        }
        // For external rules the service shows the range that the ports span as well.
        if text(doc, "loadBalancingScheme") == "EXTERNAL" {
            let spans: Vec<(u16, u16)> = ports.iter().filter_map(|port| range(port.as_str()?)).collect();
            let (first, last) = (spans.iter().map(|span| span.0).min(), spans.iter().map(|span| span.1).max());
            let text = format!("{}-{}", first.unwrap_or_default(), last.unwrap_or_default());
            doc.insert("portRange".to_owned(), json!(text));
        }
    } else if let Some(text) = doc.get("portRange").and_then(Value::as_str) {
        let (first, last) =
            range(text).ok_or_else(|| ApiError::invalid("resource.portRange", text, "Invalid range."))?;
        if crate::gcp::world::text(doc, "loadBalancingScheme") == "INTERNAL" {
            return Err(ApiError::invalid("resource.portRange", text, "Internal rules have ports instead."));
        }
        doc.insert("portRange".to_owned(), json!(format!("{first}-{last}")));
    }
    Ok(())
}

fn internal(cx: &Cx<'_>, path: &Path, doc: &mut Doc, wanted: Option<String>) -> Result<String, ApiError> {
    let link = text(doc, "subnetwork").to_owned();
    let subnet = Path::of_url(&link).ok_or_else(|| ApiError::required("resource.subnetwork"))?;
    let item = super::collection::get(cx, &subnet)?;
    if subnet.region() != path.region() {
        return Err(ApiError::invalid("resource.subnetwork", link, "The subnetwork is in another region."));
    }
    let network = doc.entry("network").or_insert_with(|| json!(item.text("network")));
    if network != item.text("network") {
        return Err(ApiError::invalid("resource.network", network, "The subnetwork is of another network."));
    }
    doc.entry("allowGlobalAccess").or_insert_with(|| json!(false));
    let Some(wanted) = wanted else {
        return address::free(cx, &subnet).map(|free| free.to_string()).ok_or_else(|| address::exhausted(&subnet));
    };
    let address = address::check(cx, &subnet, &wanted, "resource.IPAddress")?;
    match address::holder(cx, &subnet, address) {
        Some(holder) => Err(in_use(&wanted, &holder)),
        None => Ok(wanted),
    }
}

fn external(cx: &mut Cx<'_>, path: &Path, wanted: Option<String>) -> Result<String, ApiError> {
    let Some(wanted) = wanted else { return Ok(address::external(cx)) };
    let Some((reserved, item)) = address::reserved_external(cx, path, &wanted) else {
        let why = "Invalid IP address specified: it is not reserved in the region.";
        return Err(ApiError::invalid("resource.IPAddress", wanted, why));
    };
    match address::users(cx, &reserved, &item).into_iter().next() {
        Some(user) => Err(in_use(&wanted, &user)),
        None => Ok(wanted),
    }
}

fn in_use(address: &str, by: &str) -> ApiError {
    let message = format!("IP address '{address}' is already being used by '{by}'");
    ApiError::new(400, "resourceInUseByAnotherResource", message)
}
