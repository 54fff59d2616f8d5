//! What all kinds of resources have in common: PUT, GET, PATCH, DELETE and lists.

use serde_json::{Map, Value, json};

use super::body;
use super::error::{ApiError, Failure};
use super::kind::{Draft, Kind, Outcome, Spec};
use super::operation::{self, Style};
use super::regions;
use super::request::Request;
use super::response::Response;
use super::world::{Cx, Doing, Ending, Resource, State, group_of, key, name_of, parent_of};

/// How long an operation lasts that is to be asked after several times, in milliseconds.
const SEVERAL_POLLS: u64 = 60;

/// The id that a request names, with the group's and the parent's names as they were first written.
fn id(cx: &Cx<'_>, request: &Request, spec: &Spec) -> String {
    let scope = match request.group().and_then(|name| cx.sub.groups.get(&name.to_lowercase())) {
        Some(group) => format!("/subscriptions/{}/resourceGroups/{}", cx.subscription, group.name),
        None => format!("/{}", request.scope.join("/")),
    };
    let mut id = format!("{scope}/providers/{}", spec.namespace());
    for (kind, pair) in spec.types().zip(request.rest.chunks(2)) {
        id = format!("{id}/{kind}");
        if let Some(name) = pair.get(1) {
            id = format!("{id}/{name}");
            if let Some(known) = cx.find(&id) {
                id.clone_from(&known.id);
            }
        }
    }
    id
}

/// A resource as it is shown, or nothing if its kind is unknown.
pub fn render(cx: &Cx<'_>, resource: &Resource) -> Option<Value> {
    let kind = super::kind_named(&resource.kind)?;
    let spec = kind.spec();
    let mut body = resource.body.clone();
    body["id"] = json!(resource.id);
    body["name"] = json!(resource.name());
    body["type"] = json!(resource.kind);
    if spec.located {
        body["location"] = json!(resource.location);
    }
    if spec.etag {
        body["etag"] = json!(resource.etag);
    }
    if spec.stateful {
        body::set(&mut body, "provisioningState", operation::provisioning(&resource.state, spec.style));
    }
    kind.view(cx, resource, &mut body);
    Some(body)
}

fn shown(cx: &Cx<'_>, id: &str) -> Result<Value, ApiError> {
    cx.find(id).and_then(|resource| render(cx, resource)).ok_or_else(|| ApiError::not_found(id))
}

/// The group of the request, which must exist and stay.
fn check_group(cx: &Cx<'_>, request: &Request, writes: bool) -> Result<(), ApiError> {
    let Some(name) = request.group() else { return Ok(()) };
    match cx.sub.groups.get(&name.to_lowercase()) {
        None => Err(ApiError::no_group(name)),
        Some(group) if writes && group.deleting.is_some() => Err(ApiError::conflict(
            "ResourceGroupBeingDeleted",
            format!(
                "The resource group '{}' is in deprovisioning state and cannot perform this operation.",
                group.name
            ),
        )),
        Some(_) => Ok(()),
    }
}

/// GET of one resource.
pub fn get(cx: &mut Cx<'_>, request: &Request, kind: &'static dyn Kind) -> Result<Response, ApiError> {
    request.only(kind.spec().query)?;
    check_group(cx, request, false)?;
    let id = id(cx, request, kind.spec());
    let resource = cx.find(&id).ok_or_else(|| ApiError::not_found(&id))?;
    let mut body = render(cx, resource).unwrap_or_default();
    if let Some(what) = request.query.get("$expand") {
        kind.expand(cx, resource, what, &mut body);
    }
    Ok(Response::json(200, body))
}

/// GET of all resources of a kind: of a parent, a group or the subscription.
pub fn list(cx: &mut Cx<'_>, request: &Request, kind: &'static dyn Kind) -> Result<Response, ApiError> {
    let spec = kind.spec();
    request.only(&["$top", "$skiptoken", "$expand", "$filter"])?;
    check_group(cx, request, false)?;
    let mut within = format!("{}/", key(&format!("/{}", request.scope.join("/"))));
    if spec.is_child() {
        let parent = id(cx, request, spec);
        let parent = parent.rsplit_once('/').map_or("", |(parent, _)| parent);
        cx.find(parent).ok_or_else(|| ApiError::not_found(parent))?;
        within = format!("{}/", key(parent));
    }
    let here = cx.of_kind(spec.kind).filter(|resource| key(&resource.id).starts_with(&within));
    let items = here.filter_map(|resource| render(cx, resource)).collect();
    Ok(Response::json(200, cx.page(request, items)?))
}

/// PUT.
pub fn put(cx: &mut Cx<'_>, request: &Request, kind: &'static dyn Kind) -> Result<Response, ApiError> {
    request.only(&[])?;
    check_group(cx, request, true)?;
    let body = body::read(&request.body, kind.spec().shape, false)?;
    write(cx, request, kind, body)
}

