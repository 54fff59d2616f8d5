//! Conditional requests.
//!
//! Source: learn.microsoft.com, "Specify conditional headers for Blob service operations".

use super::bad_header;
use super::model::Blob;
use crate::azure::error::ApiError;
use crate::azure::request::Request;

/// What a request does with a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads it.
    Read,
    /// Writes or deletes it.
    Write,
}

/// Checks a request's conditions against what exists.
pub fn check(request: &Request, blob: Option<&Blob>, access: Access) -> Result<(), ApiError> {
    let etag = |wanted: &str| {
        blob.is_some_and(|blob| wanted == "*" || wanted.trim_matches('"') == blob.etag.trim_matches('"'))
    };
    if request.header("if-match").is_some_and(|wanted| !etag(wanted)) {
        return Err(failed());
    }
    match request.header("if-none-match") {
        Some("*") if access == Access::Write && blob.is_some() => {
            return Err(ApiError::conflict("BlobAlreadyExists", "The specified blob already exists."));
        }
        Some(unwanted) if etag(unwanted) => return Err(unchanged(access)),
        _ => {}
    }
    let Some(blob) = blob else { return Ok(()) };
    let modified = i64::try_from(blob.modified / 1_000).unwrap_or(i64::MAX);
    if date(request, "if-unmodified-since")?.is_some_and(|since| modified > since) {
        return Err(failed());
    }
    if date(request, "if-modified-since")?.is_some_and(|since| modified <= since) {
        return Err(unchanged(access));
    }
    Ok(())
}

fn date(request: &Request, name: &str) -> Result<Option<i64>, ApiError> {
    let Some(text) = request.header(name) else { return Ok(None) };
    let read = jiff::fmt::rfc2822::parse(text).map_err(|_| bad_header(name, text))?;
    Ok(Some(read.timestamp().as_second()))
}

fn failed() -> ApiError {
    ApiError::new(412, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met.")
}

fn unchanged(access: Access) -> ApiError {
    let status = if access == Access::Read { 304 } else { 412 };
    ApiError { status, ..failed() }
}
