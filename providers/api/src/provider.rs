//! A provider: what it takes to compile a cluster for a cloud, and to connect to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use meridian_engine::graph::GraphError;
use meridian_engine::state::{Forgotten, Record};
use meridian_engine::{Address, Graph, KindSchema, Value};
use meridian_spec::cluster::Cluster;
use meridian_spec::{Draft, Unfit};

use crate::call::Pace;
use crate::cloud::Cloud;
use crate::error::CloudError;
use crate::ids::IdForm;
use crate::limiter::Limiter;
use crate::roster::Roster;
use crate::state_host::{StateConnection, StateHost, StateSchemes};
use crate::telemetry::Telemetry;

/// Facts that were looked up once and then stay, by key (`image/amd64`).
pub type Pins = BTreeMap<String, String>;

/// Key of the pin that holds the account, project or subscription.
pub const ACCOUNT_PIN: &str = "account";

/// One cloud. The registry in `cli` has one of each.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The name in a spec's `provider` (`aws`).
    fn name(&self) -> &'static str;

    /// The option of a spec that names the account, project or subscription, where credentials alone do not.
    fn account_option(&self) -> Option<&'static str> {
        None
    }

    /// The environment variables that name it for the cloud's own tools, the first that is set being meant.
    fn account_variables(&self) -> &'static [&'static str] {
        &[]
    }

    /// Every kind of resource it knows.
    fn schemas(&self) -> Vec<&'static KindSchema>;

    /// What the spec asks for and this cloud can't do, in what is sound of it; each text names the way out. Pure.
    fn check(&self, draft: &Draft) -> Vec<Unfit>;

    /// Writes the cluster down as resources. Pure: the same cluster and pins give the same graph. A fact that `pins`
    /// does not have is written as a placeholder, so that `render` needs no credentials.
    fn compile(&self, cluster: &Cluster, pins: &Pins) -> Result<Compiled, CompileError>;

    /// What of a cluster's records are its machines and its pools, for those who ask what it consists of. Pure.
    fn roster(&self, records: &BTreeMap<Address, Record>) -> Roster;

    /// How the ids of each kind look.
    fn id_forms(&self) -> &'static [IdForm];

    /// An id as it is kept, of however someone writes it. Pure.
    fn normal_id(&self, id: &str) -> String {
        id.trim().to_owned()
    }

    /// Connects to one region, for one cluster.
    async fn connect(&self, connection: Connection) -> Result<Arc<dyn Cloud>, CloudError>;

    /// How URLs name its services for state.
    fn state_schemes(&self) -> StateSchemes;

    /// Connects for the sake of state.
    async fn state_host(&self, connection: StateConnection) -> Result<Arc<dyn StateHost>, CloudError>;
}

/// What a compiler gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compiled {
    pub graph: Graph,
    /// What users will want to know (`api_endpoint`), known or after apply.
    pub outputs: BTreeMap<String, Value>,
}

/// Why a cluster could not be compiled; a fault of the compiler, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    #[error("the graph can't be put together")]
    Graph(#[from] GraphError),
    #[error("{what} could not be rendered")]
    Render {
        what: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the resolved cluster has no {0}")]
    Missing(String),
}

impl From<meridian_engine::address::AddressError> for CompileError {
    fn from(error: meridian_engine::address::AddressError) -> Self {
        Self::Graph(error.into())
    }
}

/// How to reach a region, for one cluster.
#[derive(Clone)]
pub struct Connection {
    /// Name of the cluster; everything that is made is tagged with it.
    pub cluster: String,
    pub region: String,
    /// The account, project or subscription that is meant; the credentials' own otherwise.
    pub account: Option<String>,
    /// An endpoint in place of the cloud's own, for all its services.
    pub endpoint: Option<String>,
    /// Resources that bear the cluster's marks and are not to be seen.
    pub forgotten: Forgotten,
    pub credentials: Credentials,
    pub pace: Pace,
    pub limiter: Arc<Limiter>,
    pub telemetry: Arc<Telemetry>,
    /// Sees every request as it is sent; for checks against the vendors' models.
    pub wire_tap: Option<Arc<dyn WireTap>>,
}

/// Who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// The cloud's own default chain.
    DefaultChain,
    /// Fixed dummy credentials, for a sandbox or an emulator.
    Dummy,
}

/// Sees requests.
pub trait WireTap: Send + Sync {
    /// A request is about to be sent. `headers` are in the order of sending, names in lower case.
    fn request(&self, request: WireRequest<'_>);
}

/// A request as it is sent.
#[derive(Debug, Clone)]
pub struct WireRequest<'a> {
    pub service: &'a str,
    pub operation: &'a str,
    pub method: &'a str,
    /// With path and query.
    pub uri: &'a str,
    pub headers: Vec<(&'a str, &'a str)>,
    pub body: &'a [u8],
}
