//! The one way a call leaves: limited, counted, retried by the kind of its error.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBuilder};

use crate::error::{CloudError, ErrorKind};
use crate::limiter::{Bucket, Limiter};
use crate::telemetry::Telemetry;

/// A call of a cloud's API.
#[derive(Debug, Clone, Copy)]
pub struct Api {
    /// `ec2`.
    pub service: &'static str,
    /// `CreateVpc`.
    pub operation: &'static str,
    /// The limit it counts against.
    pub bucket: Bucket,
    /// Whether sending it twice does no more than sending it once: reads, deletes, puts, and creates with a token.
    pub repeatable: bool,
}

/// How patient to be. The sandbox is quick, real clouds are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two looks at something that is being made or removed.
    pub poll: Duration,
    /// Before the first retry; it doubles from there, with jitter, up to [`Pace::backoff_max`].
    pub backoff: Duration,
    pub backoff_max: Duration,
    /// How long a call is retried, and how long something may take to be made or removed.
    pub patience: Duration,
}

impl Default for Pace {
    /// For a real cloud.
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(3),
            backoff: Duration::from_millis(500),
            backoff_max: Duration::from_secs(20),
            patience: Duration::from_mins(15),
        }
    }
}

impl Pace {
    /// For an emulator on loopback.
    #[must_use]
    pub fn quick() -> Self {
        Self {
            poll: Duration::from_millis(10),
            backoff: Duration::from_millis(10),
            backoff_max: Duration::from_millis(200),
            patience: Duration::from_secs(20),
        }
    }
}

/// Sends calls of one region.
#[derive(Debug, Clone)]
pub struct Caller {
    pub region: String,
    pub pace: Pace,
    pub limiter: Arc<Limiter>,
    pub telemetry: Arc<Telemetry>,
}

impl Caller {
    /// Sends a call, and again as its error allows: what was throttled or stands in conflict is sent again until
    /// patience ends; what was never answered only when the call is repeatable.
    pub async fn call<T, F, Fut>(&self, api: Api, mut send: F) -> Result<T, CloudError>
    where
        F: FnMut() -> Fut + Send,
        Fut: Future<Output = Result<T, CloudError>> + Send,
    {
        let deadline = Instant::now() + self.pace.patience;
        let mut backoff = ExponentialBuilder::default()
            .with_min_delay(self.pace.backoff)
            .with_max_delay(self.pace.backoff_max)
            .with_jitter()
            .without_max_times()
            .build();
        loop {
            let waited = self.limiter.wait(api.bucket, &self.region).await;
            self.telemetry.waited(waited);
            let begin = Instant::now();
            let result = send().await;
            self.telemetry.attempt(format!("{}:{}", api.service, api.operation), begin);
            let error = match result {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let delay = error.retry_after.or_else(|| backoff.next()).unwrap_or(self.pace.backoff_max);
            if !is_worth_a_retry(error.kind, api.repeatable) || is_too_late(delay, deadline) {
                return Err(error);
            }
            tracing::debug!(%error, ?delay, "trying again");
            self.telemetry.retry();
            tokio::time::sleep(delay).await;
        }
    }

    /// Looks again and again until `look` says what it waited for, or patience ends.
    pub async fn until<T, F, Fut>(&self, operation: &str, what: &str, mut look: F) -> Result<T, CloudError>
    where
        F: FnMut() -> Fut + Send,
        Fut: Future<Output = Result<Option<T>, CloudError>> + Send,
    {
        let deadline = Instant::now() + self.pace.patience;
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            if Instant::now() + self.pace.poll > deadline {
                return Err(CloudError::new(
                    ErrorKind::Conflict,
                    operation,
                    format!("still waiting for {what} after {} s", self.pace.patience.as_secs()),
                ));
            }
            tokio::time::sleep(self.pace.poll).await;
        }
    }
}

/// Whether a wait would end after the deadline. A cloud may ask for a wait of any length, even one that no clock can tell.
fn is_too_late(delay: Duration, deadline: Instant) -> bool {
    deadline.saturating_duration_since(Instant::now()) < delay
}

fn is_worth_a_retry(kind: ErrorKind, repeatable: bool) -> bool {
    match kind {
        ErrorKind::Throttled | ErrorKind::Conflict | ErrorKind::DependencyViolation | ErrorKind::Capacity => true,
        ErrorKind::Transient => repeatable,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_that_no_clock_can_tell_ends_the_tries() {
        let caller = Caller {
            region: "here".to_owned(),
            pace: Pace::quick(),
            limiter: Arc::default(),
            telemetry: Arc::default(),
        };
        let api = Api { service: "s", operation: "O", bucket: Bucket::new("b", 1, 1), repeatable: true };
        let error = caller
            .call(api, || async {
                let mut error = CloudError::new(ErrorKind::Throttled, "s:O", "slow down");
                error.retry_after = Some(Duration::MAX);
                Err::<(), _>(error)
            })
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Throttled);
        assert_eq!(caller.telemetry.stats().retries, 0);
        assert_eq!(error.to_string(), "s:O: throttled: slow down", "no place is named where none is known");
    }
}
