//! Reserved addresses: external ones, and internal ones of a subnetwork.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde_json::{Value, json};

use super::collection::{Action, Collection, Made};
use super::path::Path;
use super::{labels, subnetwork};
use crate::gcp::error::ApiError;
use crate::gcp::operation::Change;
use crate::gcp::schema::{Kind, Schema};
use crate::gcp::world::{Cx, Doc, Item, text};

const SCHEMA: Schema = &[
    ("name", Kind::Str),
    ("description", Kind::Str),
    ("address", Kind::Str),
    ("addressType", Kind::Enum(&["EXTERNAL", "INTERNAL"])),
    ("ipVersion", Kind::Enum(&["IPV4"])),
    ("labels", Kind::Map(&Kind::Str)),
    ("network", Kind::Ref(&["networks"])),
    ("networkTier", Kind::Enum(&["PREMIUM", "STANDARD"])),
    ("purpose", Kind::Enum(&["GCE_ENDPOINT", "SHARED_LOADBALANCER_VIP"])),
    ("subnetwork", Kind::Ref(&["subnetworks"])),
    ("ipCollection", Kind::Unsupported),
    ("ipv6EndpointType", Kind::Unsupported),
    ("networkAttachment", Kind::Unsupported),
    ("prefixLength", Kind::Unsupported),
    ("serviceClassId", Kind::Unsupported),
    ("status", Kind::Output),
    ("users", Kind::Output),
];

/// Addresses.
pub const ADDRESSES: Collection = Collection {
    name: "addresses",
    methods: "addresses",
    one: "address",
    list: "addressList",
    aggregated: "addressAggregatedList",
    schema: SCHEMA,
    actions: &[Action { name: "setLabels", query: &["requestId"], run: labels::set }],
    quota: |quotas| Some(("STATIC_ADDRESSES", quotas.addresses)),
    prepare,
    removal,
    show,
    ..Collection::BASE
};

fn prepare(cx: &mut Cx<'_>, path: &Path, doc: &mut Doc, _: Option<&Item>) -> Result<Made, ApiError> {
    doc.entry("addressType").or_insert_with(|| json!("EXTERNAL"));
    if text(doc, "addressType") == "EXTERNAL" {
        if let Some(field) =
            ["subnetwork", "network", "purpose", "address"].into_iter().find(|field| doc.contains_key(*field))
        {
            return Err(ApiError::invalid(
                &format!("resource.{field}"),
                &doc[field],
                "An external address cannot have it.",
            ));
        }
        doc.entry("networkTier").or_insert_with(|| json!("PREMIUM"));
        let address = external(cx);
        doc.insert("address".to_owned(), json!(address));
        return Ok(Made::default());
    }
    if doc.contains_key("networkTier") {
        return Err(ApiError::invalid("resource.networkTier", &doc["networkTier"], "An internal address has none."));
    }
    if doc.contains_key("network") {
        return Err(ApiError::invalid("resource.network", &doc["network"], "An internal address names a subnetwork."));
    }
    let link = text(doc, "subnetwork").to_owned();
    let subnet = Path::of_url(&link).ok_or_else(|| ApiError::required("resource.subnetwork"))?;
    if subnet.region() != path.region() {
        return Err(ApiError::invalid("resource.subnetwork", link, "The subnetwork is in another region."));
    }
    let address = match text(doc, "address") {
        "" => free(cx, &subnet).ok_or_else(|| exhausted(&subnet))?,
        wanted => {
            let address = check(cx, &subnet, wanted, "resource.address")?;
            if reservation(cx, &subnet, address).is_some() {
                let message = format!("IP address '{wanted}' is already reserved by another address resource.");
                return Err(ApiError::new(400, "resourceInUseByAnotherResource", message));
            }
            if let Some(holder) = holder(cx, &subnet, address) {
                let message = format!("IP '{wanted}' is already being used by '{holder}'");
                return Err(ApiError::new(400, "resourceInUseByAnotherResource", message));
            }
            address
        }
    };
    doc.insert("address".to_owned(), json!(address));
    doc.entry("purpose").or_insert_with(|| json!("GCE_ENDPOINT"));
    Ok(Made::default())
}

/// There is no address left.
pub fn exhausted(subnet: &Path) -> ApiError {
    ApiError::new(403, "quotaExceeded", format!("IP space of '{subnet}' is exhausted."))
}

fn removal(cx: &mut Cx<'_>, path: &Path, item: &Item) -> Result<Vec<Change>, ApiError> {
    match users(cx, path, item).into_iter().next() {
        Some(user) => {
            let user = Path::of_url(&user).map_or(user, |path| path.to_string());
            Err(ApiError::in_use("address", path, user))
        }
        None => Ok(Vec::new()),
    }
}

fn show(cx: &Cx<'_>, path: &Path, item: &Item, doc: &mut Doc) {
    let users = users(cx, path, item);
    let status = match (item.busy, users.is_empty()) {
        (true, _) => "RESERVING",
        (false, true) => "RESERVED",
        (false, false) => "IN_USE",
    };
    doc.insert("status".to_owned(), json!(status));
    if !users.is_empty() {
        doc.insert("users".to_owned(), json!(users));
    }
}

