//! Network interfaces.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::address::{assign, check_public};
use super::{SPEC, check_names, references, show_children};
use crate::azure::body::{
    self, Object, REFERENCE, REFERENCES, Shape, TEXTS, list, optional, read_only, required, text,
};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::world::{Cx, Resource, key, parent_of};
use crate::clock::Millis;

/// An address configuration's properties, of a NIC.
const CONFIGURATION: Object = Object {
    name: "NetworkInterfaceIPConfigurationPropertiesFormat",
    fields: &[
        required("subnet", &REFERENCE),
        optional("privateIPAddress", &Shape::Text),
        optional("privateIPAllocationMethod", &Shape::OneOf(&["Static", "Dynamic"])),
        optional("privateIPAddressVersion", &Shape::OneOf(&["IPv4"])),
        optional("primary", &Shape::Bool),
        optional("publicIPAddress", &REFERENCE),
        optional("applicationSecurityGroups", &REFERENCES),
        optional("loadBalancerBackendAddressPools", &REFERENCES),
        read_only("privateLinkConnectionProperties"),
        read_only("provisioningState"),
    ],
};

const PROPERTIES: Object = Object {
    name: "NetworkInterfacePropertiesFormat",
    fields: &[
        required(
            "ipConfigurations",
            &Shape::List(&Shape::Object(&Object {
                name: "NetworkInterfaceIPConfiguration",
                fields: &[
                    required("name", &Shape::Text),
                    required("properties", &Shape::Object(&CONFIGURATION)),
                    read_only("id"),
                    read_only("type"),
                    read_only("etag"),
                ],
            })),
        ),
        optional("networkSecurityGroup", &REFERENCE),
        optional(
            "dnsSettings",
            &Shape::Object(&Object {
                name: "NetworkInterfaceDnsSettings",
                fields: &[
                    optional("dnsServers", &TEXTS),
                    optional("internalDnsNameLabel", &Shape::Text),
                    read_only("appliedDnsServers"),
                    read_only("internalFqdn"),
                    read_only("internalDomainNameSuffix"),
                ],
            }),
        ),
        optional("enableAcceleratedNetworking", &Shape::Bool),
        optional("enableIPForwarding", &Shape::Bool),
        optional("disableTcpStateTracking", &Shape::Bool),
        optional("nicType", &Shape::OneOf(&["Standard"])),
        optional("auxiliaryMode", &Shape::OneOf(&["None"])),
        optional("auxiliarySku", &Shape::OneOf(&["None"])),
        read_only("virtualMachine"),
        read_only("privateEndpoint"),
        read_only("tapConfigurations"),
        read_only("macAddress"),
        read_only("primary"),
        read_only("vnetEncryptionSupported"),
        read_only("defaultOutboundConnectivityEnabled"),
        read_only("hostedWorkloads"),
        read_only("dscpConfiguration"),
        read_only("resourceGuid"),
        read_only("provisioningState"),
    ],
};

const SHAPE: Object = Object {
    name: "NetworkInterface",
    fields: &[
        required("location", &Shape::Text),
        optional("tags", &Shape::Map),
        required("properties", &Shape::Object(&PROPERTIES)),
        read_only("id"),
        read_only("name"),
        read_only("type"),
        read_only("etag"),
    ],
};

/// `Microsoft.Network/networkInterfaces`.
#[derive(Debug)]
pub struct NetworkInterfaces;

