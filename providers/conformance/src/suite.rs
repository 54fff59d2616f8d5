//! The suite itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use meridian_engine::apply::{Executor, Ports, apply};
use meridian_engine::plan::{Action, Change, Plan};
use meridian_engine::planner::{Inputs, plan};
use meridian_engine::{Address, Graph, State};
use meridian_provider_api::{Cloud, Connection, Pins, Provider, Scope};
use meridian_spec::cluster::SubnetRole;
use meridian_spec::{Catalogue, Cluster, Draft};
use tokio::sync::watch;

use crate::memory::{Deaf, MemoryJournal};
use crate::scenario::{DESTROY, KUBERNETES, Place, Scenario, Step, owner};

/// What exists in an account and region, whoever made it: kinds with the ids of their things.
pub type Inventory = BTreeMap<String, BTreeSet<String>>;

/// A provider against one judge.
#[async_trait]
pub trait Harness: Send + Sync {
    fn provider(&self) -> &dyn Provider;

    /// The region to build in, which has three zones.
    fn region(&self) -> &str;

    fn connection(&self, cluster: &str, region: &str) -> Connection;

    /// Everything that exists, read without any filter of ours.
    async fn inventory(&self) -> Result<Inventory, String>;

    /// Facts that the judge can't tell, though the real cloud can (an image that it does not have).
    fn pins(&self) -> Pins;

    /// What the judge gets wrong.
    fn flaws(&self) -> &[Flaw];

    /// What the judge itself leaves behind: kinds of the inventory, each with the reason.
    fn leaks(&self) -> &[(&'static str, &'static str)];

    /// A region that has no zones, where the cloud has such.
    fn region_without_zones(&self) -> Option<&str> {
        None
    }

    /// Scenarios that the judge can't run, each with the reason.
    fn beyond(&self) -> &[(&'static str, &'static str)] {
        &[]
    }

    /// Makes what controllers inside a cluster would make (a load balancer, a volume), behind our back. `false` where the
    /// judge can't.
    async fn act_as_kubernetes(&self, _region: &str, _state: &State) -> Result<bool, String> {
        Ok(false)
    }
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
    /// Flaws that showed.
    pub flaws: BTreeSet<Flaw>,
    /// Kinds of which the judge left something behind.
    pub leaks: BTreeSet<&'static str>,
    /// Capabilities that showed.
    pub shown: BTreeSet<&'static str>,
}

/// Builds the scenario, changes it step by step, and takes it away. Gives an empty outcome where the cloud has no such
/// place.
pub async fn run(harness: &dyn Harness, scenario: &Scenario) -> Result<Outcome, String> {
    let region = match scenario.place {
        Place::Zones | Place::OthersNetwork => harness.region(),
        Place::NoZones => match harness.region_without_zones() {
            Some(region) => region,
            None => return Ok(Outcome::default()),
        },
    };
    let before = harness.inventory().await?;
    let mut bench = Bench { harness, region, scenario: scenario.name, state: None, outcome: Outcome::default() };
    let named = |error: String| format!("{}: {error}", scenario.name);
    if scenario.place == Place::OthersNetwork {
        bench.in_others_network(scenario).await.map_err(named)?;
    } else {
        bench.steps(scenario, None).await.map_err(named)?;
        bench.end().await.map_err(named)?;
    }
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
    if before == after {
        bench.outcome.shown.insert(DESTROY);
        Ok(bench.outcome)
    } else {
        Err(named(differences(&before, &after)))
    }
}

/// The network of a cluster, as the spec of another names it.
struct Existing {
    network: String,
    address: String,
}

impl Existing {
    fn of(owner: &Cluster, state: &State) -> Result<Self, String> {
        let id_of = |what: &str, name: &str| {
            let is_it = |kind: &str| kind.rsplit('_').next().is_some_and(|last| last.starts_with(what));
            let mut found =
                state.resources.iter().filter(|(address, _)| address.name() == name && is_it(address.kind()));
            found.next().map(|(_, record)| record.id.clone()).ok_or_else(|| format!("the owner has no {what} `{name}`"))
        };
        let network = id_of("network", "main").or_else(|_| id_of("vpc", "main"))?;
        let mut subnets = Vec::new();
        for subnet in &owner.network.subnets {
            let id = id_of("subnet", &subnet.name)?;
            let zone = if subnet.zone.is_empty() { String::new() } else { format!("zone: {:?}, ", subnet.zone) };
            let role = if subnet.role == SubnetRole::Public { "public" } else { "private" };
            subnets.push(format!("{{ id: {id:?}, {zone}cidr: {}, role: {role} }}", subnet.cidr));
        }
        let cidr = owner.network.cidr;
        let network = format!("{{ cidr: {cidr}, existing: {{ id: {network:?}, subnets: [{}] }} }}", subnets.join(", "));
        let machines = owner.network.subnets.iter().find(|subnet| subnet.role == SubnetRole::Private);
        let address = machines.and_then(|subnet| subnet.cidr.hosts().nth(99)).ok_or("the owner has no room")?;
        Ok(Self { network, address: address.to_string() })
    }
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

struct Bench<'h> {
    harness: &'h dyn Harness,
    region: &'h str,
    scenario: &'static str,
    state: Option<State>,
    outcome: Outcome,
}

