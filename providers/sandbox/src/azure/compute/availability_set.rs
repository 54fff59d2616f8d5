//! Availability sets.

use serde_json::{Value, json};

use super::SPEC;
use crate::azure::body::{self, Object, REFERENCE, Shape, optional, read_only, required, text};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::world::{Cx, Resource};
use crate::clock::Millis;

const PROPERTIES: Object = Object {
    name: "AvailabilitySetProperties",
    fields: &[
        optional("platformUpdateDomainCount", &Shape::Int(1, 20)),
        optional("platformFaultDomainCount", &Shape::Int(1, 3)),
        optional("proximityPlacementGroup", &REFERENCE),
        read_only("virtualMachines"),
        read_only("statuses"),
        read_only("virtualMachineScaleSetMigrationInfo"),
    ],
};

const SHAPE: Object = Object {
    name: "AvailabilitySet",
    fields: &[
        required("location", &Shape::Text),
        optional("tags", &Shape::Map),
        optional(
            "sku",
            &Shape::Object(&Object {
                name: "Sku",
                fields: &[
                    optional("name", &Shape::OneOf(&["Aligned", "Classic"])),
                    read_only("tier"),
                    read_only("capacity"),
                ],
            }),
        ),
        optional("properties", &Shape::Object(&PROPERTIES)),
        read_only("id"),
        read_only("name"),
        read_only("type"),
    ],
};

const PATCH: Object = Object { name: "AvailabilitySetUpdate", fields: &[optional("tags", &Shape::Map)] };

/// `Microsoft.Compute/availabilitySets`.
#[derive(Debug)]
pub struct AvailabilitySets;

impl Kind for AvailabilitySets {
    fn spec(&self) -> &'static Spec {
        const OWN: Spec = Spec {
            kind: "Microsoft.Compute/availabilitySets",
            operations: "AvailabilitySets",
            shape: &SHAPE,
            patch: Some(("Update", &PATCH)),
            lists: ("List", Some("ListBySubscription")),
            query: &["$expand"],
            stateful: false,
            ..SPEC
        };
        &OWN
    }

    fn put(&self, _: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        super::keep(draft, &["/properties/platformFaultDomainCount", "/properties/platformUpdateDomainCount"])?;
        body::default(&mut draft.body, "platformFaultDomainCount", json!(2));
        body::default(&mut draft.body, "platformUpdateDomainCount", json!(5));
        if draft.body["sku"]["name"].is_null() {
            draft.body["sku"] = json!({ "name": "Classic" });
        }
        Ok(())
    }

    fn delete(&self, cx: &mut Cx<'_>, resource: &Resource) -> Result<Option<Millis>, ApiError> {
        match cx.users(&resource.id).first() {
            Some(machine) => Err(ApiError::conflict(
                "OperationNotAllowed",
                format!(
                    "Availability Set '{}' cannot be deleted. Before deleting an Availability Set please ensure that it \
                     does not contain any VM: {machine}.",
                    resource.name()
                ),
            )),
            None => Ok(None),
        }
    }

    fn view(&self, cx: &Cx<'_>, resource: &Resource, body: &mut Value) {
        let machines: Vec<Value> = cx.users(&resource.id).into_iter().map(|id| json!({ "id": id })).collect();
        body::set(body, "virtualMachines", Value::Array(machines));
    }
}

/// Refuses a set for unmanaged disks.
pub fn check(cx: &Cx<'_>, machine: &Value) -> Result<(), ApiError> {
    let id = text(machine, "/properties/availabilitySet/id");
    if id.is_empty() {
        return Ok(());
    }
    if machine["zones"].is_array() {
        return Err(ApiError::bad(
            "BadRequest",
            "Virtual Machine cannot be created because both Availability Zone and Availability Set were specified.",
        ));
    }
    let set = cx.find(id).ok_or_else(|| ApiError::not_found(id))?;
    if text(&set.body, "/sku/name") == "Aligned" {
        return Ok(());
    }
    Err(ApiError::conflict(
        "OperationNotAllowed",
        format!(
            "Addition of a VM with managed disks to non-managed Availability Set '{}' is not supported.",
            set.name()
        ),
    ))
}
