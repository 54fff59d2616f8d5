//! Managed disks.

use serde_json::{Value, json};

use super::SPEC;
use crate::azure::body::{self, Object, Shape, TEXTS, optional, read_only, required, text};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::operation::Style;
use crate::azure::world::{Cx, Resource};
use crate::clock::{Millis, timestamp};

/// What disks are sold as.
pub const TYPES: Shape = Shape::OneOf(&[
    "Standard_LRS",
    "Premium_LRS",
    "StandardSSD_LRS",
    "UltraSSD_LRS",
    "Premium_ZRS",
    "StandardSSD_ZRS",
    "PremiumV2_LRS",
]);

const SKU: Shape = Shape::Object(&Object { name: "DiskSku", fields: &[optional("name", &TYPES), read_only("tier")] });

const CREATION: Object = Object {
    name: "CreationData",
    fields: &[
        required("createOption", &Shape::OneOf(&["Empty", "FromImage", "Copy", "Restore", "Attach"])),
        optional("sourceResourceId", &Shape::Text),
        optional("logicalSectorSize", &Shape::Int(512, 4096)),
        read_only("sourceUniqueId"),
        read_only("imageReference"),
    ],
};

const ENCRYPTION: Object = Object {
    name: "Encryption",
    fields: &[optional("type", &Shape::OneOf(&["EncryptionAtRestWithPlatformKey"])), read_only("diskEncryptionSetId")],
};

const PROPERTIES: Object = Object {
    name: "DiskProperties",
    fields: &[
        required("creationData", &Shape::Object(&CREATION)),
        optional("diskSizeGB", &Shape::Int(1, 65_536)),
        optional("diskIOPSReadWrite", &Shape::Int(100, 400_000)),
        optional("diskMBpsReadWrite", &Shape::Int(1, 10_000)),
        optional("encryption", &Shape::Object(&ENCRYPTION)),
        optional("networkAccessPolicy", &Shape::OneOf(&["AllowAll", "AllowPrivate", "DenyAll"])),
        optional("publicNetworkAccess", &Shape::OneOf(&["Enabled", "Disabled"])),
        optional("osType", &Shape::OneOf(&["Windows", "Linux"])),
        optional("hyperVGeneration", &Shape::OneOf(&["V1", "V2"])),
        optional("maxShares", &Shape::Int(1, 10)),
        optional("tier", &Shape::Text),
        optional("burstingEnabled", &Shape::Bool),
        read_only("timeCreated"),
        read_only("diskSizeBytes"),
        read_only("uniqueId"),
        read_only("provisioningState"),
        read_only("diskState"),
        read_only("shareInfo"),
        read_only("LastOwnershipUpdateTime"),
    ],
};

const SHAPE: Object = Object {
    name: "Disk",
    fields: &[
        required("location", &Shape::Text),
        optional("tags", &Shape::Map),
        optional("sku", &SKU),
        optional("zones", &TEXTS),
        required("properties", &Shape::Object(&PROPERTIES)),
        read_only("managedBy"),
        read_only("managedByExtended"),
        read_only("id"),
        read_only("name"),
        read_only("type"),
    ],
};

const PATCH: Object = Object {
    name: "DiskUpdate",
    fields: &[
        optional("tags", &Shape::Map),
        optional("sku", &SKU),
        optional(
            "properties",
            &Shape::Object(&Object {
                name: "DiskUpdateProperties",
                fields: &[
                    optional("diskSizeGB", &Shape::Int(1, 65_536)),
                    optional("diskIOPSReadWrite", &Shape::Int(100, 400_000)),
                    optional("diskMBpsReadWrite", &Shape::Int(1, 10_000)),
                    optional("encryption", &Shape::Object(&ENCRYPTION)),
                    optional("networkAccessPolicy", &Shape::OneOf(&["AllowAll", "AllowPrivate", "DenyAll"])),
                    optional("publicNetworkAccess", &Shape::OneOf(&["Enabled", "Disabled"])),
                    optional("tier", &Shape::Text),
                    optional("burstingEnabled", &Shape::Bool),
                    read_only("propertyUpdatesInProgress"),
                ],
            }),
        ),
    ],
};

