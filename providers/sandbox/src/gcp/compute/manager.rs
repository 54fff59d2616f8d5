//! Managers of regional groups of instances. What they do with their instances is in `manager_settle`.

use serde_json::{Value, json};

use super::collection::{Action, Collection, Made, Verb, change, check_name, get};
use super::instance::own_disks;
use super::manager_settle::{calculated, is_current, is_running, managed};
use super::path::{Path, url};
use super::{instance_group, instance_schema, machine_type, place, reference};
use crate::gcp::error::ApiError;
use crate::gcp::operation::Change;
use crate::gcp::page::{LIST_QUERY, page};
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Kind, Nulls, Schema};
use crate::gcp::world::{Cx, Doc, Item, text};

const SCHEMA: Schema = &[
    ("name", Kind::Str),
    ("description", Kind::Str),
    ("baseInstanceName", Kind::Str),
    ("instanceTemplate", TEMPLATE),
    ("versions", Kind::List(&Kind::Object(VERSION))),
    ("targetSize", Kind::Int),
    ("distributionPolicy", Kind::Object(DISTRIBUTION)),
    ("updatePolicy", Kind::Object(UPDATE)),
    ("instanceFlexibilityPolicy", Kind::Object(FLEXIBILITY)),
    ("autoHealingPolicies", Kind::List(&Kind::Object(HEALING))),
    ("instanceLifecyclePolicy", Kind::Object(LIFECYCLE)),
    ("listManagedInstancesResults", Kind::Enum(&["PAGELESS", "PAGINATED"])),
    ("namedPorts", Kind::List(&Kind::Object(PORT))),
    ("fingerprint", Kind::Bytes),
    ("allInstancesConfig", Kind::Unsupported),
    ("resourcePolicies", Kind::Unsupported),
    ("standbyPolicy", Kind::Unsupported),
    ("statefulPolicy", Kind::Unsupported),
    ("targetPools", Kind::Unsupported),
    ("targetSizePolicy", Kind::Unsupported),
    ("targetStoppedSize", Kind::Unsupported),
    ("targetSuspendedSize", Kind::Unsupported),
    ("currentActions", Kind::Output),
    ("instanceGroup", Kind::Output),
    ("satisfiesPzi", Kind::Output),
    ("satisfiesPzs", Kind::Output),
    ("status", Kind::Output),
];

const TEMPLATE: Kind = Kind::Ref(&["instanceTemplates"]);
const PORT: Schema = &[("name", Kind::Str), ("port", Kind::Int)];
const COUNT: Schema = &[("fixed", Kind::Int), ("percent", Kind::Int), ("calculated", Kind::Output)];
const VERSION: Schema = &[("name", Kind::Str), ("instanceTemplate", TEMPLATE), ("targetSize", Kind::Object(COUNT))];
const ZONE: Schema = &[("zone", Kind::Str)];
const DISTRIBUTION: Schema = &[
    ("targetShape", Kind::Enum(&["ANY", "ANY_SINGLE_ZONE", "BALANCED", "EVEN"])),
    ("zones", Kind::List(&Kind::Object(ZONE))),
];
const EFFECT: Kind = Kind::Enum(&["NONE", "REFRESH", "REPLACE", "RESTART"]);
const UPDATE: Schema = &[
    ("type", Kind::Enum(&["OPPORTUNISTIC", "PROACTIVE"])),
    ("instanceRedistributionType", Kind::Enum(&["NONE", "PROACTIVE"])),
    ("minimalAction", EFFECT),
    ("mostDisruptiveAllowedAction", EFFECT),
    ("maxSurge", Kind::Object(COUNT)),
    ("maxUnavailable", Kind::Object(COUNT)),
    ("replacementMethod", Kind::Enum(&["RECREATE", "SUBSTITUTE"])),
];
const FLEXIBILITY: Schema = &[("instanceSelections", Kind::Map(&Kind::Object(SELECTION)))];
const SELECTION: Schema = &[
    ("machineTypes", Kind::List(&Kind::Str)),
    ("rank", Kind::Int),
    ("minCpuPlatform", Kind::Str),
    ("disks", Kind::List(&Kind::Object(instance_schema::SELECTION_DISK))),
];
const HEALING: Schema = &[("healthCheck", Kind::Ref(&["healthChecks"])), ("initialDelaySec", Kind::Int)];
const LIFECYCLE: Schema = &[
    ("defaultActionOnFailure", Kind::Enum(&["DO_NOTHING", "REPAIR"])),
    ("forceUpdateOnRepair", Kind::Enum(&["NO", "YES"])),
    ("onFailedHealthCheck", Kind::Enum(&["DEFAULT_ACTION", "DO_NOTHING", "REPAIR"])),
    ("onRepair", Kind::Unsupported),
];

