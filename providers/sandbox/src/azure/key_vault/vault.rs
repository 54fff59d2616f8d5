//! Vaults, as the resource manager sees them.

use serde_json::json;

use super::SUFFIX;
use crate::azure::body::{self, Object, Shape, optional, read_only, required};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::operation::Style;
use crate::azure::world::{Cx, Resource, key};
use crate::clock::Millis;

/// The kind.
pub const KIND: &str = "Microsoft.KeyVault/vaults";

const SKU: Shape = Shape::Object(&Object {
    name: "Sku",
    fields: &[required("family", &Shape::OneOf(&["A"])), required("name", &Shape::OneOf(&["standard", "premium"]))],
});

const VAULT: Object = Object {
    name: "VaultCreateOrUpdateParameters",
    fields: &[
        required("location", &Shape::Text),
        optional("tags", &Shape::Map),
        required(
            "properties",
            &Shape::Object(&Object {
                name: "VaultProperties",
                fields: &[
                    required("tenantId", &Shape::Text),
                    required("sku", &SKU),
                    optional("enabledForDeployment", &Shape::Bool),
                    optional("enabledForDiskEncryption", &Shape::Bool),
                    optional("enabledForTemplateDeployment", &Shape::Bool),
                    optional("enableSoftDelete", &Shape::Bool),
                    optional("softDeleteRetentionInDays", &Shape::Int(7, 90)),
                    optional("enableRbacAuthorization", &Shape::Bool),
                    optional("enablePurgeProtection", &Shape::Bool),
                    optional("publicNetworkAccess", &Shape::Text),
                    read_only("vaultUri"),
                    read_only("provisioningState"),
                ],
            }),
        ),
    ],
};

/// Vaults. Roles say who may do what with their keys, and the sandbox lets everyone do everything.
#[derive(Debug)]
pub struct Vaults;

const SPEC: Spec = Spec {
    kind: KIND,
    operations: "Vaults",
    shape: &VAULT,
    lists: ("ListByResourceGroup", Some("ListBySubscription")),
    style: Style::Storage,
    name_max: 24,
    ..Spec::BASE
};

/// 3 to 24 letters, digits and single hyphens inside, a letter first.
pub fn is_name(name: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    (3..=24).contains(&name.len())
        && name.chars().all(fits)
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && !name.ends_with('-')
        && !name.contains("--")
}

impl Kind for Vaults {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        let name = draft.name().to_owned();
        if !is_name(&name) {
            return Err(ApiError::bad(
                "VaultNameNotValid",
                format!(
                    "The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. \
                     The name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens."
                ),
            ));
        }
        let taken = cx.vaults_elsewhere.contains(&name.to_lowercase())
            || cx
                .of_kind(KIND)
                .any(|other| other.name().eq_ignore_ascii_case(&name) && key(&other.id) != key(&draft.id));
        if taken {
            return Err(ApiError::conflict(
                "VaultAlreadyExists",
                format!("The vault name '{name}' is already in use."),
            ));
        }
        if draft.body["properties"]["enableSoftDelete"] == false {
            let message = "The property \"enableSoftDelete\" can be set to false only for creating new vault, and has \
                           no effect any more: deleted keys are always kept for a while.";
            return Err(ApiError::bad("BadRequest", message));
        }
        for (property, value) in [
            ("enabledForDeployment", json!(false)),
            ("enableSoftDelete", json!(true)),
            ("softDeleteRetentionInDays", json!(90)),
            ("enableRbacAuthorization", json!(false)),
            ("publicNetworkAccess", json!("Enabled")),
            ("accessPolicies", json!([])),
        ] {
            body::default(&mut draft.body, property, value);
        }
        let uri = format!("https://{}{SUFFIX}/", name.to_lowercase());
        body::set(&mut draft.body, "vaultUri", json!(uri));
        if draft.body["tags"].is_null() {
            draft.body["tags"] = json!({});
        }
        Ok(())
    }

    /// The real one keeps a deleted vault for a while, and its name with it.
    fn delete(&self, _: &mut Cx<'_>, _: &Resource) -> Result<Option<Millis>, ApiError> {
        Ok(None)
    }

    fn gone(&self, cx: &mut Cx<'_>, resource: &Resource) {
        cx.sub.vaults.remove(&key(&resource.id));
        cx.dirty();
    }
}