/// PATCH: lays the body over what exists.
pub fn patch(cx: &mut Cx<'_>, request: &Request, kind: &'static dyn Kind) -> Result<Response, ApiError> {
    let spec = kind.spec();
    request.only(&[])?;
    check_group(cx, request, true)?;
    let id = id(cx, request, spec);
    let old = cx.find(&id).ok_or_else(|| ApiError::not_found(&id))?;
    let mut whole = old.body.clone();
    if spec.located {
        whole["location"] = json!(old.location);
    }
    let shape = spec.patch.map_or(spec.shape, |(_, shape)| shape);
    body::merge(&mut whole, body::read(&request.body, shape, true)?);
    write(cx, request, kind, whole)
}

fn write(cx: &mut Cx<'_>, request: &Request, kind: &'static dyn Kind, mut body: Value) -> Result<Response, ApiError> {
    let spec = kind.spec();
    let id = id(cx, request, spec);
    check_name(name_of(&id), spec)?;
    let old = cx.find(&id).cloned();
    if spec.etag {
        request.preconditions(old.as_ref().map(|old| old.etag.as_str()))?;
    }
    if spec.is_child() {
        let parent = parent_of(&id);
        match cx.find(parent) {
            None => return Err(ApiError::no_parent(&id, parent)),
            Some(parent) if parent.is_busy() => return Err(ApiError::in_progress(&parent.id)),
            Some(_) => {}
        }
    }
    let location = check_location(spec, &mut body, &id, old.as_ref())?;
    check_tags(&body)?;
    check_zones(cx, &id, &location, &body, old.as_ref())?;
    if let Some(old) = &old {
        check_idle(old, spec.style)?;
    }
    let is_new = old.is_none();
    let (created, hidden) = old.as_ref().map_or((cx.now, json!({})), |old| (old.created, old.hidden.clone()));
    let mut draft = Draft { id, location, body, hidden, old, lasts: None, failure: None };
    kind.put(cx, &mut draft)?;
    if cx.ending == Ending::NoCapacity && draft.lasts.is_some() && draft.failure.is_none() {
        draft.failure = Some(no_capacity(&draft.body, &draft.location));
    }
    let Draft { id, location, body, hidden, lasts, failure, .. } = draft;
    let (lasts, failure) = ended(cx, lasts, failure);
    let state = match lasts {
        None => State::Ready,
        Some(lasts) => State::Busy {
            doing: if is_new { Doing::Create } else { Doing::Update },
            until: cx.now + lasts,
            failure: failure.clone(),
        },
    };
    let etag = cx.etag();
    let resource = Resource {
        id: id.clone(),
        kind: spec.kind.to_owned(),
        location: location.clone(),
        body,
        hidden,
        etag,
        created,
        state,
    };
    cx.sub.resources.insert(key(&id), resource);
    cx.dirty();
    let status = if is_new { 201 } else { 200 };
    let answer = shown(cx, &id)?;
    Ok(match lasts {
        // Sources of the statuses: the models of the services, operation by operation.
        None => Response::json(if spec.style == Style::Compute { 200 } else { status }, answer),
        Some(lasts) => {
            let operation = cx.start(lasts, failure, Some(&id));
            let region = if location.is_empty() { "global" } else { &location };
            let response = match spec.style {
                Style::Storage => Response::empty(202),
                Style::Disk => Response::json(202, answer),
                _ => Response::json(status, answer),
            };
            response.with(operation::headers(cx, request, spec.style, region, &operation))
        }
    })
}

/// How long an operation lasts and how it fails, when a fault says so. What is done at once does not fail later.
fn ended(cx: &Cx<'_>, lasts: Option<u64>, failure: Option<Failure>) -> (Option<u64>, Option<Failure>) {
    match (&cx.ending, lasts) {
        (Ending::Failure(code), Some(lasts)) => {
            let failure = Failure::new(code, "The operation failed, as a fault of the sandbox wanted.");
            (Some(lasts.max(SEVERAL_POLLS)), Some(failure))
        }
        (_, lasts) => (lasts, failure),
    }
}

/// How an operation ends that finds no room for a machine.
pub fn no_capacity(body: &Value, location: &str) -> Failure {
    match body["zones"][0].as_str() {
        Some(zone) => Failure::new(
            "ZonalAllocationFailed",
            format!("Allocation failed. We do not have sufficient capacity for the requested VM size in zone {zone}."),
        ),
        None => Failure::new(
            "AllocationFailed",
            format!("Allocation failed. We do not have sufficient capacity for the requested VM size in {location}."),
        ),
    }
}

