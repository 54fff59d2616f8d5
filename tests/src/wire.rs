//! Writes every request down, for the check against the vendors' models.

use std::fs::File;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meridian_provider_api::provider::{WireRequest, WireTap};

/// A file of requests, one JSON object a line.
pub struct WireLog(Mutex<File>);

impl WireLog {
    /// A new file in the directory that `cargo xtask test` gathers.
    ///
    /// # Panics
    /// When it can't be made.
    #[must_use]
    pub fn start(suite: &str) -> Arc<dyn WireTap> {
        let folder = crate::tool("MERIDIAN_WIRE_DIR");
        let unique = tempfile::Builder::new()
            .prefix(&format!("{suite}-"))
            .suffix(".jsonl")
            .disable_cleanup(true)
            .tempfile_in(&folder)
            .unwrap_or_else(|error| panic!("no record can be kept in {}: {error}", folder.display()));
        Arc::new(Self(Mutex::new(unique.into_file())))
    }
}

impl WireTap for WireLog {
    fn request(&self, request: WireRequest<'_>) {
        let line = serde_json::json!({
            "service": request.service,
            "operation": request.operation,
            "method": request.method,
            "uri": request.uri,
            "headers": request.headers,
            "body_base64": STANDARD.encode(request.body),
        });
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{line}").unwrap_or_else(|error| panic!("a request could not be recorded: {error}"));
    }
}
