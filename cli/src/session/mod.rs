//! The ways through the house that commands share: load, plan, apply. Nothing here prints or reads the environment.

mod adopt;
mod apply;
mod plan;
mod refusals;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use meridian_engine::State;
use meridian_provider_api::limiter::Limiter;
use meridian_provider_api::provider::WireTap;
use meridian_provider_api::telemetry::{Stats, Telemetry};
use meridian_provider_api::{Connection, Credentials, Pace, Provider};
use meridian_spec::{Catalogue, Cluster, Draft, Faults};
use meridian_state::{Ask, Clusters, FileStore, Lease, Owner, SealedStore, StateError, Store};

pub use apply::Applied;
pub use plan::no_such_cluster;

use crate::context::is_dead;
use crate::error::Failure;
use crate::registry::Registry;
use crate::store::Meter;

/// What a session is made of.
pub struct Settings {
    pub registry: Registry,
    pub catalogue: &'static Catalogue,
    pub store: Arc<dyn Store>,
    /// The same store, whose settings say what of histories is kept; without it everything is.
    pub settings: Option<SealedStore>,
    /// Counts what the store is asked.
    pub meter: Arc<Meter>,
    /// Endpoints in place of the clouds' own, by cloud.
    pub endpoints: BTreeMap<String, String>,
    /// The account, project or subscription that the environment names, by cloud.
    pub accounts: BTreeMap<String, String>,
    pub owner: Owner,
    /// How long to wait for someone else's lease.
    pub lease_timeout: Duration,
    /// Sees every request to a cloud.
    pub wire_tap: Option<Arc<dyn WireTap>>,
}

/// One run of a command.
pub struct Session {
    pub registry: Registry,
    pub catalogue: &'static Catalogue,
    pub clusters: Clusters,
    store_settings: Option<SealedStore>,
    meter: Arc<Meter>,
    endpoints: BTreeMap<String, String>,
    accounts: BTreeMap<String, String>,
    owner: Owner,
    lease_timeout: Duration,
    wire_tap: Option<Arc<dyn WireTap>>,
    limiter: Arc<Limiter>,
    /// Begins with the session, and has no calls of its own.
    run: Telemetry,
    /// What the calls of each cluster come to.
    telemetry: Mutex<BTreeMap<String, Arc<Telemetry>>>,
}

