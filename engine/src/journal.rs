//! What apply writes down while it runs, so that nothing is lost when it is killed.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::Address;
use crate::state::{Intent, Record};

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "lowercase")]
pub enum Entry {
    /// A change is about to be sent.
    Intent { address: Address, intent: Intent },
    /// A resource was created, updated or found to be as desired.
    Made { address: Address, record: Record },
    /// A resource is not there any more.
    Gone { address: Address },
    /// What the address had besides its resource (a deposed one, or the predecessor that a replacement leaves) is about
    /// to be removed; the resource itself is untouched, and so is its intent. `id` is the cloud's.
    Discarding { address: Address, id: String },
    /// The same is not there any more.
    Discarded { id: String },
}

/// Why a journal could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the journal could not be written")]
pub struct JournalError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Where entries go. Entries keep their order.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Writes an entry and returns once it would survive a crash. Apply calls this before each change it sends;
    /// concurrent calls may be made durable together.
    async fn record(&self, entry: Entry) -> Result<(), JournalError>;

    /// Writes an entry soon, in order; apply goes on meanwhile. Losing it in a crash loses no resource, since what
    /// was made is found by its tag.
    fn note(&self, entry: Entry);

    /// Waits until everything noted is durable.
    async fn flush(&self) -> Result<(), JournalError>;
}
