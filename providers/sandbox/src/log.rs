//! The calls a sandbox has answered, for tests that count them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// How many calls are remembered; the oldest are forgotten first.
const CAPACITY: usize = 200_000;

/// One answered request.
#[derive(Debug, Clone)]
pub struct Call {
    /// The service's signing name, such as `ec2`.
    pub service: String,
    /// The region it was signed for.
    pub region: String,
    /// The operation, such as `RunInstances`.
    pub operation: String,
    /// The HTTP status; 0 where the connection was cut.
    pub status: u16,
    /// The error code of the answer, if it was one.
    pub error: Option<String>,
    /// When the request had been read.
    pub start: Instant,
    /// When the answer was ready.
    pub end: Instant,
}

/// A handle on the calls answered so far. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct CallLog {
    calls: Arc<Mutex<Vec<Call>>>,
}

impl CallLog {
    pub(crate) fn push(&self, call: Call) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() >= CAPACITY {
            calls.drain(..CAPACITY / 2);
        }
        calls.push(call);
    }

    /// All calls, in the order in which they were answered.
    #[must_use]
    pub fn all(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The number of calls so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether nothing has been called.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of calls of each `service:Operation`.
    #[must_use]
    pub fn by_operation(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in self.calls.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            *counts.entry(format!("{}:{}", call.service, call.operation)).or_default() += 1;
        }
        counts
    }

    /// Forgets all calls.
    pub fn clear(&self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
