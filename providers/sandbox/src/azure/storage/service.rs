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

/// Pages of other sites have nothing to ask of a sandbox.
const CORS: Shape = Shape::List(&Shape::Object(&Object { name: "CorsRule", fields: &[] }));

const SERVICE: Object = Object {
    name: "BlobServiceProperties",
    fields: &[
        optional(
            "properties",
            &Shape::Object(&Object {
                name: "BlobServicePropertiesProperties",
                fields: &[
                    optional(
                        "cors",
                        &Shape::Object(&Object { name: "CorsRules", fields: &[optional("corsRules", &CORS)] }),
                    ),
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
    body::default(service, "cors", json!({ "corsRules": [] }));
    for name in ["deleteRetentionPolicy", "containerDeleteRetentionPolicy"] {
        body::default(service, name, json!({ "enabled": false }));
    }
}

/// Whether an account keeps versions of its blobs, by its id.
pub fn keeps_versions(cx: &Cx<'_>, account: &str) -> bool {
    let service = cx.find(&format!("{account}/blobServices/default"));
    service.is_some_and(|service| service.body["properties"]["isVersioningEnabled"] == true)
}

impl Kind for BlobServices {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// Versions are kept where the service is told to. Of what else is deleted nothing is kept, whatever the policies say:
    /// nobody has to wait for the sandbox to forget.
    fn put(&self, _: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        if draft.old.is_none() {
            return Err(ApiError::bad("InvalidResourceName", "The name of a blob service must be 'default'."));
        }
        for name in ["deleteRetentionPolicy", "containerDeleteRetentionPolicy"] {
            let policy = &draft.body["properties"][name];
            if policy["enabled"] == true && policy["days"].is_null() {
                return Err(ApiError::bad(
                    "InvalidRequestPropertyValue",
                    format!("The value of 'days' in '{name}' is required when the policy is enabled."),
                ));
            }
        }
        draft.body["sku"] = draft.before("/sku");
        complete(&mut draft.body);
        Ok(())
    }

    fn delete(&self, _: &mut Cx<'_>, _: &Resource) -> Result<Option<Millis>, ApiError> {
        Ok(None)
    }
}
