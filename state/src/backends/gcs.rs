//! Google Cloud Storage, by its JSON API.
//!
//! `object_store` speaks the XML API, whose uploads the independent emulator (fake-gcs-server) does not know, so that nobody
//! but us would judge what matters most here: that of several conditional writes one wins. The JSON API it does know. It honours
//! `ifGenerationMatch` on multipart uploads only, so that is what a put is; the real service honours it there too. See "Request
//! preconditions" in the documentation of Cloud Storage.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder, Response, header};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::backends::credential::{Credential, CredentialSource};
use crate::backends::endpoint::Endpoint;
use crate::backends::fault::{Answer, Fault, all_causes, last_cause};
use crate::backends::remote::Wire;
use crate::store::{Condition, MAX_OBJECT_BYTES, Object, Version};

const USUAL_ENDPOINT: &str = "https://storage.googleapis.com";

/// What is read of an error's text.
const MAX_ERROR_BYTES: u64 = 64 << 10;

/// What a name may hold in one part of a path (RFC 3986, "unreserved").
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A bucket. Versions are generations.
pub(super) struct Gcs {
    client: reqwest::Client,
    base: String,
    bucket: String,
    credentials: Arc<dyn CredentialSource>,
    is_emulator: bool,
    is_exposed: bool,
}

/// What we read of an object's metadata.
#[derive(Deserialize)]
struct Metadata {
    name: Option<String>,
    generation: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    items: Vec<Metadata>,
    next_page_token: Option<String>,
}

/// An error's words, of which only the short ones are kept.
#[derive(Deserialize)]
struct Refusal {
    error: RefusalBody,
}

#[derive(Deserialize)]
struct RefusalBody {
    #[serde(default)]
    errors: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    reason: String,
}

impl Gcs {
    pub(super) fn new(
        bucket: &str,
        endpoint: Option<&Endpoint>,
        client: reqwest::Client,
        credentials: Arc<dyn CredentialSource>,
    ) -> Self {
        Self {
            client,
            base: endpoint.map_or(USUAL_ENDPOINT, Endpoint::url).to_owned(),
            bucket: bucket.to_owned(),
            credentials,
            is_emulator: endpoint.is_some(),
            is_exposed: endpoint.is_some_and(Endpoint::is_exposed),
        }
    }

    fn object_url(&self, key: &str) -> String {
        format!("{}/storage/v1/b/{}/o/{}", self.base, self.bucket, utf8_percent_encode(key, PART))
    }

    /// Signs a request and sends it. Any answer is a success.
    async fn send(&self, request: RequestBuilder) -> Result<Response, Fault> {
        let credential =
            self.credentials.credential().await.map_err(|error| Fault::Credential(all_causes(error.as_ref())))?;
        let refuse = |why: String| Err(Fault::Credential(why));
        let request = match credential {
            Credential::Bearer(_) if self.is_exposed => {
                return refuse("a token is not sent over plain HTTP to another machine".to_owned());
            }
            Credential::Bearer(token) => {
                let mut value = header::HeaderValue::from_str(&Zeroizing::new(format!("Bearer {}", token.as_str())))
                    .map_err(|_| Fault::Credential("the token can't stand in a header".to_owned()))?;
                value.set_sensitive(true);
                request.header(header::AUTHORIZATION, value)
            }
            Credential::Anonymous if self.is_emulator => request,
            other => {
                return refuse(format!("Cloud Storage takes an access token, and these credentials are {other:?}"));
            }
        };
        request.send().await.map_err(no_answer)
    }

    /// Whether the bucket is there: an object's 404 does not say.
    async fn look_for_bucket(&self) -> Result<(), Fault> {
        let url = format!("{}/storage/v1/b/{}", self.base, self.bucket);
        let answer = self.send(self.client.request(Method::GET, url).query(&[("fields", "name")])).await?;
        match answer.status().as_u16() {
            404 => Err(no_bucket()),
            // Who may use objects need not be let near the bucket's own description.
            _ => Ok(()),
        }
    }

    async fn page(&self, prefix: &str, token: Option<&str>) -> Result<Page, Fault> {
        let url = format!("{}/storage/v1/b/{}/o", self.base, self.bucket);
        let mut query = vec![("prefix", prefix), ("fields", "items(name),nextPageToken")];
        query.extend(token.map(|token| ("pageToken", token)));
        let answer = self.send(self.client.request(Method::GET, url).query(&query)).await?;
        if answer.status().as_u16() == 404 {
            return Err(no_bucket());
        }
        json(ok(answer).await?).await
    }
}

