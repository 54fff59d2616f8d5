//! Load balancers.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::address::{assign, check_public};
use super::{SPEC, check_names, network_interface, references, show_children};
use crate::azure::body::{
    self, Object, REFERENCE, REFERENCES, Shape, TEXTS, list, optional, read_only, required, text,
};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::world::{Cx, Resource, key};
use crate::clock::Millis;

const PORT: Shape = Shape::Int(1, 65_534);

const FRONTEND: Object = Object {
    name: "FrontendIPConfiguration",
    fields: &[
        required("name", &Shape::Text),
        required(
            "properties",
            &Shape::Object(&Object {
                name: "FrontendIPConfigurationPropertiesFormat",
                fields: &[
                    optional("privateIPAddress", &Shape::Text),
                    optional("privateIPAllocationMethod", &Shape::OneOf(&["Static", "Dynamic"])),
                    optional("privateIPAddressVersion", &Shape::OneOf(&["IPv4"])),
                    optional("subnet", &REFERENCE),
                    optional("publicIPAddress", &REFERENCE),
                    read_only("inboundNatRules"),
                    read_only("inboundNatPools"),
                    read_only("outboundRules"),
                    read_only("loadBalancingRules"),
                    read_only("provisioningState"),
                ],
            }),
        ),
        optional("zones", &TEXTS),
        read_only("id"),
        read_only("type"),
        read_only("etag"),
    ],
};

const POOL: Object = Object {
    name: "BackendAddressPool",
    fields: &[
        required("name", &Shape::Text),
        optional(
            "properties",
            &Shape::Object(&Object {
                name: "BackendAddressPoolPropertiesFormat",
                fields: &[
                    optional("drainPeriodInSeconds", &Shape::Int(0, 600)),
                    read_only("loadBalancerBackendAddresses"),
                    read_only("backendIPConfigurations"),
                    read_only("loadBalancingRules"),
                    read_only("outboundRule"),
                    read_only("outboundRules"),
                    read_only("inboundNatRules"),
                    read_only("provisioningState"),
                ],
            }),
        ),
        read_only("id"),
        read_only("type"),
        read_only("etag"),
    ],
};

const PROBE: Object = Object {
    name: "Probe",
    fields: &[
        required("name", &Shape::Text),
        required(
            "properties",
            &Shape::Object(&Object {
                name: "ProbePropertiesFormat",
                fields: &[
                    required("protocol", &Shape::OneOf(&["Http", "Tcp", "Https"])),
                    required("port", &Shape::Int(1, 65_535)),
                    optional("intervalInSeconds", &Shape::Int(5, i64::MAX)),
                    optional("noHealthyBackendsBehavior", &Shape::OneOf(&["AllProbedDown", "AllProbedUp"])),
                    optional("numberOfProbes", &Shape::Int(1, 120)),
                    optional("probeThreshold", &Shape::Int(1, 100)),
                    optional("requestPath", &Shape::Text),
                    read_only("loadBalancingRules"),
                    read_only("provisioningState"),
                ],
            }),
        ),
        read_only("id"),
        read_only("type"),
        read_only("etag"),
    ],
};

const RULE: Object = Object {
    name: "LoadBalancingRule",
    fields: &[
        required("name", &Shape::Text),
        required(
            "properties",
            &Shape::Object(&Object {
                name: "LoadBalancingRulePropertiesFormat",
                fields: &[
                    required("frontendIPConfiguration", &REFERENCE),
                    optional("backendAddressPool", &REFERENCE),
                    optional("backendAddressPools", &REFERENCES),
                    optional("probe", &REFERENCE),
                    required("protocol", &Shape::OneOf(&["Udp", "Tcp", "All"])),
                    required("frontendPort", &Shape::Int(0, 65_534)),
                    optional("backendPort", &Shape::Int(0, 65_535)),
                    optional("loadDistribution", &Shape::OneOf(&["Default", "SourceIP", "SourceIPProtocol"])),
                    optional("idleTimeoutInMinutes", &Shape::Int(4, 100)),
                    optional("enableFloatingIP", &Shape::Bool),
                    optional("enableTcpReset", &Shape::Bool),
                    optional("disableOutboundSnat", &Shape::Bool),
                    optional("enableConnectionTracking", &Shape::Bool),
                    read_only("provisioningState"),
                ],
            }),
        ),
        read_only("id"),
        read_only("type"),
        read_only("etag"),
    ],
};

