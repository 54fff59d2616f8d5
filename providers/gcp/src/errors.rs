//! Google Cloud's error reasons, sorted into semantic kinds.

use google_cloud_compute_v1::model::Operation;
use google_cloud_gax::error::Error;
use google_cloud_gax::error::rpc::{Status, StatusDetails};
use meridian_provider_api::{Api, CloudError, ErrorKind};

/// Turns what the SDK gives into one kind of error.
#[must_use]
pub fn from_sdk(api: Api, region: &str, error: &Error) -> CloudError {
    let http = error.http_status_code();
    let status = error.status().cloned().or_else(|| Status::try_from(error.http_payload()?).ok());
    let (code, message) = match &status {
        Some(status) => (reason(status), status.message.clone()),
        None => (None, causes(error)),
    };
    let kind = match (&status, http) {
        (Some(_), _) | (None, Some(_)) => kind_of(code.as_deref().unwrap_or_default(), &message, http),
        (None, None) if error.is_authentication() => ErrorKind::Denied,
        (None, None) if error.is_binding() || error.is_serialization() || error.is_deserialization() => {
            ErrorKind::Invalid
        }
        (None, None) => ErrorKind::Transient,
    };
    let header = |name: &str| error.http_headers()?.get(name)?.to_str().ok().map(str::to_owned);
    CloudError {
        kind,
        operation: format!("{}:{}", api.service, api.operation),
        region: region.to_owned(),
        code,
        message,
        request_id: header("x-guploader-uploadid").or_else(|| header("x-goog-request-id")),
        retry_after: header("retry-after").and_then(|text| text.parse().ok()).map(std::time::Duration::from_secs),
    }
}

/// The error inside an operation that has ended, if there is one.
#[must_use]
pub fn in_operation(api: Api, region: &str, operation: &Operation) -> Option<CloudError> {
    let first = operation.error.as_ref().and_then(|error| error.errors.first());
    let http = operation.http_error_status_code.and_then(|code| u16::try_from(code).ok()).filter(|code| *code >= 400);
    if first.is_none() && http.is_none() {
        return None;
    }
    let code = first.and_then(|error| error.code.clone());
    let message = first
        .and_then(|error| error.message.clone())
        .or_else(|| operation.http_error_message.clone())
        .unwrap_or_default();
    Some(CloudError {
        kind: kind_of(code.as_deref().unwrap_or_default(), &message, http),
        operation: format!("{}:{}", api.service, api.operation),
        region: region.to_owned(),
        code,
        message,
        request_id: operation.name.clone(),
        retry_after: None,
    })
}

/// The reason that the answer names: the older APIs' `errors[].reason`, or the newer ones' `ErrorInfo`, or the status.
fn reason(status: &Status) -> Option<String> {
    let info = status.details.iter().find_map(|detail| match detail {
        StatusDetails::ErrorInfo(info) if !info.reason.is_empty() => Some(info.reason.clone()),
        _ => None,
    });
    info.or_else(|| Some(status.code.name().to_owned()).filter(|name| name != "UNKNOWN"))
}

/// Whether a change was refused because what it was based on (a fingerprint, an entity tag) is no longer the newest.
#[must_use]
pub fn is_stale(error: &CloudError) -> bool {
    error
        .code
        .as_deref()
        .is_some_and(|code| matches!(code, "conditionNotMet" | "CONDITION_NOT_MET" | "ABORTED" | "aborted"))
}

