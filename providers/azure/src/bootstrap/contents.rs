//! What lies in the container: one listing for the bundles and the keys.

use std::sync::Arc;

use meridian_provider_api::{CloudError, ErrorKind};

use super::{blobs, container, storage_account};
use crate::arm::found;
use crate::client::Azure;
use crate::client::id::ArmId;

/// The container and the keys of its blobs, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contents {
    pub container: String,
    pub keys: Vec<String>,
}

impl Contents {
    /// What follows `prefix` in the keys that begin with it.
    pub fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.keys.iter().filter_map(move |key| key.strip_prefix(prefix))
    }
}

/// The cluster's container and what is in it; `None` when there is no container. The account is asked for only when it is
/// there: the name of one that is not leads nowhere.
pub(super) async fn contents(client: &Azure) -> Result<Arc<Option<Contents>>, CloudError> {
    client
        .listing("Container_ListBlobFlatSegment", || async {
            let Some(account) = storage_account::ours(client).await? else { return Ok(None) };
            let container = container::id_of(&account);
            let keys = found(blobs::list(client, &container.parse()?, "").await)?;
            Ok(keys.map(|keys| Contents { container, keys }))
        })
        .await
}

/// Waits until a container that was just made answers. The names of accounts travel slowly, too.
pub(super) async fn until_open(client: &Azure, container: &ArmId) -> Result<(), CloudError> {
    client
        .caller
        .until("BlobContainers_Create", "the container to answer", || async move {
            match blobs::list(client, container, "pki/").await {
                Ok(_) => Ok(Some(())),
                Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
}
