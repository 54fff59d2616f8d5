//! Scale sets with flexible orchestration.

use serde_json::{Value, json};

use super::disk::TYPES;
use super::machine_parts::{check_hardware, take_login};
use super::quota::{self, Wish};
use super::shapes::{BILLING, CACHING, DELETE, DIAGNOSTICS, EVICTION, IMAGE, LINUX, PRIORITY, SECURITY};
use super::{IDENTITY, SPEC, check_identities, keep, scale_set_machines, show_identities, size};
use crate::azure::body::{
    self, Object, REFERENCE, REFERENCES, Shape, TEXTS, list, optional, read, read_only, required, text,
};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Outcome, Spec};
use crate::azure::request::Request;
use crate::azure::world::{Cx, Resource};
use crate::clock::{Millis, timestamp};

const MANAGED: Shape = Shape::Object(&Object {
    name: "VirtualMachineScaleSetManagedDiskParameters",
    fields: &[optional("storageAccountType", &TYPES)],
});

const OS_DISK: Object = Object {
    name: "VirtualMachineScaleSetOSDisk",
    fields: &[
        required("createOption", &Shape::OneOf(&["FromImage"])),
        optional("osType", &Shape::OneOf(&["Linux"])),
        optional("caching", &CACHING),
        optional("diskSizeGB", &Shape::Int(1, 4_095)),
        optional("managedDisk", &MANAGED),
        optional("deleteOption", &DELETE),
    ],
};

const DATA_DISK: Object = Object {
    name: "VirtualMachineScaleSetDataDisk",
    fields: &[
        required("lun", &Shape::Int(0, 63)),
        required("createOption", &Shape::OneOf(&["Empty"])),
        optional("name", &Shape::Text),
        optional("caching", &CACHING),
        optional("diskSizeGB", &Shape::Int(1, 65_536)),
        optional("managedDisk", &MANAGED),
        optional("deleteOption", &DELETE),
    ],
};

const PUBLIC: Object = Object {
    name: "VirtualMachineScaleSetPublicIPAddressConfiguration",
    fields: &[
        required("name", &Shape::Text),
        optional(
            "properties",
            &Shape::Object(&Object {
                name: "VirtualMachineScaleSetPublicIPAddressConfigurationProperties",
                fields: &[
                    optional("idleTimeoutInMinutes", &Shape::Int(4, 32)),
                    optional("publicIPAddressVersion", &Shape::OneOf(&["IPv4"])),
                    optional("deleteOption", &DELETE),
                ],
            }),
        ),
        optional(
            "sku",
            &Shape::Object(&Object {
                name: "PublicIPAddressSku",
                fields: &[
                    required("name", &Shape::OneOf(&["Standard"])),
                    optional("tier", &Shape::OneOf(&["Regional"])),
                ],
            }),
        ),
    ],
};

const ADDRESS: Object = Object {
    name: "VirtualMachineScaleSetIPConfiguration",
    fields: &[
        required("name", &Shape::Text),
        required(
            "properties",
            &Shape::Object(&Object {
                name: "VirtualMachineScaleSetIPConfigurationProperties",
                fields: &[
                    required("subnet", &REFERENCE),
                    optional("primary", &Shape::Bool),
                    optional("publicIPAddressConfiguration", &Shape::Object(&PUBLIC)),
                    optional("privateIPAddressVersion", &Shape::OneOf(&["IPv4"])),
                    optional("applicationSecurityGroups", &REFERENCES),
                    optional("loadBalancerBackendAddressPools", &REFERENCES),
                ],
            }),
        ),
    ],
};

const NIC: Object = Object {
    name: "VirtualMachineScaleSetNetworkConfiguration",
    fields: &[
        required("name", &Shape::Text),
        required(
            "properties",
            &Shape::Object(&Object {
                name: "VirtualMachineScaleSetNetworkConfigurationProperties",
                fields: &[
                    required("ipConfigurations", &Shape::List(&Shape::Object(&ADDRESS))),
                    optional("primary", &Shape::Bool),
                    optional("enableAcceleratedNetworking", &Shape::Bool),
                    optional("enableIPForwarding", &Shape::Bool),
                    optional("disableTcpStateTracking", &Shape::Bool),
                    optional("networkSecurityGroup", &REFERENCE),
                    optional("deleteOption", &DELETE),
                ],
            }),
        ),
    ],
};

