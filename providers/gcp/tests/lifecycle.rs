//! The conformance suite for Google Cloud, against our sandbox.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use meridian_conformance::{Harness, Inventory, run, scenarios};
use meridian_gcp::GcpProvider;
use meridian_provider_api::telemetry::Telemetry;
use meridian_provider_api::{Connection, Credentials, Pace, Pins, Provider, Scope};
use meridian_sandbox::{Config, Sandbox};
use meridian_spec::Catalogue;

const REGION: &str = "europe-west1";

struct Judge {
    provider: GcpProvider,
    sandbox: Sandbox,
}

impl Judge {
    async fn start(mut config: Config) -> Self {
        let catalogue = Catalogue::builtin().unwrap_or_else(|error| panic!("{error}"));
        config.zones = catalogue.regions().iter().map(|region| (region.name.clone(), region.zones.clone())).collect();
        let sandbox = Sandbox::start(config).await.unwrap_or_else(|error| panic!("no sandbox: {error}"));
        Self { provider: GcpProvider, sandbox }
    }
}

#[async_trait]
impl Harness for Judge {
    fn provider(&self) -> &dyn Provider {
        &self.provider
    }

    fn region(&self) -> &str {
        REGION
    }

    fn connection(&self, cluster: &str, region: &str) -> Connection {
        Connection {
            cluster: cluster.to_owned(),
            region: region.to_owned(),
            account: None,
            endpoint: self.sandbox.endpoint("gcp"),
            credentials: Credentials::Dummy,
            pace: Pace::quick(),
            limiter: Arc::default(),
            telemetry: Arc::default(),
            wire_tap: None,
        }
    }

    async fn inventory(&self) -> Result<Inventory, String> {
        let kinds = self.sandbox.inventory("gcp").into_iter();
        Ok(kinds.map(|(kind, ids)| (kind, ids.into_iter().collect())).collect())
    }

    fn pins(&self) -> Pins {
        Pins::new()
    }

    fn flaws(&self) -> &[meridian_conformance::Flaw] {
        &[]
    }

    fn leaks(&self) -> &[(&'static str, &'static str)] {
        &[]
    }
}

async fn check(name: &str) {
    let judge = Judge::start(Config { page_limit: Some(3), ..Config::default() }).await;
    let scenario = scenarios().into_iter().find(|scenario| scenario.name == name);
    let scenario = scenario.unwrap_or_else(|| panic!("no scenario {name}"));
    let result = run(&judge, &scenario).await;
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[tokio::test]
async fn a_small_cluster_is_made_changed_and_taken_away() {
    check("small").await;
}

#[tokio::test]
async fn a_private_cluster_is_made_changed_and_taken_away() {
    check("private").await;
}

/// Thirty calls in four round trips are what a plan may cost.
#[tokio::test]
async fn a_plan_costs_few_calls() {
    let judge = Judge::start(Config::default()).await;
    let spec = include_str!("../../../examples/aws.yaml").replace("aws", "gcp").replace("eu-west-1", REGION);
    let catalogue = Catalogue::builtin().unwrap_or_else(|error| panic!("{error}"));
    let clusters = meridian_spec::clusters(&[("example.yaml", &spec)], catalogue);
    let cluster = clusters.unwrap_or_else(|faults| panic!("{faults}")).remove(0);
    let telemetry: Arc<Telemetry> = Arc::default();
    let connection =
        Connection { telemetry: Arc::clone(&telemetry), ..judge.connection(&cluster.name, &cluster.region.name) };
    let cloud = judge.provider.connect(connection).await.unwrap_or_else(|error| panic!("{error}"));
    let scope = Scope { cluster: cluster.name.clone(), recorded: BTreeMap::new() };
    let none = Pins::new();
    let looked = async { tokio::try_join!(cloud.look_up(&cluster, &none), cloud.observe(&scope)) };
    looked.await.unwrap_or_else(|error| panic!("{error}"));
    let stats = telemetry.stats();
    assert!(stats.api_calls.total <= 30 && stats.round_trips <= 4, "{stats:#?}");
}
