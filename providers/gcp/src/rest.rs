//! The APIs that are spoken plainly: JSON over HTTP, with the same credentials and limits as all others.
//!
//! Google's own crates speak gRPC for buckets and for Cloud KMS, which neither the published discovery documents nor the
//! emulators judge, and which would be the only services here that do.

use std::sync::Arc;

use google_cloud_auth::credentials::{CacheableResource, Credentials};
use google_cloud_gax::error::Error;
use http::HeaderMap;
use meridian_provider_api::provider::{WireRequest, WireTap};
use meridian_provider_api::{Api, Caller, CloudError, ErrorKind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, header};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::errors::{causes, from_sdk};

/// What a name may hold in one part of a path (RFC 3986, "unreserved").
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An API, and how its calls leave.
#[derive(Clone)]
pub struct Rest {
    pub http: reqwest::Client,
    /// Without a slash at its end.
    pub url: String,
    pub credentials: Credentials,
    pub caller: Caller,
    /// Where it is called, for errors.
    pub region: String,
    /// Sees requests. The SDK's clients let nobody see theirs.
    pub wire_tap: Option<Arc<dyn WireTap>>,
}

/// A call. What it carries may be secret, so it can't be printed.
#[derive(Clone)]
pub(crate) struct Request {
    api: Api,
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<(String, Zeroizing<Vec<u8>>)>,
}

/// One part of a path.
pub(crate) fn part(name: &str) -> String {
    utf8_percent_encode(name, PART).to_string()
}

impl Request {
    pub(crate) fn new(api: Api, method: Method, path: String) -> Self {
        Self { api, method, path, query: Vec::new(), body: None }
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(crate) fn json(self, body: &serde_json::Value) -> Self {
        self.body("application/json".to_owned(), body.to_string().into_bytes())
    }

    pub(crate) fn body(mut self, kind: String, body: Vec<u8>) -> Self {
        self.body = Some((kind, Zeroizing::new(body)));
        self
    }

    /// The type of the body, and the body.
    #[cfg(test)]
    pub(crate) fn content(&self) -> Option<(&str, &[u8])> {
        self.body.as_ref().map(|(kind, body)| (kind.as_str(), body.as_slice()))
    }
}

/// The headers that say who calls.
pub(crate) async fn headers(credentials: &Credentials, operation: &str) -> Result<HeaderMap, CloudError> {
    let denied = |why: String| CloudError::new(ErrorKind::Denied, operation, why);
    match credentials.headers(http::Extensions::new()).await.map_err(|error| denied(causes(&error)))? {
        CacheableResource::New { data, .. } => Ok(data),
        CacheableResource::NotModified => Err(denied("the credentials gave no headers".to_owned())),
    }
}

impl Rest {
    /// Sends a request, and again as its error allows.
    pub(crate) async fn send(&self, request: &Request) -> Result<Vec<u8>, CloudError> {
        self.caller.call(request.api, || self.once(request)).await
    }

    /// Sends a request and reads the answer as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(&self, request: &Request) -> Result<T, CloudError> {
        let bytes = Zeroizing::new(self.send(request).await?);
        serde_json::from_slice(&bytes).map_err(|error| {
            let operation = format!("{}:{}", request.api.service, request.api.operation);
            CloudError::new(ErrorKind::Invalid, &operation, format!("the answer can't be read: {error}"))
        })
    }

    /// Sends a request once.
    pub(crate) async fn once(&self, request: &Request) -> Result<Vec<u8>, CloudError> {
        let api = request.api;
        let operation = format!("{}:{}", api.service, api.operation);
        let unanswered =
            |error: reqwest::Error| CloudError::new(ErrorKind::Transient, &operation, causes(&error.without_url()));
        let built = self.build(request, &operation).await?;
        if let Some(tap) = &self.wire_tap {
            let headers = built.headers().iter();
            tap.request(WireRequest {
                service: api.service,
                operation: api.operation,
                method: built.method().as_str(),
                uri: built.url().as_str(),
                headers: headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default())).collect(),
                body: built.body().and_then(reqwest::Body::as_bytes).unwrap_or_default(),
            });
        }
        let answer = self.http.execute(built).await.map_err(unanswered)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.map_err(unanswered)?;
        if status.is_success() {
            return Ok(body.to_vec());
        }
        Err(from_sdk(api, &self.region, &Error::http(status.as_u16(), headers, body)))
    }

    async fn build(&self, request: &Request, operation: &str) -> Result<reqwest::Request, CloudError> {
        let mut builder = self
            .http
            .request(request.method.clone(), format!("{}{}", self.url, request.path))
            .query(&request.query)
            .headers(headers(&self.credentials, operation).await?);
        if let Some((kind, body)) = &request.body {
            builder = builder.header(header::CONTENT_TYPE, kind).body(body.to_vec());
        }
        builder.build().map_err(|error| CloudError::new(ErrorKind::Invalid, operation, causes(&error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_part_of_a_path() {
        assert_eq!(part("nodes/pool-general/0a"), "nodes%2Fpool-general%2F0a");
    }
}
