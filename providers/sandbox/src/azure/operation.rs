//! Long-running operations.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::{ApiError, Failure};
use super::request::Request;
use super::response::Response;
use super::world::Cx;
use crate::clock::{Millis, timestamp};

/// An operation that takes a while.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operation {
    /// When it began.
    pub started: Millis,
    /// When it ends.
    pub until: Millis,
    /// How it ends, unless well.
    pub failure: Option<Failure>,
    /// The resource that it makes or changes; `None` for a deletion or an action.
    pub output: Option<String>,
}

/// Where an operation is asked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `operations` and `operationResults`.
    Network,
    /// `operations`, with `monitor=true` for the result.
    Compute,
    /// `DiskOperations`, likewise.
    Disk,
    /// Only `Location`, and `operationresults` of the subscription itself.
    Group,
    /// Only `Location`, and `asyncoperations`.
    Storage,
}

impl Cx<'_> {
    /// Starts an operation and gives its id.
    pub fn start(&mut self, lasts: Millis, failure: Option<Failure>, output: Option<&str>) -> String {
        let id = self.ids.uuid();
        let operation =
            Operation { started: self.now, until: self.now + lasts, failure, output: output.map(str::to_owned) };
        self.sub.operations.insert(id.clone(), operation);
        self.dirty();
        id
    }
}

/// The headers that say where an operation is asked after.
pub fn headers(cx: &Cx<'_>, request: &Request, style: Style, location: &str, id: &str) -> Vec<(String, String)> {
    let namespace = request.namespace.as_deref().unwrap_or_default();
    let base = format!("http://{}/subscriptions/{}", request.host, cx.subscription);
    let version = format!("api-version={}", request.version());
    let place = |kind: &str| format!("{base}/providers/{namespace}/locations/{location}/{kind}/{id}");
    let (status, result) = match style {
        Style::Network => {
            (format!("{}?{version}", place("operations")), format!("{}?{version}", place("operationResults")))
        }
        Style::Compute | Style::Disk => {
            let at = place(if style == Style::Disk { "DiskOperations" } else { "operations" });
            (format!("{at}?{version}"), format!("{at}?monitor=true&{version}"))
        }
        Style::Group => (String::new(), format!("{base}/operationresults/{id}?{version}")),
        Style::Storage => (String::new(), format!("{}?monitor=true&{version}", place("asyncoperations"))),
    };
    let mut headers = vec![("Location".to_owned(), result), ("Retry-After".to_owned(), wait(cx, id).to_string())];
    if !status.is_empty() {
        headers.push(("Azure-AsyncOperation".to_owned(), status));
    }
    headers
}

/// The whole seconds until an operation ends. The real service says ten; here things take milliseconds.
fn wait(cx: &Cx<'_>, id: &str) -> Millis {
    cx.sub.operations.get(id).map_or(0, |operation| operation.until.saturating_sub(cx.now) / 1_000)
}

/// What a request behind a provider's `locations` or at a subscription's `operationresults` asks after.
pub fn asked(request: &Request) -> Option<(&str, bool)> {
    let monitor = request.query.get("monitor").is_some_and(|value| value == "true");
    let (kind, id) = match (request.rest.as_slice(), request.scope.as_slice()) {
        ([locations, _, kind, id], _) if locations == "locations" => (kind, id),
        ([], [_, _, kind, id]) => (kind, id),
        _ => return None,
    };
    match kind.as_str() {
        "operations" | "DiskOperations" | "asyncoperations" | "operationStatuses" => Some((id, monitor)),
        "operationResults" | "operationresults" => Some((id, true)),
        _ => None,
    }
}

/// Answers how an operation stands, or, with `result`, what it has given.
pub fn poll(cx: &mut Cx<'_>, request: &Request, id: &str, result: bool) -> Result<Response, ApiError> {
    request.only(&["monitor", "p", "t"])?;
    let Some(operation) = cx.sub.operations.get(id).cloned() else {
        return Err(ApiError::new(404, "OperationNotFound", format!("The operation '{id}' could not be found.")));
    };
    let running = operation.until > cx.now;
    let retry = ("Retry-After".to_owned(), wait(cx, id).to_string());
    if !result {
        let mut body = json!({ "name": id, "startTime": timestamp(operation.started) });
        body["status"] = json!(match (&operation.failure, running) {
            (_, true) => "InProgress",
            (None, false) => "Succeeded",
            (Some(_), false) => "Failed",
        });
        if running {
            return Ok(Response::json(200, body).with(vec![retry]));
        }
        body["endTime"] = json!(timestamp(operation.until));
        if let Some(failure) = &operation.failure {
            body["error"] = failure.body();
        }
        return Ok(Response::json(200, body));
    }
    if running {
        let again = ("Location".to_owned(), request.url_with(&[]));
        return Ok(Response::empty(202).with(vec![again, retry]));
    }
    if let Some(failure) = operation.failure {
        return Err(ApiError { status: 409, failure, headers: Vec::new() });
    }
    let output = operation.output.and_then(|id| cx.find(&id).cloned());
    match output.and_then(|resource| super::resource::render(cx, &resource)) {
        Some(body) => Ok(Response::json(200, body)),
        None if request.namespace.is_none() => Ok(Response::empty(200)),
        None => Ok(Response::empty(204)),
    }
}

/// Forgets operations that ended long ago.
pub fn settle(cx: &mut Cx<'_>) {
    let (now, leftover) = (cx.now, cx.pace.leftover);
    cx.sub.operations.retain(|_, operation| operation.until + leftover > now);
}

/// The state of a resource in words.
pub fn provisioning(state: &super::world::State, style: Style) -> Value {
    use super::world::{Doing, State};
    json!(match state {
        State::Ready => "Succeeded",
        State::Failed => "Failed",
        State::Busy { doing: Doing::Delete, .. } => "Deleting",
        State::Busy { doing: Doing::Create, .. } if style != Style::Network => "Creating",
        State::Busy { .. } => "Updating",
    })
}
