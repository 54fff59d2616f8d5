//! Instance groups: the unmanaged ones of a zone, and those that managers have.

use serde_json::{Value, json};

use super::collection::{Action, Collection, Level, Made, Verb, change, check_name, fingerprint, get};
use super::path::{Path, url};
use crate::gcp::error::ApiError;
use crate::gcp::page::{LIST_QUERY, page};
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Kind, Nulls, Schema};
use crate::gcp::world::{Cx, Doc, Item, text};

const SCHEMA: Schema = &[
    ("name", Kind::Str),
    ("description", Kind::Str),
    ("namedPorts", Kind::List(&Kind::Object(PORT))),
    ("network", Kind::Ref(&["networks"])),
    ("fingerprint", Kind::Output),
    ("size", Kind::Output),
    ("subnetwork", Kind::Output),
];

const PORT: Schema = &[("name", Kind::Str), ("port", Kind::Int)];

/// Unmanaged groups.
pub const GROUPS: Collection = Collection {
    name: "instanceGroups",
    methods: "instanceGroups",
    one: "instanceGroup",
    list: "instanceGroupList",
    aggregated: "instanceGroupAggregatedList",
    level: Level::Zone,
    schema: SCHEMA,
    actions: &[
        Action { name: "addInstances", query: &["requestId"], run: add },
        Action { name: "removeInstances", query: &["requestId"], run: remove },
        Action { name: "listInstances", query: &LIST_QUERY, run: list_instances },
        Action { name: "setNamedPorts", query: &["requestId"], run: set_named_ports },
    ],
    prepare: |_, _, doc, _| {
        check_ports(doc)?;
        Ok(Made::default())
    },
    show,
    ..Collection::BASE
};

/// The groups of managers, which come and go with these.
pub const OF_MANAGERS: Collection =
    Collection { level: Level::Region, methods: "regionInstanceGroups", verbs: READ_ONLY, actions: &[], ..GROUPS };

const READ_ONLY: &[Verb] = &[];

fn check_ports(doc: &Doc) -> Result<(), ApiError> {
    for port in doc.get("namedPorts").and_then(Value::as_array).into_iter().flatten() {
        check_name("resource.namedPorts.name", port["name"].as_str().unwrap_or_default())?;
        if !port["port"].as_i64().is_some_and(|port| (1..=65_535).contains(&port)) {
            return Err(ApiError::invalid("resource.namedPorts.port", &port["port"], "Must be between 1 and 65535."));
        }
    }
    Ok(())
}

/// The members of a group, by path.
pub fn members(group: &Item) -> Vec<String> {
    let members = group.hidden.get("members").and_then(Value::as_array);
    members.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn show(_: &Cx<'_>, _: &Path, item: &Item, doc: &mut Doc) {
    doc.insert("size".to_owned(), json!(members(item).len()));
    doc.insert("fingerprint".to_owned(), json!(fingerprint(item.doc.get("namedPorts"))));
}

const INSTANCES: Schema = &[("instances", Kind::List(&Kind::Object(INSTANCE)))];
const INSTANCE: Schema = &[("instance", Kind::Ref(&["instances"]))];

/// The instances that a request names, by path; they must exist and be in the group's zone.
fn named(cx: &Cx<'_>, path: &Path, request: &Request) -> Result<Vec<String>, ApiError> {
    let body = schema::read(INSTANCES, request.json()?, "", Nulls::Drop)?;
    let mut named = Vec::new();
    for reference in body.get("instances").and_then(Value::as_array).into_iter().flatten() {
        let link = reference["instance"].as_str().unwrap_or_default();
        let instance = Path::parse(link, &path.project)
            .filter(|instance| instance.collection == "instances")
            .ok_or_else(|| ApiError::invalid("instances[].instance", link, "The URL is malformed."))?;
        if instance.scope != path.scope {
            return Err(ApiError::invalid("instances[].instance", link, "The instance is in another zone."));
        }
        get(cx, &instance)?;
        named.push(instance.to_string());
    }
    if named.is_empty() { Err(ApiError::required("instances")) } else { Ok(named) }
}

/// `addInstances`: an instance may be in one group that a load balancer uses; the sandbox allows one at all.
fn add(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let added = named(cx, path, request)?;
    let mut next = Item::clone(&*get(cx, path)?);
    let mut all = members(&next);
    for instance in added {
        if all.contains(&instance) {
            let message = format!("Resource '{instance}' is already a member of '{path}'.");
            return Err(ApiError::new(400, "memberAlreadyExists", message));
        }
        let Some(item) = cx.world.get(&instance) else { return Err(ApiError::not_found(instance)) };
        let network = item.doc["networkInterfaces"][0]["network"].clone();
        let own = next.doc.entry("network").or_insert_with(|| network.clone());
        if *own != network {
            return Err(ApiError::invalid("instances", instance, "The instance is in another network."));
        }
        let prefix = format!("projects/{}/{}/instanceGroups/", path.project, path.scope);
        if let Some((other, _)) = cx.world.under(&prefix).find(|(_, group)| members(group).contains(&instance)) {
            return Err(ApiError::in_use("instance", instance, other));
        }
        all.push(instance);
    }
    next.hidden.insert("members".to_owned(), json!(all));
    let takes = cx.pace.operation;
    change(cx, path, request, "addInstances", next, Vec::new(), takes)
}

/// `removeInstances`.
fn remove(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let removed = named(cx, path, request)?;
    let mut next = Item::clone(&*get(cx, path)?);
    let mut all = members(&next);
    if let Some(stranger) = removed.iter().find(|instance| !all.contains(instance)) {
        let message = format!("Resource '{stranger}' is not a member of '{path}'.");
        return Err(ApiError::new(400, "memberNotFound", message));
    }
    all.retain(|instance| !removed.contains(instance));
    next.hidden.insert("members".to_owned(), json!(all));
    let takes = cx.pace.operation;
    change(cx, path, request, "removeInstances", next, Vec::new(), takes)
}

const STATE: Schema = &[("instanceState", Kind::Enum(&["ALL", "RUNNING"]))];

/// `listInstances`.
fn list_instances(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let body = schema::read(STATE, request.json()?, "", Nulls::Drop)?;
    let group = get(cx, path)?;
    let running = text(&body, "instanceState") == "RUNNING";
    let mut all: Vec<(String, Value)> = Vec::new();
    for member in members(&group) {
        if let Some(instance) = cx.world.get(&member)
            && (!running || instance.text("status") == "RUNNING")
        {
            all.push((member.clone(), json!({ "instance": url(&member), "status": instance.text("status") })));
        }
    }
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    let page = page(cx, request, all, |field| ["instance", "status"].contains(&field))?;
    Ok(page.answer("compute#instanceGroupsListInstances", &format!("{path}/listInstances")))
}

const PORTS: Schema = &[("namedPorts", Kind::List(&Kind::Object(PORT))), ("fingerprint", Kind::Bytes)];

/// `setNamedPorts`.
fn set_named_ports(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let mut body = schema::read(PORTS, request.json()?, "", Nulls::Drop)?;
    check_ports(&body)?;
    let mut next = Item::clone(&*get(cx, path)?);
    let present = json!(fingerprint(next.doc.get("namedPorts")));
    if body.get("fingerprint").is_some_and(|given| *given != present) {
        return Err(ApiError::condition("Invalid fingerprint."));
    }
    next.doc.insert("namedPorts".to_owned(), body.remove("namedPorts").unwrap_or_else(|| json!([])));
    let takes = cx.pace.operation;
    change(cx, path, request, "setNamedPorts", next, Vec::new(), takes)
}
