//! Virtual machines.

use serde_json::{Value, json};

use super::machine_parts::{check_hardware, data_disks, interfaces, os_disk, remove, take_login};
use super::quota::{self, Wish};
use super::shapes::{BILLING, CACHING, DELETE, DIAGNOSTICS, EVICTION, IMAGE, LINUX, MANAGED, PRIORITY, SECURITY};
use super::{IDENTITY, SPEC, availability_set, check_identities, keep, show_identities};
use crate::azure::body::{self, Object, REFERENCE, Shape, TEXTS, optional, read_only, required, text};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Outcome, Spec};
use crate::azure::request::Request;
use crate::azure::response::Response;
use crate::azure::world::{Cx, Resource};
use crate::clock::{Millis, timestamp};

const OS_DISK: Object = Object {
    name: "OSDisk",
    fields: &[
        required("createOption", &Shape::OneOf(&["FromImage"])),
        optional("name", &Shape::Text),
        optional("osType", &Shape::OneOf(&["Linux"])),
        optional("caching", &CACHING),
        optional("diskSizeGB", &Shape::Int(1, 4_095)),
        optional("managedDisk", &MANAGED),
        optional("deleteOption", &DELETE),
        optional("writeAcceleratorEnabled", &Shape::Bool),
    ],
};

const DATA_DISK: Object = Object {
    name: "DataDisk",
    fields: &[
        required("lun", &Shape::Int(0, 63)),
        required("createOption", &Shape::OneOf(&["Attach", "Empty"])),
        optional("name", &Shape::Text),
        optional("caching", &CACHING),
        optional("diskSizeGB", &Shape::Int(1, 65_536)),
        optional("managedDisk", &MANAGED),
        optional("deleteOption", &DELETE),
        optional("writeAcceleratorEnabled", &Shape::Bool),
        optional("toBeDetached", &Shape::Bool),
        read_only("diskIOPSReadWrite"),
        read_only("diskMBpsReadWrite"),
    ],
};

const STORAGE: Object = Object {
    name: "StorageProfile",
    fields: &[
        optional("imageReference", &IMAGE),
        optional("osDisk", &Shape::Object(&OS_DISK)),
        optional("dataDisks", &Shape::List(&Shape::Object(&DATA_DISK))),
        optional("diskControllerType", &Shape::OneOf(&["SCSI", "NVMe"])),
    ],
};

const LOGIN: Object = Object {
    name: "OSProfile",
    fields: &[
        optional("computerName", &Shape::Text),
        optional("adminUsername", &Shape::Text),
        optional("customData", &Shape::Text),
        optional("linuxConfiguration", &LINUX),
        optional("allowExtensionOperations", &Shape::Bool),
        optional("secrets", &TEXTS),
        read_only("requireGuestProvisionSignal"),
    ],
};

const NIC: Object = Object {
    name: "NetworkInterfaceReference",
    fields: &[
        required("id", &Shape::Text),
        optional(
            "properties",
            &Shape::Object(&Object {
                name: "NetworkInterfaceReferenceProperties",
                fields: &[optional("primary", &Shape::Bool), optional("deleteOption", &DELETE)],
            }),
        ),
    ],
};

const PROPERTIES: Object = Object {
    name: "VirtualMachineProperties",
    fields: &[
        required(
            "hardwareProfile",
            &Shape::Object(&Object { name: "HardwareProfile", fields: &[required("vmSize", &Shape::Text)] }),
        ),
        optional("storageProfile", &Shape::Object(&STORAGE)),
        optional("osProfile", &Shape::Object(&LOGIN)),
        optional(
            "networkProfile",
            &Shape::Object(&Object {
                name: "NetworkProfile",
                fields: &[required("networkInterfaces", &Shape::List(&Shape::Object(&NIC)))],
            }),
        ),
        optional("securityProfile", &SECURITY),
        optional("diagnosticsProfile", &DIAGNOSTICS),
        optional("availabilitySet", &REFERENCE),
        optional("virtualMachineScaleSet", &REFERENCE),
        optional("priority", &PRIORITY),
        optional("evictionPolicy", &EVICTION),
        optional("billingProfile", &BILLING),
        optional("userData", &Shape::Text),
        optional("platformFaultDomain", &Shape::Int(0, 4)),
        read_only("provisioningState"),
        read_only("instanceView"),
        read_only("vmId"),
        read_only("timeCreated"),
    ],
};

const SHAPE: Object = Object {
    name: "VirtualMachine",
    fields: &[
        required("location", &Shape::Text),
        optional("tags", &Shape::Map),
        optional("identity", &IDENTITY),
        optional("zones", &TEXTS),
        required("properties", &Shape::Object(&PROPERTIES)),
        read_only("id"),
        read_only("name"),
        read_only("type"),
        read_only("etag"),
        read_only("managedBy"),
        read_only("resources"),
    ],
};

