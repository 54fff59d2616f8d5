//! Kinds for the tests, and a cloud that refuses what real ones refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use meridian_engine::apply::{Creation, Deletion, Executor, ExecutorError, Outcome, Ports, Report, Update, apply};
use meridian_engine::events::{Event, EventSink};
use meridian_engine::journal::{Durable, Entry, Journal, JournalError};
use meridian_engine::observed::Condition;
use meridian_engine::plan::Plan;
use meridian_engine::planner::{Inputs, PlanError, plan};
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Attr, Fields, Graph, KindSchema, Observed, Ref, Resource, State, Value, resource};
use tokio::sync::watch;

resource! {
    /// Holds everything; can't be replaced.
    pub struct Network = "demo_network", "network", Replacement::Refused("it holds the rest; make another cluster");
    fields { cidr: String => replace, note: String => update }
    computed { arn }
}
resource! {
    /// The old one must go first, since ranges may not overlap.
    pub struct Subnet = "demo_subnet", "subnet", Replacement::DeleteFirst;
    fields { network: Ref<Network> => replace, range: i64 => exclusive, note: String => update }
    computed {}
}
resource! {
    /// Its version grows with each update.
    pub struct Template = "demo_template", "template", Replacement::CreateFirst;
    fields { image: String => update, family: String => replace, secret: Option<String> => unread }
    computed { volatile version }
}
resource! {
    /// Uses subnets and a version of a template.
    pub struct Group = "demo_group", "group", Replacement::DeleteFirst, runs_controllers;
    fields {
        template: Ref<Template> => update,
        version: Attr<String> => update,
        subnets: Vec<Ref<Subnet>> => update,
        size: i64 => update,
    }
    computed {}
}

resource! {
    /// One of a quorum.
    pub struct Member = "demo_member", "member", Replacement::InTurn;
    fields { size: i64 => replace }
    computed {}
}

resource! {
    /// What a controller makes in a subnet.
    pub struct Service = "demo_service", "service", Replacement::DeleteFirst;
    fields { subnet: Ref<Subnet> => replace }
    computed {}
}

resource! {
    /// One of a chain, each of which needs the one before.
    pub struct Link = "demo_link", "link", Replacement::DeleteFirst;
    fields { before: Option<Ref<Link>> => replace }
    computed {}
}

resource! {
    /// What holds data.
    pub struct Store = "demo_store", "store", Replacement::Refused("it holds data");
    fields { size: i64 => update_if(grows) }
    computed {}
}

fn grows(before: &Value, after: &Value) -> Vec<&'static str> {
    if after < before { vec!["it only grows"] } else { Vec::new() }
}

const SCHEMAS: [fn() -> &'static KindSchema; 8] = [
    Network::schema,
    Subnet::schema,
    Template::schema,
    Group::schema,
    Member::schema,
    Service::schema,
    Link::schema,
    Store::schema,
];

fn schema(kind: &str) -> &'static KindSchema {
    SCHEMAS.iter().map(|schema| schema()).find(|schema| schema.kind == kind).unwrap()
}

/// Puts one resource into a graph.
type Part<'w> = Box<dyn FnOnce(&mut Graph) + 'w>;

/// A cluster of the test kinds, as few numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub subnets: BTreeMap<String, i64>,
    pub image: String,
    pub family: String,
    pub note: String,
    /// Groups with their sizes; each uses all subnets.
    pub groups: BTreeMap<String, i64>,
}

impl Wish {
    pub fn small() -> Self {
        Self {
            subnets: [("a".into(), 1), ("b".into(), 2)].into(),
            image: "one".into(),
            family: "x".into(),
            note: String::new(),
            groups: [("g".into(), 3)].into(),
        }
    }

    pub fn graph(&self) -> Graph {
        self.graph_in(false)
    }

