//! What stands in the objects of a cluster, and how what earlier versions wrote is read.
//!
//! | version | what it brought |
//! |---|---|
//! | 1 | the state; the journal as bare lists of entries |
//! | 2 | a phase `gone`, written in the place of a removed state; journal segments that name their fence |
//! | 3 | what was forgotten by its address, and not by an id that two resources can have; seals that say when |
//!
//! What an older version wrote is carried forward while it is read; what a newer one wrote is refused as such, however it
//! looks otherwise.

use jiff::Timestamp;
use meridian_engine::journal::Entry;
use meridian_engine::state::{FORMAT_VERSION, State};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::clusters::StateError;
use crate::lease::Owner;

/// A state as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateFile {
    pub format_version: u32,
    /// Fencing number of the lease it was written under.
    pub fence: u64,
    /// Makes every body another, for stores whose versions are digests.
    pub nonce: String,
    pub written_at: Timestamp,
    pub written_by: Owner,
    pub state: State,
}

/// One segment of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Segment {
    pub format_version: u32,
    /// Fencing number of the lease it was written under.
    pub fence: u64,
    pub nonce: String,
    /// Set by a successor: the journal ends here, whatever its writer still believes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub seal: bool,
    /// When it was, so that it is not dropped while its writer may still believe in its lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<Timestamp>,
    pub entries: Vec<Entry>,
}

/// A new nonce.
pub(crate) fn nonce() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Reads a state.
pub(crate) fn state(key: &str, bytes: &[u8]) -> Result<StateFile, StateError> {
    // Its version is looked for on its own only where the whole can't be taken as it is: states have megabytes.
    let whole = serde_json::from_slice::<StateFile>(bytes);
    let file = match whole {
        Ok(file) if file.format_version == FORMAT_VERSION => file,
        whole if version(key, bytes)? == FORMAT_VERSION => whole.map_err(|source| damaged(key, source))?,
        _ => {
            let file: Json = parse(key, bytes)?;
            serde_json::from_value(forward(file)).map_err(|source| damaged(key, source))?
        }
    };
    can_grow(key, "serial", file.state.serial)?;
    can_grow(key, "fencing number", file.fence)?;
    Ok(file)
}

/// Reads a segment of a journal.
pub(crate) fn segment(key: &str, bytes: &[u8]) -> Result<Segment, StateError> {
    // Version 1 had no head: a bare list.
    if bytes.trim_ascii_start().starts_with(b"[") {
        let entries = parse(key, bytes)?;
        return Ok(Segment {
            format_version: 1,
            fence: 0,
            nonce: String::new(),
            seal: false,
            sealed_at: None,
            entries,
        });
    }
    version(key, bytes)?;
    parse(key, bytes)
}

/// The version of an object; one that this build does not know is refused.
fn version(key: &str, bytes: &[u8]) -> Result<u32, StateError> {
    #[derive(Deserialize)]
    struct Head {
        format_version: u64,
    }
    let Head { format_version: found } = parse(key, bytes)?;
    match u32::try_from(found) {
        Ok(known) if (1..=FORMAT_VERSION).contains(&known) => Ok(known),
        _ => Err(StateError::Format { key: key.to_owned(), found }),
    }
}

/// Carries a file of an earlier version forward.
fn forward(mut file: Json) -> Json {
    file["format_version"] = FORMAT_VERSION.into();
    if let Some(state) = file.get_mut("state").and_then(Json::as_object_mut) {
        state.insert("format_version".to_owned(), FORMAT_VERSION.into());
        if let Some(forgotten) = state.get_mut("forgotten") {
            by_address(forgotten);
        }
    }
    file
}

/// Until version 2 addresses stood by ids. What is not of that form is left as it is, and refused where it is read.
fn by_address(forgotten: &mut Json) {
    let Some(before) = forgotten.as_object() else { return };
    let mut after = serde_json::Map::new();
    for (id, address) in before {
        let Some(address) = address.as_str() else { return };
        let ids = after.entry(address).or_insert_with(|| Json::Array(Vec::new()));
        ids.as_array_mut().into_iter().for_each(|ids| ids.push(id.as_str().into()));
    }
    *forgotten = after.into();
}

fn parse<T: serde::de::DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, StateError> {
    serde_json::from_slice(bytes).map_err(|source| damaged(key, source))
}

/// Refuses a number that has no successor: none of ours counts that far, and whoever writes next has to add one to it.
pub(crate) fn can_grow(key: &str, what: &str, number: u64) -> Result<(), StateError> {
    match number {
        u64::MAX => Err(damaged(key, serde::de::Error::custom(format_args!("the {what} {number} has no successor")))),
        _ => Ok(()),
    }
}

pub(crate) fn damaged(key: &str, source: serde_json::Error) -> StateError {
    StateError::Damaged { key: key.to_owned(), source }
}
