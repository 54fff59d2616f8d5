//! Comparison of what is desired with what is observed. Pure and deterministic: the plan is a function of its inputs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest, Sha256};

use crate::Address;
use crate::graph::{Graph, GraphError, Node};
use crate::observed::{Condition, Observed, lookup};
use crate::plan::{Action, Change, Drift, FORMAT_VERSION, Interrupted, Plan, Reason};
use crate::refusal;
use crate::schema::{OnChange, Replacement};
use crate::state::{State, Verb};
use crate::steps::{CycleError, Steps};
use crate::takeover::Takeovers;
use crate::value::{Fields, Reference, Value};

pub use crate::refusal::Refusal;

/// Everything a plan is made from.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// What should be; empty for `destroy`.
    pub graph: &'a Graph,
    /// What was; `None` when the cluster was never applied.
    pub state: Option<&'a State>,
    /// The run that wrote the state, if it did not come to its end.
    pub interrupted: Option<Interrupted>,
    /// What the tokens of creates are made with while there is no state. It has to be another for each cluster: clouds
    /// remember tokens for hours, and would answer for one of the same name that is gone.
    pub seed: &'a str,
    /// What is.
    pub observed: &'a [Observed],
    /// What controllers inside the cluster made; looked for at `destroy` only. It refers to no machine, since it goes after
    /// them all.
    pub leftovers: &'a [Observed],
    pub cluster: &'a str,
    pub provider: &'a str,
    pub region: &'a str,
    /// Whether an emulator stands in for the cloud.
    pub emulated: bool,
    pub destroy: bool,
    pub deletion_protection: bool,
    pub pins: BTreeMap<String, String>,
    /// What users will want to know.
    pub outputs: BTreeMap<String, Value>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    #[error("the desired graph is unsound")]
    Graph(#[from] Box<GraphError>),
    #[error("the plan's steps can't be ordered")]
    Steps(#[from] CycleError),
    #[error("{} refused", if .0.len() == 1 { "1 change is".to_owned() } else { format!("{} changes are", .0.len()) })]
    Refused(Vec<Refusal>),
}

/// Decides every change.
pub fn plan(inputs: Inputs<'_>) -> Result<Plan, PlanError> {
    let nodes = inputs.graph.in_order().map_err(Box::new)?;
    let (current, deposed) = choose(&inputs);
    let ids = identities(current.values().copied().chain(deposed.iter().copied()).chain(inputs.leftovers));

    let takeovers = Takeovers::of(inputs.graph, &current);
    let mut changes: BTreeMap<Address, Change> = BTreeMap::new();
    let mut refusals = Vec::new();
    for node in nodes {
        let change = decide(node, &current, &changes, &inputs, &ids, &takeovers);
        refusals.extend(refusal::of_change(node, &change, inputs.state));
        changes.insert(node.address.clone(), change);
    }
    for observed in current.values().filter(|observed| !changes.contains_key(&observed.address)).collect::<Vec<_>>() {
        refusals.extend(refusal::of_deletion(observed).filter(|_| !inputs.destroy));
        let reason = if inputs.destroy { Reason::Destroy } else { Reason::NotDesired };
        changes.insert(observed.address.clone(), removal(observed, reason, &ids, inputs.state));
    }
    if !refusals.is_empty() {
        return Err(PlanError::Refused(refusals));
    }
    forget(inputs.state, &mut changes);

    let outputs = inputs
        .outputs
        .iter()
        .map(|(name, value)| (name.clone(), value.resolve(&|r| answer(r, &current, &changes))))
        .collect();
    let mut changes: Vec<Change> = changes.into_values().collect();
    changes.extend(deposed.iter().map(|observed| removal(observed, Reason::Deposed, &ids, None)));
    changes.extend(inputs.leftovers.iter().map(|observed| removal(observed, Reason::Leftover, &ids, None)));
    let makers = inputs.observed.iter().filter(|observed| observed.schema.runs_controllers);
    let makers: BTreeSet<&Address> = makers.map(|observed| &observed.address).collect();
    for change in changes.iter_mut().filter(|change| makers.contains(&change.address)) {
        change.depended_on.extend(inputs.leftovers.iter().map(|observed| observed.address.clone()));
    }
    changes.sort_by(|a, b| (&a.address, &a.id).cmp(&(&b.address, &b.id)));

    let plan = Plan {
        format_version: FORMAT_VERSION,
        cluster: inputs.cluster.to_owned(),
        provider: inputs.provider.to_owned(),
        region: inputs.region.to_owned(),
        emulated: inputs.emulated,
        lineage: inputs.state.map(|state| state.lineage.clone()),
        serial: inputs.state.map_or(0, |state| state.serial),
        state_digest: inputs.state.map(State::digest).unwrap_or_default(),
        destroy: inputs.destroy,
        deletion_protection: inputs.deletion_protection,
        pins: inputs.pins,
        outputs,
        drift: drift(inputs.state, &current),
        interrupted: inputs.interrupted,
        changes,
    };
    Steps::of(&plan)?;
    Ok(plan)
}

/// One resource an address, and the others that claim it. The one the state has recorded wins, then a sound one, then
/// the smallest id, so that the choice is the same each time. Where a create was begun whose outcome was never written
/// down, the recorded one is what it was to succeed, so a sound successor wins.
fn choose<'a>(inputs: &Inputs<'a>) -> (BTreeMap<&'a Address, &'a Observed>, Vec<&'a Observed>) {
    let recorded = |observed: &Observed| {
        inputs
            .state
            .and_then(|state| state.resources.get(&observed.address))
            .is_some_and(|record| record.id == observed.id)
    };
    let succeeds = |observed: &Observed| {
        let intent = inputs.state.and_then(|state| state.intents.get(&observed.address));
        intent.is_some_and(|intent| intent.verb == Verb::Create)
    };
    let rank = |observed: &'a Observed| {
        let failed = matches!(observed.condition, Condition::Failed(_));
        let order = if succeeds(observed) { (failed, recorded(observed)) } else { (!recorded(observed), failed) };
        (order, observed.id.as_str())
    };
    let mut sorted: Vec<&Observed> = inputs.observed.iter().collect();
    sorted.sort_by_cached_key(|observed| (&observed.address, rank(observed)));
    let mut current = BTreeMap::new();
    let mut deposed = Vec::new();
    for observed in sorted {
        if current.contains_key(&observed.address) {
            deposed.push(observed);
        } else {
            current.insert(&observed.address, observed);
        }
    }
    (current, deposed)
}

