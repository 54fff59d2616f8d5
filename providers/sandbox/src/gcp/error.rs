//! Errors of Google's APIs, in the JSON form that all of them share.

use bytes::Bytes;
use serde_json::{Value, json};

use super::request::json_response;

/// How many seconds a service asks to wait that was called too often.
const RETRY_AFTER: &str = "1";

/// An error that a service answers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// What clients match on, such as `notFound`.
    pub reason: String,
    /// The text for people.
    pub message: String,
    /// The canonical code, such as `INVALID_ARGUMENT`, where the service sends one.
    pub canonical: Option<&'static str>,
}

impl ApiError {
    /// An error with any status, without a canonical code.
    pub fn new(status: u16, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), message: message.into(), canonical: None }
    }

    /// An error as the newer services send it, with its canonical code.
    pub fn canonical(status: u16, code: &'static str, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { canonical: Some(code), ..Self::new(status, reason, message) }
    }

    /// An error of the services that name their errors by the canonical code alone.
    pub fn plain(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self::canonical(status, code, code, message)
    }

    /// 400: the body is no JSON that the method understands.
    pub fn payload(message: impl Into<String>) -> Self {
        Self::canonical(400, "INVALID_ARGUMENT", "badRequest", message)
    }

    /// 400: a field that the message does not have.
    pub fn unknown_field(name: &str, parent: &str) -> Self {
        let place = if parent.is_empty() { String::new() } else { format!(" at '{parent}'") };
        Self::payload(format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field."))
    }

    /// 400: a query parameter that the method does not have.
    pub fn unknown_query(name: &str) -> Self {
        Self::payload(format!(
            "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. Field '{name}' \
             could not be found in request message."
        ))
    }

    /// 400: a value that the field cannot have.
    pub fn invalid(field: &str, value: impl std::fmt::Display, why: &str) -> Self {
        Self::new(400, "invalid", format!("Invalid value for field '{field}': '{value}'. {why}"))
    }

    /// 400: a field that must be there.
    pub fn required(field: &str) -> Self {
        Self::new(400, "required", format!("Required field '{field}' not specified"))
    }

    /// 404. `path` begins with `projects/`.
    pub fn not_found(path: impl std::fmt::Display) -> Self {
        Self::new(404, "notFound", format!("The resource '{path}' was not found"))
    }

    /// 404: no method answers at the URL.
    pub fn no_method(method: &http::Method, path: &str) -> Self {
        Self::new(404, "notFound", format!("Method not found: {method} {path}"))
    }

    /// 409.
    pub fn exists(path: impl std::fmt::Display) -> Self {
        Self::new(409, "alreadyExists", format!("The resource '{path}' already exists"))
    }

    /// 400: something else needs it.
    pub fn in_use(singular: &str, path: impl std::fmt::Display, by: impl std::fmt::Display) -> Self {
        Self::new(
            400,
            "resourceInUseByAnotherResource",
            format!("The {singular} resource '{path}' is already being used by '{by}'"),
        )
    }

    /// 400: an operation is at work on it.
    pub fn not_ready(path: impl std::fmt::Display) -> Self {
        Self::new(400, "resourceNotReady", format!("The resource '{path}' is not ready"))
    }

    /// 412: the fingerprint is missing or old.
    pub fn condition(message: impl Into<String>) -> Self {
        Self::new(412, "conditionNotMet", message)
    }

    /// 403: the project may not have more.
    pub fn quota(metric: &str, limit: usize, scope: &str) -> Self {
        Self::new(403, "quotaExceeded", format!("Quota '{metric}' exceeded.  Limit: {limit}.0 {scope}."))
    }

    /// The service's throttling error: 403 for Compute Engine, 429 for the others.
    pub fn throttled(service: &str) -> Self {
        match service {
            "compute" => Self::new(403, "rateLimitExceeded", "Rate Limit Exceeded"),
            _ => Self::canonical(429, "RESOURCE_EXHAUSTED", "rateLimitExceeded", "Quota exceeded for quota metric."),
        }
    }

    /// The service's denial of permission.
    pub fn denied(service: &str, operation: &str) -> Self {
        let message = format!("Required '{service}.{operation}' permission for the resource");
        Self::canonical(403, "PERMISSION_DENIED", "forbidden", message)
    }

    /// 401: the access token has run out.
    pub fn expired() -> Self {
        let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or \
                       other valid authentication credential.";
        Self::canonical(401, "UNAUTHENTICATED", "authError", message)
    }

    /// The service's internal error, 500 or 503.
    pub fn server(status: u16) -> Self {
        match status {
            503 => Self::canonical(503, "UNAVAILABLE", "backendError", "The service is currently unavailable."),
            _ => Self::canonical(500, "INTERNAL", "internalError", "Internal error. Please try again."),
        }
    }

    /// The answer.
    pub fn render(&self) -> http::Response<Bytes> {
        let domain = match self.reason.as_str() {
            "rateLimitExceeded" | "quotaExceeded" => "usageLimits",
            _ => "global",
        };
        let mut error = json!({
            "code": self.status,
            "message": self.message,
            "errors": [{ "message": self.message, "domain": domain, "reason": self.reason }],
        });
        if let Some(code) = self.canonical {
            error["status"] = Value::from(code);
        }
        if self.canonical == Some(self.reason.as_str())
            && let Some(error) = error.as_object_mut()
        {
            error.remove("errors");
        }
        let mut response = json_response(self.status, &json!({ "error": error }));
        if self.reason == "rateLimitExceeded" {
            let seconds = http::HeaderValue::from_static(RETRY_AFTER);
            response.headers_mut().insert(http::header::RETRY_AFTER, seconds);
        }
        response
    }
}
