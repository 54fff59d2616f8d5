//! The data plane of vaults: keys and their versions.
//!
//! Source: learn.microsoft.com, "Key Vault REST API reference", "Keys", read in November 2026. RSA keys in software are
//! there; import, rotation policies, backup, release and what is deleted but still kept are not.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{SUFFIX, operation, rsa, vault};
use crate::azure::body::{self, Object, Shape, optional, read_only, required};
use crate::azure::error::ApiError;
use crate::azure::request::Request;
use crate::azure::response::Response;
use crate::azure::route::Route;
use crate::azure::world::{Cx, key};
use crate::clock::Millis;
use crate::fault::Effect;

/// The service, as faults and log name it.
pub const SERVICE: &str = "Microsoft.KeyVault.Keys";

/// What a key is, in the inventory.
pub const KIND: &str = "Microsoft.KeyVault/vaults/keys";

const VERSIONS: &[&str] = &["7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6"];

/// What can be done with an RSA key.
const OPERATIONS: &[&str] = &["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"];

/// How long a deleted key is kept, in days.
const DAYS_KEPT: u64 = 90;

const CREATE: Object = Object {
    name: "KeyCreateParameters",
    fields: &[
        required("kty", &Shape::OneOf(&["RSA"])),
        optional("key_size", &Shape::Int(2048, 4096)),
        optional("public_exponent", &Shape::Int(65_537, 65_537)),
        optional("key_ops", &Shape::List(&Shape::OneOf(OPERATIONS))),
        optional(
            "attributes",
            &Shape::Object(&Object {
                name: "KeyAttributes",
                fields: &[
                    optional("enabled", &Shape::Bool),
                    read_only("created"),
                    read_only("updated"),
                    read_only("recoveryLevel"),
                    read_only("recoverableDays"),
                ],
            }),
        ),
        optional("tags", &Shape::Map),
    ],
};

/// A key with all its versions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Key {
    /// The name as it was first written.
    pub name: String,
    /// The versions, the newest last; there is always one.
    pub versions: Vec<KeyVersion>,
    /// When it was deleted.
    pub deleted: Option<Millis>,
}

/// A version of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyVersion {
    /// 32 hexadecimal digits.
    pub version: String,
    /// When it was made.
    pub created: Millis,
    /// The private key: PKCS #8 in base64.
    pub private: String,
    /// What can be done with it.
    pub operations: Vec<String>,
    /// Whether anything can be done with it.
    pub enabled: bool,
    /// The tags.
    pub tags: Value,
}

impl KeyVersion {
    /// The private key, in PKCS #8.
    pub fn private(&self) -> Result<Vec<u8>, ApiError> {
        STANDARD.decode(&self.private).map_err(|_| broken())
    }
}

/// A key or a version of it, in a vault that exists.
#[derive(Debug)]
pub struct Place {
    /// The key of the vault's contents.
    pub vault: String,
    /// The vault's address.
    pub host: String,
    pub name: String,
    /// Empty for the newest.
    pub version: String,
}

impl Place {
    /// The id of a version of a key.
    pub fn id(&self, name: &str, version: &str) -> String {
        format!("https://{}/keys/{name}/{version}", self.host)
    }
}

/// Finds the operation of a request.
pub fn route(request: &Request) -> Result<Route, ApiError> {
    let parts: Vec<&str> = request.path.trim_matches('/').split('/').skip(1).collect();
    match (&request.method, parts.as_slice()) {
        (&Method::POST, ["keys", _, "create"]) => Ok(Route::new("CreateKey", create)),
        (&Method::GET, ["keys", _] | ["keys", _, _]) => Ok(Route::new("GetKey", get)),
        (&Method::DELETE, ["keys", _]) => Ok(Route::new("DeleteKey", delete)),
        (&Method::POST, ["keys", _, _, "wrapkey"]) => Ok(Route::new("WrapKey", operation::wrap)),
        (&Method::POST, ["keys", _, _, "unwrapkey"]) => Ok(Route::new("UnwrapKey", operation::unwrap)),
        _ => Err(ApiError::new(405, "MethodNotAllowed", "The sandbox knows no such operation of a key vault.")),
    }
}

