//! Why one request to a store failed, in words that hold no secret.
//!
//! Answers of stores repeat parts of what was signed, and clients repeat URLs. So neither is passed on: of an answer only its
//! status and its error code are kept, of a broken connection only what the system said.

use std::error::Error;

use object_store::client::{HttpError, HttpErrorKind};

/// Why one request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The condition of a put did not hold.
    #[error("the condition does not hold")]
    Condition,
    /// The store answered with an error.
    #[error(transparent)]
    Answer(#[from] Answer),
    /// No answer came, or not all of it: what was asked may have been done.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// There is nothing to sign with.
    #[error("{0}")]
    Credential(String),
    /// The object is larger than anything of ours.
    #[error("the object is too large")]
    TooLarge,
    /// The answer makes no sense, or the request could not be made.
    #[error("{0}")]
    Other(String),
}

/// An error that a store answered with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store answered {status}{}", suffix(code))]
pub(super) struct Answer {
    pub status: u16,
    /// The store's own word (`NoSuchBucket`); empty if it gave none.
    pub code: String,
    /// The region that a redirect names.
    pub region: Option<String>,
}

fn suffix(code: &str) -> String {
    if code.is_empty() { String::new() } else { format!(" ({code})") }
}

/// What a credential source said, on its way through the client of a store.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoCredential(pub String);

impl Answer {
    /// Whether another try may fare better.
    ///
    /// The two codes are S3's words for writes that met on their way; nothing was decided.
    fn is_passing(&self) -> bool {
        matches!(self.status, 408 | 429 | 500..=599)
            || (self.status == 409 && matches!(self.code.as_str(), "ConditionalRequestConflict" | "OperationAborted"))
    }

    /// Whether the bucket, and not an object, is what is not there.
    pub fn is_missing_bucket(&self) -> bool {
        self.status == 404 && matches!(self.code.as_str(), "NoSuchBucket" | "ContainerNotFound" | "ResourceNotFound")
    }

    /// Whether the store knows who asks and does not let them, or does not know them.
    pub fn is_denied(&self) -> bool {
        matches!(self.status, 401 | 403)
            || (self.status == 400 && matches!(self.code.as_str(), "ExpiredToken" | "InvalidToken"))
    }

    /// Where the bucket is, if the request was signed for another region.
    pub fn right_region(&self) -> Option<&str> {
        let is_elsewhere =
            matches!(self.status, 301 | 307) || (self.status == 400 && self.code == "AuthorizationHeaderMalformed");
        self.region.as_deref().filter(|_| is_elsewhere)
    }
}

impl Fault {
    /// Whether another try may fare better.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Answer(answer) => answer.is_passing(),
            Self::NoAnswer(_) => true,
            Self::Condition | Self::Credential(_) | Self::TooLarge | Self::Other(_) => false,
        }
    }

    /// What is behind an error of a client, which is not passed on itself.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(answer) = error.downcast_ref::<Answer>() {
                return Self::Answer(answer.clone());
            }
            if let Some(error) = error.downcast_ref::<NoCredential>() {
                return Self::Credential(error.0.clone());
            }
            if let Some(error) = error.downcast_ref::<HttpError>()
                && !holds_answer(error)
            {
                return match error.kind() {
                    HttpErrorKind::Timeout => Self::NoAnswer("it took too long".to_owned()),
                    _ => Self::NoAnswer(last_cause(error)),
                };
            }
            next = error.source();
        }
        Self::Other(last_cause(error))
    }
}

fn holds_answer(error: &HttpError) -> bool {
    error.source().is_some_and(|source| source.downcast_ref::<Answer>().is_some())
}

/// The deepest cause: those above it repeat URLs.
pub(super) fn last_cause(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// An error and all its causes, for errors that are known to hold no secret.
pub(super) fn all_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}
