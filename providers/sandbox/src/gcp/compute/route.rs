//! Routes: those that every network has, to the internet and to its subnetworks. They come and go with these.

use serde_json::{Value, json};

use super::path::{Path, url};
use super::{place, subnetwork};
use crate::gcp::error::ApiError;
use crate::gcp::page::{LIST_QUERY, page};
use crate::gcp::request::Request;
use crate::gcp::world::{Cx, Item};

fn all(cx: &Cx<'_>, project: &str) -> Vec<(String, Value)> {
    let prefix = format!("projects/{project}/global/networks/");
    let mut routes = Vec::new();
    for (network, item) in cx.world.under(&prefix) {
        let gateway = url(&format!("projects/{project}/global/gateways/default-internet-gateway"));
        let internet = json!({ "nextHopGateway": gateway });
        routes.push(route(project, network, network, item, ("0.0.0.0/0", 1000, internet)));
        for (key, subnetwork) in subnetwork::of_network(cx, &url(network)) {
            let local = json!({ "nextHopNetwork": url(network) });
            routes.push(route(project, network, key, subnetwork, (subnetwork.text("ipCidrRange"), 0, local)));
        }
    }
    routes.sort_by(|(one, _), (other, _)| one.cmp(other));
    routes
}

fn route(project: &str, network: &str, of: &str, item: &Item, to: (&str, u32, Value)) -> (String, Value) {
    let (range, priority, hop) = to;
    let number = place::number_of(&format!("{of} {}", item.text("id")));
    let name = format!("default-route-r-{number:0>16.16}");
    let mut view = json!({
        "kind": "compute#route",
        "id": number,
        "creationTimestamp": item.text("creationTimestamp"),
        "name": name,
        "description": "Default route.",
        "network": url(network),
        "destRange": range,
        "priority": priority,
        "routeStatus": "ACTIVE",
        "selfLink": url(&format!("projects/{project}/global/routes/{name}")),
    });
    if let (Value::Object(view), Value::Object(hop)) = (&mut view, hop) {
        view.extend(hop);
    }
    (name, view)
}

/// `routes.list`.
pub fn list(cx: &Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&LIST_QUERY)?;
    let known = |field: &str| {
        ["name", "network", "destRange", "priority", "description", "nextHopGateway", "id"].contains(&field)
    };
    let page = page(cx, request, all(cx, &path.project), known)?;
    Ok(page.answer("compute#routeList", &format!("projects/{}/global/routes", path.project)))
}

/// `routes.get`.
pub fn get(cx: &Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    let found = all(cx, &path.project).into_iter().find(|(name, _)| *name == path.name);
    found.map(|(_, value)| value).ok_or_else(|| ApiError::not_found(path))
}
