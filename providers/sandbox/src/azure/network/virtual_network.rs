//! Virtual networks.

use ipnet::Ipv4Net;
use serde_json::{Value, json};

use super::address::prefix;
use super::subnet::{PROPERTIES as SUBNET, Subnets};
use super::{SPEC, children};
use crate::azure::body::{self, Object, REFERENCE, Shape, TEXTS, list, optional, read_only, required};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::world::{Cx, Resource};
use crate::clock::Millis;

const PROPERTIES: Object = Object {
    name: "VirtualNetworkPropertiesFormat",
    fields: &[
        required(
            "addressSpace",
            &Shape::Object(&Object { name: "AddressSpace", fields: &[required("addressPrefixes", &TEXTS)] }),
        ),
        optional(
            "dhcpOptions",
            &Shape::Object(&Object { name: "DhcpOptions", fields: &[optional("dnsServers", &TEXTS)] }),
        ),
        optional("flowTimeoutInMinutes", &Shape::Int(4, 30)),
        optional(
            "subnets",
            &Shape::List(&Shape::Object(&Object {
                name: "Subnet",
                fields: &[
                    required("name", &Shape::Text),
                    required("properties", &Shape::Object(&SUBNET)),
                    read_only("id"),
                    read_only("etag"),
                    read_only("type"),
                ],
            })),
        ),
        optional("enableDdosProtection", &Shape::Bool),
        optional("enableVmProtection", &Shape::Bool),
        optional("ddosProtectionPlan", &REFERENCE),
        optional("privateEndpointVNetPolicies", &Shape::OneOf(&["Disabled", "Basic"])),
        read_only("virtualNetworkPeerings"),
        read_only("resourceGuid"),
        read_only("provisioningState"),
        read_only("flowLogs"),
    ],
};

const SHAPE: Object = Object {
    name: "VirtualNetwork",
    fields: &[
        required("location", &Shape::Text),
        optional("tags", &Shape::Map),
        required("properties", &Shape::Object(&PROPERTIES)),
        read_only("id"),
        read_only("name"),
        read_only("type"),
        read_only("etag"),
    ],
};

/// `Microsoft.Network/virtualNetworks`.
#[derive(Debug)]
pub struct VirtualNetworks;

impl Kind for VirtualNetworks {
    fn spec(&self) -> &'static Spec {
        const OWN: Spec = Spec {
            kind: "Microsoft.Network/virtualNetworks",
            operations: "VirtualNetworks",
            shape: &SHAPE,
            query: &["$expand"],
            name_max: 64,
            ..SPEC
        };
        &OWN
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        let prefixes = prefixes(&draft.body, &draft.id)?;
        let overlap = |at: usize| prefixes[..at].iter().any(|other| overlaps(*other, prefixes[at]));
        if prefixes.is_empty() || (0..prefixes.len()).any(overlap) {
            return Err(ApiError::bad(
                "InvalidAddressSpace",
                format!("The address space of {} is empty, or its prefixes overlap.", draft.id),
            ));
        }
        for subnet in cx.children(&draft.id, Subnets.spec().kind) {
            let within = |own: Ipv4Net| prefixes.iter().any(|prefix| prefix.contains(&own));
            if draft.body["properties"]["subnets"].is_null()
                && !prefix(body::text(&subnet.body, "/properties/addressPrefix"), &subnet.id).is_ok_and(within)
            {
                return Err(ApiError::bad(
                    "InUsePrefixCannotBeDeleted",
                    format!("IP prefix of {} is in use by subnet {} and cannot be deleted.", draft.id, subnet.id),
                ));
            }
        }
        let guid = match draft.before("/properties/resourceGuid") {
            Value::Null => json!(cx.ids.uuid()),
            guid => guid,
        };
        body::set(&mut draft.body, "resourceGuid", guid);
        body::default(&mut draft.body, "enableDdosProtection", json!(false));
        draft.lasts = Some(cx.pace.arm_operation);
        children::sync(cx, draft, "subnets", &Subnets, true)
    }

    fn delete(&self, cx: &mut Cx<'_>, resource: &Resource) -> Result<Option<Millis>, ApiError> {
        let subnets: Vec<Resource> = cx.children(&resource.id, Subnets.spec().kind).cloned().collect();
        for subnet in subnets {
            Subnets.delete(cx, &subnet)?;
        }
        Ok(Some(cx.pace.arm_operation))
    }

    fn view(&self, cx: &Cx<'_>, resource: &Resource, body: &mut Value) {
        children::show(cx, resource, "subnets", Subnets.spec().kind, body);
        body["properties"]["virtualNetworkPeerings"] = json!([]);
    }
}

/// The ranges of a network.
pub fn prefixes(body: &Value, id: &str) -> Result<Vec<Ipv4Net>, ApiError> {
    let all = list(body, "/properties/addressSpace/addressPrefixes").iter();
    all.map(|text| prefix(text.as_str().unwrap_or_default(), id)).collect()
}

/// Whether two ranges have an address in common.
pub fn overlaps(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}