/// What a reference stands for, if it is known before apply.
fn answer(
    reference: &Reference,
    current: &BTreeMap<&Address, &Observed>,
    changes: &BTreeMap<Address, Change>,
) -> Option<Value> {
    let change = changes.get(&reference.address)?;
    let observed = current.get(&reference.address)?;
    match change.action {
        Action::NoOp => lookup(current, reference),
        Action::Update if !observed.schema.changes_on_update(&reference.attribute) => lookup(current, reference),
        _ => None,
    }
}

fn decide(
    node: &Node,
    current: &BTreeMap<&Address, &Observed>,
    changes: &BTreeMap<Address, Change>,
    inputs: &Inputs<'_>,
    ids: &HashMap<&str, &Address>,
    takeovers: &Takeovers<'_>,
) -> Change {
    let after: Fields = node
        .fields
        .iter()
        .map(|(name, value)| (name.clone(), value.resolve(&|r| answer(r, current, changes))))
        .collect();
    let Some(observed) = current.get(&node.address) else {
        let recorded = inputs.state.is_some_and(|state| state.resources.contains_key(&node.address));
        let reason = if recorded { Reason::Missing } else { Reason::New };
        let (token, token_seed) = token(node, inputs);
        return Change {
            address: node.address.clone(),
            action: Action::Create,
            reason,
            id: None,
            before: None,
            after: Some(after),
            computed: Fields::new(),
            changed: BTreeSet::new(),
            create_first: false,
            in_turn: node.schema.replacement == Replacement::InTurn,
            token,
            token_seed,
            depends_on: node.depends_on(),
            depended_on: BTreeSet::new(),
            takes_over_from: takeovers.before(node),
        };
    };

    let differing: BTreeSet<String> = node
        .schema
        .fields
        .iter()
        .filter(|field| !matches!(field.on_change, OnChange::Unread))
        .filter(|field| after.get(field.name) != observed.fields.get(field.name))
        .map(|field| field.name.to_owned())
        .collect();
    let forced: BTreeSet<String> = differing
        .iter()
        .filter(|name| node.schema.field(name).is_some_and(|field| matches!(field.on_change, OnChange::Replace)))
        .cloned()
        .collect();
    let depended_on = depended_on(observed, ids, inputs.state);
    let in_the_way: BTreeSet<Address> = depended_on
        .iter()
        .filter(|address| {
            changes.get(*address).is_some_and(|c| c.action == Action::Replace && !c.create_first)
                || takeovers.ties(node, address)
        })
        .cloned()
        .collect();
    // What it has to let go of first can't be used by its successor yet.
    let create_first = node.schema.replacement == Replacement::CreateFirst && in_the_way.is_empty();
    let (action, reason) = match &observed.condition {
        Condition::Failed(how) => (Action::Replace, Reason::Failed(how.clone())),
        _ if !forced.is_empty() => (Action::Replace, Reason::ForcesReplacement(forced)),
        // It can't let go of what must be gone before there is a new one, or another in its place.
        _ if !in_the_way.is_empty() => (Action::Replace, Reason::DependencyReplaced(in_the_way)),
        Condition::Unfinished(what) => (Action::Update, Reason::Unfinished(what.clone())),
        Condition::Unmarked => (Action::Update, Reason::Unmarked),
        Condition::Ready if differing.is_empty() => (Action::NoOp, Reason::AsDesired),
        Condition::Ready => (Action::Update, Reason::FieldsChanged),
    };
    let (token, token_seed) =
        if action == Action::Replace { token(node, inputs) } else { (String::new(), String::new()) };
    Change {
        address: node.address.clone(),
        action,
        reason,
        id: Some(observed.id.clone()),
        before: Some(observed.fields.clone()),
        after: Some(after),
        computed: observed.computed.clone(),
        changed: differing,
        create_first,
        in_turn: node.schema.replacement == Replacement::InTurn,
        token,
        token_seed,
        depends_on: node.depends_on(),
        depended_on,
        takes_over_from: takeovers.before(node),
    }
}

