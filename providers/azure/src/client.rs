//! The SDK's clients for one region, behind the one way a call leaves.

mod calls;
mod credential;
mod data_plane;
mod generic;
pub mod id;
mod poller;
mod transport;

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use azure_core::auth::TokenCredential;
use azure_core::{Method, RetryOptions, TransportOptions, Url};
use meridian_engine::Address;
use meridian_provider_api::{
    Caller, Client, CloudError, Connection, Credentials, ErrorKind, Recorded, Scope, Stranger,
};
use meridian_spec::Catalogue;
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::sync::OnceCell;

use crate::compile::names::{blob_suffix, group_name_of};
use crate::errors::causes;
use crate::limits::read;
use credential::Tokens;
use transport::Transport;

pub(crate) use data_plane::Signed;
pub use generic::Identified;
pub(crate) use transport::Refusal;

/// Tag that holds the cluster's name; on everything that is made and takes tags.
pub const CLUSTER_TAG: &str = "meridian-cluster";
/// Tag that holds the resource's address; on everything that is made and takes tags.
pub const ADDRESS_TAG: &str = "meridian-address";

/// Tag that holds the cluster's region; on what is in no region itself.
pub const REGION_TAG: &str = "meridian-region";

/// The subscription that dummy credentials are of.
pub const DUMMY_SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";

/// The location of what is in no region.
pub const EVERYWHERE: &str = "global";

/// Tags of a resource without the two that mark it as ours.
pub type Tags = BTreeMap<String, String>;

/// Everything that is called in one region, for one cluster.
pub struct Azure {
    /// Name of the cluster.
    pub cluster: String,
    pub region: String,
    /// Id of the subscription.
    pub subscription: String,
    /// Name of the resource group that is the cluster's own, unless it is built in another's.
    pub own_group: String,
    pub caller: Caller,
    pub authorization: azure_mgmt_authorization::package_2022_04_01::Client,
    pub compute: azure_mgmt_compute::package_2024_07_01::Client,
    pub msi: azure_mgmt_msi::package_2023_01_31::Client,
    pub network: azure_mgmt_network::package_2024_03::Client,
    pub private_dns: azure_mgmt_privatedns::package_2024_06::Client,
    pub resources: azure_mgmt_resources::package_resources_2021_04::Client,
    pub storage: azure_mgmt_storage::package_2023_05::Client,
    pub subscriptions: azure_mgmt_resources::package_subscriptions_2021_01::Client,
    endpoint: Url,
    blobs: Blobs,
    credential: Arc<dyn TokenCredential>,
    transport: Arc<Transport>,
    recorded: Recorded,
    listings: Mutex<HashMap<String, Listing>>,
}

/// A listing of any type, read at most once.
type Listing = Arc<OnceCell<Arc<dyn Any + Send + Sync>>>;

/// Where storage accounts answer.
#[derive(Debug, Clone)]
enum Blobs {
    /// Each under a name of its own, below this suffix.
    Suffix(&'static str),
    /// All at one address, with the account first in the path.
    Path(Url),
}

impl Client for Azure {
    const MARKS_LATER: bool = true;

    fn fresh(&self, recorded: Recorded) -> Self {
        Self {
            cluster: self.cluster.clone(),
            region: self.region.clone(),
            subscription: self.subscription.clone(),
            own_group: self.own_group.clone(),
            caller: self.caller.clone(),
            authorization: self.authorization.clone(),
            compute: self.compute.clone(),
            msi: self.msi.clone(),
            network: self.network.clone(),
            private_dns: self.private_dns.clone(),
            resources: self.resources.clone(),
            storage: self.storage.clone(),
            subscriptions: self.subscriptions.clone(),
            endpoint: self.endpoint.clone(),
            blobs: self.blobs.clone(),
            credential: Arc::clone(&self.credential),
            transport: Arc::clone(&self.transport),
            recorded,
            listings: Mutex::default(),
        }
    }

