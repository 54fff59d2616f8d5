//! Carrying a plan out: every step starts the moment the last one it waits for is done.
//!
//! # Guarantees
//! - Apply does exactly what the plan says: nothing is decided here.
//! - Before each change is sent, the journal holds its intent.
//! - Once someone else has taken over, no change begins, and none that is under way takes another step.
//! - A failed step stops only what depends on it; the rest goes on to its end.
//! - When asked to stop, what is in flight ends and is written down; nothing new begins.
//! - Dropping the future at any await point loses nothing that a later plan would not find.

mod guarded;
mod report;
mod walk;

use std::collections::BTreeSet;

use async_trait::async_trait;

pub use report::{Failure, Report};
pub use walk::{ApplyError, Ports, apply};

use crate::Address;
use crate::value::Fields;

/// An error of the cloud; its chain of causes tells the story.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// The cloud said no, for good: under the same token a create would only be told so again.
    #[error(transparent)]
    Answered(Box<dyn std::error::Error + Send + Sync>),
    /// No answer, or none that says how it ends: what was asked for may be under way or done.
    #[error(transparent)]
    Open(Box<dyn std::error::Error + Send + Sync>),
}

/// A resource to be made. Every reference in `fields` has been resolved.
#[derive(Debug, Clone)]
pub struct Creation {
    pub address: Address,
    pub fields: Fields,
    /// Idempotency token: the same for the same create, sent again.
    pub token: String,
}

/// A resource to be changed in place, or to be brought to its end if it was left half made.
#[derive(Debug, Clone)]
pub struct Update {
    pub address: Address,
    pub id: String,
    pub before: Fields,
    pub after: Fields,
    pub computed: Fields,
    /// Names of the fields that differ.
    pub changed: BTreeSet<String>,
    /// Whether it does not bear the cluster's marks, so that they are to be put on.
    pub unmarked: bool,
}

/// A resource to be removed.
#[derive(Debug, Clone)]
pub struct Deletion {
    pub address: Address,
    pub id: String,
    pub before: Fields,
    pub computed: Fields,
}

/// What there is after a resource was made or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub id: String,
    pub computed: Fields,
}

/// The port to the cloud. Each call returns when the resource is usable (or gone), or with an error after the retries
/// that its kind of error allows.
#[async_trait]
pub trait Executor: Send + Sync {
    /// Makes a resource. If an earlier, unanswered attempt made it already, finds that one.
    async fn create(&self, creation: Creation) -> Result<Outcome, ExecutorError>;

    /// Changes a resource in place.
    async fn update(&self, update: Update) -> Result<Outcome, ExecutorError>;

    /// Removes a resource; one that is gone already is a success.
    async fn delete(&self, deletion: Deletion) -> Result<(), ExecutorError>;
}
