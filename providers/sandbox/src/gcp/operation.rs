//! Long-running operations of Compute Engine: what a change answers with, and what it does when it ends.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::compute::gone;
use super::compute::path::{Path, Scope, url};
use super::error::ApiError;
use super::world::{Cx, Item, part_of};
use crate::clock::{Millis, timestamp};

/// How many ended operations a part of the world remembers.
const REMEMBERED: usize = 2_000;

/// What happens when an operation ends.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Change {
    /// Something is from now on like this.
    Put(String, Arc<Item>),
    /// Something is gone.
    Remove(String),
    /// Something is to be looked at at once.
    Wake(String),
}

/// The error in an operation that has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    /// Such as `ZONE_RESOURCE_POOL_EXHAUSTED`.
    pub code: String,
    /// The text for people.
    pub message: String,
    /// The HTTP status that the operation shows.
    pub status: u16,
}

impl Failure {
    /// A zone has no machine of the type left.
    pub fn capacity(zone: &str) -> Self {
        Self {
            code: "ZONE_RESOURCE_POOL_EXHAUSTED".to_owned(),
            message: format!(
                "The zone '{zone}' does not have enough resources available to fulfill the request. Try a different \
                 zone, or try again later."
            ),
            status: 503,
        }
    }

    /// What a fault says. The status is the one that the reference gives for errors of the kind.
    pub fn given(code: &str) -> Self {
        let has = |part: &str| code.contains(part);
        let status = match code {
            _ if has("QUOTA") || has("LIMIT") || has("PERMISSION") => 403,
            _ if has("EXHAUSTED") || has("UNAVAILABLE") => 503,
            _ if has("NOT_FOUND") => 404,
            _ if has("INTERNAL") => 500,
            _ => 400,
        };
        Self { code: code.to_owned(), message: format!("The operation ended in {code}."), status }
    }

    /// Something else needs it. `message` is what a refusal would say.
    pub fn in_use(message: String) -> Self {
        Self { code: "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE".to_owned(), message, status: 400 }
    }

    /// The identity of a machine does not exist, or is not known everywhere yet.
    pub fn no_account(email: &str) -> Self {
        Self {
            code: "EXTERNAL_RESOURCE_NOT_FOUND".to_owned(),
            message: format!("The resource '{email}' of type 'serviceAccount' was not found."),
            status: 404,
        }
    }

    /// An internal address has an owner.
    pub fn address_in_use(address: impl std::fmt::Display) -> Self {
        Self {
            code: "IP_IN_USE_BY_ANOTHER_RESOURCE".to_owned(),
            message: format!("IP '{address}' is already being used by another resource."),
            status: 400,
        }
    }
}

/// An operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operation {
    name: String,
    id: String,
    kind: String,
    project: String,
    scope: Scope,
    target: String,
    target_id: String,
    begun: Millis,
    due: Millis,
    request: Option<(String, String)>,
    then: Vec<Change>,
    error: Option<Failure>,
}

/// What a change is to do.
#[derive(Debug)]
pub struct Work<'a> {
    /// Such as `insert`.
    pub kind: &'a str,
    /// What is changed.
    pub target: &'a Path,
    /// The number of what is changed.
    pub target_id: String,
    /// How long it takes, in milliseconds.
    pub takes: u64,
    /// What happens when it ends.
    pub then: Vec<Change>,
    /// How it fails; `then` is what is to happen then.
    pub error: Option<Failure>,
    /// The `requestId`, and what tells the request from others.
    pub request: Option<(String, String)>,
}

impl Operation {
    /// Begins an operation and gives the API's view of it.
    pub fn begin(cx: &mut Cx<'_>, work: Work<'_>) -> Value {
        let name = format!("operation-{}-{}-{}-{}", cx.now, cx.ids.hex(13), cx.ids.hex(8), cx.ids.hex(8));
        let operation = Self {
            id: cx.number(),
            kind: work.kind.to_owned(),
            project: work.target.project.clone(),
            scope: work.target.scope.clone(),
            target: work.target.to_string(),
            target_id: work.target_id,
            begun: cx.now,
            due: cx.now + work.takes,
            request: work.request,
            then: work.then,
            error: work.error,
            name,
        };
        let view = operation.view(cx.now, false);
        cx.world.part_mut(&part_of(&operation.target)).open.insert(operation.path(), operation);
        view
    }

    /// Where the API shows it.
    fn path(&self) -> String {
        format!("projects/{}/{}/operations/{}", self.project, self.scope, self.name)
    }

