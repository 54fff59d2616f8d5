//! The blob service of an account, which is there as long as the account is.

use serde_json::{Value, json};

use crate::azure::body::{self, Object, Shape, optional, read_only};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::operation::Style;
use crate::azure::world::{Cx, Resource, State, key};
use crate::clock::Millis;

/// The kind.
pub const KIND: &str = "Microsoft.Storage/storageAccounts/blobServices";

const RETENTION: Shape = Shape::Object(&Object {
    name: "DeleteRetentionPolicy",
    fields: &[
        optional("enabled", &Shape::Bool),
        optional("days", &Shape::Int(1, 365)),
        optional("allowPermanentDelete", &Shape::Bool),
    ],
});

const SERVICE: Object = Object {
    name: "BlobServiceProperties",
    fields: &[
        optional(
            "properties",
            &Shape::Object(&Object {
                name: "BlobServicePropertiesProperties",
                fields: &[
                    optional("containerDeleteRetentionPolicy", &RETENTION),
                    optional("deleteRetentionPolicy", &RETENTION),
                    optional("defaultServiceVersion", &Shape::Text),
                    optional("isVersioningEnabled", &Shape::Bool),
                ],
            }),
        ),
        read_only("sku"),
        read_only("id"),
        read_only("name"),
        read_only("type"),
    ],
};

/// Blob services.
#[derive(Debug)]
pub struct BlobServices;

const SPEC: Spec = Spec {
    kind: KIND,
    operations: "BlobServices",
    shape: &SERVICE,
    put: "SetServiceProperties",
    located: false,
    stateful: false,
    style: Style::Storage,
    ..Spec::BASE
};

/// Makes the service of a new account.
pub fn begin(cx: &mut Cx<'_>, account: &str, sku: &Value) {
    let id = format!("{account}/blobServices/default");
    let mut body = json!({ "sku": sku });
    complete(&mut body);
    let resource = Resource {
        id: id.clone(),
        kind: KIND.to_owned(),
        location: String::new(),
        body,
        hidden: json!({}),
        etag: cx.etag(),
        created: cx.now,
        state: State::Ready,
    };
    cx.sub.resources.insert(key(&id), resource);
}

fn complete(service: &mut Value) {
    body::set(service, "cors", json!({ "corsRules": [] }));
    for name in ["deleteRetentionPolicy", "containerDeleteRetentionPolicy"] {
        body::default(service, name, json!({ "enabled": false }));
    }
}

impl Kind for BlobServices {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// What is deleted is gone: the sandbox keeps no versions and no deleted blobs, and refuses to be asked for them.
    fn put(&self, _: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        if draft.old.is_none() {
            return Err(ApiError::bad("InvalidResourceName", "The name of a blob service must be 'default'."));
        }
        let is_on = |pointer: &str| draft.body.pointer(pointer).is_some_and(|value| value == true);
        let unsupported = [
            "/properties/isVersioningEnabled",
            "/properties/deleteRetentionPolicy/enabled",
            "/properties/containerDeleteRetentionPolicy/enabled",
        ];
        if let Some(pointer) = unsupported.iter().find(|pointer| is_on(pointer)) {
            let message = format!("The feature of '{pointer}' is not supported by the sandbox.");
            return Err(ApiError::bad("FeatureNotSupported", message));
        }
        draft.body["sku"] = draft.before("/sku");
        complete(&mut draft.body);
        Ok(())
    }

    fn delete(&self, _: &mut Cx<'_>, _: &Resource) -> Result<Option<Millis>, ApiError> {
        Ok(None)
    }
}
