//! What Meridian remembers of a cluster between runs. How and where it is kept is the `state` crate's business.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Address;
use crate::journal::Entry;
use crate::value::Fields;

/// The version of the format that this build writes.
pub const FORMAT_VERSION: u32 = 3;

/// The state of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub format_version: u32,
    pub cluster: String,
    pub provider: String,
    pub region: String,
    /// Whether it stands in an emulator: a rehearsal and the real cluster must never be taken for each other.
    pub emulated: bool,
    /// Made once for a cluster's life, so that two clusters of one name are never taken for each other.
    pub lineage: String,
    /// Grows by one with each write.
    pub serial: u64,
    pub phase: Phase,
    /// `destroy` refuses while this is set.
    pub deletion_protection: bool,
    pub resources: BTreeMap<Address, Record>,
    /// Changes that were begun and whose outcome was never written down.
    pub intents: BTreeMap<Address, Intent>,
    /// What was being removed besides the resource of an address, by the cloud's id, and whose end was never written down.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub discards: BTreeMap<String, Address>,
    /// Resources that bear our marks and are none of ours any more: `forget` left them where they are.
    #[serde(default, skip_serializing_if = "Forgotten::is_empty")]
    pub forgotten: Forgotten,
    /// Facts that were looked up once and stay (the image of an architecture).
    pub pins: BTreeMap<String, String>,
    /// What users want to know of a cluster (`api_endpoint`).
    pub outputs: BTreeMap<String, String>,
}

/// Resources that were forgotten: the cloud's ids, by the address that each was forgotten under. An id alone would not do: on
/// AWS a role and its instance profile have the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Forgotten(BTreeMap<Address, BTreeSet<String>>);

impl Forgotten {
    /// Whether nothing was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a resource of the address's kind was, whatever its address.
    #[must_use]
    pub fn contains(&self, address: &Address, id: &str) -> bool {
        self.0.iter().any(|(known, ids)| known.kind() == address.kind() && ids.contains(id))
    }

    /// The addresses under which something was.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.0.keys()
    }

    /// One of those that were forgotten under an address.
    #[must_use]
    pub fn under(&self, address: &Address) -> Option<&str> {
        self.0.get(address)?.first().map(String::as_str)
    }

    /// Forgets a resource.
    pub fn insert(&mut self, address: Address, id: String) {
        self.0.entry(address).or_default().insert(id);
    }

    /// Remembers it again, whatever address it was forgotten under.
    pub fn remove(&mut self, address: &Address, id: &str) {
        self.0.retain(|known, ids| {
            if known.kind() == address.kind() {
                ids.remove(id);
            }
            !ids.is_empty()
        });
    }
}

/// Where a cluster is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// `create` has begun and has not come to its end yet.
    Creating,
    Ready,
    /// `destroy` has begun and has not come to its end yet.
    Destroying,
    /// `destroy` has come to its end: what is left in the place of the state. Nothing of a cluster is in it.
    Gone,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Creating => "creating",
            Self::Ready => "ready",
            Self::Destroying => "destroying",
            Self::Gone => "gone",
        })
    }
}

/// A resource that was made or taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The cloud's own id.
    pub id: String,
    /// The fields as they were last applied, every reference resolved.
    pub fields: Fields,
    /// What the cloud computed.
    pub computed: Fields,
    /// The resources it refers to.
    pub depends_on: BTreeSet<Address>,
}

/// A change that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// `create`, `update` or `delete`.
    pub verb: Verb,
    /// What the idempotency token of a create was made with; empty unless something is made, and once it was answered with
    /// an error. A create that is sent again after a crash uses it, so that its token is the same.
    pub seed: String,
}

/// What a step does to the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    Create,
    Update,
    Delete,
}

impl std::fmt::Display for Verb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        })
    }
}

/// So many bytes are collected before they are hashed.
const HASHED_AT_ONCE: usize = 1 << 15;

/// Hashes what is written to it, so that a state of megabytes is not in memory once more as text.
struct Hashing {
    digest: Sha256,
    pending: Vec<u8>,
}

impl std::io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= HASHED_AT_ONCE {
            self.digest.update(&self.pending);
            self.pending.clear();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl State {
    /// The state of a cluster that does not exist yet; its serial is 0 until it is first written.
    #[must_use]
    pub fn new(cluster: &str, provider: &str, region: &str, lineage: String) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            cluster: cluster.to_owned(),
            provider: provider.to_owned(),
            region: region.to_owned(),
            emulated: false,
            lineage,
            serial: 0,
            phase: Phase::Creating,
            deletion_protection: false,
            resources: BTreeMap::new(),
            intents: BTreeMap::new(),
            discards: BTreeMap::new(),
            forgotten: Forgotten::default(),
            pins: BTreeMap::new(),
            outputs: BTreeMap::new(),
        }
    }

    /// What tells two states apart that have the same serial, since one has taken in more of a journal.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hashing = Hashing { digest: Sha256::new(), pending: Vec::with_capacity(2 * HASHED_AT_ONCE) };
        // Maps with text for keys can always be written.
        let _ = serde_json::to_writer(&mut hashing, self);
        hashing.digest.update(&hashing.pending);
        hashing.digest.finalize().iter().fold(String::new(), |mut text, byte| {
            use std::fmt::Write as _;
            // Writing to a string can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Takes a journal's entries in, oldest first. Taking the same entries in twice changes nothing more.
    pub fn fold(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            match entry {
                Entry::Intent { address, intent } => {
                    self.intents.insert(address, intent);
                }
                Entry::Failed { address } => {
                    if let Some(intent) = self.intents.get_mut(&address) {
                        intent.seed.clear();
                    }
                }
                Entry::Made { address, record } => {
                    self.intents.remove(&address);
                    self.resources.insert(address, record);
                }
                Entry::Gone { address } => {
                    self.intents.remove(&address);
                    self.resources.remove(&address);
                }
                Entry::Discarding { address, id } => {
                    self.discards.insert(id, address);
                }
                Entry::Discarded { id } => {
                    self.discards.remove(&id);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_the_text() {
        let mut state = State::new("demo", "test", "here", "lineage".to_owned());
        for number in 0..2_000 {
            state.pins.insert(format!("pin-{number}"), "value".repeat(number % 50));
            if number % 500 == 0 {
                let text = serde_json::to_vec(&state).unwrap();
                let expected =
                    Sha256::digest(text).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
                assert_eq!(state.digest(), expected);
            }
        }
    }
}
