//! What a manager does with its instances as time goes by: it launches what is missing, removes what is too much, and
//! replaces what is out of date, within its limits.

use std::sync::Arc;

use serde_json::{Value, json};

use super::path::{Path, Scope, url};
use super::{instance, manager};
use crate::clock::{Millis, timestamp};
use crate::gcp::error::ApiError;
use crate::gcp::operation::Failure;
use crate::gcp::world::{Cx, Doc, Item, part_of, text};

/// The instances of a manager, by path.
pub fn managed(cx: &Cx<'_>, path: &Path) -> Vec<(String, Arc<Item>)> {
    let key = json!(path.to_string());
    let part = cx.world.parts().get(&part_of(&path.to_string()));
    let items = part.into_iter().flat_map(|part| &part.items);
    items
        .filter(|(_, item)| item.hidden.get("manager") == Some(&key))
        .map(|(key, item)| (key.clone(), item.clone()))
        .collect()
}

/// Whether an instance runs.
pub fn is_running(item: &Item) -> bool {
    item.text("status") == "RUNNING"
}

/// Whether an instance is of the template that the manager has now.
pub fn is_current(instance: &Item, manager: &Item) -> bool {
    instance.hidden.get("template") == manager.doc.get("instanceTemplate")
}

/// A number that is fixed or a percentage of the size.
pub fn calculated(count: &Value, size: u64) -> u64 {
    match (count["fixed"].as_u64(), count["percent"].as_u64()) {
        (Some(fixed), _) => fixed,
        (None, Some(percent)) => (size * percent).div_ceil(100),
        (None, None) => 0,
    }
}

/// Looks after the managers whose time has come.
pub fn settle(cx: &mut Cx<'_>) {
    let due: Vec<String> = cx
        .world
        .parts()
        .values()
        .flat_map(|part| part.wakes.iter().filter(|(_, at)| **at <= cx.now).map(|(path, _)| path.clone()))
        .collect();
    for key in due {
        cx.world.part_mut(&part_of(&key)).wakes.remove(&key);
        let Some(path) = Path::parse(&key, "") else { continue };
        let Some(item) = cx.world.get(&key).cloned() else { continue };
        // While an operation is at work on it, it does nothing by itself.
        let next = if item.busy { Some(cx.now + 1) } else { look_after(cx, &path, &item) };
        manager::enlist(cx, &path);
        if let Some(next) = next {
            cx.world.part_mut(&part_of(&key)).wakes.insert(key, next);
        }
    }
}

/// An instance has gone: the groups that it was in have it no longer, and its manager is to look.
pub fn gone(cx: &mut Cx<'_>, key: &str, item: &Item) {
    if let Some(manager) = item.hidden.get("manager").and_then(Value::as_str) {
        cx.world.part_mut(&part_of(manager)).wakes.insert(manager.to_owned(), cx.now);
        return;
    }
    let Some(path) = Path::parse(key, "") else { return };
    let prefix = format!("projects/{}/{}/instanceGroups/", path.project, path.scope);
    let groups: Vec<(String, Arc<Item>)> =
        cx.world.under(&prefix).map(|(key, group)| (key.clone(), group.clone())).collect();
    for (group_key, group) in groups {
        let mut members = super::instance_group::members(&group);
        if members.iter().any(|member| member == key) {
            members.retain(|member| member != key);
            let mut group = Item::clone(&group);
            group.hidden.insert("members".to_owned(), json!(members));
            cx.world.put(&group_key, group);
        }
    }
}

fn moment(item: &Item, field: &str) -> Option<Millis> {
    item.hidden.get(field).and_then(Value::as_u64)
}

