//! What is done with a key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::keys::{bad, broken, find, forbidden, reach, read};
use super::rsa;
use crate::azure::body::{Object, Shape, required, text};
use crate::azure::error::ApiError;
use crate::azure::request::Request;
use crate::azure::response::Response;
use crate::azure::world::Cx;

const OPERATION: Object = Object {
    name: "KeyOperationsParameters",
    fields: &[required("alg", &Shape::Text), required("value", &Shape::Text)],
};

/// Does it to a value, with a private key and an algorithm.
type Act = fn(&[u8], &str, &[u8]) -> Option<Vec<u8>>;

/// POST that encrypts a key.
pub fn wrap(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    operate(cx, request, "wrapKey", rsa::encrypt)
}

/// POST that decrypts one.
pub fn unwrap(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    operate(cx, request, "unwrapKey", rsa::decrypt)
}

fn operate(cx: &Cx<'_>, request: &Request, what: &str, act: Act) -> Result<Response, ApiError> {
    let place = reach(cx, request)?;
    let asked = read(request, &OPERATION)?;
    let (key, version) = find(cx, &place)?;
    if !version.enabled {
        return Err(forbidden("Operation is not allowed on a disabled key."));
    }
    if !version.operations.iter().any(|one| one == what) {
        return Err(forbidden(&format!("Operation {what} is not permitted on this key.")));
    }
    let algorithm = text(&asked, "/alg");
    if !rsa::is_known(algorithm) {
        return Err(bad(format!("The algorithm {algorithm:?} is not supported.")));
    }
    let value = URL_SAFE_NO_PAD.decode(text(&asked, "/value"));
    let value = value.map_err(|_| bad("Property \"value\" is not in base64url."))?;
    let private = version.private().map_err(|_| broken())?;
    let done = act(&private, algorithm, &value).ok_or_else(|| bad("The parameter is incorrect."))?;
    let kid = place.id(&key.name, &version.version);
    Ok(Response::json(200, json!({ "kid": kid, "value": URL_SAFE_NO_PAD.encode(done) })))
}
