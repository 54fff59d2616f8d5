//! Networks: custom ones, and those with subnetworks of their own.

use serde_json::json;

use super::collection::{Collection, Level, Made, Verb};
use super::path::Path;
use super::subnetwork;
use crate::gcp::error::ApiError;
use crate::gcp::schema::{Kind, Schema};
use crate::gcp::world::{Cx, Doc, Item};

const SCHEMA: Schema = &[
    ("name", Kind::Str),
    ("description", Kind::Str),
    ("autoCreateSubnetworks", Kind::Bool),
    ("mtu", Kind::Int),
    ("routingConfig", Kind::Object(ROUTING)),
    ("networkFirewallPolicyEnforcementOrder", Kind::Enum(&["AFTER_CLASSIC_FIREWALL", "BEFORE_CLASSIC_FIREWALL"])),
    ("enableUlaInternalIpv6", Kind::Bool),
    ("IPv4Range", Kind::Unsupported),
    ("internalIpv6Range", Kind::Unsupported),
    ("networkProfile", Kind::Unsupported),
    ("params", Kind::Unsupported),
    ("firewallPolicy", Kind::Output),
    ("gatewayIPv4", Kind::Output),
    ("peerings", Kind::Output),
    ("subnetworks", Kind::Output),
];

const ROUTING: Schema = &[
    ("routingMode", Kind::Enum(&["GLOBAL", "REGIONAL"])),
    ("bgpBestPathSelectionMode", Kind::Enum(&["LEGACY", "STANDARD"])),
    ("bgpAlwaysCompareMed", Kind::Bool),
    ("bgpInterRegionCost", Kind::Enum(&["ADD_COST_TO_MED", "DEFAULT"])),
    ("effectiveBgpAlwaysCompareMed", Kind::Output),
    ("effectiveBgpInterRegionCost", Kind::Output),
];

/// Networks.
pub const NETWORKS: Collection = Collection {
    name: "networks",
    methods: "networks",
    one: "network",
    list: "networkList",
    level: Level::Global,
    schema: SCHEMA,
    mutable: &["routingConfig", "mtu", "networkFirewallPolicyEnforcementOrder", "enableUlaInternalIpv6"],
    verbs: &[Verb::Get, Verb::List, Verb::Insert, Verb::Delete, Verb::Patch],
    quota: |quotas| Some(("NETWORKS", quotas.vpcs)),
    finds_users_late: true,
    prepare,
    show,
    ..Collection::BASE
};

fn prepare(_: &mut Cx<'_>, _: &Path, doc: &mut Doc, _: Option<&Item>) -> Result<Made, ApiError> {
    let mtu = doc.entry("mtu").or_insert_with(|| json!(1460));
    if !mtu.as_i64().is_some_and(|mtu| (1_300..=8_896).contains(&mtu)) {
        return Err(ApiError::invalid("resource.mtu", mtu, "Must be between 1300 and 8896."));
    }
    match doc.get("autoCreateSubnetworks").and_then(serde_json::Value::as_bool) {
        Some(false) => {}
        // It would have a subnetwork in every region, and the sandbox knows more regions than a project has.
        _ => {
            return Err(ApiError::invalid(
                "resource.autoCreateSubnetworks",
                "true",
                "The sandbox has custom networks only.",
            ));
        }
    }
    if doc.get("enableUlaInternalIpv6") == Some(&json!(true)) {
        return Err(ApiError::invalid("resource.enableUlaInternalIpv6", true, "The sandbox has no IPv6."));
    }
    let routing = doc.entry("routingConfig").or_insert_with(|| json!({}));
    if let Some(routing) = routing.as_object_mut() {
        routing.entry("routingMode").or_insert_with(|| json!("REGIONAL"));
        routing.entry("bgpBestPathSelectionMode").or_insert_with(|| json!("LEGACY"));
    }
    doc.entry("networkFirewallPolicyEnforcementOrder").or_insert_with(|| json!("AFTER_CLASSIC_FIREWALL"));
    Ok(Made::default())
}

fn show(cx: &Cx<'_>, path: &Path, item: &Item, doc: &mut Doc) {
    let subnetworks: Vec<String> =
        subnetwork::of_network(cx, &path.url()).map(|(key, _)| super::path::url(key)).collect();
    if !subnetworks.is_empty() {
        doc.insert("subnetworks".to_owned(), json!(subnetworks));
    }
    let by_id = super::path::url(&format!("projects/{}/global/networks/{}", path.project, item.text("id")));
    doc.insert("selfLinkWithId".to_owned(), json!(by_id));
}
