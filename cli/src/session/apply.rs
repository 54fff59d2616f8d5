//! From a plan to the cloud, with the lease held and the journal written.

use anyhow::{Context as _, Result};
use meridian_engine::Plan;
use meridian_engine::apply::{self, Ports, Report};
use meridian_engine::events::{Event, EventSink};
use meridian_engine::plan::StaleError;
use meridian_engine::state::{Phase, State};
use meridian_provider_api::ACCOUNT_PIN;
use meridian_state::clusters::Loaded;
use meridian_state::{Lease, Owner, StateError, StoreJournal};
use tokio::sync::watch;

use super::{Place, Session};

/// What came of it.
#[derive(Debug)]
pub struct Applied {
    pub report: Report,
    /// The state after it; `None` when the cluster is gone.
    pub state: Option<State>,
}

impl Session {
    /// Carries a plan out. Nothing is touched unless the plan was made from the present state.
    pub async fn apply(&self, plan: &Plan, events: &dyn EventSink, stop: watch::Receiver<bool>) -> Result<Applied> {
        let waiting = |owner: &Owner| events.emit(Event::Waiting { for_whom: owner.to_string() });
        let lease = self.lease(&plan.cluster, &waiting).await?;
        let result = self.apply_under(&lease, plan, events, stop).await;
        let released = lease.release().await;
        let applied = result?;
        released.context("the lease could not be given back; it runs out by itself")?;
        Ok(applied)
    }

    async fn apply_under(
        &self,
        lease: &Lease,
        plan: &Plan,
        events: &dyn EventSink,
        stop: watch::Receiver<bool>,
    ) -> Result<Applied> {
        let before = self.clusters.load(&plan.cluster).await?;
        // A plan of a rehearsal names images and ids that only its emulator has.
        self.same_world(&plan.cluster, &plan.provider, plan.emulated)?;
        if let Some(loaded) = &before {
            self.same_world(&loaded.state.cluster, &loaded.state.provider, loaded.state.emulated)?;
        }
        plan.check_fresh(before.as_ref().map(|loaded| &loaded.state)).map_err(stale)?;
        let cloud = self
            .provider(&plan.provider)?
            .connect(self.connection(&Place {
                provider: &plan.provider,
                cluster: &plan.cluster,
                region: &plan.region,
                account: plan.pins.get(ACCOUNT_PIN).map(String::as_str),
                state: before.as_ref().map(|loaded| &loaded.state),
            }))
            .await?;
        cloud.check_account(&plan.pins).await?;
        let begun = self.begin(lease, plan, before).await?;
        let journal = StoreJournal::new(&self.clusters, &begun, lease)?;
        let report = {
            let executor: &dyn apply::Executor = cloud.as_ref();
            let ports = Ports { executor, journal: &journal, events };
            apply::apply(plan, ports, stop).await?
        };
        let state = self.end(lease, plan, &report).await?;
        Ok(Applied { report, state })
    }

    /// Writes down that an apply begins. From here on whoever held the lease before can't write any more.
    async fn begin(&self, lease: &Lease, plan: &Plan, before: Option<Loaded>) -> Result<Loaded, StateError> {
        let mut state = before.as_ref().map_or_else(
            || {
                let lineage = uuid::Uuid::new_v4().to_string();
                let state = State::new(&plan.cluster, &plan.provider, &plan.region, lineage);
                State { emulated: self.is_emulated(&plan.provider), ..state }
            },
            |loaded| loaded.state.clone(),
        );
        if plan.destroy {
            state.phase = Phase::Destroying;
        }
        state.pins.clone_from(&plan.pins);
        self.clusters.write(lease, &self.owner, before.as_ref(), state).await
    }

    /// Takes the journal in and writes the state that it comes to.
    async fn end(&self, lease: &Lease, plan: &Plan, report: &Report) -> Result<Option<State>> {
        let loaded = self.clusters.load(&plan.cluster).await?.ok_or(StateError::LeaseLost)?;
        let mut state = loaded.state.clone();
        state.outputs.extend(report.outputs.clone());
        if report.is_complete() {
            state.deletion_protection = plan.deletion_protection;
            // The plan removed all of them that it saw; the others were gone already.
            state.discards.clear();
            if !plan.destroy {
                state.phase = Phase::Ready;
                state.outputs.clone_from(&report.outputs);
            }
        }
        let gone = plan.destroy && report.is_complete() && state.resources.is_empty();
        let written = self.clusters.write(lease, &self.owner, Some(&loaded), state).await?;
        if gone {
            self.clusters.remove(lease, &self.owner, &written).await?;
            return Ok(None);
        }
        if report.is_complete() {
            self.prune(&written).await;
        }
        Ok(Some(written.state))
    }

    /// Drops what of the history is not kept. That it can't be done is no reason to fail: the next run tries again.
    async fn prune(&self, present: &Loaded) {
        let Some(settings) = &self.store_settings else { return };
        let pruned = async {
            let retention = settings.retention().await.map_err(meridian_state::StoreError::from)?;
            self.clusters.prune(&present.state.cluster, present, retention).await
        };
        if let Err(error) = pruned.await {
            tracing::warn!(%error, "the history could not be pruned");
        }
    }
}

fn stale(error: StaleError) -> anyhow::Error {
    anyhow::Error::new(error).context(crate::error::Failure {
        code: crate::error::Code::Failed,
        message: "the plan does not fit the present state, so nothing was done".to_owned(),
        hint: Some("make a new plan with `meridian plan`, and read it before you apply it".to_owned()),
    })
}
