//! Parts that were given another name and stay the same resources.

use std::collections::{BTreeMap, BTreeSet};

use crate::fault::Code;
use crate::nearest::{quote, suggest};
use crate::path::Path;
use crate::raw::{self, ClusterSpec, Moved};

use super::Check;

/// What the name of a pool stands behind.
const POOLS: &str = "pools.";

impl Check<'_> {
    /// The names that pools were made with, by their present ones; only of those that have another one now.
    pub(super) fn identities(&mut self, spec: &ClusterSpec) -> Option<BTreeMap<String, String>> {
        let path = Path::of("spec.moved");
        let moved = self.or_default(spec.moved.clone(), &path, Vec::new())?;
        let pools: BTreeSet<&str> =
            spec.pools.iter().flatten().filter_map(|pool| pool.name.as_ref()).map(raw::Name::as_str).collect();
        let mut earlier: BTreeMap<&str, &str> = BTreeMap::new();
        for (index, entry) in moved.iter().enumerate() {
            let at = path.index(index);
            let Some((from, to)) = names(entry) else { continue };
            if pools.contains(from) {
                let message = format!("there is a pool named {} still", quote(from));
                let hint = "it can't have moved: remove this entry, or give that pool another name".to_owned();
                self.fault(Code::Conflict, &at.key("from"), message, hint);
            }
            if earlier.values().any(|other| *other == from) {
                let message = format!("{} has moved above already", quote(from));
                self.fault(Code::DuplicateName, &at.key("from"), message, "one pool can come of it".to_owned());
            }
            if earlier.insert(to, from).is_some() {
                let message = format!("another pool has become {} above", quote(to));
                self.fault(Code::DuplicateName, &at.key("to"), message, "a pool has one earlier name".to_owned());
            }
        }
        // A pool may have moved more than once; then the present name stands at the end of a chain.
        let links: BTreeSet<&str> = earlier.values().copied().collect();
        for (index, entry) in moved.iter().enumerate() {
            let Some((_, to)) = names(entry) else { continue };
            if !pools.contains(to) && !links.contains(to) {
                let hint = suggest(to, pools.iter().copied().collect::<Vec<_>>());
                let message = format!("there is no pool named {}", quote(to));
                self.fault(Code::InvalidValue, &path.index(index).key("to"), message, hint);
            }
        }
        let identity = |name: &str| {
            let mut first = name;
            // No chain is longer than the list; one that goes round would be.
            for _ in 0..=earlier.len() {
                let Some(before) = earlier.get(first) else { return Some(first.to_owned()) };
                first = before;
            }
            None
        };
        let mut identities = BTreeMap::new();
        for (index, entry) in moved.iter().enumerate() {
            let Some((_, to)) = names(entry) else { continue };
            if let Some(first) = identity(to) {
                identities.insert(to.to_owned(), first);
            } else {
                let message = format!("{} comes of itself", quote(to));
                let hint = "remove the entry that leads back".to_owned();
                self.fault(Code::Conflict, &path.index(index).key("to"), message, hint);
            }
        }
        Some(identities)
    }
}

/// The names of pools that an entry speaks of.
fn names(entry: &Moved) -> Option<(&str, &str)> {
    Some((entry.from.as_ref()?.as_str().strip_prefix(POOLS)?, entry.to.as_ref()?.as_str().strip_prefix(POOLS)?))
}
