//! Compute Engine v1.
//!
//! A collection is a [`Collection`]: its fields, its methods, and what is special about it. Changes are operations:
//! they take effect when the operation ends, and until then what they are about is busy and refuses other changes.

pub mod path;

mod address;
mod backend_service;
mod collection;
mod disk;
mod firewall;
mod forwarding_rule;
mod health_check;
mod image;
mod instance;
mod instance_action;
mod instance_group;
mod instance_schema;
mod instance_template;
mod labels;
mod listing;
mod machine_type;
mod manager;
mod manager_settle;
mod network;
mod operations;
mod place;
mod reference;
mod route;
mod router;
mod subnetwork;
mod target_pool;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use serde_json::Value;

pub use self::collection::is_name;
use self::collection::{Action, Collection, Verb};
pub use self::labels::check as check_labels;
pub use self::manager_settle::gone;
use self::path::{Path, Scope};
pub use self::place::{has_region, is_project, number_of};
use super::error::ApiError;
use super::operation;
use super::request::{Request, json_response};
use super::world::Cx;
use crate::front::Target;

/// All collections that are kept; the others are made up when they are asked for.
static COLLECTIONS: [&Collection; 16] = [
    &network::NETWORKS,
    &subnetwork::SUBNETWORKS,
    &firewall::FIREWALLS,
    &router::ROUTERS,
    &address::ADDRESSES,
    &disk::DISKS,
    &instance::INSTANCES,
    &instance_template::TEMPLATES,
    &instance_group::GROUPS,
    &manager::MANAGERS,
    &health_check::GLOBAL,
    &health_check::REGIONAL,
    &backend_service::BACKEND_SERVICES,
    &forwarding_rule::FORWARDING_RULES,
    &target_pool::TARGET_POOLS,
    &instance_group::OF_MANAGERS,
];

/// The collection of a name in a place.
fn collection(name: &str, scope: &Scope) -> Option<&'static Collection> {
    COLLECTIONS.into_iter().find(|collection| collection.name == name && collection.level.is(scope))
}

