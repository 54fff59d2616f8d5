//! What exists in the cloud now.

use std::collections::BTreeMap;

use crate::schema::KindSchema;
use crate::value::{Fields, Value};
use crate::{Address, Reference};

/// A resource as the cloud has it. Its fields are named and shaped as the desired ones, with ids in the place of
/// references; none of them was ever taken from the desired side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The address it is tagged with.
    pub address: Address,
    pub schema: &'static KindSchema,
    /// The cloud's own id.
    pub id: String,
    /// The desired fields as they are.
    pub fields: Fields,
    /// The computed attributes of the kind.
    pub computed: Fields,
    pub condition: Condition,
}

/// Whether a resource can be built upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    Ready,
    /// Still being made; the text says what it waits for.
    Unfinished(String),
    /// It is there, as the state has recorded it, and does not bear the cluster's marks yet: someone else made it, or has
    /// taken them off. An update puts them on.
    Unmarked,
    /// Broken beyond repair; the text says how. It is replaced.
    Failed(String),
}

impl Observed {
    /// The value of an attribute: `id` or a computed one.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<Value> {
        if name == "id" { Some(Value::String(self.id.clone())) } else { self.computed.get(name).cloned() }
    }
}

/// Finds the attributes of existing resources.
#[must_use]
pub(crate) fn lookup(observed: &BTreeMap<&Address, &Observed>, reference: &Reference) -> Option<Value> {
    observed.get(&reference.address)?.attribute(&reference.attribute)
}
