//! What is in a container.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::azure::error::ApiError;
use crate::azure::world::Cx;
use crate::clock::{Millis, timestamp};

/// What is in a container.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Contents {
    /// The blobs, by name.
    pub blobs: BTreeMap<String, Blob>,
    /// What blobs were before, by name; the oldest first.
    pub versions: BTreeMap<String, Vec<Blob>>,
    /// The blocks that no blob has yet, by the blob's name and the block's id.
    pub staged: BTreeMap<String, BTreeMap<String, Piece>>,
}

impl Contents {
    /// The ids of all bodies.
    pub fn bodies(&self) -> impl Iterator<Item = &str> {
        let blobs = self.blobs.values().chain(self.versions.values().flatten()).map(|blob| blob.body.as_str());
        blobs.chain(self.staged.values().flat_map(BTreeMap::values).map(|piece| piece.body.as_str()))
    }
}

/// A block that no blob has yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Piece {
    /// The id of the body.
    pub body: String,
}

/// A block blob.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Blob {
    /// The id of the body.
    pub body: String,
    /// The size in bytes.
    pub size: usize,
    /// The checksum, in base64; blobs of blocks have the one that they were given.
    pub md5: Option<String>,
    /// The version, with its quotes.
    pub etag: String,
    /// When it was first written.
    pub created: Millis,
    /// When it was last written.
    pub modified: Millis,
    /// What a reader is told about the content, by header.
    pub headers: BTreeMap<String, String>,
    /// What the writer wants to keep beside it.
    pub metadata: BTreeMap<String, String>,
    /// The tier, if it was given one.
    pub tier: Option<String>,
    /// The id of the version, where versions are kept.
    #[serde(default)]
    pub version: Option<String>,
    /// The ids and sizes of its blocks.
    pub blocks: Vec<(String, usize)>,
}

impl Blob {
    /// The content.
    pub fn content(&self, cx: &Cx<'_>) -> Result<Vec<u8>, ApiError> {
        load(cx, &self.body)
    }
}

impl Contents {
    /// A version of a blob: the one that is named, or what the blob is.
    pub fn version(&self, name: &str, version: Option<&str>) -> Option<&Blob> {
        let present = self.blobs.get(name);
        let Some(version) = version else { return present };
        let former = self.versions.get(name).into_iter().flatten();
        former.chain(present).find(|blob| blob.version.as_deref() == Some(version))
    }

    /// A version that is younger than all that the blob has had: the time, and four digits for those of one moment.
    pub fn next_version(&self, name: &str, now: Millis) -> String {
        let former = self.versions.get(name).into_iter().flatten();
        let newest = former.chain(self.blobs.get(name)).filter_map(|blob| blob.version.as_deref()).max();
        let time = timestamp(now);
        let at = |digits: u32| format!("{}{digits:04}Z", time.trim_end_matches('Z'));
        (0..10_000).map(at).find(|next| newest.is_none_or(|newest| newest < next.as_str())).unwrap_or_else(|| at(9_999))
    }

    /// Keeps what a blob was, where it is a version or becomes one; otherwise gives its body, which nobody names any more.
    pub fn retire(&mut self, name: &str, mut blob: Blob, keeps_versions: bool) -> Option<String> {
        if blob.version.is_none() && keeps_versions {
            blob.version = Some(self.next_version(name, blob.modified));
        }
        if blob.version.is_none() {
            return Some(blob.body);
        }
        self.versions.entry(name.to_owned()).or_default().push(blob);
        None
    }
}

/// Reads a body.
pub fn load(cx: &Cx<'_>, body: &str) -> Result<Vec<u8>, ApiError> {
    cx.blobs.get(body).map_err(|error| broken(&error))
}

/// Keeps a body and gives its id.
pub fn keep(cx: &mut Cx<'_>, content: &[u8]) -> Result<String, ApiError> {
    let id = cx.ids.uuid();
    cx.blobs.put(&id, content).map_err(|error| broken(&error))?;
    Ok(id)
}

fn broken(error: &std::io::Error) -> ApiError {
    ApiError::new(500, "InternalError", format!("Server encountered an internal error: {error}."))
}

/// A version that nothing has had.
pub fn etag(cx: &mut Cx<'_>) -> String {
    format!("\"0x8D{}\"", cx.ids.hex(13).to_uppercase())
}
