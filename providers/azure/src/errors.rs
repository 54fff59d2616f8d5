//! Azure's error codes, sorted into semantic kinds.

use meridian_provider_api::{Api, CloudError, ErrorKind};

use crate::client::Refusal;

/// The code of a refused condition (`If-Match`): the resource is not as it was read.
pub(crate) const PRECONDITION: &str = "PreconditionFailed";

/// The code of a listing in a group that is not there: it holds nothing, which is an answer.
pub(crate) const NO_GROUP: &str = "ResourceGroupNotFound";

/// Turns what the SDK gives into one kind of error.
pub(crate) fn from_sdk(api: Api, region: &str, error: &azure_core::Error) -> CloudError {
    if let Some(refusal) = refusal(error) {
        return from_refusal(api, region, refusal);
    }
    let kind = match error.kind() {
        azure_core::error::ErrorKind::Io => ErrorKind::Transient,
        azure_core::error::ErrorKind::Credential => ErrorKind::Denied,
        _ => ErrorKind::Invalid,
    };
    CloudError { region: region.to_owned(), ..CloudError::new(kind, &operation(api), causes(error)) }
}

/// Turns a refusal into one kind of error.
pub(crate) fn from_refusal(api: Api, region: &str, refusal: &Refusal) -> CloudError {
    CloudError {
        kind: kind_of(refusal.code.as_deref().unwrap_or_default(), &refusal.message, refusal.status),
        operation: operation(api),
        region: region.to_owned(),
        code: refusal.code.clone(),
        message: refusal.message.clone(),
        request_id: refusal.request_id.clone(),
        retry_after: refusal.retry_after,
    }
}

/// Whether something is said not to be there: the resource itself, the group or parent that it is in, or what its body
/// refers to.
pub(crate) fn is_unseen(error: &CloudError) -> bool {
    error.kind == ErrorKind::NotFound
        || matches!(error.code.as_deref(), Some("InvalidResourceReference" | "FailedIdentityOperation"))
}

fn operation(api: Api) -> String {
    format!("{}:{}", api.service, api.operation)
}

/// The refusal in an error's chain of causes.
fn refusal(error: &azure_core::Error) -> Option<&Refusal> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref() {
            return Some(refusal);
        }
        cause = error.source();
    }
    None
}

/// An error and its causes in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        cause = next.source();
    }
    text
}

