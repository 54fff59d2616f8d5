//! The storage account of the bootstrap container, and what protects it. Azure encrypts every one with its own keys.

use std::sync::Arc;

use async_trait::async_trait;
use azure_mgmt_storage::package_2023_05::models::{
    PublicNetworkAccess, Sku, SkuName, StorageAccount as SdkAccount, StorageAccountCreateParameters,
    StorageAccountPropertiesCreateParameters, StorageAccountPropertiesUpdateParameters, StorageAccountUpdateParameters,
    storage_account_create_parameters, storage_account_properties_create_parameters,
    storage_account_properties_update_parameters,
};
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, Resource as _, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};
use serde_json::Value as Json;

use super::STORAGE;
use crate::arm::{arm_id, condition, gone, group_of, id_in, is_going, made, word};
use crate::client::id::ArmId;
use crate::client::{Azure, Tags};
use crate::limits::{delete, read, write};
use crate::network::ResourceGroup;

const TYPE: &str = "Microsoft.Storage/storageAccounts";

/// The code for a name that someone has, or had a moment ago.
const TAKEN: &str = "StorageAccountAlreadyTaken";

/// How often a name is asked for that is taken: that of an account which was just removed is not free at once.
const LOOKS_FOR_NAME: u32 = 40;

resource! {
    /// A storage account. Who may read what is in it is said by roles alone: it has no keys that can be used.
    pub struct StorageAccount = "azure_storage_account", "storage account", Replacement::Refused(
        "it holds the keys of the cluster's certificate authorities, without which no machine can join. To move a cluster \
         to another subscription or region, make a new one there and destroy this one");
    fields {
        group: Ref<ResourceGroup> => replace,
        /// Unique among all customers of a cloud; 3 to 24 lower-case letters and digits.
        name: String => replace,
        /// `Standard_ZRS`: a copy in each of three zones; `Standard_LRS` where there are none.
        sku: String => replace,
        /// Whether a container may be opened to everyone.
        public_containers: bool => update,
        /// Whether the account's keys are taken, which say nothing of who uses them.
        shared_keys: bool => update,
        https_only: bool => update,
        /// `TLS1_2`.
        minimum_tls: String => update,
        /// Whether it may be copied to accounts of others.
        replication_to_others: bool => update,
        tags: Tags => update,
    }
    computed {}
}

/// Every storage account in the cluster's groups.
async fn list(client: &Azure) -> Result<Arc<Vec<SdkAccount>>, CloudError> {
    client
        .in_groups(
            read(STORAGE, "StorageAccounts_ListByResourceGroup"),
            |group| {
                client
                    .storage
                    .storage_accounts_client()
                    .list_by_resource_group(group, &client.subscription)
                    .into_stream()
            },
            |page| page.value,
        )
        .await
}

/// The cluster's storage account, if it is there.
pub(super) async fn ours(client: &Azure) -> Result<Option<ArmId>, CloudError> {
    let accounts = list(client).await?;
    let account = accounts.iter().find_map(|account| observe(client, account));
    Ok(account.and_then(|account| account.id.parse().ok()))
}

fn observe(client: &Azure, account: &SdkAccount) -> Option<Found<StorageAccount>> {
    let given = &account.tracked_resource;
    let (address, tags) = client.own(
        StorageAccount::SCHEMA.kind,
        given.resource.id.as_deref(),
        given.tags.as_ref(),
        Some(&given.location),
    )?;
    let state = word(account.properties.as_ref()?.provisioning_state.as_ref());
    if is_going(state.as_deref()) {
        return None;
    }
    let (id, resource) = StorageAccount::read(account, tags)?;
    Some(Found {
        address,
        id: id.to_string(),
        resource,
        computed: Fields::new(),
        condition: condition(state.as_deref()),
    })
}

impl StorageAccount {
    /// An account as the service gives it, with its id.
    pub(crate) fn read(account: &SdkAccount, tags: Tags) -> Option<(ArmId, Self)> {
        let properties = account.properties.as_ref()?;
        let id: ArmId = account.tracked_resource.resource.id.as_deref()?.parse().ok()?;
        let resource = Self {
            group: group_of(&id),
            name: id.name().to_owned(),
            sku: word(account.sku.as_ref().map(|sku| &sku.name)).unwrap_or_default(),
            // What the service leaves out is so by default (Storage, "Storage Accounts - Get Properties").
            public_containers: properties.allow_blob_public_access.unwrap_or(false),
            shared_keys: properties.allow_shared_key_access.unwrap_or(true),
            https_only: properties.supports_https_traffic_only.unwrap_or(false),
            minimum_tls: word(properties.minimum_tls_version.as_ref()).unwrap_or_default(),
            replication_to_others: properties.allow_cross_tenant_replication.unwrap_or(false),
            tags,
        };
        Some((id, resource))
    }

