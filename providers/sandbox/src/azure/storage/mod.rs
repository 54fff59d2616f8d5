//! `Microsoft.Storage`: storage accounts, their containers, and the blobs in them.

mod account;
pub mod blob;
mod container;
mod service;
#[cfg(test)]
mod tests;

use serde_json::json;

use super::Service;
use super::body::{Object, Shape, read, required, text};
use super::error::ApiError;
use super::request::Request;
use super::resource;
use super::response::Response;
use super::route::{Route, unknown};
use super::world::{Cx, World};

/// The service.
pub const SERVICE: Service = Service {
    namespace: NAMESPACE,
    versions: &["2023-01-01", "2023-05-01", "2024-01-01", "2025-01-01", "2025-06-01"],
    kinds: &[&account::Accounts, &service::BlobServices, &container::Containers],
    special,
};

const NAMESPACE: &str = "Microsoft.Storage";

const NAME_CHECK: Object = Object {
    name: "StorageAccountCheckNameAvailabilityParameters",
    fields: &[required("name", &Shape::Text), required("type", &Shape::OneOf(&[account::KIND]))],
};

/// What is named otherwise than the usual, or works otherwise.
fn special(request: &Request) -> Option<Route> {
    let rest: Vec<String> = request.rest.iter().map(|part| part.to_lowercase()).collect();
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let grouped = request.group().is_some();
    match (request.method.as_str(), rest.as_slice()) {
        ("POST", ["checknameavailability"]) if !grouped => {
            Some(Route::new("StorageAccounts_CheckNameAvailability", check_name))
        }
        ("GET", ["storageaccounts", _]) if grouped => {
            Some(Route::new("StorageAccounts_GetProperties", |cx, request| {
                resource::get(cx, request, &account::Accounts)
            }))
        }
        ("GET", ["storageaccounts", _, "blobservices", _]) if grouped => {
            Some(Route::new("BlobServices_GetServiceProperties", |cx, request| {
                resource::get(cx, request, &service::BlobServices)
            }))
        }
        ("DELETE", ["storageaccounts", _, "blobservices", _]) => {
            Some(Route::new("BlobServices_Delete", |_, request| Err(unknown(request, NAMESPACE))))
        }
        ("GET", ["storageaccounts", _, "blobservices", _, "containers"]) if grouped => {
            Some(Route::new("BlobContainers_List", container::list))
        }
        _ => None,
    }
}

fn check_name(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&[])?;
    let body = read(&request.body, &NAME_CHECK, false)?;
    let name = text(&body, "/name");
    let answer = if !account::is_name(name) {
        let message = format!("{name} is not a valid storage account name. {}", account::NAME_RULE);
        json!({ "nameAvailable": false, "reason": "AccountNameInvalid", "message": message })
    } else if account::is_taken(cx, name) {
        let message = format!("The storage account named {name} is already taken.");
        json!({ "nameAvailable": false, "reason": "AlreadyExists", "message": message })
    } else {
        json!({ "nameAvailable": true })
    };
    Ok(Response::json(200, answer))
}

/// The subscription that a storage account is in.
pub fn subscription_of<'a>(world: &'a World, name: &str) -> Option<&'a str> {
    let holds = |resource: &super::world::Resource| resource.kind == account::KIND && resource.name() == name;
    world.iter().find(|(_, sub)| sub.resources.values().any(holds)).map(|(id, _)| id.as_str())
}

/// The names of the storage accounts that are in other subscriptions.
pub fn names_elsewhere(world: &World, subscription: &str) -> Vec<String> {
    let others = world.iter().filter(|(id, _)| *id != subscription);
    let accounts = others.flat_map(|(_, sub)| sub.resources.values()).filter(|resource| resource.kind == account::KIND);
    accounts.map(|account| account.name().to_owned()).collect()
}

/// The region of a storage account.
pub fn region_of<'a>(world: &'a World, name: &str) -> Option<&'a str> {
    let mut all = world.values().flat_map(|sub| sub.resources.values());
    let found = all.find(|resource| resource.kind == account::KIND && resource.name() == name);
    found.map(|account| account.location.as_str())
}
