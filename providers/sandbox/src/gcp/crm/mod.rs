//! Resource Manager v3: projects and their policies. Every project with a valid id exists.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::compute::{is_project, number_of};
use super::error::ApiError;
use super::iam::policy::{self, PLAIN};
use super::request::{Request, json_response};
use super::schema::{self, Kind, Nulls, Schema};
use super::world::{Cx, Doc, Item};
use crate::clock::timestamp;
use crate::front::Target;

/// When the projects were made.
const MADE: u64 = 1_500_000_000_000;

const GET_POLICY: Schema = &[("options", Kind::Object(&[("requestedPolicyVersion", Kind::Int)]))];

type Run = fn(&mut Cx<'_>, &str, &Request) -> Result<Value, ApiError>;

fn call(request: &Request) -> Option<(&'static str, Run, &str)> {
    let ["v3", "projects", name] = request.parts()[..] else { return None };
    let (project, action) = name.split_once(':').unwrap_or((name, ""));
    let (method, run): (&'static str, Run) = match (request.method.as_str(), action) {
        ("GET", "") => ("projects.get", get),
        ("POST", "getIamPolicy") => ("projects.getIamPolicy", get_policy),
        ("POST", "setIamPolicy") => ("projects.setIamPolicy", set_policy),
        _ => return None,
    };
    Some((method, run, project))
}

/// What a request asks for, if it is for this service and for a method that the sandbox has.
pub fn target(request: &Request) -> Option<Target> {
    let (method, ..) = call(request)?;
    Some(Target { service: "cloudresourcemanager".to_owned(), operation: method.to_owned(), region: String::new() })
}

/// Handles a request.
pub fn handle(cx: &mut Cx<'_>, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    let (_, run, project) = call(request).ok_or_else(|| ApiError::no_method(&request.method, &request.path))?;
    request.check_query(&[])?;
    if !is_project(project) {
        let message = format!("The caller does not have permission on project '{project}', or it does not exist.");
        return Err(ApiError::plain(403, "PERMISSION_DENIED", message));
    }
    Ok(json_response(200, &run(cx, project, request)?))
}

/// What the service accounts of all projects are bound to.
pub fn inventory(cx: &Cx<'_>) -> BTreeMap<String, Vec<String>> {
    let mut members = Vec::new();
    for (path, item) in cx.world.under("crm/projects/") {
        let project = path.strip_prefix("crm/projects/").unwrap_or_default();
        for binding in policy::bindings(&item.doc) {
            let accounts = binding["members"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let role = binding["role"].as_str().unwrap_or_default();
            let accounts = accounts.filter(|member| member.starts_with("serviceAccount:"));
            members.extend(accounts.map(|member| format!("{project} {role} {member}")));
        }
    }
    BTreeMap::from([("cloudresourcemanager/member".to_owned(), members)])
}

fn get(_: &mut Cx<'_>, project: &str, request: &Request) -> Result<Value, ApiError> {
    request.check_no_body()?;
    Ok(json!({
        "name": format!("projects/{}", number_of(project)),
        "parent": "organizations/100000000001",
        "projectId": project,
        "state": "ACTIVE",
        "displayName": project,
        "createTime": timestamp(MADE),
        "updateTime": timestamp(MADE),
        "etag": "W/\"0123456789abcdef\"",
    }))
}

fn path(project: &str) -> String {
    format!("crm/projects/{project}")
}

fn kept(cx: &Cx<'_>, project: &str) -> Doc {
    let owner = json!([{ "role": "roles/owner", "members": ["user:sandbox@meridian.invalid"] }]);
    cx.world.get(&path(project)).map_or_else(|| policy::first(owner), |item| item.doc.clone())
}

fn get_policy(cx: &mut Cx<'_>, project: &str, request: &Request) -> Result<Value, ApiError> {
    let body = schema::read(GET_POLICY, request.json()?, "", Nulls::Drop)?;
    let version = body.get("options").and_then(|options| options["requestedPolicyVersion"].as_u64());
    policy::show(cx, &kept(cx, project), Some(version.unwrap_or_default()), &PLAIN).map(Value::Object)
}

fn set_policy(cx: &mut Cx<'_>, project: &str, request: &Request) -> Result<Value, ApiError> {
    let old = kept(cx, project);
    let next = policy::set(cx, &old, &policy::of_request(request)?, &PLAIN)?;
    cx.world.put(&path(project), Item::new(next.clone()));
    policy::show(cx, &next, None, &PLAIN).map(Value::Object)
}
