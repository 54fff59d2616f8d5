//! Rules of network security groups.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::{SPEC, references};
use crate::azure::body::{self, Object, REFERENCE, Shape, TEXTS, list, optional, read_only, required, text};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::world::{Cx, Resource, key, parent_of};
use crate::clock::Millis;

const GROUPS: Shape = Shape::List(&REFERENCE);

/// What a rule has.
pub const PROPERTIES: Object = Object {
    name: "SecurityRulePropertiesFormat",
    fields: &[
        optional("description", &Shape::Text),
        required("protocol", &Shape::OneOf(&["Tcp", "Udp", "Icmp", "Esp", "*", "Ah"])),
        optional("sourcePortRange", &Shape::Text),
        optional("sourcePortRanges", &TEXTS),
        optional("destinationPortRange", &Shape::Text),
        optional("destinationPortRanges", &TEXTS),
        optional("sourceAddressPrefix", &Shape::Text),
        optional("sourceAddressPrefixes", &TEXTS),
        optional("sourceApplicationSecurityGroups", &GROUPS),
        optional("destinationAddressPrefix", &Shape::Text),
        optional("destinationAddressPrefixes", &TEXTS),
        optional("destinationApplicationSecurityGroups", &GROUPS),
        required("access", &Shape::OneOf(&["Allow", "Deny"])),
        required("priority", &Shape::Int(100, 4096)),
        required("direction", &Shape::OneOf(&["Inbound", "Outbound"])),
        read_only("provisioningState"),
    ],
};

const SHAPE: Object = Object {
    name: "SecurityRule",
    fields: &[
        required("properties", &Shape::Object(&PROPERTIES)),
        optional("name", &Shape::Text),
        read_only("id"),
        read_only("type"),
        read_only("etag"),
    ],
};

/// `Microsoft.Network/networkSecurityGroups/securityRules`.
#[derive(Debug)]
pub struct SecurityRules;

impl Kind for SecurityRules {
    fn spec(&self) -> &'static Spec {
        const OWN: Spec = Spec {
            kind: "Microsoft.Network/networkSecurityGroups/securityRules",
            operations: "SecurityRules",
            shape: &SHAPE,
            patch: None,
            lists: ("List", None),
            located: false,
            ..SPEC
        };
        &OWN
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        check(draft)?;
        let place = |body: &Value| (body["properties"]["priority"].clone(), body["properties"]["direction"].clone());
        let group = parent_of(&draft.id).to_owned();
        let others = cx.children(&group, self.spec().kind).filter(|other| key(&other.id) != key(&draft.id));
        if let Some(other) = others.into_iter().find(|other| place(&other.body) == place(&draft.body)) {
            return Err(ApiError::bad(
                "SecurityRuleConflict",
                format!(
                    "Security rule {} conflicts with rule {}. Rules cannot have the same Priority and Direction.",
                    draft.name(),
                    other.name()
                ),
            ));
        }
        // A rule has no region of its own; the groups that it names must be in its group's.
        draft.location = cx.find(&group).map(|group| group.location.clone()).unwrap_or_default();
        references::check(cx, draft)?;
        draft.location.clear();
        for name in ["sourcePortRanges", "destinationPortRanges", "sourceAddressPrefixes", "destinationAddressPrefixes"]
        {
            body::default(&mut draft.body, name, json!([]));
        }
        if let Some(body) = draft.body.as_object_mut() {
            body.remove("name");
        }
        let etag = cx.etag();
        if let Some(group) = cx.find_mut(&group) {
            group.etag = etag;
        }
        draft.lasts = Some(cx.pace.arm_operation);
        Ok(())
    }

    fn delete(&self, cx: &mut Cx<'_>, _: &Resource) -> Result<Option<Millis>, ApiError> {
        Ok(Some(cx.pace.arm_operation))
    }
}

/// Tags of services that stand for addresses.
const TAGS: [&str; 6] = ["*", "VirtualNetwork", "AzureLoadBalancer", "Internet", "Storage", "AzureCloud"];

/// Checks what a rule says of itself.
fn check(draft: &Draft) -> Result<(), ApiError> {
    let properties = &draft.body["properties"];
    let name = draft.name();
    let fault = |code: &str, what: String| Err(ApiError::bad(code, format!("Security rule {name}: {what}")));
    if text(properties, "/description").chars().count() > 140 {
        return fault("SecurityRuleInvalidDescription", "the description has more than 140 characters.".to_owned());
    }
    for side in ["source", "destination"] {
        let (one, many) = (format!("{side}PortRange"), format!("{side}PortRanges"));
        let ports = values(properties, &one, &many);
        if ports.is_empty() || (!properties[&one].is_null() && !list(properties, &format!("/{many}")).is_empty()) {
            return fault("SecurityRuleParameterNotSpecified", format!("give either {one} or {many}."));
        }
        if let Some(bad) = ports.iter().find(|ports| !is_ports(ports)) {
            return fault("SecurityRuleInvalidPortRange", format!("invalid value '{bad}' of {one}."));
        }
        let (one, many) = (format!("{side}AddressPrefix"), format!("{side}AddressPrefixes"));
        let prefixes = values(properties, &one, &many);
        let groups = list(properties, &format!("/{side}ApplicationSecurityGroups"));
        if prefixes.is_empty() == groups.is_empty() {
            return fault(
                "SecurityRuleParameterContainsUnsupportedValue",
                format!("give either {one}, {many} or application security groups."),
            );
        }
        let known = |prefix: &str| {
            prefix.parse::<IpAddr>().is_ok()
                || prefix.parse::<IpNet>().is_ok_and(|net| net.trunc() == net)
                || TAGS.iter().any(|tag| prefix == *tag || prefix.starts_with(&format!("{tag}.")))
        };
        if let Some(bad) = prefixes.iter().find(|prefix| !known(prefix)) {
            return fault("SecurityRuleInvalidAddressPrefix", format!("invalid address prefix '{bad}'."));
        }
        if prefixes.len() > 1 && prefixes.iter().any(|prefix| TAGS.contains(&prefix.as_str())) {
            return fault("SecurityRuleInvalidAddressPrefix", "a service tag cannot stand in a list.".to_owned());
        }
    }
    Ok(())
}

fn values(properties: &Value, one: &str, many: &str) -> Vec<String> {
    let many = list(properties, &format!("/{many}")).iter();
    properties[one].as_str().into_iter().chain(many.filter_map(Value::as_str)).map(str::to_owned).collect()
}

fn is_ports(written: &str) -> bool {
    let port = |text: &str| text.parse::<u16>().ok();
    match written.split_once('-') {
        _ if written == "*" => true,
        Some((low, high)) => matches!((port(low), port(high)), (Some(low), Some(high)) if low <= high),
        None => port(written).is_some(),
    }
}