/// Managers of a region.
pub const MANAGERS: Collection = Collection {
    name: "instanceGroupManagers",
    methods: "regionInstanceGroupManagers",
    one: "instanceGroupManager",
    list: "regionInstanceGroupManagerList",
    aggregated: "instanceGroupManagerAggregatedList",
    schema: SCHEMA,
    required: &["targetSize"],
    mutable: &[
        "description",
        "instanceTemplate",
        "versions",
        "targetSize",
        "updatePolicy",
        "distributionPolicy",
        "instanceFlexibilityPolicy",
        "autoHealingPolicies",
        "instanceLifecyclePolicy",
        "listManagedInstancesResults",
    ],
    fingerprint: true,
    verbs: &[Verb::Get, Verb::List, Verb::Aggregated, Verb::Insert, Verb::Delete, Verb::Patch],
    actions: &[
        Action { name: "resize", query: &["requestId", "size"], run: resize },
        Action { name: "listManagedInstances", query: &LIST_QUERY, run: list_managed },
        Action { name: "deleteInstances", query: &["requestId"], run: delete_instances },
        Action { name: "recreateInstances", query: &["requestId"], run: recreate_instances },
    ],
    takes: |pace| pace.operation,
    prepare,
    removal,
    show,
    ..Collection::BASE
};

fn prepare(cx: &mut Cx<'_>, path: &Path, doc: &mut Doc, old: Option<&Item>) -> Result<Made, ApiError> {
    one_version(doc, old)?;
    let size = doc.get("targetSize").and_then(Value::as_i64).unwrap_or_default();
    if !(0..=2_000).contains(&size) {
        return Err(ApiError::invalid("resource.targetSize", size, "Must be between 0 and 2000."));
    }
    let base = doc.entry("baseInstanceName").or_insert_with(|| json!(path.name.chars().take(54).collect::<String>()));
    let base = base.as_str().unwrap_or_default();
    check_name("resource.baseInstanceName", base)?;
    if base.len() > 58 {
        return Err(ApiError::invalid("resource.baseInstanceName", base, "At most 58 characters are allowed."));
    }
    let zones = distribution(cx, path, doc)?;
    if old.is_some_and(|old| old.doc["distributionPolicy"]["zones"] != doc["distributionPolicy"]["zones"]) {
        let why = "The zones of a group cannot be changed.";
        return Err(ApiError::invalid("resource.distributionPolicy.zones", "", why));
    }
    let shape = doc["distributionPolicy"]["targetShape"].as_str().unwrap_or_default().to_owned();
    update_policy(doc, zones, &shape)?;
    flexibility(doc, &shape)?;
    doc.entry("listManagedInstancesResults").or_insert_with(|| json!("PAGELESS"));
    doc.entry("instanceLifecyclePolicy")
        .or_insert_with(|| json!({ "defaultActionOnFailure": "REPAIR", "forceUpdateOnRepair": "NO" }));
    let mut also = Vec::new();
    if old.is_none() {
        let group = path.beside("instanceGroups", &path.name);
        let mut group_doc = Doc::new();
        group_doc.insert("name".to_owned(), json!(path.name));
        group_doc.insert("description".to_owned(), json!(format!("This instance group is controlled by '{path}'.")));
        super::collection::stamp(cx, &mut group_doc);
        also.push((group, Item::new(group_doc)));
    }
    Ok(Made { also, then: vec![Change::Wake(path.to_string())], ..Made::default() })
}

