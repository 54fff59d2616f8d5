//! What can be done with an instance that exists.

use serde_json::{Value, json};

use super::collection::{Action, change, fingerprint, get};
use super::instance::{access, check_account, check_metadata, check_source, check_tags, fill_in};
use super::instance_schema::{ACCESS, ACCOUNT, DISK, METADATA, TAGS};
use super::path::Path;
use super::{labels, reference};
use crate::clock::timestamp;
use crate::gcp::error::ApiError;
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Kind, Nulls, Schema};
use crate::gcp::world::{Cx, Doc, Item, text};

const ID: &[&str] = &["requestId"];

/// The methods of an instance.
pub const ACTIONS: &[Action] = &[
    Action { name: "start", query: ID, run: start },
    Action { name: "stop", query: &["requestId", "noGracefulShutdown", "discardLocalSsd"], run: stop },
    Action { name: "reset", query: ID, run: reset },
    Action { name: "attachDisk", query: &["requestId", "forceAttach"], run: attach_disk },
    Action { name: "detachDisk", query: &["requestId", "deviceName"], run: detach_disk },
    Action { name: "setMetadata", query: ID, run: set_metadata },
    Action { name: "setTags", query: ID, run: set_tags },
    Action { name: "setLabels", query: ID, run: labels::set },
    Action { name: "setDeletionProtection", query: &["requestId", "deletionProtection"], run: set_deletion_protection },
    Action { name: "setMachineType", query: ID, run: set_machine_type },
    Action { name: "setServiceAccount", query: ID, run: set_service_account },
    Action { name: "addAccessConfig", query: &["requestId", "networkInterface"], run: add_access_config },
    Action {
        name: "deleteAccessConfig",
        query: &["requestId", "networkInterface", "accessConfig"],
        run: delete_access_config,
    },
];

/// Changes an instance that has another status for as long.
fn through(
    cx: &mut Cx<'_>,
    path: &Path,
    request: &Request,
    (kind, during): (&str, &str),
    next: Item,
    takes: u64,
) -> Result<Value, ApiError> {
    let answer = change(cx, path, request, kind, next, Vec::new(), takes)?;
    let mut now = Item::clone(&*get(cx, path)?);
    now.doc.insert("status".to_owned(), json!(during));
    cx.world.put(&path.to_string(), now);
    Ok(answer)
}

fn start(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_no_body()?;
    let mut next = Item::clone(&*get(cx, path)?);
    let takes = cx.pace.instance_pending;
    // Starting what runs is allowed and changes nothing.
    let during = if next.text("status") == "RUNNING" { "RUNNING" } else { "STAGING" };
    if during == "STAGING" {
        next.doc.insert("lastStartTimestamp".to_owned(), json!(timestamp(cx.now)));
        next.hidden.insert("started".to_owned(), json!(cx.now + takes));
    }
    next.doc.insert("status".to_owned(), json!("RUNNING"));
    through(cx, path, request, ("start", during), next, takes)
}

fn stop(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_no_body()?;
    request.flag("noGracefulShutdown")?;
    request.flag("discardLocalSsd")?;
    let mut next = Item::clone(&*get(cx, path)?);
    let during = if next.text("status") == "TERMINATED" { "TERMINATED" } else { "STOPPING" };
    next.doc.insert("status".to_owned(), json!("TERMINATED"));
    next.doc.insert("lastStopTimestamp".to_owned(), json!(timestamp(cx.now)));
    let takes = cx.pace.instance_stopping;
    through(cx, path, request, ("stop", during), next, takes)
}

fn reset(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_no_body()?;
    let next = Item::clone(&*get(cx, path)?);
    if next.text("status") != "RUNNING" {
        return Err(ApiError::not_ready(path));
    }
    let takes = cx.pace.operation;
    change(cx, path, request, "reset", next, Vec::new(), takes)
}

