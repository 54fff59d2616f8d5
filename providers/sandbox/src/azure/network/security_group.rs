//! Network security groups.

use serde_json::{Value, json};

use super::rules::{PROPERTIES as RULE, SecurityRules};
use super::{SPEC, children, unused};
use crate::azure::body::{self, Object, Shape, optional, read_only, required};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::world::{Cx, Resource};
use crate::clock::Millis;

const SHAPE: Object = Object {
    name: "NetworkSecurityGroup",
    fields: &[
        required("location", &Shape::Text),
        optional("tags", &Shape::Map),
        optional(
            "properties",
            &Shape::Object(&Object {
                name: "NetworkSecurityGroupPropertiesFormat",
                fields: &[
                    optional(
                        "securityRules",
                        &Shape::List(&Shape::Object(&Object {
                            name: "SecurityRule",
                            fields: &[
                                required("name", &Shape::Text),
                                required("properties", &Shape::Object(&RULE)),
                                read_only("id"),
                                read_only("type"),
                                read_only("etag"),
                            ],
                        })),
                    ),
                    optional("flushConnection", &Shape::Bool),
                    read_only("defaultSecurityRules"),
                    read_only("networkInterfaces"),
                    read_only("subnets"),
                    read_only("flowLogs"),
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

/// `Microsoft.Network/networkSecurityGroups`.
#[derive(Debug)]
pub struct SecurityGroups;

impl Kind for SecurityGroups {
    fn spec(&self) -> &'static Spec {
        const OWN: Spec = Spec {
            kind: "Microsoft.Network/networkSecurityGroups",
            operations: "NetworkSecurityGroups",
            shape: &SHAPE,
            query: &["$expand"],
            ..SPEC
        };
        &OWN
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        let guid = match draft.before("/properties/resourceGuid") {
            Value::Null => json!(cx.ids.uuid()),
            guid => guid,
        };
        body::set(&mut draft.body, "resourceGuid", guid);
        draft.lasts = Some(cx.pace.arm_operation);
        children::sync(cx, draft, "securityRules", &SecurityRules, false)
    }

    fn delete(&self, cx: &mut Cx<'_>, resource: &Resource) -> Result<Option<Millis>, ApiError> {
        unused(cx, resource, "InUseNetworkSecurityGroupCannotBeDeleted")?;
        Ok(Some(cx.pace.arm_operation))
    }

    fn view(&self, cx: &Cx<'_>, resource: &Resource, body: &mut Value) {
        children::show(cx, resource, "securityRules", SecurityRules.spec().kind, body);
        body["properties"]["defaultSecurityRules"] =
            DEFAULTS.iter().map(|rule| default_rule(resource, *rule)).collect();
        let users = cx.users(&resource.id);
        for (list, part) in [("networkInterfaces", "/networkInterfaces/"), ("subnets", "/subnets/")] {
            let own: Vec<Value> =
                users.iter().filter(|user| user.contains(part)).map(|user| json!({ "id": user })).collect();
            if !own.is_empty() {
                body["properties"][list] = Value::Array(own);
            }
        }
    }
}

/// A rule that every group has: name, description, direction, priority, source, destination, access.
type Default = (&'static str, &'static str, &'static str, u32, &'static str, &'static str, &'static str);

/// The rules that every group has, after all others.
#[rustfmt::skip]
const DEFAULTS: [Default; 6] = [
    ("AllowVnetInBound", "Allow inbound traffic from all VMs in VNET", "Inbound", 65000, "VirtualNetwork", "VirtualNetwork", "Allow"),
    ("AllowAzureLoadBalancerInBound", "Allow inbound traffic from azure load balancer", "Inbound", 65001, "AzureLoadBalancer", "*", "Allow"),
    ("DenyAllInBound", "Deny all inbound traffic", "Inbound", 65500, "*", "*", "Deny"),
    ("AllowVnetOutBound", "Allow outbound traffic from all VMs to all VMs in VNET", "Outbound", 65000, "VirtualNetwork", "VirtualNetwork", "Allow"),
    ("AllowInternetOutBound", "Allow outbound traffic from all VMs to Internet", "Outbound", 65001, "*", "Internet", "Allow"),
    ("DenyAllOutBound", "Deny all outbound traffic", "Outbound", 65500, "*", "*", "Deny"),
];

fn default_rule(group: &Resource, rule: Default) -> Value {
    let (name, description, direction, priority, source, destination, access) = rule;
    json!({
        "name": name,
        "id": format!("{}/defaultSecurityRules/{name}", group.id),
        "type": "Microsoft.Network/networkSecurityGroups/defaultSecurityRules",
        "etag": group.etag,
        "properties": {
            "provisioningState": "Succeeded", "description": description, "protocol": "*", "sourcePortRange": "*",
            "destinationPortRange": "*", "sourceAddressPrefix": source, "destinationAddressPrefix": destination,
            "access": access, "priority": priority, "direction": direction, "sourcePortRanges": [],
            "destinationPortRanges": [], "sourceAddressPrefixes": [], "destinationAddressPrefixes": [],
        },
    })
}
