//! A connected cloud: one region of one account.

use std::collections::BTreeMap;

use async_trait::async_trait;
use meridian_engine::apply::Executor;
use meridian_engine::{Address, Observed};
use meridian_spec::cluster::Cluster;

use crate::error::CloudError;
use crate::provider::Pins;
use crate::recorded::Sighting;

/// Which resources are meant: those of one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Name of the cluster: every resource carries it as a tag or label.
    pub cluster: String,
    /// Ids that the state has recorded: what can't be tagged, or was not, is found by them.
    pub recorded: BTreeMap<Address, String>,
}

/// What the engine's ports and the planner need of a cloud.
#[async_trait]
pub trait Cloud: Executor {
    /// Who we are there, in one line (`account 123456789012 as role/deployer`).
    async fn identity(&self) -> Result<String, CloudError>;

    /// Refuses credentials of another account than the one that `pins` were looked up in: seen from there everything
    /// would be gone. Read-only.
    async fn check_account(&self, pins: &Pins) -> Result<(), CloudError>;

    /// Looks up the facts that the cluster needs and `pins` does not have, and checks that what the spec names as
    /// existing is there as it says. Read-only.
    async fn look_up(&self, cluster: &Cluster, pins: &Pins) -> Result<Pins, CloudError>;

    /// Everything that carries the cluster's marks or was recorded. Read-only; batched: one paginated list a kind, and one
    /// more for recorded ids that are not in it, where a list goes by marks.
    async fn observe(&self, scope: &Scope) -> Result<Vec<Observed>, CloudError>;

    /// What the resource with this id would be to the cluster under this address; for an answer to why it can't be taken.
    /// Read-only.
    async fn sight(&self, address: &Address, id: &str) -> Result<Sighting, CloudError>;

    /// What controllers inside the cluster made (load balancers, volumes, security groups). Read-only.
    async fn leftovers(&self, scope: &Scope) -> Result<Vec<Observed>, CloudError>;
}
