//! One error for every cloud: a semantic kind, and what is needed to act on it.

use std::fmt;

use meridian_engine::apply::ExecutorError;

/// What an error means, whatever the cloud calls it. Retries follow from it, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The thing is not there.
    NotFound,
    /// A thing of that name, address or range is there already.
    AlreadyExists,
    /// Something else is going on with the thing; it will pass.
    Conflict,
    /// Something still uses the thing, or what it needs is not visible yet; it will pass.
    DependencyViolation,
    /// The credentials do not allow it.
    Denied,
    /// A limit of the account is reached.
    Quota,
    /// The cloud has none of it left just now.
    Capacity,
    /// Too many calls; the call was not carried out.
    Throttled,
    /// The cloud or the region does not have it.
    Unsupported,
    /// The call is wrong and will be wrong the next time.
    Invalid,
    /// No answer, or one that says nothing about the effect: it may or may not have been carried out.
    Transient,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::AlreadyExists => "exists already",
            Self::Conflict => "conflict",
            Self::DependencyViolation => "still in use",
            Self::Denied => "denied",
            Self::Quota => "quota exceeded",
            Self::Capacity => "no capacity",
            Self::Throttled => "throttled",
            Self::Unsupported => "unsupported",
            Self::Invalid => "invalid request",
            Self::Transient => "no answer",
        })
    }
}

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub struct CloudError {
    pub kind: ErrorKind,
    /// `ec2:CreateVpc`.
    pub operation: String,
    /// `eu-west-1`, or `global`.
    pub region: String,
    /// The cloud's own code (`VpcLimitExceeded`), if it gave one.
    pub code: Option<String>,
    /// The cloud's own words.
    pub message: String,
    /// The cloud's id of the request, for its support.
    pub request_id: Option<String>,
    /// How long the cloud asks to wait before the next try, if it does.
    pub retry_after: Option<std::time::Duration>,
}

impl From<CloudError> for ExecutorError {
    fn from(error: CloudError) -> Self {
        match error.kind {
            // Nothing was answered, or a wait ended before what it waited for.
            ErrorKind::Transient | ErrorKind::Conflict | ErrorKind::Throttled => Self::Open(error.into()),
            _ => Self::Answered(error.into()),
        }
    }
}

impl fmt::Display for CloudError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.operation)?;
        if !self.region.is_empty() {
            write!(f, " in {}", self.region)?;
        }
        write!(f, ": {}", self.kind)?;
        if let Some(code) = &self.code {
            write!(f, " ({code})")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(id) = &self.request_id {
            write!(f, " [request {id}]")?;
        }
        Ok(())
    }
}

impl CloudError {
    /// An error that no answer of the cloud stands behind: something is not as it must be.
    #[must_use]
    pub fn new(kind: ErrorKind, operation: &str, message: impl Into<String>) -> Self {
        Self {
            kind,
            operation: operation.to_owned(),
            region: String::new(),
            code: None,
            message: message.into(),
            request_id: None,
            retry_after: None,
        }
    }

    /// What a person can do about it, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self.kind {
            ErrorKind::Denied => {
                Some("check that the credentials are of the right account, have not run out and allow this call")
            }
            ErrorKind::Quota => Some("ask the cloud to raise the limit, or remove what is not needed, and run again"),
            ErrorKind::Capacity => Some("try again later, or name another machine type or zone in the spec"),
            ErrorKind::Throttled | ErrorKind::Transient => {
                Some("run the same command again: it goes on where it stopped")
            }
            ErrorKind::DependencyViolation => Some("find what still uses it; then run the same command again"),
            ErrorKind::Unsupported => Some("choose a region or machine that offers it"),
            _ => None,
        }
    }
}