/// Does what can be done now and says when to look again.
fn look_after(cx: &mut Cx<'_>, path: &Path, item: &Item) -> Option<Millis> {
    let mut next: Option<Millis> = None;
    let mut again = |at: Millis| next = Some(next.map_or(at, |next| next.min(at)));
    // What was begun comes to its end.
    for (key, one) in managed(cx, path) {
        match (one.text("status"), moment(&one, "gone"), moment(&one, "started")) {
            ("STOPPING", Some(at), _) if at <= cx.now => {
                for disk in instance::own_disks(&one) {
                    cx.world.remove(&disk);
                }
                cx.world.remove(&key);
            }
            ("PROVISIONING", _, Some(at)) if at <= cx.now => {
                let mut one = Item::clone(&one);
                one.doc.insert("status".to_owned(), json!("RUNNING"));
                cx.world.put(&key, one);
            }
            ("STOPPING", Some(at), _) | ("PROVISIONING", _, Some(at)) => again(at),
            _ => {}
        }
    }
    let alive: Vec<(String, Arc<Item>)> =
        managed(cx, path).into_iter().filter(|(_, one)| one.text("status") != "STOPPING").collect();
    let size = item.doc.get("targetSize").and_then(Value::as_u64).unwrap_or_default();
    let policy = &item.doc["updatePolicy"];
    let outdated: Vec<&(String, Arc<Item>)> = alive.iter().filter(|(_, one)| !is_current(one, item)).collect();
    let rolling = policy["type"] == "PROACTIVE" && !outdated.is_empty() && size > 0;
    let as_count = |number: u64| usize::try_from(number).unwrap_or_default();
    let surge = if rolling { as_count(calculated(&policy["maxSurge"], size)).min(outdated.len()) } else { 0 };
    let wanted = as_count(size) + surge;
    if alive.len() < wanted {
        for _ in alive.len()..wanted {
            if let Err(failure) = launch(cx, path, item) {
                remember(cx, path, &failure);
                // What found no room is tried again later.
                again(cx.now + cx.pace.asg_scale.max(1));
                return next;
            }
        }
        again(cx.now + cx.pace.instance_pending);
    }
    let running = alive.iter().filter(|(_, one)| is_running(one)).count();
    let doomed: Vec<String> = if alive.len() > wanted {
        surplus(&alive, item, alive.len() - wanted)
    } else if rolling {
        let least = as_count(size.saturating_sub(calculated(&policy["maxUnavailable"], size)));
        let free = running.saturating_sub(least);
        outdated.iter().take(free).map(|(key, _)| key.clone()).collect()
    } else {
        Vec::new()
    };
    for key in doomed {
        let Some(one) = cx.world.get(&key) else { continue };
        let mut one = Item::clone(one);
        one.doc.insert("status".to_owned(), json!("STOPPING"));
        one.hidden.insert("gone".to_owned(), json!(cx.now + cx.pace.instance_stopping));
        cx.world.put(&key, one);
        again(cx.now + cx.pace.instance_stopping);
    }
    next
}

/// Whom to let go: those out of date first, then those of the fullest zone, the youngest first.
fn surplus(alive: &[(String, Arc<Item>)], manager: &Item, count: usize) -> Vec<String> {
    let zone = |key: &str| Path::parse(key, "").map(|path| path.scope.to_string()).unwrap_or_default();
    let mut left: Vec<&(String, Arc<Item>)> = alive.iter().collect();
    let mut doomed = Vec::new();
    for _ in 0..count {
        let crowd = |key: &str| left.iter().filter(|(other, _)| zone(other) == zone(key)).count();
        let worst = left.iter().enumerate().max_by_key(|(_, (key, one))| {
            (!is_current(one, manager), crowd(key), one.text("creationTimestamp").to_owned(), key.clone())
        });
        let Some((index, _)) = worst else { break };
        doomed.push(left.remove(index).0.clone());
    }
    doomed
}

/// How many failures a manager remembers.
const REMEMBERED: usize = 50;

/// Remembers why a launch failed, the newest first.
fn remember(cx: &mut Cx<'_>, path: &Path, failure: &Failure) {
    let key = path.to_string();
    let Some(mut item) = cx.world.get(&key).map(|item| Item::clone(item)) else { return };
    let mut errors = item.hidden.get("errors").and_then(Value::as_array).cloned().unwrap_or_default();
    let error = json!({
        "error": { "code": failure.code, "message": failure.message },
        "instanceActionDetails": {
            "action": "CREATING",
            "version": { "instanceTemplate": item.text("instanceTemplate") },
        },
        "timestamp": timestamp(cx.now),
    });
    errors.insert(0, error);
    errors.truncate(REMEMBERED);
    item.hidden.insert("errors".to_owned(), Value::Array(errors));
    cx.world.put(&key, item);
}

