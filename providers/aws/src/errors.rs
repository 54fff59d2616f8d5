//! AWS error codes, sorted into semantic kinds.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use meridian_provider_api::{Api, CloudError, ErrorKind};

/// Turns what the SDK gives into one kind of error.
pub fn from_sdk<E>(api: Api, region: &str, error: &SdkError<E, HttpResponse>) -> CloudError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let header = |name: &str| error.raw_response().and_then(|response| response.headers().get(name)).map(str::to_owned);
    let (code, message) = match error {
        SdkError::ServiceError(service) => {
            let error = service.err();
            (error.code().map(str::to_owned), error.message().map_or_else(|| error.to_string(), str::to_owned))
        }
        other => (None, causes(other)),
    };
    let kind = match (error, &code) {
        (SdkError::ConstructionFailure(_), _) => ErrorKind::Invalid,
        (SdkError::ServiceError(_), Some(code)) => kind_of(code, &message, status),
        (SdkError::ServiceError(_), None) => kind_of("", &message, status),
        _ => ErrorKind::Transient,
    };
    CloudError {
        kind,
        operation: format!("{}:{}", api.service, api.operation),
        region: region.to_owned(),
        code,
        message,
        request_id: header("x-amzn-requestid").or_else(|| header("x-amz-request-id")),
        retry_after: header("retry-after").and_then(|text| text.parse().ok()).map(std::time::Duration::from_secs),
    }
}