    fn recorded(&self) -> &Recorded {
        &self.recorded
    }
}

/// One of Azure's clouds: addresses that differ between them.
struct Partition {
    management: &'static Url,
    authority: &'static Url,
    blobs: &'static str,
}

/// The cloud that a region is of (learn.microsoft.com, "Compare Azure Government and global Azure" and "Azure China
/// endpoints").
fn partition(region: &str) -> Result<Partition, CloudError> {
    use azure_core::{authority_hosts as login, resource_manager_endpoint as management};
    let catalogue = Catalogue::builtin()
        .map_err(|error| CloudError::new(ErrorKind::Invalid, "reading the catalogue", error.to_string()))?;
    let name = catalogue.region("azure", region).map(|region| region.partition.as_str());
    Ok(match name {
        Some("azure-china") => Partition {
            management: &management::AZURE_CHINA_CLOUD,
            authority: &login::AZURE_CHINA_CLOUD,
            blobs: blob_suffix("azure-china"),
        },
        Some("azure-usgov") => Partition {
            management: &management::AZURE_US_GOVERNMENT_CLOUD,
            authority: &login::AZURE_US_GOVERNMENT_CLOUD,
            blobs: blob_suffix("azure-usgov"),
        },
        _ => Partition {
            management: &management::AZURE_PUBLIC_CLOUD,
            authority: &login::AZURE_PUBLIC_CLOUD,
            blobs: blob_suffix("azure-public"),
        },
    })
}

/// Builds one SDK client; all have the same builder under different types.
macro_rules! sdk {
    ($builder:path, $shared:expr) => {
        $builder(Arc::clone(&$shared.credential))
            .endpoint($shared.endpoint.clone())
            .scopes(&[&$shared.scope])
            // Retries are decided in one place, by the kind of the error.
            .retry(RetryOptions::none())
            .transport($shared.transport.clone())
            .build()
            .map_err(|error| CloudError::new(ErrorKind::Invalid, "building an Azure client", causes(&error)))?
    };
}

/// What all SDK clients share.
struct Shared {
    credential: Arc<dyn TokenCredential>,
    endpoint: Url,
    scope: String,
    transport: TransportOptions,
}

impl Azure {
    /// Builds the clients. Nothing is called but for a token, and for the subscriptions when none is named.
    pub async fn connect(connection: Connection) -> Result<Self, CloudError> {
        let (account, credentials) = (connection.account.clone(), connection.credentials);
        let mut client = Self::unasked(connection)?;
        // A call without any credentials looks like one that got no answer, and would be tried again until patience ends.
        client.token(&client.scope()?).await?;
        client.subscription = client.subscription_of(account, credentials).await?;
        Ok(client)
    }

    /// Builds the clients without any call; the subscription is not known yet.
    pub(crate) fn unasked(connection: Connection) -> Result<Self, CloudError> {
        let invalid =
            |error: &dyn std::error::Error| CloudError::new(ErrorKind::Invalid, "connecting to Azure", causes(error));
        let partition = partition(&connection.region)?;
        let transport = Arc::new(Transport::new(connection.wire_tap.clone()).map_err(|error| invalid(&error))?);
        let credential: Arc<dyn TokenCredential> =
            Arc::new(Tokens::new(connection.credentials, transport.clone(), partition.authority.as_str())?);
        let (endpoint, blobs) = match &connection.endpoint {
            Some(text) => {
                let url = Url::parse(text).map_err(|error| invalid(&error))?;
                (url.clone(), Blobs::Path(url))
            }
            None => (partition.management.clone(), Blobs::Suffix(partition.blobs)),
        };
        let shared = Shared {
            credential: Arc::clone(&credential),
            scope: format!("{}.default", partition.management),
            endpoint: endpoint.clone(),
            transport: TransportOptions::new(transport.clone()),
        };
        let caller = Caller {
            region: connection.region.clone(),
            pace: connection.pace,
            limiter: Arc::clone(&connection.limiter),
            telemetry: Arc::clone(&connection.telemetry),
        };
        Ok(Self {
            own_group: group_name_of(&connection.cluster, &connection.region),
            cluster: connection.cluster,
            region: connection.region,
            subscription: String::new(),
            caller,
            authorization: sdk!(azure_mgmt_authorization::package_2022_04_01::Client::builder, shared),
            compute: sdk!(azure_mgmt_compute::package_2024_07_01::Client::builder, shared),
            msi: sdk!(azure_mgmt_msi::package_2023_01_31::Client::builder, shared),
            network: sdk!(azure_mgmt_network::package_2024_03::Client::builder, shared),
            private_dns: sdk!(azure_mgmt_privatedns::package_2024_06::Client::builder, shared),
            resources: sdk!(azure_mgmt_resources::package_resources_2021_04::Client::builder, shared),
            storage: sdk!(azure_mgmt_storage::package_2023_05::Client::builder, shared),
            subscriptions: sdk!(azure_mgmt_resources::package_subscriptions_2021_01::Client::builder, shared),
            endpoint,
            blobs,
            credential,
            transport,
            recorded: Recorded::default(),
            listings: Mutex::default(),
        })
    }

    /// The id of the subscription that is meant: the one that is named, or the only one that the credentials see.
    pub(crate) async fn subscription_of(
        &self,
        account: Option<String>,
        credentials: Credentials,
    ) -> Result<String, CloudError> {
        match (account, credentials) {
            (Some(id), _) => Ok(id.to_ascii_lowercase()),
            (None, Credentials::Dummy) => Ok(DUMMY_SUBSCRIPTION.to_owned()),
            (None, Credentials::DefaultChain) => self.only_subscription().await,
        }
    }

