//! A request as all of Google's JSON services read it.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::error::ApiError;

/// The query parameters that every method has. None but `fields` changes anything here.
const COMMON: [&str; 11] = [
    "alt",
    "$alt",
    "$apiVersion",
    "$.xgafv",
    "access_token",
    "fields",
    "key",
    "oauth_token",
    "prettyPrint",
    "quotaUser",
    "userIp",
];

/// A request that was read.
#[derive(Debug)]
pub struct Request {
    /// The verb.
    pub method: Method,
    /// The path as it was sent.
    pub path: String,
    /// The decoded parts of the path.
    pub segments: Vec<String>,
    /// The decoded query parameters, each with its values in order.
    pub query: BTreeMap<String, Vec<String>>,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// Reads a request. Text that is no UTF-8 becomes replacement characters, which no name matches.
    pub fn read(parts: &http::request::Parts, body: Bytes) -> Self {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pair in parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // In a query a plus is a space; one that is meant is encoded.
            query.entry(decode(name)).or_default().push(decode(&value.replace('+', " ")));
        }
        let path = parts.uri.path().to_owned();
        let segments = path.trim_matches('/').split('/').map(decode).collect();
        Self { method: parts.method.clone(), path, segments, query, headers: parts.headers.clone(), body }
    }

    /// The parts of the path, to be matched on.
    pub fn parts(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// Refuses query parameters that are neither named here nor common to all methods.
    pub fn check_query(&self, known: &[&str]) -> Result<(), ApiError> {
        let stranger =
            self.query.keys().find(|name| !known.contains(&name.as_str()) && !COMMON.contains(&name.as_str()));
        stranger.map_or(Ok(()), |name| Err(ApiError::unknown_query(name)))
    }

    /// The last value of a query parameter; an empty one counts as not given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.query.get(name).and_then(|values| values.last()).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A query parameter that must be given.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name).ok_or_else(|| ApiError::new(400, "required", format!("Required parameter: {name}")))
    }

    /// A number among the query parameters.
    pub fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let number = |text: &str| text.parse().map_err(|_| ApiError::invalid(name, text, "A number is expected."));
        self.text(name).map(number).transpose()
    }

    /// A truth value among the query parameters.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.text(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(ApiError::invalid(name, other, "A truth value is expected.")),
        }
    }

    /// The body, which must be a JSON object; no body is an empty one.
    pub fn json(&self) -> Result<Value, ApiError> {
        if self.body.is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        let value: Value = serde_json::from_slice(&self.body)
            .map_err(|error| ApiError::payload(format!("Invalid JSON payload received. {error}")))?;
        match value {
            Value::Object(_) => Ok(value),
            _ => Err(ApiError::payload("Invalid JSON payload received. Unexpected token; an object is expected.")),
        }
    }

    /// Refuses a body where the method has none. Clients may send an empty object.
    pub fn check_no_body(&self) -> Result<(), ApiError> {
        match self.json()?.as_object().and_then(|object| object.keys().next().cloned()) {
            Some(name) => Err(ApiError::unknown_field(&name, "")),
            None => Ok(()),
        }
    }
}

/// A JSON answer.
pub fn json_response(status: u16, body: &Value) -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let json = http::HeaderValue::from_static("application/json; charset=UTF-8");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response
}
