//! Long-running operations: nearly every change of Compute Engine is one. What failed says so at the end of it.
//!
//! The SDK's own pollers are not used: they send what begins an operation and every look at it by themselves, so that none of
//! these calls would wait for a token of the limiter, be counted, or be tried again as its error allows.

use std::future::Future;
use std::time::{Duration, Instant};

use google_cloud_compute_v1::model::{Operation, operation::Status};
use google_cloud_gax::error::Error;
use meridian_provider_api::{Api, CloudError, ErrorKind, Pace};
use uuid::Uuid;

use crate::client::Gcp;
use crate::errors::{in_operation, is_stale};
use crate::gce::{last, required};
use crate::limits::compute_operation;

/// How many ends of old are passed over at once. A run that waits out its patience leaves some fifty of them.
const TOLD_AGAIN: u32 = 128;

impl Gcp {
    /// Sends an insert and waits for its operation. `send` gets the request id, by which the cloud knows a repetition.
    ///
    /// An operation that ended in what will pass (no capacity, something in use) is begun again, with the next id: under
    /// the first one the cloud would only tell of the same end. Where it does tell of one, since an earlier run that was
    /// killed has used the id, the next is taken at once: a new insert is never answered with its end.
    pub async fn insert<F, Fut>(&self, api: Api, token: &str, mut send: F) -> Result<Operation, CloudError>
    where
        F: FnMut(String) -> Fut + Send,
        Fut: Future<Output = Result<Operation, Error>> + Send,
    {
        let mut pauses = Pauses::new(self.caller.pace);
        let (mut attempt, mut told) = (0, 0);
        loop {
            let begun = self.call(api, || send(request_id(token, attempt))).await?;
            attempt += 1;
            let is_of_old = is_done(&begun);
            match self.done(api, begun).await {
                Err(_) if is_of_old && told < TOLD_AGAIN => told += 1,
                Err(error) if pauses.take(&error).await => {}
                result => return result,
            }
        }
    }

    /// Sends a change or a delete that may be sent any number of times, and waits for its operation.
    pub async fn change<F, Fut>(&self, api: Api, mut send: F) -> Result<Operation, CloudError>
    where
        F: FnMut() -> Fut + Send,
        Fut: Future<Output = Result<Operation, Error>> + Send,
    {
        let mut pauses = Pauses::new(self.caller.pace);
        loop {
            let begun = self.call(api, &mut send).await?;
            match self.done(api, begun).await {
                Err(error) if pauses.take(&error).await => {}
                result => return result,
            }
        }
    }

    /// Reads, changes and writes what has a fingerprint or an entity tag, until nobody came between.
    pub async fn edit<T, F, Fut>(&self, mut edit: F) -> Result<T, CloudError>
    where
        F: FnMut() -> Fut + Send,
        Fut: Future<Output = Result<T, CloudError>> + Send,
    {
        let deadline = Instant::now() + self.caller.pace.patience;
        loop {
            match edit().await {
                Err(error) if is_stale(&error) && Instant::now() < deadline => {
                    tokio::time::sleep(self.caller.pace.backoff).await;
                }
                result => return result,
            }
        }
    }

    /// Waits until an operation has ended; an error inside it is an error.
    pub async fn done(&self, api: Api, operation: Operation) -> Result<Operation, CloudError> {
        let ended = if is_done(&operation) {
            operation
        } else {
            let name = required(operation.name.clone(), api.operation, "operation's name")?;
            let what = format!("the operation {name}");
            self.caller
                .until(&format!("{}:{}", api.service, api.operation), &what, || async {
                    let now = self.look_at(&operation, &name).await?;
                    Ok(is_done(&now).then_some(now))
                })
                .await?
        };
        match in_operation(api, &self.region, &ended) {
            Some(error) => Err(error),
            None => Ok(ended),
        }
    }

    async fn look_at(&self, operation: &Operation, name: &str) -> Result<Operation, CloudError> {
        let project = self.project.as_str();
        if let Some(zone) = operation.zone.as_deref() {
            let zone = last(zone);
            let service = &self.compute.zone_operations;
            self.call(compute_operation("zoneOperations.get"), || {
                service.get().set_project(project).set_zone(zone).set_operation(name).send()
            })
            .await
        } else if let Some(region) = operation.region.as_deref() {
            let region = last(region);
            let service = &self.compute.region_operations;
            self.call(compute_operation("regionOperations.get"), || {
                service.get().set_project(project).set_region(region).set_operation(name).send()
            })
            .await
        } else {
            let service = &self.compute.global_operations;
            self.call(compute_operation("globalOperations.get"), || {
                service.get().set_project(project).set_operation(name).send()
            })
            .await
        }
    }
}

/// The pauses between operations that are begun again, until patience ends.
struct Pauses {
    pace: Pace,
    deadline: Instant,
    next: Duration,
}

impl Pauses {
    fn new(pace: Pace) -> Self {
        Self { pace, deadline: Instant::now() + pace.patience, next: pace.backoff }
    }

    /// Pauses, if the error will pass and there is time; says whether it did.
    async fn take(&mut self, error: &CloudError) -> bool {
        if !will_pass(error) || Instant::now() + self.next > self.deadline {
            return false;
        }
        tracing::debug!(%error, delay = ?self.next, "beginning again");
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(self.pace.backoff_max);
        true
    }
}

fn is_done(operation: &Operation) -> bool {
    operation.status == Some(Status::Done)
}

fn will_pass(error: &CloudError) -> bool {
    matches!(
        error.kind,
        ErrorKind::Throttled
            | ErrorKind::Conflict
            | ErrorKind::DependencyViolation
            | ErrorKind::Capacity
            | ErrorKind::Transient
    )
}

/// The request id of a create: a UUID that follows from the plan's token, and from how often it was begun.
#[must_use]
pub fn request_id(token: &str, attempt: u32) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{token}/{attempt}").as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_follows_from_the_token() {
        assert_eq!(request_id("a", 0), request_id("a", 0));
        assert_ne!(request_id("a", 0), request_id("a", 1));
        assert_ne!(request_id("a", 0), request_id("b", 0));
    }
}
