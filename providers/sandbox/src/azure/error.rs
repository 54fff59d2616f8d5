//! Errors of the Azure Resource Manager APIs.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An error that the resource manager or a resource provider answers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// What went wrong.
    pub failure: Failure,
    /// Headers beside the usual ones.
    pub headers: Vec<(String, String)>,
}

/// What went wrong: the error of an answer, or of an operation that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The code that clients match on.
    pub code: String,
    /// The text for people.
    pub message: String,
    /// The property that is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What exactly went wrong, where the code only says what to do about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Failure>,
}

impl Failure {
    /// A failure that blames no property.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), target: None, details: Vec::new() }
    }

    /// The failure as the wire carries it.
    pub fn body(&self) -> Value {
        let mut body = json!({ "code": self.code, "message": self.message });
        if let Some(target) = &self.target {
            body["target"] = json!(target);
        }
        if !self.details.is_empty() {
            body["details"] = self.details.iter().map(Self::body).collect();
        }
        body
    }
}

impl ApiError {
    /// An error with any status.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, failure: Failure::new(code, message), headers: Vec::new() }
    }

    /// 400: the caller's fault.
    pub fn bad(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// 409: at odds with what exists.
    pub fn conflict(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(409, code, message)
    }

    /// 400 `InvalidParameter` of Compute, for a property.
    pub fn parameter(target: &str, message: impl Into<String>) -> Self {
        Self::bad("InvalidParameter", message).at(target)
    }

    /// 404 for a resource that does not exist.
    pub fn not_found(id: &str) -> Self {
        let segments: Vec<&str> = id.trim_matches('/').split('/').collect();
        match segments.as_slice() {
            [_, _, _, group, _, namespace, kind, name] => Self::new(
                404,
                "ResourceNotFound",
                format!(
                    "The Resource '{namespace}/{kind}/{name}' under resource group '{group}' was not found. For more \
                     details please go to https://aka.ms/ARMResourceNotFoundFix"
                ),
            ),
            _ => Self::new(404, "NotFound", format!("Resource {id} not found.")),
        }
    }

    /// 429 with what stands in the way of a network resource until another one is made.
    pub fn not_provisioned(id: &str, user: &str) -> Self {
        let mut error = Self::new(429, "RetryableError", "A retryable error occurred.").with("Retry-After", "0");
        error.failure.details.push(Failure::new(
            "ReferencedResourceNotProvisioned",
            format!(
                "Cannot proceed with operation because resource {id} used by resource {user} is not in Succeeded state."
            ),
        ));
        error
    }

    /// 429 while another operation works on the same resource.
    pub fn in_progress(id: &str) -> Self {
        Self::new(
            429,
            "AnotherOperationInProgress",
            format!(
                "Another operation on this or dependent resource is in progress. To retrieve status of the operation \
                 use the uri that was given for it. Resource: {id}."
            ),
        )
        .with("Retry-After", "0")
    }

    /// 404 for a child whose parent does not exist.
    pub fn no_parent(id: &str, parent: &str) -> Self {
        let types: Vec<&str> =
            id.split("/providers/").nth(1).unwrap_or_default().split('/').skip(1).step_by(2).collect();
        Self::new(
            404,
            "ParentResourceNotFound",
            format!(
                "Failed to perform 'write' on resource(s) of type '{}', because the parent resource '{}' could not be \
                 found.",
                types.join("/"),
                super::world::name_of(parent)
            ),
        )
    }

    /// 400 for a network resource that refers to what does not exist.
    pub fn no_reference(id: &str, user: &str) -> Self {
        Self::bad(
            "InvalidResourceReference",
            format!(
                "Resource {id} referenced by resource {user} was not found. Please make sure that the referenced \
                 resource exists, and that both resources are in the same region."
            ),
        )
    }

    /// 400 for a machine with an identity that does not exist.
    pub fn no_identity(id: &str, user: &str) -> Self {
        Self::bad(
            "FailedIdentityOperation",
            format!("Identity operation for resource '{user}' failed: The resource identity '{id}' was not found."),
        )
    }

    /// 404 for a resource group that does not exist.
    pub fn no_group(name: &str) -> Self {
        Self::new(404, "ResourceGroupNotFound", format!("Resource group '{name}' could not be found."))
    }

    /// 401 for a request without a token.
    pub fn unauthenticated() -> Self {
        Self::new(401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.").with(
            "WWW-Authenticate",
            "Bearer authorization_uri=\"https://login.windows.net/\", error=\"invalid_token\", \
             error_description=\"The authentication scheme of Bearer is missing.\"",
        )
    }

    /// 401 for a token that has run out.
    pub fn expired() -> Self {
        Self::new(401, "ExpiredAuthenticationToken", "The access token has expired.").with(
            "WWW-Authenticate",
            "Bearer authorization_uri=\"https://login.windows.net/\", error=\"invalid_token\", \
             error_description=\"The access token has expired.\"",
        )
    }

    /// The service's throttling error.
    pub fn throttled(namespace: &str) -> Self {
        let error = match namespace {
            "Microsoft.Compute" => Self::new(
                429,
                "OperationNotAllowed",
                "The server rejected the request because too many requests have been received for this subscription.",
            ),
            _ => Self::new(429, "TooManyRequests", "The request is being throttled as the limit has been reached."),
        };
        error.with("Retry-After", "1")
    }

    /// 403 for a caller who lacks the permission.
    pub fn denied(operation: &str) -> Self {
        Self::new(
            403,
            "AuthorizationFailed",
            format!("The client does not have authorization to perform action '{operation}' or the scope is invalid."),
        )
    }

    /// An internal error, 500 or 503.
    pub fn server(status: u16) -> Self {
        let code = if status == 500 { "InternalServerError" } else { "ServiceUnavailable" };
        Self::new(status, code, "The server was unable to complete the request.")
    }

    /// The same error, which blames a property.
    #[must_use]
    pub fn at(mut self, target: &str) -> Self {
        self.failure.target = Some(target.to_owned());
        self
    }

    /// The same error with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}