    /// The same graph, put together the other way round.
    pub fn graph_in(&self, reversed: bool) -> Graph {
        let mut graph = Graph::new();
        let subnets: Vec<_> = self.subnets.keys().map(|name| Ref::<Subnet>::to(name).unwrap()).collect();
        let (template, network) = (Ref::<Template>::to("t").unwrap(), Ref::<Network>::to("main").unwrap());
        let mut parts: Vec<Part<'_>> = vec![
            Box::new(|graph| {
                graph.add("main", Network { cidr: "10.0.0.0/8".into(), note: self.note.clone() }).unwrap();
            }),
            Box::new(|graph| {
                let (image, family) = (self.image.clone(), self.family.clone());
                graph.add("t", Template { secret: Some(image.clone()), image, family }).unwrap();
            }),
        ];
        for (name, range) in &self.subnets {
            let (network, note) = (network.clone(), self.note.clone());
            parts.push(Box::new(move |graph| {
                graph.add(name, Subnet { network, range: *range, note }).unwrap();
            }));
        }
        for (name, size) in &self.groups {
            let (template, subnets) = (template.clone(), subnets.clone());
            parts.push(Box::new(move |graph| {
                let version = template.attribute("version");
                graph.add(name, Group { template, version, subnets, size: *size }).unwrap();
            }));
        }
        if reversed {
            parts.reverse();
        }
        for part in parts {
            part(&mut graph);
        }
        graph
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stored {
    address: Address,
    fields: Fields,
    computed: Fields,
    token: String,
}

#[derive(Debug, Default)]
struct World {
    next: u32,
    things: BTreeMap<String, Stored>,
    log: Vec<String>,
}

/// The cloud. Every call takes a second of the paused clock.
#[derive(Default)]
pub struct Cloud {
    world: Mutex<World>,
    /// Addresses whose changes fail.
    pub broken: Mutex<BTreeSet<String>>,
    /// Addresses whose changes get no answer.
    pub silent: Mutex<BTreeSet<String>>,
    /// Calls after which every later one hangs, as for a killed process: before or after the effect.
    pub die_at: Mutex<Option<(usize, bool)>>,
    calls: Mutex<usize>,
}

impl Cloud {
    async fn call(
        &self,
        line: String,
        effect: impl FnOnce(&mut World) -> Result<(), String>,
    ) -> Result<(), ExecutorError> {
        let number = {
            let mut calls = self.calls.lock().unwrap();
            *calls += 1;
            *calls
        };
        let dies = *self.die_at.lock().unwrap();
        if let Some((at, after_effect)) = dies
            && (number > at || number == at && !after_effect)
        {
            return std::future::pending().await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        {
            let mut world = self.world.lock().unwrap();
            effect(&mut world).map_err(|why| ExecutorError::Answered(why.into()))?;
            world.log.push(line);
        }
        match dies {
            Some((at, true)) if number == at => std::future::pending().await,
            _ => Ok(()),
        }
    }

    pub fn calls(&self) -> usize {
        *self.calls.lock().unwrap()
    }

    pub fn log(&self) -> Vec<String> {
        self.world.lock().unwrap().log.clone()
    }

    pub fn observe(&self) -> Vec<Observed> {
        let world = self.world.lock().unwrap();
        world
            .things
            .iter()
            .map(|(id, stored)| Observed {
                address: stored.address.clone(),
                schema: schema(stored.address.kind()),
                id: id.clone(),
                fields: stored
                    .fields
                    .iter()
                    .filter(|(name, _)| *name != "secret")
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect(),
                computed: stored.computed.clone(),
                condition: Condition::Ready,
            })
            .collect()
    }

    /// Everything that exists, without ids and versions: what two clouds are compared by.
    pub fn inventory(&self) -> BTreeMap<Address, Vec<String>> {
        let world = self.world.lock().unwrap();
        let name = |id: &str| world.things.get(id).map_or(id.to_owned(), |stored| stored.address.to_string());
        let mut found: BTreeMap<Address, Vec<String>> = BTreeMap::new();
        for stored in world.things.values() {
            let mut text = String::new();
            for (field, value) in stored.fields.iter().filter(|(field, _)| *field != "version") {
                let mut strings = Vec::new();
                value.strings(&mut strings);
                let strings: Vec<_> = strings.into_iter().map(name).collect();
                let data = if strings.is_empty() { value.to_json().to_string() } else { strings.join(",") };
                text.extend([field.as_str(), "=", &data, ";"]);
            }
            found.entry(stored.address.clone()).or_default().push(text);
        }
        found
    }

    pub fn is_broken(&self, address: &Address) -> Result<(), ExecutorError> {
        let holds = |addresses: &Mutex<BTreeSet<String>>| addresses.lock().unwrap().contains(&address.to_string());
        if holds(&self.broken) {
            return Err(ExecutorError::Answered("the cloud says no".into()));
        }
        if holds(&self.silent) { Err(ExecutorError::Open("the cloud says nothing".into())) } else { Ok(()) }
    }
}

fn check(world: &World, address: &Address, fields: &Fields) -> Result<(), String> {
    for value in fields.values() {
        let mut strings = Vec::new();
        value.strings(&mut strings);
        for id in strings.into_iter().filter(|text| text.starts_with("id-")) {
            if !world.things.contains_key(id) {
                return Err(format!("{address} refers to {id}, which is not there"));
            }
        }
    }
    if address.kind() == "demo_subnet" {
        let taken = world.things.values().any(|stored| {
            stored.address.kind() == "demo_subnet"
                && stored.address != *address
                && stored.fields.get("range") == fields.get("range")
        });
        if taken {
            return Err(format!("{address} overlaps"));
        }
    }
    Ok(())
}

fn computed(address: &Address, version: u32) -> Fields {
    match address.kind() {
        "demo_template" => [("version".to_owned(), Value::String(version.to_string()))].into(),
        "demo_network" => [("arn".to_owned(), Value::String("arn:network".into()))].into(),
        _ => Fields::new(),
    }
}

#[async_trait]
impl Executor for Cloud {
    async fn create(&self, creation: Creation) -> Result<Outcome, ExecutorError> {
        self.is_broken(&creation.address)?;
        let made = Mutex::new(None);
        self.call(format!("create {}", creation.address), |world| {
            if let Some((id, stored)) = world.things.iter().find(|(_, stored)| stored.token == creation.token) {
                *made.lock().unwrap() = Some(Outcome { id: id.clone(), computed: stored.computed.clone() });
                return Ok(());
            }
            check(world, &creation.address, &creation.fields)?;
            world.next += 1;
            let id = format!("id-{}", world.next);
            let computed = computed(&creation.address, 1);
            *made.lock().unwrap() = Some(Outcome { id: id.clone(), computed: computed.clone() });
            world.things.insert(
                id,
                Stored {
                    address: creation.address.clone(),
                    fields: creation.fields.clone(),
                    computed,
                    token: creation.token.clone(),
                },
            );
            Ok(())
        })
        .await?;
        Ok(made.into_inner().unwrap().unwrap())
    }

