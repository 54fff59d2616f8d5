//! Key Management Service, 2014-11-01: symmetric keys, aliases, encryption.
//!
//! Keys are made here and stay here. No grants, no key policies, no imported or asymmetric keys, no keys of several regions.

mod alias;
mod crypt;
mod key;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use http::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::key::Key;
use crate::aws::{ApiError, Cx, Request, Response};

/// What stands before an operation's name in the header that names it.
const TARGET: &str = "TrentService.";

/// All keys of a region.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Kms {
    /// By id.
    keys: BTreeMap<String, Key>,
    /// The ids of keys by the aliases that lead to them, `alias/` included.
    aliases: BTreeMap<String, String>,
}

impl Kms {
    /// The keys that are not about to be deleted.
    pub fn inventory(&self) -> BTreeMap<String, Vec<String>> {
        let keys = self.keys.values().filter(|key| key.deletion.is_none()).map(|key| key.id.clone());
        BTreeMap::from([
            ("kms/key".to_owned(), keys.collect()),
            ("kms/alias".to_owned(), self.aliases.keys().cloned().collect()),
        ])
    }
}

/// The operation that a request names; empty if it names none of this service.
pub fn operation(req: &Request) -> String {
    req.header("x-amz-target").and_then(|target| target.strip_prefix(TARGET)).unwrap_or_default().to_owned()
}

/// Removes the keys whose time has come, and the aliases that led to them.
pub fn settle(cx: &mut Cx<'_>) {
    let now = cx.now;
    let kms = &mut cx.here().kms;
    let before = kms.keys.len();
    kms.keys.retain(|_, key| key.deletion.is_none_or(|at| at > now));
    if kms.keys.len() != before {
        let Kms { keys, aliases } = kms;
        aliases.retain(|_, key| keys.contains_key(key));
        cx.dirty_region();
    }
}

/// Answers one request.
pub fn handle(cx: &mut Cx<'_>, req: &Request) -> Result<Response, ApiError> {
    if req.method != Method::POST || req.path != "/" || !req.query.is_empty() {
        return Err(ApiError::new(404, "UnknownOperationException", ""));
    }
    if req.header("content-type") != Some("application/x-amz-json-1.1") {
        return Err(serialization("The content type is not application/x-amz-json-1.1"));
    }
    let answer = match req.operation.as_str() {
        "CreateKey" => key::create(cx, read(req)?),
        "DescribeKey" => key::describe(cx, &read(req)?),
        "EnableKey" => key::enable(cx, &read(req)?, true),
        "DisableKey" => key::enable(cx, &read(req)?, false),
        "ScheduleKeyDeletion" => key::schedule_deletion(cx, &read(req)?),
        "CancelKeyDeletion" => key::cancel_deletion(cx, &read(req)?),
        "CreateAlias" => alias::create(cx, &read(req)?),
        "UpdateAlias" => alias::update(cx, &read(req)?),
        "DeleteAlias" => alias::delete(cx, &read(req)?),
        "Encrypt" => crypt::encrypt(cx, &read(req)?),
        "Decrypt" => crypt::decrypt(cx, &read(req)?),
        _ => return Err(ApiError::bad("UnknownOperationException", "")),
    }?;
    Ok(match answer {
        Value::Null => Response { headers: Response::json(200, &answer).headers, ..Response::empty(200) },
        answer => Response::json(200, &answer),
    })
}

/// Reads the body, of which nothing may be unknown.
fn read<T: DeserializeOwned>(req: &Request) -> Result<T, ApiError> {
    serde_json::from_slice(&req.body).map_err(|error| serialization(error.to_string()))
}

fn serialization(message: impl Into<String>) -> ApiError {
    ApiError::bad("SerializationException", message)
}

fn validation(message: impl Into<String>) -> ApiError {
    ApiError::bad("ValidationException", message)
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::bad("NotFoundException", message)
}

/// The id of the key that a name stands for: its id, its ARN, an alias or an alias's ARN.
fn find(cx: &mut Cx<'_>, name: &str) -> Result<String, ApiError> {
    let mut local = name;
    if name.starts_with("arn:") {
        let parts: Vec<&str> = name.splitn(6, ':').collect();
        let [_, partition, "kms", region, account, resource] = parts.as_slice() else {
            return Err(validation(format!("Invalid arn {name}")));
        };
        if *account != cx.account {
            let what = "The ciphertext refers to a customer master key that does not exist, does not exist in this \
                        region, or you are not allowed to access.";
            return Err(ApiError::bad("AccessDeniedException", what));
        }
        if *partition != cx.partition() || *region != cx.region {
            return Err(not_found(format!("Invalid arn {region}")));
        }
        local = resource.strip_prefix("key/").unwrap_or(resource);
    }
    let missing = not_found(format!("Key '{}' does not exist", cx.arn("kms", &format!("key/{local}"))));
    let kms = &cx.here().kms;
    if local.starts_with("alias/") {
        let found = kms.aliases.get(local).cloned();
        return found.ok_or_else(|| not_found(format!("Alias {} is not found.", cx.arn("kms", local))));
    }
    if kms.keys.contains_key(local) { Ok(local.to_owned()) } else { Err(missing) }
}