impl Kind for NetworkInterfaces {
    fn spec(&self) -> &'static Spec {
        const OWN: Spec = Spec {
            kind: "Microsoft.Network/networkInterfaces",
            operations: "NetworkInterfaces",
            shape: &SHAPE,
            query: &["$expand"],
            ..SPEC
        };
        &OWN
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        check_names(list(&draft.body, "/properties/ipConfigurations"), "ipConfigurations")?;
        references::check(cx, draft)?;
        let owner = draft.id.clone();
        let mut configurations = list(&draft.body, "/properties/ipConfigurations").to_vec();
        if configurations.is_empty() {
            return Err(ApiError::bad(
                "NetworkInterfaceMustHaveAtLeastOneIpConfiguration",
                format!("Network interface {owner} must have one or more IP configurations."),
            ));
        }
        if configurations.len() == 1 {
            configurations[0]["properties"]["primary"] = json!(true);
        }
        if configurations.iter().filter(|one| one["properties"]["primary"] == true).count() != 1 {
            return Err(ApiError::bad(
                "NicMustHaveExactlyOnePrimaryIpConfiguration",
                format!("Network interface {owner} must have exactly one primary IP configuration."),
            ));
        }
        let mut own: Vec<Ipv4Addr> = Vec::new();
        for configuration in &mut configurations {
            let before = list(draft.old.as_ref().map_or(&Value::Null, |old| &old.body), "/properties/ipConfigurations");
            let before = before.iter().find(|old| old["name"] == configuration["name"]);
            if let Some(before) = before.filter(|_| configuration["properties"]["privateIPAddress"].is_null()) {
                configuration["properties"]["privateIPAddress"] = before["properties"]["privateIPAddress"].clone();
            }
            own.push(assign(cx, &owner, configuration, &own)?);
            if configuration["properties"]["privateIPAddressVersion"].is_null() {
                configuration["properties"]["privateIPAddressVersion"] = json!("IPv4");
            }
            let public = text(configuration, "/properties/publicIPAddress/id");
            if !public.is_empty() {
                check_public(cx, &owner, public)?;
            }
        }
        body::set(&mut draft.body, "ipConfigurations", Value::Array(configurations));
        for (name, value) in [
            ("enableAcceleratedNetworking", json!(false)),
            ("enableIPForwarding", json!(false)),
            ("nicType", json!("Standard")),
            ("dnsSettings", json!({ "dnsServers": [], "appliedDnsServers": [] })),
            ("macAddress", draft.before("/properties/macAddress")),
            ("resourceGuid", draft.before("/properties/resourceGuid")),
        ] {
            body::default(&mut draft.body, name, value);
        }
        body::default(&mut draft.body, "resourceGuid", json!(cx.ids.uuid()));
        let mac = format!("00-0D-3A-{}", cx.ids.hex(6).to_uppercase());
        body::default(&mut draft.body, "macAddress", json!(format!("{}-{}-{}", &mac[..11], &mac[11..13], &mac[13..])));
        draft.lasts = Some(cx.pace.arm_operation);
        Ok(())
    }

    fn delete(&self, cx: &mut Cx<'_>, resource: &Resource) -> Result<Option<Millis>, ApiError> {
        match machine(cx, &resource.id) {
            Some(machine) => Err(ApiError::bad(
                "NicInUse",
                format!(
                    "Network Interface {} is used by existing resource {machine}. In order to delete the network \
                     interface, it must be dissociated from the resource.",
                    resource.id
                ),
            )),
            None => Ok(Some(cx.pace.network_interface_detaching)),
        }
    }

    fn view(&self, cx: &Cx<'_>, resource: &Resource, body: &mut Value) {
        show_children(body, resource, "ipConfigurations");
        if let Some(machine) = machine(cx, &resource.id) {
            body::set(body, "primary", json!(true));
            body::set(body, "virtualMachine", json!({ "id": machine }));
        }
        body::set(body, "tapConfigurations", json!([]));
    }
}

/// The machine that has a NIC.
pub fn machine(cx: &Cx<'_>, id: &str) -> Option<String> {
    cx.users(id).into_iter().find(|user| user.contains("/virtualMachines/"))
}

/// Takes a load balancer's pools out of every NIC, since it is gone.
pub fn leave(cx: &mut Cx<'_>, balancer: &str) {
    let gone = |pool: &Value| key(parent_of(text(pool, "/id"))) == key(balancer);
    for user in cx.users(balancer) {
        let Some(resource) = cx.find_mut(&user) else { continue };
        let Some(configurations) = resource.body["properties"]["ipConfigurations"].as_array_mut() else { continue };
        for configuration in configurations {
            if let Some(pools) = configuration["properties"]["loadBalancerBackendAddressPools"].as_array_mut() {
                pools.retain(|pool| !gone(pool));
            }
        }
    }
}
