//! Who may do what in a bucket.

use bytes::Bytes;
use serde_json::{Value, json};

use super::bucket::{find, keep};
use super::{At, answer, invalid};
use crate::gcp::error::ApiError;
use crate::gcp::iam::policy::{self, Style};
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Kind, Nulls, Schema};
use crate::gcp::world::{Cx, Doc, Item};

const STYLE: Style = Style {
    refuse: invalid,
    stale: super::conditions::failed,
    role: is_role,
    members: &["projectOwner:", "projectEditor:", "projectViewer:"],
};

/// The roles of Cloud Storage (Cloud Storage, "IAM roles").
const ROLES: [&str; 13] = [
    "admin",
    "bucketViewer",
    "folderAdmin",
    "hmacKeyAdmin",
    "legacyBucketOwner",
    "legacyBucketReader",
    "legacyBucketWriter",
    "legacyObjectOwner",
    "legacyObjectReader",
    "objectAdmin",
    "objectCreator",
    "objectUser",
    "objectViewer",
];

const SCHEMA: Schema = &[("policy", Kind::Object(policy::POLICY))];

/// A policy has these fields here on top of those that it has everywhere.
const EXTRA: [&str; 2] = ["kind", "resourceId"];

fn is_role(role: &str) -> bool {
    match role.strip_prefix("roles/") {
        Some(name) => name.strip_prefix("storage.").is_some_and(|name| ROLES.contains(&name)),
        None => policy::is_role(role),
    }
}

/// The policy of a new bucket: what the project's people have.
pub fn first(project: &str, bucket: &Doc) -> Doc {
    let owners = [format!("projectEditor:{project}"), format!("projectOwner:{project}")];
    let viewers = [format!("projectViewer:{project}")];
    let mut bindings = vec![
        json!({ "role": "roles/storage.legacyBucketOwner", "members": owners }),
        json!({ "role": "roles/storage.legacyBucketReader", "members": viewers }),
    ];
    if is_uniform(bucket) {
        bindings.push(json!({ "role": "roles/storage.legacyObjectOwner", "members": owners }));
        bindings.push(json!({ "role": "roles/storage.legacyObjectReader", "members": viewers }));
    }
    policy::first(Value::from(bindings))
}

fn access<'a>(bucket: &'a Doc, field: &str) -> Option<&'a Value> {
    bucket.get("iamConfiguration")?.get(field)
}

fn is_uniform(bucket: &Doc) -> bool {
    access(bucket, "uniformBucketLevelAccess").is_some_and(|switch| switch["enabled"] == json!(true))
}

fn policy_of(item: &Item) -> Doc {
    item.hidden.get("policy").and_then(Value::as_object).cloned().unwrap_or_default()
}

fn view(cx: &Cx<'_>, item: &Item, version: Option<u64>) -> Result<http::Response<Bytes>, ApiError> {
    let mut shown = policy::show(cx, &policy_of(item), version, &STYLE)?;
    shown.insert("kind".to_owned(), json!("storage#policy"));
    shown.insert("resourceId".to_owned(), json!(format!("projects/_/buckets/{}", item.text("name"))));
    Ok(answer(&Value::Object(shown)))
}

/// `buckets.getIamPolicy`.
pub fn get(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    request.check_query(&["optionsRequestedPolicyVersion"])?;
    let item = find(cx, &at.bucket)?;
    view(cx, &item, Some(request.number("optionsRequestedPolicyVersion")?.unwrap_or_default()))
}

/// `buckets.setIamPolicy`.
pub fn set(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    request.check_query(&[])?;
    let mut body = request.json()?;
    if let Some(body) = body.as_object_mut() {
        body.retain(|field, _| !EXTRA.contains(&field.as_str()));
    }
    let wrapped = schema::read(SCHEMA, json!({ "policy": body }), "", Nulls::Drop)?;
    let next = wrapped.get("policy").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut item = find(cx, &at.bucket)?;
    let next = policy::set(cx, &policy_of(&item), &next, &STYLE)?;
    let conditional = policy::bindings(&next).any(|binding| binding.get("condition").is_some());
    if conditional && !is_uniform(&item.doc) {
        return Err(invalid("Conditions are only supported on buckets with uniform bucket-level access enabled."));
    }
    let everyone = |member: &Value| ["allUsers", "allAuthenticatedUsers"].map(Value::from).contains(member);
    let public = policy::bindings(&next).filter_map(|binding| binding["members"].as_array()).flatten().any(everyone);
    if public && access(&item.doc, "publicAccessPrevention") == Some(&json!("enforced")) {
        return Err(ApiError::condition(
            "The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is \
             enforced.",
        ));
    }
    item.hidden.insert("policy".to_owned(), Value::Object(next));
    keep(cx, item.clone());
    view(cx, &item, None)
}