    /// The subscription of credentials that see just one.
    async fn only_subscription(&self) -> Result<String, CloudError> {
        /// The SDK's own model asks for a `nextLink` that the service leaves out of the last page.
        #[derive(Deserialize)]
        struct Subscriptions {
            value: Vec<Subscription>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Subscription {
            subscription_id: String,
            state: String,
        }
        let api = read("Microsoft.Resources", "Subscriptions_List");
        let mut url = self.endpoint.clone();
        url.set_path("/subscriptions");
        url.set_query(Some("api-version=2021-01-01"));
        let answer = self.raw(api, Method::Get, &url).await?;
        let all: Subscriptions = serde_json::from_slice(&answer.body)
            .map_err(|error| CloudError::new(ErrorKind::Invalid, api.operation, error.to_string()))?;
        let mut enabled = all.value.into_iter().filter(|one| one.state == "Enabled").map(|one| one.subscription_id);
        match (enabled.next(), enabled.next()) {
            (Some(only), None) => Ok(only.to_ascii_lowercase()),
            (None, _) => Err(CloudError::new(ErrorKind::Denied, api.operation, "the credentials see no subscription")),
            (Some(_), Some(_)) => Err(CloudError::new(
                ErrorKind::Invalid,
                api.operation,
                "the credentials see several subscriptions: name one as `azure.subscription` in the spec",
            )),
        }
    }

    /// The scope of tokens for Resource Manager.
    fn scope(&self) -> Result<String, CloudError> {
        Ok(format!("{}.default", partition(&self.region)?.management))
    }

    /// Where the blobs of a storage account are.
    pub fn blob_endpoint(&self, account: &str) -> Result<Url, CloudError> {
        let text = match &self.blobs {
            Blobs::Suffix(suffix) => format!("https://{account}.{suffix}/"),
            Blobs::Path(url) => format!("{}/{account}/", url.as_str().trim_end_matches('/')),
        };
        Url::parse(&text)
            .map_err(|error| CloudError::new(ErrorKind::Invalid, "naming a storage account", error.to_string()))
    }

    /// The two tags that mark a resource as ours, and its own, as the SDK takes them.
    #[must_use]
    pub fn all_tags(&self, address: &Address, own: &Tags) -> Json {
        let mut tags = own.clone();
        tags.insert(CLUSTER_TAG.to_owned(), self.cluster.clone());
        tags.insert(ADDRESS_TAG.to_owned(), address.to_string());
        tags.into_iter().map(|(key, value)| (key, Json::String(value))).collect::<serde_json::Map<_, _>>().into()
    }

    /// The same for what is in no region, where a cluster of the same name in another one may have its own.
    #[must_use]
    pub fn all_tags_everywhere(&self, address: &Address, own: &Tags) -> Json {
        let mut tags = own.clone();
        tags.insert(REGION_TAG.to_owned(), self.region.clone());
        self.all_tags(address, &tags)
    }

    /// The address of a resource and its own tags. `None` when it is not of `kind`, of another cluster, of a cluster of the
    /// same name in another region, or without marks and not recorded.
    #[must_use]
    pub fn own(
        &self,
        kind: &str,
        id: Option<&str>,
        tags: Option<&Json>,
        location: Option<&str>,
    ) -> Option<(Address, Tags)> {
        let id = id::normal(id?);
        let mut tags = texts(tags);
        let (cluster, address) = (tags.remove(CLUSTER_TAG), tags.remove(ADDRESS_TAG));
        if let Some(other) = cluster.as_ref().filter(|cluster| **cluster != self.cluster) {
            self.recorded.turn_down(&id, Stranger::OfCluster(other.clone()));
            return None;
        }
        let marked: Option<Address> = cluster.and(address).and_then(|address| address.parse().ok());
        let place = match location.map(id::location) {
            // What is in no region and bears no marks does not tell its region either.
            Some(place) if place == EVERYWHERE => {
                let region = tags.remove(REGION_TAG);
                if marked.is_some() { Some(region.unwrap_or_default()) } else { region }
            }
            place => place,
        };
        if let Some(place) = place.filter(|place| *place != self.region) {
            self.recorded.turn_down(&id, Stranger::OfRegion(place));
            return None;
        }
        let address = match marked {
            Some(address) => Some(address).filter(|address| address.kind() == kind),
            None => self.recorded.unmarked(kind, &id),
        };
        Some((address?, tags))
    }

    /// Whether it carries the cluster's tag.
    #[must_use]
    pub fn is_ours(&self, tags: Option<&Json>) -> bool {
        self.tags_of_cluster(tags).is_some()
    }

    /// Tags of what carries the cluster's, without that one.
    #[must_use]
    pub fn tags_of_cluster(&self, tags: Option<&Json>) -> Option<Tags> {
        let mut tags = texts(tags);
        (tags.remove(CLUSTER_TAG)? == self.cluster).then_some(tags)
    }
}

/// Tags as texts.
fn texts(tags: Option<&Json>) -> Tags {
    let tags = tags.and_then(Json::as_object).into_iter().flatten();
    tags.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// The id that the state recorded for an address, for what carries no tags.
#[must_use]
pub fn recorded<'a>(scope: &'a Scope, address: &Address) -> Option<&'a str> {
    scope.recorded.get(address).map(String::as_str)
}

#[cfg(test)]
mod tests;