/// The error of a fault.
pub fn struck(effect: &Effect) -> Option<ApiError> {
    match effect {
        Effect::Throttle => {
            Some(ApiError::new(429, "Throttled", "Request was not processed because too many requests were received."))
        }
        Effect::ServerError { status } => {
            Some(ApiError::new(*status, "InternalServerError", "There was an internal server error."))
        }
        Effect::Denied => Some(forbidden("Caller is not authorized to perform action on resource.")),
        Effect::Expired => {
            Some(ApiError::new(401, "Unauthorized", "[TokenExpired] Error validating token: 'S2S12086'."))
        }
        _ => None,
    }
}

/// 403.
pub fn forbidden(message: &str) -> ApiError {
    ApiError::new(403, "Forbidden", message)
}

/// 400.
pub fn bad(message: impl Into<String>) -> ApiError {
    ApiError::bad("BadParameter", message)
}

pub fn broken() -> ApiError {
    ApiError::new(500, "InternalServerError", "The key can't be used.")
}

/// Checks a request's token, version and parameters, and finds the vault.
pub fn reach(cx: &Cx<'_>, request: &Request) -> Result<Place, ApiError> {
    let is_bearer = |value: &str| value.strip_prefix("Bearer ").is_some_and(|token| !token.trim().is_empty());
    if !request.header("authorization").is_some_and(is_bearer) {
        return Err(ApiError::new(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.").with(
            "WWW-Authenticate",
            "Bearer authorization=\"https://login.microsoftonline.com/00000000-0000-0000-0000-000000000002\", \
             resource=\"https://vault.azure.net\"",
        ));
    }
    match request.version() {
        "" => return Err(bad("api-version must be specified")),
        version if !VERSIONS.contains(&version) => {
            return Err(bad(format!("The specified version ({version}) is not recognized.")));
        }
        _ => {}
    }
    if let Some(name) = request.query.keys().find(|name| *name != "api-version") {
        return Err(bad(format!("The parameter {name} is not known.")));
    }
    let named = super::vault(request).unwrap_or_default();
    let found = cx.of_kind(vault::KIND).find(|vault| vault.name().eq_ignore_ascii_case(named));
    let found = found.ok_or_else(|| ApiError::new(404, "VaultNotFound", "There is no vault of this name."))?;
    // With an empty version the path has two slashes in a row, or ends in one.
    let mut parts = request.path.split('/').skip(3);
    let (name, version) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    if name.is_empty() || name.len() > 127 || !name.chars().all(fits) {
        return Err(bad(format!("The request URI contains an invalid name: {name}")));
    }
    Ok(Place {
        vault: key(&found.id),
        host: format!("{}{SUFFIX}", found.name().to_lowercase()),
        name: name.to_owned(),
        version: version.to_owned(),
    })
}

/// A key's name, its version and the place of it among all.
pub fn find<'a>(cx: &'a Cx<'_>, place: &Place) -> Result<(&'a Key, &'a KeyVersion), ApiError> {
    let missing = || {
        ApiError::new(
            404,
            "KeyNotFound",
            format!(
                "A key with (name/id) {}/{} was not found in this key vault. If you recently deleted this key you may be \
                 able to recover it using the correct recovery command.",
                place.name, place.version
            ),
        )
    };
    let keys = cx.sub.vaults.get(&place.vault).ok_or_else(missing)?;
    let found = keys.get(&place.name.to_lowercase()).filter(|key| key.deleted.is_none()).ok_or_else(missing)?;
    let version = match place.version.as_str() {
        "" => found.versions.last(),
        version => found.versions.iter().find(|one| one.version.eq_ignore_ascii_case(version)),
    };
    Ok((found, version.ok_or_else(missing)?))
}

