//! Taking a resource back under management that was forgotten.

use anyhow::{Context as _, Result};
use meridian_engine::plan::{Action, Change};
use meridian_engine::planner::{self, Inputs};
use meridian_engine::state::Record;
use meridian_engine::{Address, State};
use meridian_provider_api::ACCOUNT_PIN;
use meridian_spec::Cluster;
use meridian_state::Lease;

use super::plan::{no_such_cluster, scope};
use super::{Place, Session};
use crate::error::Failure;

/// A resource that may be adopted.
#[derive(Debug)]
pub struct Adoption {
    /// What the next apply would do to it.
    pub change: Change,
    /// The cloud's id.
    pub id: String,
    /// The state that it was looked at from.
    seen: State,
}

impl Session {
    /// How the forgotten resource of `address` differs from what the spec says. Reads only.
    pub async fn plan_adoption(&self, cluster: &Cluster, address: &Address) -> Result<Adoption> {
        let loaded = self.clusters.load(&cluster.name).await?.ok_or_else(|| no_such_cluster(&cluster.name))?;
        let seen = loaded.state;
        self.same_world(&seen.cluster, &seen.provider, seen.emulated)?;
        let mut state = seen.clone();
        state.forgotten.retain(|_, forgotten| forgotten != address);
        if state.forgotten.len() == seen.forgotten.len() {
            let known: Vec<String> = seen.forgotten.values().map(ToString::to_string).collect();
            let hint = if known.is_empty() { "nothing was forgotten".to_owned() } else { known.join(", ") };
            return Err(Failure::failed(
                format!("no resource of {} was forgotten under the address {address}", cluster.name),
                format!("what bears the cluster's marks is seen by every plan already; forgotten here: {hint}"),
            ));
        }
        let provider = self.provider(&cluster.provider)?;
        let place = Place {
            provider: &cluster.provider,
            cluster: &cluster.name,
            region: &cluster.region.name,
            account: state.pins.get(ACCOUNT_PIN).map(String::as_str),
            state: Some(&state),
        };
        let cloud = provider.connect(self.connection(&place)).await?;
        let scope = scope(&cluster.name, Some(&state));
        let (pins, observed) = tokio::try_join!(cloud.look_up(cluster, &state.pins), cloud.observe(&scope))
            .context("what exists could not be observed")?;
        let compiled = provider.compile(cluster, &pins)?;
        let plan = planner::plan(Inputs {
            graph: &compiled.graph,
            state: Some(&state),
            interrupted: None,
            seed: "",
            observed: &observed,
            leftovers: &[],
            cluster: &cluster.name,
            provider: &cluster.provider,
            region: &cluster.region.name,
            emulated: state.emulated,
            destroy: false,
            deletion_protection: state.deletion_protection,
            pins,
            outputs: compiled.outputs,
        })?;
        let found = plan.changes.into_iter().find(|change| change.address == *address && change.id.is_some());
        let gone = || {
            Failure::failed(
                format!("the resource that was forgotten as {address} is not there any more"),
                "the next plan makes a new one if the spec asks for it",
            )
        };
        let change = found.ok_or_else(gone)?;
        let id = change.id.clone().ok_or_else(gone)?;
        Ok(Adoption { change, id, seen })
    }

    /// Takes the resource into the state, as it is. Nothing is done to it.
    pub async fn adopt(&self, lease: &Lease, cluster: &Cluster, adoption: Adoption) -> Result<()> {
        let loaded = self.clusters.load(&cluster.name).await?.ok_or_else(|| no_such_cluster(&cluster.name))?;
        if loaded.state != adoption.seen {
            return Err(Failure::failed(
                format!("the state of {} changed in the meantime, so nothing was done", cluster.name),
                "run the command again, and look at what it shows",
            ));
        }
        let mut state = loaded.state.clone();
        let Adoption { change, id, .. } = adoption;
        state.forgotten.remove(&id);
        let fields = change.before.unwrap_or_default();
        let depends_on = if change.action == Action::Delete { change.depended_on } else { change.depends_on };
        state.resources.insert(change.address, Record { id, fields, computed: change.computed, depends_on });
        self.clusters.write(lease, &self.owner, Some(&loaded), state).await?;
        Ok(())
    }
}
