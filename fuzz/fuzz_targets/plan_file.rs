//! A saved plan: read, judged against a state, ordered, and carried out where every call succeeds.

#![no_main]

use async_trait::async_trait;
use libfuzzer_sys::fuzz_target;
use meridian_engine::apply::{Creation, Deletion, Executor, ExecutorError, Outcome, Ports, Update, apply};
use meridian_engine::events::{Event, EventSink};
use meridian_engine::journal::{Durable, Entry, Journal, JournalError};
use meridian_engine::plan::{FORMAT_VERSION, Plan};
use meridian_engine::steps::Steps;
use meridian_engine::{Fields, State};
use meridian_fuzz::run;

fuzz_target!(|data: &[u8]| {
    let Ok(plan) = serde_json::from_slice::<Plan>(data) else { return };
    let bytes = serde_json::to_vec(&plan).unwrap();
    assert_eq!(serde_json::from_slice::<Plan>(&bytes).unwrap(), plan, "a plan survives the disk");

    if plan.format_version != FORMAT_VERSION {
        assert!(plan.check_fresh(None).is_err(), "another version is refused");
    }
    let lineage = plan.lineage.clone().unwrap_or_default();
    let mut state = State::new(&plan.cluster, &plan.provider, &plan.region, lineage);
    state.serial = plan.serial;
    if plan.check_fresh(Some(&state)).is_ok() {
        assert_eq!(plan.state_digest, state.digest());
    }
    let _ = (plan.counts(), plan.is_empty());

    let Ok(steps) = Steps::of(&plan) else { return };
    let all = steps.len();
    let ports = Ports { executor: &Willing, journal: &Nowhere, events: &Nowhere };
    let (_sender, stop) = tokio::sync::watch::channel(false);
    let report = run(apply(&plan, ports, stop)).unwrap();
    let done: usize = report.done.values().sum();
    assert_eq!(done + report.failed.len() + report.skipped.len(), all, "every step is accounted for");
});

/// A cloud that does everything.
struct Willing;

#[async_trait]
impl Executor for Willing {
    async fn create(&self, creation: Creation) -> Result<Outcome, ExecutorError> {
        Ok(Outcome { id: creation.token, computed: Fields::new() })
    }

    async fn update(&self, update: Update) -> Result<Outcome, ExecutorError> {
        Ok(Outcome { id: update.id, computed: update.computed })
    }

    async fn delete(&self, _: Deletion) -> Result<(), ExecutorError> {
        Ok(())
    }
}

struct Nowhere;

impl EventSink for Nowhere {
    fn emit(&self, _: Event) {}
}

#[async_trait]
impl Journal for Nowhere {
    fn write(&self, _: Entry) -> Durable {
        Box::pin(async { Ok(()) })
    }

    fn is_held(&self) -> bool {
        true
    }

    async fn may_send(&self) -> Result<(), JournalError> {
        Ok(())
    }

    async fn flush(&self) -> Result<(), JournalError> {
        Ok(())
    }
}
