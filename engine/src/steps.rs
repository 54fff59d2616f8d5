//! A plan as steps and the order between them. Order comes from the graph alone; there are no rounds.

use petgraph::algo::{has_path_connecting, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::BTreeMap;

use crate::Address;
use crate::plan::{Action, Change, Plan, Reason};
use crate::state::Verb;

/// One thing to do to one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'p> {
    pub change: &'p Change,
    pub verb: Verb,
}

impl<'p> Step<'p> {
    /// The id of what is removed, when it is not the resource of its address: of two of one address the recorded one stays,
    /// and must not look as if it were the one that goes.
    pub(crate) fn discards(&self) -> Option<&'p str> {
        self.change.id.as_deref().filter(|_| self.verb == Verb::Delete && self.change.is_leftover_removed())
    }
}

/// The steps of a plan; an edge leads from what comes first to what waits for it.
#[derive(Debug)]
pub struct Steps<'p> {
    pub(crate) graph: DiGraph<Step<'p>, ()>,
}

/// The steps wait for each other in a circle.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0} would have to come before itself")]
pub struct CycleError(Address);

/// The step that makes or changes, and the one that removes, of an address.
#[derive(Default, Clone, Copy)]
struct Pair {
    make: Option<NodeIndex>,
    remove: Option<NodeIndex>,
}

impl<'p> Steps<'p> {
    /// Orders the steps of `plan`.
    pub fn of(plan: &'p Plan) -> Result<Self, CycleError> {
        let mut graph = DiGraph::new();
        let mut pairs: BTreeMap<&Address, Pair> = BTreeMap::new();
        let mut all: Vec<(&Change, Pair)> = Vec::new();
        for change in &plan.changes {
            let mut pair = Pair::default();
            let mut add = |verb| Some(graph.add_node(Step { change, verb }));
            match change.action {
                Action::Create => pair.make = add(Verb::Create),
                Action::Update => pair.make = add(Verb::Update),
                Action::Replace => {
                    pair.remove = add(Verb::Delete);
                    pair.make = add(Verb::Create);
                }
                Action::Delete => pair.remove = add(Verb::Delete),
                Action::Forget | Action::NoOp => {}
            }
            all.push((change, pair));
            if !matches!(change.reason, Reason::Deposed) {
                pairs.insert(&change.address, pair);
            }
        }

        for (change, own) in &all {
            if let (Some(remove), Some(make)) = (own.remove, own.make) {
                let (first, then) = if change.create_first { (make, remove) } else { (remove, make) };
                graph.add_edge(first, then, ());
            }
            for other in change.depends_on.iter().filter_map(|address| pairs.get(address)) {
                if let (Some(make), Some(theirs)) = (own.make, other.make) {
                    graph.add_edge(theirs, make, ());
                }
            }
            for theirs in change.takes_over_from.iter().filter_map(|address| pairs.get(address)) {
                if let (Some(make), Some(remove)) = (own.make, theirs.remove) {
                    graph.add_edge(remove, make, ());
                }
            }
            for address in &change.depended_on {
                let Some(theirs) = pairs.get(address).and_then(|pair| pair.remove) else { continue };
                // What used it goes first, or, when it stays, moves over first. It can't move over before the new one
                // is there, so it only waits for that where the new one is made first.
                if let Some(remove) = own.remove {
                    graph.add_edge(remove, theirs, ());
                } else if let Some(make) = own.make
                    && graph[theirs].change.moves_over()
                {
                    graph.add_edge(make, theirs, ());
                }
            }
        }
        take_turns(&mut graph, &all);
        let_go_of_deposed(&mut graph, &all);
        toposort(&graph, None).map_err(|cycle| CycleError(graph[cycle.node_id()].change.address.clone()))?;
        Ok(Self { graph })
    }

    /// How many steps there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Of a quorum one member after another is replaced, and none while another is missing or half made, as an interrupted
/// run may leave one.
fn take_turns(graph: &mut DiGraph<Step<'_>, ()>, all: &[(&Change, Pair)]) {
    let mut before: BTreeMap<&str, Vec<NodeIndex>> = BTreeMap::new();
    for (change, own) in all.iter().filter(|(change, own)| change.in_turn && own.remove.is_none()) {
        before.entry(change.address.kind()).or_default().extend(own.make);
    }
    for (change, own) in all.iter().filter(|(change, _)| change.in_turn) {
        if let (Some(remove), Some(make)) = (own.remove, own.make) {
            for earlier in before.insert(change.address.kind(), vec![make]).unwrap_or_default() {
                graph.add_edge(earlier, remove, ());
            }
        }
    }
}

/// What uses an address may use the deposed resource still: it goes or moves over before that one is removed, unless the
/// order of the others forbids it.
fn let_go_of_deposed(graph: &mut DiGraph<Step<'_>, ()>, all: &[(&Change, Pair)]) {
    for (deposed, own) in all.iter().filter(|(change, _)| change.reason == Reason::Deposed) {
        let Some(remove) = own.remove else { continue };
        for (_, user) in all.iter().filter(|(change, _)| change.depended_on.contains(&deposed.address)) {
            if let Some(leaves) = user.remove.or(user.make)
                && !has_path_connecting(&*graph, remove, leaves, None)
            {
                graph.add_edge(leaves, remove, ());
            }
        }
    }
}

impl Change {
    /// Whether those that use the resource can leave it before it goes.
    fn moves_over(&self) -> bool {
        self.action == Action::Delete || self.create_first
    }
}
