//! Private zones.

use serde_json::{Value, json};

use super::{link, record};
use crate::azure::body::{self, Object, Shape, optional, read_only};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::world::{Cx, Resource};
use crate::clock::Millis;

const ZONE: Object = Object {
    name: "PrivateZone",
    fields: &[
        optional("location", &Shape::Text),
        optional("tags", &Shape::Map),
        optional("etag", &Shape::Text),
        read_only("properties"),
        read_only("id"),
        read_only("name"),
        read_only("type"),
    ],
};

/// Private zones.
#[derive(Debug)]
pub struct Zones;

const SPEC: Spec = Spec {
    kind: "Microsoft.Network/privateDnsZones",
    operations: "PrivateZones",
    shape: &ZONE,
    patch: Some(("Update", &ZONE)),
    lists: ("ListByResourceGroup", Some("List")),
    etag: true,
    name_max: 253,
    ..Spec::BASE
};

/// Refuses a place: neither zones nor links have a region.
pub fn check_global(draft: &Draft, kind: &str) -> Result<(), ApiError> {
    if draft.location == "global" {
        return Ok(());
    }
    Err(ApiError::bad(
        "LocationNotAvailableForResourceType",
        format!(
            "The provided location '{}' is not available for resource type '{kind}'. List of available regions for the \
             resource type is 'global'.",
            draft.location
        ),
    ))
}

impl Kind for Zones {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        check_global(draft, SPEC.kind)?;
        check_domain(draft.name())?;
        if draft.old.is_none() {
            draft.hidden = json!({ "internalId": cx.ids.hex(32) });
            record::begin(cx, &draft.id);
        }
        if let Some(given) = draft.body.as_object_mut() {
            given.remove("etag");
        }
        draft.lasts = Some(cx.pace.dns_change);
        Ok(())
    }

    fn delete(&self, cx: &mut Cx<'_>, resource: &Resource) -> Result<Option<Millis>, ApiError> {
        let links: Vec<String> = cx
            .children(&resource.id, link::KIND)
            .map(|link| format!("'{}/{}/virtualNetworkLinks/{}'", SPEC.kind, resource.name(), link.name()))
            .collect();
        if links.is_empty() {
            return Ok(Some(cx.pace.dns_change));
        }
        Err(ApiError::conflict(
            "CannotDeleteResource",
            format!(
                "Cannot delete resource while nested resources exist. Some existing nested resource IDs include: {}. \
                 Please delete all nested resources before deleting this resource.",
                links.join(", ")
            ),
        ))
    }

    fn view(&self, cx: &Cx<'_>, resource: &Resource, body: &mut Value) {
        let within = format!("{}/", crate::azure::world::key(&resource.id));
        let records = cx
            .sub
            .resources
            .iter()
            .filter(|(id, record)| id.starts_with(&within) && record::type_of(&record.kind).is_some());
        let links: Vec<&Resource> = cx.children(&resource.id, link::KIND).collect();
        let registers = |link: &&&Resource| link.body["properties"]["registrationEnabled"] == true;
        for (name, value) in [
            ("maxNumberOfRecordSets", json!(25_000)),
            ("numberOfRecordSets", json!(records.count())),
            ("maxNumberOfVirtualNetworkLinks", json!(1_000)),
            ("numberOfVirtualNetworkLinks", json!(links.len())),
            ("maxNumberOfVirtualNetworkLinksWithRegistration", json!(100)),
            ("numberOfVirtualNetworkLinksWithRegistration", json!(links.iter().filter(registers).count())),
            ("internalId", resource.hidden["internalId"].clone()),
        ] {
            body::set(body, name, value);
        }
    }
}

/// 2 to 34 labels of at most 63 letters, digits, hyphens and underscores.
fn check_domain(name: &str) -> Result<(), ApiError> {
    let labels: Vec<&str> = name.split('.').collect();
    let fits = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if (2..=34).contains(&labels.len()) && labels.iter().all(fits) {
        return Ok(());
    }
    Err(ApiError::bad("BadRequest", format!("The domain name '{name}' is invalid.")))
}
