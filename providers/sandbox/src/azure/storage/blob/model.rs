//! What is in a container.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::azure::error::ApiError;
use crate::azure::world::Cx;
use crate::clock::Millis;

/// What is in a container.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Contents {
    /// The blobs, by name.
    pub blobs: BTreeMap<String, Blob>,
    /// The blocks that no blob has yet, by the blob's name and the block's id.
    pub staged: BTreeMap<String, BTreeMap<String, Piece>>,
}

impl Contents {
    /// The ids of all bodies.
    pub fn bodies(&self) -> impl Iterator<Item = &str> {
        let blobs = self.blobs.values().map(|blob| blob.body.as_str());
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
    /// The ids and sizes of its blocks.
    pub blocks: Vec<(String, usize)>,
}

impl Blob {
    /// The content.
    pub fn content(&self, cx: &Cx<'_>) -> Result<Vec<u8>, ApiError> {
        load(cx, &self.body)
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