    /// The body that makes it.
    pub(crate) fn to_create(&self, region: &str, tags: Json) -> StorageAccountCreateParameters {
        use storage_account_properties_create_parameters::MinimumTlsVersion;
        let kind = storage_account_create_parameters::Kind::StorageV2;
        let mut body = StorageAccountCreateParameters::new(self.sku(), kind, region.to_owned());
        body.tags = Some(tags);
        body.properties = Some(StorageAccountPropertiesCreateParameters {
            // Machines reach it through the network's own way out; who may read is up to the roles.
            public_network_access: Some(PublicNetworkAccess::Enabled),
            allow_blob_public_access: Some(self.public_containers),
            allow_shared_key_access: Some(self.shared_keys),
            default_to_o_auth_authentication: Some(!self.shared_keys),
            supports_https_traffic_only: Some(self.https_only),
            minimum_tls_version: Some(
                self.minimum_tls.parse().unwrap_or_else(|_| MinimumTlsVersion::UnknownValue(self.minimum_tls.clone())),
            ),
            allow_cross_tenant_replication: Some(self.replication_to_others),
            ..StorageAccountPropertiesCreateParameters::new()
        });
        body
    }

    fn sku(&self) -> Sku {
        Sku::new(self.sku.parse().unwrap_or_else(|_| SkuName::UnknownValue(self.sku.clone())))
    }
}

#[async_trait]
impl KindOps<Azure> for StorageAccount {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|account| observe(client, account)).collect())
    }

    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        let group = arm_id(&self.group)?;
        let body = self.to_create(&client.region, client.all_tags(&new.address, &self.tags));
        let accounts = client.storage.storage_accounts_client();
        let create = || {
            client.done(write(STORAGE, "StorageAccounts_Create"), || {
                accounts.create(&group.group, &self.name, body.clone(), &group.subscription).send()
            })
        };
        let mut looks = LOOKS_FOR_NAME;
        loop {
            match create().await {
                Err(error) if looks > 0 && error.code.as_deref() == Some(TAKEN) => looks -= 1,
                result => {
                    result?;
                    return Ok(made(id_in(&group, TYPE, &self.name)));
                }
            }
            tokio::time::sleep(client.caller.pace.poll).await;
        }
    }

    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        use storage_account_properties_update_parameters::MinimumTlsVersion;
        let id: ArmId = existing.id.parse()?;
        let body = StorageAccountUpdateParameters {
            tags: Some(client.all_tags(&existing.address, &self.tags)),
            properties: Some(StorageAccountPropertiesUpdateParameters {
                public_network_access: Some(PublicNetworkAccess::Enabled),
                allow_blob_public_access: Some(self.public_containers),
                allow_shared_key_access: Some(self.shared_keys),
                default_to_o_auth_authentication: Some(!self.shared_keys),
                supports_https_traffic_only: Some(self.https_only),
                minimum_tls_version: Some(
                    self.minimum_tls
                        .parse()
                        .unwrap_or_else(|_| MinimumTlsVersion::UnknownValue(self.minimum_tls.clone())),
                ),
                allow_cross_tenant_replication: Some(self.replication_to_others),
                ..StorageAccountPropertiesUpdateParameters::new()
            }),
            ..StorageAccountUpdateParameters::new()
        };
        let accounts = client.storage.storage_accounts_client();
        client
            .call(write(STORAGE, "StorageAccounts_Update"), || {
                accounts.update(&id.group, id.name(), body.clone(), &id.subscription).into_future()
            })
            .await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let accounts = client.storage.storage_accounts_client();
        let api = delete(STORAGE, "StorageAccounts_Delete");
        gone(client.call(api, || accounts.delete(&id.group, id.name(), &id.subscription).send()).await)
    }
}

/// An account with the protection that every cluster's has.
#[must_use]
pub fn protected(group: Ref<ResourceGroup>, name: String, has_zones: bool, tags: Tags) -> StorageAccount {
    StorageAccount {
        group,
        name,
        sku: if has_zones { "Standard_ZRS" } else { "Standard_LRS" }.to_owned(),
        public_containers: false,
        shared_keys: false,
        https_only: true,
        minimum_tls: "TLS1_2".to_owned(),
        replication_to_others: false,
        tags,
    }
}