    async fn update(&self, update: Update) -> Result<Outcome, ExecutorError> {
        self.is_broken(&update.address)?;
        let made = Mutex::new(None);
        self.call(format!("update {}", update.address), |world| {
            check(world, &update.address, &update.after)?;
            let stored = world.things.get_mut(&update.id).ok_or("not found")?;
            let version = stored
                .computed
                .get("version")
                .and_then(Value::as_str)
                .map_or(1, |version| version.parse::<u32>().unwrap() + 1);
            stored.fields = update.after.clone();
            stored.computed = computed(&update.address, version);
            *made.lock().unwrap() = Some(Outcome { id: update.id.clone(), computed: stored.computed.clone() });
            Ok(())
        })
        .await?;
        Ok(made.into_inner().unwrap().unwrap())
    }

    async fn delete(&self, deletion: Deletion) -> Result<(), ExecutorError> {
        self.is_broken(&deletion.address)?;
        self.call(format!("delete {}", deletion.address), |world| {
            let user = world.things.iter().find(|(id, stored)| {
                let mut strings = Vec::new();
                stored.fields.values().for_each(|value| value.strings(&mut strings));
                **id != deletion.id && strings.contains(&deletion.id.as_str())
            });
            if let Some((_, user)) = user {
                return Err(format!("{} is still used by {}", deletion.address, user.address));
            }
            world.things.remove(&deletion.id);
            Ok(())
        })
        .await
    }
}

/// A journal in memory that outlives a killed apply.
#[derive(Default)]
pub struct Memory(Mutex<Vec<Entry>>);

#[async_trait]
impl Journal for Memory {
    fn write(&self, entry: Entry) -> Durable {
        self.0.lock().unwrap().push(entry);
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

/// Keeps every event.
#[derive(Default)]
pub struct Told(pub Mutex<Vec<Event>>);

impl EventSink for Told {
    fn emit(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// A cluster on the cloud, with its state.
#[derive(Default)]
pub struct Bench {
    pub cloud: Arc<Cloud>,
    pub state: Mutex<Option<State>>,
    pub told: Told,
}

impl Bench {
    pub fn plan(&self, graph: &Graph, destroy: bool) -> Result<Plan, PlanError> {
        self.plan_from(graph, destroy, &self.cloud.observe())
    }

    pub fn plan_from(&self, graph: &Graph, destroy: bool, observed: &[Observed]) -> Result<Plan, PlanError> {
        self.plan_with(graph, destroy, observed, &[])
    }

    pub fn plan_with(
        &self,
        graph: &Graph,
        destroy: bool,
        observed: &[Observed],
        leftovers: &[Observed],
    ) -> Result<Plan, PlanError> {
        let state = self.state.lock().unwrap().clone();
        plan(Inputs {
            graph,
            state: state.as_ref(),
            interrupted: None,
            seed: "bench",
            observed,
            leftovers,
            cluster: "demo",
            provider: "test",
            region: "here",
            emulated: true,
            destroy,
            deletion_protection: false,
            pins: BTreeMap::new(),
            outputs: BTreeMap::new(),
        })
    }

    /// Applies; the journal is taken into the state whatever happens, as the next run would do.
    pub async fn apply(&self, plan: &Plan) -> Report {
        self.apply_until(plan, watch::channel(false).1, std::future::pending()).await.unwrap()
    }

    /// Applies until `killed` is ready; then the apply is dropped where it stands.
    pub async fn apply_until(
        &self,
        plan: &Plan,
        stop: watch::Receiver<bool>,
        killed: impl Future<Output = ()>,
    ) -> Option<Report> {
        let journal = Memory::default();
        let report = {
            let ports = Ports { executor: self.cloud.as_ref(), journal: &journal, events: &self.told };
            tokio::select! {
                report = apply(plan, ports, stop) => Some(report.unwrap()),
                () = killed => None,
            }
        };
        let mut state = self.state.lock().unwrap();
        let state = state.get_or_insert_with(|| State::new("demo", "test", "here", "lineage".into()));
        state.serial += 1;
        state.fold(journal.0.into_inner().unwrap());
        report
    }
}
