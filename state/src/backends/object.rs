//! The stores that the crate `object_store` speaks to, one request at a time.

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, UpdateVersion,
};
use percent_encoding::percent_decode_str;

use crate::backends::fault::Fault;
use crate::backends::remote::Wire;
use crate::store::{Condition, MAX_OBJECT_BYTES, Object, Version};

/// A client of `object_store`, whose versions are `ETag`s.
pub(super) struct Objects<T>(pub T);

/// Keys are data: what `object_store` has a use for is escaped.
pub(super) fn path(key: &str) -> Path {
    key.split('/').collect()
}

/// The key that [`path`] was made of.
fn key(path: &Path) -> String {
    percent_decode_str(path.as_ref()).decode_utf8_lossy().into_owned()
}

fn version(e_tag: Option<String>) -> Result<Version, Fault> {
    e_tag.map(Version).ok_or_else(|| Fault::Other("the store gives objects no ETag".to_owned()))
}

#[async_trait]
impl<T: ObjectStore> Wire for Objects<T> {
    async fn get(&self, key: &str) -> Result<Option<Object>, Fault> {
        let found = match self.0.get_opts(&path(key), GetOptions::default()).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(Fault::of(&error)),
        };
        if found.meta.size > MAX_OBJECT_BYTES {
            return Err(Fault::TooLarge);
        }
        let version = version(found.meta.e_tag.clone())?;
        let bytes = found.bytes().await.map_err(|error| Fault::of(&error))?;
        Ok(Some(Object { bytes: bytes.into(), version }))
    }

    async fn put(&self, key: &str, bytes: Bytes, condition: &Condition) -> Result<Version, Fault> {
        let mode = match condition {
            Condition::Absent => PutMode::Create,
            Condition::Matches(expected) => {
                PutMode::Update(UpdateVersion { e_tag: Some(expected.0.clone()), version: None })
            }
        };
        match self.0.put_opts(&path(key), PutPayload::from(bytes), PutOptions::from(mode)).await {
            Ok(put) => version(put.e_tag),
            // An object that is not there is not of the version that was asked for.
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotFound { .. }) => {
                Err(Fault::Condition)
            }
            Err(error) => Err(Fault::of(&error)),
        }
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        match self.0.delete(&path(key)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Fault::of(&error)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        let folder = path(prefix.trim_end_matches('/'));
        let found = self.0.list(Some(&folder)).map_ok(|meta| key(&meta.location)).try_collect();
        found.await.map_err(|error| Fault::of(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_data() {
        for text in ["clusters/a/state.json", "a b/ü%2F?#+&=~[x]", "%", "a/%2e%2e/b"] {
            assert_eq!(key(&path(text)), text);
        }
        assert_eq!(path("clusters/a/state.json").as_ref(), "clusters/a/state.json");
    }
}
