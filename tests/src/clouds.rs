//! The clouds that every suite goes through.

use std::sync::Arc;

use meridian_provider_api::{Connection, Credentials, Pace, Provider};
use meridian_sandbox::Sandbox;

use crate::binary::root;

/// A cloud, and where on it the suites build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestCloud {
    /// As specs name it.
    pub name: &'static str,
    /// As people do.
    pub display: &'static str,
    /// A region with three zones: that of the example.
    pub region: &'static str,
    /// One that has none, where the cloud has such.
    pub region_without_zones: Option<&'static str>,
}

/// Every cloud.
pub const CLOUDS: [TestCloud; 3] = [
    TestCloud { name: "aws", display: "AWS", region: "eu-west-1", region_without_zones: None },
    TestCloud { name: "gcp", display: "Google Cloud", region: "europe-west1", region_without_zones: None },
    TestCloud { name: "azure", display: "Azure", region: "westeurope", region_without_zones: Some("northcentralus") },
];

impl TestCloud {
    /// The cloud called `name`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let found = CLOUDS.into_iter().find(|cloud| cloud.name == name);
        found.unwrap_or_else(|| panic!("no cloud is called {name}"))
    }

    /// The spec of the highly available example on this cloud.
    ///
    /// # Panics
    /// When it can't be read.
    #[must_use]
    pub fn example(self) -> String {
        let path = root().join("examples").join(format!("{}.yaml", self.name));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A connection of someone else to a sandbox.
    #[must_use]
    pub fn connection(self, sandbox: &Sandbox) -> Connection {
        Connection {
            cluster: "someone-else".to_owned(),
            region: self.region.to_owned(),
            account: None,
            endpoint: sandbox.endpoint(self.name),
            forgotten: meridian_engine::state::Forgotten::default(),
            credentials: Credentials::Dummy,
            pace: Pace::quick(),
            limiter: Arc::default(),
            telemetry: Arc::default(),
            wire_tap: None,
        }
    }

    /// A spec that was written for AWS, on this cloud.
    #[must_use]
    pub fn translate(self, spec: &str) -> String {
        spec.replace("provider: aws", &format!("provider: {}", self.name))
            .replace("region: eu-west-1", &format!("region: {}", self.region))
    }
}

/// The provider of a cloud.
///
/// # Panics
/// When the registry does not know it.
#[must_use]
pub fn provider<'r>(registry: &'r meridian_cli::registry::Registry, name: &str) -> &'r dyn Provider {
    registry.get(name).unwrap_or_else(|| panic!("the registry does not know {name}"))
}
