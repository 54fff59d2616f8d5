//! The suite itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use meridian_engine::apply::{Executor, Ports, apply};
use meridian_engine::plan::{Action, Plan};
use meridian_engine::planner::{Inputs, plan};
use meridian_engine::{Graph, State};
use meridian_provider_api::{Cloud, Connection, Pins, Provider, Scope};
use meridian_spec::{Catalogue, Cluster};
use tokio::sync::watch;

use crate::memory::{Deaf, MemoryJournal};
use crate::scenario::Scenario;

/// What exists in an account and region, whoever made it: kinds with the ids of their things.
pub type Inventory = BTreeMap<String, BTreeSet<String>>;

/// A provider against one judge.
#[async_trait]
pub trait Harness: Send + Sync {
    fn provider(&self) -> &dyn Provider;

    /// The region to build in.
    fn region(&self) -> &str;

    fn connection(&self, cluster: &str) -> Connection;

    /// Everything that exists, read without any filter of ours.
    async fn inventory(&self) -> Result<Inventory, String>;

    /// Facts that the judge can't tell, though the real cloud can (an image that it does not have).
    fn pins(&self) -> Pins;

    /// What the judge gets wrong.
    fn flaws(&self) -> &[Flaw];

    /// What the judge itself leaves behind: kinds of the inventory, each with the reason.
    fn leaks(&self) -> &[(&'static str, &'static str)];
}

/// Something that a judge gets wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flaw {
    /// The kind of resource whose plan is not empty after apply.
    pub kind: &'static str,
    /// The field that the judge does not keep.
    pub field: &'static str,
    /// What it does, and what the real cloud does.
    pub why: &'static str,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Changes that were applied, by action, in all steps.
    pub applied: BTreeMap<Action, usize>,
    /// Flaws that showed.
    pub flaws: BTreeSet<Flaw>,
    /// Kinds of which the judge left something behind.
    pub leaks: BTreeSet<&'static str>,
}

/// Builds the scenario, changes it step by step, and takes it away.
pub async fn run(harness: &dyn Harness, scenario: &Scenario) -> Result<Outcome, String> {
    let before = harness.inventory().await?;
    let mut bench = Bench { harness, state: None, outcome: Outcome::default() };
    let mut name = String::new();
    for (step, text) in &scenario.steps {
        if scenario.steps.iter().filter(|(_, other)| other == text).count() > 1 && !matches!(*step, "create" | "back") {
            return Err(format!("{}: the step `{step}` changes nothing", scenario.name));
        }
        let cluster = resolve(harness, text).map_err(|error| format!("{step}: {error}"))?;
        name.clone_from(&cluster.name);
        bench.converge(&cluster).await.map_err(|error| format!("{}: {step}: {error}", scenario.name))?;
    }
    bench.destroy(&name).await.map_err(|error| format!("{}: destroy: {error}", scenario.name))?;
    let mut after = harness.inventory().await?;
    for (kind, _) in harness.leaks() {
        // What was there before must still be there; only what is left over is the judge's.
        let kept = before.get(*kind).cloned().unwrap_or_default();
        let left = after.remove(*kind).unwrap_or_default();
        if left.len() > kept.len() {
            bench.outcome.leaks.insert(kind);
        }
        let both: BTreeSet<String> = left.intersection(&kept).cloned().collect();
        if !both.is_empty() {
            after.insert((*kind).to_owned(), both);
        }
    }
    if before == after { Ok(bench.outcome) } else { Err(differences(&before, &after)) }
}

fn differences(before: &Inventory, after: &Inventory) -> String {
    let kinds: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let none = BTreeSet::new();
    let mut text = "the inventory is not what it was:".to_owned();
    for kind in kinds {
        let (old, new) = (before.get(kind).unwrap_or(&none), after.get(kind).unwrap_or(&none));
        for id in old.symmetric_difference(new) {
            let verb = if old.contains(id) { "lost" } else { "left" };
            text.extend(["\n  ", verb, " ", kind, " ", id]);
        }
    }
    text
}

fn resolve(harness: &dyn Harness, text: &str) -> Result<Cluster, String> {
    let text = text.replace("PROVIDER", harness.provider().name()).replace("REGION", harness.region());
    let catalogue = Catalogue::builtin().map_err(|error| error.to_string())?;
    let clusters =
        meridian_spec::clusters(&[("scenario.yaml", &text)], catalogue).map_err(|faults| faults.to_string())?;
    clusters.into_iter().next().ok_or_else(|| "no cluster in the spec".to_owned())
}

struct Bench<'h> {
    harness: &'h dyn Harness,
    state: Option<State>,
    outcome: Outcome,
}

