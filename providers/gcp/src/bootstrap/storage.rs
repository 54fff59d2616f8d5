//! Cloud Storage by its JSON API, spoken plainly.
//!
//! Google's own crate speaks gRPC for buckets, which neither the published discovery documents nor the emulators judge,
//! and which would be the only service here that does. So these few calls are plain HTTP, with the same credentials and
//! limits as all others.

use google_cloud_auth::credentials::CacheableResource;
use google_cloud_gax::error::Error;
use meridian_provider_api::provider::WireRequest;
use meridian_provider_api::{Api, CloudError, ErrorKind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, header};
use serde::de::DeserializeOwned;

use crate::client::Gcp;
use crate::errors::{causes, from_sdk};
use crate::limits::other;

/// What a name may hold in one part of a path (RFC 3986, "unreserved").
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Between the parts of an upload. No PEM, JSON or script of ours has such a line, and [`upload`] looks for it.
const BOUNDARY: &str = "meridian-part-5d1f0a6c9b";

/// A call.
#[derive(Debug, Clone)]
pub(super) struct Request {
    api: Api,
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<(String, Vec<u8>)>,
}

/// One part of a path.
pub(super) fn part(name: &str) -> String {
    utf8_percent_encode(name, PART).to_string()
}

impl Request {
    pub(super) fn new(api: Api, method: Method, path: String) -> Self {
        Self { api, method, path, query: Vec::new(), body: None }
    }

    pub(super) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(super) fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = Some(("application/json".to_owned(), body.to_string().into_bytes()));
        self
    }
}

/// An upload of an object: its metadata and its content in one request.
pub(super) fn upload(api: Api, bucket: &str, key: &str, content: &str) -> Result<Request, CloudError> {
    if content.contains(BOUNDARY) {
        return Err(CloudError::new(ErrorKind::Invalid, "storage:objects.insert", "the content holds our boundary"));
    }
    let metadata = serde_json::json!({ "name": key, "contentType": "text/plain; charset=utf-8" });
    let body = format!(
        "--{BOUNDARY}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{metadata}\r\n\
         --{BOUNDARY}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{content}\r\n--{BOUNDARY}--\r\n"
    );
    let path = format!("/upload/storage/v1/b/{}/o", part(bucket));
    let mut request = Request::new(api, Method::POST, path).query("uploadType", "multipart");
    request.body = Some((format!("multipart/related; boundary={BOUNDARY}"), body.into_bytes()));
    Ok(request)
}

/// A call of Cloud Storage. Each may be sent twice: names and generations say what it is about.
pub(super) const fn storage(operation: &'static str) -> Api {
    other("storage", operation, true)
}

/// Sends a request, and again as its error allows.
pub(super) async fn send(client: &Gcp, request: &Request) -> Result<Vec<u8>, CloudError> {
    client.caller.call(request.api, || once(client, request)).await
}

/// Sends a request and reads the answer as JSON.
pub(super) async fn json<T: DeserializeOwned>(client: &Gcp, request: &Request) -> Result<T, CloudError> {
    let bytes = send(client, request).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let operation = format!("{}:{}", request.api.service, request.api.operation);
        CloudError::new(ErrorKind::Invalid, &operation, format!("the answer can't be read: {error}"))
    })
}

/// Sends a request once.
pub(super) async fn once(client: &Gcp, request: &Request) -> Result<Vec<u8>, CloudError> {
    let api = request.api;
    let operation = format!("{}:{}", api.service, api.operation);
    let unanswered =
        |error: reqwest::Error| CloudError::new(ErrorKind::Transient, &operation, causes(&error.without_url()));
    let built = build(client, request, &operation).await?;
    if let Some(tap) = &client.storage.wire_tap {
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
    let answer = client.storage.http.execute(built).await.map_err(unanswered)?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.map_err(unanswered)?;
    if status.is_success() {
        return Ok(body.to_vec());
    }
    Err(from_sdk(api, &client.region, &Error::http(status.as_u16(), headers, body)))
}

async fn build(client: &Gcp, request: &Request, operation: &str) -> Result<reqwest::Request, CloudError> {
    let denied = |why: String| CloudError::new(ErrorKind::Denied, operation, why);
    let credentials = client.storage.credentials.headers(http::Extensions::new()).await;
    let headers = match credentials.map_err(|error| denied(causes(&error)))? {
        CacheableResource::New { data, .. } => data,
        CacheableResource::NotModified => return Err(denied("the credentials gave no headers".to_owned())),
    };
    let mut builder = client
        .storage
        .http
        .request(request.method.clone(), format!("{}{}", client.storage.url, request.path))
        .query(&request.query)
        .headers(headers);
    if let Some((kind, body)) = &request.body {
        builder = builder.header(header::CONTENT_TYPE, kind).body(body.clone());
    }
    builder.build().map_err(|error| CloudError::new(ErrorKind::Invalid, operation, causes(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_part_of_a_path() {
        assert_eq!(part("nodes/pool-general/0a"), "nodes%2Fpool-general%2F0a");
    }

    #[test]
    fn an_upload_holds_metadata_and_content() {
        let request = upload(storage("objects.insert"), "b", "pki/ca.crt", "text").unwrap();
        let (kind, body) = request.body.unwrap();
        let body = String::from_utf8(body).unwrap();
        assert!(
            kind.ends_with(BOUNDARY) && body.contains("\"name\":\"pki/ca.crt\"") && body.contains("\r\n\r\ntext\r\n")
        );
        assert!(upload(storage("objects.insert"), "b", "k", BOUNDARY).is_err());
    }
}
