//! What is called in one region of one project, for one cluster, behind the one way a call leaves.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use google_cloud_auth::credentials::{self, Credentials};
use google_cloud_gax::error::Error;
use meridian_engine::Address;
use meridian_provider_api::provider::WireTap;
use meridian_provider_api::{Api, Caller, Client, CloudError, Connection, Credentials as Who, ErrorKind};
use tokio::sync::OnceCell;

use crate::compile::names;
use crate::errors::{causes, from_sdk};
use crate::marks::{self, Labels, Marked};
use crate::services::{Accounts, Compute, Dns, ResourceManager};

/// The project of a sandbox, where none is named.
pub const SANDBOX_PROJECT: &str = "meridian-sandbox";

/// What all of Google Cloud's APIs can be called with (cloud.google.com/docs/authentication, "OAuth 2.0 scopes").
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Everything that is called in one region, for one cluster.
pub struct Gcp {
    /// Name of the cluster.
    pub cluster: String,
    pub region: String,
    pub project: String,
    pub caller: Caller,
    pub compute: Compute,
    pub dns: Dns,
    pub accounts: Accounts,
    pub resource_manager: ResourceManager,
    /// For the one API without a client in the SDK that speaks JSON.
    pub storage: StorageEndpoint,
    listings: Mutex<HashMap<String, Listing>>,
}

/// What calls of Cloud Storage need.
#[derive(Clone)]
pub struct StorageEndpoint {
    pub http: reqwest::Client,
    /// Without a slash at its end.
    pub url: String,
    pub credentials: Credentials,
    /// Sees requests. The SDK's clients let nobody see theirs.
    pub wire_tap: Option<Arc<dyn WireTap>>,
}

/// A listing of any type, read at most once.
type Listing = Arc<OnceCell<Arc<dyn Any + Send + Sync>>>;

impl Client for Gcp {
    fn fresh(&self) -> Self {
        Self {
            cluster: self.cluster.clone(),
            region: self.region.clone(),
            project: self.project.clone(),
            caller: self.caller.clone(),
            compute: self.compute.clone(),
            dns: self.dns.clone(),
            accounts: self.accounts.clone(),
            resource_manager: self.resource_manager.clone(),
            storage: self.storage.clone(),
            listings: Mutex::default(),
        }
    }
}

impl Gcp {
    /// Builds the clients; nothing is called yet, but for what the default credential chain asks.
    pub async fn connect(connection: Connection) -> Result<Self, CloudError> {
        let missing = |why: String| CloudError::new(ErrorKind::Denied, "finding Google Cloud's credentials", why);
        let (credentials, project) = match connection.credentials {
            Who::Dummy => {
                let project = connection.account.clone().unwrap_or_else(|| SANDBOX_PROJECT.to_owned());
                (credentials::anonymous::Builder::new().build(), project)
            }
            Who::DefaultChain => {
                let chain = credentials::Builder::default().with_scopes([SCOPE]).build();
                let chain = chain.map_err(|error| missing(causes(&error)))?;
                let project = connection.account.clone().ok_or_else(|| {
                    missing(
                        "no project is named; name it as `spec.gcp.project`, or set GOOGLE_CLOUD_PROJECT".to_owned(),
                    )
                })?;
                (chain, project)
            }
        };
        let endpoint = connection.endpoint.as_deref();
        let (compute, dns, accounts, resource_manager) = tokio::try_join!(
            // On the heap: two dozen clients are being built at once.
            Box::pin(Compute::connect(endpoint, &credentials)),
            Box::pin(Dns::connect(endpoint, &credentials)),
            Box::pin(Accounts::connect(endpoint, &credentials)),
            Box::pin(ResourceManager::connect(endpoint, &credentials)),
        )?;
        let http = reqwest::Client::builder()
            .timeout(std::time::Duration::from_mins(1))
            .build()
            .map_err(|error| CloudError::new(ErrorKind::Invalid, "building an HTTP client", causes(&error)))?;
        Ok(Self {
            storage: StorageEndpoint {
                http,
                url: endpoint.unwrap_or("https://storage.googleapis.com").trim_end_matches('/').to_owned(),
                credentials,
                wire_tap: connection.wire_tap.clone(),
            },
            compute,
            dns,
            accounts,
            resource_manager,
            caller: Caller {
                // Limits are the project's, whatever the region.
                region: project.clone(),
                pace: connection.pace,
                limiter: Arc::clone(&connection.limiter),
                telemetry: Arc::clone(&connection.telemetry),
            },
            cluster: connection.cluster,
            region: connection.region,
            project,
            listings: Mutex::default(),
        })
    }

    /// Sends a call of the SDK.
    pub async fn call<T, F, Fut>(&self, api: Api, mut send: F) -> Result<T, CloudError>
    where
        F: FnMut() -> Fut + Send,
        Fut: Future<Output = Result<T, Error>> + Send,
        T: Send,
    {
        let region = &self.region;
        self.caller
            .call(api, || {
                // On the heap: the SDK's futures are of several kilobytes, and every caller would hold one.
                let answer = Box::pin(send());
                async move { answer.await.map_err(|error| from_sdk(api, region, &error)) }
            })
            .await
    }

    /// A listing that is read once a client (see [`Client::fresh`]), however many kinds look at it.
    pub async fn listing<T, F, Fut>(&self, name: &str, read: F) -> Result<Arc<T>, CloudError>
    where
        T: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<T, CloudError>> + Send,
    {
        let cell = {
            let mut listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(listings.entry(name.to_owned()).or_default())
        };
        let shared = cell
            .get_or_try_init(|| async { read().await.map(|list| Arc::new(list) as Arc<dyn Any + Send + Sync>) })
            .await?;
        Arc::clone(shared)
            .downcast()
            .map_err(|_| CloudError::new(ErrorKind::Invalid, name, "the listing is kept under another type"))
    }

    /// The description that marks a resource as ours.
    #[must_use]
    pub fn describe(&self, address: &Address, text: &str) -> String {
        marks::describe(&self.cluster, &self.region, address, text)
    }

    /// The address and the text of a description, when it marks a resource of `kind` as ours.
    #[must_use]
    pub fn owned(&self, kind: &str, description: Option<&str>) -> Option<Marked> {
        marks::read(&self.cluster, &self.region, kind, description)
    }

    /// A resource's own labels and the one that marks it as ours.
    #[must_use]
    pub fn all_labels(&self, own: &Labels) -> Labels {
        marks::all_labels(&self.cluster, own)
    }

    /// The filter of Compute Engine for what has a name of ours: a regular expression that the whole name has to match.
    #[must_use]
    pub fn name_filter(&self) -> String {
        format!("name eq \"{}-.*\"", names::prefix_of(&self.cluster, &self.region, &self.project))
    }
}
