//! Why something could not be sealed or opened. No message has a secret in it, or anything of what was sealed.

use std::fmt;

use crate::clusters::StateError;
use crate::store::StoreError;

use super::key::KeyId;
use super::settings::{FORMAT_VERSION, SIZE_LIMIT};

/// The cause of an error in a service that is not ours.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What is wrong with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It is plain although the store is encrypted.
    Plain,
    /// It is sealed under a key that `store.json` does not have.
    UnknownKey(KeyId),
    /// It is sealed and the store has no encryption.
    NoKeys,
    /// Its first line names a format that this build does not know.
    Format,
    /// It ends too early.
    Short,
    /// It is longer than the cipher can seal.
    Long,
    /// It is not what was sealed at this place.
    Changed,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("it is not sealed, although the store is encrypted; someone put it there or changed it"),
            Self::UnknownKey(id) => {
                write!(f, "it is sealed under key {id}, which `store.json` does not have; one of the two was changed")
            }
            Self::NoKeys => f.write_str(
                "it is sealed, and `store.json` has no keys; that file was removed or replaced, restore its last version",
            ),
            Self::Format => f.write_str("it is sealed in a way that this build does not know, or its first line was changed"),
            Self::Short => f.write_str("it was cut off"),
            Self::Long => f.write_str("it is too long to be sealed"),
            Self::Changed => f.write_str("it was changed, cut off, or put there from another place"),
        }
    }
}

/// Why one way to open a key failed.
#[derive(Debug, thiserror::Error)]
pub enum UnwrapError {
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    #[error("none of the given age identities belongs to {}", recipients.join(", "))]
    NotARecipient { recipients: Vec<String> },
    #[error("`{key}` of {scheme} did not open it")]
    Service {
        scheme: String,
        key: String,
        #[source]
        source: BoxError,
    },
    /// The wrapped key is damaged, or belongs to another store.
    #[error("what `store.json` has for {way} is damaged or from another store")]
    Damaged { way: String },
    #[error("the key could not be derived from the passphrase")]
    Derive {
        #[source]
        source: BoxError,
    },
}

/// Everything that was tried on one key; never empty.
#[derive(Debug)]
pub struct Attempts(pub Vec<UnwrapError>);

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, attempt) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            attempt.fmt(f)?;
        }
        Ok(())
    }
}

/// The first cause that is not told in the attempts' own words.
impl std::error::Error for Attempts {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.iter().find_map(std::error::Error::source)
    }
}

/// Why encryption did not do it.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An object can't be trusted. Nothing was changed in the store.
    #[error("`{key}` can't be used: {flaw}; nothing was written")]
    Object { key: String, flaw: Flaw },

    #[error("`store.json` is larger than {SIZE_LIMIT} bytes")]
    SettingsSize,
    #[error("`store.json` is not what it should be")]
    SettingsDamaged {
        #[source]
        source: serde_json::Error,
    },
    #[error("`store.json` is of format version {found}; this build knows {FORMAT_VERSION}")]
    SettingsFormat { found: u64 },
    #[error("`store.json` makes no sense: {why}")]
    SettingsInvalid { why: &'static str },
    /// Someone without the key changed what is said about encryption.
    #[error("`store.json` was changed by someone who does not have the store's key; restore its last version")]
    SettingsForged,
    #[error("there is a `store.json` already")]
    SettingsExist,

    /// Nothing is written to a store that was never tried.
    #[error("the store was never made ready, so it is not known to keep two writers apart")]
    NotMade,

    /// The user gave nothing that any of the ways takes.
    #[error("the store is encrypted; give one of: {}", ways.join(", "))]
    NothingGiven { ways: Vec<String> },
    #[error("key {id} of the store can't be opened")]
    Locked {
        id: KeyId,
        #[source]
        attempts: Attempts,
    },
    /// A store that was taken to be encrypted is not: someone may have replaced its settings.
    #[error("a passphrase or an identity was given, and the store is not encrypted; give none, or encrypt the store")]
    Unencrypted,

    #[error("the store is encrypted already")]
    AlreadyEncrypted,
    #[error("the store is not encrypted")]
    NotEncrypted,
    #[error("cluster `{cluster}` can't be encrypted now")]
    Lease {
        cluster: String,
        #[source]
        source: Box<StateError>,
    },
    #[error("`{key}` changes all the time; nothing of it was overwritten")]
    Busy { key: String },

    #[error("a part of the work ended early")]
    Task {
        #[source]
        source: BoxError,
    },

    #[error("a key needs at least one way to be opened, at most {limit}, and at most one passphrase")]
    Ways { limit: usize },
    #[error("a passphrase can't be empty")]
    EmptyPassphrase,
    #[error("`{recipient}` is no age recipient (`age1…`): {why}")]
    Recipient { recipient: String, why: &'static str },
    /// The line, counted from 1, of what was given.
    #[error("line {line} is no age identity (`AGE-SECRET-KEY-1…`): {why}")]
    Identity { line: usize, why: &'static str },
    #[error("no age identity (`AGE-SECRET-KEY-1…`) was found")]
    NoIdentity,
    #[error("the passphrase could not be used")]
    Derive {
        #[source]
        source: BoxError,
    },
    #[error("the key could not be wrapped for age recipients")]
    AgeWrap {
        #[source]
        source: BoxError,
    },
    #[error("there is no key service `{scheme}`")]
    NoService { scheme: String },
    #[error("`{key}` of {scheme} did not wrap the store's key")]
    ServiceWrap {
        scheme: String,
        key: String,
        #[source]
        source: BoxError,
    },
}

/// What went wrong in the store below stays what it is.
impl From<EnvelopeError> for StoreError {
    fn from(error: EnvelopeError) -> Self {
        match error {
            EnvelopeError::Store(error) => error,
            error => Self::Envelope(Box::new(error)),
        }
    }
}
