//! Long-running operations, followed to their end (github.com/microsoft/api-guidelines, "Long-running operations", and
//! learn.microsoft.com, "Track asynchronous Azure operations"). The SDK's own way hides the error in which one ends.

use std::time::{Duration, Instant};

use azure_core::headers::{HeaderName, Headers};
use azure_core::{Method, Response, StatusCode, Url};
use bytes::Bytes;
use futures::future::BoxFuture;
use meridian_provider_api::{Api, CloudError, ErrorKind, Pace};
use serde::Deserialize;

use super::Azure;
use super::transport::{Refusal, retry_after};
use crate::errors::from_refusal;
use crate::limits::read;

/// An answer with its body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: Headers,
    pub body: Bytes,
}

impl Answer {
    pub async fn read(response: Response) -> azure_core::Result<Self> {
        let (status, headers, body) = response.deconstruct();
        Ok(Self { status, headers, body: body.collect().await? })
    }

    /// A header's value; names are in lower case.
    pub fn header(&self, name: &'static str) -> Option<&str> {
        self.headers.get_optional_str(&HeaderName::from_static(name))
    }
}

/// What is asked where an operation stands.
enum Tracker {
    /// A resource that has a `status`.
    Status(Url),
    /// Answers 202 until it is over.
    Location(Url),
}

/// What an operation's resource says.
#[derive(Deserialize)]
struct Operation {
    status: String,
}

impl Azure {
    /// Sends a request and waits until what it began is over. What ended in an error that passes is sent again.
    pub async fn done<R>(
        &self,
        api: Api,
        send: impl Fn() -> BoxFuture<'static, azure_core::Result<R>> + Send + Sync,
    ) -> Result<(), CloudError>
    where
        R: Into<Response> + Send + 'static,
    {
        let pace = self.caller.pace;
        let deadline = Instant::now() + pace.patience;
        let mut backoff = pace.backoff;
        loop {
            let response = self.call(api, &send).await?;
            let error = match self.finished(api, response.into()).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if !passes(error.kind) || Instant::now() + backoff > deadline {
                return Err(error);
            }
            tracing::debug!(%error, ?backoff, "beginning the operation again");
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(pace.backoff_max);
        }
    }

    /// Follows what an answer says has begun, to its end.
    pub(super) async fn finished(&self, api: Api, response: Response) -> Result<(), CloudError> {
        let answer = Answer::read(response).await.map_err(|error| self.error(api, &error))?;
        let Some(tracker) = self.tracker(api, &answer)? else { return Ok(()) };
        let pace = self.caller.pace;
        let deadline = Instant::now() + pace.patience;
        let mut pause = pause(retry_after(&answer.headers), pace);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let message = format!("not over after {} s", pace.patience.as_secs());
                return Err(CloudError::new(ErrorKind::Conflict, api.operation, message));
            }
            tokio::time::sleep(pause.min(left)).await;
            let (Tracker::Status(url) | Tracker::Location(url)) = &tracker;
            let answer = self.raw(read(api.service, "Operations_Get"), Method::Get, url).await?;
            if self.is_over(api, &tracker, &answer)? {
                return Ok(());
            }
            pause = self::pause(retry_after(&answer.headers), pace);
        }
    }

    fn tracker(&self, api: Api, answer: &Answer) -> Result<Option<Tracker>, CloudError> {
        let url = |text: &str| {
            let url = Url::parse(text).ok().filter(|url| url.origin() == self.endpoint.origin());
            // The token goes with the request, and so nowhere but to the service itself.
            url.ok_or_else(|| {
                CloudError::new(ErrorKind::Invalid, api.operation, format!("{text} is not of this cloud"))
            })
        };
        if let Some(text) = answer.header("azure-asyncoperation") {
            return url(text).map(Tracker::Status).map(Some);
        }
        match answer.header("location") {
            Some(text) if answer.status == StatusCode::Accepted => url(text).map(Tracker::Location).map(Some),
            _ => Ok(None),
        }
    }

    fn is_over(&self, api: Api, tracker: &Tracker, answer: &Answer) -> Result<bool, CloudError> {
        if matches!(tracker, Tracker::Location(_)) {
            return Ok(answer.status != StatusCode::Accepted);
        }
        let operation: Operation = serde_json::from_slice(&answer.body).map_err(|error| {
            CloudError::new(ErrorKind::Invalid, api.operation, format!("the operation's state can't be read: {error}"))
        })?;
        match operation.status.as_str() {
            "Succeeded" => Ok(true),
            "Failed" | "Canceled" | "Cancelled" => {
                let (code, message) = Refusal::words(&answer.body);
                let message = if message.is_empty() { operation.status } else { message };
                let request_id = answer.header("x-ms-request-id").map(str::to_owned);
                let refusal = Refusal { status: None, code, message, request_id, retry_after: None };
                Err(from_refusal(api, &self.region, &refusal))
            }
            _ => Ok(false),
        }
    }
}

/// How long to wait before the next look: what the service asks for, and never less than the pace's own step.
fn pause(asked: Option<Duration>, pace: Pace) -> Duration {
    asked.unwrap_or(pace.poll).max(pace.poll)
}

/// Whether an operation that ended so may end otherwise when it is begun again.
fn passes(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Throttled
            | ErrorKind::Conflict
            | ErrorKind::DependencyViolation
            | ErrorKind::Capacity
            | ErrorKind::Transient
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_says_when_to_look_again() {
        let pace = Pace::default();
        assert_eq!(pause(None, pace), pace.poll);
        assert_eq!(pause(Some(Duration::ZERO), pace), pace.poll);
        // Longer than any of our own waits.
        assert_eq!(pause(Some(Duration::from_mins(1)), pace), Duration::from_mins(1));
    }
}
