//! References: that they lead somewhere, and who has one.

use serde_json::Value;

use super::path::Path;
use super::{image, machine_type};
use crate::gcp::error::ApiError;
use crate::gcp::world::{Cx, Doc};

/// Checks that a link leads to something of one of the collections and gives the URL of it as the API shows it.
pub fn resolve(cx: &Cx<'_>, project: &str, collections: &[&str], link: &str, at: &str) -> Result<String, ApiError> {
    let path = Path::parse(link, project).ok_or_else(|| ApiError::invalid(at, link, "The URL is malformed."))?;
    if !collections.contains(&path.collection.as_str()) {
        return Err(ApiError::invalid(at, link, "The URL leads to a resource of the wrong kind."));
    }
    let missing = || ApiError::not_found(&path);
    let exists = match path.collection.as_str() {
        "machineTypes" => super::place::check(cx, &path.scope).is_ok() && machine_type::shape(&path.name).is_some(),
        "diskTypes" => super::place::check(cx, &path.scope).is_ok() && super::disk::TYPES.contains(&path.name.as_str()),
        "images" => image::find(&path).is_some(),
        _ => match cx.world.get(&path.to_string()) {
            None => return Err(missing()),
            Some(item) if item.busy => return Err(ApiError::not_ready(&path)),
            Some(_) => true,
        },
    };
    if exists { Ok(path.url()) } else { Err(missing()) }
}

/// Who refers to something: the path of the first that is found.
pub fn user(cx: &Cx<'_>, path: &Path) -> Option<String> {
    let (own, url) = (path.to_string(), path.url());
    // A machine can go while it is in a target pool, which then has a link that leads nowhere.
    let is_free = |key: &String| path.collection == "instances" && key.contains("/targetPools/");
    let refers =
        |key: &String, doc: &Doc| *key != own && !is_free(key) && doc.values().any(|value| mentions(value, &url));
    cx.world.all().find(|(key, item)| refers(key, &item.doc)).map(|(key, _)| key.clone())
}

/// Whether a text stands anywhere in a value.
pub fn mentions(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found == text,
        Value::Array(values) => values.iter().any(|value| mentions(value, text)),
        Value::Object(fields) => fields.values().any(|value| mentions(value, text)),
        _ => false,
    }
}
