//! How requests leave: one pool of connections for all SDK clients, each request shown to the tap, and refusals kept
//! whole. The SDK's own error keeps neither the headers of a refusal nor what stands deeper in its body.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::headers::{CONTENT_TYPE, HeaderName, HeaderValue, Headers};
use azure_core::{Body, HttpClient, Request, Response, StatusCode};
use bytes::Bytes;
use meridian_provider_api::provider::{WireRequest, WireTap};
use serde::Deserialize;

tokio::task_local! {
    /// What is being called, by whoever calls it. The SDK's requests name no operation and take no conditions, so that
    /// both travel beside them.
    pub(super) static CALL: Call;
}

/// See [`CALL`].
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub service: &'static str,
    pub operation: &'static str,
    /// Refused when the resource has another `ETag` by now.
    pub if_match: Option<String>,
}

/// The HTTP client of every SDK client.
pub(super) struct Transport {
    http: reqwest012::Client,
    tap: Option<Arc<dyn WireTap>>,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Transport")
    }
}

impl Transport {
    /// A client with an empty pool.
    pub fn new(tap: Option<Arc<dyn WireTap>>) -> reqwest012::Result<Self> {
        let http = reqwest012::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_mins(1))
            .redirect(reqwest012::redirect::Policy::none())
            .build()?;
        Ok(Self { http, tap })
    }

    fn show(&self, call: Option<&Call>, request: &Request, headers: &[(&str, &str)], body: &[u8]) {
        let (Some(tap), Some(call)) = (&self.tap, call) else { return };
        tap.request(WireRequest {
            service: call.service,
            operation: call.operation,
            method: request.method().as_ref(),
            uri: request.url().as_str(),
            headers: headers.to_vec(),
            body,
        });
    }
}

#[async_trait]
impl HttpClient for Transport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<Response> {
        let call = CALL.try_with(Clone::clone).ok();
        let Body::Bytes(body) = request.body().clone() else {
            return Err(Error::message(ErrorKind::Other, "no request of ours is a stream"));
        };
        let is_json = request.headers().get_optional_str(&CONTENT_TYPE) == Some("application/json");
        let body = if is_json { without_nulls(body) } else { body };
        let condition = call.as_ref().and_then(|call| call.if_match.as_deref()).map(|etag| ("if-match", etag));
        let headers: Vec<(&str, &str)> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(condition).collect();
        self.show(call.as_ref(), request, &headers, &body);
        let method = reqwest012::Method::from_bytes(request.method().as_ref().as_bytes())
            .map_err(|error| Error::new(ErrorKind::DataConversion, error))?;
        let mut builder = self.http.request(method, request.url().clone()).body(body);
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        let answer = builder.send().await.map_err(|error| Error::new(ErrorKind::Io, error))?;
        let status = answer.status().as_u16();
        let headers: HashMap<HeaderName, HeaderValue> = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| {
                Some((HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value.to_str().ok()?.to_owned())))
            })
            .collect();
        let headers = Headers::from(headers);
        let body = answer.bytes().await.map_err(|error| Error::new(ErrorKind::Io, error))?;
        let code = StatusCode::try_from(status).map_err(|_| {
            Error::with_message(ErrorKind::DataConversion, || format!("there is no HTTP status {status}"))
        })?;
        if code.is_success() {
            let body = futures::stream::iter([Ok(body)]);
            return Ok(Response::new(code, headers, Box::pin(body)));
        }
        let refusal = Refusal::read(status, &headers, &body);
        Err(Error::new(ErrorKind::HttpResponse { status: code, error_code: refusal.code.clone() }, refusal))
    }
}

/// A JSON body without members that are null. The SDK writes those for dates that only the service sets; to some services a
/// null means to take something away, and we ask for that nowhere.
fn without_nulls(body: Bytes) -> Bytes {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(members) => {
                members.retain(|_, member| !member.is_null());
                members.values_mut().for_each(strip);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    match serde_json::from_slice(&body) {
        Ok(mut value) => {
            strip(&mut value);
            Bytes::from(value.to_string())
        }
        Err(_) => body,
    }
}

/// An answer that is not a success, or the error in which a long-running operation ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    /// HTTP status; `None` for an operation that ended in an error.
    pub status: Option<u16>,
    pub code: Option<String>,
    pub message: String,
    pub request_id: Option<String>,
    pub retry_after: Option<Duration>,
}

