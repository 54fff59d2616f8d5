//! From a cluster to a plan. Reads only.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use meridian_engine::plan::Interrupted;
use meridian_engine::planner::{self, Inputs};
use meridian_engine::state::{Phase, State, Verb};
use meridian_engine::{Graph, Plan};
use meridian_provider_api::{ACCOUNT_PIN, Cloud, Provider, Scope};
use meridian_spec::Cluster;
use meridian_state::clusters::Loaded;

use super::{Place, Session};
use crate::context::is_dead;
use crate::error::Failure;

impl Session {
    /// What has to be done so that `cluster` is as it should be.
    pub async fn plan(&self, cluster: &Cluster) -> Result<Plan> {
        let provider = self.provider(&cluster.provider)?;
        let loaded = self.clusters.load(&cluster.name).await?;
        let state = loaded.as_ref().map(|loaded| &loaded.state);
        same_place(cluster, state)?;
        state.map_or(Ok(()), |state| self.same_world(&state.cluster, &state.provider, state.emulated))?;
        let known = state.map(|state| state.pins.clone()).unwrap_or_default();
        let account = account_of(provider, cluster).or_else(|| known.get(ACCOUNT_PIN).map(String::as_str));
        let place =
            Place { provider: &cluster.provider, cluster: &cluster.name, region: &cluster.region.name, account, state };
        let cloud = provider.connect(self.connection(&place)).await?;
        let scope = scope(&cluster.name, state);
        let (pins, observed, ()) =
            tokio::try_join!(cloud.look_up(cluster, &known), cloud.observe(&scope), cloud.check_account(&known))
                .context("what exists could not be observed")?;
        let compiled = provider.compile(cluster, &pins)?;
        let plan = planner::plan(Inputs {
            graph: &compiled.graph,
            state,
            interrupted: loaded.as_ref().and_then(interrupted),
            seed: &uuid::Uuid::new_v4().to_string(),
            observed: &observed,
            leftovers: &[],
            cluster: &cluster.name,
            provider: &cluster.provider,
            region: &cluster.region.name,
            emulated: self.is_emulated(&cluster.provider),
            destroy: false,
            deletion_protection: cluster.deletion_protection,
            pins,
            outputs: compiled.outputs,
        })?;
        Ok(plan)
    }

    /// What has to be done so that nothing of the cluster is left.
    pub async fn plan_destroy(&self, name: &str) -> Result<Plan> {
        let loaded = self.clusters.load(name).await?.ok_or_else(|| no_such_cluster(name))?;
        let state = &loaded.state;
        self.same_world(&state.cluster, &state.provider, state.emulated)?;
        if state.deletion_protection {
            return Err(protected(name, "set `deletionProtection: false` in its spec and apply that first"));
        }
        let account = state.pins.get(ACCOUNT_PIN).map(String::as_str);
        let place =
            Place { provider: &state.provider, cluster: name, region: &state.region, account, state: Some(state) };
        self.plan_removal(&place, Some(&loaded)).await
    }

    /// The same for a cluster that the state does not know, out of its spec: what was made before its state was lost.
    pub async fn plan_destroy_of(&self, cluster: &Cluster) -> Result<Plan> {
        if self.clusters.load(&cluster.name).await?.is_some() {
            return self.plan_destroy(&cluster.name).await;
        }
        // There is no state to say whether it is protected, only the spec.
        if cluster.deletion_protection {
            return Err(protected(&cluster.name, "set `deletionProtection: false` in its spec first"));
        }
        let account = account_of(self.provider(&cluster.provider)?, cluster);
        let place = Place {
            provider: &cluster.provider,
            cluster: &cluster.name,
            region: &cluster.region.name,
            account,
            state: None,
        };
        self.plan_removal(&place, None).await
    }