const LOGIN: Object = Object {
    name: "VirtualMachineScaleSetOSProfile",
    fields: &[
        optional("computerNamePrefix", &Shape::Text),
        optional("adminUsername", &Shape::Text),
        optional("customData", &Shape::Text),
        optional("linuxConfiguration", &LINUX),
        optional("allowExtensionOperations", &Shape::Bool),
    ],
};

const STORAGE: Object = Object {
    name: "VirtualMachineScaleSetStorageProfile",
    fields: &[
        optional("imageReference", &IMAGE),
        optional("osDisk", &Shape::Object(&OS_DISK)),
        optional("dataDisks", &Shape::List(&Shape::Object(&DATA_DISK))),
        optional("diskControllerType", &Shape::OneOf(&["SCSI", "NVMe"])),
    ],
};

const PROFILE: Object = Object {
    name: "VirtualMachineScaleSetVMProfile",
    fields: &[
        optional("osProfile", &Shape::Object(&LOGIN)),
        optional("storageProfile", &Shape::Object(&STORAGE)),
        optional(
            "networkProfile",
            &Shape::Object(&Object {
                name: "VirtualMachineScaleSetNetworkProfile",
                fields: &[
                    required("networkInterfaceConfigurations", &Shape::List(&Shape::Object(&NIC))),
                    required("networkApiVersion", &Shape::OneOf(&["2020-11-01", "2022-11-01"])),
                ],
            }),
        ),
        optional("securityProfile", &SECURITY),
        optional("diagnosticsProfile", &DIAGNOSTICS),
        optional("priority", &PRIORITY),
        optional("evictionPolicy", &EVICTION),
        optional("billingProfile", &BILLING),
        optional("userData", &Shape::Text),
        read_only("timeCreated"),
    ],
};

const MIX: Object = Object {
    name: "SkuProfile",
    fields: &[
        required(
            "vmSizes",
            &Shape::List(&Shape::Object(&Object {
                name: "SkuProfileVMSize",
                fields: &[required("name", &Shape::Text), optional("rank", &Shape::Int(0, 4))],
            })),
        ),
        optional("allocationStrategy", &Shape::OneOf(&["LowestPrice", "CapacityOptimized", "Prioritized"])),
    ],
};

const PROPERTIES: Object = Object {
    name: "VirtualMachineScaleSetProperties",
    fields: &[
        optional("orchestrationMode", &Shape::OneOf(&["Uniform", "Flexible"])),
        optional("platformFaultDomainCount", &Shape::Int(1, 5)),
        optional("singlePlacementGroup", &Shape::Bool),
        optional("zoneBalance", &Shape::Bool),
        optional("virtualMachineProfile", &Shape::Object(&PROFILE)),
        optional("skuProfile", &Shape::Object(&MIX)),
        optional(
            "priorityMixPolicy",
            &Shape::Object(&Object {
                name: "PriorityMixPolicy",
                fields: &[
                    optional("baseRegularPriorityCount", &Shape::Int(0, 1_000)),
                    optional("regularPriorityPercentageAboveBase", &Shape::Int(0, 100)),
                ],
            }),
        ),
        optional(
            "upgradePolicy",
            &Shape::Object(&Object { name: "UpgradePolicy", fields: &[optional("mode", &Shape::OneOf(&["Manual"]))] }),
        ),
        optional(
            "automaticRepairsPolicy",
            &Shape::Object(&Object { name: "AutomaticRepairsPolicy", fields: &[optional("enabled", &Shape::Bool)] }),
        ),
        read_only("provisioningState"),
        read_only("uniqueId"),
        read_only("timeCreated"),
        read_only("constrainedMaximumCapacity"),
    ],
};

const SKU: Shape = Shape::Object(&Object {
    name: "Sku",
    fields: &[
        optional("name", &Shape::Text),
        optional("tier", &Shape::Text),
        optional("capacity", &Shape::Int(0, 1_000)),
    ],
});

