//! Writes requests and answers down, for the check against the vendors' models.

use std::fs::File;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use meridian_provider_api::provider::{WireRequest, WireTap};
use meridian_sandbox::{Exchange, Recorder};
use serde_json::{Value, json};

/// A header of what a test writes back as it has read it, with all that only the service sets. No client of ours sends that.
pub const BY_HAND: &str = "x-by-hand";

/// A file of requests, one JSON object a line.
struct WireLog(Mutex<File>);

/// Keeps every request that is sent to somebody else's emulator.
///
/// # Panics
/// When no file can be made in the directory that `cargo xtask test` gathers.
#[must_use]
pub fn tap(suite: &str) -> Arc<dyn WireTap> {
    Arc::new(WireLog::start(suite))
}

/// Keeps every exchange with a sandbox of ours.
///
/// # Panics
/// As [`tap`].
#[must_use]
pub fn recorder(suite: &str) -> Recorder {
    let log = WireLog::start(suite);
    Recorder::new(move |exchange: &Exchange| {
        if exchange.request_headers.contains_key(BY_HAND) {
            return;
        }
        log.write(&json!({
            "cloud": exchange.cloud,
            "method": exchange.method.as_str(),
            "uri": exchange.uri.to_string(),
            "headers": pairs(&exchange.request_headers),
            "body_base64": STANDARD.encode(&exchange.request_body),
            "status": exchange.status.as_u16(),
            "response_headers": pairs(&exchange.response_headers),
            "response_base64": STANDARD.encode(&exchange.response_body),
        }));
    })
}

fn pairs(headers: &HeaderMap) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default())).collect()
}

impl WireLog {
    fn start(suite: &str) -> Self {
        let folder = crate::tool("MERIDIAN_WIRE_DIR");
        let unique = tempfile::Builder::new()
            .prefix(&format!("{suite}-"))
            .suffix(".jsonl")
            .disable_cleanup(true)
            .tempfile_in(&folder)
            .unwrap_or_else(|error| panic!("no record can be kept in {}: {error}", folder.display()));
        Self(Mutex::new(unique.into_file()))
    }

    fn write(&self, line: &Value) {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{line}").unwrap_or_else(|error| panic!("an exchange could not be recorded: {error}"));
    }
}

impl WireTap for WireLog {
    fn request(&self, request: WireRequest<'_>) {
        self.write(&json!({
            "cloud": "aws",
            "service": request.service,
            "operation": request.operation,
            "method": request.method,
            "uri": request.uri,
            "headers": request.headers,
            "body_base64": STANDARD.encode(request.body),
        }));
    }
}
