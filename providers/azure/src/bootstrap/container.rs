//! The bootstrap container.

use async_trait::async_trait;
use azure_mgmt_storage::package_2023_05::models::{
    BlobContainer, ContainerProperties, container_properties::PublicAccess,
};
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource as _, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::{STORAGE, StorageAccount, contents};
use crate::arm::{arm_id, found, gone, made};
use crate::client::Azure;
use crate::client::id::{ArmId, normal};
use crate::compile::names::BOOTSTRAP;
use crate::limits::{delete, read, write};

/// Name of the one container of an account.
pub const NAME: &str = BOOTSTRAP;

resource! {
    /// A private container. It takes no tags, and is found through its account.
    pub struct Container = "azure_storage_container", "container", Replacement::Refused(
        "it holds the keys of the cluster's certificate authorities, without which no machine can join");
    fields {
        account: Ref<StorageAccount> => replace,
        name: String => replace,
        /// Whether it is open to everyone.
        public: bool => update,
    }
    computed {}
}

/// The id of an account's container.
pub(super) fn id_of(account: &ArmId) -> String {
    normal(&format!("{account}/blobServices/default/containers/{NAME}"))
}

/// The id that the cluster's container has or will have, when there is an account for it.
pub(crate) async fn ours(client: &Azure) -> Result<Option<String>, CloudError> {
    Ok(super::storage_account::ours(client).await?.map(|account| id_of(&account)))
}

/// The account that a container is in.
pub(super) fn account(container: &ArmId) -> Result<&str, CloudError> {
    let first = container.path.first().map(|(_, name)| name.as_str());
    first.ok_or_else(|| CloudError::new(ErrorKind::Invalid, "reading an id", format!("{container} is no container")))
}

impl Container {
    async fn put(&self, client: &Azure) -> Result<Made, CloudError> {
        let account = arm_id(&self.account)?;
        let mut body = BlobContainer::new();
        body.properties = Some(ContainerProperties {
            public_access: Some(if self.public { PublicAccess::Blob } else { PublicAccess::None }),
            ..ContainerProperties::new()
        });
        let containers = client.storage.blob_containers_client();
        client
            .call(write(STORAGE, "BlobContainers_Create"), || {
                containers
                    .create(&account.group, account.name(), &self.name, body.clone(), &account.subscription)
                    .into_future()
            })
            .await?;
        Ok(made(id_of(&account)))
    }
}

#[async_trait]
impl KindOps<Azure> for Container {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let Some(account) = super::storage_account::ours(client).await? else { return Ok(Vec::new()) };
        let containers = client.storage.blob_containers_client();
        let list = || containers.list(&account.group, account.name(), &account.subscription).into_stream();
        let all = found(client.pages(read(STORAGE, "BlobContainers_List"), list, |page| page.value).await)?;
        let ours = all
            .unwrap_or_default()
            .into_iter()
            .find(|container| container.azure_entity_resource.resource.name.as_deref() == Some(NAME));
        let Some(container) = ours else { return Ok(Vec::new()) };
        let address = Address::new(Self::SCHEMA.kind, BOOTSTRAP)
            .map_err(|error| CloudError::new(ErrorKind::Invalid, "BlobContainers_List", error.to_string()))?;
        let access = container.properties.and_then(|properties| properties.public_access);
        Ok(vec![Found {
            address,
            id: id_of(&account),
            resource: Self {
                account: Ref::existing(account.to_string()),
                name: NAME.to_owned(),
                public: access.is_some_and(|access| access != PublicAccess::None),
            },
            computed: Fields::new(),
            condition: Condition::Ready,
        }])
    }

    async fn create(&self, client: &Azure, _: &New) -> Result<Made, CloudError> {
        let made = self.put(client).await?;
        // The account's own front may not have heard of either yet.
        contents::until_open(client, &made.id.parse()?).await?;
        Ok(made)
    }

    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: ArmId = existing.id.parse()?;
        let made = self.put(client).await?;
        contents::until_open(client, &id).await?;
        Ok(made)
    }

    /// What is in it goes with it.
    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let containers = client.storage.blob_containers_client();
        let api = delete(STORAGE, "BlobContainers_Delete");
        let account = account(&id)?;
        gone(client.call(api, || containers.delete(&id.group, account, id.name(), &id.subscription).send()).await)
    }
}
