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
    /// The condition of a put did not hold: someone else wrote first. What is there now is not ours.
    #[error("`{key}` was written by someone else in the meantime")]
    Precondition { key: String },
    /// The key can't be one: see [`check_key`].
    #[error("`{key}` is not a key of a store")]
    Key { key: String },
    /// The store knows who asks, and won't let them.
    #[error("not allowed to {verb} `{key}` in {store}")]
    Denied {
        verb: Verb,
        key: String,
        store: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is nothing to sign a request with.
    #[error("no usable credential for {store}")]
    Credential {
        store: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no such bucket or container.
    #[error("{store} does not exist; make it with `meridian state init {store}`")]
    Missing { store: String },
    /// The bucket is in another region than requests are signed for.
    #[error("{store} is in the region {region}; name it as {}", hint(store, region))]
    Region { store: String, region: String },
    /// The object is larger than anything of ours.
    #[error("`{key}` in {store} is larger than {} MiB, so Meridian did not write it", MAX_OBJECT_BYTES >> 20)]
    TooLarge { key: String, store: String },
    /// The store's client can't be made.
    #[error("{store} can't be used")]
    Setup {
        store: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
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

/// The largest object that is read, so that a wrong one can't fill the memory.
pub const MAX_OBJECT_BYTES: u64 = 256 << 20;

/// The longest key, and the longest together with the prefix of a store: what S3, Cloud Storage and Blob Storage all take.
pub const MAX_KEY_BYTES: usize = 1024;

/// Makes sure that `key` can be one in every store: it is not empty or too long, has no empty, `.` or `..` parts, and holds
/// neither backslashes nor control characters.
pub fn check_key(key: &str) -> Result<(), StoreError> {
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    let is_plain = key.len() <= MAX_KEY_BYTES && !key.contains(|c: char| c == '\\' || c.is_control());
    if is_plain && key.split('/').all(is_part) { Ok(()) } else { Err(StoreError::Key { key: key.to_owned() }) }
}

/// The URL of a store with its region.
fn hint(store: &str, region: &str) -> String {
    format!("`{}?region={region}`", store.split('?').next().unwrap_or_default())
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
