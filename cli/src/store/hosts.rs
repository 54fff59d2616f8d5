//! The clouds as hosts of state, connected when something is first asked of one.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use meridian_provider_api::{CloudError, Credentials, ErrorKind, StateConnection, StateHost, StoreCredential};
use meridian_sandbox::Sandbox;
use meridian_state::envelope::{BoxError, KeyContext, KeyService, KeyServices};
use meridian_state::{Credential, CredentialSource};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::env;
use crate::registry::Registry;
use crate::session::is_loopback;

type Cell = Arc<OnceCell<Arc<dyn StateHost>>>;

/// What a cloud is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Purpose {
    Store,
    Keys,
}

/// Every cloud, for the sake of state.
pub(super) struct Hosts {
    registry: Registry,
    /// Endpoints in place of the clouds' own, by cloud; keys are asked for there.
    endpoints: BTreeMap<String, String>,
    /// The same for the store.
    store_endpoint: Option<String>,
    connected: Mutex<HashMap<(&'static str, Purpose), Cell>>,
}

impl Hosts {
    pub fn new(
        registry: Registry,
        named: &[(String, String)],
        store_endpoint: Option<String>,
        sandbox: Option<&Sandbox>,
    ) -> Self {
        let mut endpoints: BTreeMap<String, String> = named.iter().cloned().collect();
        for name in registry.names() {
            if let Some(url) = sandbox.and_then(|sandbox| sandbox.endpoint(name)) {
                endpoints.insert(name.to_owned(), url);
            }
        }
        Self { registry, endpoints, store_endpoint, connected: Mutex::default() }
    }

    /// The cloud as the one that has the store.
    pub async fn of_store(&self, cloud: &'static str) -> Result<Arc<dyn StateHost>, CloudError> {
        self.connect(cloud, Purpose::Store).await
    }

    async fn connect(&self, cloud: &'static str, purpose: Purpose) -> Result<Arc<dyn StateHost>, CloudError> {
        let cell = {
            let mut connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(connected.entry((cloud, purpose)).or_default())
        };
        let connect = async {
            let provider = self.registry.get(cloud).ok_or_else(|| {
                CloudError::new(
                    ErrorKind::Unsupported,
                    "connecting for the state",
                    format!("no cloud is called {cloud}"),
                )
            })?;
            let endpoint = match purpose {
                Purpose::Store => self.store_endpoint.clone(),
                Purpose::Keys => self.endpoints.get(cloud).cloned(),
            };
            let emulated = endpoint.as_deref().is_some_and(is_loopback);
            let account = provider.account_variables().iter().find_map(|name| env::set(name));
            let connection = StateConnection {
                region: env::set("AWS_REGION").or_else(|| env::set("AWS_DEFAULT_REGION")),
                account,
                account_key: env::set("AZURE_STORAGE_KEY").map(Zeroizing::new),
                endpoint,
                credentials: if emulated { Credentials::Dummy } else { Credentials::DefaultChain },
                wire_tap: None,
            };
            provider.state_host(connection).await
        };
        cell.get_or_try_init(|| connect).await.cloned()
    }
}

/// Who we are to the store.
pub(super) struct StoreCredentials {
    hosts: Arc<Hosts>,
    /// `None` for a directory.
    cloud: Option<&'static str>,
}

impl StoreCredentials {
    pub fn new(hosts: Arc<Hosts>, cloud: Option<&'static str>) -> Self {
        Self { hosts, cloud }
    }
}

impl fmt::Debug for StoreCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreCredentials(…)")
    }
}

#[async_trait]
impl CredentialSource for StoreCredentials {
    async fn credential(&self) -> Result<Credential, BoxError> {
        let Some(cloud) = self.cloud else { return Ok(Credential::Anonymous) };
        Ok(match self.hosts.of_store(cloud).await?.credential().await? {
            StoreCredential::Keys { id, secret, token } => Credential::Keys { id, secret, token },
            StoreCredential::Bearer(token) => Credential::Bearer(token),
            StoreCredential::AccountKey(key) => Credential::AccountKey(key),
            StoreCredential::Anonymous => Credential::Anonymous,
        })
    }
}

/// The clouds' key services.
pub(super) struct Services(pub Arc<Hosts>);

impl KeyServices for Services {
    fn service(&self, scheme: &str) -> Option<Arc<dyn KeyService>> {
        let registry = &self.0.registry;
        let has =
            |name: &&'static str| registry.get(name).is_some_and(|provider| provider.state_schemes().keys == scheme);
        let cloud = registry.names().find(has)?;
        Some(Arc::new(Service { hosts: Arc::clone(&self.0), cloud }))
    }
}

struct Service {
    hosts: Arc<Hosts>,
    cloud: &'static str,
}

#[async_trait]
impl KeyService for Service {
    async fn wrap(&self, key: &str, context: &KeyContext, secret: &[u8]) -> Result<Vec<u8>, BoxError> {
        let host = self.hosts.connect(self.cloud, Purpose::Keys).await?;
        Ok(host.wrap(key, &context.to_string(), secret).await?)
    }

    async fn unwrap(&self, key: &str, context: &KeyContext, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, BoxError> {
        let host = self.hosts.connect(self.cloud, Purpose::Keys).await?;
        Ok(host.unwrap(key, &context.to_string(), wrapped).await?)
    }
}
