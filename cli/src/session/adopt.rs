//! Taking a resource under management that is there already: one that was forgotten, or one that someone else made.

use anyhow::{Context as _, Result};
use meridian_engine::plan::{Action, Change, Plan};
use meridian_engine::planner::{self, Inputs, PlanError};
use meridian_engine::state::Record;
use meridian_engine::{Address, Fields, State};
use meridian_provider_api::{ACCOUNT_PIN, Cloud, ids};
use meridian_spec::Cluster;
use meridian_state::Lease;

use super::plan::{account_of, no_such_cluster, same_place, scope};
use super::{Place, Session, refusals};

/// A resource that may be adopted.
#[derive(Debug)]
pub struct Adoption {
    /// What the next apply would do to it.
    pub change: Change,
    /// The cloud's id.
    pub id: String,
    /// The state that it was looked at from; `None` when there was none.
    seen: Option<State>,
    /// The same state, as if the resource were managed already.
    wanted: State,
}

impl Session {
    /// How a resource differs from what the spec says of `address`: the one with this id, or else the one that was forgotten
    /// under the address. Reads only.
    ///
    /// # Errors
    /// It can't be adopted, and why; the plan would replace it, for one.
    pub async fn plan_adoption(&self, cluster: &Cluster, address: &Address, id: Option<&str>) -> Result<Adoption> {
        let seen = self.clusters.load(&cluster.name).await?.map(|loaded| loaded.state);
        same_place(cluster, seen.as_ref())?;
        if let Some(state) = &seen {
            self.same_world(&state.cluster, &state.provider, state.emulated)?;
        }
        let provider = self.provider(&cluster.provider)?;
        let id = id.map(|id| provider.normal_id(id));
        let (known, id) = match (&seen, id) {
            (None, None) => return Err(no_such_cluster(&cluster.name)),
            (None, Some(id)) => (self.begun(cluster), id),
            (Some(state), Some(id)) => (state.clone(), id),
            (Some(state), None) => {
                let id = state.forgotten.under(address).map(str::to_owned);
                (state.clone(), id.ok_or_else(|| refusals::not_forgotten(state, address))?)
            }
        };
        refusals::of_state(&known, address, &id)?;
        let wanted = with(known, address, &id);
        let (plan, cloud) = self.plan_with(cluster, &wanted, address, &id).await?;
        let wanted = State { pins: plan.pins.clone(), ..wanted };
        let is_it = |change: &&Change| change.id.as_deref() == Some(&id) && change.address.kind() == address.kind();
        let Some(change) = plan.changes.iter().find(is_it) else {
            let sighting = cloud.sight(address, &id).await.context("the resource could not be looked at")?;
            return Err(refusals::not_seen(&plan, address, &id, &sighting));
        };
        if change.address != *address {
            return Err(refusals::of_another_address(&change.address, &id));
        }
        if let Some(other) = plan.changes.iter().find(|other| other.address == *address && *other != change) {
            return Err(refusals::second(&cluster.name, address, other));
        }
        if change.action == Action::Replace {
            return Err(refusals::replaced(change));
        }
        Ok(Adoption { change: change.clone(), id, seen, wanted })
    }

    /// The plan of a cluster whose state were `state`.
    async fn plan_with(
        &self,
        cluster: &Cluster,
        state: &State,
        address: &Address,
        id: &str,
    ) -> Result<(Plan, std::sync::Arc<dyn Cloud>)> {
        let provider = self.provider(&cluster.provider)?;
        let region = cluster.region.name.as_str();
        let place = Place {
            provider: &cluster.provider,
            cluster: &cluster.name,
            region,
            account: account_of(provider, cluster).or_else(|| state.pins.get(ACCOUNT_PIN).map(String::as_str)),
            state: Some(state),
        };
        let cloud = provider.connect(self.connection(&place)).await?;
        cloud.check_account(&state.pins).await?;
        let pins = cloud.look_up(cluster, &state.pins).await.context("the cloud could not be asked")?;
        let compiled = provider.compile(cluster, &pins)?;
        if !compiled.graph.iter().any(|node| node.address == *address) {
            return Err(refusals::not_in_spec(&compiled.graph, address));
        }
        let at = ids::Place { region, account: pins.get(ACCOUNT_PIN).map(String::as_str) };
        ids::check(provider.id_forms(), address.kind(), id, at).map_err(|misfit| refusals::misfit(&misfit))?;
        let observed = cloud.observe(&scope(&cluster.name, Some(state))).await;
        let observed = observed.context("what exists could not be observed")?;
        let planned = planner::plan(Inputs {
            graph: &compiled.graph,
            state: Some(state),
            interrupted: None,
            seed: "",
            observed: &observed,
            leftovers: &[],
            cluster: &cluster.name,
            provider: &cluster.provider,
            region,
            emulated: state.emulated,
            destroy: false,
            deletion_protection: state.deletion_protection,
            pins,
            outputs: compiled.outputs,
        });
        match planned {
            Ok(plan) => Ok((plan, cloud)),
            Err(PlanError::Refused(all)) if all.iter().any(|refusal| refusal.address == *address) => {
                Err(refusals::refused(address, &all))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the resource into the state, as it is. Nothing is done to it.
    pub async fn adopt(&self, lease: &Lease, cluster: &Cluster, adoption: Adoption) -> Result<()> {
        let loaded = self.clusters.load(&cluster.name).await?;
        if loaded.as_ref().map(|loaded| &loaded.state) != adoption.seen.as_ref() {
            return Err(refusals::changed_meanwhile(&cluster.name));
        }
        let Adoption { change, id, wanted: mut state, .. } = adoption;
        let fields = change.before.unwrap_or_default();
        let depends_on = if change.action == Action::Delete { change.depended_on } else { change.depends_on };
        state.resources.insert(change.address, Record { id, fields, computed: change.computed, depends_on });
        self.clusters.write(lease, &self.owner, loaded.as_ref(), state).await?;
        Ok(())
    }

    /// The state of a cluster of which nothing is there yet.
    fn begun(&self, cluster: &Cluster) -> State {
        let lineage = uuid::Uuid::new_v4().to_string();
        let state = State::new(&cluster.name, &cluster.provider, &cluster.region.name, lineage);
        State { emulated: self.is_emulated(&cluster.provider), ..state }
    }
}

/// A state in which the resource is managed.
fn with(mut state: State, address: &Address, id: &str) -> State {
    state.forgotten.remove(address, id);
    let record = Record {
        id: id.to_owned(),
        fields: Fields::new(),
        computed: Fields::new(),
        depends_on: std::collections::BTreeSet::new(),
    };
    state.resources.insert(address.clone(), record);
    state
}
