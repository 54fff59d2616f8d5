//! The provider against the sandbox: the conformance scenarios, and what an observation costs.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use meridian_azure::AzureProvider;
use meridian_conformance::{Flaw, Harness, Inventory, run, scenarios};
use meridian_provider_api::{Connection, Credentials, Pace, Pins, Provider, Scope};
use meridian_sandbox::{Config, Sandbox};
use meridian_spec::Catalogue;

struct Judge {
    sandbox: Sandbox,
    region: &'static str,
}

impl Judge {
    async fn start(region: &'static str, config: Config) -> Self {
        let sandbox = Sandbox::start(config).await.unwrap_or_else(|error| panic!("no sandbox: {error}"));
        Self { sandbox, region }
    }
}

#[async_trait]
impl Harness for Judge {
    fn provider(&self) -> &dyn Provider {
        &AzureProvider
    }

    fn region(&self) -> &str {
        self.region
    }

    fn connection(&self, cluster: &str) -> Connection {
        Connection {
            cluster: cluster.to_owned(),
            region: self.region.to_owned(),
            account: None,
            endpoint: self.sandbox.endpoint("azure"),
            credentials: Credentials::Dummy,
            pace: Pace::quick(),
            limiter: Arc::default(),
            telemetry: Arc::default(),
            wire_tap: None,
        }
    }

    async fn inventory(&self) -> Result<Inventory, String> {
        let all = self.sandbox.inventory("azure").into_iter();
        Ok(all.map(|(kind, ids)| (kind, ids.into_iter().collect())).collect())
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
}

async fn every_scenario(region: &'static str, config: Config) {
    let judge = Judge::start(region, config).await;
    for scenario in scenarios() {
        run(&judge, &scenario).await.unwrap_or_else(|error| panic!("{error}"));
    }
}

#[tokio::test]
async fn clusters_are_made_changed_and_taken_away() {
    every_scenario("westeurope", Config { page_limit: Some(3), ..Config::default() }).await;
}

fn example() -> String {
    let text = include_str!("../../../examples/aws.yaml");
    text.replace("provider: aws", "provider: azure").replace("region: eu-west-1", "region: westeurope")
}

#[tokio::test]
async fn an_observation_is_cheap() {
    let judge = Judge::start("westeurope", Config::default()).await;
    let catalogue = Catalogue::builtin().unwrap();
    let cluster = meridian_spec::clusters(&[("example.yaml", &example())], catalogue).unwrap().remove(0);
    let connection = judge.connection(&cluster.name);
    let telemetry = Arc::clone(&connection.telemetry);
    let cloud = AzureProvider.connect(connection).await.unwrap();
    let pins = cloud.look_up(&cluster, &Pins::new()).await.unwrap();
    assert!(pins.contains_key("account"));
    let scope = Scope { cluster: cluster.name.clone(), recorded: BTreeMap::new() };
    assert!(cloud.observe(&scope).await.unwrap().is_empty());
    let stats = telemetry.stats();
    assert!(stats.api_calls.total <= 30 && stats.round_trips <= 4, "{stats:#?}");
}
