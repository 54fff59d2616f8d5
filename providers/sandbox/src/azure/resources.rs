//! `Microsoft.Resources`: tenants, subscriptions, locations, providers, resource groups, and lists of everything.

use http::Method;
use serde_json::{Value, json};

use super::SERVICES;
use super::body::{Object, Shape, optional, read, read_only, required, text};
use super::error::{ApiError, Failure};
use super::operation::{self, Style};
use super::regions::{self, REGIONS};
use super::request::Request;
use super::resource::{check_tags, generic, remove_all};
use super::response::Response;
use super::route::{Route, unknown};
use super::world::{Cx, Group, group_of};

/// The namespace.
pub const NAMESPACE: &str = "Microsoft.Resources";

/// The versions that are answered.
pub const VERSIONS: &[&str] =
    &["2021-04-01", "2022-09-01", "2022-12-01", "2024-03-01", "2024-11-01", "2025-03-01", "2025-04-01"];

const TENANT: &str = "00000000-0000-0000-0000-000000000002";

const GROUP: Object = Object {
    name: "ResourceGroup",
    fields: &[
        required("location", &Shape::Text),
        optional("tags", &Shape::Map),
        optional("managedBy", &Shape::Text),
        read_only("id"),
        read_only("name"),
        read_only("type"),
        read_only("properties"),
    ],
};

const GROUP_PATCH: Object = Object {
    name: "ResourceGroupPatchable",
    fields: &[
        optional("tags", &Shape::Map),
        optional("managedBy", &Shape::Text),
        optional("name", &Shape::Text),
        read_only("properties"),
    ],
};

/// Finds the operation of a request that goes to no other provider.
pub fn route(request: &Request) -> Result<Route, ApiError> {
    let scope: Vec<String> = request.scope.iter().map(|part| part.to_lowercase()).collect();
    let scope: Vec<&str> = scope.iter().map(String::as_str).collect();
    let get = request.method == Method::GET;
    if let (Some(_), Some(at)) = (&request.namespace, scope.first()) {
        return match (&request.method, request.rest.as_slice()) {
            (&Method::GET, []) if *at == "subscriptions" => Ok(Route::new("Providers_Get", provider)),
            (&Method::POST, [_]) => Ok(Route::new("Providers_Register", provider)),
            _ => Err(unknown(request, NAMESPACE)),
        };
    }
    match (request.method.as_str(), scope.as_slice()) {
        ("GET", ["tenants"]) => Ok(Route::new("Tenants_List", tenants)),
        ("GET", ["subscriptions"]) => Ok(Route::new("Subscriptions_List", subscriptions)),
        ("GET", ["subscriptions", _]) => Ok(Route::new("Subscriptions_Get", |cx, request| {
            request.only(&[])?;
            Ok(Response::json(200, subscription(&cx.subscription)))
        })),
        ("GET", ["subscriptions", _, "locations"]) => Ok(Route::new("Subscriptions_ListLocations", locations)),
        ("GET", ["subscriptions", _, "providers"]) => Ok(Route::new("Providers_List", providers)),
        ("GET", ["subscriptions", _, "resources"]) => Ok(Route::new("Resources_List", resources)),
        ("GET", ["subscriptions", _, "resourcegroups"]) => Ok(Route::new("ResourceGroups_List", groups)),
        ("GET", ["subscriptions", _, "resourcegroups", _, "resources"]) => {
            Ok(Route::new("Resources_ListByResourceGroup", resources))
        }
        ("GET", ["subscriptions", _, "operationresults", id]) if get => {
            let id = (*id).to_owned();
            Ok(Route::new("Operations_Get", move |cx, request| operation::poll(cx, request, &id, true)))
        }
        (method, ["subscriptions", _, "resourcegroups", _]) => match method {
            "GET" => Ok(Route::new("ResourceGroups_Get", get_group)),
            "HEAD" => Ok(Route::new("ResourceGroups_CheckExistence", |cx, request| {
                get_group(cx, request).map(|_| Response::empty(204))
            })),
            "PUT" => Ok(Route::new("ResourceGroups_CreateOrUpdate", put_group)),
            "PATCH" => Ok(Route::new("ResourceGroups_Update", patch_group)),
            "DELETE" => Ok(Route::new("ResourceGroups_Delete", delete_group)),
            _ => Err(unknown(request, NAMESPACE)),
        },
        _ => Err(unknown(request, NAMESPACE)),
    }
}

fn tenants(_: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&["$skiptoken"])?;
    let tenant = json!({
        "id": format!("/tenants/{TENANT}"), "tenantId": TENANT, "displayName": "Sandbox", "tenantCategory": "Home",
    });
    Ok(Response::json(200, json!({ "value": [tenant] })))
}

fn subscription(id: &str) -> Value {
    json!({
        "id": format!("/subscriptions/{id}"),
        "subscriptionId": id,
        "tenantId": TENANT,
        "displayName": "Sandbox",
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off",
        },
        "managedByTenants": [],
    })
}

/// The one subscription that every caller has. Requests may name any other; it begins empty.
const DEFAULT_SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";

