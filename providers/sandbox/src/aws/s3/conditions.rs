//! Conditional requests: RFC 9110's headers as S3 honours them.

use super::{Object, no_key};
use crate::aws::{ApiError, Millis, Request};

/// If-Match and If-None-Match of a write.
pub fn check_write(req: &Request, key: &str, current: Option<&Object>) -> Result<(), ApiError> {
    if let Some(wanted) = req.header("if-match") {
        let object = current.ok_or_else(|| no_key(key))?;
        if !matches(wanted, &object.etag) {
            return Err(failed("If-Match"));
        }
    }
    match req.header("if-none-match") {
        Some("*") if current.is_some() => Err(failed("If-None-Match")),
        Some("*") | None => Ok(()),
        Some(_) => Err(super::not_implemented("The header If-None-Match with a value other than *")),
    }
}

/// The four conditions of a read; `Ok(false)` means that nothing was modified.
pub fn check_read(req: &Request, object: &Object, modified: Millis) -> Result<bool, ApiError> {
    let date = |name: &str| {
        req.header(name).and_then(|text| jiff::fmt::rfc2822::parse(text).ok()).map(|at| at.timestamp().as_second())
    };
    let modified = i64::try_from(modified / 1000).unwrap_or(i64::MAX);
    match req.header("if-match") {
        Some(wanted) if !matches(wanted, &object.etag) => return Err(failed("If-Match")),
        None if date("if-unmodified-since").is_some_and(|since| modified > since) => {
            return Err(failed("If-Unmodified-Since"));
        }
        _ => {}
    }
    Ok(match req.header("if-none-match") {
        Some(unwanted) => !matches(unwanted, &object.etag),
        None => date("if-modified-since").is_none_or(|since| modified > since),
    })
}

/// Whether a list of entity tags names this one.
fn matches(list: &str, etag: &str) -> bool {
    list == "*" || list.split(',').any(|one| one.trim().trim_matches('"') == etag)
}

fn failed(condition: &str) -> ApiError {
    ApiError::new(
        412,
        "PreconditionFailed",
        format!("At least one of the pre-conditions you specified did not hold: {condition}"),
    )
}
