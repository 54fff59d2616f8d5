//! Application security groups.

use serde_json::{Value, json};

use super::{SPEC, unused};
use crate::azure::body::{self, Object, Shape, optional, read_only, required};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::world::{Cx, Resource};
use crate::clock::Millis;

const SHAPE: Object = Object {
    name: "ApplicationSecurityGroup",
    fields: &[
        required("location", &Shape::Text),
        optional("tags", &Shape::Map),
        optional(
            "properties",
            &Shape::Object(&Object {
                name: "ApplicationSecurityGroupPropertiesFormat",
                fields: &[read_only("resourceGuid"), read_only("provisioningState")],
            }),
        ),
        read_only("id"),
        read_only("name"),
        read_only("type"),
        read_only("etag"),
    ],
};

/// `Microsoft.Network/applicationSecurityGroups`.
#[derive(Debug)]
pub struct ApplicationSecurityGroups;

impl Kind for ApplicationSecurityGroups {
    fn spec(&self) -> &'static Spec {
        const OWN: Spec = Spec {
            kind: "Microsoft.Network/applicationSecurityGroups",
            operations: "ApplicationSecurityGroups",
            shape: &SHAPE,
            ..SPEC
        };
        &OWN
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        let guid = match draft.before("/properties/resourceGuid") {
            Value::Null => json!(cx.ids.uuid()),
            guid => guid,
        };
        body::set(&mut draft.body, "resourceGuid", guid);
        draft.lasts = Some(cx.pace.arm_operation);
        Ok(())
    }

    fn delete(&self, cx: &mut Cx<'_>, resource: &Resource) -> Result<Option<Millis>, ApiError> {
        unused(cx, resource, "InUseApplicationSecurityGroupCannotBeDeleted")?;
        Ok(Some(cx.pace.arm_operation))
    }
}