#[async_trait]
impl Wire for Gcs {
    async fn get(&self, key: &str) -> Result<Option<Object>, Fault> {
        let request = self.client.request(Method::GET, self.object_url(key)).query(&[("alt", "media")]);
        let answer = self.send(request).await?;
        if answer.status().as_u16() == 404 {
            let text = bounded(answer, MAX_ERROR_BYTES).await.unwrap_or_default();
            let is_missing_bucket = String::from_utf8_lossy(&text).contains("bucket does not exist");
            return if is_missing_bucket { Err(no_bucket()) } else { Ok(None) };
        }
        let answer = ok(answer).await?;
        let generation = answer.headers().get("x-goog-generation").and_then(|value| value.to_str().ok());
        let version =
            Version(generation.ok_or_else(|| Fault::Other("an object without a generation".into()))?.to_owned());
        Ok(Some(Object { bytes: bounded(answer, MAX_OBJECT_BYTES).await?, version }))
    }

    async fn put(&self, key: &str, bytes: Bytes, condition: &Condition) -> Result<Version, Fault> {
        let generation = match condition {
            Condition::Absent => "0",
            Condition::Matches(version) => &version.0,
        };
        let (kind, body) = multipart(key, &bytes);
        let url = format!("{}/upload/storage/v1/b/{}/o", self.base, self.bucket);
        let query = [("uploadType", "multipart"), ("ifGenerationMatch", generation), ("fields", "generation")];
        let request =
            self.client.request(Method::POST, url).query(&query).header(header::CONTENT_TYPE, kind).body(body);
        let answer = self.send(request).await?;
        match answer.status().as_u16() {
            412 => return Err(Fault::Condition),
            404 => {
                self.look_for_bucket().await?;
                return Err(Fault::Condition);
            }
            _ => {}
        }
        let metadata: Metadata = json(ok(answer).await?).await?;
        metadata.generation.map(Version).ok_or_else(|| Fault::Other("an object without a generation".into()))
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        let answer = self.send(self.client.request(Method::DELETE, self.object_url(key))).await?;
        if answer.status().as_u16() == 404 { Ok(()) } else { ok(answer).await.map(|_| ()) }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        let mut page = self.page(prefix, None).await?;
        let mut keys = Vec::new();
        loop {
            keys.extend(page.items.into_iter().filter_map(|item| item.name));
            match page.next_page_token {
                Some(token) if !token.is_empty() => page = self.page(prefix, Some(&token)).await?,
                _ => return Ok(keys),
            }
        }
    }
}

fn no_bucket() -> Fault {
    Answer { status: 404, code: "NoSuchBucket".to_owned(), region: None }.into()
}

/// An upload's metadata and content in one body, and the type of it. The boundary is random, and longer than chance can hit.
fn multipart(key: &str, bytes: &[u8]) -> (String, Vec<u8>) {
    let boundary = format!("meridian-{}", uuid::Uuid::new_v4().simple());
    let metadata = serde_json::json!({ "name": key, "contentType": "application/octet-stream" });
    let mut body = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{metadata}\r\n\
         --{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(bytes);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/related; boundary={boundary}"), body)
}

#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` takes")]
fn no_answer(error: reqwest::Error) -> Fault {
    if error.is_builder() {
        Fault::Other("the request can't be made".to_owned())
    } else if error.is_timeout() {
        Fault::NoAnswer("it took too long".to_owned())
    } else {
        Fault::NoAnswer(last_cause(&error))
    }
}

/// The answer, unless it is an error.
async fn ok(answer: Response) -> Result<Response, Fault> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let text = bounded(answer, MAX_ERROR_BYTES).await.unwrap_or_default();
    let refusal = serde_json::from_slice::<Refusal>(&text).ok();
    let code = refusal.and_then(|refusal| refusal.error.errors.into_iter().next()).map(|detail| detail.reason);
    let code = code.filter(|code| code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric()));
    Err(Answer { status: status.as_u16(), code: code.unwrap_or_default(), region: None }.into())
}

async fn json<T: for<'a> Deserialize<'a>>(answer: Response) -> Result<T, Fault> {
    let bytes = bounded(answer, MAX_OBJECT_BYTES).await?;
    serde_json::from_slice(&bytes).map_err(|error| Fault::Other(format!("the answer can't be read: {error}")))
}

/// The body of an answer, if it is not larger than `most` bytes.
async fn bounded(mut answer: Response, most: u64) -> Result<Vec<u8>, Fault> {
    let fits = |length: u64| if length > most { Err(Fault::TooLarge) } else { Ok(()) };
    fits(answer.content_length().unwrap_or_default())?;
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(no_answer)? {
        bytes.extend_from_slice(&chunk);
        fits(bytes.len() as u64)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_holds_metadata_and_content() {
        let (kind, body) = multipart("a/b \"c\"", b"text\r\n--");
        let boundary = kind.split_once('=').unwrap().1;
        let body = String::from_utf8(body).unwrap();
        assert!(body.contains("\"name\":\"a/b \\\"c\\\"\""));
        assert!(body.ends_with(&format!("\r\n\r\ntext\r\n--\r\n--{boundary}--\r\n")));
    }
}
