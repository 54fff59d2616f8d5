//! What all collections have in common: get, list, insert, delete, patch and update, each with the real service's
//! checks, and the table that says how a collection differs.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::path::{Path, Scope};
use super::{labels, listing, place, reference};
use crate::clock::timestamp;
use crate::config::{Pace, Quotas};
use crate::fault::Effect;
use crate::gcp::error::ApiError;
use crate::gcp::operation::{Change, Failure, Operation, Work};
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Nulls, Schema};
use crate::gcp::world::{Cx, Doc, Item, part_of};

/// The fields that the service sets on everything; a client that sends back what it has read may send them too.
const SET_BY_SERVICE: [&str; 7] = ["kind", "id", "creationTimestamp", "selfLink", "selfLinkWithId", "region", "zone"];

/// Of what kind of place a collection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// One for a project.
    Global,
    /// One for a region.
    Region,
    /// One for a zone.
    Zone,
}

impl Level {
    /// Whether a scope is of this level.
    pub const fn is(self, scope: &Scope) -> bool {
        matches!(
            (self, scope),
            (Self::Global, Scope::Global) | (Self::Region, Scope::Region(_)) | (Self::Zone, Scope::Zone(_))
        )
    }
}

/// A method that all collections may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// One.
    Get,
    /// Those of a place.
    List,
    /// Those of all places.
    Aggregated,
    /// Makes one.
    Insert,
    /// Removes one.
    Delete,
    /// Changes some fields.
    Patch,
    /// Changes all fields.
    Update,
}

/// A method that only some collection has: `POST …/{name}/{method}`.
#[derive(Debug)]
pub struct Action {
    /// Its name.
    pub name: &'static str,
    /// The query parameters that it has.
    pub query: &'static [&'static str],
    /// What it does.
    pub run: fn(&mut Cx<'_>, &Path, &Request) -> Result<Value, ApiError>,
}

/// What an insert or a change comes to, beside the thing itself.
#[derive(Debug, Default)]
pub struct Made {
    /// The texts of fields while the operation is at work, where they differ.
    pub during: Vec<(&'static str, &'static str)>,
    /// What else is made: it is busy for as long.
    pub also: Vec<(Path, Item)>,
    /// What else happens at the end.
    pub then: Vec<Change>,
    /// What the thing keeps that is not shown.
    pub hidden: Doc,
    /// Why it fails at the end.
    pub failure: Option<Failure>,
}

