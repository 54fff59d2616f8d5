//! Route tables.

use serde_json::Value;

use super::address::prefix;
use super::{SPEC, check_names, show_children, unused};
use crate::azure::body::{self, Object, Shape, list, optional, read_only, required, text};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::world::{Cx, Resource};
use crate::clock::Millis;

const HOPS: Shape = Shape::OneOf(&["VirtualNetworkGateway", "VnetLocal", "Internet", "VirtualAppliance", "None"]);

const ROUTE: Object = Object {
    name: "Route",
    fields: &[
        required("name", &Shape::Text),
        required(
            "properties",
            &Shape::Object(&Object {
                name: "RoutePropertiesFormat",
                fields: &[
                    required("addressPrefix", &Shape::Text),
                    required("nextHopType", &HOPS),
                    optional("nextHopIpAddress", &Shape::Text),
                    read_only("provisioningState"),
                    read_only("hasBgpOverride"),
                ],
            }),
        ),
        read_only("id"),
        read_only("type"),
        read_only("etag"),
    ],
};

const SHAPE: Object = Object {
    name: "RouteTable",
    fields: &[
        required("location", &Shape::Text),
        optional("tags", &Shape::Map),
        optional(
            "properties",
            &Shape::Object(&Object {
                name: "RouteTablePropertiesFormat",
                fields: &[
                    optional("routes", &Shape::List(&Shape::Object(&ROUTE))),
                    optional("disableBgpRoutePropagation", &Shape::Bool),
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

/// `Microsoft.Network/routeTables`.
#[derive(Debug)]
pub struct RouteTables;

impl Kind for RouteTables {
    fn spec(&self) -> &'static Spec {
        const OWN: Spec = Spec {
            kind: "Microsoft.Network/routeTables",
            operations: "RouteTables",
            shape: &SHAPE,
            query: &["$expand"],
            ..SPEC
        };
        &OWN
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        let routes = list(&draft.body, "/properties/routes");
        check_names(routes, "routes")?;
        let mut seen = Vec::new();
        for route in routes {
            let range = text(route, "/properties/addressPrefix");
            // Names of services are ranges too.
            if range.starts_with(|first: char| first.is_ascii_digit()) {
                prefix(range, &draft.id)?;
            }
            if seen.contains(&range) {
                return Err(ApiError::bad(
                    "RouteConflict",
                    format!("Two routes of {} have the address prefix {range}.", draft.id),
                ));
            }
            seen.push(range);
            let appliance = text(route, "/properties/nextHopType") == "VirtualAppliance";
            if appliance == route["properties"]["nextHopIpAddress"].is_null() {
                return Err(ApiError::bad(
                    "InvalidNextHopIpAddress",
                    "A next hop address goes with the next hop type VirtualAppliance, and with it only.",
                ));
            }
        }
        body::default(&mut draft.body, "routes", Value::Array(Vec::new()));
        body::default(&mut draft.body, "disableBgpRoutePropagation", Value::Bool(false));
        draft.lasts = Some(cx.pace.arm_operation);
        Ok(())
    }

    fn delete(&self, cx: &mut Cx<'_>, resource: &Resource) -> Result<Option<Millis>, ApiError> {
        unused(cx, resource, "InUseRouteTableCannotBeDeleted")?;
        Ok(Some(cx.pace.arm_operation))
    }

    fn view(&self, cx: &Cx<'_>, resource: &Resource, body: &mut Value) {
        show_children(body, resource, "routes");
        let users: Vec<Value> = cx.users(&resource.id).into_iter().map(|id| serde_json::json!({ "id": id })).collect();
        if !users.is_empty() {
            body::set(body, "subnets", Value::Array(users));
        }
    }
}
