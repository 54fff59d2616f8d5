//! What only one resource of a kind can have at a time, such as a range of addresses, and who takes it over from whom.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use crate::Address;
use crate::graph::{Graph, Node};
use crate::observed::Observed;
use crate::schema::KindSchema;
use crate::value::Value;

/// For each desired resource, what exists and has to be gone before it can be made.
#[derive(Debug)]
pub(crate) struct Takeovers<'a> {
    graph: &'a Graph,
    before: BTreeMap<&'a Address, BTreeSet<&'a Address>>,
}

impl<'a> Takeovers<'a> {
    /// Compares what is desired with what is there.
    pub(crate) fn of(graph: &'a Graph, current: &BTreeMap<&'a Address, &'a Observed>) -> Self {
        let mut before: BTreeMap<&Address, BTreeSet<&Address>> = BTreeMap::new();
        for node in graph.iter() {
            for name in exclusive(node.schema) {
                let Some(wanted) = node.fields.get(name) else { continue };
                let has_it =
                    |address: &Address| current.get(address).and_then(|it| it.fields.get(name)) == Some(wanted);
                if has_it(&node.address) {
                    continue;
                }
                let holders = current.values().filter(|held| {
                    held.schema == node.schema
                        && held.address != node.address
                        && held.fields.get(name).is_some_and(|value| collide(value, wanted))
                        // One that keeps it is a fault of the compiler's, which no order mends.
                        && graph.get(&held.address).is_none_or(|kept| kept.fields.get(name) != held.fields.get(name))
                });
                let holders: Vec<&Address> = holders.map(|held| &held.address).collect();
                if !holders.is_empty() {
                    before.entry(&node.address).or_default().extend(holders);
                }
            }
        }
        Self { graph, before }
    }

    /// What has to be gone before `node` is made.
    pub(crate) fn before(&self, node: &Node) -> BTreeSet<Address> {
        self.before.get(&node.address).into_iter().flatten().map(|address| (*address).clone()).collect()
    }

    /// Whether `node` can't leave `held`, which it uses, before `held` goes: it needs what takes over from it.
    pub(crate) fn ties(&self, node: &Node, held: &Address) -> bool {
        let takers = self.before.iter().filter(|(_, holders)| holders.contains(held)).map(|(taker, _)| *taker);
        let takers: BTreeSet<&Address> = takers.collect();
        let mut ahead: Vec<Address> = node.depends_on().into_iter().collect();
        let mut seen = BTreeSet::new();
        while let (false, Some(address)) = (takers.is_empty(), ahead.pop()) {
            if takers.contains(&address) {
                return true;
            }
            if let Some(next) = self.graph.get(&address) {
                ahead.extend(next.depends_on().into_iter().filter(|address| !seen.contains(address)));
            }
            seen.insert(address);
        }
        false
    }
}

fn exclusive(schema: &'static KindSchema) -> impl Iterator<Item = &'static str> {
    schema.fields.iter().filter(|field| field.exclusive).map(|field| field.name)
}

/// Whether two resources can't have these at one time: ranges of addresses that overlap, or else the same.
fn collide(one: &Value, other: &Value) -> bool {
    let range = |value: &Value| value.as_str().and_then(|text| text.parse::<Ipv4Net>().ok());
    match (range(one), range(other)) {
        (Some(one), Some(other)) => one.contains(&other) || other.contains(&one),
        _ => one == other && !matches!(one, Value::Null | Value::After(_)),
    }
}
