//! Where state is kept: from arguments and environment to the store, who we are there, and what opens it.

mod hosts;
mod metered;
mod secrets;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use etcetera::BaseStrategy as _;
use meridian_provider_api::StateHost;
use meridian_sandbox::Sandbox;
use meridian_state::envelope::Secrets;
use meridian_state::{Endpoint, Location, SealedStore, Store};

use crate::args::Global;
use crate::env::{self, variable};
use crate::error::Failure;
use crate::registry::Registry;
use hosts::{Hosts, StoreCredentials};

pub use metered::{Meter, Metered};
pub use secrets::Ways;

/// The word for the store in `--endpoint state=URL`.
pub const ENDPOINT: &str = "state";

/// A store, opened as far as it can be without asking it anything.
pub struct Place {
    pub location: Location,
    /// As it is, with sealed bodies.
    pub raw: Arc<dyn Store>,
    /// With bodies opened and sealed.
    pub sealed: SealedStore,
    /// What opens it.
    pub secrets: Secrets,
    /// Counts what it is asked.
    pub meter: Arc<Meter>,
    hosts: Arc<Hosts>,
    /// The cloud that has the store.
    cloud: Option<&'static str>,
}

impl Place {
    /// The place that the user named. With the embedded clouds, a remote store is theirs, unless an endpoint is named.
    pub async fn of(global: &Global, endpoints: &[(String, String)], sandbox: Option<&Sandbox>) -> Result<Self> {
        let location = location(global)?;
        let registry = Registry::default();
        let cloud = registry.names().find(|name| {
            registry.get(name).is_some_and(|provider| provider.state_schemes().store == location.scheme())
        });
        let named = endpoints.iter().rev().find(|(name, _)| name == ENDPOINT).map(|(_, url)| url.clone());
        let endpoint = named.or_else(|| sandbox?.endpoint(cloud?));
        let hosts = Arc::new(Hosts::new(registry, endpoints, endpoint.clone(), sandbox));
        let location = in_region(location, cloud, &hosts).await?;
        let credentials = Arc::new(StoreCredentials::new(Arc::clone(&hosts), cloud));
        let parsed: Option<Endpoint> = endpoint.map(|url| url.parse()).transpose().context("--endpoint state")?;
        let store = meridian_state::open(&location, parsed.as_ref(), credentials)?;
        let meter = Arc::<Meter>::default();
        let raw: Arc<dyn Store> = Arc::new(Metered { store, meter: Arc::clone(&meter) });
        let secrets = secrets::given(global, &hosts)?;
        let sealed = match location {
            Location::File { .. } => SealedStore::open(Arc::clone(&raw), secrets.clone()),
            // What was never tried is not written to: it may let two writers win.
            _ => SealedStore::open_made(Arc::clone(&raw), secrets.clone()),
        };
        Ok(Self { location, raw, sealed, secrets, meter, hosts, cloud })
    }

    /// What the cloud that has the store does for it; a directory needs nothing.
    pub async fn host(&self) -> Result<Option<Arc<dyn StateHost>>> {
        match self.cloud {
            Some(cloud) => Ok(Some(self.hosts.of_store(cloud).await?)),
            None => Ok(None),
        }
    }
}

/// The store that the user named: `--state`, else `MERIDIAN_STATE`, else a directory in the user's data directory.
pub fn location(global: &Global) -> Result<Location> {
    // Not clap's business: it would show `--state` as required in every usage error of those who set the variable.
    let url = match &global.state {
        Some(url) => Some(url.clone()),
        None => variable("MERIDIAN_STATE")?,
    };
    let Some(url) = url else { return Ok(Location::File { folder: data_folder()? }) };
    url.parse().map_err(|error: meridian_state::LocationError| {
        Failure::wrong(
            format!("--state: {error}"),
            "a directory is file:///folder; MERIDIAN_STATE can name the store too",
        )
    })
}

/// The directory in which the embedded clouds are kept: beside a state in a directory, else in the user's data directory.
pub fn sandbox_folder(global: &Global) -> Result<PathBuf> {
    let folder = match location(global)? {
        Location::File { folder } => folder,
        _ => data_folder()?,
    };
    Ok(folder.join("sandbox"))
}

fn data_folder() -> Result<PathBuf> {
    let strategy = etcetera::choose_base_strategy()
        .context("there is no home directory to keep state in; name a place with --state")?;
    Ok(strategy.data_dir().join("meridian"))
}

/// The same place with its region: the URL's, the environment's, or the one that the cloud says.
async fn in_region(location: Location, cloud: Option<&'static str>, hosts: &Hosts) -> Result<Location> {
    let Location::S3 { bucket, region: None, .. } = &location else { return Ok(location) };
    let named = env::set("AWS_REGION").or_else(|| env::set("AWS_DEFAULT_REGION"));
    let region = match (named, cloud) {
        (Some(region), _) => Some(region),
        (None, Some(cloud)) => {
            let bucket =
                meridian_provider_api::StateBucket { account: None, name: bucket.clone(), region: None, group: None };
            hosts.of_store(cloud).await?.region_of(&bucket).await.unwrap_or_default()
        }
        (None, None) => None,
    };
    if region.is_none() {
        return Err(Failure::wrong(
            format!("--state: nothing says which region `{location}` is in"),
            format!("write {location}?region=REGION, or set AWS_REGION"),
        ));
    }
    Ok(location.or_region(region))
}