/// The attached disks of an instance.
fn disks(item: &Item) -> Vec<Value> {
    item.doc.get("disks").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn attach_disk(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.flag("forceAttach")?;
    let mut attached = schema::read(DISK, request.json()?, "", Nulls::Drop)?;
    schema::references(DISK, &mut attached, "resource", &mut |at, collections, link| {
        *link = reference::resolve(cx, &path.project, collections, link, at)?;
        Ok(())
    })?;
    if attached.contains_key("initializeParams") || attached.get("boot") == Some(&json!(true)) {
        return Err(ApiError::invalid(
            "resource.initializeParams",
            "",
            "The sandbox attaches existing data disks only.",
        ));
    }
    let mut next = Item::clone(&*get(cx, path)?);
    let source = text(&attached, "source").to_owned();
    if source.is_empty() {
        return Err(ApiError::required("resource.source"));
    }
    let size = check_source(cx, path, &source, "resource")?;
    attached.insert("diskSizeGb".to_owned(), json!(size));
    attached.remove("forceAttach");
    let mut all = disks(&next);
    let index = (0..=all.len()).find(|index| !all.iter().any(|disk| disk["index"] == json!(index))).unwrap_or_default();
    fill_in(&mut attached, index);
    if all.iter().any(|disk| disk["deviceName"] == attached["deviceName"]) {
        let name = &attached["deviceName"];
        return Err(ApiError::invalid("resource.deviceName", name, "The device name is already in use."));
    }
    all.push(Value::Object(attached));
    next.doc.insert("disks".to_owned(), Value::Array(all));
    let takes = cx.pace.volume_attaching;
    change(cx, path, request, "attachDisk", next, Vec::new(), takes)
}

fn detach_disk(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_no_body()?;
    let device = request.required("deviceName")?;
    let mut next = Item::clone(&*get(cx, path)?);
    let running = next.text("status") != "TERMINATED";
    let mut all = disks(&next);
    let Some(place) = all.iter().position(|disk| disk["deviceName"] == device) else {
        return Err(ApiError::invalid("deviceName", device, "No attached disk found with device name."));
    };
    if all[place]["boot"] == json!(true) && running {
        return Err(ApiError::invalid("deviceName", device, "The boot disk of a running instance cannot be detached."));
    }
    all.remove(place);
    next.doc.insert("disks".to_owned(), Value::Array(all));
    let takes = cx.pace.volume_attaching;
    change(cx, path, request, "detachDisk", next, Vec::new(), takes)
}

/// Replaces a part of an instance that has a fingerprint of its own.
fn set_part(
    cx: &mut Cx<'_>,
    path: &Path,
    request: &Request,
    (kind, field): (&str, &str),
    mut part: Doc,
) -> Result<Value, ApiError> {
    let mut next = Item::clone(&*get(cx, path)?);
    let given = part.remove("fingerprint");
    if given != Some(json!(fingerprint(next.doc.get(field)))) {
        return Err(ApiError::condition(format!("Supplied fingerprint does not match current {field} fingerprint.")));
    }
    next.doc.insert(field.to_owned(), Value::Object(part));
    let takes = cx.pace.operation;
    change(cx, path, request, kind, next, Vec::new(), takes)
}

fn set_metadata(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let metadata = schema::read(METADATA, request.json()?, "", Nulls::Drop)?;
    check_metadata(Some(&Value::Object(metadata.clone())), "resource")?;
    set_part(cx, path, request, ("setMetadata", "metadata"), metadata)
}

fn set_tags(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let tags = schema::read(TAGS, request.json()?, "", Nulls::Drop)?;
    check_tags(Some(&Value::Object(tags.clone())), "resource")?;
    set_part(cx, path, request, ("setTags", "tags"), tags)
}

fn set_deletion_protection(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_no_body()?;
    let on = request.flag("deletionProtection")?.unwrap_or(true);
    let mut next = Item::clone(&*get(cx, path)?);
    next.doc.insert("deletionProtection".to_owned(), json!(on));
    let takes = cx.pace.operation;
    change(cx, path, request, "setDeletionProtection", next, Vec::new(), takes)
}

/// An instance that is stopped, as some changes need it.
fn stopped(cx: &Cx<'_>, path: &Path) -> Result<Item, ApiError> {
    let item = Item::clone(&*get(cx, path)?);
    if item.text("status") == "TERMINATED" {
        return Ok(item);
    }
    let message = format!("The instance '{path}' must be stopped first; it is {}.", item.text("status"));
    Err(ApiError::new(400, "resourceNotReady", message))
}

const MACHINE_TYPE: Schema = &[("machineType", Kind::Ref(&["machineTypes"]))];

fn set_machine_type(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let body = schema::read(MACHINE_TYPE, request.json()?, "", Nulls::Drop)?;
    let link = text(&body, "machineType");
    let link = reference::resolve(cx, &path.project, &["machineTypes"], link, "machineType")?;
    if Path::of_url(&link).is_none_or(|kind| kind.scope != path.scope) {
        return Err(ApiError::invalid("machineType", link, "The machine type is in another zone."));
    }
    let mut next = stopped(cx, path)?;
    next.doc.insert("machineType".to_owned(), json!(link));
    let takes = cx.pace.operation;
    change(cx, path, request, "setMachineType", next, Vec::new(), takes)
}

fn set_service_account(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let body = Value::Object(schema::read(ACCOUNT, request.json()?, "", Nulls::Drop)?);
    check_account(&body, "resource")?;
    let mut next = stopped(cx, path)?;
    next.doc.insert("serviceAccounts".to_owned(), json!([body]));
    let takes = cx.pace.operation;
    change(cx, path, request, "setServiceAccount", next, Vec::new(), takes)
}

/// The only interface, which a request must name.
fn interface<'a>(item: &'a mut Item, request: &Request) -> Result<&'a mut Value, ApiError> {
    match request.required("networkInterface")? {
        "nic0" => item
            .doc
            .get_mut("networkInterfaces")
            .and_then(|all| all.get_mut(0))
            .ok_or_else(|| ApiError::required("nic0")),
        other => Err(ApiError::invalid("networkInterface", other, "There is no such interface.")),
    }
}

fn add_access_config(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let body = schema::read(ACCESS, request.json()?, "", Nulls::Drop)?;
    let mut next = Item::clone(&*get(cx, path)?);
    let interface = interface(&mut next, request)?;
    if interface["accessConfigs"].as_array().is_some_and(|configs| !configs.is_empty()) {
        return Err(ApiError::invalid("accessConfigs", 2, "At most one access config is supported."));
    }
    interface["accessConfigs"] = json!([access(cx, path, body, "resource")?]);
    let takes = cx.pace.operation;
    change(cx, path, request, "addAccessConfig", next, Vec::new(), takes)
}

fn delete_access_config(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_no_body()?;
    let name = request.required("accessConfig")?;
    let mut next = Item::clone(&*get(cx, path)?);
    let interface = interface(&mut next, request)?;
    if interface["accessConfigs"][0]["name"] != name {
        return Err(ApiError::invalid("accessConfig", name, "There is no such access config."));
    }
    if let Some(interface) = interface.as_object_mut() {
        interface.remove("accessConfigs");
    }
    let takes = cx.pace.operation;
    change(cx, path, request, "deleteAccessConfig", next, Vec::new(), takes)
}
