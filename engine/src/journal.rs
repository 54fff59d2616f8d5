//! What apply writes down while it runs, so that nothing is lost when it is killed.

use async_trait::async_trait;
use futures::future::BoxFuture;
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
    /// The cloud answered a create with an error, under the token that it was sent with. The create stays begun, since an
    /// early call of several may have made something; but sent again it needs another token, or it would only be told of
    /// this end.
    Failed { address: Address },
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

/// Ready once what was written would survive a crash. It is written whether this is awaited or not.
pub type Durable = BoxFuture<'static, Result<(), JournalError>>;

/// Where entries go. Entries keep their order.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Writes an entry. Apply waits for the intent of each change before it sends it; what was made it does not wait for,
    /// since that is found by its tag. Entries that are written at the same time may be made durable together.
    fn write(&self, entry: Entry) -> Durable;

    /// Whether a change may be sent just now, without asking anyone; asked before each step of a change.
    fn is_held(&self) -> bool;

    /// Waits until it is known whether a change may still be sent; asked right before each one. An error once someone else
    /// has taken over.
    async fn may_send(&self) -> Result<(), JournalError>;

    /// Waits until everything written is durable.
    async fn flush(&self) -> Result<(), JournalError>;
}
