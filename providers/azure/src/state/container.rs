//! The container, through Resource Manager or through the account itself: whoever has its key may see nothing of the
//! other.

use std::future::IntoFuture as _;

use azure_core::headers::HeaderName;
use azure_core::{Method, Request};
use azure_mgmt_storage::package_2023_05::models::{
    BlobContainer, ContainerProperties, container_properties::PublicAccess,
};
use meridian_provider_api::{CloudError, ErrorKind};

use super::AzureState;
use super::place::Place;
use crate::arm::found;
use crate::bootstrap::STORAGE;
use crate::client::id::ArmId;
use crate::limits::{blob, read, write};

/// The version of the interface to blobs.
const VERSION: &str = "2023-11-03";

/// Whether a container is open to everyone; `None` when there is none.
pub(super) async fn is_public(host: &AzureState, account: &ArmId, name: &str) -> Result<Option<bool>, CloudError> {
    let containers = host.client.storage.blob_containers_client();
    let answer = host
        .client
        .call(read(STORAGE, "BlobContainers_Get"), || {
            containers.get(&account.group, account.name(), name, &account.subscription).into_future()
        })
        .await;
    let access = found(answer)?.map(|container| container.properties.and_then(|properties| properties.public_access));
    Ok(access.map(|access| access.is_some_and(|access| access != PublicAccess::None)))
}

/// Makes a private container.
pub(super) async fn make(host: &AzureState, account: &ArmId, name: &str) -> Result<(), CloudError> {
    let mut body = BlobContainer::new();
    body.properties =
        Some(ContainerProperties { public_access: Some(PublicAccess::None), ..ContainerProperties::new() });
    let containers = host.client.storage.blob_containers_client();
    host.client
        .call(write(STORAGE, "BlobContainers_Create"), || {
            containers.create(&account.group, account.name(), name, body.clone(), &account.subscription).into_future()
        })
        .await?;
    Ok(())
}

/// As [`is_public`], asked of the account itself.
pub(super) async fn is_public_itself(host: &AzureState, place: &Place<'_>) -> Result<Option<bool>, CloudError> {
    let request = request(host, place, Method::Head, "restype=container")?;
    let answer = host.client.send(blob("Container_GetProperties"), host.signed(place), request).await;
    Ok(found(answer)?.map(|answer| answer.header("x-ms-blob-public-access").is_some()))
}

/// As [`make`], asked of the account itself.
pub(super) async fn make_itself(host: &AzureState, place: &Place<'_>) -> Result<(), CloudError> {
    let request = request(host, place, Method::Put, "restype=container")?;
    match host.client.send(blob("Container_Create"), host.signed(place), request).await {
        // An answer that was lost leaves it made.
        Err(error) if error.kind != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Waits until the container answers whoever asks for its blobs, and says whether they may be read. The names of new
/// accounts travel slowly, and roles do, too.
pub(super) async fn may_be_read(host: &AzureState, place: &Place<'_>) -> Result<bool, CloudError> {
    let request = request(host, place, Method::Get, "restype=container&comp=list&maxresults=1")?;
    let (api, request) = (blob("Container_ListBlobFlatSegment"), &request);
    host.client
        .caller
        .until(api.operation, "the container to answer", || async move {
            match host.client.send(api, host.signed(place), request.clone()).await {
                Ok(_) => Ok(Some(true)),
                Err(error) if error.kind == ErrorKind::Denied => Ok(Some(false)),
                Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
}

fn request(host: &AzureState, place: &Place<'_>, method: Method, query: &str) -> Result<Request, CloudError> {
    let mut url = host.client.blob_endpoint(place.account)?;
    url.set_path(&format!("{}{}", url.path(), place.container));
    url.set_query(Some(query));
    let mut request = Request::new(url, method);
    request.insert_header(HeaderName::from_static("x-ms-version"), VERSION);
    if method == Method::Put {
        request.insert_header("content-length", "0");
    }
    Ok(request)
}
