//! How requests to stores leave: one client with bounds, and a front that reads errors before anyone else does.

use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use object_store::{ClientOptions, RetryConfig};

use crate::backends::endpoint::Endpoint;
use crate::backends::fault::Answer;

/// For a connection to stand.
const CONNECT: Duration = Duration::from_secs(10);

/// For a whole request, its answer read.
const WHOLE: Duration = Duration::from_mins(1);

/// What is read of an error's text.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// A client for a store at `endpoint`, or at its usual address.
///
/// Plain HTTP is spoken with an endpoint that says so and with nobody else. Redirects are not followed: what is signed for
/// one host is not shown to another.
pub(super) fn client(endpoint: Option<&Endpoint>) -> Result<reqwest::Client, reqwest::Error> {
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .redirect(reqwest::redirect::Policy::none())
        .https_only(!endpoint.is_some_and(Endpoint::is_plain));
    if endpoint.is_some_and(Endpoint::is_loopback) {
        builder = builder.no_proxy();
    }
    builder.build()
}

/// No retries by the store's client: `Remote` knows when a put may be repeated, and asks for a credential each time.
pub(super) fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// Gives [`Front`] to a client of `object_store`.
#[derive(Debug)]
pub(super) struct Connector(pub reqwest::Client);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Front(self.0.clone())))
    }
}

/// Turns answers that say an error into an [`Answer`], except those that the client itself must see: that an object is not
/// there, and that a condition does not hold.
#[derive(Debug)]
struct Front(reqwest::Client);

#[async_trait]
impl HttpService for Front {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = HttpService::call(&self.0, request).await?.into_parts();
        if parts.status.is_success() || parts.status == http::StatusCode::NOT_MODIFIED {
            return Ok(HttpResponse::from_parts(parts, body));
        }
        let text = start(body).await?;
        let header = |name: &str| parts.headers.get(name)?.to_str().ok().map(str::to_owned);
        let answer = Answer {
            status: parts.status.as_u16(),
            code: header("x-ms-error-code").unwrap_or_else(|| code(&text)),
            region: header("x-amz-bucket-region").or_else(|| element(&text, "Region")),
        };
        let is_for_the_client = match answer.status {
            404 => !answer.is_missing_bucket(),
            409 => answer.code == "BlobAlreadyExists",
            412 => true,
            _ => false,
        };
        if is_for_the_client {
            return Ok(HttpResponse::from_parts(parts, HttpResponseBody::from(text)));
        }
        Err(HttpError::new(HttpErrorKind::Unknown, answer))
    }
}

/// The first bytes of an error's text.
async fn start(body: HttpResponseBody) -> Result<String, HttpError> {
    let mut bytes = Vec::new();
    let mut chunks = body.bytes_stream();
    while bytes.len() < MAX_ERROR_BYTES
        && let Some(chunk) = chunks.next().await
    {
        bytes.extend_from_slice(&chunk?);
    }
    bytes.truncate(MAX_ERROR_BYTES);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The code of an error in XML.
fn code(text: &str) -> String {
    element(text, "Code").unwrap_or_default()
}

/// The text of an element that holds one word.
fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (word, _) = rest.split_once("</")?;
    let is_word = word.len() <= 64 && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    is_word.then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_word_is_taken_out_of_an_error() {
        let text = "<Error><Code>NoSuchBucket</Code><Message>a secret</Message><Region>eu-west-1</Region></Error>";
        assert_eq!(code(text), "NoSuchBucket");
        assert_eq!(element(text, "Region").as_deref(), Some("eu-west-1"));
        assert_eq!(element(text, "Message"), None);
        assert_eq!(code("<html>"), "");
    }
}