/// Keeps `instanceTemplate` and `versions` the same: whichever was changed says what both are.
fn one_version(doc: &mut Doc, old: Option<&Item>) -> Result<(), ApiError> {
    let changed = |field: &str| doc.get(field) != old.and_then(|old| old.doc.get(field)) && doc.contains_key(field);
    let versions = doc.get("versions").and_then(Value::as_array).cloned().unwrap_or_default();
    if changed("versions") {
        let [version] = versions.as_slice() else {
            let why = "The sandbox allows exactly one version.";
            return Err(ApiError::invalid("resource.versions", versions.len(), why));
        };
        let template = version["instanceTemplate"].clone();
        if changed("instanceTemplate") && doc["instanceTemplate"] != template {
            let why = "The template is not that of the version.";
            return Err(ApiError::invalid("resource.instanceTemplate", &doc["instanceTemplate"], why));
        }
        doc.insert("instanceTemplate".to_owned(), template);
    } else if changed("instanceTemplate") {
        doc.insert("versions".to_owned(), json!([{ "instanceTemplate": doc["instanceTemplate"] }]));
    }
    if text(doc, "instanceTemplate").is_empty() {
        return Err(ApiError::required("resource.instanceTemplate"));
    }
    Ok(())
}

/// Checks the zones, fills them in, and gives their number.
fn distribution(cx: &Cx<'_>, path: &Path, doc: &mut Doc) -> Result<usize, ApiError> {
    let known = place::zones(cx, path.region());
    let link = |zone: &str| url(&format!("projects/{}/zones/{zone}", path.project));
    let policy = doc.entry("distributionPolicy").or_insert_with(|| json!({}));
    let given = policy["zones"].as_array().cloned().unwrap_or_default();
    let mut zones: Vec<&str> = Vec::new();
    for zone in &given {
        let text = zone["zone"].as_str().unwrap_or_default();
        let name = text.rsplit('/').next().unwrap_or_default();
        let valid = text == name || text.ends_with(&format!("zones/{name}"));
        if !valid || zones.contains(&name) || !known.iter().any(|zone| zone == name) {
            let field = "resource.distributionPolicy.zones[].zone";
            return Err(ApiError::invalid(field, text, "Must be a zone of the region, given once."));
        }
        zones.push(name);
    }
    if zones.is_empty() {
        zones = known.iter().take(3).map(String::as_str).collect();
    }
    let links: Vec<Value> = zones.iter().map(|zone| json!({ "zone": link(zone) })).collect();
    policy["zones"] = json!(links);
    if policy["targetShape"].is_null() {
        policy["targetShape"] = json!("EVEN");
    }
    Ok(zones.len())
}

