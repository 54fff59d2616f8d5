//! The desired graph: every resource a cluster is made of. References are its only edges.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::toposort;
use petgraph::graphmap::DiGraphMap;

use crate::address::{Address, AddressError};
use crate::resource::{Ref, Resource};
use crate::schema::KindSchema;
use crate::value::{Fields, Reference};

/// A resource of the desired graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub address: Address,
    pub schema: &'static KindSchema,
    pub fields: Fields,
}

impl Node {
    /// The references in its fields.
    #[must_use]
    pub fn references(&self) -> BTreeSet<Reference> {
        let mut found = BTreeSet::new();
        self.fields.values().for_each(|value| value.references(&mut found));
        found
    }

    /// The resources it refers to.
    #[must_use]
    pub fn depends_on(&self) -> BTreeSet<Address> {
        self.references().into_iter().map(|reference| reference.address).collect()
    }
}

/// Desired resources by address. The order of insertion has no influence on anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    nodes: BTreeMap<Address, Node>,
}

/// Why a graph is not one. Each is a fault of a compiler, not of a user.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GraphError {
    #[error("the resource has no valid address")]
    Address(#[from] AddressError),
    #[error("{0} is there twice")]
    Duplicate(Address),
    #[error("{from} refers to {to}, which is not there")]
    Dangling { from: Address, to: Reference },
    #[error("{from} refers to {to}, but the kind has no such attribute")]
    NoSuchAttribute { from: Address, to: Reference },
    #[error("{0} depends on itself")]
    Cycle(Address),
}

impl Graph {
    /// A graph without resources: what `destroy` wants.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a resource in and gives the reference to it.
    pub fn add<R: Resource>(&mut self, name: &str, resource: R) -> Result<Ref<R>, GraphError> {
        let address = Address::new(R::SCHEMA.kind, name)?;
        if self.nodes.contains_key(&address) {
            return Err(GraphError::Duplicate(address));
        }
        let node = Node { address: address.clone(), schema: R::schema(), fields: resource.into_fields() };
        self.nodes.insert(address, node);
        Ok(Ref::to(name)?)
    }

    /// Checks that every reference leads somewhere and that there is no cycle.
    pub fn check(&self) -> Result<(), GraphError> {
        self.in_order().map(drop)
    }

    /// The nodes, each after all that it refers to.
    pub(crate) fn in_order(&self) -> Result<Vec<&Node>, GraphError> {
        let mut edges = DiGraphMap::<&Address, ()>::new();
        for node in self.nodes.values() {
            edges.add_node(&node.address);
            for reference in node.references() {
                let Some((address, target)) = self.nodes.get_key_value(&reference.address) else {
                    return Err(GraphError::Dangling { from: node.address.clone(), to: reference });
                };
                let attribute = reference.attribute.as_str();
                if attribute != "id" && !target.schema.computed.iter().any(|computed| computed.name == attribute) {
                    return Err(GraphError::NoSuchAttribute { from: node.address.clone(), to: reference });
                }
                edges.add_edge(address, &node.address, ());
            }
        }
        let order = toposort(&edges, None).map_err(|cycle| GraphError::Cycle(cycle.node_id().clone()))?;
        Ok(order.into_iter().filter_map(|address| self.get(address)).collect())
    }

    /// The same graph without the resources that `dropped` names and without whatever refers to them, at any distance.
    #[must_use]
    pub fn without(&self, dropped: &dyn Fn(&Node) -> bool) -> Self {
        let mut nodes = self.nodes.clone();
        nodes.retain(|_, node| !dropped(node));
        loop {
            let before = nodes.len();
            let left: BTreeSet<Address> = nodes.keys().cloned().collect();
            nodes.retain(|_, node| node.depends_on().is_subset(&left));
            if nodes.len() == before {
                return Self { nodes };
            }
        }
    }

    /// The resource at `address`.
    #[must_use]
    pub fn get(&self, address: &Address) -> Option<&Node> {
        self.nodes.get(address)
    }

    /// Every resource, by address.
    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// How many resources there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}
