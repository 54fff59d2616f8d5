//! The conformance suite for AWS, against our sandbox and against two emulators that others wrote.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use meridian_aws::AwsProvider;
use meridian_aws::client::Aws;
use meridian_conformance::{Flaw, Harness, Inventory, run, scenarios};
use meridian_provider_api::provider::WireTap;
use meridian_provider_api::{Connection, Credentials, Pace, Pins, Provider};
use meridian_sandbox::{Config, Sandbox};
use meridian_tests::emulator::Emulator;
use meridian_tests::{inventory, wire};

struct Judge {
    endpoint: String,
    region: &'static str,
    flaws: &'static [Flaw],
    pins: Pins,
    tap: Arc<dyn WireTap>,
}

#[async_trait]
impl Harness for Judge {
    fn provider(&self) -> &dyn Provider {
        &AwsProvider
    }

    fn region(&self) -> &str {
        self.region
    }

    fn connection(&self, cluster: &str) -> Connection {
        Connection {
            cluster: cluster.to_owned(),
            region: self.region.to_owned(),
            endpoint: Some(self.endpoint.clone()),
            credentials: Credentials::Dummy,
            pace: Pace::quick(),
            limiter: Arc::default(),
            telemetry: Arc::default(),
            wire_tap: Some(Arc::clone(&self.tap)),
        }
    }

    async fn inventory(&self) -> Result<Inventory, String> {
        inventory::aws(&Aws::connect(Connection { wire_tap: None, ..self.connection("none") }).await).await
    }

    fn pins(&self) -> Pins {
        self.pins.clone()
    }

    fn flaws(&self) -> &[Flaw] {
        self.flaws
    }
}

/// Neither emulator has the catalogue's image, so both are told of one that they have.
fn image(id: &str) -> Pins {
    [("image/amd64".to_owned(), id.to_owned()), (format!("root-device/{id}"), "/dev/sda1".to_owned())].into()
}

async fn judge(name: &'static str, endpoint: String, pins: Pins, flaws: &'static [Flaw]) {
    let judge = Judge { endpoint, region: "eu-west-1", flaws, pins, tap: wire::WireLog::start(name) };
    let mut shown = BTreeSet::new();
    for scenario in scenarios() {
        let outcome = run(&judge, &scenario).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        shown.extend(outcome.flaws);
    }
    let listed: BTreeSet<Flaw> = flaws.iter().cloned().collect();
    assert_eq!(shown, listed, "flaws of {name} that are listed and do not show should be taken off the list");
}

#[tokio::test]
async fn on_our_sandbox() {
    let sandbox = Sandbox::start(Config { page_limit: Some(2), ..Config::default() }).await.unwrap();
    judge("conformance-sandbox", sandbox.endpoint("aws").unwrap(), Pins::new(), &[]).await;
}

#[tokio::test]
async fn on_moto() {
    let moto = Emulator::moto();
    judge("conformance-moto", moto.endpoint().to_owned(), image("ami-785db401"), &[]).await;
}

#[tokio::test]
async fn on_ministack() {
    let ministack = Emulator::ministack();
    judge("conformance-ministack", ministack.endpoint().to_owned(), image("ami-0123456789abcdef0"), &[]).await;
}