/// How a request is handled.
enum Handler {
    Common(&'static Collection, Verb),
    Own(&'static Action),
    Special(Special),
}

/// What a request asks for.
struct Call {
    /// The name of the method, such as `instances.insert`.
    method: String,
    path: Path,
    handler: Handler,
}

/// A method without a [`Collection`], under a path.
type Special = fn(&Cx<'_>, &Path, &Request) -> Result<Value, ApiError>;

fn call(request: &Request) -> Option<Call> {
    let parts = request.parts();
    let ["compute", "v1", "projects", project, rest @ ..] = parts.as_slice() else { return None };
    let at = |scope: Scope, collection: &str, name: &str| Path {
        project: (*project).to_owned(),
        scope,
        collection: collection.to_owned(),
        name: name.to_owned(),
    };
    if request.method == Method::GET
        && let Some((method, scope, name, run)) = of_project(rest)
    {
        return Some(Call { method: method.to_owned(), path: at(scope, "", name), handler: Handler::Special(run) });
    }
    let (scope, rest) = match rest {
        ["aggregated", name] if request.method == Method::GET => {
            let collection = COLLECTIONS.into_iter().find(|collection| collection.name == *name)?;
            return Some(Call {
                method: format!("{name}.aggregatedList"),
                path: at(Scope::Global, name, ""),
                handler: Handler::Common(collection, collection.verb(Verb::Aggregated)?),
            });
        }
        ["global", rest @ ..] => (Scope::Global, rest),
        ["regions", name, rest @ ..] => (Scope::Region((*name).to_owned()), rest),
        ["zones", name, rest @ ..] => (Scope::Zone((*name).to_owned()), rest),
        _ => return None,
    };
    if let Some((method, name, run)) = made_up(&request.method, &scope, rest) {
        let path = at(scope, rest.first()?, &name);
        return Some(Call { method, path, handler: Handler::Special(run) });
    }
    let collection = collection(rest.first()?, &scope)?;
    let (name, verb, label) = match (request.method.as_str(), rest) {
        ("GET", [_]) => ("", Verb::List, "list"),
        ("POST", [_]) => ("", Verb::Insert, "insert"),
        ("GET", [_, name]) => (*name, Verb::Get, "get"),
        ("DELETE", [_, name]) => (*name, Verb::Delete, "delete"),
        ("PATCH", [_, name]) => (*name, Verb::Patch, "patch"),
        ("PUT", [_, name]) => (*name, Verb::Update, "update"),
        ("POST", [_, name, action]) => {
            let action = collection.actions.iter().find(|one| one.name == *action)?;
            return Some(Call {
                method: format!("{}.{}", collection.methods, action.name),
                path: at(scope, collection.name, name),
                handler: Handler::Own(action),
            });
        }
        _ => return None,
    };
    Some(Call {
        method: format!("{}.{label}", collection.methods),
        path: at(scope, collection.name, name),
        handler: Handler::Common(collection, collection.verb(verb)?),
    })
}

/// What can be read of a project and its places: the method, the place and its name.
fn of_project<'a>(rest: &[&'a str]) -> Option<(&'static str, Scope, &'a str, Special)> {
    Some(match rest {
        [] => ("projects.get", Scope::Global, "", place::get_project),
        ["regions"] => ("regions.list", Scope::Global, "", place::list_regions),
        ["zones"] => ("zones.list", Scope::Global, "", place::list_zones),
        ["regions", name] => ("regions.get", Scope::Region((*name).to_owned()), name, place::get),
        ["zones", name] => ("zones.get", Scope::Zone((*name).to_owned()), name, place::get),
        ["aggregated", "machineTypes"] => ("machineTypes.aggregatedList", Scope::Global, "", machine_type::aggregated),
        _ => return None,
    })
}

/// What is in a place without being kept: the method, the name and what to do.
fn made_up(method: &Method, scope: &Scope, rest: &[&str]) -> Option<(String, String, Special)> {
    let operations = match scope {
        Scope::Global => "globalOperations",
        Scope::Region(_) => "regionOperations",
        Scope::Zone(_) => "zoneOperations",
    };
    let in_zone = matches!(scope, Scope::Zone(_));
    let is_global = *scope == Scope::Global;
    let (service, verb, name, run): (&str, &str, String, Special) = match (method.as_str(), rest) {
        ("GET", ["operations"]) => (operations, "list", String::new(), operations::list),
        ("GET", ["operations", name]) => (operations, "get", (*name).to_owned(), operations::get),
        ("POST", ["operations", name, "wait"]) => (operations, "wait", (*name).to_owned(), operations::get),
        ("GET", ["machineTypes"]) if in_zone => ("machineTypes", "list", String::new(), machine_type::list),
        ("GET", ["machineTypes", name]) if in_zone => ("machineTypes", "get", (*name).to_owned(), machine_type::get),
        ("GET", ["images"]) if is_global => ("images", "list", String::new(), image::list),
        ("GET", ["images", "family", name]) if is_global => {
            ("images", "getFromFamily", format!("family/{name}"), image::get)
        }
        ("GET", ["images", name]) if is_global => ("images", "get", (*name).to_owned(), image::get),
        ("GET", ["routes"]) if is_global => ("routes", "list", String::new(), route::list),
        ("GET", ["instanceGroupManagers", name, "listErrors"]) if matches!(scope, Scope::Region(_)) => {
            ("regionInstanceGroupManagers", "listErrors", (*name).to_owned(), manager::list_errors)
        }
        ("GET", ["routes", name]) if is_global => ("routes", "get", (*name).to_owned(), route::get),
        _ => return None,
    };
    Some((format!("{service}.{verb}"), name, run))
}

/// What a request asks for, if it is for Compute Engine and for a method that the sandbox has.
pub fn target(request: &Request) -> Option<Target> {
    let call = call(request)?;
    let region = call.path.region().to_owned();
    Some(Target { service: "compute".to_owned(), operation: call.method, region })
}

/// The operation for which a request waits, by its path.
pub fn waits_for(request: &Request) -> Option<String> {
    call(request).filter(|call| call.method.ends_with("Operations.wait")).map(|call| call.path.to_string())
}

/// Handles a request.
pub fn handle(cx: &mut Cx<'_>, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    let call = call(request).ok_or_else(|| ApiError::no_method(&request.method, &request.path))?;
    if !place::is_project(&call.path.project) {
        return Err(ApiError::invalid("project", &call.path.project, "Not a project id."));
    }
    let known = collection::identity(request)?;
    let answer = match operation::repeated(cx, &call.path, known.as_ref())? {
        Some(answer) => answer,
        None => match call.handler {
            Handler::Special(run) => run(cx, &call.path, request)?,
            Handler::Common(collection, verb) => collection::handle(cx, collection, verb, &call.path, request)?,
            Handler::Own(action) => {
                request.check_query(action.query)?;
                (action.run)(cx, &call.path, request)?
            }
        },
    };
    Ok(json_response(200, &answer))
}

/// Lets time do its work: operations end, groups look after their instances.
pub fn settle(cx: &mut Cx<'_>) {
    operation::settle(cx);
    manager_settle::settle(cx);
}

/// Everything that exists, by kind. The instance groups of managers come and go with these.
pub fn inventory(cx: &Cx<'_>) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, _) in cx.world.all() {
        let collection = Path::parse(key, "").and_then(|path| collection(&path.collection, &path.scope));
        if let Some(collection) = collection.filter(|collection| !collection.verbs.is_empty()) {
            all.entry(format!("compute/{}", collection.one)).or_default().push(key.clone());
        }
    }
    all
}