/// An error and its causes in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// Sorts a reason: those of refused calls are in camel case, those inside operations in capitals (Compute Engine API,
/// "Handle API errors"; Cloud Storage, "HTTP status and error codes"; Google API Improvement Proposal 193).
fn kind_of(reason: &str, message: &str, http: Option<u16>) -> ErrorKind {
    let said = |text: &str| message.to_ascii_lowercase().contains(text);
    match reason {
        "rateLimitExceeded"
        | "userRateLimitExceeded"
        | "RATE_LIMIT_EXCEEDED"
        | "RESOURCE_OPERATION_RATE_EXCEEDED"
        | "OPERATION_RATE_EXCEEDED"
        | "concurrentLimitExceeded" => ErrorKind::Throttled,
        "quotaExceeded"
        | "QUOTA_EXCEEDED"
        | "limitExceeded"
        | "LIMIT_EXCEEDED"
        | "RESOURCE_EXHAUSTED"
        | "IP_SPACE_EXHAUSTED"
        | "IP_SPACE_EXHAUSTED_WITH_DETAILS"
        | "CPU_QUOTA_EXCEEDED" => {
            if http == Some(429) {
                ErrorKind::Throttled
            } else {
                ErrorKind::Quota
            }
        }
        "ZONE_RESOURCE_POOL_EXHAUSTED"
        | "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS"
        | "REGION_RESOURCE_POOL_EXHAUSTED"
        | "STOCKOUT"
        | "resourcePoolExhausted" => ErrorKind::Capacity,
        // A key version that is disabled or destroyed (Cloud KMS): nobody but a person changes that.
        "FAILED_PRECONDITION" if said("is not enabled, current state is") => ErrorKind::Invalid,
        "resourceInUseByAnotherResource"
        | "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"
        | "resourceInUse"
        | "RESOURCE_IN_USE"
        | "containerNotEmpty"
        | "FAILED_PRECONDITION" => ErrorKind::DependencyViolation,
        // A bucket that is not empty (Cloud Storage); names that are taken say `alreadyExists` there, too.
        "conflict" if said("not empty") => ErrorKind::DependencyViolation,
        // A new service account is not known everywhere for some seconds.
        _ if said("service account")
            && (said("does not exist") || said("not found"))
            && http != Some(403)
            && http != Some(404) =>
        {
            ErrorKind::DependencyViolation
        }
        // Likewise, as Compute Engine says it of what a machine is to be, and where an operation finds it out.
        _ if said("of type 'serviceaccount' was not found") => ErrorKind::DependencyViolation,
        "EXTERNAL_RESOURCE_NOT_FOUND" => ErrorKind::DependencyViolation,
        "resourceNotReady" | "RESOURCE_NOT_READY" | "operationInProgress" | "OPERATION_IN_PROGRESS" => {
            ErrorKind::Conflict
        }
        // What the condition was about is another by now: see `is_stale`. Sending the same again would change nothing.
        "conditionNotMet"
        | "CONDITION_NOT_MET"
        | "ABORTED"
        | "aborted"
        | "alreadyExists"
        | "memberAlreadyExists"
        | "RESOURCE_ALREADY_EXISTS"
        | "ALREADY_EXISTS"
        | "conflict"
        | "duplicate" => ErrorKind::AlreadyExists,
        "notFound" | "RESOURCE_NOT_FOUND" | "NOT_FOUND" | "memberNotFound" => ErrorKind::NotFound,
        "forbidden" | "insufficientPermissions" | "accessNotConfigured" | "required" if http != Some(400) => {
            ErrorKind::Denied
        }
        "authError"
        | "PERMISSION_DENIED"
        | "PERMISSIONS_ERROR"
        | "UNAUTHENTICATED"
        | "SERVICE_DISABLED"
        | "IAM_PERMISSION_DENIED" => ErrorKind::Denied,
        "UNSUPPORTED_OPERATION" | "notImplemented" | "UNIMPLEMENTED" => ErrorKind::Unsupported,
        "backendError" | "internalError" | "INTERNAL_ERROR" | "INTERNAL" | "UNAVAILABLE" | "DEADLINE_EXCEEDED" => {
            ErrorKind::Transient
        }
        _ => match http {
            Some(401 | 403) => ErrorKind::Denied,
            Some(404) => ErrorKind::NotFound,
            Some(409 | 412) => ErrorKind::AlreadyExists,
            Some(408 | 500..=599) => ErrorKind::Transient,
            Some(429) => ErrorKind::Throttled,
            _ => ErrorKind::Invalid,
        },
    }
}

#[cfg(test)]
mod tests {
    use google_cloud_compute_v1::model::operation;
    use meridian_provider_api::limiter::Bucket;

    use super::*;

    const API: Api =
        Api { service: "compute", operation: "instances.insert", bucket: Bucket::new("b", 1, 1), repeatable: true };

    fn answered(status: u16, body: &str) -> CloudError {
        from_sdk(API, "europe-west1", &Error::http(status, http::HeaderMap::new(), body.to_owned().into()))
    }

    #[test]
    fn reasons_mean_what_the_references_say() {
        for (reason, http, kind) in [
            ("rateLimitExceeded", 403, ErrorKind::Throttled),
            ("quotaExceeded", 403, ErrorKind::Quota),
            ("resourceInUseByAnotherResource", 400, ErrorKind::DependencyViolation),
            ("resourceNotReady", 400, ErrorKind::Conflict),
            ("notFound", 404, ErrorKind::NotFound),
            ("alreadyExists", 409, ErrorKind::AlreadyExists),
            ("memberAlreadyExists", 400, ErrorKind::AlreadyExists),
            ("memberNotFound", 400, ErrorKind::NotFound),
            ("forbidden", 403, ErrorKind::Denied),
            ("required", 400, ErrorKind::Invalid),
            ("backendError", 503, ErrorKind::Transient),
            ("invalid", 400, ErrorKind::Invalid),
        ] {
            let body = format!(
                r#"{{"error":{{"code":{http},"message":"m","errors":[{{"reason":"{reason}","domain":"global"}}]}}}}"#
            );
            let error = answered(http, &body);
            assert_eq!((error.kind, error.code.as_deref()), (kind, Some(reason)));
        }
    }

    #[test]
    fn an_operation_that_ended_badly_is_an_error() {
        let errors = operation::error::Errors::new().set_code("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS");
        let operation =
            Operation::new().set_error(operation::Error::new().set_errors([errors])).set_http_error_status_code(503);
        let error = in_operation(API, "europe-west1", &operation).unwrap();
        assert_eq!(error.kind, ErrorKind::Capacity);
        assert!(in_operation(API, "europe-west1", &Operation::new()).is_none());
    }

    #[test]
    fn a_new_service_account_is_waited_for() {
        let body = r#"{"error":{"code":400,"message":"Service account a@p.iam.gserviceaccount.com does not exist.","status":"INVALID_ARGUMENT"}}"#;
        assert_eq!(answered(400, body).kind, ErrorKind::DependencyViolation);
        let body = r#"{"error":{"code":404,"message":"The resource 'a@p.iam.gserviceaccount.com' of type 'serviceAccount' was not found.","errors":[{"reason":"notFound"}]}}"#;
        assert_eq!(answered(404, body).kind, ErrorKind::DependencyViolation);
    }
}