const OUTBOUND: Object = Object {
    name: "OutboundRule",
    fields: &[
        required("name", &Shape::Text),
        required(
            "properties",
            &Shape::Object(&Object {
                name: "OutboundRulePropertiesFormat",
                fields: &[
                    required("frontendIPConfigurations", &REFERENCES),
                    required("backendAddressPool", &REFERENCE),
                    required("protocol", &Shape::OneOf(&["Tcp", "Udp", "All"])),
                    optional("allocatedOutboundPorts", &Shape::Int(0, 64_000)),
                    optional("enableTcpReset", &Shape::Bool),
                    optional("idleTimeoutInMinutes", &Shape::Int(4, 100)),
                    read_only("provisioningState"),
                ],
            }),
        ),
        read_only("id"),
        read_only("type"),
        read_only("etag"),
    ],
};

const NAT_RULE: Object = Object {
    name: "InboundNatRule",
    fields: &[
        required("name", &Shape::Text),
        required(
            "properties",
            &Shape::Object(&Object {
                name: "InboundNatRulePropertiesFormat",
                fields: &[
                    required("frontendIPConfiguration", &REFERENCE),
                    required("protocol", &Shape::OneOf(&["Udp", "Tcp", "All"])),
                    required("frontendPort", &PORT),
                    required("backendPort", &Shape::Int(1, 65_535)),
                    optional("idleTimeoutInMinutes", &Shape::Int(4, 30)),
                    optional("enableTcpReset", &Shape::Bool),
                    read_only("backendIPConfiguration"),
                    read_only("provisioningState"),
                ],
            }),
        ),
        read_only("id"),
        read_only("type"),
        read_only("etag"),
    ],
};

