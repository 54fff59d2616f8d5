//! `Microsoft.Authorization`: roles, and who has them.

mod assignment;
mod condition;
mod definition;
#[cfg(test)]
mod tests;

use http::Method;

use super::Service;
use super::error::ApiError;
use super::request::Request;
use super::route::Route;
use super::world::Cx;

/// The service.
pub const SERVICE: Service =
    Service { namespace: NAMESPACE, versions: &["2022-04-01"], kinds: &[&assignment::RoleAssignments], special };

const NAMESPACE: &str = "Microsoft.Authorization";

/// Scopes of all kinds, whole subscriptions among them, have these resources; so no request goes the usual way.
fn special(request: &Request) -> Option<Route> {
    let rest: Vec<&str> = request.rest.iter().map(String::as_str).collect();
    let (kind, named) = match rest.as_slice() {
        [kind] => (*kind, false),
        [kind, _] => (*kind, true),
        _ => return None,
    };
    if kind.eq_ignore_ascii_case("roleDefinitions") {
        return match (&request.method, named) {
            (&Method::GET, true) => Some(Route::new("RoleDefinitions_Get", definition::get)),
            (&Method::GET, false) => Some(Route::new("RoleDefinitions_List", definition::list)),
            _ => None,
        };
    }
    if !kind.eq_ignore_ascii_case("roleAssignments") {
        return None;
    }
    match (&request.method, named) {
        (&Method::GET, true) => Some(Route::new("RoleAssignments_Get", assignment::get)),
        (&Method::PUT, true) => Some(Route::new("RoleAssignments_Create", assignment::create)),
        (&Method::DELETE, true) => Some(Route::new("RoleAssignments_Delete", assignment::delete)),
        (&Method::GET, false) => Some(Route::new(list_name(request), assignment::list)),
        _ => None,
    }
}

fn list_name(request: &Request) -> &'static str {
    match (request.scope.len(), request.subscription(), request.group()) {
        (2, Some(_), _) => "RoleAssignments_ListForSubscription",
        (4, Some(_), Some(_)) => "RoleAssignments_ListForResourceGroup",
        (5.., Some(_), Some(_)) => "RoleAssignments_ListForResource",
        _ => "RoleAssignments_ListForScope",
    }
}

/// The scope of a request, which must exist, as it was first written.
fn scope(cx: &Cx<'_>, request: &Request) -> Result<String, ApiError> {
    if request.subscription().is_none() {
        return Err(ApiError::denied("Microsoft.Authorization/*"));
    }
    let subscription = format!("/subscriptions/{}", cx.subscription);
    let group = match request.group() {
        Some(name) => {
            let group = cx.sub.groups.get(&name.to_lowercase()).ok_or_else(|| ApiError::no_group(name))?;
            format!("{subscription}/resourceGroups/{}", group.name)
        }
        None => subscription,
    };
    match request.scope.len() {
        2 | 4 => Ok(group),
        _ => {
            let id = format!("/{}", request.scope.join("/"));
            Ok(cx.find(&id).ok_or_else(|| ApiError::not_found(&id))?.id.clone())
        }
    }
}

/// Whether a text is a UUID.
fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.chars().all(|letter| letter == '-' || letter.is_ascii_hexdigit())
}
