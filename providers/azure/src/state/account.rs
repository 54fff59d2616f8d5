//! The storage account that state is kept in: found, made, and what protects it.

use std::future::IntoFuture as _;

use azure_mgmt_storage::package_2023_05::models::{
    BlobServiceProperties, DeleteRetentionPolicy, StorageAccount as SdkAccount,
    StorageAccountCheckNameAvailabilityParameters, StorageAccountPropertiesUpdateParameters,
    StorageAccountUpdateParameters, blob_service_properties,
    storage_account_check_name_availability_parameters as check,
    storage_account_properties_update_parameters::MinimumTlsVersion,
};
use meridian_engine::Ref;
use meridian_provider_api::{CloudError, ErrorKind};
use meridian_spec::Catalogue;
use serde_json::json;

use super::AzureState;
use super::place::Place;
use crate::arm::{found, word};
use crate::bootstrap::storage_account::protected;
use crate::bootstrap::{STORAGE, StorageAccount};
use crate::client::id::{ArmId, group};
use crate::client::{Azure, Tags};
use crate::limits::{read, write};

/// The tag of an account that was made for state: only such a one is ever changed.
pub(super) const STATE_TAG: &str = "meridian-state";

/// How long what was deleted stays, in days.
const DAYS_KEPT: i64 = 30;

/// What is known of an account.
pub(super) enum Seen {
    Here(Box<Account>),
    /// There is none of that name anywhere.
    Nowhere,
    /// It may be there, but it can't be looked at.
    Hidden(CloudError),
}

/// An account as it is.
pub(super) struct Account {
    pub id: ArmId,
    pub settings: StorageAccount,
    /// Whether it was made for state by us.
    pub ours: bool,
    /// Whether its blobs are files in folders, of which it keeps no versions.
    pub has_folders: bool,
    /// Whose keys encrypt it (`Microsoft.Storage`).
    pub key_source: String,
    pub blobs: blob_service_properties::Properties,
}

/// Looks for the account. What the credentials may not look at is no error: state can be kept there all the same.
pub(super) async fn look(host: &AzureState, place: &Place<'_>) -> Result<Seen, CloudError> {
    match find(host, place).await {
        Err(error) if passes(error.kind) => Err(error),
        Err(error) => Ok(Seen::Hidden(error)),
        Ok(Some(account)) => Ok(Seen::Here(Box::new(account))),
        Ok(None) => match is_free(host, place).await {
            Ok(true) => Ok(Seen::Nowhere),
            Ok(false) => {
                let message = format!("the storage account {} is where the credentials can't see it", place.account);
                Ok(Seen::Hidden(CloudError::new(ErrorKind::Denied, "StorageAccounts_List", message)))
            }
            // Whoever has rights in a group alone can't ask; that it is taken will be told when it is made.
            Err(error) if error.kind == ErrorKind::Denied && place.group.is_some() => Ok(Seen::Nowhere),
            Err(error) if passes(error.kind) => Err(error),
            Err(error) => Ok(Seen::Hidden(error)),
        },
    }
}

/// Whether the same call may be answered otherwise before long.
fn passes(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Transient | ErrorKind::Throttled | ErrorKind::Conflict)
}

async fn find(host: &AzureState, place: &Place<'_>) -> Result<Option<Account>, CloudError> {
    let (client, subscription) = (&host.client, host.subscription().await?);
    let accounts = client.storage.storage_accounts_client();
    let account = if let Some(group) = place.group {
        let api = read(STORAGE, "StorageAccounts_GetProperties");
        let get = || accounts.get_properties(group, place.account, subscription).into_future();
        found(client.call(api, get).await)?
    } else {
        let api = read(STORAGE, "StorageAccounts_List");
        let all = client.pages(api, || accounts.list(subscription).into_stream(), |page| page.value).await?;
        all.into_iter().find(|account| account.tracked_resource.resource.name.as_deref() == Some(place.account))
    };
    match account {
        Some(account) => Ok(Some(Account::read(client, &account).await?)),
        None => Ok(None),
    }
}

async fn is_free(host: &AzureState, place: &Place<'_>) -> Result<bool, CloudError> {
    let (client, subscription) = (&host.client, host.subscription().await?);
    let asked = StorageAccountCheckNameAvailabilityParameters::new(
        place.account.to_owned(),
        check::Type::MicrosoftStorageStorageAccounts,
    );
    let accounts = client.storage.storage_accounts_client();
    let answer = client
        .call(read(STORAGE, "StorageAccounts_CheckNameAvailability"), || {
            accounts.check_name_availability(asked.clone(), subscription).into_future()
        })
        .await?;
    Ok(answer.name_available == Some(true))
}

