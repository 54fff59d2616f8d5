//! What a request demands of the present state: generations and metagenerations.

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::empty;
use crate::gcp::error::ApiError;
use crate::gcp::request::Request;
use crate::gcp::world::Doc;

/// The conditions on objects.
pub const OF_OBJECTS: [&str; 4] =
    ["ifGenerationMatch", "ifGenerationNotMatch", "ifMetagenerationMatch", "ifMetagenerationNotMatch"];

/// The conditions on buckets.
pub const OF_BUCKETS: [&str; 2] = ["ifMetagenerationMatch", "ifMetagenerationNotMatch"];

/// What is refused when a condition does not hold.
pub fn failed() -> ApiError {
    ApiError::condition("At least one of the pre-conditions you specified did not hold.")
}

/// A number of a message, which JSON carries as text.
pub fn number(doc: &Doc, field: &str) -> u64 {
    doc.get(field).and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Checks the conditions of a request against what there is. Gives an answer where a reader has it already.
pub fn check(request: &Request, now: Option<&Doc>) -> Result<Option<http::Response<Bytes>>, ApiError> {
    // What is not there has the generation 0, and no metageneration that could match.
    let generation = Some(now.map_or(0, |doc| number(doc, "generation")));
    let metageneration = now.map(|doc| number(doc, "metageneration"));
    let state = [generation, generation, metageneration, metageneration];
    let mut known = false;
    for (index, (name, state)) in OF_OBJECTS.into_iter().zip(state).enumerate() {
        let Some(asked) = request.number(name)? else { continue };
        let same = state == Some(asked);
        match index % 2 {
            0 if !same => return Err(failed()),
            1 if same && request.method == Method::GET => known = true,
            1 if same => return Err(failed()),
            _ => {}
        }
    }
    Ok(known.then(|| empty(304)))
}