fn update_policy(doc: &mut Doc, zones: usize, shape: &str) -> Result<(), ApiError> {
    let size = doc.get("targetSize").and_then(Value::as_u64).unwrap_or_default();
    let policy = doc.entry("updatePolicy").or_insert_with(|| json!({}));
    let usual = json!({ "fixed": zones });
    let redistribution = if shape == "EVEN" { "PROACTIVE" } else { "NONE" };
    for (field, value) in [
        ("type", json!("OPPORTUNISTIC")),
        ("minimalAction", json!("REPLACE")),
        ("replacementMethod", json!("SUBSTITUTE")),
        ("instanceRedistributionType", json!(redistribution)),
        ("maxUnavailable", usual.clone()),
    ] {
        if policy[field].is_null() {
            policy[field] = value;
        }
    }
    let recreate = policy["replacementMethod"] == "RECREATE";
    if policy["maxSurge"].is_null() {
        policy["maxSurge"] = if recreate { json!({ "fixed": 0 }) } else { usual };
    }
    for field in ["maxSurge", "maxUnavailable"] {
        let at = format!("resource.updatePolicy.{field}");
        match (policy[field]["fixed"].as_u64(), policy[field]["percent"].as_u64()) {
            (Some(fixed), None) if fixed > 0 && usize::try_from(fixed).unwrap_or_default() < zones => {
                let why = format!("Must be 0 or at least the number of zones, {zones}.");
                return Err(ApiError::invalid(&at, fixed, &why));
            }
            (None, Some(percent)) if percent > 100 || size < 10 => {
                let why = "A percentage goes with groups of at least 10 instances.";
                return Err(ApiError::invalid(&at, percent, why));
            }
            (Some(_), None) | (None, Some(_)) => {}
            _ => return Err(ApiError::invalid(&at, &policy[field], "Exactly one of fixed and percent must be given.")),
        }
    }
    let (surge, unavailable) = (calculated(&policy["maxSurge"], size), calculated(&policy["maxUnavailable"], size));
    if size > 0 && surge + unavailable == 0 {
        let why = "maxSurge and maxUnavailable cannot both be 0.";
        return Err(ApiError::invalid("resource.updatePolicy.maxUnavailable", 0, why));
    }
    if recreate && surge > 0 {
        let why = "Recreated instances keep their names, so that there is no surge.";
        return Err(ApiError::invalid("resource.updatePolicy.maxSurge", surge, why));
    }
    if shape != "EVEN" && policy["instanceRedistributionType"] != "NONE" {
        let why = "Proactive redistribution goes with the target shape EVEN only.";
        return Err(ApiError::invalid("resource.updatePolicy.instanceRedistributionType", "PROACTIVE", why));
    }
    Ok(())
}