impl Bench<'_> {
    async fn converge(&mut self, cluster: &Cluster) -> Result<(), String> {
        let plan = self.plan(cluster).await?;
        self.apply(&plan).await?;
        let again = self.plan(cluster).await?;
        self.expect_empty(&again)
    }

    async fn cloud(&self, cluster: &str) -> Result<Arc<dyn Cloud>, String> {
        self.harness.provider().connect(self.harness.connection(cluster)).await.map_err(|error| error.to_string())
    }

    fn scope(&self, cluster: &str) -> Scope {
        let recorded = self
            .state
            .iter()
            .flat_map(|state| &state.resources)
            .map(|(address, record)| (address.clone(), record.id.clone()))
            .collect();
        Scope { cluster: cluster.to_owned(), recorded }
    }

    async fn plan(&self, cluster: &Cluster) -> Result<Plan, String> {
        let cloud = self.cloud(&cluster.name).await?;
        let known: Pins = self.state.as_ref().map_or_else(|| self.harness.pins(), |state| state.pins.clone());
        let pins = cloud.look_up(cluster, &known).await.map_err(|error| error.to_string())?;
        let observed = cloud.observe(&self.scope(&cluster.name)).await.map_err(|error| error.to_string())?;
        let compiled = self.harness.provider().compile(cluster, &pins).map_err(|error| format!("{error:?}"))?;
        plan(Inputs {
            graph: &compiled.graph,
            state: self.state.as_ref(),
            seed: "conformance",
            observed: &observed,
            leftovers: &[],
            cluster: &cluster.name,
            provider: self.harness.provider().name(),
            region: self.harness.region(),
            emulated: true,
            destroy: false,
            deletion_protection: false,
            pins,
            outputs: compiled.outputs,
        })
        .map_err(|error| format!("{error:?}"))
    }

    async fn apply(&mut self, plan: &Plan) -> Result<(), String> {
        let cloud = self.cloud(&plan.cluster).await?;
        let journal = MemoryJournal::default();
        let report = {
            let executor: &dyn Executor = cloud.as_ref();
            let ports = Ports { executor, journal: &journal, events: &Deaf };
            apply(plan, ports, watch::channel(false).1).await.map_err(|error| error.to_string())?
        };
        for (action, count) in plan.counts() {
            *self.outcome.applied.entry(action).or_default() += count;
        }
        let state = self
            .state
            .get_or_insert_with(|| State::new(&plan.cluster, &plan.provider, &plan.region, "conformance".to_owned()));
        state.serial += 1;
        state.pins.clone_from(&plan.pins);
        state.fold(journal.into_entries());
        if report.is_complete() {
            return Ok(());
        }
        let failures: Vec<String> = report
            .failed
            .iter()
            .map(|failure| format!("{:?} {}: {}", failure.verb, failure.address, failure.error))
            .collect();
        Err(failures.join("\n"))
    }

    /// Refuses any change but what a listed flaw of the judge explains.
    fn expect_empty(&mut self, plan: &Plan) -> Result<(), String> {
        let mut unexplained = Vec::new();
        for change in plan.effective() {
            for field in &change.changed {
                let flaw =
                    self.harness.flaws().iter().find(|flaw| flaw.kind == change.address.kind() && flaw.field == field);
                match flaw {
                    Some(flaw) => drop(self.outcome.flaws.insert(flaw.clone())),
                    None => unexplained.push(format!(
                        "{}: {:?} -> {:?} in {field}",
                        change.address,
                        change.before.as_ref().and_then(|fields| fields.get(field)),
                        change.after.as_ref().and_then(|fields| fields.get(field)),
                    )),
                }
            }
            if change.changed.is_empty() {
                unexplained.push(format!("{}: {:?}, {:?}", change.address, change.action, change.reason));
            }
        }
        if unexplained.is_empty() { Ok(()) } else { Err(format!("not empty after apply:\n{}", unexplained.join("\n"))) }
    }

    async fn destroy(&mut self, name: &str) -> Result<(), String> {
        let cloud = self.cloud(name).await?;
        let scope = self.scope(name);
        let observed = cloud.observe(&scope).await.map_err(|error| error.to_string())?;
        let leftovers = cloud.leftovers(&scope).await.map_err(|error| error.to_string())?;
        let plan = plan(Inputs {
            graph: &Graph::new(),
            state: self.state.as_ref(),
            seed: "conformance",
            observed: &observed,
            leftovers: &leftovers,
            cluster: name,
            provider: self.harness.provider().name(),
            region: self.harness.region(),
            emulated: true,
            destroy: true,
            deletion_protection: false,
            pins: Pins::new(),
            outputs: BTreeMap::new(),
        })
        .map_err(|error| format!("{error:?}"))?;
        self.apply(&plan).await
    }
}
