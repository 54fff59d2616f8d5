//! State and journal of a suite, kept in memory.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use meridian_engine::events::{Event, EventSink};
use meridian_engine::journal::{Durable, Entry, Journal, JournalError};

/// A journal in memory.
#[derive(Default)]
pub struct MemoryJournal(Mutex<Vec<Entry>>);

impl MemoryJournal {
    /// Everything that was written.
    pub fn into_entries(self) -> Vec<Entry> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    fn write(&self, entry: Entry) -> Durable {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        Box::pin(async { Ok(()) })
    }

    fn is_held(&self) -> bool {
        true
    }

    async fn may_send(&self) -> Result<(), JournalError> {
        Ok(())
    }

    async fn flush(&self) -> Result<(), JournalError> {
        Ok(())
    }
}

/// Hears nothing.
pub struct Deaf;

impl EventSink for Deaf {
    fn emit(&self, _: Event) {}
}