const SHAPE: Object = Object {
    name: "VirtualMachineScaleSet",
    fields: &[
        required("location", &Shape::Text),
        optional("tags", &Shape::Map),
        optional("sku", &SKU),
        optional("identity", &IDENTITY),
        optional("zones", &TEXTS),
        required("properties", &Shape::Object(&PROPERTIES)),
        read_only("id"),
        read_only("name"),
        read_only("type"),
        read_only("etag"),
    ],
};

const PATCH: Object = Object {
    name: "VirtualMachineScaleSetUpdate",
    fields: &[
        optional("tags", &Shape::Map),
        optional("sku", &SKU),
        optional("identity", &IDENTITY),
        optional("zones", &TEXTS),
        optional("properties", &Shape::Object(&PROPERTIES)),
    ],
};

/// `Microsoft.Compute/virtualMachineScaleSets`.
#[derive(Debug)]
pub struct ScaleSets;

impl Kind for ScaleSets {
    fn spec(&self) -> &'static Spec {
        const OWN: Spec = Spec {
            kind: "Microsoft.Compute/virtualMachineScaleSets",
            operations: "VirtualMachineScaleSets",
            shape: &SHAPE,
            patch: Some(("Update", &PATCH)),
            lists: ("List", Some("ListAll")),
            actions: &[("delete", "DeleteInstances")],
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
                "/properties/orchestrationMode",
                "/properties/platformFaultDomainCount",
                "/properties/virtualMachineProfile/priority",
                "/properties/virtualMachineProfile/osProfile/adminUsername",
                "/properties/virtualMachineProfile/osProfile/computerNamePrefix",
                "/properties/uniqueId",
                "/properties/timeCreated",
            ],
        )?;
        check_mode(&draft.body)?;
        let sizes = sizes(&draft.body)?;
        for vm_size in &sizes {
            check_hardware(vm_size, &draft.body["properties"]["virtualMachineProfile"])?;
        }
        check_spot(&draft.body["properties"])?;
        check_quota(cx, draft, &sizes)?;
        let profile = &mut draft.body["properties"]["virtualMachineProfile"];
        let data = take_login(profile, is_new)?;
        if is_new || !data.is_null() {
            draft.hidden["customData"] = data;
        }
        check_identities(cx, draft)?;
        check_network(cx, draft)?;
        let capacity = draft.before("/sku/capacity");
        if draft.body["sku"]["capacity"].is_null() {
            draft.body["sku"]["capacity"] = if capacity.is_null() { json!(0) } else { capacity };
        }
        if draft.body["sku"]["tier"].is_null() {
            draft.body["sku"]["tier"] = json!("Standard");
        }
        for (name, value) in [
            ("uniqueId", json!(cx.ids.uuid())),
            ("timeCreated", json!(timestamp(cx.now))),
            ("singlePlacementGroup", json!(false)),
            ("constrainedMaximumCapacity", json!(false)),
        ] {
            body::default(&mut draft.body, name, value);
        }
        draft.lasts = Some(cx.pace.asg_scale + cx.pace.instance_pending);
        Ok(())
    }

    fn delete(&self, cx: &mut Cx<'_>, _: &Resource) -> Result<Option<Millis>, ApiError> {
        Ok(Some(cx.pace.asg_scale + cx.pace.instance_stopping))
    }

    fn gone(&self, cx: &mut Cx<'_>, resource: &Resource) {
        scale_set_machines::remove_all(cx, &resource.id);
    }

    fn view(&self, cx: &Cx<'_>, _: &Resource, body: &mut Value) {
        show_identities(cx, body);
    }

    fn act(&self, cx: &mut Cx<'_>, request: &Request, set: &Resource, _: &str) -> Result<Outcome, ApiError> {
        const IDS: Object =
            Object { name: "VirtualMachineScaleSetVMInstanceRequiredIDs", fields: &[required("instanceIds", &TEXTS)] };
        request.only(&["forceDeletion"])?;
        let body = read(&request.body, &IDS, false)?;
        for name in list(&body, "/instanceIds") {
            scale_set_machines::remove_one(cx, &set.id, name.as_str().unwrap_or_default())?;
        }
        Ok(Outcome::Lasts(cx.pace.instance_stopping))
    }
}

