//! The data plane of storage accounts: blobs, with the account first in the path.
//!
//! Source: learn.microsoft.com, "Blob Storage REST API", read in November 2026. Block blobs are there, and of the
//! headers those that they have, and their versions; leases, snapshots, tags and what is deleted but kept are not.

mod batch;
mod condition;
mod list;
mod model;
mod read;
mod refusal;
mod write;

use http::Method;
use percent_encoding::percent_decode_str;

use super::{account, container};
use crate::azure::error::ApiError;
use crate::azure::request::Request;
use crate::azure::response::Response;
use crate::azure::route::Route;
use crate::azure::world::{Cx, key};

pub use model::Contents;
pub use refusal::{refusal, struck, unheard};

/// The service, as faults and log name it.
pub const SERVICE: &str = "Microsoft.Storage.Blobs";

/// What a blob is, in the inventory.
pub const KIND: &str = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs";

/// The versions that take tokens.
const VERSIONS: &[&str] = &[
    "2017-11-09",
    "2018-03-28",
    "2018-11-09",
    "2019-02-02",
    "2019-07-07",
    "2019-10-10",
    "2019-12-12",
    "2020-02-10",
    "2020-04-08",
    "2020-06-12",
    "2020-08-04",
    "2020-10-02",
    "2020-12-06",
    "2021-02-12",
    "2021-04-10",
    "2021-06-08",
    "2021-08-06",
    "2021-10-04",
    "2021-12-02",
    "2022-11-02",
    "2023-01-03",
    "2023-05-03",
    "2023-08-03",
    "2023-11-03",
    "2024-02-04",
    "2024-05-04",
    "2024-08-04",
    "2024-11-04",
    "2025-01-05",
    "2025-05-05",
    "2025-07-05",
    "2025-11-05",
    "2026-02-06",
];

/// Headers that every request may have.
const USUAL: &[&str] = &["x-ms-version", "x-ms-date", "x-ms-client-request-id", "x-ms-return-client-request-id"];

/// The account that a request goes to; `None` for a request to the resource manager.
pub fn account(request: &Request) -> Option<&str> {
    let first = request.path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let managed = ["subscriptions", "providers", "tenants"].contains(&first.to_lowercase().as_str());
    (!managed && account::is_name(first)).then_some(first)
}

/// Where a request leads: the names of the account, the container and the blob; empty where the path is shorter.
fn names(request: &Request) -> (&str, &str, String) {
    let mut parts = request.path.trim_start_matches('/').splitn(3, '/');
    let mut next = || parts.next().unwrap_or_default();
    let (account, container, blob) = (next(), next(), next());
    (account, container, percent_decode_str(blob).decode_utf8_lossy().into_owned())
}

/// Finds the operation of a request.
pub fn route(request: &Request) -> Result<Route, ApiError> {
    let (_, container, blob) = names(request);
    let asked = |name: &str| request.query.get(name).map(String::as_str);
    let what = (asked("restype"), asked("comp"));
    match (&request.method, what, blob.is_empty()) {
        _ if container.is_empty() => Err(unsupported(request)),
        (&Method::GET, (Some("container"), Some("list")), true) => {
            let end = if asked("delimiter").is_some() { "Hierarchy" } else { "Flat" };
            Ok(Route::new(format!("Container_ListBlob{end}Segment"), list::list))
        }
        (&Method::PUT, (Some("container"), None), true) => Ok(Route::new("Container_Create", write::container)),
        (&Method::POST, (Some("container"), Some("batch")), true) => {
            Ok(Route::new("Container_SubmitBatch", batch::submit))
        }
        (&Method::GET | &Method::HEAD, (Some("container"), None), true) => {
            Ok(Route::new("Container_GetProperties", read::container))
        }
        (&Method::GET, (None, None), false) => Ok(Route::new("Blob_Download", read::get)),
        (&Method::HEAD, (None, None), false) => Ok(Route::new("Blob_GetProperties", read::get)),
        (&Method::PUT, (None, None), false) => Ok(Route::new("BlockBlob_Upload", write::put)),
        (&Method::PUT, (None, Some("block")), false) => Ok(Route::new("BlockBlob_StageBlock", write::stage)),
        (&Method::PUT, (None, Some("blocklist")), false) => Ok(Route::new("BlockBlob_CommitBlockList", write::commit)),
        (&Method::DELETE, (None, None), false) => Ok(Route::new("Blob_Delete", write::delete)),
        _ => Err(unsupported(request)),
    }
}

fn unsupported(request: &Request) -> ApiError {
    if let Some(comp) = request.query.get("comp") {
        return ApiError::bad(
            "InvalidQueryParameterValue",
            format!("Value for one of the query parameters specified in the request URI is invalid: comp={comp}."),
        );
    }
    ApiError::new(405, "UnsupportedHttpVerb", "The resource doesn't support specified Http Verb.")
}

/// A place that exists, for a request that may go there.
#[derive(Debug)]
struct Place {
    /// The key of the container's contents.
    container: String,
    /// The account's id.
    account: String,
    /// The container's id.
    id: String,
    /// The blob's name, which may not exist.
    blob: String,
}

