//! What is called in one region of one project, for one cluster, behind the one way a call leaves.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use google_cloud_gax::error::Error;
use meridian_engine::Address;
use meridian_provider_api::{
    Api, Caller, Client, CloudError, Connection, Credentials as Who, ErrorKind, Recorded, Stranger,
};
use tokio::sync::OnceCell;

use crate::compile::names;
use crate::errors::from_sdk;
use crate::gce::path_of;
use crate::marks::{self, Labels, Mark, Marked};
use crate::rest::Rest;
use crate::services::{Accounts, Compute, Dns, Services};

/// The project of a sandbox, where none is named.
pub const SANDBOX_PROJECT: &str = "meridian-sandbox";

/// Where Cloud Storage answers.
pub(crate) const STORAGE: &str = "https://storage.googleapis.com";

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
    pub storage: Rest,
    recorded: Recorded,
    listings: Mutex<HashMap<String, Listing>>,
}

/// A listing of any type, read at most once.
type Listing = Arc<OnceCell<Arc<dyn Any + Send + Sync>>>;

impl Client for Gcp {
    /// Most descriptions can't be changed, and they hold the marks.
    const MARKS_LATER: bool = false;

    fn fresh(&self, recorded: Recorded) -> Self {
        Self {
            cluster: self.cluster.clone(),
            region: self.region.clone(),
            project: self.project.clone(),
            caller: self.caller.clone(),
            compute: self.compute.clone(),
            dns: self.dns.clone(),
            accounts: self.accounts.clone(),
            storage: self.storage.clone(),
            recorded,
            listings: Mutex::default(),
        }
    }

    fn recorded(&self) -> &Recorded {
        &self.recorded
    }
}

impl Gcp {
    /// Finds the clients (see [`Services::of`]); nothing is called yet, but for what the default credential chain asks.
    pub async fn connect(connection: Connection) -> Result<Self, CloudError> {
        let project = match (connection.account, connection.credentials) {
            (Some(project), _) => project,
            (None, Who::Dummy) => SANDBOX_PROJECT.to_owned(),
            (None, Who::DefaultChain) => {
                let why = "no project is named; name it as `spec.gcp.project`, or set GOOGLE_CLOUD_PROJECT";
                return Err(CloudError::new(ErrorKind::Invalid, "finding Google Cloud's project", why));
            }
        };
        let endpoint = connection.endpoint.as_deref();
        let Services { compute, dns, accounts, http, credentials } =
            Services::of(endpoint, connection.credentials).await?;
        let caller = Caller {
            // Limits are the project's, whatever the region.
            region: project.clone(),
            pace: connection.pace,
            limiter: Arc::clone(&connection.limiter),
            telemetry: Arc::clone(&connection.telemetry),
        };
        Ok(Self {
            storage: Rest {
                http,
                url: endpoint.unwrap_or(STORAGE).trim_end_matches('/').to_owned(),
                credentials,
                caller: caller.clone(),
                region: connection.region.clone(),
                wire_tap: connection.wire_tap,
            },
            compute,
            dns,
            accounts,
            caller,
            cluster: connection.cluster,
            region: connection.region,
            project,
            recorded: Recorded::default(),
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

    /// The address and the text of a description, when it marks a resource of `kind` as ours; or when there is no mark, and
    /// the resource was recorded. `id` may be a link.
    #[must_use]
    pub fn owned(&self, kind: &str, id: Option<&str>, description: Option<&str>) -> Option<Marked> {
        let id = path_of(id?);
        match marks::read(&self.cluster, &self.region, description) {
            Mark::Ours(marked) => return Some(marked).filter(|marked| marked.address.kind() == kind),
            Mark::OfCluster(cluster) => self.recorded.turn_down(&id, Stranger::OfCluster(cluster)),
            Mark::OfRegion(region) => self.recorded.turn_down(&id, Stranger::OfRegion(region)),
            Mark::None => {
                let text = description.unwrap_or_default().to_owned();
                return self.recorded.unmarked(kind, &id).map(|address| Marked { address, text });
            }
        }
        None
    }

    /// A resource's own labels and the one that marks it as ours.
    #[must_use]
    pub fn all_labels(&self, own: &Labels) -> Labels {
        marks::all_labels(&self.cluster, own)
    }

    /// Whether a name begins as the names of the cluster's resources do.
    #[must_use]
    pub fn is_named_ours(&self, name: &str) -> bool {
        let prefix = names::prefix_of(&self.cluster, &self.region, &self.project);
        name.strip_prefix(&prefix).is_some_and(|rest| rest.starts_with('-'))
    }

    /// The filter of Compute Engine for what has a name of ours: a regular expression that the whole name has to match.
    #[must_use]
    pub fn name_filter(&self) -> String {
        format!("name eq \"{}-.*\"", names::prefix_of(&self.cluster, &self.region, &self.project))
    }
}
