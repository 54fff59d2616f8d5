//! What was just made and is not known everywhere yet: the fault `not-visible`.

use std::collections::BTreeSet;

use http::Method;

use super::body::references;
use super::error::ApiError;
use super::request::Request;
use super::storage;
use super::world::{Cx, key, name_of};

/// Something that exists: its kind, and its id in lower case.
pub type Thing = (String, String);

/// What a group is, in the inventory.
const GROUP: &str = "Microsoft.Resources/resourceGroups";

/// The resources of the subscription and its groups. Blobs are known at once, as those of the real service are.
pub fn things(cx: &Cx<'_>) -> BTreeSet<Thing> {
    let groups = cx
        .sub
        .groups
        .keys()
        .map(|name| (GROUP.to_owned(), key(&format!("/subscriptions/{}/resourceGroups/{name}", cx.subscription))));
    let resources = cx.sub.resources.iter().map(|(id, resource)| (resource.kind.clone(), id.clone()));
    groups.chain(resources).collect()
}

/// What a service answers that is asked for a thing and has not heard of it; nothing where the request does not name it,
/// or where the service has no answer of its own for that. A PUT of the thing itself makes it, and a DELETE would be told
/// that it is gone, which nobody could tell from the truth.
pub fn unheard(request: &Request, (kind, id): &Thing) -> Option<ApiError> {
    let path = key(&request.path);
    if storage::blob::account(request).is_some() {
        return storage::blob::unheard(request, kind, id);
    }
    if path == *id {
        return match request.method {
            Method::PUT | Method::DELETE => None,
            _ if kind == GROUP => Some(ApiError::no_group(name_of(id))),
            _ => Some(ApiError::not_found(id)),
        };
    }
    if let Some(rest) = path.strip_prefix(id.as_str()).filter(|rest| rest.starts_with('/')) {
        return match request.method {
            Method::DELETE => None,
            _ if kind == GROUP => Some(ApiError::no_group(name_of(id))),
            // What other services put on it, such as roles, are no children.
            Method::PUT if !rest.contains("/providers/") => Some(ApiError::no_parent(&path, id)),
            _ => Some(ApiError::not_found(id)),
        };
    }
    let body = serde_json::from_slice(&request.body).unwrap_or_default();
    let within = format!("{id}/");
    let mut named = false;
    references(&body, &mut |other| {
        let other = key(other);
        named |= other == *id || other.starts_with(&within);
    });
    if !named {
        return None;
    }
    match request.namespace.as_deref()? {
        "Microsoft.Compute" if kind.starts_with("Microsoft.ManagedIdentity/") => {
            Some(ApiError::no_identity(id, &request.path))
        }
        "Microsoft.Compute" => Some(ApiError::not_found(id)),
        "Microsoft.Network" if !path.contains("/privatednszones/") => Some(ApiError::no_reference(id, &request.path)),
        _ => None,
    }
}