fn removal(observed: &Observed, reason: Reason, ids: &HashMap<&str, &Address>, state: Option<&State>) -> Change {
    Change {
        address: observed.address.clone(),
        action: Action::Delete,
        reason,
        id: Some(observed.id.clone()),
        before: Some(observed.fields.clone()),
        after: None,
        computed: observed.computed.clone(),
        changed: BTreeSet::new(),
        create_first: false,
        in_turn: false,
        token: String::new(),
        token_seed: String::new(),
        depends_on: BTreeSet::new(),
        depended_on: depended_on(observed, ids, state),
        takes_over_from: BTreeSet::new(),
    }
}

/// Recorded resources that are neither desired nor there: only the record goes.
fn forget(state: Option<&State>, changes: &mut BTreeMap<Address, Change>) {
    for (address, record) in state.iter().flat_map(|state| &state.resources) {
        changes.entry(address.clone()).or_insert_with(|| Change {
            address: address.clone(),
            action: Action::Forget,
            reason: Reason::Missing,
            id: Some(record.id.clone()),
            before: None,
            after: None,
            computed: Fields::new(),
            changed: BTreeSet::new(),
            create_first: false,
            in_turn: false,
            token: String::new(),
            token_seed: String::new(),
            depends_on: BTreeSet::new(),
            depended_on: BTreeSet::new(),
            takes_over_from: BTreeSet::new(),
        });
    }
}

