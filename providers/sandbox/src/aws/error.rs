//! Errors of the AWS APIs and the form in which each protocol sends them.

use serde_json::json;

use super::request::Protocol;
use super::response::Response;
use crate::xml::Xml;

/// An error that a service answers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The code that clients match on.
    pub code: String,
    /// The text for people.
    pub message: String,
    /// Headers beside the usual ones.
    pub headers: Vec<(String, String)>,
}

impl ApiError {
    /// An error with any status.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), headers: Vec::new() }
    }

    /// 400: the caller's fault. EC2 has this status for nearly everything.
    pub fn bad(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// 400 `InvalidAction`: the operation is not known.
    pub fn invalid_action(operation: &str) -> Self {
        Self::bad("InvalidAction", format!("The action {operation} is not valid for this web service."))
    }

    /// 400 `InvalidParameterValue`.
    pub fn value(message: impl Into<String>) -> Self {
        Self::bad("InvalidParameterValue", message)
    }

    /// 400 `InvalidParameterCombination`.
    pub fn combination(message: impl Into<String>) -> Self {
        Self::bad("InvalidParameterCombination", message)
    }

    /// 400 `DependencyViolation`.
    pub fn dependency(message: impl Into<String>) -> Self {
        Self::bad("DependencyViolation", message)
    }

    /// The service's throttling error.
    pub fn throttled(service: &str) -> Self {
        match service {
            "ec2" => Self::new(503, "RequestLimitExceeded", "Request limit exceeded."),
            "s3" => Self::new(503, "SlowDown", "Please reduce your request rate."),
            "kms" => Self::new(400, "ThrottlingException", "Rate exceeded"),
            _ => Self::new(400, "Throttling", "Rate exceeded"),
        }
    }

    /// The service's denial of permission.
    pub fn denied(service: &str, operation: &str) -> Self {
        match service {
            "ec2" => Self::new(
                403,
                "UnauthorizedOperation",
                format!("You are not authorized to perform this operation. It needs ec2:{operation}."),
            ),
            "kms" => Self::new(
                400,
                "AccessDeniedException",
                format!(
                    "User is not authorized to perform: kms:{operation} because no identity-based policy allows it"
                ),
            ),
            _ => Self::new(403, "AccessDenied", format!("User is not authorized to perform: {service}:{operation}")),
        }
    }

    /// The service's answer to a session token that has run out.
    pub fn expired(service: &str) -> Self {
        match service {
            "ec2" => Self::bad("RequestExpired", "Request has expired."),
            "s3" => Self::bad("ExpiredToken", "The provided token has expired."),
            "kms" => Self::bad("ExpiredTokenException", "The security token included in the request is expired"),
            _ => Self::new(403, "ExpiredToken", "The security token included in the request is expired"),
        }
    }

    /// The service's internal error, 500 or 503.
    pub fn server(service: &str, status: u16) -> Self {
        let code = match (service, status) {
            ("ec2" | "s3", 500) => "InternalError",
            ("ec2", _) => "Unavailable",
            ("kms", 500) => "KMSInternalException",
            ("kms", _) => "DependencyTimeoutException",
            (_, 500) => "InternalFailure",
            _ => "ServiceUnavailable",
        };
        Self::new(status, code, "An internal error has occurred")
    }

    /// EC2's answer when a zone has no machine of the type left.
    pub fn capacity() -> Self {
        Self::new(
            500,
            "InsufficientInstanceCapacity",
            "We currently do not have sufficient capacity in the Availability Zone you requested.",
        )
    }

    /// The answer of the protocol.
    pub fn render(&self, protocol: Protocol, request_id: &str, namespace: &str) -> Response {
        let mut x = Xml::document();
        match protocol {
            Protocol::Json => {
                let mut body = json!({ "__type": self.code });
                if !self.message.is_empty() {
                    body["message"] = json!(self.message);
                }
                return Response::json(self.status, &body);
            }
            Protocol::Ec2 => x.nest("Response", |x| {
                x.nest("Errors", |x| x.nest("Error", |x| self.body(x)));
                x.text("RequestID", request_id);
            }),
            Protocol::Query | Protocol::Route53 => x.root("ErrorResponse", namespace, |x| {
                x.nest("Error", |x| {
                    x.text("Type", if self.status < 500 { "Sender" } else { "Receiver" });
                    self.body(x);
                });
                x.text("RequestId", request_id);
            }),
            Protocol::S3 => x.nest("Error", |x| {
                self.body(x);
                x.text("RequestId", request_id);
                x.text("HostId", "sandbox");
            }),
        }
        let mut response = Response::xml(self.status, x);
        response.headers.extend(self.headers.iter().cloned());
        response
    }

    fn body(&self, x: &mut Xml) {
        x.text("Code", &self.code);
        x.text("Message", &self.message);
    }
}
