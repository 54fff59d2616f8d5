//! What apply tells while it runs; for a terminal, a log or a console.

use std::time::Duration;

use crate::Address;
use crate::state::Verb;

/// Something that happened to a step.
#[derive(Debug, Clone)]
pub enum Event {
    /// Someone else holds the lease; we wait for it.
    Waiting {
        for_whom: String,
    },
    /// The walk begins; so many steps are to be done.
    Begun {
        steps: usize,
    },
    Started {
        address: Address,
        verb: Verb,
    },
    Finished {
        address: Address,
        verb: Verb,
        took: Duration,
    },
    /// `error` is the whole chain of causes in one line.
    Failed {
        address: Address,
        verb: Verb,
        error: String,
    },
    /// Not tried, because `because` failed.
    Skipped {
        address: Address,
        verb: Verb,
        because: Address,
    },
    /// The user asked to stop: what is in flight ends, nothing new begins.
    Stopping {
        in_flight: usize,
    },
}

/// Takes events; must not block.
pub trait EventSink: Send + Sync {
    fn emit(&self, event: Event);
}