/// Sorts a code (learn.microsoft.com, "Resolve common Azure deployment errors", and each service's reference). Where one
/// code stands for several things, the message decides.
fn kind_of(code: &str, message: &str, status: Option<u16>) -> ErrorKind {
    let says = |words: &str| message.to_ascii_lowercase().contains(words);
    match code {
        "TooManyRequests" | "SubscriptionRequestsThrottled" | "ResourceRequestsThrottled" | "ServerBusy" => {
            ErrorKind::Throttled
        }
        "AllocationFailed"
        | "ZonalAllocationFailed"
        | "OverconstrainedAllocationRequest"
        | "OverconstrainedZonalAllocationRequest"
        | "SkuNotAvailable" => ErrorKind::Capacity,
        "AnotherOperationInProgress"
        | "RetryableError"
        | "RetryableErrorDueToAnotherOperation"
        | "Conflict"
        | "ConflictingConcurrentWriteNotAllowed"
        | "CanceledAndSupersededDueToAnotherOperation"
        | "OperationPreempted"
        | "ReferencedResourceNotProvisioned"
        | "ResourceGroupBeingDeleted"
        | "StorageAccountOperationInProgress"
        | "AccountIsDisabled"
        | "ContainerBeingDeleted"
        | "ContainerBeingCreated"
        | "ResourceNotReady"
        | PRECONDITION => ErrorKind::Conflict,
        // A principal that was just made is not known everywhere for some seconds; a network interface stays reserved
        // for a machine that is going for three minutes.
        "PrincipalNotFound" | "NicReservedForAnotherVm" | "CannotDeleteResource" => ErrorKind::DependencyViolation,
        "OperationNotAllowed" if says("quota") || says("approved") => ErrorKind::Quota,
        "OperationNotAllowed" if says("attached") || says("in use") || says("being used") => {
            ErrorKind::DependencyViolation
        }
        "QuotaExceeded" | "ResourceQuotaExceeded" | "SubnetIsFull" | "RoleAssignmentLimitExceeded" => ErrorKind::Quota,
        _ if code.ends_with("LimitReached") || code.ends_with("QuotaExceeded") => ErrorKind::Quota,
        // Were the first four taken for what they are called, a whole subscription would look empty.
        "SubscriptionNotFound"
        | "InvalidSubscriptionId"
        | "TenantNotFound"
        | "InvalidTenantId"
        | "AuthorizationFailed"
        | "LinkedAuthorizationFailed"
        | "AuthenticationFailed"
        | "AuthorizationPermissionMismatch"
        | "ExpiredAuthenticationToken"
        | "RequestDisallowedByPolicy"
        | "RequestDisallowedByAzure"
        | "ReadOnlyDisabledSubscription"
        | "DisabledSubscription" => ErrorKind::Denied,
        _ if code.starts_with("InvalidAuthenticationToken") => ErrorKind::Denied,
        // Someone has locked it against changes. Waiting until they take that back would only look like being stuck.
        "ScopeLocked" => ErrorKind::Invalid,
        "NoRegisteredProviderFound"
        | "MissingSubscriptionRegistration"
        | "LocationNotAvailableForResourceType"
        | "AvailabilityZoneNotSupported"
        | "ResourceTypeNotSupportAvailabilityZones"
        | "FeatureNotSupported"
        | "SkuNotSupported" => ErrorKind::Unsupported,
        _ if code.ends_with("CannotBeDeleted")
            || code.starts_with("InUse")
            || code.ends_with("InUse")
            || code.contains("CannotBeDeletedWhen") =>
        {
            ErrorKind::DependencyViolation
        }
        "RoleAssignmentExists" | "StorageAccountAlreadyTaken" => ErrorKind::AlreadyExists,
        _ if code.ends_with("AlreadyExists") => ErrorKind::AlreadyExists,
        "InternalServerError"
        | "InternalError"
        | "InternalExecutionError"
        | "NetworkingInternalOperationError"
        | "GatewayTimeout"
        | "ServiceUnavailable"
        | "ServerTimeout"
        | "OperationTimedOut"
        | "VMStartTimedOut" => ErrorKind::Transient,
        _ if code.ends_with("NotFound") => match status {
            // What the body of a request names and is not there: the request is wrong.
            Some(400) => ErrorKind::Invalid,
            _ => ErrorKind::NotFound,
        },
        _ => match status {
            Some(404) => ErrorKind::NotFound,
            Some(401 | 403) => ErrorKind::Denied,
            Some(412) => ErrorKind::Conflict,
            Some(429) => ErrorKind::Throttled,
            Some(408 | 500..=599) => ErrorKind::Transient,
            _ => ErrorKind::Invalid,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_the_references_say() {
        for (code, status, kind) in [
            ("TooManyRequests", 429, ErrorKind::Throttled),
            ("ResourceNotFound", 404, ErrorKind::NotFound),
            (NO_GROUP, 404, ErrorKind::NotFound),
            ("SubscriptionNotFound", 404, ErrorKind::Denied),
            ("InUseSubnetCannotBeDeleted", 400, ErrorKind::DependencyViolation),
            ("PublicIPAddressCannotBeDeleted", 400, ErrorKind::DependencyViolation),
            ("NicInUse", 400, ErrorKind::DependencyViolation),
            ("InUseNetworkSecurityGroupCannotBeDeleted", 400, ErrorKind::DependencyViolation),
            ("AnotherOperationInProgress", 429, ErrorKind::Conflict),
            ("RetryableError", 429, ErrorKind::Conflict),
            (PRECONDITION, 412, ErrorKind::Conflict),
            ("ZonalAllocationFailed", 409, ErrorKind::Capacity),
            ("QuotaExceeded", 409, ErrorKind::Quota),
            ("PublicIPCountLimitReached", 400, ErrorKind::Quota),
            ("PrincipalNotFound", 400, ErrorKind::DependencyViolation),
            ("RoleAssignmentExists", 409, ErrorKind::AlreadyExists),
            ("AuthorizationFailed", 403, ErrorKind::Denied),
            ("InvalidAuthenticationTokenTenant", 401, ErrorKind::Denied),
            ("ScopeLocked", 409, ErrorKind::Invalid),
            ("InvalidParameter", 400, ErrorKind::Invalid),
            ("AvailabilityZoneNotSupported", 400, ErrorKind::Unsupported),
            ("InternalServerError", 500, ErrorKind::Transient),
        ] {
            assert_eq!(kind_of(code, "", Some(status)), kind, "{code}");
        }
        assert_eq!(kind_of("", "", Some(503)), ErrorKind::Transient);
    }

    #[test]
    fn one_code_for_several_things_is_told_by_its_message() {
        for (message, kind) in [
            (
                "Operation could not be completed as it results in exceeding approved Total Regional Cores quota.",
                ErrorKind::Quota,
            ),
            ("Disk x is attached to VM y.", ErrorKind::DependencyViolation),
            ("This operation is not allowed.", ErrorKind::Invalid),
        ] {
            assert_eq!(kind_of("OperationNotAllowed", message, Some(409)), kind, "{message}");
        }
    }
}