/// `Microsoft.Compute/disks`.
#[derive(Debug)]
pub struct Disks;

impl Kind for Disks {
    fn spec(&self) -> &'static Spec {
        const OWN: Spec = Spec {
            kind: "Microsoft.Compute/disks",
            operations: "Disks",
            shape: &SHAPE,
            patch: Some(("Update", &PATCH)),
            lists: ("ListByResourceGroup", Some("List")),
            style: Style::Disk,
            ..SPEC
        };
        &OWN
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        let size = draft.body["properties"]["diskSizeGB"].as_i64();
        let before = draft.before("/properties/diskSizeGB").as_i64();
        if size.is_none() && before.is_none() {
            return Err(ApiError::parameter(
                "disk.diskSizeGB",
                "Required parameter 'disk.diskSizeGB' is missing (null).",
            ));
        }
        if let (Some(size), Some(before)) = (size, before)
            && size < before
        {
            return Err(ApiError::bad(
                "BadRequest",
                format!("Managed disk {} cannot shrink from {before} to {size} GiB.", draft.id),
            ));
        }
        super::keep(draft, &["/properties/creationData", "/properties/osType", "/properties/hyperVGeneration"])?;
        if draft.body["sku"]["name"].is_null() {
            let before = draft.before("/sku/name");
            draft.body["sku"]["name"] = if before.is_null() { json!("Standard_LRS") } else { before };
        }
        let kind = text(&draft.body, "/sku/name");
        if kind.ends_with("_ZRS") && draft.body["zones"].is_array() {
            return Err(ApiError::parameter("zones", "A disk with zone-redundant storage has no zone."));
        }
        draft.body["sku"]["tier"] = json!(kind.split('_').next().unwrap_or_default().trim_end_matches("SSD"));
        for (name, value) in [
            ("diskSizeGB", json!(before)),
            ("encryption", json!({ "type": "EncryptionAtRestWithPlatformKey" })),
            ("networkAccessPolicy", json!("AllowAll")),
            ("publicNetworkAccess", json!("Enabled")),
            ("uniqueId", draft.before("/properties/uniqueId")),
            ("timeCreated", draft.before("/properties/timeCreated")),
        ] {
            body::default(&mut draft.body, name, value);
        }
        body::default(&mut draft.body, "uniqueId", json!(cx.ids.uuid()));
        body::default(&mut draft.body, "timeCreated", json!(timestamp(cx.now)));
        let bytes = draft.body["properties"]["diskSizeGB"].as_i64().unwrap_or_default() << 30;
        body::set(&mut draft.body, "diskSizeBytes", json!(bytes));
        draft.lasts = Some(if draft.old.is_some() { cx.pace.volume_modifying } else { cx.pace.volume_creating });
        Ok(())
    }

    fn delete(&self, cx: &mut Cx<'_>, resource: &Resource) -> Result<Option<Millis>, ApiError> {
        match cx.users(&resource.id).first() {
            Some(machine) => Err(ApiError::conflict(
                "OperationNotAllowed",
                format!("Disk {} is attached to VM {machine}.", resource.name()),
            )),
            None => Ok(Some(cx.pace.volume_modifying)),
        }
    }

    fn view(&self, cx: &Cx<'_>, resource: &Resource, body: &mut Value) {
        let machine = cx.users(&resource.id).into_iter().next();
        let running = machine.as_ref().and_then(|id| cx.find(id)).is_none_or(|vm| vm.hidden["power"] != "deallocated");
        let state = match (&machine, running) {
            (None, _) => "Unattached",
            (Some(_), true) => "Attached",
            (Some(_), false) => "Reserved",
        };
        body::set(body, "diskState", json!(state));
        if let Some(machine) = machine {
            body["managedBy"] = json!(machine);
        }
    }
}
