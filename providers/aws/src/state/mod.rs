//! What AWS does for the state that is kept in it: S3 for the store, KMS for its keys.

mod bucket;
mod keys;
mod settings;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials as Keys;
use meridian_provider_api::{
    Caller, CloudError, Credentials, Finding, Pace, StateBucket, StateConnection, StateHost, StoreCredential,
};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::client::{Tap, configure, credentials};

/// Where a bucket is asked for whose region nobody knows: S3 answers from there with the right one.
const ANYWHERE: &str = "us-east-1";

/// How long before they expire credentials are asked for anew, so that none expires on its way.
const RENEWAL: Duration = Duration::from_mins(5);

/// How long credentials are kept that do not say when they expire; as long as the SDK's own clients do.
const USUAL_LIFE: Duration = Duration::from_mins(15);

/// S3 and KMS, for the sake of state.
pub struct AwsState {
    config: SdkConfig,
    /// Of the connection, or of the environment and the profile that the default chain reads.
    region: Option<String>,
    is_emulator: bool,
    tap: Tap,
    caller: Caller,
    kept: Mutex<Option<Kept>>,
}

/// Credentials, and when to ask anew.
struct Kept {
    keys: Keys,
    until: SystemTime,
}

impl AwsState {
    /// Builds the clients; nothing is called yet, but for what the default credential chain asks.
    pub async fn connect(connection: StateConnection) -> Result<Self, CloudError> {
        let region = match connection.region {
            Some(region) => Some(region),
            None if connection.credentials == Credentials::Dummy => None,
            None => usual_region().await,
        };
        let asked = region.as_deref().unwrap_or(ANYWHERE);
        let config = configure(asked, connection.endpoint.as_deref(), connection.credentials).await;
        let pace = if connection.endpoint.is_some() { Pace::quick() } else { Pace::default() };
        let caller = Caller { region: asked.to_owned(), pace, limiter: Arc::default(), telemetry: Arc::default() };
        let state = Self {
            config,
            region,
            is_emulator: connection.endpoint.is_some(),
            tap: Tap(connection.wire_tap),
            caller,
            kept: Mutex::default(),
        };
        state.keys().await?;
        Ok(state)
    }

    /// What calls of a region leave by.
    fn caller(&self, region: &str) -> Caller {
        Caller { region: region.to_owned(), ..self.caller.clone() }
    }

    fn s3(&self, region: &str) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config)
            .region(Region::new(region.to_owned()))
            .force_path_style(self.is_emulator)
            .interceptor(self.tap.clone());
        aws_sdk_s3::Client::from_conf(config.build())
    }

    fn kms(&self, region: &str) -> aws_sdk_kms::Client {
        let config = aws_sdk_kms::config::Builder::from(&self.config)
            .region(Region::new(region.to_owned()))
            .interceptor(self.tap.clone());
        aws_sdk_kms::Client::from_conf(config.build())
    }

    fn sts(&self, region: &str) -> aws_sdk_sts::Client {
        let config = aws_sdk_sts::config::Builder::from(&self.config)
            .region(Region::new(region.to_owned()))
            .interceptor(self.tap.clone());
        aws_sdk_sts::Client::from_conf(config.build())
    }

    /// The credentials of now, asked for when the last ones are about to expire.
    async fn keys(&self) -> Result<Keys, CloudError> {
        let mut kept = self.kept.lock().await;
        let now = SystemTime::now();
        if let Some(known) = kept.as_ref().filter(|known| now < known.until) {
            return Ok(known.keys.clone());
        }
        let found = credentials(&self.config).await;
        match (found, kept.as_ref()) {
            (Ok(keys), _) => {
                let until = keys.expiry().map_or(now + USUAL_LIFE, |expiry| expiry - RENEWAL);
                *kept = Some(Kept { keys: keys.clone(), until });
                Ok(keys)
            }
            // Whoever gives credentials out is away just now, and those that are known still hold.
            (Err(_), Some(known)) if known.keys.expiry().is_some_and(|expiry| now < expiry) => Ok(known.keys.clone()),
            (Err(error), _) => Err(error),
        }
    }
}

/// The region that the environment or the profile names. A machine's own metadata is not asked: state need not be where the
/// machine is, and everywhere else that question waits for an answer that never comes.
async fn usual_region() -> Option<String> {
    let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new());
    chain.region().await.map(|region| region.to_string())
}

#[async_trait]
impl StateHost for AwsState {
    async fn credential(&self) -> Result<StoreCredential, CloudError> {
        let keys = self.keys().await?;
        Ok(StoreCredential::Keys {
            id: keys.access_key_id().to_owned(),
            secret: Zeroizing::new(keys.secret_access_key().to_owned()),
            token: keys.session_token().map(|token| Zeroizing::new(token.to_owned())),
        })
    }

    async fn region_of(&self, bucket: &StateBucket) -> Result<Option<String>, CloudError> {
        bucket::region_of(self, &bucket.name).await.map(Some)
    }

    async fn prepare(&self, bucket: &StateBucket) -> Result<Vec<Finding>, CloudError> {
        bucket::prepare(self, bucket).await
    }

    async fn wrap(&self, key: &str, context: &str, secret: &[u8]) -> Result<Vec<u8>, CloudError> {
        keys::wrap(self, key, context, secret).await
    }

    async fn unwrap(&self, key: &str, context: &str, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, CloudError> {
        keys::unwrap(self, key, context, wrapped).await
    }
}
