//! Public addresses.

use serde_json::{Value, json};

use super::SPEC;
use crate::azure::body::{self, Object, Shape, TEXTS, optional, read_only, required, text};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::world::{Cx, Resource, key};
use crate::clock::Millis;

const DNS: Object = Object {
    name: "PublicIPAddressDnsSettings",
    fields: &[optional("domainNameLabel", &Shape::Text), read_only("fqdn"), optional("reverseFqdn", &Shape::Text)],
};

const DDOS: Object = Object {
    name: "DdosSettings",
    fields: &[optional("protectionMode", &Shape::OneOf(&["VirtualNetworkInherited", "Enabled", "Disabled"]))],
};

const PROPERTIES: Object = Object {
    name: "PublicIPAddressPropertiesFormat",
    fields: &[
        optional("publicIPAllocationMethod", &Shape::OneOf(&["Static", "Dynamic"])),
        optional("publicIPAddressVersion", &Shape::OneOf(&["IPv4"])),
        optional("dnsSettings", &Shape::Object(&DNS)),
        optional("idleTimeoutInMinutes", &Shape::Int(4, 30)),
        optional("deleteOption", &Shape::OneOf(&["Delete", "Detach"])),
        optional("ddosSettings", &Shape::Object(&DDOS)),
        read_only("ipAddress"),
        read_only("ipConfiguration"),
        read_only("ipTags"),
        read_only("natGateway"),
        read_only("resourceGuid"),
        read_only("provisioningState"),
    ],
};

/// What addresses and gateways are sold as.
pub const SKU: Object = Object {
    name: "PublicIPAddressSku",
    fields: &[
        required("name", &Shape::OneOf(&["Basic", "Standard"])),
        optional("tier", &Shape::OneOf(&["Regional", "Global"])),
    ],
};

const SHAPE: Object = Object {
    name: "PublicIPAddress",
    fields: &[
        required("location", &Shape::Text),
        optional("tags", &Shape::Map),
        optional("sku", &Shape::Object(&SKU)),
        optional("zones", &TEXTS),
        optional("properties", &Shape::Object(&PROPERTIES)),
        read_only("id"),
        read_only("name"),
        read_only("type"),
        read_only("etag"),
    ],
};

/// `Microsoft.Network/publicIPAddresses`.
#[derive(Debug)]
pub struct PublicAddresses;

impl Kind for PublicAddresses {
    fn spec(&self) -> &'static Spec {
        const OWN: Spec = Spec {
            kind: "Microsoft.Network/publicIPAddresses",
            operations: "PublicIPAddresses",
            shape: &SHAPE,
            query: &["$expand"],
            ..SPEC
        };
        &OWN
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        // Without a sku the service takes Basic, of which there can be no new ones since September 2025.
        if text(&draft.body, "/sku/name") != "Standard" {
            return Err(ApiError::bad(
                "IPv4BasicSkuPublicIpCountLimitReached",
                format!("Cannot create more than 0 IPv4 Basic SKU public IP addresses in this region: {}.", draft.id),
            ));
        }
        if draft.old.is_none() {
            check_quota(cx, draft)?;
        }
        if text(&draft.body, "/properties/publicIPAllocationMethod") != "Static" {
            return Err(ApiError::bad(
                "StandardSkuPublicIPAddressesMustBeStatic",
                format!("Standard sku publicIp {} must have AllocationMethod set to Static.", draft.id),
            ));
        }
        if draft.body["sku"]["tier"].is_null() {
            draft.body["sku"]["tier"] = json!("Regional");
        }
        // One zone, or all: of two the service makes all.
        if body::list(&draft.body, "/zones").len() > 1 {
            draft.body["zones"] = json!(cx.zones_of(&draft.location));
        }
        body::default(&mut draft.body, "publicIPAddressVersion", json!("IPv4"));
        body::default(&mut draft.body, "idleTimeoutInMinutes", json!(4));
        let known = draft.before("/properties/ipAddress");
        let address = if known.is_null() { json!(free(cx)) } else { known };
        body::set(&mut draft.body, "ipAddress", address);
        let guid = match draft.before("/properties/resourceGuid") {
            Value::Null => json!(cx.ids.uuid()),
            guid => guid,
        };
        body::set(&mut draft.body, "resourceGuid", guid);
        body::default(&mut draft.body, "ipTags", json!([]));
        let label = text(&draft.body, "/properties/dnsSettings/domainNameLabel").to_owned();
        if !label.is_empty() {
            let name = format!("{label}.{}.cloudapp.azure.com", draft.location);
            draft.body["properties"]["dnsSettings"]["fqdn"] = json!(name);
        }
        draft.lasts = Some(cx.pace.arm_operation);
        Ok(())
    }

    fn delete(&self, cx: &mut Cx<'_>, resource: &Resource) -> Result<Option<Millis>, ApiError> {
        match user(cx, &resource.id) {
            Some(user) => Err(ApiError::bad(
                "PublicIPAddressCannotBeDeleted",
                format!(
                    "Public IP address {} can not be deleted since it is still allocated to resource {user}.",
                    resource.id
                ),
            )),
            None => Ok(Some(cx.pace.arm_operation)),
        }
    }

    fn view(&self, cx: &Cx<'_>, resource: &Resource, body: &mut Value) {
        if let Some(user) = user(cx, &resource.id) {
            let name = if user.contains("/natGateways/") { "natGateway" } else { "ipConfiguration" };
            body::set(body, name, json!({ "id": user }));
        }
    }
}

/// Refuses one address more than a subscription may have in a region.
fn check_quota(cx: &Cx<'_>, draft: &Draft) -> Result<(), ApiError> {
    let kind = PublicAddresses.spec().kind;
    let limit = cx.quotas.azure_public_addresses;
    if cx.of_kind(kind).filter(|other| other.location == draft.location).count() < limit {
        return Ok(());
    }
    Err(ApiError::bad(
        "PublicIPCountLimitReached",
        format!("Cannot create more than {limit} public IP addresses for this subscription in this region."),
    ))
}

/// The gateway or the configuration that has an address.
fn user(cx: &Cx<'_>, id: &str) -> Option<String> {
    let holder = cx.users(id).into_iter().next()?;
    let body = &cx.find(&holder)?.body;
    for list in ["ipConfigurations", "frontendIPConfigurations"] {
        let all = body::list(body, &format!("/properties/{list}")).iter();
        let mut own = all.filter(|one| key(text(one, "/properties/publicIPAddress/id")) == key(id));
        if let Some(one) = own.next() {
            return Some(format!("{holder}/{list}/{}", text(one, "/name")));
        }
    }
    Some(holder)
}

/// A public address that nothing has.
fn free(cx: &mut Cx<'_>) -> String {
    loop {
        let bytes = u32::from_str_radix(&cx.ids.hex(6), 16).unwrap_or_default();
        let address = std::net::Ipv4Addr::from(0x1400_0000 | bytes).to_string();
        let kind = PublicAddresses.spec().kind;
        if cx.of_kind(kind).all(|other| text(&other.body, "/properties/ipAddress") != address) {
            return address;
        }
    }
}
