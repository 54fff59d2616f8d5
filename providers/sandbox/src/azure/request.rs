//! Requests of the resource manager.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::error::ApiError;

/// A request, with its path taken apart.
#[derive(Debug)]
pub struct Request {
    /// The verb.
    pub method: Method,
    /// Where the listener is, as the client knows it.
    pub host: String,
    /// The path as it was sent.
    pub path: String,
    /// What stands before the provider: `subscriptions`, its id, `resourceGroups`, its name.
    pub scope: Vec<String>,
    /// The resource provider, such as `Microsoft.Network`, where the path has one.
    pub namespace: Option<String>,
    /// What stands behind the provider: types and names by turns.
    pub rest: Vec<String>,
    /// The parameters.
    pub query: BTreeMap<String, String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// Takes a request apart.
    pub fn read(method: Method, uri: &Uri, headers: HeaderMap, body: Bytes) -> Self {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let mut segments: Vec<String> = uri.path().split('/').filter(|part| !part.is_empty()).map(decode).collect();
        // The last one counts: a role assignment's scope may itself be a resource.
        let at = segments.iter().rposition(|segment| segment.eq_ignore_ascii_case("providers"));
        let (namespace, rest) = match at {
            Some(at) if at + 1 < segments.len() => {
                let mut rest = segments.split_off(at + 1);
                segments.pop();
                (Some(rest.remove(0)), rest)
            }
            _ => (None, Vec::new()),
        };
        let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let query = pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name), decode(&value.replace('+', " ")))
            })
            .collect();
        let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("localhost").to_owned();
        Self { method, host, path: uri.path().to_owned(), scope: segments, namespace, rest, query, headers, body }
    }

    /// The id of the subscription, or nothing.
    pub fn subscription(&self) -> Option<&str> {
        match self.scope.as_slice() {
            [first, id, ..] if first.eq_ignore_ascii_case("subscriptions") => Some(id),
            _ => None,
        }
    }

    /// The name of the resource group, or nothing.
    pub fn group(&self) -> Option<&str> {
        match self.scope.as_slice() {
            [_, _, third, name, ..] if third.eq_ignore_ascii_case("resourceGroups") => Some(name),
            _ => None,
        }
    }

    /// The version of the API that is asked for.
    pub fn version(&self) -> &str {
        self.query.get("api-version").map(String::as_str).unwrap_or_default()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The request's own URL with some parameters set otherwise.
    pub fn url_with(&self, changes: &[(&str, &str)]) -> String {
        let mut query: BTreeMap<&str, &str> =
            self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        query.extend(changes.iter().copied());
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        // The dollar and the dash of the names need no escape, and clients look for them as they are.
        let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        format!("http://{}{}?{}", self.host, self.path, pairs.join("&"))
    }

    /// Refuses parameters that the operation does not have.
    pub fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        let unknown = |name: &&String| name.as_str() != "api-version" && !known.contains(&name.as_str());
        match self.query.keys().find(unknown) {
            Some(name) => Err(ApiError::bad(
                "InvalidQueryParameter",
                format!("The query parameter '{name}' is not supported by this operation."),
            )),
            None => Ok(()),
        }
    }

    /// Checks `If-Match` and `If-None-Match` against the version of what exists.
    pub fn preconditions(&self, etag: Option<&str>) -> Result<(), ApiError> {
        let failed = |message: &str| Err(ApiError::new(412, "PreconditionFailed", message));
        match (self.header("if-match"), etag) {
            (Some(_), None) => return failed("The resource does not exist, but If-Match was given."),
            (Some(wanted), Some(etag)) if wanted != "*" && wanted != etag => {
                return failed("The precondition given in If-Match is not met: the resource has changed.");
            }
            _ => {}
        }
        match (self.header("if-none-match"), etag) {
            (Some("*"), Some(_)) => failed("The resource exists already, but If-None-Match was given."),
            _ => Ok(()),
        }
    }
}