const SHAPE: Object = Object {
    name: "LoadBalancer",
    fields: &[
        required("location", &Shape::Text),
        optional("tags", &Shape::Map),
        optional(
            "sku",
            &Shape::Object(&Object {
                name: "LoadBalancerSku",
                fields: &[
                    required("name", &Shape::OneOf(&["Basic", "Standard", "Gateway"])),
                    optional("tier", &Shape::OneOf(&["Regional", "Global"])),
                ],
            }),
        ),
        optional(
            "properties",
            &Shape::Object(&Object {
                name: "LoadBalancerPropertiesFormat",
                fields: &[
                    optional("frontendIPConfigurations", &Shape::List(&Shape::Object(&FRONTEND))),
                    optional("backendAddressPools", &Shape::List(&Shape::Object(&POOL))),
                    optional("probes", &Shape::List(&Shape::Object(&PROBE))),
                    optional("loadBalancingRules", &Shape::List(&Shape::Object(&RULE))),
                    optional("outboundRules", &Shape::List(&Shape::Object(&OUTBOUND))),
                    optional("inboundNatRules", &Shape::List(&Shape::Object(&NAT_RULE))),
                    read_only("inboundNatPools"),
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

/// The lists of children that a load balancer has in its body.
const LISTS: [&str; 6] = [
    "frontendIPConfigurations",
    "backendAddressPools",
    "probes",
    "loadBalancingRules",
    "outboundRules",
    "inboundNatRules",
];

/// `Microsoft.Network/loadBalancers`.
#[derive(Debug)]
pub struct LoadBalancers;

impl Kind for LoadBalancers {
    fn spec(&self) -> &'static Spec {
        const OWN: Spec = Spec {
            kind: "Microsoft.Network/loadBalancers",
            operations: "LoadBalancers",
            shape: &SHAPE,
            query: &["$expand"],
            ..SPEC
        };
        &OWN
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        // Without a sku the service takes Basic, of which there can be no new ones since September 2025.
        if text(&draft.body, "/sku/name") != "Standard" {
            return Err(ApiError::bad(
                "BasicSkuLoadBalancerNotSupported",
                format!("Basic SKU load balancers have been retired. Use the Standard SKU for {}.", draft.id),
            ));
        }
        if draft.body["sku"]["tier"].is_null() {
            draft.body["sku"]["tier"] = json!("Regional");
        }
        for name in LISTS {
            check_names(list(&draft.body, &format!("/properties/{name}")), name)?;
            body::default(&mut draft.body, name, json!([]));
        }
        references::check(cx, draft)?;
        frontends(cx, draft)?;
        check_rules(draft)?;
        check_pools(cx, draft)?;
        let guid = match draft.before("/properties/resourceGuid") {
            Value::Null => json!(cx.ids.uuid()),
            guid => guid,
        };
        body::set(&mut draft.body, "resourceGuid", guid);
        draft.lasts = Some(cx.pace.load_balancer_provisioning);
        Ok(())
    }

    fn delete(&self, cx: &mut Cx<'_>, resource: &Resource) -> Result<Option<Millis>, ApiError> {
        match cx.users(&resource.id).into_iter().find(|user| user.contains("/virtualMachineScaleSets/")) {
            Some(set) => Err(ApiError::bad(
                "LoadBalancerInUseByVirtualMachineScaleSet",
                format!("Cannot delete load balancer {} since its child resources are in use by {set}.", resource.id),
            )),
            None => Ok(Some(cx.pace.load_balancer_deleting)),
        }
    }

    fn gone(&self, cx: &mut Cx<'_>, resource: &Resource) {
        network_interface::leave(cx, &resource.id);
    }

    fn view(&self, cx: &Cx<'_>, resource: &Resource, body: &mut Value) {
        for list in LISTS {
            show_children(body, resource, list);
        }
        let members = members(cx, &resource.id);
        for pool in body["properties"]["backendAddressPools"].as_array_mut().into_iter().flatten() {
            let id = key(text(pool, "/id"));
            let own: Vec<Value> = members
                .iter()
                .filter(|(pool, _)| *pool == id)
                .map(|(_, configuration)| json!({ "id": configuration }))
                .collect();
            if !own.is_empty() {
                pool["properties"]["backendIPConfigurations"] = Value::Array(own);
            }
        }
        let rules = list(body, "/properties/loadBalancingRules").to_vec();
        for (list, property) in [
            ("frontendIPConfigurations", "frontendIPConfiguration"),
            ("backendAddressPools", "backendAddressPool"),
            ("probes", "probe"),
        ] {
            for child in body["properties"][list].as_array_mut().into_iter().flatten() {
                let id = key(text(child, "/id"));
                let refers = |rule: &&Value| key(text(rule, &format!("/properties/{property}/id"))) == id;
                let own: Vec<Value> = rules.iter().filter(refers).map(|rule| json!({ "id": rule["id"] })).collect();
                if !own.is_empty() {
                    child["properties"]["loadBalancingRules"] = Value::Array(own);
                }
            }
        }
        body::set(body, "inboundNatPools", json!([]));
    }
}

/// Checks the front ends and gives the internal ones their addresses.
fn frontends(cx: &Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
    let mut frontends = list(&draft.body, "/properties/frontendIPConfigurations").to_vec();
    let mut own: Vec<Ipv4Addr> = Vec::new();
    for frontend in &mut frontends {
        let name = text(frontend, "/name").to_owned();
        let public = text(frontend, "/properties/publicIPAddress/id").to_owned();
        let internal = !frontend["properties"]["subnet"].is_null();
        if internal != public.is_empty() {
            return Err(ApiError::bad(
                "LoadBalancerFrontendIPConfigurationMustReferenceSubnetOrPublicIP",
                format!("Frontend {name} of {} must refer to a subnet or to a public IP address.", draft.id),
            ));
        }
        if !internal {
            check_public(cx, &draft.id, &public)?;
            frontend["properties"]["privateIPAllocationMethod"] = json!("Dynamic");
            continue;
        }
        let before =
            list(draft.old.as_ref().map_or(&Value::Null, |old| &old.body), "/properties/frontendIPConfigurations");
        let before = before.iter().find(|old| text(old, "/name") == name);
        if let Some(before) = before.filter(|_| frontend["properties"]["privateIPAddress"].is_null()) {
            frontend["properties"]["privateIPAddress"] = before["properties"]["privateIPAddress"].clone();
        }
        own.push(assign(cx, &draft.id, frontend, &own)?);
        if frontend["properties"]["privateIPAddressVersion"].is_null() {
            frontend["properties"]["privateIPAddressVersion"] = json!("IPv4");
        }
    }
    body::set(&mut draft.body, "frontendIPConfigurations", Value::Array(frontends));
    Ok(())
}

/// Checks rules and probes against each other.
fn check_rules(draft: &mut Draft) -> Result<(), ApiError> {
    for probe in list(&draft.body, "/properties/probes") {
        let path = !probe["properties"]["requestPath"].is_null();
        if path == (text(probe, "/properties/protocol") == "Tcp") {
            return Err(ApiError::bad(
                "LoadBalancerProbeRequestPathMismatch",
                format!(
                    "Probe {} of {}: a path goes with HTTP and HTTPS, and is needed there.",
                    text(probe, "/name"),
                    draft.id
                ),
            ));
        }
    }
    let mut seen: Vec<(String, Value, Value)> = Vec::new();
    for rule in list(&draft.body, "/properties/loadBalancingRules") {
        let properties = &rule["properties"];
        let own = (
            key(text(properties, "/frontendIPConfiguration/id")),
            properties["protocol"].clone(),
            properties["frontendPort"].clone(),
        );
        if seen.contains(&own) {
            return Err(ApiError::bad(
                "RulesUseSameFrontendPortProtocolAndIPConfig",
                format!("Load balancing rules of {} use the same port, protocol and front end.", draft.id),
            ));
        }
        seen.push(own);
        if properties["backendPort"].is_null() {
            return Err(ApiError::bad(
                "LoadBalancerBackendPortMissing",
                format!("A rule of {} has no backend port.", draft.id),
            ));
        }
    }
    for rule in draft.body["properties"]["loadBalancingRules"].as_array_mut().into_iter().flatten() {
        let properties = &mut rule["properties"];
        for (name, value) in [
            ("loadDistribution", json!("Default")),
            ("idleTimeoutInMinutes", json!(4)),
            ("enableFloatingIP", json!(false)),
            ("enableTcpReset", json!(false)),
            ("disableOutboundSnat", json!(false)),
        ] {
            if properties[name].is_null() {
                properties[name] = value;
            }
        }
        if properties["backendAddressPools"].is_null() && properties["backendAddressPool"].is_object() {
            properties["backendAddressPools"] = json!([properties["backendAddressPool"].clone()]);
        }
    }
    for probe in draft.body["properties"]["probes"].as_array_mut().into_iter().flatten() {
        for (name, value) in
            [("intervalInSeconds", json!(15)), ("numberOfProbes", json!(2)), ("probeThreshold", json!(1))]
        {
            if probe["properties"][name].is_null() {
                probe["properties"][name] = value;
            }
        }
    }
    Ok(())
}

/// Refuses to take away a pool that has members.
fn check_pools(cx: &Cx<'_>, draft: &Draft) -> Result<(), ApiError> {
    for (pool, member) in members(cx, &draft.id) {
        let name = crate::azure::world::name_of(&pool);
        let kept = list(&draft.body, "/properties/backendAddressPools");
        if !kept.iter().any(|kept| text(kept, "/name").eq_ignore_ascii_case(name)) {
            return Err(ApiError::bad(
                "InUseBackendAddressPoolCannotBeDeleted",
                format!("Backend address pool {pool} is in use by {member} and cannot be deleted."),
            ));
        }
    }
    Ok(())
}

/// The address configurations in the pools of a load balancer: the pool's id in lower case, and the configuration's.
fn members(cx: &Cx<'_>, balancer: &str) -> Vec<(String, String)> {
    let within = format!("{}/", key(balancer));
    let mut all = Vec::new();
    for nic in cx.of_kind("Microsoft.Network/networkInterfaces") {
        for configuration in list(&nic.body, "/properties/ipConfigurations") {
            for pool in list(configuration, "/properties/loadBalancerBackendAddressPools") {
                let pool = key(text(pool, "/id"));
                if pool.starts_with(&within) {
                    all.push((pool, format!("{}/ipConfigurations/{}", nic.id, text(configuration, "/name"))));
                }
            }
        }
    }
    all
}