impl Session {
    /// Sets a session up; nothing is read or called yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            registry: settings.registry,
            catalogue: settings.catalogue,
            clusters: Clusters::new(settings.store),
            store_settings: settings.settings,
            meter: settings.meter,
            endpoints: settings.endpoints,
            accounts: settings.accounts,
            owner: settings.owner,
            lease_timeout: settings.lease_timeout,
            wire_tap: settings.wire_tap,
            limiter: Arc::default(),
            run: Telemetry::default(),
            telemetry: Mutex::default(),
        }
    }

    /// A session that reads no state and talks to no cloud: for what is pure.
    pub fn offline() -> Result<Self> {
        Ok(Self::new(Settings {
            registry: Registry::default(),
            catalogue: Catalogue::builtin()?,
            store: Arc::new(FileStore::new("")),
            settings: None,
            meter: Arc::default(),
            endpoints: BTreeMap::new(),
            accounts: BTreeMap::new(),
            owner: Owner::default(),
            lease_timeout: Duration::ZERO,
            wire_tap: None,
        }))
    }

    /// What the run has cost so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let clusters = self.telemetry.lock().unwrap_or_else(PoisonError::into_inner);
        let stats = Telemetry::total(clusters.values().map(AsRef::as_ref).chain([&self.run]));
        Stats { store: self.meter.stats(), ..stats }
    }

    /// What one cluster has cost so far in this run.
    #[must_use]
    pub fn stats_of(&self, cluster: &str) -> Stats {
        Stats { store: self.meter.stats_of(cluster), ..self.telemetry_of(cluster).stats() }
    }

    fn telemetry_of(&self, cluster: &str) -> Arc<Telemetry> {
        let mut clusters = self.telemetry.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(clusters.entry(cluster.to_owned()).or_default())
    }

    /// The cloud of a cluster.
    pub fn provider(&self, name: &str) -> Result<&dyn Provider> {
        provider(&self.registry, name)
    }

    /// The clusters that files describe, as `(name, text)`; every fault at once.
    pub fn clusters_in(&self, files: &[(String, String)]) -> Result<Vec<Cluster>> {
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        Ok(clusters_that_fit(&self.registry, self.catalogue, &files)?)
    }

    /// Takes the lease of a cluster, after a while if someone else has it; `waiting` is told whom one waits for.
    pub async fn lease(&self, name: &str, waiting: &(dyn Fn(&Owner) + Send + Sync)) -> Result<Lease, StateError> {
        let ask = Ask { owner: self.owner.clone(), is_dead: &is_dead, patience: self.lease_timeout, waiting };
        self.clusters.acquire(name, ask).await
    }

    /// Who we are, in what we write.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Whether an emulator stands in for the cloud.
    fn is_emulated(&self, provider: &str) -> bool {
        self.endpoints.get(provider).is_some_and(|url| is_loopback(url))
    }

    /// Refuses a state or a plan of the other world: seen from here everything would be gone, and made again.
    fn same_world(&self, cluster: &str, provider: &str, emulated: bool) -> Result<()> {
        match (emulated, self.is_emulated(provider)) {
            (true, false) => Err(Failure::wrong(
                format!("the cluster `{cluster}` stands in an emulator, not in the real cloud"),
                "say --sandbox, or name the emulator with --endpoint; a real cluster takes another name or --state",
            )),
            (false, true) => Err(Failure::wrong(
                format!("the cluster `{cluster}` stands in the real cloud, not in an emulator"),
                "leave --sandbox and --endpoint out; to rehearse, take another --state, so that the two stay apart",
            )),
            _ => Ok(()),
        }
    }

    /// How to reach the region of a cluster. An endpoint on loopback is an emulator's: it gets dummy credentials and is
    /// not waited for as a real cloud is.
    fn connection(&self, place: &Place<'_>) -> Connection {
        let Place { provider, cluster, region, account, state } = *place;
        let endpoint = self.endpoints.get(provider).cloned();
        let emulated = self.is_emulated(provider);
        Connection {
            cluster: cluster.to_owned(),
            region: region.to_owned(),
            account: account.map(str::to_owned).or_else(|| self.accounts.get(provider).cloned()),
            endpoint,
            forgotten: state.map(|state| state.forgotten.clone()).unwrap_or_default(),
            credentials: if emulated { Credentials::Dummy } else { Credentials::DefaultChain },
            pace: if emulated { Pace::quick() } else { Pace::default() },
            limiter: Arc::clone(&self.limiter),
            telemetry: self.telemetry_of(cluster),
            wire_tap: self.wire_tap.clone(),
        }
    }
}

/// Where a cluster stands, and what is known of it.
#[derive(Clone, Copy)]
struct Place<'a> {
    provider: &'a str,
    cluster: &'a str,
    region: &'a str,
    account: Option<&'a str>,
    state: Option<&'a State>,
}

fn provider<'r>(registry: &'r Registry, name: &str) -> Result<&'r dyn Provider> {
    registry.get(name).ok_or_else(|| {
        let known: Vec<_> = registry.names().collect();
        Failure::wrong(
            format!("Meridian does not build on `{name}` yet"),
            format!("clouds in this version: {}", known.join(", ")),
        )
    })
}

/// The clusters that files describe, if their clouds can do what they ask for; every fault at once.
pub fn clusters_that_fit(
    registry: &Registry,
    catalogue: &Catalogue,
    files: &[(&str, &str)],
) -> Result<Vec<Cluster>, Faults> {
    let judge = |draft: &Draft| registry.get(&draft.provider).map(|cloud| cloud.check(draft)).unwrap_or_default();
    meridian_spec::clusters_that_fit(files, catalogue, &judge)
}

/// Whether a URL is of this machine itself, where an emulator stands.
#[must_use]
pub fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .any(|name| host == *name || host.strip_prefix(name).is_some_and(|port| port.starts_with(':')))
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_loopback_is_loopback() {
        assert!(is_loopback("http://127.0.0.1:4566"));
        assert!(is_loopback("http://localhost"));
        assert!(is_loopback("http://[::1]:1/x"));
        assert!(!is_loopback("https://localhost.example.com"));
        assert!(!is_loopback("https://ec2.eu-west-1.amazonaws.com"));
    }
}
