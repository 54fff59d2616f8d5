//! A session on a sandbox of its own, in a directory of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use meridian_aws::client::Aws;
use meridian_cli::registry::Registry;
use meridian_cli::session::{Session, Settings};
use meridian_engine::apply::Report;
use meridian_engine::events::{Event, EventSink};
use meridian_engine::{Plan, State};
use meridian_gcp::client::Gcp;
use meridian_provider_api::{Connection, Credentials, Pace};
use meridian_sandbox::{Config, Sandbox};
use meridian_spec::{Catalogue, Cluster};
use meridian_state::{FileStore, Owner, Store};
use tokio::sync::watch;

use crate::clouds::TestCloud;

/// What a suite works with.
pub struct Rig {
    pub sandbox: Sandbox,
    pub dir: tempfile::TempDir,
    suite: &'static str,
}

impl Rig {
    /// A sandbox that is as `config` says, but keeps its world in memory.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(suite: &'static str, config: Config) -> Self {
        let sandbox = Sandbox::start(config).await.unwrap_or_else(|error| panic!("no sandbox: {error}"));
        let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("no directory: {error}"));
        Self { sandbox, dir, suite }
    }

    /// The same, with a record of every exchange, for the check against the vendors' models.
    pub async fn recorded(suite: &'static str, config: Config) -> Self {
        Self::start(suite, Config { recorder: Some(crate::wire::recorder(suite)), ..config }).await
    }

    /// The same clouds, seen by someone who keeps state elsewhere.
    ///
    /// # Panics
    /// When there is no directory.
    #[must_use]
    pub fn with_another_state(self) -> Self {
        let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("no directory: {error}"));
        Self { dir, ..self }
    }

    /// A session, as a new process would have it.
    ///
    /// # Panics
    /// When the catalogue can't be read.
    #[must_use]
    pub fn session(&self) -> Session {
        self.session_on(Arc::new(FileStore::new(self.dir.path())))
    }

    /// The same, with its state in a store of the suite's own.
    ///
    /// # Panics
    /// When the catalogue can't be read.
    #[must_use]
    pub fn session_on(&self, store: Arc<dyn Store>) -> Session {
        let catalogue = Catalogue::builtin().unwrap_or_else(|error| panic!("no catalogue: {error}"));
        let registry = Registry::default();
        let endpoints: BTreeMap<String, String> =
            registry.names().filter_map(|name| Some((name.to_owned(), self.sandbox.endpoint(name)?))).collect();
        Session::new(Settings {
            registry,
            catalogue,
            store,
            settings: None,
            meter: Arc::default(),
            endpoints,
            accounts: BTreeMap::new(),
            owner: Owner {
                user: "suite".to_owned(),
                host: "here".to_owned(),
                process: std::process::id(),
                process_space: String::new(),
                run_url: None,
                command: self.suite.to_owned(),
            },
            lease_timeout: std::time::Duration::ZERO,
            wire_tap: None,
        })
    }

    /// Plans and applies a spec; gives the plan and the state after it.
    ///
    /// # Panics
    /// When anything fails.
    pub async fn converge(&self, spec: &str) -> (Plan, State) {
        let session = self.session();
        let plan = plan(&session, spec).await;
        let (report, state) = apply(&session, &plan).await;
        assert!(report.is_complete(), "{:#?}", report.failed);
        (plan, state.unwrap_or_else(|| panic!("no state after apply")))
    }

    /// Destroys a cluster.
    ///
    /// # Panics
    /// When anything fails.
    pub async fn destroy(&self, name: &str) -> Plan {
        let session = self.session();
        let plan = session.plan_destroy(name).await.unwrap_or_else(|error| panic!("{error:?}"));
        let (report, state) = apply(&session, &plan).await;
        assert!(report.is_complete(), "{:#?}", report.failed);
        assert!(state.is_none(), "the state is still there");
        plan
    }
}

/// The one cluster of a spec.
///
/// # Panics
/// When the spec has a fault.
#[must_use]
pub fn cluster(session: &Session, spec: &str) -> Cluster {
    let clusters =
        session.clusters_in(&[("spec.yaml".to_owned(), spec.to_owned())]).unwrap_or_else(|error| panic!("{error:?}"));
    clusters.into_iter().next().unwrap_or_else(|| panic!("no cluster"))
}

/// The plan of a spec.
///
/// # Panics
/// When it can't be made.
pub async fn plan(session: &Session, spec: &str) -> Plan {
    session.plan(&cluster(session, spec)).await.unwrap_or_else(|error| panic!("{error:?}"))
}

/// Applies a plan, whatever comes of it.
///
/// # Panics
/// When it can't even begin.
pub async fn apply(session: &Session, plan: &Plan) -> (Report, Option<State>) {
    let applied = session.apply(plan, &Deaf, watch::channel(false).1).await.unwrap_or_else(|error| panic!("{error:?}"));
    (applied.report, applied.state)
}

struct Deaf;

impl EventSink for Deaf {
    fn emit(&self, _: Event) {}
}

impl Rig {
    /// A connection to a cloud of the sandbox.
    fn connection(&self, cloud: TestCloud, cluster: &str) -> Connection {
        Connection {
            cluster: cluster.to_owned(),
            region: cloud.region.to_owned(),
            account: None,
            endpoint: self.sandbox.endpoint(cloud.name),
            forgotten: meridian_engine::state::Forgotten::default(),
            credentials: Credentials::Dummy,
            pace: Pace::quick(),
            limiter: Arc::default(),
            telemetry: Arc::default(),
            wire_tap: None,
        }
    }

    /// The client of Google Cloud on the same sandbox, for what someone else does behind our back.
    ///
    /// # Panics
    /// When it can't be made.
    pub async fn gcp_client(&self) -> Gcp {
        let connection = self.connection(TestCloud::named("gcp"), "someone-else");
        Gcp::connect(connection).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The SDK's own clients on the same sandbox, for what someone else does behind our back.
    ///
    /// # Panics
    /// When they can't be made.
    pub async fn aws_client(&self) -> Aws {
        let connection = self.connection(TestCloud::named("aws"), "someone-else");
        Aws::connect(connection).await.unwrap_or_else(|error| panic!("{error}"))
    }
}
