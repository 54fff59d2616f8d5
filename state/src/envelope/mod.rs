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
//! What it does not hide: names of clusters, sizes, times, how many states there were, and who holds leases.
//!
//! What it does not hold: whoever may write to the bucket can remove objects, and put an older one back to its place,
//! `store.json` among them: one from before encryption shows when keys are given, one from the middle of a
//! [conversion](convert()) lets plain objects in. He can change what is kept of the past, which is said in plain. He can
//! also put a store of his own there, with keys that he has, since recipients are public and services may be anyone's; then
//! nothing opens that was there before. A versioned bucket, in which few may write, is the answer to all of these.

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
    Encryption, FORMAT_VERSION, KEY as SETTINGS_KEY, Loaded as LoadedSettings, SIZE_LIMIT, Settings, WrappedKey,
};
pub use wrap::{NewWrap, Wrap};
