//! `Microsoft.ManagedIdentity`: identities of machines.

#[cfg(test)]
mod tests;

use serde_json::json;

use super::Service;
use super::body::{self, Object, Shape, optional, read_only, required, text};
use super::error::ApiError;
use super::kind::{Draft, Kind, Spec};
use super::world::{Cx, Resource};
use crate::clock::Millis;

/// The service.
pub const SERVICE: Service = Service {
    namespace: "Microsoft.ManagedIdentity",
    versions: &["2018-11-30", "2023-01-31", "2024-11-30"],
    kinds: &[&Identities],
    special: |_| None,
};

/// The directory that every identity is in.
pub const TENANT: &str = "00000000-0000-0000-0000-000000000002";

/// Who makes all requests, as the directory knows them.
pub const OPERATOR: &str = "00000000-0000-0000-0000-000000000003";

const IDENTITY: Object = Object {
    name: "Identity",
    fields: &[
        required("location", &Shape::Text),
        optional("tags", &Shape::Map),
        read_only("id"),
        read_only("name"),
        read_only("type"),
        read_only("systemData"),
        read_only("properties"),
    ],
};

/// User-assigned identities.
#[derive(Debug)]
struct Identities;

const SPEC: Spec = Spec {
    kind: "Microsoft.ManagedIdentity/userAssignedIdentities",
    operations: "UserAssignedIdentities",
    shape: &IDENTITY,
    patch: Some(("Update", &IDENTITY)),
    lists: ("ListByResourceGroup", Some("ListBySubscription")),
    stateful: false,
    name_max: 128,
    ..Spec::BASE
};

impl Kind for Identities {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        let name = draft.name();
        let begins = name.starts_with(|first: char| first.is_ascii_alphanumeric());
        let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        if name.len() < 3 || !begins || !name.chars().all(fits) {
            return Err(ApiError::bad(
                "BadRequest",
                format!(
                    "The resource name '{name}' is invalid. It must have 3 to 128 letters, digits, hyphens and \
                     underscores, and begin with a letter or digit."
                ),
            ));
        }
        for part in ["principalId", "clientId"] {
            let id = match draft.before(&format!("/properties/{part}")).as_str() {
                Some(id) => id.to_owned(),
                None => cx.ids.uuid(),
            };
            body::set(&mut draft.body, part, json!(id));
        }
        body::set(&mut draft.body, "tenantId", json!(TENANT));
        if draft.body["tags"].is_null() {
            draft.body["tags"] = json!({});
        }
        Ok(())
    }

    /// Machines that have the identity keep its name, and its roles stay where they were given.
    fn delete(&self, _: &mut Cx<'_>, _: &Resource) -> Result<Option<Millis>, ApiError> {
        Ok(None)
    }
}

/// Whether other services know an identity's principal already.
pub fn is_visible(cx: &Cx<'_>, principal: &str) -> bool {
    let mut identities = cx.of_kind(SPEC.kind);
    identities.any(|identity| {
        text(&identity.body, "/properties/principalId").eq_ignore_ascii_case(principal)
            && identity.created + cx.pace.instance_profile_visible <= cx.now
    })
}