/// An error and its causes in one line.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// Sorts a code. Codes are those of each service's API reference; where one code stands for several things, the message
/// decides.
fn kind_of(code: &str, message: &str, status: Option<u16>) -> ErrorKind {
    match code {
        "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "SlowDown"
        | "TooManyRequestsException"
        | "PriorRequestNotComplete"
        | "EC2ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "ThrottledException"
        | "BandwidthLimitExceeded" => ErrorKind::Throttled,
        "UnauthorizedOperation"
        | "AccessDenied"
        | "AccessDeniedException"
        | "AuthFailure"
        | "OptInRequired"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "PendingVerification"
        | "Blocked" => ErrorKind::Denied,
        // Someone has protected it: from termination, from deletion, as an interface that a service manages. Waiting until
        // they take that back would only look like being stuck.
        "OperationNotPermitted" => ErrorKind::Invalid,
        // Of instances, hosts, volumes, addresses.
        _ if code.starts_with("Insufficient") && code.ends_with("Capacity") => ErrorKind::Capacity,
        "Unsupported"
        | "UnsupportedOperation"
        | "UnsupportedOperationException"
        | "UnknownOperationException"
        | "NotImplemented" => ErrorKind::Unsupported,
        "DependencyViolation"
        | "ResourceInUse"
        | "ResourceInUseException"
        | "DeleteConflict"
        | "VolumeInUse"
        | "InvalidNetworkInterface.InUse"
        | "BucketNotEmpty"
        | "HostedZoneNotEmpty"
        | "TargetGroupAssociationLimit"
        | "InvalidIPAddress.InUse"
        | "InvalidGroup.InUse" => ErrorKind::DependencyViolation,
        // What detaches has nothing left to do. What needs the gateway waits for it as for all that was just made, and so
        // does what needs a VPC that Route 53 has not heard of, or a security group that Elastic Load Balancing has not.
        "Gateway.NotAttached" | "InvalidVPCId" | "InvalidSecurityGroup" => ErrorKind::NotFound,
        "ConditionalRequestConflict"
        | "IncorrectState"
        | "IncorrectInstanceState"
        | "InvalidAttachment.State"
        | "ConcurrentModification"
        | "ScalingActivityInProgress"
        | "OperationAborted"
        | "ResourceContention"
        | "InvalidState"
        | "EntityTemporarilyUnmodifiable"
        | "InvalidAllocationID.Locked" => ErrorKind::Conflict,
        // A new instance profile is not visible everywhere for some seconds.
        "InvalidParameterValue" | "ValidationError"
            if message.to_ascii_lowercase().contains("iam instance profile") =>
        {
            ErrorKind::DependencyViolation
        }
        // `DeleteNetworkInterface` has no code of its own for an interface that is attached, as it may be for a moment
        // more when its machine has ended.
        "InvalidParameterValue" if message.contains("currently in use") => ErrorKind::DependencyViolation,
        "InternalError" | "InternalFailure" | "ServiceUnavailable" | "Unavailable" | "RequestTimeout" => {
            ErrorKind::Transient
        }
        // Elastic Load Balancing's are all `TooMany…`: load balancers, target groups, targets, listeners.
        _ if code.ends_with("LimitExceeded")
            || code.ends_with("QuotaExceeded")
            || code.starts_with("TooMany")
            || code == "InsufficientFreeAddressesInSubnet" =>
        {
            ErrorKind::Quota
        }
        _ if code.ends_with("NotFound")
            || code.ends_with("NotFoundException")
            || code.starts_with("NoSuch")
            || code.ends_with(".Malformed") && code.starts_with("Invalid") && message.contains("does not exist") =>
        {
            ErrorKind::NotFound
        }
        _ if code.ends_with("AlreadyExists")
            || code.ends_with("AlreadyExistsException")
            || code.ends_with(".Duplicate")
            || code.starts_with("Duplicate")
            || code.ends_with(".Conflict")
            || matches!(
                code,
                "EntityAlreadyExists" | "BucketAlreadyOwnedByYou" | "ConflictingDomainExists" | "AlreadyExists"
            ) =>
        {
            ErrorKind::AlreadyExists
        }
        _ => match status {
            Some(404) => ErrorKind::NotFound,
            Some(403) => ErrorKind::Denied,
            Some(429) => ErrorKind::Throttled,
            Some(500..=599) => ErrorKind::Transient,
            _ => ErrorKind::Invalid,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_the_references_say() {
        for (code, kind) in [
            ("RequestLimitExceeded", ErrorKind::Throttled),
            ("VpcLimitExceeded", ErrorKind::Quota),
            ("InvalidVpcID.NotFound", ErrorKind::NotFound),
            ("NoSuchEntity", ErrorKind::NotFound),
            ("LoadBalancerNotFound", ErrorKind::NotFound),
            ("InvalidVPCId", ErrorKind::NotFound),
            ("InvalidSecurityGroup", ErrorKind::NotFound),
            ("InvalidLaunchTemplateName.NotFoundException", ErrorKind::NotFound),
            ("InvalidSubnet.Conflict", ErrorKind::AlreadyExists),
            ("DuplicateLoadBalancerName", ErrorKind::AlreadyExists),
            ("DependencyViolation", ErrorKind::DependencyViolation),
            ("InsufficientInstanceCapacity", ErrorKind::Capacity),
            ("UnauthorizedOperation", ErrorKind::Denied),
            ("MissingParameter", ErrorKind::Invalid),
            ("TooManyRequestsException", ErrorKind::Throttled),
            ("TooManyTargetGroups", ErrorKind::Quota),
            ("InsufficientAddressCapacity", ErrorKind::Capacity),
            ("InsufficientFreeAddressesInSubnet", ErrorKind::Quota),
            ("Gateway.NotAttached", ErrorKind::NotFound),
            ("OperationNotPermitted", ErrorKind::Invalid),
            ("EntityTemporarilyUnmodifiable", ErrorKind::Conflict),
            ("NotImplemented", ErrorKind::Unsupported),
            // Of Key Management Service: there is no such key, and it is disabled or about to be deleted.
            ("NotFoundException", ErrorKind::NotFound),
            ("DisabledException", ErrorKind::Invalid),
            ("KMSInvalidStateException", ErrorKind::Invalid),
        ] {
            assert_eq!(kind_of(code, "", Some(400)), kind, "{code}");
        }
        assert_eq!(kind_of("", "", Some(503)), ErrorKind::Transient);
    }

    #[test]
    fn one_code_for_several_things_is_told_by_its_message() {
        for (message, kind) in [
            (
                "Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
                ErrorKind::DependencyViolation,
            ),
            (
                "IAM Instance Profile \"arn:aws:iam::1:instance-profile/x\" has no associated IAM Roles",
                ErrorKind::DependencyViolation,
            ),
            ("Network interface 'eni-1' is currently in use.", ErrorKind::DependencyViolation),
            ("Address does not fall within the subnet's address range", ErrorKind::Invalid),
        ] {
            assert_eq!(kind_of("InvalidParameterValue", message, Some(400)), kind, "{message}");
        }
    }
}
