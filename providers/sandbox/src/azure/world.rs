//! Everything that exists in the subscriptions, and what a handler may do with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::{ApiError, Failure};
use super::key_vault::keys::Key;
use super::operation::Operation;
use super::regions;
use super::request::Request;
use super::storage::blob::Contents;
use crate::clock::Millis;
use crate::config::{Pace, Quotas};
use crate::ids::IdSource;
use crate::store::{Blobs, Store, StoreError};

/// All that exists, by subscription.
pub type World = BTreeMap<String, Subscription>;

/// Reads the world in a store. Each subscription is a part of it.
pub fn read(store: &Store) -> Result<World, StoreError> {
    let mut world = World::new();
    for part in store.parts()? {
        let subscription = store.read(&part)?.unwrap_or_default();
        world.insert(part, subscription);
    }
    Ok(world)
}

/// What exists in a subscription.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Subscription {
    /// The resource groups, by name in lower case.
    pub groups: BTreeMap<String, Group>,
    /// The resources, by id in lower case.
    pub resources: BTreeMap<String, Resource>,
    /// What is in the containers of storage accounts, by the container's id in lower case.
    pub containers: BTreeMap<String, Contents>,
    /// The keys in key vaults, by the vault's id and the key's name in lower case.
    pub vaults: BTreeMap<String, BTreeMap<String, Key>>,
    /// The names of deleted storage accounts that nobody may take yet, and until when.
    pub freed_accounts: BTreeMap<String, Millis>,
    /// The long-running operations, by id. They are kept for a while after their end.
    pub operations: BTreeMap<String, Operation>,
}

/// A resource group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Group {
    /// The name as it was first written.
    pub name: String,
    /// The region.
    pub location: String,
    /// The tags.
    pub tags: Value,
    /// The operation that deletes the group.
    pub deleting: Option<String>,
}

/// A resource, or a child of one that has requests of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Resource {
    /// The id as it was first written.
    pub id: String,
    /// The kind, such as `Microsoft.Network/virtualNetworks`.
    pub kind: String,
    /// The region; empty for what is global.
    pub location: String,
    /// What the resource shows.
    pub body: Value,
    /// What it was given and does not show.
    pub hidden: Value,
    /// The version, which every change renews.
    pub etag: String,
    /// When it was made.
    pub created: Millis,
    /// What is being done to it.
    pub state: State,
}

impl Resource {
    /// The name: the end of the id.
    pub fn name(&self) -> &str {
        name_of(&self.id)
    }

    /// Whether something is being done to it.
    pub const fn is_busy(&self) -> bool {
        matches!(self.state, State::Busy { .. })
    }

    /// Whether it is on its way out.
    pub const fn is_deleting(&self) -> bool {
        matches!(self.state, State::Busy { doing: Doing::Delete, .. })
    }
}

/// How a resource stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum State {
    /// It is what was asked for.
    Ready,
    /// The last operation on it failed.
    Failed,
    /// An operation works on it.
    Busy {
        /// Which.
        doing: Doing,
        /// Until when.
        until: Millis,
        /// How the operation fails in the end, if it does.
        failure: Option<Failure>,
    },
}

/// What an operation does to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Doing {
    /// Makes it.
    Create,
    /// Changes it.
    Update,
    /// Removes it.
    Delete,
}

/// An id as it is looked up: case does not matter.
pub fn key(id: &str) -> String {
    id.trim_end_matches('/').to_lowercase()
}

/// The end of an id.
pub fn name_of(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or_default()
}

/// The id of the parent of a child resource: without the last type and name.
pub fn parent_of(id: &str) -> &str {
    id.rsplitn(3, '/').nth(2).unwrap_or_default()
}

/// The name of the resource group within an id.
pub fn group_of(id: &str) -> &str {
    id.split('/').nth(4).unwrap_or_default()
}

/// How a fault lets an operation end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// As it would.
    Usual,
    /// There is no room for the machine.
    NoCapacity,
    /// After several polls, in an error with this code.
    Failure(String),
}

