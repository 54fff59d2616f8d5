//! `Microsoft.Network`.

mod address;
mod application_security_group;
mod children;
mod load_balancer;
mod nat_gateway;
mod network_interface;
mod public_ip;
mod references;
mod route_table;
mod rules;
mod security_group;
mod subnet;
#[cfg(test)]
mod tests;
mod virtual_network;

use serde_json::{Value, json};

use super::Service;
use super::body::{Object, Shape, optional};
use super::error::ApiError;
use super::kind::Spec;
use super::route::Route;
use super::world::{Cx, Resource};

pub use self::network_interface::NetworkInterfaces;
pub use self::public_ip::PublicAddresses;
pub use self::references::check as check_references;

/// The service.
pub const SERVICE: Service = Service {
    namespace: "Microsoft.Network",
    // The private zones of this provider have versions of their own.
    versions: &[
        "2024-03-01",
        "2024-05-01",
        "2024-07-01",
        "2024-10-01",
        "2025-01-01",
        "2025-03-01",
        "2025-05-01",
        "2020-06-01",
        "2024-06-01",
    ],
    kinds: &[
        &virtual_network::VirtualNetworks,
        &subnet::Subnets,
        &security_group::SecurityGroups,
        &rules::SecurityRules,
        &application_security_group::ApplicationSecurityGroups,
        &route_table::RouteTables,
        &public_ip::PublicAddresses,
        &nat_gateway::NatGateways,
        &network_interface::NetworkInterfaces,
        &load_balancer::LoadBalancers,
    ],
    special,
};

fn special(_: &super::request::Request) -> Option<Route> {
    None
}

/// What PATCH may change.
const TAGS: Object = Object { name: "TagsObject", fields: &[optional("tags", &Shape::Map)] };

/// What the kinds of this provider have in common.
const SPEC: Spec =
    Spec { patch: Some(("UpdateTags", &TAGS)), lists: ("List", Some("ListAll")), etag: true, ..Spec::BASE };

/// Refuses a deletion while others refer to the resource.
fn unused(cx: &Cx<'_>, resource: &Resource, code: &str) -> Result<(), ApiError> {
    match cx.users(&resource.id).first() {
        Some(user) => Err(ApiError::bad(code, format!("{} is in use by {user} and cannot be deleted.", resource.id))),
        None => Ok(()),
    }
}

/// Gives the children in a list of a body what they show: id, type, version and state.
fn show_children(body: &mut Value, resource: &Resource, list: &str) {
    let state = body["properties"]["provisioningState"].clone();
    let Some(children) = body["properties"][list].as_array_mut() else { return };
    for child in children {
        child["id"] = json!(format!("{}/{list}/{}", resource.id, child["name"].as_str().unwrap_or_default()));
        child["etag"] = json!(resource.etag);
        child["type"] = json!(format!("{}/{list}", resource.kind));
        child["properties"]["provisioningState"] = state.clone();
    }
}

/// Refuses children without a name, or with one that another has.
fn check_names(children: &[Value], what: &str) -> Result<(), ApiError> {
    let mut seen: Vec<String> = Vec::new();
    for child in children {
        let name = child["name"].as_str().unwrap_or_default().to_lowercase();
        if name.is_empty() {
            return Err(ApiError::bad("MissingJsonProperty", format!("A property 'name' is missing in {what}.")));
        }
        if seen.contains(&name) {
            return Err(ApiError::bad(
                "DuplicateResourceName",
                format!("Resource has two child resources named {name} in {what}."),
            ));
        }
        seen.push(name);
    }
    Ok(())
}
