//! What a state has recorded, for resources that do not say themselves whose they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use meridian_engine::Address;

use crate::cloud::Scope;

/// Recorded ids, and what reading found out about those that do not bear the cluster's marks. A resource without any marks
/// counts as the cluster's by its id; one with the marks of another cluster never does.
#[derive(Debug, Default)]
pub struct Recorded {
    /// By id. Resources of two kinds can have one, such as a role and its instance profile on AWS.
    addresses: BTreeMap<String, Vec<Address>>,
    /// Kinds and ids.
    unmarked: Mutex<BTreeSet<(String, String)>>,
    strangers: Mutex<BTreeMap<String, Stranger>>,
}

/// Why a recorded id is not the cluster's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stranger {
    /// It bears the marks of this cluster.
    OfCluster(String),
    /// It stands in this region.
    OfRegion(String),
}

/// What a resource is to a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// There is no such resource of the kind, or none that can be seen from here.
    Absent,
    /// It bears the cluster's marks, with this address.
    Ours(Address),
    Anothers(Stranger),
    /// It is there, and nobody's.
    Free,
}

impl Recorded {
    /// What `scope` says.
    #[must_use]
    pub fn of(scope: &Scope) -> Self {
        let mut addresses = BTreeMap::<String, Vec<Address>>::new();
        for (address, id) in &scope.recorded {
            addresses.entry(id.clone()).or_default().push(address.clone());
        }
        Self { addresses, ..Self::default() }
    }

    /// The recorded ids of a kind.
    pub fn ids<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        let of_kind = move |addresses: &[Address]| addresses.iter().any(|address| address.kind() == kind);
        self.addresses.iter().filter(move |(_, addresses)| of_kind(addresses)).map(|(id, _)| id.as_str())
    }

    /// Whether an id was recorded.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.addresses.contains_key(id)
    }

    /// Every recorded id.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.addresses.keys().map(String::as_str)
    }

    /// The address that a resource of `kind` without marks was recorded under; that it has none is remembered.
    #[must_use]
    pub fn unmarked(&self, kind: &str, id: &str) -> Option<Address> {
        let address = self.addresses.get(id)?.iter().find(|address| address.kind() == kind)?;
        let mut unmarked = self.unmarked.lock().unwrap_or_else(PoisonError::into_inner);
        unmarked.insert((kind.to_owned(), id.to_owned()));
        Some(address.clone())
    }

    /// Whether [`Recorded::unmarked`] was asked for this resource.
    #[must_use]
    pub fn is_unmarked(&self, kind: &str, id: &str) -> bool {
        let unmarked = self.unmarked.lock().unwrap_or_else(PoisonError::into_inner);
        unmarked.contains(&(kind.to_owned(), id.to_owned()))
    }

    /// Remembers why a recorded id is not the cluster's.
    pub fn turn_down(&self, id: &str, stranger: Stranger) {
        if self.contains(id) {
            self.strangers.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), stranger);
        }
    }

    /// What was remembered.
    #[must_use]
    pub fn stranger(&self, id: &str) -> Option<Stranger> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bears_no_marks_is_known_by_its_id_and_kind() {
        let (address, router): (Address, Address) =
            ("test_network.main".parse().unwrap(), "test_router.main".parse().unwrap());
        let recorded = [&address, &router].map(|address| (address.clone(), "n-1".to_owned()));
        let scope = Scope { cluster: "demo".to_owned(), recorded: recorded.into() };
        let recorded = Recorded::of(&scope);
        assert_eq!(recorded.ids("test_network").collect::<Vec<_>>(), ["n-1"]);
        assert_eq!(recorded.unmarked("test_subnet", "n-1"), None);
        assert!(!recorded.is_unmarked("test_network", "n-1"));
        assert_eq!(recorded.unmarked("test_network", "n-1"), Some(address));
        assert!(recorded.is_unmarked("test_network", "n-1") && !recorded.is_unmarked("test_router", "n-1"));
        assert_eq!(recorded.unmarked("test_router", "n-1"), Some(router));
        recorded.turn_down("n-2", Stranger::OfCluster("other".to_owned()));
        assert_eq!(recorded.stranger("n-2"), None);
    }
}