/// A collection.
#[derive(Debug)]
pub struct Collection {
    /// As it stands in paths.
    pub name: &'static str,
    /// As it begins the names of methods.
    pub methods: &'static str,
    /// One of them, as in `compute#network`.
    pub one: &'static str,
    /// The kind of a list, without `compute#`.
    pub list: &'static str,
    /// The kind of an aggregated list, without `compute#`.
    pub aggregated: &'static str,
    /// Where they are.
    pub level: Level,
    /// The fields.
    pub schema: Schema,
    /// The fields that must be given.
    pub required: &'static [&'static str],
    /// The fields that may change.
    pub mutable: &'static [&'static str],
    /// Whether a change must carry the fingerprint.
    pub fingerprint: bool,
    /// The common methods that it has.
    pub verbs: &'static [Verb],
    /// Its own methods.
    pub actions: &'static [Action],
    /// How many there may be in a place, by the name of the quota.
    pub quota: fn(&Quotas) -> Option<(&'static str, usize)>,
    /// How long an insert, a change or a removal takes.
    pub takes: fn(&Pace) -> u64,
    /// Checks what is to be made, or changed from what it was, and fills in what was left out.
    pub prepare: fn(&mut Cx<'_>, &Path, &mut Doc, Option<&Item>) -> Result<Made, ApiError>,
    /// Checks whether it may be removed and gives what else happens then.
    pub removal: fn(&mut Cx<'_>, &Path, &Item) -> Result<Vec<Change>, ApiError>,
    /// Whether it is found out only by the operation that something else needs it.
    pub finds_users_late: bool,
    /// The status of what is being removed.
    pub removing: Option<&'static str>,
    /// Adds what is worked out when it is shown.
    pub show: fn(&Cx<'_>, &Path, &Item, &mut Doc),
}

impl Collection {
    /// A regional collection of nothing in particular.
    pub const BASE: Self = Self {
        name: "",
        methods: "",
        one: "",
        list: "",
        aggregated: "",
        level: Level::Region,
        schema: &[],
        required: &[],
        mutable: &[],
        fingerprint: false,
        verbs: &[Verb::Get, Verb::List, Verb::Aggregated, Verb::Insert, Verb::Delete],
        actions: &[],
        quota: |_| None,
        takes: |pace| pace.operation,
        prepare: |_, _, _, _| Ok(Made::default()),
        removal: |_, _, _| Ok(Vec::new()),
        finds_users_late: false,
        removing: None,
        show: |_, _, _, _| {},
    };

    /// The verb, if the collection has it.
    pub fn verb(&self, verb: Verb) -> Option<Verb> {
        self.verbs.contains(&verb).then_some(verb)
    }

    /// Whether what the collection shows has a field.
    pub fn has_field(&self, field: &str) -> bool {
        SET_BY_SERVICE.contains(&field)
            || field == "labelFingerprint"
            || self.schema.iter().any(|(name, _)| *name == field)
    }

    /// Something as the API shows it.
    pub fn view(&self, cx: &Cx<'_>, path: &Path, item: &Item) -> Value {
        let mut doc = item.doc.clone();
        doc.insert("kind".to_owned(), json!(format!("compute#{}", self.one)));
        doc.insert("selfLink".to_owned(), json!(path.url()));
        let place =
            |level: &str, name: &str| json!(super::path::url(&format!("projects/{}/{level}/{name}", path.project)));
        match &path.scope {
            Scope::Global => {}
            Scope::Region(name) => drop(doc.insert("region".to_owned(), place("regions", name))),
            Scope::Zone(name) => drop(doc.insert("zone".to_owned(), place("zones", name))),
        }
        if self.schema.iter().any(|(name, _)| *name == "labels") {
            doc.insert("labelFingerprint".to_owned(), json!(fingerprint(item.doc.get("labels"))));
        }
        if self.fingerprint {
            doc.insert("fingerprint".to_owned(), json!(print(item)));
        }
        (self.show)(cx, path, item, &mut doc);
        Value::Object(doc)
    }

    /// Reads the body of an insert or a change.
    fn body(&self, cx: &Cx<'_>, path: &Path, request: &Request, nulls: Nulls) -> Result<Doc, ApiError> {
        let mut body = request.json()?;
        if let Value::Object(body) = &mut body {
            body.retain(|name, _| !SET_BY_SERVICE.contains(&name.as_str()) && name != "labelFingerprint");
        }
        let mut doc = schema::read(self.schema, body, "", nulls)?;
        schema::references(self.schema, &mut doc, "resource", &mut |at, collections, link| {
            *link = reference::resolve(cx, &path.project, collections, link, at)?;
            Ok(())
        })?;
        labels::check(&doc)?;
        Ok(doc)
    }
}

/// A hash of what something holds, in the form of the API's fingerprints.
pub fn fingerprint(of: Option<&Value>) -> String {
    let text = of.map(Value::to_string).unwrap_or_default();
    BASE64_URL_SAFE.encode(&Sha256::digest(text)[..8])
}

/// The fingerprint of something as a whole.
pub fn print(item: &Item) -> String {
    fingerprint(Some(&Value::Object(item.doc.clone())))
}

/// What is at a path; 404 where nothing is.
pub fn get(cx: &Cx<'_>, path: &Path) -> Result<Arc<Item>, ApiError> {
    let text = path.to_string();
    cx.world.get(&text).cloned().ok_or_else(|| ApiError::not_found(text))
}

/// What is at a path and may be changed.
pub fn ready(cx: &Cx<'_>, path: &Path) -> Result<Arc<Item>, ApiError> {
    let item = get(cx, path)?;
    if item.busy { Err(ApiError::not_ready(path)) } else { Ok(item) }
}

/// The `requestId` of a request and what tells it from others. Two bodies that say the same are the same, whatever the order of
/// their fields.
pub fn identity(request: &Request) -> Result<Option<(String, String)>, ApiError> {
    let Some(id) = request.text("requestId") else { return Ok(None) };
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    let hex = id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if groups != [8, 4, 4, 4, 12] || !hex || id.bytes().all(|b| b == b'0' || b == b'-') {
        return Err(ApiError::invalid("requestId", id, "Must be a valid UUID that is not zero."));
    }
    // What is no JSON is refused later; fields of what is come in the order of their names.
    let body = request.json().map_or_else(|_| request.body.to_vec(), |body| body.to_string().into_bytes());
    let digest = crate::ids::hex(&Sha256::digest(body)[..8]);
    Ok(Some((id.to_ascii_lowercase(), format!("{} {} {digest}", request.method, request.path))))
}

/// Handles one of the common methods. `path` has no name where the method has none.
pub fn handle(
    cx: &mut Cx<'_>,
    collection: &'static Collection,
    verb: Verb,
    path: &Path,
    request: &Request,
) -> Result<Value, ApiError> {
    let writes = ["requestId"];
    match verb {
        Verb::Get => {
            request.check_query(&[])?;
            let item = get(cx, path)?;
            Ok(collection.view(cx, path, &item))
        }
        Verb::List => listing::list(cx, collection, path, request),
        Verb::Aggregated => listing::aggregated(cx, collection, &path.project, request),
        Verb::Insert => {
            request.check_query(&writes)?;
            insert(cx, collection, path, request)
        }
        Verb::Delete => {
            request.check_query(&writes)?;
            request.check_no_body()?;
            delete(cx, collection, path, request)
        }
        Verb::Patch | Verb::Update => {
            request.check_query(&writes)?;
            change_fields(cx, collection, verb, path, request)
        }
    }
}

/// Whether a text may name something.
pub fn is_name(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Refuses what may not name something.
pub fn check_name(field: &str, name: &str) -> Result<(), ApiError> {
    let pattern = "Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'";
    if is_name(name) { Ok(()) } else { Err(ApiError::invalid(field, name, pattern)) }
}

fn insert(
    cx: &mut Cx<'_>,
    collection: &'static Collection,
    place: &Path,
    request: &Request,
) -> Result<Value, ApiError> {
    place::check(cx, &place.scope)?;
    let identity = identity(request)?;
    let mut doc = collection.body(cx, place, request, Nulls::Drop)?;
    doc.remove("fingerprint");
    let name = doc.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(ApiError::required("resource.name"));
    }
    check_name("resource.name", &name)?;
    if let Some(missing) = collection.required.iter().find(|field| !doc.contains_key(**field)) {
        return Err(ApiError::required(&format!("resource.{missing}")));
    }
    let path = place.beside(collection.name, &name);
    if cx.world.get(&path.to_string()).is_some() {
        return Err(ApiError::exists(path));
    }
    if let Some((metric, limit)) = (collection.quota)(&cx.quotas) {
        // Zones have no quotas of their own.
        let part = cx.world.parts().get(&part_of(&path.to_string()));
        let here = part.into_iter().flat_map(|part| part.items.keys()).filter_map(|key| Path::parse(key, ""));
        let counts = |other: &Path| other.collection == path.collection && collection.level.is(&other.scope);
        if here.filter(counts).count() >= limit {
            return Err(ApiError::quota(
                metric,
                limit,
                if path.region().is_empty() { "globally" } else { "in region" },
            ));
        }
    }
    let made = (collection.prepare)(cx, &path, &mut doc, None)?;
    let (id, takes) = (stamp(cx, &mut doc), (collection.takes)(&cx.pace));
    Ok(make(cx, &path, Item { doc, hidden: made.hidden.clone(), busy: false }, made, takes, (id, identity)))
}

/// Gives something its number and says when it was made.
pub fn stamp(cx: &mut Cx<'_>, doc: &mut Doc) -> String {
    let id = cx.number();
    doc.insert("id".to_owned(), json!(id));
    doc.insert("creationTimestamp".to_owned(), json!(timestamp(cx.now)));
    id
}

/// How a fault has the operation end.
fn given(cx: &Cx<'_>) -> Option<Failure> {
    let Some(Effect::FailAtEnd { code }) = &cx.effect else { return None };
    Some(Failure::given(code))
}

/// Makes something and what goes with it, busy until the operation ends; if that fails, all of it is gone again.
fn make(
    cx: &mut Cx<'_>,
    path: &Path,
    item: Item,
    made: Made,
    takes: u64,
    (target_id, request): (String, Option<(String, String)>),
) -> Value {
    let failure = made.failure.or_else(|| {
        let place = if let Scope::Zone(zone) = &path.scope { zone } else { path.region() };
        // A group of instances is made without any, and does not find them later.
        let struck = cx.effect == Some(Effect::Capacity) && path.collection != "instanceGroupManagers";
        if struck { Some(Failure::capacity(place)) } else { given(cx) }
    });
    let mut then = Vec::new();
    let mut first = item.clone();
    for (field, value) in made.during {
        first.doc.insert(field.to_owned(), json!(value));
    }
    cx.world.put(&path.to_string(), first.while_busy());
    let parts = made.also.into_iter().chain([(path.clone(), item)]);
    for (path, item) in parts {
        let key = path.to_string();
        if cx.world.get(&key).is_none() {
            cx.world.put(&key, item.clone().while_busy());
        }
        then.push(if failure.is_some() { Change::Remove(key) } else { Change::Put(key, Arc::new(item)) });
    }
    if failure.is_none() {
        then.extend(made.then);
    }
    Operation::begin(cx, Work { kind: "insert", target: path, target_id, takes, then, error: failure, request })
}

fn delete(cx: &mut Cx<'_>, collection: &Collection, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let request = identity(request)?;
    let item = ready(cx, path)?;
    let in_use = reference::user(cx, path).map(|user| ApiError::in_use(collection.one, path, user));
    let error = match in_use {
        Some(error) if !collection.finds_users_late => return Err(error),
        Some(error) => Some(Failure::in_use(error.message)),
        None => given(cx),
    };
    let mut then = Vec::new();
    if error.is_some() {
        then.push(Change::Put(path.to_string(), Arc::clone(&item)));
    } else {
        then.push(Change::Remove(path.to_string()));
        then.extend((collection.removal)(cx, path, &item)?);
    }
    let mut last = Item::clone(&item).while_busy();
    if let Some(status) = collection.removing {
        last.doc.insert("status".to_owned(), json!(status));
    }
    let (target_id, takes) = (item.text("id").to_owned(), (collection.takes)(&cx.pace));
    cx.world.put(&path.to_string(), last);
    Ok(Operation::begin(cx, Work { kind: "delete", target: path, target_id, takes, then, error, request }))
}

fn change_fields(
    cx: &mut Cx<'_>,
    collection: &Collection,
    verb: Verb,
    path: &Path,
    request: &Request,
) -> Result<Value, ApiError> {
    let nulls = if verb == Verb::Patch { Nulls::Keep } else { Nulls::Drop };
    let mut body = collection.body(cx, path, request, nulls)?;
    let old = get(cx, path)?;
    if collection.fingerprint {
        match body.remove("fingerprint") {
            Some(given) if given == json!(print(&old)) => {}
            Some(_) => return Err(ApiError::condition("Invalid fingerprint.")),
            None => return Err(ApiError::condition("An up-to-date fingerprint must be provided.")),
        }
    }
    if body.get("name").is_some_and(|name| name.as_str() != Some(&path.name)) {
        return Err(ApiError::invalid("resource.name", &body["name"], "The name cannot change."));
    }
    let mut doc = old.doc.clone();
    if verb == Verb::Update {
        // What is not said is as if it had never been said.
        doc.retain(|field, _| {
            SET_BY_SERVICE.contains(&field.as_str()) || !collection.mutable.contains(&field.as_str())
        });
    }
    schema::merge(&mut doc, body);
    let made = (collection.prepare)(cx, path, &mut doc, Some(&old))?;
    let differs =
        |field: &&String| old.doc.get(*field) != doc.get(*field) && !collection.mutable.contains(&field.as_str());
    if let Some(field) = old.doc.keys().chain(doc.keys()).find(differs) {
        let value = doc.get(field).cloned().unwrap_or_default();
        return Err(ApiError::invalid(&format!("resource.{field}"), value, "The field cannot be changed."));
    }
    let kind = if verb == Verb::Patch { "patch" } else { "update" };
    let next = Item { doc, hidden: old.hidden.clone(), busy: false };
    let takes = (collection.takes)(&cx.pace);
    change(cx, path, request, kind, next, made.then, takes)
}

/// Changes something that is not busy, at the end of an operation. `then` is what else happens at the end.
pub fn change(
    cx: &mut Cx<'_>,
    path: &Path,
    request: &Request,
    kind: &str,
    next: Item,
    mut then: Vec<Change>,
    takes: u64,
) -> Result<Value, ApiError> {
    let identity = identity(request)?;
    let item = ready(cx, path)?;
    let target_id = item.text("id").to_owned();
    cx.world.put(&path.to_string(), Item::clone(&item).while_busy());
    let error = given(cx);
    if error.is_some() {
        then = vec![Change::Put(path.to_string(), item)];
    } else {
        then.insert(0, Change::Put(path.to_string(), Arc::new(next)));
    }
    Ok(Operation::begin(cx, Work { kind, target: path, target_id, takes, then, error, request: identity }))
}
