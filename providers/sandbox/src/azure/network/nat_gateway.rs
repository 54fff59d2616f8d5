//! NAT gateways.

use serde_json::{Value, json};

use super::address::check_public;
use super::{SPEC, references};
use crate::azure::body::{self, Object, REFERENCES, Shape, TEXTS, list, optional, read_only, required, text};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::world::{Cx, Resource};
use crate::clock::Millis;

const SHAPE: Object = Object {
    name: "NatGateway",
    fields: &[
        required("location", &Shape::Text),
        optional("tags", &Shape::Map),
        required(
            "sku",
            &Shape::Object(&Object {
                name: "NatGatewaySku",
                fields: &[required("name", &Shape::OneOf(&["Standard"]))],
            }),
        ),
        optional("zones", &TEXTS),
        optional(
            "properties",
            &Shape::Object(&Object {
                name: "NatGatewayPropertiesFormat",
                fields: &[
                    optional("idleTimeoutInMinutes", &Shape::Int(4, 120)),
                    optional("publicIpAddresses", &REFERENCES),
                    read_only("publicIpPrefixes"),
                    read_only("subnets"),
                    read_only("resourceGuid"),
                    read_only("provisioningState"),
                ],
            }),
        ),
        read_only("id"),
        read_only("name"),
        read_only("type"),
        read_only("etag"),
    ],
};

/// `Microsoft.Network/natGateways`.
#[derive(Debug)]
pub struct NatGateways;

impl Kind for NatGateways {
    fn spec(&self) -> &'static Spec {
        const OWN: Spec = Spec {
            kind: "Microsoft.Network/natGateways",
            operations: "NatGateways",
            shape: &SHAPE,
            query: &["$expand"],
            ..SPEC
        };
        &OWN
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        references::check(cx, draft)?;
        let addresses = list(&draft.body, "/properties/publicIpAddresses");
        if addresses.len() > 16 {
            return Err(ApiError::bad("NatGatewayPublicIpLimitExceeded", "A NAT gateway has at most 16 addresses."));
        }
        if list(&draft.body, "/zones").len() > 1 {
            return Err(ApiError::bad("InvalidAvailabilityZoneCount", "A NAT gateway stands in one zone, or in none."));
        }
        for address in addresses {
            let id = text(address, "/id");
            check_public(cx, &draft.id, id)?;
            // A zonal gateway takes addresses of its own zone, or ones that span all zones.
            let theirs = cx.find(id).map(|address| list(&address.body, "/zones").to_vec()).unwrap_or_default();
            let own = list(&draft.body, "/zones");
            if !own.is_empty() && theirs.len() == 1 && theirs != own {
                return Err(ApiError::bad(
                    "NatGatewayPublicIpZoneMismatch",
                    format!("NAT gateway {} and public IP address {id} are in different zones.", draft.id),
                ));
            }
        }
        body::default(&mut draft.body, "idleTimeoutInMinutes", json!(4));
        let guid = match draft.before("/properties/resourceGuid") {
            Value::Null => json!(cx.ids.uuid()),
            guid => guid,
        };
        body::set(&mut draft.body, "resourceGuid", guid);
        draft.lasts = Some(cx.pace.nat_pending);
        Ok(())
    }

    fn delete(&self, cx: &mut Cx<'_>, resource: &Resource) -> Result<Option<Millis>, ApiError> {
        super::unused(cx, resource, "InUseNatGatewayCannotBeDeleted")?;
        Ok(Some(cx.pace.nat_deleting))
    }

    fn view(&self, cx: &Cx<'_>, resource: &Resource, body: &mut Value) {
        let users: Vec<Value> = cx.users(&resource.id).into_iter().map(|id| json!({ "id": id })).collect();
        if !users.is_empty() {
            body::set(body, "subnets", Value::Array(users));
        }
    }
}
