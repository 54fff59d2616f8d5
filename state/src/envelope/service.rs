//! A data key behind a cloud's key service. Which services there are is the caller's business.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::{BoxError, EnvelopeError, UnwrapError};
use super::key::{DataKey, KeyContext};

/// A service that keeps keys and encrypts with them.
#[async_trait]
pub trait KeyService: Send + Sync {
    /// Encrypts `secret`, which has 32 bytes, with the service's key `key`, as the user named it. What comes back must
    /// open with the same `key` and `context` only, as far as the service can bind it to a context.
    async fn wrap(&self, key: &str, context: &KeyContext, secret: &[u8]) -> Result<Vec<u8>, BoxError>;

    /// Decrypts what [`wrap`](Self::wrap) gave.
    async fn unwrap(&self, key: &str, context: &KeyContext, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, BoxError>;
}

/// The key services that there are.
pub trait KeyServices: Send + Sync {
    /// The service of `scheme`, if it is known. Nothing is asked of it yet.
    fn service(&self, scheme: &str) -> Option<Arc<dyn KeyService>>;
}

/// A wrapped key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceWrap {
    /// Which service.
    pub scheme: String,
    /// The service's key, as the user named it.
    pub key: String,
    ciphertext: String,
}

impl ServiceWrap {
    pub(super) async fn wrap(
        services: Option<&dyn KeyServices>,
        scheme: &str,
        key: &str,
        context: KeyContext,
        data_key: &DataKey,
    ) -> Result<Self, EnvelopeError> {
        let service = services
            .and_then(|services| services.service(scheme))
            .ok_or_else(|| EnvelopeError::NoService { scheme: scheme.to_owned() })?;
        let ciphertext = service
            .wrap(key, &context, data_key.expose())
            .await
            .map_err(|source| EnvelopeError::ServiceWrap { scheme: scheme.to_owned(), key: key.to_owned(), source })?;
        Ok(Self { scheme: scheme.to_owned(), key: key.to_owned(), ciphertext: STANDARD.encode(ciphertext) })
    }

    pub(super) async fn unwrap(&self, service: &dyn KeyService, context: KeyContext) -> Result<DataKey, UnwrapError> {
        let damaged = || UnwrapError::Damaged { way: format!("`{}` of {}", self.key, self.scheme) };
        let bytes = STANDARD.decode(&self.ciphertext).map_err(|_| damaged())?;
        let plain = service.unwrap(&self.key, &context, &bytes).await.map_err(|source| UnwrapError::Service {
            scheme: self.scheme.clone(),
            key: self.key.clone(),
            source,
        })?;
        DataKey::from_slice(&plain).ok_or_else(damaged)
    }
}
