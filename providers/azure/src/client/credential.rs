//! Who we are: tokens, kept until shortly before they expire. The SDK asks for one with every request.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::HttpClient;
use azure_core::auth::{AccessToken, Secret, TokenCredential};
use azure_identity::{DefaultAzureCredentialBuilder, TokenCredentialOptions};
use meridian_provider_api::{CloudError, Credentials, ErrorKind};
use time::OffsetDateTime;
use tokio::sync::Mutex;

use crate::errors::causes;

/// A token is not used any more when it has less than this to live.
const REST: Duration = Duration::from_mins(5);

/// Tokens by scope.
#[derive(Debug)]
pub(super) struct Tokens {
    source: Source,
    kept: Mutex<HashMap<String, AccessToken>>,
}

#[derive(Debug)]
enum Source {
    /// Environment, managed identity, Azure CLI: the SDK's own chain.
    Chain(Arc<dyn TokenCredential>),
    /// For emulators.
    Dummy,
}

impl Tokens {
    /// A source of tokens; nothing is asked for yet.
    pub fn new(credentials: Credentials, http: Arc<dyn HttpClient>, authority: &str) -> Result<Self, CloudError> {
        let source = match credentials {
            Credentials::Dummy => Source::Dummy,
            Credentials::DefaultChain => {
                let mut options = TokenCredentialOptions::from(http);
                options.set_authority_host(authority.to_owned());
                let chain = DefaultAzureCredentialBuilder::new().with_options(options).build();
                let chain = chain
                    .map_err(|error| CloudError::new(ErrorKind::Denied, "finding Azure credentials", causes(&error)))?;
                Source::Chain(Arc::new(chain))
            }
        };
        Ok(Self { source, kept: Mutex::default() })
    }
}

#[async_trait]
impl TokenCredential for Tokens {
    async fn get_token(&self, scopes: &[&str]) -> azure_core::Result<AccessToken> {
        let Source::Chain(chain) = &self.source else {
            let expires_on = OffsetDateTime::now_utc() + Duration::from_hours(1);
            return Ok(AccessToken { token: Secret::new("dummy"), expires_on });
        };
        let key = scopes.join(" ");
        // Held while asking: many requests begin at once, and one token is enough for all.
        let mut kept = self.kept.lock().await;
        if let Some(token) = kept.get(&key).filter(|token| token.expires_on - REST > OffsetDateTime::now_utc()) {
            return Ok(token.clone());
        }
        let token = chain.get_token(scopes).await?;
        kept.insert(key, token.clone());
        Ok(token)
    }

    async fn clear_cache(&self) -> azure_core::Result<()> {
        self.kept.lock().await.clear();
        match &self.source {
            Source::Chain(chain) => chain.clear_cache().await,
            Source::Dummy => Ok(()),
        }
    }
}