/// Whether there is room for the machines that a set is to have.
fn check_quota(cx: &Cx<'_>, draft: &Draft, sizes: &[String]) -> Result<(), ApiError> {
    let Some(count) = draft.body["sku"]["capacity"].as_u64() else { return Ok(()) };
    let spot = draft.body["properties"]["virtualMachineProfile"]["priority"] == "Spot";
    let Some(size) = sizes.first() else { return Ok(()) };
    quota::check(cx, &draft.location, &Wish { user: &draft.id, size, count, spot })
}

/// The sizes of a set's machines.
pub fn sizes(body: &Value) -> Result<Vec<String>, ApiError> {
    let name = text(body, "/sku/name");
    let mix = &body["properties"]["skuProfile"];
    if mix.is_null() {
        if name.is_empty() || name == "Mix" {
            return Err(ApiError::parameter("sku.name", "Required parameter 'sku.name' is missing (null)."));
        }
        return Ok(vec![name.to_owned()]);
    }
    let sizes: Vec<String> = list(mix, "/vmSizes").iter().map(|size| text(size, "/name").to_owned()).collect();
    if name != "Mix" || !(1..=5).contains(&sizes.len()) {
        return Err(ApiError::parameter(
            "skuProfile",
            "A SKU profile goes with the SKU name 'Mix', and names one to five sizes.",
        ));
    }
    // The sizes of a mix have to take the same image.
    let found = sizes.iter().map(|name| size::find(name)).collect::<Result<Vec<_>, _>>()?;
    if found.iter().any(|size| size.arm != found[0].arm) {
        return Err(ApiError::parameter("skuProfile.vmSizes", "The sizes must have the same architecture."));
    }
    Ok(sizes)
}

fn check_mode(body: &Value) -> Result<(), ApiError> {
    let properties = &body["properties"];
    if properties["orchestrationMode"] != "Flexible" {
        return Err(ApiError::parameter(
            "orchestrationMode",
            "Only the orchestration mode Flexible is supported here.",
        ));
    }
    if properties["platformFaultDomainCount"].is_null() {
        return Err(ApiError::parameter(
            "platformFaultDomainCount",
            "Required parameter 'platformFaultDomainCount' is missing (null).",
        ));
    }
    if body["zones"].is_array() && properties["platformFaultDomainCount"] != 1 {
        return Err(ApiError::parameter(
            "platformFaultDomainCount",
            "A scale set with zones must have one fault domain.",
        ));
    }
    if properties["singlePlacementGroup"] == true {
        return Err(ApiError::parameter("singlePlacementGroup", "A flexible scale set has no single placement group."));
    }
    if properties["virtualMachineProfile"].is_null() {
        return Err(ApiError::parameter(
            "virtualMachineProfile",
            "Required parameter 'virtualMachineProfile' is missing (null).",
        ));
    }
    Ok(())
}

fn check_spot(properties: &Value) -> Result<(), ApiError> {
    let profile = &properties["virtualMachineProfile"];
    let spot = profile["priority"] == "Spot";
    for (name, value) in
        [("evictionPolicy", &profile["evictionPolicy"]), ("priorityMixPolicy", &properties["priorityMixPolicy"])]
    {
        if !spot && !value.is_null() {
            return Err(ApiError::parameter(name, format!("'{name}' can only be set when the priority is Spot.")));
        }
    }
    Ok(())
}

/// Checks the subnets, groups and pools that the machines will use.
fn check_network(cx: &Cx<'_>, draft: &Draft) -> Result<(), ApiError> {
    let profile = &draft.body["properties"]["virtualMachineProfile"];
    let nics = list(profile, "/networkProfile/networkInterfaceConfigurations");
    if nics.is_empty() {
        return Err(ApiError::parameter(
            "networkProfile",
            "Required parameter 'networkInterfaceConfigurations' is missing (null).",
        ));
    }
    // The same checks as of a network interface, since that is what each machine gets.
    let probe = Draft {
        id: draft.id.clone(),
        location: draft.location.clone(),
        body: json!({ "properties": profile["networkProfile"] }),
        hidden: json!({}),
        old: None,
        lasts: None,
        failure: None,
    };
    crate::azure::network::check_references(cx, &probe)
}