fn show(place: &Place, key: &Key, version: &KeyVersion) -> Result<Value, ApiError> {
    let (modulus, exponent) = rsa::public(&version.private()?).ok_or_else(broken)?;
    let mut shown = json!({
        "key": {
            "kid": place.id(&key.name, &version.version),
            "kty": "RSA",
            "key_ops": version.operations,
            "n": URL_SAFE_NO_PAD.encode(modulus),
            "e": URL_SAFE_NO_PAD.encode(exponent),
        },
        "attributes": {
            "enabled": version.enabled,
            "created": version.created / 1_000,
            "updated": version.created / 1_000,
            "recoveryLevel": "Recoverable+Purgeable",
            "recoverableDays": DAYS_KEPT,
            "exportable": false,
        },
    });
    if version.tags.is_object() {
        shown["tags"] = version.tags.clone();
    }
    Ok(shown)
}

/// POST that makes a key, or a new version of it.
fn create(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    let place = Place { version: String::new(), ..reach(cx, request)? };
    let asked = read(request, &CREATE)?;
    let bits = asked["key_size"].as_u64().unwrap_or(2048);
    let private = rsa::generate(bits).ok_or_else(|| bad(format!("Key size {bits} is not supported.")))?;
    let given = body::list(&asked, "/key_ops").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let all = || OPERATIONS.iter().map(|&name| name.to_owned()).collect();
    let version = KeyVersion {
        version: cx.ids.hex(32),
        created: cx.now,
        private: STANDARD.encode(private),
        operations: if asked["key_ops"].is_null() { all() } else { given },
        enabled: asked["attributes"]["enabled"] != false,
        tags: asked["tags"].clone(),
    };
    let keys = cx.sub.vaults.entry(place.vault.clone()).or_default();
    let new = || Key { name: place.name.clone(), versions: Vec::new(), deleted: None };
    let kept = keys.entry(place.name.to_lowercase()).or_insert_with(new);
    if kept.deleted.is_some() {
        return Err(ApiError::conflict(
            "Conflict",
            format!(
                "Key {} is currently in a deleted but recoverable state, and its name cannot be reused.",
                place.name
            ),
        ));
    }
    kept.versions.push(version);
    cx.dirty();
    let (key, version) = find(cx, &place)?;
    Ok(Response::json(200, show(&place, key, version)?))
}

/// GET of a version of a key.
fn get(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    let place = reach(cx, request)?;
    let (key, version) = find(cx, &place)?;
    Ok(Response::json(200, show(&place, key, version)?))
}

/// DELETE of a key with all its versions. It is kept, but the sandbox does not bring it back.
fn delete(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    let place = reach(cx, request)?;
    let (key, version) = find(cx, &place)?;
    let mut shown = show(&place, key, version)?;
    shown["recoveryId"] = json!(format!("https://{}/deletedkeys/{}", place.host, key.name));
    shown["deletedDate"] = json!(cx.now / 1_000);
    shown["scheduledPurgeDate"] = json!(cx.now / 1_000 + DAYS_KEPT * 86_400);
    let now = cx.now;
    if let Some(key) = cx.sub.vaults.get_mut(&place.vault).and_then(|keys| keys.get_mut(&place.name.to_lowercase())) {
        key.deleted = Some(now);
    }
    cx.dirty();
    Ok(Response::json(200, shown))
}

/// A request's body, with errors as a vault has them.
pub fn read(request: &Request, object: &'static Object) -> Result<Value, ApiError> {
    let kind = request.header("content-type").unwrap_or_default();
    if kind.split(';').next().unwrap_or_default().trim() != "application/json" {
        return Err(ApiError::new(415, "BadParameter", format!("The content type {kind:?} is not supported.")));
    }
    body::read(&request.body, object, false).map_err(|error| bad(error.failure.message))
}
