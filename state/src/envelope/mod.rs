//! Encryption of what a store keeps.
//!
//! A store has random data keys, of which one is active. An object is sealed with the active one; the keys stand in
//! `store.json`, each wrapped in one or more ways: by a passphrase, for age recipients, by a cloud's key service. Any way
//! opens it. So who may read is changed by writing one small object, and what was sealed before stays as it is.
//!
//! ```text
//! store.json                   plain; what is said about encryption is authenticated with the active key
//! clusters/<name>/lease.json   plain: who waits must see for whom, whatever he was given
//! clusters/…                   sealed, each bound to the store and to its place
//! ```
//!
//! What it does not hide: names of clusters, sizes, times, how many states there were, and who holds leases. What it does
//! not hold: whoever may write to the bucket can remove objects, put an older one back to its place, or replace the store
//! as a whole by one whose keys are his, which shows in that nothing old opens. Who a wrap is from is known for passphrases
//! only; recipients are public.

mod convert;
mod error;
mod key;
mod manage;
mod object;
mod passphrase;
mod recipients;
mod ring;
mod sealed;
mod secrets;
mod service;
mod settings;
mod wrap;

#[cfg(test)]
mod tests;

pub use convert::{Conversion, Converted, convert};
pub use error::{Attempts, BoxError, EnvelopeError, Flaw, UnwrapError};
pub use key::{KeyContext, KeyId};
pub use manage::{add_key, init, rewrap};
pub use passphrase::{Cost, PassphraseWrap};
pub use recipients::{AgeWrap, Recipients};
pub use sealed::SealedStore;
pub use secrets::Secrets;
pub use service::{KeyService, KeyServices, ServiceWrap};
pub use settings::{
    Encryption, FORMAT_VERSION, KEY as SETTINGS_KEY, Loaded as LoadedSettings, Retention, SIZE_LIMIT, Settings,
    WrappedKey,
};
pub use wrap::{NewWrap, Wrap};