/// Checks a request's parameters, headers and token, and finds the container.
fn reach(cx: &Cx<'_>, request: &Request, queries: &[&str], headers: &[&str]) -> Result<Place, ApiError> {
    let place = enter(cx, request, queries, headers)?;
    let missing = || ApiError::new(404, "ContainerNotFound", "The specified container does not exist.");
    cx.find(&place.id).ok_or_else(missing)?;
    Ok(place)
}

/// The same up to the account: there may be no such container.
fn enter(cx: &Cx<'_>, request: &Request, queries: &[&str], headers: &[&str]) -> Result<Place, ApiError> {
    check_form(request, queries, headers)?;
    let (account_name, container_name, blob) = names(request);
    let account = cx.of_kind(account::KIND).find(|account| account.name() == account_name && !account.is_busy());
    let account =
        account.ok_or_else(|| ApiError::new(404, "ResourceNotFound", "The specified resource does not exist."))?;
    let properties = &account.body["properties"];
    let signed = request.header("authorization").is_some_and(|value| value.starts_with("SharedKey"));
    if signed && properties["allowSharedKeyAccess"] == false {
        return Err(ApiError::new(
            403,
            "KeyBasedAuthenticationNotPermitted",
            "Key based authentication is not permitted on this storage account.",
        ));
    }
    if properties["publicNetworkAccess"] == "Disabled" || properties["networkAcls"]["defaultAction"] == "Deny" {
        return Err(ApiError::new(
            403,
            "AuthorizationFailure",
            "This request is not authorized to perform this operation.",
        ));
    }
    let id = format!("{}/blobServices/default/containers/{container_name}", account.id);
    if !container::is_name(container_name) {
        return Err(ApiError::bad("InvalidResourceName", "The specified resource name contains invalid characters."));
    }
    if blob.len() > 1_024 || blob.ends_with('.') || blob.split('/').count() > 254 {
        return Err(ApiError::bad("InvalidResourceName", "The specified resource name contains invalid characters."));
    }
    Ok(Place { container: key(&id), account: account.id.clone(), id, blob })
}

/// Refuses what the operation does not know, a version that does not exist, and whoever shows nothing.
fn check_form(request: &Request, queries: &[&str], headers: &[&str]) -> Result<(), ApiError> {
    let known = |name: &String| name == "timeout" || queries.contains(&name.as_str());
    if let Some(name) = request.query.keys().find(|name| !known(name)) {
        return Err(ApiError::bad(
            "UnsupportedQueryParameter",
            format!("One of the query parameters specified in the request URI is not supported: {name}."),
        ));
    }
    let fits = |name: &str| {
        let given = |known: &&str| known.strip_suffix('*').map_or(name == *known, |start| name.starts_with(start));
        !name.starts_with("x-ms-") || USUAL.contains(&name) || headers.iter().any(given)
    };
    if let Some(name) = request.headers.keys().map(http::HeaderName::as_str).find(|name| !fits(name)) {
        return Err(ApiError::bad(
            "UnsupportedHeader",
            format!("One of the HTTP headers specified in the request is not supported: {name}."),
        ));
    }
    match request.header("x-ms-version") {
        None => return Err(missing_header("x-ms-version")),
        Some(version) if !VERSIONS.contains(&version) => return Err(bad_header("x-ms-version", version)),
        Some(_) => {}
    }
    let shown = request.header("authorization").unwrap_or_default();
    let (scheme, token) = shown.split_once(' ').unwrap_or((shown, ""));
    match scheme {
        "" => Err(ApiError::new(
            401,
            "NoAuthenticationInformation",
            "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
        )
        .with(
            "WWW-Authenticate",
            "Bearer authorization_uri=https://login.microsoftonline.com/00000000-0000-0000-0000-000000000002/oauth2/authorize \
             resource_id=https://storage.azure.com",
        )),
        "Bearer" | "SharedKey" if !token.trim().is_empty() => Ok(()),
        _ => Err(ApiError::bad(
            "InvalidAuthenticationInfo",
            "Authentication information is not given in the correct format. Check the value of Authorization header.",
        )),
    }
}

/// The error for a header that must be there.
fn missing_header(name: &str) -> ApiError {
    ApiError::bad(
        "MissingRequiredHeader",
        format!("An HTTP header that's mandatory for this request is not specified: {name}."),
    )
}

/// The error for a header with a value that it cannot have.
fn bad_header(name: &str, value: &str) -> ApiError {
    ApiError::bad(
        "InvalidHeaderValue",
        format!("The value for one of the HTTP headers is not in the correct format: {name}: {value}."),
    )
}

/// An answer with the headers that every answer has.
fn answer(request: &Request, status: u16, headers: Vec<(&str, String)>) -> Response {
    let mut all: Vec<(String, String)> = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    for name in ["x-ms-version", "x-ms-client-request-id"] {
        all.extend(request.header(name).map(|value| (name.to_owned(), value.to_owned())));
    }
    Response::empty(status).with(all)
}

/// Forgets what is in a container, or in all containers of an account, by the id in lower case.
pub fn forget(cx: &mut Cx<'_>, id: &str) {
    let within = format!("{id}/");
    let gone: Vec<String> =
        cx.sub.containers.keys().filter(|key| *key == id || key.starts_with(&within)).cloned().collect();
    for key in gone {
        if let Some(contents) = cx.sub.containers.remove(&key) {
            contents.bodies().for_each(|body| cx.blobs.delete(body));
        }
        cx.dirty();
    }
}