fn flexibility(doc: &Doc, shape: &str) -> Result<(), ApiError> {
    let at = "resource.instanceFlexibilityPolicy";
    let Some(policy) = doc.get("instanceFlexibilityPolicy") else { return Ok(()) };
    let selections = policy["instanceSelections"].as_object().cloned().unwrap_or_default();
    if !selections.is_empty() && shape == "EVEN" {
        return Err(ApiError::invalid(at, shape, "Instance flexibility does not go with the target shape EVEN."));
    }
    for (name, selection) in &selections {
        check_name(&format!("{at}.instanceSelections"), name)?;
        let types: Vec<&str> =
            selection["machineTypes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let unknown = types.iter().find(|name| machine_type::shape(name).is_none());
        if types.is_empty() || unknown.is_some() {
            let field = format!("{at}.instanceSelections[{name}].machineTypes");
            return Err(ApiError::invalid(&field, unknown.unwrap_or(&""), "Must name machine types."));
        }
    }
    Ok(())
}

/// Its instances go with it, and its group.
fn removal(cx: &mut Cx<'_>, path: &Path, _: &Item) -> Result<Vec<Change>, ApiError> {
    let group = path.beside("instanceGroups", &path.name);
    if let Some(user) = reference::user(cx, &group) {
        return Err(ApiError::in_use("instanceGroup", &group, user));
    }
    let mut then = vec![Change::Remove(group.to_string())];
    for (key, item) in managed(cx, path) {
        then.push(Change::Remove(key.clone()));
        then.extend(own_disks(&item).into_iter().map(Change::Remove));
        let mut last = Item::clone(&item).while_busy();
        last.doc.insert("status".to_owned(), json!("STOPPING"));
        cx.world.put(&key, last);
    }
    Ok(then)
}

/// How many instances are in each state.
struct Census {
    creating: usize,
    deleting: usize,
    none: usize,
    outdated: usize,
}

fn census(cx: &Cx<'_>, path: &Path, item: &Item) -> Census {
    let all = managed(cx, path);
    let deleting = all.iter().filter(|(_, one)| one.text("status") == "STOPPING").count();
    let none = all.iter().filter(|(_, one)| is_running(one)).count();
    let alive = all.len() - deleting;
    let wanted = item.doc.get("targetSize").and_then(Value::as_u64).unwrap_or_default();
    let missing = usize::try_from(wanted).unwrap_or_default().saturating_sub(alive);
    let outdated = all.iter().filter(|(_, one)| one.text("status") != "STOPPING" && !is_current(one, item)).count();
    Census { creating: alive - none + missing, deleting, none, outdated }
}

fn show(cx: &Cx<'_>, path: &Path, item: &Item, doc: &mut Doc) {
    let size = item.doc.get("targetSize").and_then(Value::as_u64).unwrap_or_default();
    let Census { creating, deleting, none, outdated } = census(cx, path, item);
    let proactive = item.doc["updatePolicy"]["type"] == "PROACTIVE";
    let surplus = u64::try_from(none).unwrap_or_default() > size;
    let waiting = surplus || item.busy || (proactive && outdated > 0);
    let stable = creating + deleting == 0 && !waiting;
    doc.insert("instanceGroup".to_owned(), json!(path.beside("instanceGroups", &path.name).url()));
    let mut actions = json!({ "creating": creating, "deleting": deleting, "none": none });
    for action in [
        "abandoning",
        "creatingWithoutRetries",
        "recreating",
        "refreshing",
        "restarting",
        "resuming",
        "starting",
        "stopping",
        "suspending",
        "verifying",
    ] {
        actions[action] = json!(0);
    }
    doc.insert("currentActions".to_owned(), actions);
    doc.insert(
        "status".to_owned(),
        json!({
            "isStable": stable,
            "versionTarget": { "isReached": outdated == 0 },
            "stateful": { "hasStatefulConfig": false, "perInstanceConfigs": { "allEffective": true } },
            "allInstancesConfig": { "effective": true },
        }),
    );
    if let Some(policy) = doc.get_mut("updatePolicy") {
        for field in ["maxSurge", "maxUnavailable"] {
            policy[field]["calculated"] = json!(calculated(&policy[field], size));
        }
    }
    for version in doc.get_mut("versions").and_then(Value::as_array_mut).into_iter().flatten() {
        version["targetSize"] = json!({ "calculated": size });
    }
}

fn resize(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_no_body()?;
    request.required("size")?;
    let size = request.number("size")?.unwrap_or_default();
    if size > 2_000 {
        return Err(ApiError::invalid("size", size, "Must be between 0 and 2000."));
    }
    let mut next = Item::clone(&*get(cx, path)?);
    next.doc.insert("targetSize".to_owned(), json!(size));
    let takes = cx.pace.operation;
    let then = vec![Change::Wake(path.to_string())];
    change(cx, path, request, "compute.instanceGroupManagers.resize", next, then, takes)
}

const INSTANCES: Schema = &[("instances", Kind::List(&Kind::Str)), ("skipInstancesOnValidationError", Kind::Bool)];

/// The instances that a request names, which must be the manager's.
fn named(cx: &Cx<'_>, path: &Path, request: &Request) -> Result<Vec<(String, Item)>, ApiError> {
    let body = schema::read(INSTANCES, request.json()?, "", Nulls::Drop)?;
    let links: Vec<&str> =
        body.get("instances").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let all = managed(cx, path);
    let mut named = Vec::new();
    for link in links {
        let wanted = Path::parse(link, &path.project).map(|path| path.to_string());
        let found = all.iter().find(|(key, _)| Some(key) == wanted.as_ref());
        let found = found.ok_or_else(|| ApiError::invalid("instances", link, "It is no instance of the group."))?;
        named.push((found.0.clone(), Item::clone(&found.1)));
    }
    if named.is_empty() { Err(ApiError::required("instances")) } else { Ok(named) }
}

/// Lets instances go at once; the manager makes new ones if its size says so.
fn let_go(cx: &mut Cx<'_>, named: Vec<(String, Item)>) {
    for (key, mut item) in named {
        item.doc.insert("status".to_owned(), json!("STOPPING"));
        item.hidden.insert("gone".to_owned(), json!(cx.now + cx.pace.instance_stopping));
        cx.world.put(&key, item);
    }
}

fn delete_instances(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let named = named(cx, path, request)?;
    let mut next = Item::clone(&*get(cx, path)?);
    let size = next.doc.get("targetSize").and_then(Value::as_u64).unwrap_or_default();
    let gone = u64::try_from(named.len()).unwrap_or_default();
    next.doc.insert("targetSize".to_owned(), json!(size.saturating_sub(gone)));
    let takes = cx.pace.operation;
    let then = vec![Change::Wake(path.to_string())];
    let answer = change(cx, path, request, "compute.instanceGroupManagers.deleteInstances", next, then, takes)?;
    let_go(cx, named);
    Ok(answer)
}

fn recreate_instances(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let named = named(cx, path, request)?;
    let next = Item::clone(&*get(cx, path)?);
    let takes = cx.pace.operation;
    let then = vec![Change::Wake(path.to_string())];
    let answer = change(cx, path, request, "compute.instanceGroupManagers.recreateInstances", next, then, takes)?;
    let_go(cx, named);
    Ok(answer)
}

/// `listManagedInstances`.
fn list_managed(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_no_body()?;
    let manager = get(cx, path)?;
    let all: Vec<(String, Value)> = managed(cx, path)
        .into_iter()
        .map(|(key, item)| {
            let (status, action) = match item.text("status") {
                "PROVISIONING" => ("PROVISIONING", "CREATING"),
                "STOPPING" => ("STOPPING", "DELETING"),
                "TERMINATED" => ("TERMINATED", "NONE"),
                _ => ("RUNNING", "NONE"),
            };
            let view = json!({
                "instance": url(&key),
                "id": item.text("id"),
                "name": item.text("name"),
                "instanceStatus": status,
                "currentAction": action,
                "targetStatus": "RUNNING",
                "version": { "instanceTemplate": item.hidden.get("template") },
            });
            (key, view)
        })
        .collect();
    let known = |field: &str| ["instance", "name", "instanceStatus", "currentAction", "id", "version"].contains(&field);
    // Unless the group says otherwise, the list comes whole.
    let whole = manager.text("listManagedInstancesResults") == "PAGELESS";
    let page = page(cx, request, all, known)?;
    let mut answer = json!({});
    let items: Vec<Value> = page.items.into_iter().map(|(_, value)| value).collect();
    if !items.is_empty() {
        answer["managedInstances"] = json!(items);
    }
    if let Some(next) = page.next.filter(|_| !whole) {
        answer["nextPageToken"] = json!(next);
    }
    Ok(answer)
}

/// `listErrors`: the last launches that failed.
pub fn list_errors(cx: &Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&LIST_QUERY)?;
    let manager = get(cx, path)?;
    let errors = manager.hidden.get("errors").and_then(Value::as_array).cloned().unwrap_or_default();
    let all = errors.into_iter().enumerate().map(|(index, error)| (format!("{index:04}"), error));
    let page = page(cx, request, all, |field| ["error", "instanceActionDetails", "timestamp"].contains(&field))?;
    let items: Vec<Value> = page.items.into_iter().map(|(_, value)| value).collect();
    let mut answer = json!({});
    if !items.is_empty() {
        answer["items"] = json!(items);
    }
    if let Some(next) = page.next {
        answer["nextPageToken"] = json!(next);
    }
    Ok(answer)
}

/// The group of a manager's instances has them as members.
pub fn enlist(cx: &mut Cx<'_>, path: &Path) {
    let group = path.beside("instanceGroups", &path.name).to_string();
    let members: Vec<String> = managed(cx, path).into_iter().map(|(key, _)| key).collect();
    if let Some(item) = cx.world.get(&group).cloned()
        && instance_group::members(&item) != members
    {
        let mut item = Item::clone(&item);
        item.hidden.insert("members".to_owned(), json!(members));
        cx.world.put(&group, item);
    }
}