const PATCH: Object = Object {
    name: "VirtualMachineUpdate",
    fields: &[
        optional("tags", &Shape::Map),
        optional("identity", &IDENTITY),
        optional("zones", &TEXTS),
        optional("properties", &Shape::Object(&PROPERTIES)),
    ],
};

/// `Microsoft.Compute/virtualMachines`.
#[derive(Debug)]
pub struct VirtualMachines;

impl Kind for VirtualMachines {
    fn spec(&self) -> &'static Spec {
        const OWN: Spec = Spec {
            kind: "Microsoft.Compute/virtualMachines",
            operations: "VirtualMachines",
            shape: &SHAPE,
            patch: Some(("Update", &PATCH)),
            lists: ("List", Some("ListAll")),
            actions: &[
                ("start", "Start"),
                ("powerOff", "PowerOff"),
                ("restart", "Restart"),
                ("deallocate", "Deallocate"),
                ("instanceView", "InstanceView"),
            ],
            query: &["$expand"],
            etag: true,
            name_max: 64,
            ..SPEC
        };
        &OWN
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        let is_new = draft.old.is_none();
        keep(
            draft,
            &[
                "/properties/storageProfile/imageReference",
                "/properties/osProfile/computerName",
                "/properties/osProfile/adminUsername",
                "/properties/osProfile/linuxConfiguration",
                "/properties/availabilitySet",
                "/properties/virtualMachineScaleSet",
            ],
        )?;
        let vm_size = text(&draft.body, "/properties/hardwareProfile/vmSize").to_owned();
        check_hardware(&vm_size, &draft.body["properties"])?;
        let spot = text(&draft.body, "/properties/priority") == "Spot";
        quota::check(cx, &draft.location, &Wish { user: &draft.id, size: &vm_size, count: 1, spot })?;
        let data = take_login(&mut draft.body["properties"], is_new)?;
        if is_new {
            draft.hidden = json!({ "customData": data, "power": "running" });
        } else if !data.is_null() && data != draft.hidden["customData"] {
            return Err(ApiError::conflict(
                "PropertyChangeNotAllowed",
                "Changing property 'osProfile.customData' is not allowed.",
            )
            .at("osProfile.customData"));
        }
        if text(&draft.body, "/properties/osProfile/computerName").is_empty() {
            draft.body["properties"]["osProfile"]["computerName"] = json!(draft.name());
        }
        if draft.body["properties"]["osProfile"]["computerName"].as_str().is_some_and(|name| name.len() > 64) {
            return Err(ApiError::parameter("computerName", "Linux host name cannot exceed 64 characters in length."));
        }
        check_identities(cx, draft)?;
        availability_set::check(cx, &draft.body)?;
        interfaces(cx, draft)?;
        os_disk(cx, draft)?;
        data_disks(cx, draft)?;
        for (name, value) in
            [("vmId", draft.before("/properties/vmId")), ("timeCreated", draft.before("/properties/timeCreated"))]
        {
            body::default(&mut draft.body, name, value);
        }
        body::default(&mut draft.body, "vmId", json!(cx.ids.uuid()));
        body::default(&mut draft.body, "timeCreated", json!(timestamp(cx.now)));
        draft.lasts = Some(cx.pace.instance_pending);
        Ok(())
    }

    fn delete(&self, cx: &mut Cx<'_>, _: &Resource) -> Result<Option<Millis>, ApiError> {
        Ok(Some(cx.pace.instance_stopping))
    }

    fn gone(&self, cx: &mut Cx<'_>, resource: &Resource) {
        remove(cx, resource);
    }

    fn view(&self, cx: &Cx<'_>, _: &Resource, body: &mut Value) {
        show_identities(cx, body);
    }

    fn expand(&self, _: &Cx<'_>, resource: &Resource, what: &str, body: &mut Value) {
        if what == "instanceView" {
            body::set(body, "instanceView", instance_view(resource));
        }
    }

    fn act(&self, cx: &mut Cx<'_>, request: &Request, machine: &Resource, action: &str) -> Result<Outcome, ApiError> {
        request.only(&["skipShutdown", "hibernate", "forceDeallocate"])?;
        let power = match action {
            "instanceView" => return Ok(Outcome::Done(Response::json(200, instance_view(machine)))),
            "powerOff" => "stopped",
            "deallocate" => "deallocated",
            _ => "running",
        };
        if let Some(machine) = cx.find_mut(&machine.id) {
            machine.hidden["power"] = json!(power);
        }
        let stops = power != "running";
        Ok(Outcome::Lasts(if stops { cx.pace.instance_stopping } else { cx.pace.instance_pending }))
    }
}

/// How a machine stands.
fn instance_view(machine: &Resource) -> Value {
    let power = machine.hidden["power"].as_str().unwrap_or("running");
    json!({
        "computerName": text(&machine.body, "/properties/osProfile/computerName"),
        "hyperVGeneration": "V2",
        "statuses": [
            {
                "code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded",
                "time": timestamp(machine.created),
            },
            { "code": format!("PowerState/{power}"), "level": "Info", "displayStatus": format!("VM {power}") },
        ],
    })
}
