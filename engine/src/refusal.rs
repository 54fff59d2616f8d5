//! Changes that a plan is refused for.

use std::collections::BTreeSet;

use crate::Address;
use crate::graph::Node;
use crate::observed::Observed;
use crate::plan::{Action, Change, Reason};
use crate::schema::{OnChange, Replacement};
use crate::state::{State, Verb};
use crate::value::Value;

/// A change that would lose what can't be made again, or that the cluster would not survive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub address: Address,
    /// `replaced`, `changed` or `deleted`.
    pub verb: &'static str,
    /// The fields that ask for it; empty for a deletion.
    pub fields: BTreeSet<String>,
    /// How the cloud reports it as broken, if that is what asks for it.
    pub broken: Option<String>,
    /// What would be lost, and the way out.
    pub why: &'static str,
}

/// What speaks against the change of a desired resource.
pub(crate) fn of_change(node: &Node, change: &Change, state: Option<&State>) -> Vec<Refusal> {
    if never_was(change, state) {
        return Vec::new();
    }
    let mut refusals = of_fields(node, change);
    if let (Action::Replace, Replacement::Refused(why)) = (change.action, node.schema.replacement) {
        let (fields, broken) = match &change.reason {
            Reason::ForcesReplacement(fields) => (fields.clone(), None),
            Reason::Failed(how) => (BTreeSet::new(), Some(how.clone())),
            _ => (BTreeSet::new(), None),
        };
        refusals.push(Refusal { address: node.address.clone(), verb: "replaced", fields, broken, why });
    }
    refusals
}

/// What speaks against the deletion of a resource that is not desired any more.
pub(crate) fn of_deletion(observed: &Observed) -> Option<Refusal> {
    let Replacement::Refused(why) = observed.schema.replacement else { return None };
    let address = observed.address.clone();
    Some(Refusal { address, verb: "deleted", fields: BTreeSet::new(), broken: None, why })
}

/// Fields whose guards object.
fn of_fields(node: &Node, change: &Change) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for field in node.schema.fields.iter().filter(|field| change.changed.contains(field.name)) {
        let OnChange::UpdateIf(guard) = field.on_change else { continue };
        let value = |fields: &Option<crate::Fields>| {
            fields.as_ref().and_then(|fields| fields.get(field.name)).cloned().unwrap_or(Value::Null)
        };
        refusals.extend(guard(&value(&change.before), &value(&change.after)).into_iter().map(|why| Refusal {
            address: node.address.clone(),
            verb: "changed",
            fields: [field.name.to_owned()].into(),
            broken: None,
            why,
        }));
    }
    refusals
}

/// Whether a broken resource is what a create of ours left that never came to its end, so that there is nothing in it to
/// lose. The journal keeps its order: whatever came to use the resource was begun after its end was written down. Where
/// the state does not say all this, as when it was lost, the answer is no.
fn never_was(change: &Change, state: Option<&State>) -> bool {
    let Some(state) = state else { return false };
    let begun = state.intents.get(&change.address).is_some_and(|intent| intent.verb == Verb::Create);
    let recorded = state.resources.get(&change.address).map(|record| &record.id);
    matches!(change.reason, Reason::Failed(_)) && begun && recorded != change.id.as_ref()
}
