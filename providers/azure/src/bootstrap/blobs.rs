//! Blobs of a storage account, through the SDK's own client for them. It takes no retries from anyone, and every request
//! leaves through our transport.

use azure_core::request_options::{IfMatchCondition, Prefix};
use azure_core::{Continuable as _, RetryOptions};
use azure_storage::{CloudLocation, StorageCredentials};
use azure_storage_blobs::prelude::{BlobServiceClient, ClientBuilder, ContainerClient};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use meridian_provider_api::{CloudError, ErrorKind};
use zeroize::Zeroizing;

use super::container;
use crate::arm::gone;
use crate::client::Azure;
use crate::client::id::ArmId;
use crate::limits::blob;

/// What a person without a role for blobs is told: that of an owner is not among them.
fn told(mut error: CloudError) -> CloudError {
    if error.kind == ErrorKind::Denied {
        error.message.push_str(
            " (whoever makes clusters needs the role Storage Blob Data Contributor in the subscription or resource group, \
             beside those for Resource Manager)",
        );
    }
    error
}

/// The container, as the SDK calls it.
fn client_of(client: &Azure, id: &ArmId) -> Result<ContainerClient, CloudError> {
    let account = container::account(id)?;
    let uri = client.blob_endpoint(account)?.as_str().trim_end_matches('/').to_owned();
    let location = CloudLocation::Custom { account: account.to_owned(), uri };
    let service: BlobServiceClient =
        ClientBuilder::with_location(location, StorageCredentials::token_credential(client.token_source()))
            .retry(RetryOptions::none())
            .transport(client.transport())
            .blob_service_client();
    Ok(service.container_client(id.name()))
}

/// Keys of every blob below `prefix`, in order.
pub(super) async fn list(client: &Azure, id: &ArmId, prefix: &str) -> Result<Vec<String>, CloudError> {
    let container = client_of(client, id)?;
    let mut all = Vec::new();
    let mut marker = None;
    loop {
        let page = client
            .call(blob("Container_ListBlobFlatSegment"), || {
                let mut list = container.list_blobs();
                if !prefix.is_empty() {
                    list = list.prefix(Prefix::from(prefix.to_owned()));
                }
                if let Some(marker) = marker.clone() {
                    list = list.marker(marker);
                }
                let mut pages = list.into_stream();
                Box::pin(async move {
                    let page = pages.next().await;
                    page.unwrap_or_else(|| {
                        let kind = azure_core::error::ErrorKind::Other;
                        Err(azure_core::Error::message(kind, "a listing without a page"))
                    })
                })
            })
            .await
            .map_err(told)?;
        all.extend(page.blobs.blobs().map(|blob| blob.name.clone()));
        marker = page.continuation();
        if marker.is_none() {
            return Ok(all);
        }
    }
}

/// Writes a blob.
pub(super) async fn put(client: &Azure, id: &ArmId, key: &str, body: &str) -> Result<(), CloudError> {
    let blob_client = client_of(client, id)?.blob_client(key);
    let send = || {
        let put = blob_client.put_block_blob(body.as_bytes().to_vec());
        Box::pin(async move { put.await.map(drop) }) as BoxFuture<'static, azure_core::Result<()>>
    };
    client.call(blob("BlockBlob_Upload"), send).await.map_err(told)?;
    Ok(())
}

/// Writes a blob unless it is there; whether it was written. An answer that was lost leaves it written: then it is there
/// the next time, and is read back.
pub(super) async fn put_new(client: &Azure, id: &ArmId, key: &str, body: &str) -> Result<bool, CloudError> {
    let blob_client = client_of(client, id)?.blob_client(key);
    let send = || {
        let put = blob_client.put_block_blob(body.as_bytes().to_vec());
        let put = put.if_match(IfMatchCondition::NotMatch("*".to_owned()));
        Box::pin(async move { put.await.map(drop) }) as BoxFuture<'static, azure_core::Result<()>>
    };
    match client.call(blob("BlockBlob_Upload"), send).await {
        Ok(()) => Ok(true),
        Err(error) if error.kind == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(told(error)),
    }
}

/// What a blob holds.
pub(super) async fn get(client: &Azure, id: &ArmId, key: &str) -> Result<Zeroizing<String>, CloudError> {
    let blob_client = client_of(client, id)?.blob_client(key);
    let bytes = client
        .call(blob("Blob_Download"), || {
            let blob_client = blob_client.clone();
            Box::pin(async move { blob_client.get_content().await }) as BoxFuture<'static, azure_core::Result<Vec<u8>>>
        })
        .await
        .map_err(told)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| CloudError::new(ErrorKind::Invalid, "Blob_Download", format!("{key} is no text")))?;
    Ok(Zeroizing::new(text))
}

/// Removes a blob.
pub(super) async fn remove(client: &Azure, id: &ArmId, key: &str) -> Result<(), CloudError> {
    let blob_client = client_of(client, id)?.blob_client(key);
    let send = || {
        let delete = blob_client.delete();
        Box::pin(async move { delete.await.map(drop) }) as BoxFuture<'static, azure_core::Result<()>>
    };
    gone(client.call(blob("Blob_Delete"), send).await.map_err(told))
}
