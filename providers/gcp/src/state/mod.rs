//! What Google Cloud does for the state that is kept in it: Cloud Storage for the store, Cloud KMS for its keys.

mod bucket;
mod keys;

use std::sync::Arc;

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use meridian_provider_api::{
    Caller, CloudError, Credentials as Who, ErrorKind, Finding, Pace, StateBucket, StateConnection, StateHost,
    StoreCredential,
};
use zeroize::Zeroizing;

use crate::client::{SANDBOX_PROJECT, STORAGE};
use crate::rest::{Rest, headers};
use crate::services::Plain;

/// Where Cloud KMS answers.
const KMS: &str = "https://cloudkms.googleapis.com";

/// Cloud Storage and Cloud KMS, for the sake of state.
pub struct GcpState {
    storage: Rest,
    kms: Rest,
    who: Who,
    /// The project that a new bucket is made in.
    project: Option<String>,
    /// Where a new bucket is made, unless it is said of the bucket.
    region: Option<String>,
}

impl GcpState {
    /// Finds what calls need; nothing is called yet, but for what the default credential chain asks.
    pub async fn connect(connection: StateConnection) -> Result<Self, CloudError> {
        let who = connection.credentials;
        let project = match (connection.account, who) {
            (None, Who::Dummy) => Some(SANDBOX_PROJECT.to_owned()),
            (project, _) => project,
        };
        let Plain { http, credentials } = Plain::of(who).await?;
        let region = connection.region.clone().unwrap_or_default();
        let caller = Caller {
            // Limits are the project's, whatever the region.
            region: project.clone().unwrap_or_default(),
            pace: if connection.endpoint.is_some() { Pace::quick() } else { Pace::default() },
            limiter: Arc::default(),
            telemetry: Arc::default(),
        };
        let rest = |usual: &str| Rest {
            http: http.clone(),
            url: connection.endpoint.as_deref().unwrap_or(usual).trim_end_matches('/').to_owned(),
            credentials: credentials.clone(),
            caller: caller.clone(),
            region: region.clone(),
            wire_tap: connection.wire_tap.clone(),
        };
        Ok(Self { storage: rest(STORAGE), kms: rest(KMS), who, project, region: connection.region })
    }
}

#[async_trait]
impl StateHost for GcpState {
    async fn credential(&self) -> Result<StoreCredential, CloudError> {
        let operation = "asking for an access token";
        if self.who == Who::Dummy {
            return Ok(StoreCredential::Anonymous);
        }
        // The SDK keeps the token, and asks for another one in time.
        let headers = headers(&self.storage.credentials, operation).await?;
        let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let none = || CloudError::new(ErrorKind::Denied, operation, "the credentials gave no access token");
        Ok(StoreCredential::Bearer(Zeroizing::new(token.ok_or_else(none)?.to_owned())))
    }

    async fn region_of(&self, _: &StateBucket) -> Result<Option<String>, CloudError> {
        // One host answers for the buckets of all regions.
        Ok(None)
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