    /// The API's view.
    pub fn view(&self, now: Millis, ended: bool) -> Value {
        let started = self.begun + (self.due - self.begun) / 3;
        let (status, progress) = match (ended, now >= started) {
            (true, _) => ("DONE", 100),
            (false, true) => ("RUNNING", 50),
            (false, false) => ("PENDING", 0),
        };
        // What takes no time has still not ended when it is answered for the first time.
        let mut view = json!({
            "kind": "compute#operation",
            "id": self.id,
            "name": self.name,
            "operationType": self.kind,
            "targetLink": url(&self.target),
            "targetId": self.target_id,
            "status": status,
            "progress": progress,
            "user": "sandbox@meridian.invalid",
            "insertTime": timestamp(self.begun),
            "selfLink": url(&self.path()),
        });
        if status != "PENDING" {
            view["startTime"] = Value::from(timestamp(started));
        }
        match &self.scope {
            Scope::Global => {}
            Scope::Region(name) => {
                view["region"] = Value::from(url(&format!("projects/{}/regions/{name}", self.project)));
            }
            Scope::Zone(name) => view["zone"] = Value::from(url(&format!("projects/{}/zones/{name}", self.project))),
        }
        if let Some((id, _)) = &self.request {
            view["clientOperationId"] = Value::from(id.clone());
        }
        if ended {
            view["endTime"] = Value::from(timestamp(self.due));
            if let Some(error) = &self.error {
                view["error"] = json!({ "errors": [{ "code": error.code, "message": error.message }] });
                view["httpErrorStatusCode"] = Value::from(error.status);
                view["httpErrorMessage"] = Value::from(match error.status {
                    503 => "SERVICE UNAVAILABLE",
                    403 => "FORBIDDEN",
                    404 => "NOT FOUND",
                    500 => "INTERNAL SERVER ERROR",
                    _ => "BAD REQUEST",
                });
            }
        }
        view
    }
}

/// The operations of a scope of a project: path, the operation and whether it has ended.
pub fn of<'a>(
    cx: &'a Cx<'_>,
    project: &'a str,
    scope: &Scope,
) -> impl Iterator<Item = (&'a String, &'a Operation, bool)> + use<'a> {
    let prefix = format!("projects/{project}/{scope}/operations/");
    cx.world
        .parts()
        .iter()
        .filter(move |(name, _)| name.split('.').next() == Some(project))
        .flat_map(|(_, part)| {
            let open = part.open.iter().map(|(path, operation)| (path, operation, false));
            open.chain(part.done.iter().map(|(path, operation)| (path, operation, true)))
        })
        .filter(move |(path, ..)| path.starts_with(&prefix))
}

/// The answer to a request that was sent before with the same `requestId`. An id that belongs to another request is
/// refused.
pub fn repeated(cx: &Cx<'_>, target: &Path, request: Option<&(String, String)>) -> Result<Option<Value>, ApiError> {
    let Some((id, what)) = request else { return Ok(None) };
    let Some(part) = cx.world.parts().get(&part_of(&target.to_string())) else { return Ok(None) };
    let open = part.open.values().map(|operation| (operation, false));
    for (operation, ended) in open.chain(part.done.values().map(|operation| (operation, true))) {
        if let Some((known, about)) = &operation.request
            && known == id
        {
            return if about == what {
                Ok(Some(operation.view(cx.now, ended)))
            } else {
                Err(ApiError::invalid("requestId", id, "The id was used for a different request."))
            };
        }
    }
    Ok(None)
}

/// When an operation that is named by its path ends; `None` where it has ended or never was.
pub fn ends(cx: &Cx<'_>, path: &str) -> Option<Millis> {
    cx.world.parts().values().find_map(|part| part.open.get(path)).map(|operation| operation.due)
}

/// Ends the operations that are due, in the order in which they are.
pub fn settle(cx: &mut Cx<'_>) {
    let now = cx.now;
    let mut due: Vec<(Millis, String, String)> = Vec::new();
    for (name, part) in cx.world.parts() {
        let ready = part.open.iter().filter(|(_, operation)| operation.due <= now);
        due.extend(ready.map(|(path, operation)| (operation.due, name.clone(), path.clone())));
    }
    due.sort();
    for (_, name, path) in due {
        let part = cx.world.part_mut(&name);
        let Some(mut operation) = part.open.remove(&path) else { continue };
        let then = std::mem::take(&mut operation.then);
        part.done.insert(path, operation);
        if part.done.len() > REMEMBERED {
            // Names begin with the time, so the first is the oldest of its scope.
            part.done.pop_first();
        }
        for change in then {
            match change {
                Change::Put(path, item) => cx.world.put(&path, Arc::unwrap_or_clone(item)),
                Change::Remove(path) => {
                    if let Some(item) = cx.world.remove(&path).filter(|_| path.contains("/instances/")) {
                        gone(cx, &path, &item);
                    }
                }
                Change::Wake(path) => drop(cx.world.part_mut(&part_of(&path)).wakes.insert(path, now)),
            }
        }
    }
}
