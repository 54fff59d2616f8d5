//! Identity and Access Management v1: service accounts, and the policies that all services have in common.

pub mod policy;
mod service_account;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

pub use self::service_account::{live, usable};
use super::compute::is_project;
use super::error::ApiError;
use super::request::{Request, json_response};
use super::world::Cx;
use crate::front::Target;

/// What a request is about.
#[derive(Debug)]
struct At {
    /// The project; `-` stands for the account's own.
    project: String,
    /// The account's address or number; empty where the method is about none.
    account: String,
}

type Run = fn(&mut Cx<'_>, &At, &Request) -> Result<Value, ApiError>;

fn call(request: &Request) -> Option<(&'static str, Run, At)> {
    let parts = request.parts();
    let ["v1", "projects", project, "serviceAccounts", rest @ ..] = parts.as_slice() else { return None };
    let (account, action) = match rest {
        [] => ("", ""),
        [name] => name.split_once(':').unwrap_or((name, "")),
        _ => return None,
    };
    let (method, run): (&'static str, Run) = match (request.method.as_str(), account.is_empty(), action) {
        ("POST", true, "") => ("projects.serviceAccounts.create", service_account::create),
        ("GET", true, "") => ("projects.serviceAccounts.list", service_account::list),
        ("GET", false, "") => ("projects.serviceAccounts.get", service_account::get),
        ("PATCH", false, "") => ("projects.serviceAccounts.patch", service_account::patch),
        ("DELETE", false, "") => ("projects.serviceAccounts.delete", service_account::delete),
        ("POST", false, "undelete") => ("projects.serviceAccounts.undelete", service_account::undelete),
        ("POST", false, "disable") => ("projects.serviceAccounts.disable", service_account::disable),
        ("POST", false, "enable") => ("projects.serviceAccounts.enable", service_account::enable),
        ("POST", false, "getIamPolicy") => ("projects.serviceAccounts.getIamPolicy", service_account::get_policy),
        ("POST", false, "setIamPolicy") => ("projects.serviceAccounts.setIamPolicy", service_account::set_policy),
        _ => return None,
    };
    Some((method, run, At { project: (*project).to_owned(), account: account.to_owned() }))
}

/// What a request asks for, if it is for this service and for a method that the sandbox has.
pub fn target(request: &Request) -> Option<Target> {
    let (method, ..) = call(request)?;
    Some(Target { service: "iam".to_owned(), operation: method.to_owned(), region: String::new() })
}

/// Handles a request.
pub fn handle(cx: &mut Cx<'_>, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    let (method, run, at) = call(request).ok_or_else(|| ApiError::no_method(&request.method, &request.path))?;
    if !is_project(&at.project) && (at.project != "-" || at.account.is_empty()) {
        // The real service does not tell a project that there is not from one that may not be seen.
        let message = format!("Permission for {method} denied on resource (or it may not exist).");
        return Err(ApiError::plain(403, "PERMISSION_DENIED", message));
    }
    Ok(json_response(200, &run(cx, &at, request)?))
}

/// The service accounts that exist.
pub fn inventory(cx: &Cx<'_>) -> BTreeMap<String, Vec<String>> {
    let emails = service_account::all(cx).map(|item| item.text("email").to_owned()).collect();
    BTreeMap::from([("iam/serviceAccount".to_owned(), emails)])
}
