//! What came of an apply.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Address;
use crate::state::Verb;

/// The result of a walk; it is always complete, whatever failed.
#[derive(Debug, Default)]
pub struct Report {
    /// Steps that were done, by verb.
    pub done: BTreeMap<Verb, usize>,
    pub failed: Vec<Failure>,
    /// Steps that were not tried, each with the failed resource it waits for.
    pub skipped: Vec<(Address, Address)>,
    /// Steps that were not tried since the user asked to stop.
    pub not_begun: usize,
    /// Outputs that are known now.
    pub outputs: BTreeMap<String, String>,
    /// From the first step's start to the last one's end.
    pub wall: Duration,
    /// The longest chain of steps that had to wait for each other: no schedule could be faster.
    pub critical_path: Duration,
}

/// A step that failed.
#[derive(Debug)]
pub struct Failure {
    pub address: Address,
    pub verb: Verb,
    /// The whole chain of causes in one line.
    pub error: String,
}

impl Report {
    /// Whether everything in the plan was done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && self.not_begun == 0
    }
}
