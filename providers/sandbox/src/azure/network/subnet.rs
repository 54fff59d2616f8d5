//! Subnets.

use serde_json::{Value, json};

use super::address::{prefix, taken};
use super::virtual_network::{overlaps, prefixes};
use super::{SPEC, references};
use crate::azure::body::{self, Object, REFERENCE, Shape, TEXTS, optional, read_only, required, text};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::world::{Cx, Resource, key, name_of, parent_of};
use crate::clock::Millis;

const SWITCH: Shape = Shape::OneOf(&["Enabled", "Disabled"]);

/// What a subnet has. Delegations, several prefixes and policies of service endpoints are not here.
pub const PROPERTIES: Object = Object {
    name: "SubnetPropertiesFormat",
    fields: &[
        required("addressPrefix", &Shape::Text),
        optional("networkSecurityGroup", &REFERENCE),
        optional("routeTable", &REFERENCE),
        optional("natGateway", &REFERENCE),
        optional("defaultOutboundAccess", &Shape::Bool),
        optional(
            "serviceEndpoints",
            &Shape::List(&Shape::Object(&Object {
                name: "ServiceEndpointPropertiesFormat",
                fields: &[
                    required("service", &Shape::Text),
                    optional("locations", &TEXTS),
                    read_only("provisioningState"),
                ],
            })),
        ),
        optional(
            "privateEndpointNetworkPolicies",
            &Shape::OneOf(&["Enabled", "Disabled", "NetworkSecurityGroupEnabled", "RouteTableEnabled"]),
        ),
        optional("privateLinkServiceNetworkPolicies", &SWITCH),
        read_only("delegations"),
        read_only("ipConfigurations"),
        read_only("ipConfigurationProfiles"),
        read_only("privateEndpoints"),
        read_only("purpose"),
        read_only("resourceNavigationLinks"),
        read_only("serviceAssociationLinks"),
        read_only("provisioningState"),
    ],
};

const SHAPE: Object = Object {
    name: "Subnet",
    fields: &[
        required("properties", &Shape::Object(&PROPERTIES)),
        optional("name", &Shape::Text),
        read_only("id"),
        read_only("type"),
        read_only("etag"),
    ],
};

/// `Microsoft.Network/virtualNetworks/subnets`.
#[derive(Debug)]
pub struct Subnets;

impl Kind for Subnets {
    fn spec(&self) -> &'static Spec {
        const OWN: Spec = Spec {
            kind: "Microsoft.Network/virtualNetworks/subnets",
            operations: "Subnets",
            shape: &SHAPE,
            patch: None,
            lists: ("List", None),
            query: &["$expand"],
            located: false,
            ..SPEC
        };
        &OWN
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        let network = parent_of(&draft.id).to_owned();
        let own = prefix(text(&draft.body, "/properties/addressPrefix"), &draft.id)?;
        let space = cx.find(&network).map(|network| prefixes(&network.body, &network.id)).transpose()?;
        if own.prefix_len() > 29 || !space.unwrap_or_default().iter().any(|space| space.contains(&own)) {
            return Err(ApiError::bad(
                "NetcfgSubnetRangeOutsideVnet",
                format!(
                    "Subnet '{}' is not valid because its IP address range is outside the IP address range of virtual \
                     network '{}', or smaller than /29.",
                    draft.name(),
                    name_of(&network)
                ),
            ));
        }
        for sibling in cx.children(&network, self.spec().kind).filter(|other| key(&other.id) != key(&draft.id)) {
            if sibling.is_busy() {
                return Err(ApiError::in_progress(&sibling.id));
            }
            let other = prefix(text(&sibling.body, "/properties/addressPrefix"), &sibling.id)?;
            if overlaps(own, other) {
                return Err(ApiError::bad(
                    "NetcfgSubnetRangesOverlap",
                    format!(
                        "Subnet '{}' is not valid because its IP address range overlaps with that of an existing subnet \
                         '{}' in virtual network '{}'.",
                        draft.name(),
                        sibling.name(),
                        name_of(&network)
                    ),
                ));
            }
        }
        let before = draft.before("/properties/addressPrefix");
        if before.is_string() && before != draft.body["properties"]["addressPrefix"] && !taken(cx, &draft.id).is_empty()
        {
            return Err(ApiError::bad(
                "InUseSubnetPrefixCannotBeChanged",
                format!("Subnet {} is in use and its address prefix cannot be changed.", draft.id),
            ));
        }
        references::check(cx, draft)?;
        body::default(&mut draft.body, "privateEndpointNetworkPolicies", json!("Disabled"));
        body::default(&mut draft.body, "privateLinkServiceNetworkPolicies", json!("Enabled"));
        if let Some(body) = draft.body.as_object_mut() {
            body.remove("name");
        }
        let etag = cx.etag();
        if let Some(network) = cx.find_mut(&network) {
            network.etag = etag;
        }
        draft.lasts = Some(cx.pace.arm_operation);
        Ok(())
    }

    fn delete(&self, cx: &mut Cx<'_>, resource: &Resource) -> Result<Option<Millis>, ApiError> {
        if let Some((_, user)) = taken(cx, &resource.id).first() {
            return Err(ApiError::bad(
                "InUseSubnetCannotBeDeleted",
                format!(
                    "Subnet {} is in use by {user} and cannot be deleted. In order to delete the subnet, delete all the \
                     resources within the subnet.",
                    resource.name()
                ),
            ));
        }
        super::unused(cx, resource, "InUseSubnetCannotBeDeleted")?;
        let network = parent_of(&resource.id);
        match cx.children(network, self.spec().kind).find(|other| other.is_busy() && other.id != resource.id) {
            Some(other) => Err(ApiError::in_progress(&other.id)),
            None => Ok(Some(cx.pace.arm_operation)),
        }
    }

    fn view(&self, cx: &Cx<'_>, resource: &Resource, body: &mut Value) {
        let users: Vec<Value> = taken(cx, &resource.id).into_iter().map(|(_, user)| json!({ "id": user })).collect();
        if !users.is_empty() {
            body::set(body, "ipConfigurations", Value::Array(users));
        }
        body::set(body, "delegations", json!([]));
    }
}
