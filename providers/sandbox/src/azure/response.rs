//! Answers of the resource manager.

use bytes::Bytes;
use serde_json::{Value, json};

use super::error::ApiError;

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers beside the usual ones.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// An answer with a JSON body.
    #[expect(clippy::needless_pass_by_value, reason = "a body is made for its answer, nearly always on the spot")]
    pub fn json(status: u16, body: Value) -> Self {
        let mut headers = vec![("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned())];
        if let Some(etag) = body["etag"].as_str() {
            headers.push(("ETag".to_owned(), etag.to_owned()));
        }
        Self { status, headers, body: Bytes::from(body.to_string()) }
    }

    /// An answer without a body.
    pub const fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// The same answer with more headers.
    #[must_use]
    pub fn with(mut self, headers: Vec<(String, String)>) -> Self {
        self.headers.extend(headers);
        self
    }
}

impl From<&ApiError> for Response {
    fn from(error: &ApiError) -> Self {
        Self::json(error.status, json!({ "error": error.failure.body() })).with(error.headers.clone())
    }
}