/// Ids and ARNs of what exists, by which observed fields point at each other.
fn identities<'a>(observed: impl Iterator<Item = &'a Observed>) -> HashMap<&'a str, &'a Address> {
    let mut ids = HashMap::new();
    for resource in observed {
        ids.insert(resource.id.as_str(), &resource.address);
        if let Some(arn) = resource.computed.get("arn").and_then(Value::as_str) {
            ids.insert(arn, &resource.address);
        }
    }
    ids
}

/// What an existing resource refers to: by the ids in its reference fields, and as the state recorded it.
fn depended_on(observed: &Observed, ids: &HashMap<&str, &Address>, state: Option<&State>) -> BTreeSet<Address> {
    let mut strings = Vec::new();
    for field in observed.schema.fields.iter().filter(|field| field.reference) {
        if let Some(value) = observed.fields.get(field.name) {
            value.strings(&mut strings);
        }
    }
    let by_id = strings.into_iter().filter_map(|id| ids.get(id).map(|address| (*address).clone()));
    let recorded = state
        .and_then(|state| state.resources.get(&observed.address))
        .into_iter()
        .flat_map(|record| record.depends_on.iter().cloned());
    by_id.chain(recorded).filter(|address| *address != observed.address).collect()
}

/// The idempotency token of a create: 32 hexadecimal digits out of the cluster, the address, the unresolved fields and
/// the state's lineage and serial. A create that was begun and never answered keeps the seed it was begun with, and so
/// its token (one that was answered with an error has none left), unless what it made is there: that is to be replaced, and its token would give it back.
fn token(node: &Node, inputs: &Inputs<'_>) -> (String, String) {
    let begun = inputs
        .state
        .filter(|state| !is_answered(&node.address, state, inputs.observed))
        .and_then(|state| state.intents.get(&node.address))
        .map(|intent| intent.seed.clone());
    let seed = begun.filter(|seed| !seed.is_empty()).unwrap_or_else(|| {
        inputs.state.map_or_else(|| inputs.seed.to_owned(), |state| format!("{}/{}", state.lineage, state.serial))
    });
    let mut digest = Sha256::new();
    for part in [inputs.cluster, inputs.region, &node.address.to_string(), &seed] {
        digest.update(part.len().to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.update(format!("{:?}", node.fields).as_bytes());
    let token = digest.finalize().iter().take(16).fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    (token, seed)
}

/// Whether something exists at the address that the state has not recorded: what a create that was begun has made.
fn is_answered(address: &Address, state: &State, observed: &[Observed]) -> bool {
    let recorded = state.resources.get(address).map(|record| record.id.as_str());
    observed.iter().any(|observed| observed.address == *address && Some(observed.id.as_str()) != recorded)
}

/// What differs from the last apply, without regard to what is desired now.
fn drift(state: Option<&State>, current: &BTreeMap<&Address, &Observed>) -> Vec<Drift> {
    let mut found = Vec::new();
    for (address, record) in state.iter().flat_map(|state| &state.resources) {
        let observed = current.get(address);
        let changed: BTreeSet<String> = observed.map_or_else(BTreeSet::new, |observed| {
            record
                .fields
                .iter()
                .filter(|(name, value)| observed.fields.get(*name).is_some_and(|now| now != *value))
                .filter(|(name, _)| {
                    observed.schema.field(name).is_none_or(|field| !matches!(field.on_change, OnChange::Unread))
                })
                .map(|(name, _)| name.clone())
                .collect()
        });
        if observed.is_none() || !changed.is_empty() {
            found.push(Drift {
                address: address.clone(),
                before: record.fields.clone(),
                after: observed.map(|observed| observed.fields.clone()),
                changed,
            });
        }
    }
    found
}