/// DELETE. What does not exist is 204.
pub fn delete(cx: &mut Cx<'_>, request: &Request, kind: &'static dyn Kind) -> Result<Response, ApiError> {
    let spec = kind.spec();
    request.only(&["forceDeletion"])?;
    if check_group(cx, request, false).is_err() {
        return Ok(Response::empty(204));
    }
    let id = id(cx, request, spec);
    let Some(resource) = cx.find(&id).cloned() else { return Ok(Response::empty(204)) };
    if spec.etag {
        request.preconditions(Some(&resource.etag))?;
    }
    if !resource.is_deleting() {
        check_idle(&resource, spec.style)?;
    }
    let (lasts, failure) = remove(cx, kind, &resource)?;
    let Some(lasts) = lasts else { return Ok(Response::empty(200)) };
    let operation = cx.start(lasts, failure, None);
    let region = if resource.location.is_empty() { "global" } else { &resource.location };
    Ok(Response::empty(202).with(operation::headers(cx, request, spec.style, region, &operation)))
}

/// Takes a resource away: now, or later, and then gives how long it takes and how it fails.
fn remove(
    cx: &mut Cx<'_>,
    kind: &'static dyn Kind,
    resource: &Resource,
) -> Result<(Option<u64>, Option<Failure>), ApiError> {
    let lasts = kind.delete(cx, resource)?;
    let (lasts, failure) = ended(cx, lasts, None);
    match lasts {
        Some(lasts) => {
            let until = cx.now + lasts;
            if let Some(kept) = cx.find_mut(&resource.id) {
                kept.state = State::Busy { doing: Doing::Delete, until, failure: failure.clone() };
            }
        }
        None => vanish(cx, kind, resource),
    }
    cx.dirty();
    Ok((lasts, failure))
}

/// Forgets a resource and its children.
fn vanish(cx: &mut Cx<'_>, kind: &'static dyn Kind, resource: &Resource) {
    let own = key(&resource.id);
    let within = format!("{own}/");
    cx.sub.resources.retain(|id, _| *id != own && !id.starts_with(&within));
    kind.gone(cx, resource);
    cx.dirty();
}

/// Takes away at once whatever of a group can go, and says what is left.
pub fn remove_all(cx: &mut Cx<'_>, group: &str) -> Vec<String> {
    loop {
        let within = |resource: &&Resource| group_of(&resource.id).eq_ignore_ascii_case(group);
        let all: Vec<Resource> = cx.sub.resources.values().filter(within).cloned().collect();
        let mut left = Vec::new();
        let before = all.len();
        for resource in all {
            let Some(kind) = super::kind_named(&resource.kind) else { continue };
            if cx.find(&resource.id).is_some() && kind.delete(cx, &resource).is_err() {
                left.push(resource.id);
            } else {
                vanish(cx, kind, &resource);
            }
        }
        if left.is_empty() || left.len() == before {
            return left;
        }
    }
}

/// POST of an action.
pub fn act(cx: &mut Cx<'_>, request: &Request, kind: &'static dyn Kind, action: &str) -> Result<Response, ApiError> {
    let spec = kind.spec();
    check_group(cx, request, true)?;
    let id = id(cx, request, spec);
    let resource = cx.find(&id).cloned().ok_or_else(|| ApiError::not_found(&id))?;
    check_idle(&resource, spec.style)?;
    Ok(match kind.act(cx, request, &resource, action)? {
        Outcome::Done(response) => response,
        Outcome::Lasts(lasts) => {
            let (lasts, failure) = ended(cx, Some(lasts), None);
            let lasts = lasts.unwrap_or_default();
            let until = cx.now + lasts;
            if let Some(kept) = cx.find_mut(&id) {
                kept.state = State::Busy { doing: Doing::Update, until, failure: failure.clone() };
            }
            let operation = cx.start(lasts, failure, None);
            Response::empty(202).with(operation::headers(cx, request, spec.style, &resource.location, &operation))
        }
    })
}

/// Lets operations end that are due.
pub fn settle(cx: &mut Cx<'_>) {
    let due = |resource: &&Resource| matches!(resource.state, State::Busy { until, .. } if until <= cx.now);
    let due: Vec<Resource> = cx.sub.resources.values().filter(due).cloned().collect();
    for resource in due {
        let Some(kind) = super::kind_named(&resource.kind) else { continue };
        let State::Busy { doing, failure, .. } = &resource.state else { continue };
        if *doing == Doing::Delete && failure.is_none() {
            vanish(cx, kind, &resource);
        } else if let Some(kept) = cx.find_mut(&resource.id) {
            kept.state = if failure.is_some() { State::Failed } else { State::Ready };
        }
    }
}

