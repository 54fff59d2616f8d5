//! A provider on our own sandbox, for the conformance suite.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use meridian_cli::registry::Registry;
use meridian_conformance::{Flaw, Harness, Inventory};
use meridian_engine::State;
use meridian_provider_api::{Connection, Credentials, Pace, Pins, Provider};
use meridian_sandbox::{Config, Sandbox};
use meridian_spec::Catalogue;

use crate::clouds::{self, TestCloud};
use crate::{kubernetes, wire};

/// One cloud of a sandbox that answers in pages of two.
pub struct OnSandbox {
    cloud: TestCloud,
    registry: Registry,
    sandbox: Sandbox,
}

impl OnSandbox {
    /// Starts a sandbox for one cloud's run.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(cloud: TestCloud) -> Self {
        let recorder = Some(wire::recorder("conformance"));
        let config = Config { page_limit: Some(2), zones: zones(), recorder, ..Config::default() };
        let sandbox = Sandbox::start(config).await.unwrap_or_else(|error| panic!("no sandbox: {error}"));
        Self { cloud, registry: Registry::default(), sandbox }
    }
}

/// The zones of every region that we know.
///
/// # Panics
/// When the catalogue can't be read.
#[must_use]
pub fn zones() -> BTreeMap<String, Vec<String>> {
    let catalogue = Catalogue::builtin().unwrap_or_else(|error| panic!("no catalogue: {error}"));
    catalogue.regions().iter().map(|region| (region.name.clone(), region.zones.clone())).collect()
}

#[async_trait]
impl Harness for OnSandbox {
    fn provider(&self) -> &dyn Provider {
        clouds::provider(&self.registry, self.cloud.name)
    }

    fn region(&self) -> &str {
        self.cloud.region
    }

    fn region_without_zones(&self) -> Option<&str> {
        self.cloud.region_without_zones
    }

    fn connection(&self, cluster: &str, region: &str) -> Connection {
        Connection {
            cluster: cluster.to_owned(),
            region: region.to_owned(),
            account: None,
            endpoint: self.sandbox.endpoint(self.cloud.name),
            forgotten: meridian_engine::state::Forgotten::default(),
            credentials: Credentials::Dummy,
            pace: Pace::quick(),
            limiter: Arc::default(),
            telemetry: Arc::default(),
            wire_tap: None,
        }
    }

    async fn inventory(&self) -> Result<Inventory, String> {
        let found = self.sandbox.inventory(self.cloud.name);
        Ok(found.into_iter().map(|(kind, ids)| (kind, ids.into_iter().collect())).collect())
    }

    fn pins(&self) -> Pins {
        Pins::new()
    }

    fn flaws(&self) -> &[Flaw] {
        &[]
    }

    fn leaks(&self) -> &[(&'static str, &'static str)] {
        &[]
    }

    async fn act_as_kubernetes(&self, region: &str, state: &State) -> Result<bool, String> {
        kubernetes::act(self.cloud.name, self.connection("kubernetes", region), state).await.map(|()| true)
    }
}