/// Makes the account. It carries the tag from its first moment, so that a run that is cut short is finished by the next.
pub(super) async fn make(host: &AzureState, place: &Place<'_>) -> Result<Account, CloudError> {
    let (Some(in_group), Some(region)) = (place.group, place.region.as_deref()) else {
        let message = format!(
            "there is no storage account {}: to have it made, say in which resource group and in which region",
            place.account
        );
        return Err(CloudError::new(ErrorKind::NotFound, "StorageAccounts_Create", message));
    };
    let (client, subscription) = (&host.client, host.subscription().await?);
    let catalogue = Catalogue::builtin()
        .map_err(|error| CloudError::new(ErrorKind::Invalid, "reading the catalogue", error.to_string()))?;
    let has_zones = catalogue.region("azure", region).is_some_and(|region| !region.zones.is_empty());
    let group = Ref::existing(group(subscription, in_group));
    let wanted = protected(group, place.account.to_owned(), has_zones, Tags::new());
    let body = wanted.to_create(region, json!({ STATE_TAG: "true" }));
    let accounts = client.storage.storage_accounts_client();
    client
        .done(write(STORAGE, "StorageAccounts_Create"), || {
            accounts.create(in_group, place.account, body.clone(), subscription).send()
        })
        .await?;
    let made = find(host, &Place { group: Some(in_group), ..place.clone() }).await?;
    made.ok_or_else(|| {
        let message = format!("the storage account {} was made and is not there", place.account);
        CloudError::new(ErrorKind::NotFound, "StorageAccounts_Create", message)
    })
}

impl Account {
    async fn read(client: &Azure, account: &SdkAccount) -> Result<Self, CloudError> {
        let tags = account.tracked_resource.tags.as_ref();
        let (id, settings) = StorageAccount::read(account, Tags::new()).ok_or_else(|| {
            CloudError::new(ErrorKind::Invalid, "StorageAccounts_GetProperties", "the account has no properties")
        })?;
        let properties = account.properties.as_ref();
        let encryption = properties.and_then(|properties| properties.encryption.as_ref());
        let services = client.storage.blob_services_client();
        let service = client
            .call(read(STORAGE, "BlobServices_GetServiceProperties"), || {
                services.get_service_properties(&id.group, id.name(), &id.subscription, "default").into_future()
            })
            .await?;
        Ok(Self {
            ours: tags.is_some_and(|tags| tags[STATE_TAG] == "true"),
            has_folders: properties.and_then(|properties| properties.is_hns_enabled).unwrap_or(false),
            key_source: word(encryption.and_then(|encryption| encryption.key_source.as_ref())).unwrap_or_default(),
            blobs: service.properties.unwrap_or_default(),
            id,
            settings,
        })
    }

    /// Sets what protects it, and gives it as it is then. A shared key that we ourselves come with goes on working.
    pub async fn protect(&self, host: &AzureState, place: &Place<'_>) -> Result<Self, CloudError> {
        let (client, id) = (&host.client, &self.id);
        let body = StorageAccountUpdateParameters {
            properties: Some(StorageAccountPropertiesUpdateParameters {
                allow_blob_public_access: Some(false),
                allow_shared_key_access: host.key.is_none().then_some(false),
                supports_https_traffic_only: Some(true),
                minimum_tls_version: (!self.has_new_tls()).then_some(MinimumTlsVersion::Tls12),
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
        let kept = |policy: Option<&DeleteRetentionPolicy>| {
            let days = policy.and_then(|policy| policy.days).unwrap_or_default().max(DAYS_KEPT);
            let policy = policy.cloned().unwrap_or_default();
            Some(DeleteRetentionPolicy { enabled: Some(true), days: Some(days), ..policy })
        };
        // The whole is written: what is left out would be set back.
        let body = BlobServiceProperties {
            properties: Some(blob_service_properties::Properties {
                is_versioning_enabled: Some(true),
                delete_retention_policy: kept(self.blobs.delete_retention_policy.as_ref()),
                container_delete_retention_policy: kept(self.blobs.container_delete_retention_policy.as_ref()),
                ..self.blobs.clone()
            }),
            ..BlobServiceProperties::new()
        };
        let services = client.storage.blob_services_client();
        client
            .call(write(STORAGE, "BlobServices_SetServiceProperties"), || {
                services
                    .set_service_properties(&id.group, id.name(), &id.subscription, "default", body.clone())
                    .into_future()
            })
            .await?;
        let there = find(host, &Place { group: Some(&id.group), ..place.clone() }).await?;
        there.ok_or_else(|| {
            let message = format!("the storage account {} went while it was changed", place.account);
            CloudError::new(ErrorKind::NotFound, "StorageAccounts_GetProperties", message)
        })
    }

    /// Whether it takes no version of TLS older than 1.2.
    pub fn has_new_tls(&self) -> bool {
        matches!(self.settings.minimum_tls.as_str(), "TLS1_2" | "TLS1_3")
    }
}