/// A public address that nobody has: made of the time, so that it is not the last one's again.
pub fn external(cx: &mut Cx<'_>) -> String {
    let bits = u32::from_str_radix(&cx.ids.hex(5), 16).unwrap_or_default();
    Ipv4Addr::from_bits(Ipv4Addr::new(34, 16, 0, 0).to_bits() + bits).to_string()
}

/// The range of a subnetwork.
pub fn range(cx: &Cx<'_>, subnet: &Path) -> Option<Ipv4Net> {
    cx.world.get(&subnet.to_string())?.text("ipCidrRange").parse().ok()
}

/// Reads an address that is to be one of a subnetwork's.
pub fn check(cx: &Cx<'_>, subnet: &Path, wanted: &str, at: &str) -> Result<Ipv4Addr, ApiError> {
    let range = range(cx, subnet).ok_or_else(|| ApiError::not_found(subnet))?;
    let address: Ipv4Addr = wanted.parse().map_err(|_| ApiError::invalid(at, wanted, "Must be an IP address."))?;
    if !subnetwork::usable(range, address) {
        let why = format!("Requested internal IP is outside the subnetwork range {range} or reserved.");
        return Err(ApiError::invalid(at, wanted, &why));
    }
    Ok(address)
}

/// An address of a subnetwork that nobody has reserved and nobody uses. They are given from the end, far away from
/// those that people like to fix.
pub fn free(cx: &Cx<'_>, subnet: &Path) -> Option<Ipv4Addr> {
    let range = range(cx, subnet)?;
    let taken = taken(cx, subnet);
    (range.network().to_bits()..range.broadcast().to_bits())
        .rev()
        .map(Ipv4Addr::from_bits)
        .find(|address| subnetwork::usable(range, *address) && !taken.contains(&address.to_string()))
}

/// All addresses of a subnetwork that are reserved or in use.
fn taken(cx: &Cx<'_>, subnet: &Path) -> std::collections::BTreeSet<String> {
    let url = subnet.url();
    let mut taken = std::collections::BTreeSet::new();
    for (_, item) in here(cx, subnet) {
        if item.text("subnetwork") == url {
            taken.insert(item.text("address").to_owned());
            taken.insert(item.text("IPAddress").to_owned());
        }
        let interfaces = item.doc.get("networkInterfaces").and_then(Value::as_array);
        for interface in interfaces.into_iter().flatten().filter(|interface| interface["subnetwork"] == url) {
            taken.extend(interface["networkIP"].as_str().map(str::to_owned));
        }
    }
    taken
}

/// What is in the same region and project.
fn here<'a>(cx: &'a Cx<'_>, path: &Path) -> impl Iterator<Item = (&'a String, &'a std::sync::Arc<Item>)> + use<'a> {
    let part = crate::gcp::world::part_of(&path.to_string());
    cx.world.parts().get(&part).into_iter().flat_map(|part| &part.items)
}

/// The internal address that is reserved in a subnetwork.
pub fn reservation(cx: &Cx<'_>, subnet: &Path, address: Ipv4Addr) -> Option<String> {
    let (url, address) = (subnet.url(), address.to_string());
    here(cx, subnet)
        .find(|(_, item)| item.text("subnetwork") == url && item.text("address") == address)
        .map(|(key, _)| key.clone())
}

/// What uses an address of a subnetwork.
pub fn holder(cx: &Cx<'_>, subnet: &Path, address: Ipv4Addr) -> Option<String> {
    let (url, address) = (subnet.url(), address.to_string());
    here(cx, subnet).find(|(_, item)| uses_internal(item, &url, &address)).map(|(key, _)| key.clone())
}

fn uses_internal(item: &Item, subnet: &str, address: &str) -> bool {
    let interfaces = item.doc.get("networkInterfaces").and_then(Value::as_array);
    let by_instance = |interface: &Value| interface["subnetwork"] == subnet && interface["networkIP"] == address;
    (item.text("IPAddress") == address && item.text("subnetwork") == subnet)
        || interfaces.into_iter().flatten().any(by_instance)
}

fn uses_external(item: &Item, address: &str, url: &str) -> bool {
    let interfaces = item.doc.get("networkInterfaces").and_then(Value::as_array).into_iter().flatten();
    let mut configs = interfaces.filter_map(|interface| interface["accessConfigs"].as_array()).flatten();
    item.text("IPAddress") == address
        || configs.any(|config| config["natIP"] == address)
        || item.doc.get("nats").is_some_and(|nats| super::reference::mentions(nats, url))
}

/// Who uses a reserved address, by URL.
pub fn users(cx: &Cx<'_>, path: &Path, item: &Item) -> Vec<String> {
    let (address, subnet, url) = (item.text("address"), item.text("subnetwork"), path.url());
    let internal = item.text("addressType") == "INTERNAL";
    here(cx, path)
        .filter(
            |(_, other)| {
                if internal { uses_internal(other, subnet, address) } else { uses_external(other, address, &url) }
            },
        )
        .map(|(key, _)| super::path::url(key))
        .collect()
}

/// The external address that is reserved in a region, by its number.
pub fn reserved_external(cx: &Cx<'_>, near: &Path, address: &str) -> Option<(Path, std::sync::Arc<Item>)> {
    here(cx, near)
        .find(|(_, item)| item.text("addressType") == "EXTERNAL" && item.text("address") == address)
        .and_then(|(key, item)| Some((Path::parse(key, "")?, item.clone())))
}