    async fn plan_removal(&self, place: &Place<'_>, loaded: Option<&Loaded>) -> Result<Plan> {
        let Place { provider, cluster: name, region, state, .. } = *place;
        let cloud: Arc<dyn Cloud> = self.provider(provider)?.connect(self.connection(place)).await?;
        let scope = scope(name, state);
        let pins = state.map(|state| state.pins.clone()).unwrap_or_default();
        let (observed, leftovers, ()) =
            tokio::try_join!(cloud.observe(&scope), cloud.leftovers(&scope), cloud.check_account(&pins))
                .context("what exists could not be observed")?;
        let plan = planner::plan(Inputs {
            graph: &Graph::new(),
            state,
            interrupted: loaded.and_then(interrupted),
            seed: &uuid::Uuid::new_v4().to_string(),
            observed: &observed,
            leftovers: &leftovers,
            cluster: name,
            provider,
            region,
            emulated: self.is_emulated(provider),
            destroy: true,
            deletion_protection: false,
            pins,
            outputs: BTreeMap::new(),
        })?;
        Ok(plan)
    }

    /// The resources of a cluster as they would be made from nothing, without any look at the cloud. What only the cloud knows
    /// has a placeholder: the account, unless the spec names it, and images that the spec does not pin.
    pub fn compile(&self, cluster: &Cluster) -> Result<Graph> {
        let provider = self.provider(&cluster.provider)?;
        let account = account_of(provider, cluster).map(|account| (ACCOUNT_PIN.to_owned(), account.to_owned()));
        Ok(provider.compile(cluster, &account.into_iter().collect())?.graph)
    }

    /// Refuses to create what exists. A create that was interrupted may go on.
    pub async fn refuse_existing(&self, name: &str) -> Result<()> {
        match self.clusters.load(name).await? {
            Some(loaded) if loaded.state.phase != Phase::Creating => Err(Failure::failed(
                format!("the cluster `{name}` exists already"),
                "change it with `meridian apply -f FILE`",
            )),
            _ => Ok(()),
        }
    }
}

/// The account, project or subscription that a spec names.
pub(super) fn account_of<'c>(provider: &dyn Provider, cluster: &'c Cluster) -> Option<&'c str> {
    cluster.provider_options.get(provider.account_option()?).map(String::as_str)
}

/// What is to be said of the run that wrote the state, if it did not come to its end.
fn interrupted(loaded: &Loaded) -> Option<Interrupted> {
    let State { intents, discards, .. } = &loaded.state;
    let intents = intents.iter().map(|(address, intent)| (address.clone(), intent.verb));
    let discards = discards.values().map(|address| (address.clone(), Verb::Delete));
    let unanswered: BTreeMap<_, _> = discards.chain(intents).collect();
    (loaded.interrupted || !unanswered.is_empty()).then(|| Interrupted {
        by: loaded.written_by.to_string(),
        since: loaded.written_at.to_string(),
        // The lease of a process that died lasts a while longer.
        under_way: loaded.interrupted
            && loaded.holder.as_ref().is_some_and(|holder| *holder == loaded.written_by && !is_dead(holder)),
        unanswered,
    })
}

fn protected(name: &str, hint: &str) -> anyhow::Error {
    Failure::failed(format!("the cluster `{name}` is protected against deletion"), hint)
}

/// The error for a name that no state stands under.
#[must_use]
pub fn no_such_cluster(name: &str) -> anyhow::Error {
    Failure::failed(
        format!("there is no cluster `{name}` in this state"),
        "`meridian get clusters` lists them; is --state right?",
    )
}

pub(super) fn scope(name: &str, state: Option<&State>) -> Scope {
    let recorded = state
        .into_iter()
        .flat_map(|state| &state.resources)
        .map(|(address, record)| (address.clone(), record.id.clone()))
        .collect();
    Scope { cluster: name.to_owned(), recorded }
}

/// A cluster can't move: another cloud or region is another cluster.
pub(super) fn same_place(cluster: &Cluster, state: Option<&State>) -> Result<()> {
    let Some(state) = state else { return Ok(()) };
    if state.provider == cluster.provider && state.region == cluster.region.name {
        return Ok(());
    }
    Err(Failure::wrong(
        format!(
            "the cluster `{}` stands in {} {}, the spec says {} {}",
            cluster.name, state.provider, state.region, cluster.provider, cluster.region.name
        ),
        "a cluster can't move; give the new one another name",
    ))
}
