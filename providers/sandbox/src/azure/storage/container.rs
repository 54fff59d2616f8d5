//! Containers, as the resource manager sees them.

use serde_json::{Value, json};

use super::account;
use crate::azure::body::{self, Object, Shape, optional, read_only};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::operation::Style;
use crate::azure::request::Request;
use crate::azure::resource::render;
use crate::azure::response::Response;
use crate::azure::world::{Cx, Resource, State, key, parent_of};
use crate::clock::{Millis, timestamp};

/// The kind.
pub const KIND: &str = "Microsoft.Storage/storageAccounts/blobServices/containers";

const CONTAINER: Object = Object {
    name: "BlobContainer",
    fields: &[
        optional(
            "properties",
            &Shape::Object(&Object {
                name: "ContainerProperties",
                fields: &[
                    optional("publicAccess", &Shape::OneOf(&["Container", "Blob", "None"])),
                    optional("metadata", &Shape::Map),
                    optional("defaultEncryptionScope", &Shape::OneOf(&["$account-encryption-key"])),
                    optional("denyEncryptionScopeOverride", &Shape::Bool),
                    read_only("version"),
                    read_only("deleted"),
                    read_only("lastModifiedTime"),
                    read_only("leaseStatus"),
                    read_only("leaseState"),
                    read_only("hasLegalHold"),
                    read_only("hasImmutabilityPolicy"),
                ],
            }),
        ),
        read_only("id"),
        read_only("name"),
        read_only("type"),
        read_only("etag"),
    ],
};

/// Containers.
#[derive(Debug)]
pub struct Containers;

const SPEC: Spec = Spec {
    kind: KIND,
    operations: "BlobContainers",
    shape: &CONTAINER,
    patch: Some(("Update", &CONTAINER)),
    put: "Create",
    located: false,
    stateful: false,
    style: Style::Storage,
    ..Spec::BASE
};

/// 3 to 63 lower-case letters, digits and single hyphens inside.
pub fn is_name(name: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    (3..=63).contains(&name.len())
        && name.chars().all(fits)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}

impl Kind for Containers {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        let name = draft.name().to_owned();
        if !is_name(&name) {
            return Err(ApiError::bad(
                "ContainerInvalidName",
                format!(
                    "The specified container name '{name}' is invalid: 3 to 63 lower-case letters, digits and hyphens."
                ),
            ));
        }
        let account = account_of(cx, &draft.id).ok_or_else(|| ApiError::not_found(&draft.id))?;
        if account.is_busy() {
            let message =
                "An operation is currently performing on this storage account that requires exclusive access.";
            return Err(ApiError::conflict("StorageAccountOperationInProgress", message));
        }
        if draft.old.is_none() && leaving(account, &name) > cx.now {
            return Err(being_deleted());
        }
        body::default(&mut draft.body, "publicAccess", json!("None"));
        let closed = account.body["properties"]["allowBlobPublicAccess"] != true;
        if closed && draft.body["properties"]["publicAccess"] != "None" {
            let message = "Public access is not permitted on this storage account.";
            return Err(ApiError::conflict("PublicAccessNotPermitted", message));
        }
        body::default(&mut draft.body, "defaultEncryptionScope", json!("$account-encryption-key"));
        body::default(&mut draft.body, "denyEncryptionScopeOverride", json!(false));
        draft.hidden = json!({ "modified": cx.now });
        Ok(())
    }

    fn delete(&self, _: &mut Cx<'_>, _: &Resource) -> Result<Option<Millis>, ApiError> {
        Ok(None)
    }

    /// Its blobs go, and its name is taken for a while, as that of a container is until everything in it is gone.
    fn gone(&self, cx: &mut Cx<'_>, resource: &Resource) {
        super::blob::forget(cx, &key(&resource.id));
        let until = cx.now + cx.pace.instance_stopping;
        let account = parent_of(parent_of(&resource.id)).to_owned();
        if let Some(account) = cx.find_mut(&account) {
            account.hidden["leaving"][resource.name()] = json!(until);
        }
    }

    fn view(&self, _: &Cx<'_>, resource: &Resource, body: &mut Value) {
        // The data plane writes the same version otherwise.
        body["etag"] = json!(etag(resource));
        for (name, value) in [
            ("lastModifiedTime", json!(timestamp(modified(resource)))),
            ("leaseStatus", json!("Unlocked")),
            ("leaseState", json!("Available")),
            ("hasLegalHold", json!(false)),
            ("hasImmutabilityPolicy", json!(false)),
        ] {
            body::set(body, name, value);
        }
    }
}

/// Makes a container at the wish of the account's own front; `access` is what may be seen by everyone (`blob`).
pub fn begin(cx: &mut Cx<'_>, account: &str, name: &str, access: Option<&str>) -> Result<(), ApiError> {
    let id = format!("{account}/blobServices/default/containers/{name}");
    if cx.find(&id).is_some() {
        return Err(ApiError::conflict("ContainerAlreadyExists", "The specified container already exists."));
    }
    let public = match access {
        None => "None",
        Some("blob") => "Blob",
        Some("container") => "Container",
        Some(other) => {
            return Err(ApiError::bad("InvalidHeaderValue", format!("x-ms-blob-public-access can't be {other}.")));
        }
    };
    let mut draft = Draft {
        id: id.clone(),
        location: String::new(),
        body: json!({ "properties": { "publicAccess": public } }),
        hidden: json!({}),
        old: None,
        lasts: None,
        failure: None,
    };
    Containers.put(cx, &mut draft)?;
    let resource = Resource {
        id: id.clone(),
        kind: KIND.to_owned(),
        location: String::new(),
        body: draft.body,
        hidden: draft.hidden,
        etag: cx.etag(),
        created: cx.now,
        state: State::Ready,
    };
    cx.sub.resources.insert(key(&id), resource);
    cx.dirty();
    Ok(())
}

/// When a container was last changed.
pub fn modified(container: &Resource) -> Millis {
    container.hidden["modified"].as_u64().unwrap_or(container.created)
}

/// The version of a container as storage writes it.
pub fn etag(container: &Resource) -> String {
    let digits: String = container.etag.chars().filter(char::is_ascii_hexdigit).take(15).collect();
    format!("\"0x{}\"", digits.to_uppercase())
}

/// Until when the name of a deleted container is taken.
fn leaving(account: &Resource, name: &str) -> Millis {
    account.hidden["leaving"][name].as_u64().unwrap_or(0)
}

fn being_deleted() -> ApiError {
    ApiError::conflict("ContainerBeingDeleted", "The specified container is being deleted. Try operation later.")
}

fn account_of<'a>(cx: &'a Cx<'_>, container: &str) -> Option<&'a Resource> {
    cx.find(parent_of(parent_of(container))).filter(|account| account.kind == account::KIND)
}

/// GET of all containers of an account.
pub fn list(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&["$maxpagesize", "$filter", "$include", "$skiptoken"])?;
    let group = request.group().unwrap_or_default();
    if !cx.sub.groups.contains_key(&group.to_lowercase()) {
        return Err(ApiError::no_group(group));
    }
    let service = request.path.trim_end_matches('/').rsplit_once('/').map_or("", |(service, _)| service);
    cx.find(service).ok_or_else(|| ApiError::not_found(parent_of(service)))?;
    let prefix = request.query.get("$filter").map(String::as_str).unwrap_or_default();
    let containers = cx.children(service, KIND).filter(|container| container.name().starts_with(prefix));
    let items: Vec<Value> = containers.filter_map(|container| render(cx, container)).collect();
    Ok(Response::json(200, cx.page(request, items)?))
}