fn subscriptions(_: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&["$skiptoken"])?;
    let count = json!({ "type": "Total", "value": 1 });
    Ok(Response::json(200, json!({ "value": [subscription(DEFAULT_SUBSCRIPTION)], "count": count })))
}

fn locations(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&["includeExtendedLocations"])?;
    let shown = REGIONS.iter().map(|(name, display, _)| {
        let zones: Vec<Value> = cx
            .zones_of(name)
            .iter()
            .map(|zone| json!({ "logicalZone": zone, "physicalZone": format!("{name}-az{zone}") }))
            .collect();
        let mut shown = json!({
            "id": format!("/subscriptions/{}/locations/{name}", cx.subscription),
            "subscriptionId": cx.subscription,
            "name": name,
            "type": "Region",
            "displayName": display,
            "regionalDisplayName": display,
            "metadata": { "regionType": "Physical", "regionCategory": "Recommended" },
        });
        if !zones.is_empty() {
            shown["availabilityZoneMappings"] = Value::Array(zones);
        }
        shown
    });
    Ok(Response::json(200, json!({ "value": shown.collect::<Vec<_>>() })))
}

fn provider(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&["$expand"])?;
    let namespace = request.namespace.as_deref().unwrap_or_default();
    let service = SERVICES.iter().find(|service| service.namespace.eq_ignore_ascii_case(namespace));
    let service = service.ok_or_else(|| {
        ApiError::new(404, "InvalidResourceNamespace", format!("The resource namespace '{namespace}' is invalid."))
    })?;
    Ok(Response::json(200, described(cx, service)))
}

fn providers(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&["$expand", "$top", "$skiptoken"])?;
    let all = SERVICES.iter().map(|service| described(cx, service)).collect();
    Ok(Response::json(200, cx.page(request, all)?))
}

fn described(cx: &Cx<'_>, service: &super::Service) -> Value {
    let displays: Vec<&str> = REGIONS.iter().map(|(_, display, _)| *display).collect();
    let types: Vec<Value> = service
        .kinds
        .iter()
        .map(|kind| {
            let name = kind.spec().kind.split_once('/').map_or("", |(_, name)| name);
            json!({ "resourceType": name, "locations": displays, "apiVersions": service.versions })
        })
        .collect();
    json!({
        "id": format!("/subscriptions/{}/providers/{}", cx.subscription, service.namespace),
        "namespace": service.namespace,
        "registrationPolicy": "RegistrationRequired",
        "registrationState": "Registered",
        "resourceTypes": types,
    })
}

fn shown(cx: &Cx<'_>, group: &Group) -> Value {
    let state = if group.deleting.is_some() { "Deleting" } else { "Succeeded" };
    let mut shown = json!({
        "id": format!("/subscriptions/{}/resourceGroups/{}", cx.subscription, group.name),
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "properties": { "provisioningState": state },
    });
    if !group.tags.is_null() {
        shown["tags"] = group.tags.clone();
    }
    shown
}

fn groups(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&["$filter", "$top", "$skiptoken"])?;
    let wanted = Filter::read(request)?;
    let matching = cx.sub.groups.values().filter(|group| wanted.matches("", "", &group.location, &group.tags));
    let all = matching.map(|group| shown(cx, group)).collect();
    Ok(Response::json(200, cx.page(request, all)?))
}

fn get_group(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&[])?;
    let name = request.group().unwrap_or_default();
    let group = cx.sub.groups.get(&name.to_lowercase()).ok_or_else(|| ApiError::no_group(name))?;
    Ok(Response::json(200, shown(cx, group)))
}

fn put_group(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&[])?;
    let name = request.group().unwrap_or_default().to_owned();
    let fits = |letter: char| letter.is_alphanumeric() || "-_.()".contains(letter);
    if name.is_empty() || name.len() > 90 || name.ends_with('.') || !name.chars().all(fits) {
        return Err(ApiError::bad(
            "InvalidResourceGroupName",
            format!("The provided resource group name '{name}' has these invalid characters, or is too long."),
        ));
    }
    let body = read(&request.body, &GROUP, false)?;
    check_tags(&body)?;
    let location = regions::normal(text(&body, "/location"));
    if regions::region(&location).is_none() {
        return Err(ApiError::bad(
            "LocationNotAvailableForResourceGroup",
            format!("The provided location '{location}' is not available for resource group."),
        ));
    }
    let old = cx.sub.groups.get(&name.to_lowercase()).cloned();
    match &old {
        Some(old) if old.deleting.is_some() => {
            return Err(ApiError::conflict(
                "ResourceGroupBeingDeleted",
                format!("The resource group '{name}' is in deprovisioning state and cannot perform this operation."),
            ));
        }
        Some(old) if old.location != location => {
            return Err(ApiError::conflict(
                "InvalidResourceGroupLocation",
                format!(
                    "Invalid resource group location '{location}'. The Resource group already exists in location '{}'.",
                    old.location
                ),
            ));
        }
        _ => {}
    }
    let status = if old.is_some() { 200 } else { 201 };
    let name = old.map_or(name, |old| old.name);
    let group = Group { name: name.clone(), location, tags: body["tags"].clone(), deleting: None };
    let answer = shown(cx, &group);
    cx.sub.groups.insert(name.to_lowercase(), group);
    cx.dirty();
    Ok(Response::json(status, answer))
}