/// Launches an instance in the zone that has the fewest.
fn launch(cx: &mut Cx<'_>, path: &Path, item: &Item) -> Result<(), Failure> {
    let all = managed(cx, path);
    let crowd = |zone: &str| {
        let here = |(key, one): &&(String, Arc<Item>)| {
            key.contains(&format!("/zones/{zone}/")) && one.text("status") != "STOPPING"
        };
        all.iter().filter(here).count()
    };
    let zones = item.doc["distributionPolicy"]["zones"].as_array().into_iter().flatten();
    let zone = zones.filter_map(|zone| zone["zone"].as_str()?.rsplit('/').next()).min_by_key(|zone| crowd(zone));
    let zone = zone.unwrap_or_default().to_owned();
    if cx.faults.strike_launch("compute", "instances.insert", path.region()) {
        return Err(Failure::capacity(&zone));
    }
    let refused = |error: ApiError| Failure { code: error.reason, message: error.message, status: error.status };
    let link = item.text("instanceTemplate");
    let template = Path::of_url(link).ok_or_else(|| ApiError::not_found(link)).map_err(refused)?;
    let template = super::collection::get(cx, &template).map_err(refused)?;
    let properties = template.doc.get("properties").and_then(Value::as_object);
    let mut doc: Doc = properties.cloned().unwrap_or_default();
    let name = format!("{}-{}", item.text("baseInstanceName"), cx.ids.upper(4).to_lowercase());
    let place = Path {
        project: path.project.clone(),
        scope: Scope::Zone(zone.clone()),
        collection: "instances".to_owned(),
        name,
    };
    place_in(&mut doc, &path.project, &zone, item);
    doc.insert("name".to_owned(), json!(place.name));
    if cx.world.get(&place.to_string()).is_some() {
        return Err(refused(ApiError::exists(&place)));
    }
    // What the template says may have become impossible; then the manager tries again, as the real one does.
    let made = instance::prepare(cx, &place, &mut doc).map_err(refused)?;
    if let Some(failure) = made.failure {
        return Err(failure);
    }
    super::collection::stamp(cx, &mut doc);
    doc.insert("status".to_owned(), json!("PROVISIONING"));
    let mut hidden = made.hidden;
    hidden.insert("manager".to_owned(), json!(path.to_string()));
    hidden.insert("template".to_owned(), item.doc["instanceTemplate"].clone());
    for (path, disk) in made.also {
        cx.world.put(&path.to_string(), disk);
    }
    cx.world.put(&place.to_string(), Item { doc, hidden, busy: false });
    Ok(())
}

/// Turns the names of a template into links of a zone, and picks the machine type that the group likes best.
fn place_in(doc: &mut Doc, project: &str, zone: &str, manager: &Item) {
    let link =
        |collection: &str, name: &str| json!(url(&format!("projects/{project}/zones/{zone}/{collection}/{name}")));
    let selections =
        manager.doc.get("instanceFlexibilityPolicy").and_then(|policy| policy["instanceSelections"].as_object());
    let preferred = selections
        .into_iter()
        .flatten()
        .min_by_key(|(_, selection)| selection["rank"].as_i64().unwrap_or_default())
        .and_then(|(_, selection)| selection["machineTypes"][0].as_str().map(str::to_owned));
    let kind = preferred.unwrap_or_else(|| text(doc, "machineType").to_owned());
    doc.insert("machineType".to_owned(), link("machineTypes", &kind));
    for attached in doc.get_mut("disks").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(kind) = attached["initializeParams"]["diskType"].as_str().map(str::to_owned) {
            attached["initializeParams"]["diskType"] = link("diskTypes", &kind);
        }
    }
}
