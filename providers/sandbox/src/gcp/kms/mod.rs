//! Cloud KMS v1: key rings, symmetric keys with their versions, encryption.
//!
//! Keys are made here and stay here. No policies, no imported or asymmetric keys, no rotation by itself.

mod crypt;
mod key;
#[cfg(test)]
mod tests;
mod version;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::compute::{has_region, is_project};
use super::error::ApiError;
use super::request::{Request, json_response};
use super::world::Cx;
use crate::front::Target;

/// The places of keys that are no regions.
const OTHER_PLACES: [&str; 4] = ["asia", "europe", "global", "us"];

/// What a request is about. What the method is not about is empty.
#[derive(Debug, Default)]
struct At {
    project: String,
    location: String,
    ring: String,
    key: String,
    version: String,
}

impl At {
    fn parent(&self) -> String {
        format!("projects/{}/locations/{}", self.project, self.location)
    }

    fn ring(&self) -> String {
        format!("{}/keyRings/{}", self.parent(), self.ring)
    }

    fn key(&self) -> String {
        format!("{}/cryptoKeys/{}", self.ring(), self.key)
    }

    fn version(&self, version: &str) -> String {
        format!("{}/cryptoKeyVersions/{version}", self.key())
    }
}

type Run = fn(&mut Cx<'_>, &At, &Request) -> Result<Value, ApiError>;

fn call(request: &Request) -> Option<(&'static str, Run, At)> {
    let parts = request.parts();
    let ["v1", "projects", project, "locations", location, "keyRings", rest @ ..] = parts.as_slice() else {
        return None;
    };
    let (rest, action) = match rest.split_last() {
        Some((last, before)) => {
            let (last, action) = last.split_once(':').unwrap_or((last, ""));
            ([before, &[last]].concat(), action)
        }
        None => (Vec::new(), ""),
    };
    let at = |ring: &str, key: &str, version: &str| At {
        project: (*project).to_owned(),
        location: (*location).to_owned(),
        ring: ring.to_owned(),
        key: key.to_owned(),
        version: version.to_owned(),
    };
    let (method, run, at): (&'static str, Run, At) = match (request.method.as_str(), rest.as_slice(), action) {
        ("POST", [], "") => ("keyRings.create", key::create_ring, at("", "", "")),
        ("GET", [ring], "") => ("keyRings.get", key::get_ring, at(ring, "", "")),
        ("POST", [ring, "cryptoKeys"], "") => ("cryptoKeys.create", key::create, at(ring, "", "")),
        (verb, [ring, "cryptoKeys", key], action) => {
            let (method, run): (&'static str, Run) = match (verb, action) {
                ("GET", "") => ("cryptoKeys.get", key::get),
                ("POST", "encrypt") => ("cryptoKeys.encrypt", crypt::encrypt),
                ("POST", "decrypt") => ("cryptoKeys.decrypt", crypt::decrypt),
                ("POST", "updatePrimaryVersion") => ("cryptoKeys.updatePrimaryVersion", key::update_primary),
                _ => return None,
            };
            (method, run, at(ring, key, ""))
        }
        ("POST", [ring, "cryptoKeys", key, "cryptoKeyVersions"], "") => {
            ("cryptoKeyVersions.create", version::create, at(ring, key, ""))
        }
        (verb, [ring, "cryptoKeys", key, "cryptoKeyVersions", version], action) => {
            let (method, run): (&'static str, Run) = match (verb, action) {
                ("GET", "") => ("cryptoKeyVersions.get", version::get),
                ("PATCH", "") => ("cryptoKeyVersions.patch", version::patch),
                ("POST", "destroy") => ("cryptoKeyVersions.destroy", version::destroy),
                _ => return None,
            };
            (method, run, at(ring, key, version))
        }
        _ => return None,
    };
    Some((method, run, at))
}

/// What a request asks for, if it is for this service and for a method that the sandbox has.
pub fn target(request: &Request) -> Option<Target> {
    let (method, _, at) = call(request)?;
    Some(Target { service: "cloudkms".to_owned(), operation: method.to_owned(), region: at.location })
}

/// Handles a request.
pub fn handle(cx: &mut Cx<'_>, request: &Request) -> Result<http::Response<Bytes>, ApiError> {
    let (_, run, at) = call(request).ok_or_else(|| ApiError::no_method(&request.method, &request.path))?;
    if !is_project(&at.project) {
        let message = format!("Permission denied on resource project {} (or it may not exist).", at.project);
        return Err(ApiError::plain(403, "PERMISSION_DENIED", message));
    }
    if !has_region(cx, &at.location) && !OTHER_PLACES.contains(&at.location.as_str()) {
        let message = format!("The request concerns location '{}' but was sent to a place without it.", at.location);
        return Err(ApiError::plain(404, "NOT_FOUND", message));
    }
    Ok(json_response(200, &run(cx, &at, request)?))
}

/// The versions that can be used. Rings and keys stay for ever, as they do in earnest.
pub fn inventory(cx: &Cx<'_>) -> BTreeMap<String, Vec<String>> {
    let versions = cx.world.under("kms/versions/").filter(|(_, item)| version::is_alive(item));
    let names = versions.map(|(_, item)| item.text("name").to_owned()).collect();
    BTreeMap::from([("cloudkms/cryptoKeyVersion".to_owned(), names)])
}

fn refused(message: impl Into<String>) -> ApiError {
    ApiError::plain(400, "INVALID_ARGUMENT", message)
}

fn missing(what: &str, name: &str) -> ApiError {
    ApiError::plain(404, "NOT_FOUND", format!("{what} {name} not found."))
}

fn exists(what: &str, name: &str) -> ApiError {
    ApiError::plain(409, "ALREADY_EXISTS", format!("{what} {name} already exists."))
}

/// The name of a new thing, which stands in the query.
fn new_name<'r>(request: &'r Request, parameter: &str) -> Result<&'r str, ApiError> {
    let name = request.text(parameter).unwrap_or_default();
    let fits = (1..=63).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    if fits { Ok(name) } else { Err(refused(format!("{parameter} {name:?} does not match [a-zA-Z0-9_-]{{1,63}}"))) }
}
