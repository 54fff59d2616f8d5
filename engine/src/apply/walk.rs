//! The walk over a plan's steps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};
use petgraph::Direction;
use petgraph::graph::NodeIndex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::guarded::guarded;
use super::{Creation, Deletion, Executor, ExecutorError, Failure, Outcome, Report, Update};
use crate::Address;
use crate::events::{Event, EventSink};
use crate::journal::{Durable, Entry, Journal, JournalError};
use crate::plan::{Action, Change, Plan, Reason};
use crate::state::{Intent, Record, Verb};
use crate::steps::{CycleError, Step, Steps};
use crate::value::{Fields, Reference, Value};

/// What apply needs from outside.
#[derive(Clone, Copy)]
pub struct Ports<'a> {
    pub executor: &'a dyn Executor,
    pub journal: &'a dyn Journal,
    pub events: &'a dyn EventSink,
}

/// Why apply could not even be carried on.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("the plan's steps can't be ordered")]
    Steps(#[from] CycleError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Why one step failed.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error("{0}")]
    Executor(#[source] ExecutorError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the value of {0} is still not known")]
    Unknown(Reference),
    #[error("the plan gives no {0} for it")]
    Incomplete(&'static str),
}

/// What a step left behind.
enum Done {
    Made(Record),
    Gone,
}

/// Carries `plan` out. Once `stop` turns true, nothing new begins.
pub async fn apply(plan: &Plan, ports: Ports<'_>, stop: watch::Receiver<bool>) -> Result<Report, ApplyError> {
    let steps = Steps::of(plan)?;
    let mut walk = Walk::new(plan, &steps, ports);
    ports.events.emit(Event::Begun { steps: steps.len() });
    walk.keep_records();
    walk.run(stop).await;
    ports.journal.flush().await?;
    Ok(walk.finish())
}

struct Walk<'a> {
    plan: &'a Plan,
    steps: &'a Steps<'a>,
    ports: Ports<'a>,
    /// Ids and computed attributes of what exists, as far as the walk has come.
    known: BTreeMap<Address, Outcome>,
    /// How many predecessors each step still waits for.
    waiting: Vec<usize>,
    /// The failed resource that each step can't be tried for.
    blocked: Vec<Option<Address>>,
    ready: VecDeque<NodeIndex>,
    /// Steps whose beginning was written down and that have not begun.
    announced: BTreeMap<NodeIndex, Durable>,
    /// For each step, the longest chain of steps up to its end.
    chain: Vec<Duration>,
    begun: usize,
    report: Report,
    start: Instant,
}

impl<'a> Walk<'a> {
    fn new(plan: &'a Plan, steps: &'a Steps<'a>, ports: Ports<'a>) -> Self {
        let count = steps.graph.node_count();
        let waiting: Vec<usize> = steps
            .graph
            .node_indices()
            .map(|index| steps.graph.neighbors_directed(index, Direction::Incoming).count())
            .collect();
        let ready = steps.graph.node_indices().filter(|index| waiting[index.index()] == 0).collect();
        let known = plan
            .changes
            .iter()
            .filter(|change| matches!(change.action, Action::NoOp | Action::Update))
            .filter_map(|change| {
                let outcome = Outcome { id: change.id.clone()?, computed: change.computed.clone() };
                Some((change.address.clone(), outcome))
            })
            .collect();
        Self {
            plan,
            steps,
            ports,
            known,
            waiting,
            blocked: vec![None; count],
            ready,
            announced: BTreeMap::new(),
            chain: vec![Duration::ZERO; count],
            begun: 0,
            report: Report::default(),
            start: Instant::now(),
        }
    }

    /// Writes down what needs no step: resources that are as desired, and records of resources that are gone.
    fn keep_records(&self) {
        for change in &self.plan.changes {
            match (change.action, &change.id, &change.after) {
                (Action::NoOp, Some(id), Some(after)) => {
                    let record = Record {
                        id: id.clone(),
                        fields: after.clone(),
                        computed: change.computed.clone(),
                        depends_on: change.depends_on.clone(),
                    };
                    note(self.ports, Entry::Made { address: change.address.clone(), record });
                }
                (Action::Forget, _, _) => note(self.ports, Entry::Gone { address: change.address.clone() }),
                _ => {}
            }
        }
    }

    async fn run(&mut self, mut stop: watch::Receiver<bool>) {
        let mut running = FuturesUnordered::new();
        let mut told = false;
        loop {
            let stopping = *stop.borrow();
            if stopping && !told {
                told = true;
                self.ports.events.emit(Event::Stopping { in_flight: running.len() });
            }
            while !stopping && let Some(index) = self.ready.pop_front() {
                let next = self.steps.graph[index];
                self.begun += 1;
                let begins = self.announced.remove(&index).unwrap_or_else(|| self.announce(next));
                self.look_ahead(index);
                running.push(run_step(index, next, self.prepare(next), begins, self.ports));
            }
            let finished = if stopping {
                running.next().await
            } else {
                tokio::select! {
                    finished = running.next() => finished,
                    // A closed channel never asks to stop.
                    Ok(()) = stop.changed() => continue,
                }
            };
            let Some((index, took, result)) = finished else { break };
            self.settle(index, took, result);
        }
    }

    /// Writes down that a step begins.
    fn announce(&self, step: Step<'_>) -> Durable {
        let address = step.change.address.clone();
        let begins = if let Some(id) = step.discards() {
            Entry::Discarding { address, id: id.to_owned() }
        } else {
            let seed = if step.verb == Verb::Create { step.change.token_seed.clone() } else { String::new() };
            Entry::Intent { address, intent: Intent { verb: step.verb, seed } }
        };
        self.ports.journal.write(begins)
    }

    /// Announces what a step that begins will make room for, so that the journal is written while the cloud works. A
    /// change that begins after another one of its own address is not announced before that one's end is written: the end
    /// would take the intent away.
    fn look_ahead(&mut self, index: NodeIndex) {
        let steps = self.steps;
        for later in steps.graph.neighbors_directed(index, Direction::Outgoing) {
            let next = steps.graph[later];
            let succeeds_itself = next.verb == Verb::Create && next.change.action == Action::Replace;
            if self.blocked[later.index()].is_none() && !succeeds_itself && !self.announced.contains_key(&later) {
                let begins = self.announce(next);
                self.announced.insert(later, begins);
            }
        }
    }

    /// The fields of a step with what is known by now put in place.
    fn prepare(&self, step: Step<'_>) -> Result<Fields, Reference> {
        let after = match &step.change.after {
            Some(after) if step.verb != Verb::Delete => after,
            _ => return Ok(Fields::new()),
        };
        let mut unknown = BTreeSet::new();
        let fields: Fields =
            after.iter().map(|(name, value)| (name.clone(), value.resolve(&|r| self.answer(r)))).collect();
        for value in fields.values() {
            value.references(&mut unknown);
        }
        unknown.into_iter().next().map_or(Ok(fields), Err)
    }

    fn answer(&self, reference: &Reference) -> Option<Value> {
        let outcome = self.known.get(&reference.address)?;
        if reference.attribute == "id" {
            Some(Value::String(outcome.id.clone()))
        } else {
            outcome.computed.get(&reference.attribute).cloned()
        }
    }

    fn settle(&mut self, index: NodeIndex, took: Duration, result: Result<Done, StepError>) {
        let Step { change, verb } = self.steps.graph[index];
        let before = self
            .steps
            .graph
            .neighbors_directed(index, Direction::Incoming)
            .map(|earlier| self.chain[earlier.index()])
            .max()
            .unwrap_or_default();
        self.chain[index.index()] = before + took;
        let address = change.address.clone();
        match result {
            Ok(done) => {
                *self.report.done.entry(verb).or_default() += 1;
                if let Done::Made(record) = done {
                    self.known.insert(address.clone(), Outcome { id: record.id, computed: record.computed });
                }
                self.ports.events.emit(Event::Finished { address, verb, took });
                self.release(index);
            }
            Err(error) => {
                let error = chain_of_causes(&error);
                self.ports.events.emit(Event::Failed { address: address.clone(), verb, error: error.clone() });
                self.report.failed.push(Failure { address: address.clone(), verb, error });
                self.block(index, &address);
            }
        }
    }

    fn release(&mut self, index: NodeIndex) {
        for later in self.steps.graph.neighbors_directed(index, Direction::Outgoing) {
            self.waiting[later.index()] -= 1;
            if self.waiting[later.index()] == 0 && self.blocked[later.index()].is_none() {
                self.ready.push_back(later);
            }
        }
    }

    /// Marks everything that waits for a failed step, at any distance.
    fn block(&mut self, index: NodeIndex, because: &Address) {
        let mut pending = vec![index];
        while let Some(index) = pending.pop() {
            for later in self.steps.graph.neighbors_directed(index, Direction::Outgoing) {
                if self.blocked[later.index()].is_none() {
                    self.blocked[later.index()] = Some(because.clone());
                    let Step { change, verb } = self.steps.graph[later];
                    self.report.skipped.push((change.address.clone(), because.clone()));
                    self.ports.events.emit(Event::Skipped {
                        address: change.address.clone(),
                        verb,
                        because: because.clone(),
                    });
                    pending.push(later);
                }
            }
        }
    }

    fn finish(mut self) -> Report {
        self.report.wall = self.start.elapsed();
        self.report.critical_path = self.chain.iter().copied().max().unwrap_or_default();
        self.report.not_begun = self.steps.len() - self.begun - self.report.skipped.len();
        for (name, value) in &self.plan.outputs {
            if let Value::String(text) = value.resolve(&|r| self.answer(r)) {
                self.report.outputs.insert(name.clone(), text);
            }
        }
        self.report
    }
}

async fn run_step(
    index: NodeIndex,
    step: Step<'_>,
    fields: Result<Fields, Reference>,
    begins: Durable,
    ports: Ports<'_>,
) -> (NodeIndex, Duration, Result<Done, StepError>) {
    let start = Instant::now();
    ports.events.emit(Event::Started { address: step.change.address.clone(), verb: step.verb });
    let result = match fields {
        Ok(fields) => execute(step, fields, begins, ports).await,
        Err(reference) => Err(StepError::Unknown(reference)),
    };
    (index, start.elapsed(), result)
}

async fn execute(step: Step<'_>, fields: Fields, begins: Durable, ports: Ports<'_>) -> Result<Done, StepError> {
    let Step { change, verb } = step;
    begins.await?;
    ports.journal.may_send().await?;
    match verb {
        Verb::Create | Verb::Update => {
            let outcome = match send(change, verb, fields.clone(), ports).await {
                Err(StepError::Executor(error @ ExecutorError::Answered(_))) if verb == Verb::Create => {
                    note(ports, Entry::Failed { address: change.address.clone() });
                    return Err(StepError::Executor(error));
                }
                result => result?,
            };
            let record =
                Record { id: outcome.id, fields, computed: outcome.computed, depends_on: change.depends_on.clone() };
            note(ports, Entry::Made { address: change.address.clone(), record: record.clone() });
            Ok(Done::Made(record))
        }
        Verb::Delete => {
            let deletion = Deletion {
                address: change.address.clone(),
                id: change.id.clone().ok_or(StepError::Incomplete("id"))?,
                before: change.before.clone().unwrap_or_default(),
                computed: change.computed.clone(),
            };
            guarded(ports.journal, ports.executor.delete(deletion)).await?.map_err(StepError::Executor)?;
            let gone = match step.discards() {
                Some(id) => Entry::Discarded { id: id.to_owned() },
                None => Entry::Gone { address: change.address.clone() },
            };
            note(ports, gone);
            Ok(Done::Gone)
        }
    }
}

/// Writes what was done, without waiting: losing it in a crash loses nothing, since it is found.
fn note(ports: Ports<'_>, entry: Entry) {
    drop(ports.journal.write(entry));
}

async fn send(change: &Change, verb: Verb, after: Fields, ports: Ports<'_>) -> Result<Outcome, StepError> {
    let Ports { executor, journal, .. } = ports;
    let result = if verb == Verb::Create {
        let creation = Creation { address: change.address.clone(), fields: after, token: change.token.clone() };
        guarded(journal, executor.create(creation)).await?
    } else {
        let update = Update {
            address: change.address.clone(),
            id: change.id.clone().ok_or(StepError::Incomplete("id"))?,
            before: change.before.clone().ok_or(StepError::Incomplete("earlier fields"))?,
            after,
            computed: change.computed.clone(),
            changed: change.changed.clone(),
            unmarked: change.reason == Reason::Unmarked,
        };
        guarded(journal, executor.update(update)).await?
    };
    result.map_err(StepError::Executor)
}

/// An error and its causes in one line.
fn chain_of_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
