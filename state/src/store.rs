//! A small object store: what every backend must be able to do.

use std::fmt;

use async_trait::async_trait;

/// What a stored object looked like when it was read; another write makes another version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(pub String);

/// A stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub bytes: Vec<u8>,
    pub version: Version,
}

/// When a put may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Only if there is no such object.
    Absent,
    /// Only if the object is still of this version.
    Matches(Version),
}

/// What is done to a store; a part of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Read,
    Write,
    Delete,
    List,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::List => "list",
        })
    }
}

/// Why a store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The condition of a put did not hold: someone else wrote first. Nothing was changed.
    #[error("`{key}` was written by someone else in the meantime")]
    Precondition { key: String },
    /// The key can't be one: it is empty, or has empty, `.` or `..` parts.
    #[error("`{key}` is not a key of a store")]
    Key { key: String },
    #[error("could not {verb} `{key}` in {store}")]
    Io {
        verb: Verb,
        key: String,
        /// The store, as the user named it.
        store: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It could not be sealed or opened.
    #[error(transparent)]
    Envelope(Box<crate::envelope::EnvelopeError>),
}

/// A backend. Keys are made of parts that are joined by `/`.
///
/// # Guarantees
/// - A put is atomic: readers see the old object or the new one, whatever dies when.
/// - Of several conditional puts on the same version exactly one succeeds.
/// - A successful put is durable.
#[async_trait]
pub trait Store: Send + Sync {
    /// The object at `key`, if there is one.
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError>;

    /// Writes the object if `condition` holds, and gives its new version.
    async fn put(&self, key: &str, bytes: &[u8], condition: Condition) -> Result<Version, StoreError>;

    /// Removes the object; one that is not there is a success.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;

    /// The keys that begin with `prefix`, which ends in `/`, sorted.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError>;
}
