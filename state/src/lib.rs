//! Where the state of clusters is kept: conditional writes, a lease with fencing, a history, a journal.
//!
//! A [`store::Store`] is a small object store with conditional puts; the protocol on top of it is the same for every
//! store. What a state means is the engine's business, not this crate's.
//!
//! ```text
//! clusters/<name>/state.json                      the present state
//! clusters/<name>/history/<serial>.json           every state that ever was
//! clusters/<name>/lease.json                      who may write
//! clusters/<name>/journal/<serial>-<number>.json  what an apply on top of <serial> has done so far
//! store.json                                      what is said about the store itself
//! probe/<random>                                  while a store is tried
//! ```

pub mod backends;
pub mod clusters;
pub mod envelope;
mod format;
pub mod history;
pub mod journal;
pub mod lease;
pub mod probe;
pub mod store;

#[cfg(test)]
mod tests;

pub use backends::credential::{Credential, CredentialSource};
pub use backends::endpoint::{Endpoint, EndpointError};
pub use backends::file::FileStore;
pub use backends::location::{Location, LocationError};
pub use backends::open;
pub use clusters::{Clusters, StateError};
pub use envelope::SealedStore;
pub use history::{Difference, HistoryEntry, Retention};
pub use journal::StoreJournal;
pub use lease::{Ask, Lease, Owner};
pub use probe::{ProbeError, Promise, probe};
pub use store::{Store, StoreError};
