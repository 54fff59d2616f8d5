//! References from one network resource to another.

use serde_json::Value;

use crate::azure::error::ApiError;
use crate::azure::kind::Draft;
use crate::azure::world::{Cx, key};

/// The type that a property refers to, as the ids of that type have it.
const TARGETS: [(&str, &str); 8] = [
    ("networkSecurityGroup", "/networksecuritygroups/"),
    ("routeTable", "/routetables/"),
    ("natGateway", "/natgateways/"),
    ("publicIPAddress", "/publicipaddresses/"),
    ("publicIpAddresses", "/publicipaddresses/"),
    ("applicationSecurityGroups", "/applicationsecuritygroups/"),
    ("loadBalancerBackendAddressPools", "/backendaddresspools/"),
    ("subnet", "/subnets/"),
];

/// Checks everything that a draft refers to: it must be of the right type, exist, be in the same region and be done.
pub fn check(cx: &Cx<'_>, draft: &Draft) -> Result<(), ApiError> {
    walk(&draft.body, "", &mut |property, id| check_one(cx, draft, property, id))
}

fn walk(
    body: &Value,
    property: &str,
    found: &mut dyn FnMut(&str, &str) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    match body {
        Value::Object(map) => map.iter().try_for_each(|(name, value)| match value.as_str() {
            Some(id) if name == "id" => found(property, id),
            _ => walk(value, name, found),
        }),
        Value::Array(items) => items.iter().try_for_each(|item| walk(item, property, found)),
        _ => Ok(()),
    }
}

fn check_one(cx: &Cx<'_>, draft: &Draft, property: &str, id: &str) -> Result<(), ApiError> {
    let wanted = key(id);
    let own = format!("{}/", key(&draft.id));
    let segments: Vec<&str> = wanted.split('/').collect();
    if !wanted.starts_with("/subscriptions/") || segments.len() < 9 || segments.len().is_multiple_of(2) {
        return Err(ApiError::bad(
            "LinkedInvalidPropertyId",
            format!(
                "Property id '{id}' at path 'properties.{property}.id' is invalid. Expect fully qualified resource Id \
                 that start with '/subscriptions/{{subscriptionId}}' or '/providers/{{resourceProviderNamespace}}/'."
            ),
        ));
    }
    let misses = || ApiError::no_reference(id, &draft.id);
    if let Some((_, kind)) = TARGETS.iter().find(|(name, _)| *name == property)
        && !wanted.contains(kind)
    {
        return Err(ApiError::bad(
            "InvalidRequestFormat",
            format!("Cannot parse the request. Resource {id} is not of the type that '{property}' needs."),
        ));
    }
    // What the resource itself holds is its own affair: a rule's front end, an address configuration.
    if wanted.starts_with(&own) {
        return child_exists(&draft.body, &wanted[own.len()..]).then_some(()).ok_or_else(misses);
    }
    if let Some(resource) = cx.find(&wanted) {
        let subnet = resource.kind == "Microsoft.Network/virtualNetworks/subnets";
        let location = if subnet { home(cx, &resource.id) } else { resource.location.clone() };
        let here = if draft.location.is_empty() { home(cx, &draft.id) } else { draft.location.clone() };
        if location != here {
            return Err(misses());
        }
        return if resource.is_busy() { Err(ApiError::not_provisioned(id, &draft.id)) } else { Ok(()) };
    }
    // A child that lives in its parent's body.
    let (parent, child) = segments.split_at(segments.len() - 2);
    let parent = cx.find(&parent.join("/")).ok_or_else(misses)?;
    if !child_exists(&parent.body, &child.join("/")) || parent.location != draft.location {
        return Err(misses());
    }
    if parent.is_busy() { Err(ApiError::not_provisioned(id, &draft.id)) } else { Ok(()) }
}

/// The region of a child: its parent's.
fn home(cx: &Cx<'_>, id: &str) -> String {
    cx.find(crate::azure::world::parent_of(id)).map(|parent| parent.location.clone()).unwrap_or_default()
}

/// Whether a body has a child at a type and name in lower case.
fn child_exists(body: &Value, path: &str) -> bool {
    let Some((kind, name)) = path.split_once('/') else { return false };
    let properties = body["properties"].as_object();
    let list = properties.and_then(|all| all.iter().find(|(list, _)| list.eq_ignore_ascii_case(kind)));
    let children = list.and_then(|(_, list)| list.as_array());
    children.is_some_and(|all| {
        all.iter().any(|child| child["name"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(name)))
    })
}