/// What a handler works with. It holds the world alone while it does.
#[derive(Debug)]
pub struct Cx<'a> {
    /// What exists in the subscription of the request.
    pub sub: &'a mut Subscription,
    /// The subscription's id.
    pub subscription: String,
    /// When the request was handled.
    pub now: Millis,
    /// Makes ids.
    pub ids: &'a mut IdSource,
    /// How long things take.
    pub pace: Pace,
    /// The largest page.
    pub page_limit: Option<usize>,
    /// The zones of regions that do not have the usual ones.
    pub zones: &'a BTreeMap<String, Vec<String>>,
    /// The names of the storage accounts that other subscriptions have.
    pub accounts_elsewhere: Vec<String>,
    /// The names of the key vaults that other subscriptions have, in lower case.
    pub vaults_elsewhere: Vec<String>,
    /// The bodies of objects.
    pub blobs: &'a mut Blobs,
    /// How many of a kind a subscription may have in a region.
    pub quotas: Quotas,
    /// What a fault does to the operation that the request starts.
    pub ending: Ending,
    /// Whether the subscription must be written.
    pub dirty: bool,
}

impl Cx<'_> {
    /// The zones of a region: as configured, else three where the real region has any.
    pub fn zones_of(&self, region: &str) -> Vec<String> {
        let usual = || {
            let zoned = regions::region(region).is_some_and(|(_, _, zoned)| *zoned);
            if zoned { ["1", "2", "3"].map(str::to_owned).to_vec() } else { Vec::new() }
        };
        self.zones.get(region).cloned().unwrap_or_else(usual)
    }

    /// A resource by its id in any case.
    pub fn find(&self, id: &str) -> Option<&Resource> {
        self.sub.resources.get(&key(id))
    }

    /// A resource that is to be changed.
    pub fn find_mut(&mut self, id: &str) -> Option<&mut Resource> {
        self.dirty = true;
        self.sub.resources.get_mut(&key(id))
    }

    /// All resources of a kind.
    pub fn of_kind<'b>(&'b self, kind: &'b str) -> impl Iterator<Item = &'b Resource> {
        self.sub.resources.values().filter(move |resource| resource.kind == kind)
    }

    /// The children of a resource that have requests of their own.
    pub fn children<'b>(&'b self, id: &str, kind: &'b str) -> impl Iterator<Item = &'b Resource> {
        let prefix = format!("{}/", key(id));
        self.of_kind(kind).filter(move |resource| key(&resource.id).starts_with(&prefix))
    }

    /// The other resources that refer to an id or to something within it.
    pub fn users(&self, id: &str) -> Vec<String> {
        let (own, within) = (key(id), format!("{}/", key(id)));
        let refers = |resource: &&Resource| {
            let holder = key(&resource.id);
            let mut refers = false;
            super::body::references(&resource.body, &mut |id| {
                let id = key(id);
                refers |= id == own || id.starts_with(&within);
            });
            refers && holder != own && !holder.starts_with(&within)
        };
        self.sub.resources.values().filter(refers).map(|resource| resource.id.clone()).collect()
    }

    /// Marks what the handler did as worth keeping.
    pub const fn dirty(&mut self) {
        self.dirty = true;
    }

    /// A version that nothing has had.
    pub fn etag(&mut self) -> String {
        format!("W/\"{}\"", self.ids.uuid())
    }

    /// One page of a list: `value`, and `nextLink` where there is more. `$skiptoken` is the place of the next item.
    pub fn page(&self, request: &Request, items: Vec<Value>) -> Result<Value, ApiError> {
        let start = match request.query.get("$skiptoken") {
            Some(token) => token
                .parse::<usize>()
                .map_err(|_| ApiError::bad("InvalidSkipToken", format!("The skip token '{token}' is not valid.")))?,
            None => 0,
        };
        let asked = match request.query.get("$top") {
            Some(top) => top
                .parse::<usize>()
                .ok()
                .filter(|top| *top > 0)
                .ok_or_else(|| ApiError::bad("InvalidTop", format!("The value '{top}' of $top is not valid.")))?,
            None => 1_000,
        };
        let size = asked.min(self.page_limit.unwrap_or(asked)).max(1);
        let more = items.len() > start.saturating_add(size);
        let mut page = json!({ "value": items.into_iter().skip(start).take(size).collect::<Vec<_>>() });
        if more {
            page["nextLink"] = json!(request.url_with(&[("$skiptoken", &(start + size).to_string())]));
        }
        Ok(page)
    }
}
