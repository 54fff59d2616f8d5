//! Everything that exists in all projects, and what a handler may do with it.
//!
//! All services keep their things in the same way: as [`Item`]s by path. A path of Compute Engine is what the API calls
//! it, `projects/p/zones/z/disks/d`; the other services begin theirs with their own name, `iam/projects/p/…`. The path
//! says in which [`Part`] of the world, that is in which file, an item is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::operation::Operation;
use crate::clock::Millis;
use crate::config::{Pace, Quotas};
use crate::fault::{Effect, Faults};
use crate::ids::IdSource;
use crate::store::{Blobs, Store, StoreError};

/// A message of an API.
pub type Doc = Map<String, Value>;

/// Something that exists.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Item {
    /// What the API shows of it, except for what is worked out when it is shown.
    pub doc: Doc,
    /// What the API does not show.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub hidden: Doc,
    /// Whether an operation is at work on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub busy: bool,
}

impl Item {
    /// An item without secrets.
    pub fn new(doc: Doc) -> Self {
        Self { doc, ..Self::default() }
    }

    /// The same item while an operation is at work on it.
    #[must_use]
    pub fn while_busy(mut self) -> Self {
        self.busy = true;
        self
    }

    /// A text of the message; empty where there is none.
    pub fn text(&self, field: &str) -> &str {
        text(&self.doc, field)
    }
}

/// A text of a message; empty where there is none.
pub fn text<'a>(doc: &'a Doc, field: &str) -> &'a str {
    doc.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// What is kept in one file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Part {
    /// What exists, by path.
    pub items: BTreeMap<String, Arc<Item>>,
    /// Operations at work, by path.
    pub open: BTreeMap<String, Operation>,
    /// Operations that have ended, by path.
    pub done: BTreeMap<String, Operation>,
    /// When something is to be looked at again, by its path.
    pub wakes: BTreeMap<String, Millis>,
}

/// All that exists.
#[derive(Debug, Default)]
pub struct World {
    parts: BTreeMap<String, Part>,
    before: BTreeMap<String, Option<Part>>,
    dirty: BTreeSet<String>,
}

/// The part of the world in which a path is kept: a region with its zones, a global collection of a project (they are
/// the same for all regions, and one file a fleet would be written again and again), what is in a DNS zone or a bucket, or
/// a service.
pub fn part_of(path: &str) -> String {
    let mut parts = path.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("projects"), Some(project), Some("regions"), Some(region)) => format!("{project}.{region}"),
        (Some("projects"), Some(project), Some("zones"), Some(zone)) => format!("{project}.{}", region_of(zone)),
        (Some("projects"), Some(project), Some("global"), Some(collection)) => format!("{project}.global.{collection}"),
        (Some("dns"), Some(project), Some(zone), _) => format!("dns.{project}.{zone}"),
        (Some("objects"), Some(bucket), ..) => format!("objects.{bucket}"),
        (service, ..) => service.unwrap_or_default().to_owned(),
    }
}

/// The region of a zone.
pub fn region_of(zone: &str) -> &str {
    zone.rsplit_once('-').map_or(zone, |(region, _)| region)
}

impl World {
    /// Reads the world in a store.
    pub fn read(store: &Store) -> Result<Self, StoreError> {
        let mut world = Self::default();
        for part in store.parts()? {
            let read = store.read(&part)?.unwrap_or_default();
            world.parts.insert(part, read);
        }
        Ok(world)
    }

    /// Writes what has changed since the last time.
    pub fn save(&mut self, store: &Store) -> Result<(), StoreError> {
        for name in &self.dirty {
            if let Some(part) = self.parts.get(name) {
                store.save(name, part)?;
            }
        }
        self.dirty.clear();
        Ok(())
    }

    /// Makes what was done so far last, whatever becomes of the rest.
    pub fn commit(&mut self) {
        self.dirty.extend(std::mem::take(&mut self.before).into_keys());
    }

    /// Undoes everything since the last [`Self::commit`].
    pub fn rollback(&mut self) {
        for (name, part) in std::mem::take(&mut self.before) {
            match part {
                Some(part) => self.parts.insert(name, part),
                None => self.parts.remove(&name),
            };
        }
    }

    /// All parts by name.
    pub const fn parts(&self) -> &BTreeMap<String, Part> {
        &self.parts
    }

    /// A part, to be changed.
    pub fn part_mut(&mut self, name: &str) -> &mut Part {
        if !self.before.contains_key(name) {
            self.before.insert(name.to_owned(), self.parts.get(name).cloned());
        }
        self.parts.entry(name.to_owned()).or_default()
    }

    /// What exists at a path.
    pub fn get(&self, path: &str) -> Option<&Arc<Item>> {
        self.parts.get(&part_of(path))?.items.get(path)
    }

    /// Keeps something, in place of what was there.
    pub fn put(&mut self, path: &str, item: Item) {
        self.part_mut(&part_of(path)).items.insert(path.to_owned(), Arc::new(item));
    }

    /// Removes something.
    pub fn remove(&mut self, path: &str) -> Option<Arc<Item>> {
        self.part_mut(&part_of(path)).items.remove(path)
    }

    /// Everything whose path begins so, which must name the part.
    pub fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a String, &'a Arc<Item>)> {
        self.parts
            .get(&part_of(prefix))
            .into_iter()
            .flat_map(move |part| part.items.range(prefix.to_owned()..))
            .take_while(move |(path, _)| path.starts_with(prefix))
    }

    /// Everything that exists.
    pub fn all(&self) -> impl Iterator<Item = (&String, &Arc<Item>)> {
        self.parts.values().flat_map(|part| &part.items)
    }
}

/// What a handler works with. It holds the world alone while it does.
#[derive(Debug)]
pub struct Cx<'a> {
    /// Everything that exists.
    pub world: &'a mut World,
    /// When the request was handled.
    pub now: Millis,
    /// Makes ids.
    pub ids: &'a mut IdSource,
    /// How long things take.
    pub pace: Pace,
    /// How much there may be.
    pub quotas: Quotas,
    /// The largest page.
    pub page_limit: Option<usize>,
    /// The zones of regions that do not have the usual three.
    pub zones: &'a BTreeMap<String, Vec<String>>,
    /// The bodies of objects.
    pub blobs: &'a mut Blobs,
    /// The armed faults.
    pub faults: &'a Faults,
    /// The effect that this call has to bring about by itself: no capacity, or an operation that ends in an error.
    pub effect: Option<Effect>,
}

impl Cx<'_> {
    /// A number as Google writes the ids of resources.
    pub fn number(&mut self) -> String {
        let digits = self.ids.hex(15);
        let number = u64::from_str_radix(&digits, 16).unwrap_or_default();
        (1_000_000_000_000_000_000 + number).to_string()
    }
}
