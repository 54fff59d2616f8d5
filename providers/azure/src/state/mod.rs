//! What Azure does for the state that is kept in it: tokens for its blobs, a hardened container, keys of Key Vault.

mod account;
mod bucket;
mod container;
mod keys;
mod place;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use meridian_provider_api::state_host::{Finding, StateBucket, StateConnection, StateHost, StoreCredential};
use meridian_provider_api::{CloudError, Connection, Credentials, Pace};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::client::{Azure, Signed};
use place::Place;

/// The scope of tokens for what storage accounts hold (learn.microsoft.com, "Authorize access to blobs using Microsoft
/// Entra ID"); the same in all of Azure's clouds.
const STORAGE_SCOPE: &str = "https://storage.azure.com/.default";

/// How long a call is tried: who waits here is about to begin, and has nothing half done to protect.
const PATIENCE: Duration = Duration::from_mins(3);

/// Azure, for the sake of state. Resource Manager is asked only where a container is prepared, so that whoever reads and
/// writes state needs no right in the subscription.
pub struct AzureState {
    client: Azure,
    /// The subscription that was named.
    account: Option<String>,
    credentials: Credentials,
    key: Option<Zeroizing<String>>,
    subscription: OnceCell<String>,
}

impl AzureState {
    /// Builds the clients; nothing is called. Without a region the public cloud is meant.
    pub fn connect(connection: StateConnection) -> Result<Self, CloudError> {
        let StateConnection { region, account, endpoint, credentials, account_key, wire_tap } = connection;
        let emulated = credentials == Credentials::Dummy;
        let client = Azure::unasked(Connection {
            cluster: String::new(),
            region: region.unwrap_or_default(),
            account: account.clone(),
            endpoint,
            forgotten: meridian_engine::state::Forgotten::default(),
            credentials,
            pace: if emulated { Pace::quick() } else { Pace { patience: PATIENCE, ..Pace::default() } },
            limiter: Arc::default(),
            telemetry: Arc::default(),
            wire_tap,
        })?;
        Ok(Self { client, account, credentials, key: account_key, subscription: OnceCell::new() })
    }

    /// The subscription, looked up once.
    async fn subscription(&self) -> Result<&str, CloudError> {
        let look = || self.client.subscription_of(self.account.clone(), self.credentials);
        Ok(self.subscription.get_or_try_init(look).await?.as_str())
    }

    /// How requests to the blobs of an account are signed.
    fn signed<'a>(&'a self, place: &'a Place<'_>) -> Signed<'a> {
        match &self.key {
            Some(key) => Signed::Key { account: place.account, key },
            None => Signed::Token(STORAGE_SCOPE),
        }
    }
}

#[async_trait]
impl StateHost for AzureState {
    async fn credential(&self) -> Result<StoreCredential, CloudError> {
        if let Some(key) = &self.key {
            return Ok(StoreCredential::AccountKey(key.clone()));
        }
        let token = self.client.token(STORAGE_SCOPE).await?;
        Ok(StoreCredential::Bearer(Zeroizing::new(token.secret().to_owned())))
    }

    /// Accounts are named without their region.
    async fn region_of(&self, _: &StateBucket) -> Result<Option<String>, CloudError> {
        Ok(None)
    }

    async fn prepare(&self, bucket: &StateBucket) -> Result<Vec<Finding>, CloudError> {
        bucket::prepare(self, &Place::read(bucket, &self.client.region)?).await
    }

    async fn wrap(&self, key: &str, context: &str, secret: &[u8]) -> Result<Vec<u8>, CloudError> {
        keys::wrap(&self.client, key, context, secret).await
    }

    async fn unwrap(&self, key: &str, context: &str, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, CloudError> {
        keys::unwrap(&self.client, key, context, wrapped).await
    }
}
