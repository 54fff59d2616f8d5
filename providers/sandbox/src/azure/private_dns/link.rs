//! Links of zones with networks.

use serde_json::{Value, json};

use super::zone::check_global;
use crate::azure::body::{self, Object, REFERENCE, Shape, optional, read_only, required, text};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::world::{Cx, Resource, key, name_of, parent_of};
use crate::clock::Millis;

/// The kind.
pub const KIND: &str = "Microsoft.Network/privateDnsZones/virtualNetworkLinks";

const LINK: Object = Object {
    name: "VirtualNetworkLink",
    fields: &[
        optional("location", &Shape::Text),
        optional("tags", &Shape::Map),
        optional("etag", &Shape::Text),
        required("properties", &Shape::Object(&PROPERTIES)),
        read_only("id"),
        read_only("name"),
        read_only("type"),
    ],
};

const PROPERTIES: Object = Object {
    name: "VirtualNetworkLinkProperties",
    fields: &[
        required("virtualNetwork", &REFERENCE),
        optional("registrationEnabled", &Shape::Bool),
        optional("resolutionPolicy", &Shape::OneOf(&["Default", "NxDomainRedirect"])),
        read_only("virtualNetworkLinkState"),
        read_only("provisioningState"),
    ],
};

/// Links.
#[derive(Debug)]
pub struct Links;

const SPEC: Spec = Spec {
    kind: KIND,
    operations: "VirtualNetworkLinks",
    shape: &LINK,
    patch: Some(("Update", &LINK)),
    etag: true,
    ..Spec::BASE
};

impl Kind for Links {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        check_global(draft, KIND)?;
        let before = draft.hidden["network"].as_str().unwrap_or_default().to_owned();
        let given = text(&draft.body, "/properties/virtualNetwork/id");
        let wanted = if given.is_empty() { before.clone() } else { given.to_owned() };
        let network = cx.find(&wanted).filter(|network| network.kind == "Microsoft.Network/virtualNetworks");
        let network = network.ok_or_else(|| {
            ApiError::bad("BadRequest", format!("The virtual network '{wanted}' does not exist.")).at("virtualNetwork")
        })?;
        if !before.is_empty() && key(&before) != key(&network.id) {
            return Err(ApiError::bad(
                "BadRequest",
                "The virtual network of a virtual network link cannot be changed.",
            ));
        }
        let network = network.id.clone();
        check_alone(cx, draft, &network)?;
        // A network may go although zones are linked with it, so the link does not show as its user.
        if let Some(properties) = draft.body["properties"].as_object_mut() {
            properties.remove("virtualNetwork");
        }
        if let Some(given) = draft.body.as_object_mut() {
            given.remove("etag");
        }
        draft.hidden = json!({ "network": network });
        body::default(&mut draft.body, "registrationEnabled", json!(false));
        body::default(&mut draft.body, "resolutionPolicy", json!("Default"));
        draft.lasts = Some(cx.pace.dns_change);
        Ok(())
    }

    fn delete(&self, cx: &mut Cx<'_>, _: &Resource) -> Result<Option<Millis>, ApiError> {
        Ok(Some(cx.pace.dns_change))
    }

    fn view(&self, _: &Cx<'_>, resource: &Resource, body: &mut Value) {
        body::set(body, "virtualNetwork", json!({ "id": resource.hidden["network"] }));
        let state = if resource.is_busy() { "InProgress" } else { "Completed" };
        body::set(body, "virtualNetworkLinkState", json!(state));
    }
}

/// A network is linked with one zone of a name, once, and registers its machines in one zone.
fn check_alone(cx: &Cx<'_>, draft: &Draft, network: &str) -> Result<(), ApiError> {
    let zone = name_of(parent_of(&draft.id));
    let registers = draft.body["properties"]["registrationEnabled"] == true;
    let others = cx.of_kind(KIND).filter(|link| key(&link.id) != key(&draft.id));
    for other in others.filter(|link| key(link.hidden["network"].as_str().unwrap_or_default()) == key(network)) {
        let theirs = name_of(parent_of(&other.id));
        if theirs.eq_ignore_ascii_case(zone) {
            return Err(ApiError::bad(
                "BadRequest",
                format!(
                    "A virtual network cannot be linked to multiple zones with overlapping namespaces. You tried to link \
                     virtual network with '{theirs}' and '{zone}' zones."
                ),
            ));
        }
        if registers && other.body["properties"]["registrationEnabled"] == true {
            return Err(ApiError::bad(
                "BadRequest",
                format!("The virtual network '{network}' has registration enabled with the zone '{theirs}' already."),
            ));
        }
    }
    Ok(())
}

/// Lets links go whose network is gone, as the real service does.
pub fn settle(cx: &mut Cx<'_>) {
    let is_stray = |link: &&Resource| cx.find(link.hidden["network"].as_str().unwrap_or_default()).is_none();
    let stray: Vec<String> = cx.of_kind(KIND).filter(is_stray).map(|link| key(&link.id)).collect();
    for id in stray {
        cx.sub.resources.remove(&id);
        cx.dirty();
    }
}