/// `{"error": …}`, as ARM writes it (github.com/microsoft/api-guidelines, "Handling errors"), or the error alone.
#[derive(Deserialize)]
struct Wrapped {
    error: Option<Inner>,
    #[serde(flatten)]
    bare: Inner,
}

/// `<Error>`, as storage accounts write it (learn.microsoft.com, "Status and error codes" of the Storage REST API).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BlobError {
    code: String,
    message: String,
}

#[derive(Deserialize, Default)]
struct Inner {
    code: Option<String>,
    message: Option<String>,
    #[serde(default)]
    details: Option<Vec<Inner>>,
}

impl Inner {
    /// The error's words and those of what it goes back to.
    fn words(&self) -> String {
        let own = self.message.clone().unwrap_or_default();
        let details = self.details.iter().flatten().map(Inner::words).filter(|text| !text.is_empty() && *text != own);
        std::iter::once(own.clone()).chain(details).collect::<Vec<_>>().join(": ")
    }

    /// The code that says most: some services wrap the cause into an error of a general name.
    fn code(&self) -> Option<&str> {
        let general =
            |code: &str| matches!(code, "DeploymentFailed" | "BadRequest" | "Conflict" | "ResourceOperationFailure");
        let own = self.code.as_deref();
        if own.is_none_or(general) {
            let inner = self.details.iter().flatten().find_map(Inner::code);
            return inner.or(own);
        }
        own
    }
}

impl Refusal {
    pub fn read(status: u16, headers: &Headers, body: &Bytes) -> Self {
        let header = |name: &'static str| headers.get_optional_string(&HeaderName::from_static(name));
        let (code, message) = Self::words(body);
        Self {
            status: Some(status),
            code: code.or_else(|| header("x-ms-error-code")),
            message,
            request_id: header("x-ms-request-id"),
            retry_after: retry_after(headers),
        }
    }

    /// Code and message of a body.
    pub fn words(body: &[u8]) -> (Option<String>, String) {
        let Ok(wrapped) = serde_json::from_slice::<Wrapped>(body) else {
            return match azure_core::xml::read_xml::<BlobError>(body) {
                // Below the message stand the request's id and the time.
                Ok(error) => (Some(error.code), error.message.lines().next().unwrap_or_default().to_owned()),
                Err(_) => (None, String::from_utf8_lossy(body).chars().take(500).collect()),
            };
        };
        let error = wrapped.error.unwrap_or(wrapped.bare);
        (error.code().map(str::to_owned), error.words())
    }
}

/// How long the service asks to wait.
pub(super) fn retry_after(headers: &Headers) -> Option<Duration> {
    let text = headers.get_optional_str(&HeaderName::from_static("retry-after"))?;
    text.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_sdk_leaves_empty_is_not_sent() {
        let body = Bytes::from(r#"{"a":null,"b":[{"c":null,"d":1}],"e":{"f":null}}"#);
        assert_eq!(without_nulls(body), Bytes::from(r#"{"b":[{"d":1}],"e":{}}"#));
        assert_eq!(without_nulls(Bytes::from("{ no")), Bytes::from("{ no"));
    }

    #[test]
    fn the_cause_is_read_out_of_what_it_is_wrapped_in() {
        let body = br#"{"error":{"code":"Conflict","message":"The request failed.","details":[{"code":"AllocationFailed","message":"No room."}]}}"#;
        assert_eq!(
            Refusal::words(body),
            (Some("AllocationFailed".to_owned()), "The request failed.: No room.".to_owned())
        );
        let bare = br#"{"code":"X","message":"Y"}"#;
        assert_eq!(Refusal::words(bare), (Some("X".to_owned()), "Y".to_owned()));
        assert_eq!(Refusal::words(b"<html>"), (None, "<html>".to_owned()));
    }

    #[test]
    fn storage_accounts_say_it_in_xml() {
        let body = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>AuthorizationPermissionMismatch</Code>\
                    <Message>This request is not authorized.\nRequestId:1\nTime:2026-11-28T00:00:00Z</Message></Error>";
        let code = Some("AuthorizationPermissionMismatch".to_owned());
        assert_eq!(Refusal::words(body.as_bytes()), (code, "This request is not authorized.".to_owned()));
    }
}
