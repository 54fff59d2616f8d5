//! The time, as the worlds keep it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub type Millis = u64;

/// The present.
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

/// A time as the APIs write it: ISO 8601 with milliseconds, in UTC.
pub fn timestamp(at: Millis) -> String {
    i64::try_from(at)
        .ok()
        .and_then(|at| jiff::Timestamp::from_millisecond(at).ok())
        .map_or_else(String::new, |at| at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

/// A time as HTTP headers write it, to the second.
pub fn http_date(at: Millis) -> String {
    i64::try_from(at)
        .ok()
        .and_then(|at| jiff::Timestamp::from_millisecond(at).ok())
        .map_or_else(String::new, |at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}