fn check_name(name: &str, spec: &Spec) -> Result<(), ApiError> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_.@*".contains(letter);
    let whole = !name.is_empty() && name.len() <= spec.name_max && name.chars().all(fits);
    // Records may be named after the domain itself, or begin with an underscore.
    let ends = name.ends_with(|last: char| last.is_ascii_alphanumeric() || last == '_') || spec.is_child();
    if whole && ends {
        return Ok(());
    }
    Err(ApiError::bad(
        "InvalidResourceName",
        format!(
            "Resource name {name} is invalid. The name can be up to {} characters long. It must begin with a word \
             character, and it must end with a word character or with '_'.",
            spec.name_max
        ),
    ))
}

fn check_location(spec: &Spec, body: &mut Value, id: &str, old: Option<&Resource>) -> Result<String, ApiError> {
    let given = body.as_object_mut().and_then(|body| body.remove("location"));
    if !spec.located {
        return Ok(String::new());
    }
    let given = given.as_ref().and_then(Value::as_str).unwrap_or_default();
    if given.is_empty() {
        return Err(ApiError::bad("LocationRequired", "The location property is required for this definition."));
    }
    let location = regions::normal(given);
    if location != "global" && regions::region(&location).is_none() {
        return Err(ApiError::bad(
            "LocationNotAvailableForResourceType",
            format!("The provided location '{given}' is not available for resource type '{}'.", spec.kind),
        ));
    }
    match old {
        Some(old) if old.location != location => Err(ApiError::conflict(
            "InvalidResourceLocation",
            format!(
                "The resource '{}' already exists in location '{}' in resource group '{}'. A resource with the same \
                 name cannot be created in location '{location}'. Please select a new resource name.",
                name_of(id),
                old.location,
                group_of(id)
            ),
        )),
        _ => Ok(location),
    }
}

/// Tags: at most fifty, names of at most 512 characters, values of at most 256.
pub fn check_tags(body: &Value) -> Result<(), ApiError> {
    let Some(tags) = body["tags"].as_object() else { return Ok(()) };
    if tags.len() > 50 {
        return Err(ApiError::bad("TooManyTags", "Too many tags on the resource. The maximum is 50."));
    }
    for (name, value) in tags {
        let bad = name.is_empty() || name.len() > 512 || name.contains(['<', '>', '%', '&', '\\', '?', '/']);
        if bad || ["microsoft", "azure", "windows"].iter().any(|prefix| name.to_lowercase().starts_with(prefix)) {
            return Err(ApiError::bad("InvalidTagName", format!("The tag name '{name}' is not valid.")));
        }
        if value.as_str().is_some_and(|value| value.len() > 256) {
            return Err(ApiError::bad("InvalidTagValue", format!("The value of the tag '{name}' is too long.")));
        }
    }
    Ok(())
}

fn check_zones(cx: &Cx<'_>, id: &str, location: &str, body: &Value, old: Option<&Resource>) -> Result<(), ApiError> {
    let zones = body::list(body, "/zones");
    let known = cx.zones_of(location);
    if !zones.is_empty() && known.is_empty() {
        return Err(ApiError::bad(
            "AvailabilityZoneNotSupported",
            format!("The resource '{id}' does not support availability zones at location '{location}'."),
        ));
    }
    if let Some(zone) = zones.iter().find(|zone| !known.iter().any(|known| *zone == known)) {
        return Err(ApiError::bad(
            "InvalidAvailabilityZone",
            format!(
                "The zone(s) {zone} for resource '{id}' is not supported. The supported zones for location \
                 '{location}' are '{}'.",
                known.join(",")
            ),
        ));
    }
    match old {
        Some(old) if body::list(&old.body, "/zones") != zones => Err(ApiError::bad(
            "ResourceAvailabilityZonesCannotBeModified",
            format!("Resource {id} has an existing availability zone constraint and the request has another."),
        )),
        _ => Ok(()),
    }
}

fn check_idle(resource: &Resource, style: Style) -> Result<(), ApiError> {
    if !resource.is_busy() {
        return Ok(());
    }
    match style {
        Style::Compute | Style::Disk => Err(ApiError::conflict(
            "Conflict",
            format!("The request failed due to conflict with a concurrent request on {}.", resource.id),
        )),
        Style::Storage => Err(ApiError::conflict(
            "StorageAccountOperationInProgress",
            "An operation is currently performing on this storage account that requires exclusive access.",
        )),
        Style::Network | Style::Group => Err(ApiError::in_progress(&resource.id)),
    }
}

/// The tags of a resource, as the generic list shows them.
pub fn generic(resource: &Resource) -> Value {
    let mut shown = json!({ "id": resource.id, "name": resource.name(), "type": resource.kind });
    shown["location"] = json!(if resource.location.is_empty() { "global" } else { &resource.location });
    for name in ["tags", "sku", "kind", "identity", "managedBy"] {
        if let Some(value) = resource.body.get(name).filter(|value| !value.as_object().is_some_and(Map::is_empty)) {
            shown[name] = value.clone();
        }
    }
    shown
}