impl Bench<'_> {
    async fn steps(&mut self, scenario: &Scenario, existing: Option<&Existing>) -> Result<(), String> {
        for (index, step) in scenario.steps.iter().enumerate() {
            if index > 0 && scenario.steps[index - 1].spec == step.spec {
                return Err(format!("the step `{}` changes nothing", step.name));
            }
            let mut text = step.spec.clone();
            if let Some(existing) = existing {
                text = text.replace("EXISTING", &existing.network).replace("ADDRESS", &existing.address);
            }
            let cluster = self.resolve(&text).map_err(|error| format!("{}: {error}", step.name))?;
            self.converge(&cluster, Some(step)).await.map_err(|error| format!("{}: {error}", step.name))?;
            self.outcome.shown.extend(step.shows);
        }
        Ok(())
    }

    /// Lets Kubernetes' controllers leave something behind, and takes everything away.
    async fn end(&mut self) -> Result<(), String> {
        let Some(state) = &self.state else { return Err("nothing was made".to_owned()) };
        let acted = self.harness.act_as_kubernetes(self.region, state).await?;
        let name = state.cluster.clone();
        self.destroy(&name).await.map_err(|error| format!("destroy: {error}"))?;
        if acted {
            self.outcome.shown.insert(KUBERNETES);
        }
        Ok(())
    }

    /// Makes a cluster, another one in its network, and takes both away, the owner last.
    async fn in_others_network(&mut self, scenario: &Scenario) -> Result<(), String> {
        let owner = self.resolve(&owner())?;
        self.converge(&owner, None).await.map_err(|error| format!("the network's owner: {error}"))?;
        let state = self.state.take().ok_or("the network's owner has no state")?;
        let mut guest = Bench { state: None, outcome: Outcome::default(), ..*self };
        guest.steps(scenario, Some(&Existing::of(&owner, &state)?)).await?;
        guest.end().await?;
        self.outcome = guest.outcome;
        self.state = Some(state);
        // The guest has left the network as it was.
        let again = self.plan(&owner).await?;
        self.expect_empty(&again)?;
        self.destroy(&owner.name).await
    }

    /// The one cluster of a spec.
    fn resolve(&self, text: &str) -> Result<Cluster, String> {
        let catalogue = Catalogue::builtin().map_err(|error| error.to_string())?;
        let provider = self.harness.provider();
        let zone = catalogue.region(provider.name(), self.region).and_then(|region| region.zones.get(1).cloned());
        let text = text
            .replace("PROVIDER", provider.name())
            .replace("REGION", self.region)
            .replace("ZONE", &format!("{:?}", zone.unwrap_or_default()));
        let judge = |draft: &Draft| provider.check(draft);
        let clusters = meridian_spec::clusters_that_fit(&[("scenario.yaml", &text)], catalogue, &judge)
            .map_err(|faults| faults.to_string())?;
        clusters.into_iter().next().ok_or_else(|| "no cluster in the spec".to_owned())
    }

    async fn converge(&mut self, cluster: &Cluster, step: Option<&Step>) -> Result<(), String> {
        let plan = self.plan(cluster).await?;
        if let Some(step) = step {
            self.expect_allowed(&plan, step)?;
        }
        let before = self.ids();
        self.apply(&plan).await?;
        self.expect_kept(&plan, &before)?;
        let again = self.plan(cluster).await?;
        self.expect_empty(&again)
    }

    async fn cloud(&self, cluster: &str) -> Result<Arc<dyn Cloud>, String> {
        self.harness
            .provider()
            .connect(self.harness.connection(cluster, self.region))
            .await
            .map_err(|error| error.to_string())
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
            interrupted: None,
            state: self.state.as_ref(),
            // What is built anew in the same account is another thing: its tokens differ, as with a random seed.
            seed: &format!("{}-{}", self.scenario, cluster.name),
            observed: &observed,
            leftovers: &[],
            cluster: &cluster.name,
            provider: self.harness.provider().name(),
            region: self.region,
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
        // Another lineage for each scenario, likewise: tokens are made with it, and clouds remember them for hours.
        let lineage = format!("{}-{}", self.scenario, plan.cluster);
        let state = self.state.get_or_insert_with(|| State::new(&plan.cluster, &plan.provider, &plan.region, lineage));
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

    fn ids(&self) -> BTreeMap<Address, String> {
        let records = self.state.iter().flat_map(|state| &state.resources);
        records.map(|(address, record)| (address.clone(), record.id.clone())).collect()
    }

    /// Refuses a change that the step does not allow on its kind.
    fn expect_allowed(&self, plan: &Plan, step: &Step) -> Result<(), String> {
        let schemas = self.harness.provider().schemas();
        let title = |kind: &str| schemas.iter().find(|schema| schema.kind == kind).map_or("", |schema| schema.title);
        let beyond: BTreeSet<(Action, &str)> = plan
            .effective()
            .map(|change| (change.action, title(change.address.kind())))
            .filter(|(action, title)| !step.allows.iter().any(|allowed| allowed.covers(*action, title)))
            .collect();
        if beyond.is_empty() { Ok(()) } else { Err(format!("the step does not allow {beyond:?}")) }
    }

    /// Refuses that what was to stay, or to change in place, is another thing now.
    fn expect_kept(&self, plan: &Plan, before: &BTreeMap<Address, String>) -> Result<(), String> {
        let now = self.ids();
        let stays = |change: &&Change| matches!(change.action, Action::Update | Action::NoOp);
        let others = plan.changes.iter().filter(stays).map(|change| &change.address);
        let others: Vec<String> = others
            .filter(|address| before.contains_key(*address) && before.get(*address) != now.get(*address))
            .map(ToString::to_string)
            .collect();
        if others.is_empty() { Ok(()) } else { Err(format!("not the same after a change in place: {others:?}")) }
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
            interrupted: None,
            state: self.state.as_ref(),
            seed: &format!("{}-{name}", self.scenario),
            observed: &observed,
            leftovers: &leftovers,
            cluster: name,
            provider: self.harness.provider().name(),
            region: self.region,
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
