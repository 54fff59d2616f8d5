//! Whole exchanges, for checks of what was asked and what was answered against the vendors' models.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// A request and the answer that it got.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The cloud that was asked, such as `gcp`.
    pub cloud: &'static str,
    pub method: http::Method,
    pub uri: http::Uri,
    pub request_headers: http::HeaderMap,
    pub request_body: Bytes,
    pub status: http::StatusCode,
    pub response_headers: http::HeaderMap,
    pub response_body: Bytes,
}

/// Sees every exchange that was not cut short, before the answer leaves.
#[derive(Clone)]
pub struct Recorder(Arc<dyn Fn(&Exchange) + Send + Sync>);

impl Recorder {
    /// Shows every exchange to `see`, from any thread.
    pub fn new(see: impl Fn(&Exchange) + Send + Sync + 'static) -> Self {
        Self(Arc::new(see))
    }

    pub(crate) fn see(&self, exchange: &Exchange) {
        (self.0)(exchange);
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}