fn patch_group(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&[])?;
    let name = request.group().unwrap_or_default();
    let body = read(&request.body, &GROUP_PATCH, true)?;
    check_tags(&body)?;
    let group = cx.sub.groups.get_mut(&name.to_lowercase()).ok_or_else(|| ApiError::no_group(name))?;
    if !body["tags"].is_null() {
        group.tags = body["tags"].clone();
    }
    let group = group.clone();
    cx.dirty();
    Ok(Response::json(200, shown(cx, &group)))
}

fn delete_group(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&["forceDeletionTypes"])?;
    let name = request.group().unwrap_or_default();
    let group = cx.sub.groups.get(&name.to_lowercase()).ok_or_else(|| ApiError::no_group(name))?;
    let (location, key) = (group.location.clone(), group.name.to_lowercase());
    let operation = match &group.deleting {
        Some(operation) => operation.clone(),
        None => cx.start(cx.pace.instance_stopping, None, None),
    };
    if let Some(group) = cx.sub.groups.get_mut(&key) {
        group.deleting = Some(operation.clone());
    }
    Ok(Response::empty(202).with(operation::headers(cx, request, Style::Group, &location, &operation)))
}

/// Lets groups go whose time has come, with everything in them. A group keeps what is in use outside of it.
pub fn settle(cx: &mut Cx<'_>) {
    let ended = |group: &&Group| {
        let operation = group.deleting.as_ref().and_then(|id| cx.sub.operations.get(id));
        group.deleting.is_some() && operation.is_none_or(|operation| operation.until <= cx.now)
    };
    let due: Vec<Group> = cx.sub.groups.values().filter(ended).cloned().collect();
    for group in due {
        let left = remove_all(cx, &group.name);
        cx.dirty();
        if left.is_empty() {
            cx.sub.groups.remove(&group.name.to_lowercase());
            continue;
        }
        if let Some(kept) = cx.sub.groups.get_mut(&group.name.to_lowercase()) {
            kept.deleting = None;
        }
        if let Some(operation) = group.deleting.and_then(|id| cx.sub.operations.get_mut(&id)) {
            operation.failure = Some(Failure::new(
                "ResourceGroupDeletionBlocked",
                format!(
                    "Deletion of resource group '{}' failed as resources with identifiers '{}' could not be deleted.",
                    group.name,
                    left.join(",")
                ),
            ));
        }
    }
}

fn resources(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&["$filter", "$expand", "$top", "$skiptoken"])?;
    if let Some(name) = request.group()
        && !cx.sub.groups.contains_key(&name.to_lowercase())
    {
        return Err(ApiError::no_group(name));
    }
    let wanted = Filter::read(request)?;
    let tracked = |kind: &str| super::kind_named(kind).is_some_and(|kind| kind.spec().located);
    let here = cx.sub.resources.values().filter(|resource| tracked(&resource.kind)).filter(|resource| {
        request.group().is_none_or(|name| group_of(&resource.id).eq_ignore_ascii_case(name))
            && wanted.matches(&resource.kind, resource.name(), &resource.location, &resource.body["tags"])
    });
    let all = here.map(generic).collect();
    Ok(Response::json(200, cx.page(request, all)?))
}

/// A `$filter` of the generic lists: comparisons with `eq`, joined by `and`.
#[derive(Debug, Default)]
struct Filter {
    terms: Vec<(String, String)>,
}

impl Filter {
    fn read(request: &Request) -> Result<Self, ApiError> {
        let Some(filter) = request.query.get("$filter") else { return Ok(Self::default()) };
        let bad = || {
            ApiError::bad(
                "InvalidFilterInQueryString",
                format!("Invalid $filter '{filter}' specified in the query string."),
            )
        };
        let mut terms = Vec::new();
        for term in filter.split(" and ") {
            let (name, value) = term.trim().split_once(" eq ").ok_or_else(bad)?;
            let value = value.trim().strip_prefix('\'').and_then(|value| value.strip_suffix('\'')).ok_or_else(bad)?;
            if !["tagName", "tagValue", "resourceType", "name", "location"].contains(&name.trim()) {
                return Err(bad());
            }
            terms.push((name.trim().to_owned(), value.replace("''", "'")));
        }
        // The real service joins filters on tags with no others.
        let tags = terms.iter().filter(|(name, _)| name.starts_with("tag")).count();
        if tags > 0 && tags < terms.len() {
            return Err(bad());
        }
        Ok(Self { terms })
    }

    fn matches(&self, kind: &str, name: &str, location: &str, tags: &Value) -> bool {
        let tag = |wanted: &str| self.terms.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let own = tag("tagName").map(|name| tags[name].as_str());
        self.terms.iter().all(|(term, value)| match term.as_str() {
            "tagName" => own.flatten().is_some(),
            "tagValue" => own.flatten() == Some(value),
            "resourceType" => kind.eq_ignore_ascii_case(value),
            "name" => name.eq_ignore_ascii_case(value),
            _ => location == regions::normal(value),
        })
    }
}
