//! `Microsoft.Compute`.

mod availability_set;
mod disk;
mod image;
mod machine;
mod machine_parts;
mod quota;
mod scale_set;
mod scale_set_machines;
mod shapes;
mod size;
#[cfg(test)]
mod tests;

use super::Service;
use super::body::{Object, Shape, optional};
use super::error::ApiError;
use super::kind::Spec;
use super::operation::Style;
use super::request::Request;
use super::route::Route;
use super::world::{Cx, key};

pub use self::scale_set_machines::settle;

/// The service.
pub const SERVICE: Service = Service {
    namespace: "Microsoft.Compute",
    // Machines, disks and sizes have versions of their own.
    versions: &[
        "2024-07-01",
        "2024-11-01",
        "2025-04-01",
        "2025-11-01",
        "2026-03-01",
        "2026-04-01",
        "2024-03-02",
        "2025-01-02",
        "2026-03-02",
        "2021-07-01",
    ],
    kinds: &[&machine::VirtualMachines, &disk::Disks, &availability_set::AvailabilitySets, &scale_set::ScaleSets],
    special,
};

/// What the kinds of this provider have in common.
const SPEC: Spec = Spec { style: Style::Compute, ..Spec::BASE };

/// Identities that a machine is given.
const IDENTITY: Shape = Shape::Object(&Object {
    name: "VirtualMachineIdentity",
    fields: &[
        optional("type", &Shape::OneOf(&["SystemAssigned", "UserAssigned", "SystemAssigned, UserAssigned", "None"])),
        optional("userAssignedIdentities", &Shape::Keys),
    ],
});

fn special(request: &Request) -> Option<Route> {
    let rest: Vec<&str> = request.rest.iter().map(String::as_str).collect();
    match (request.method.as_str(), rest.as_slice()) {
        ("GET", ["skus"]) => Some(Route::new("ResourceSkus_List", size::list)),
        ("GET", ["locations", _, "publishers", _, "artifacttypes", "vmimage", "offers", _, "skus", _, "versions"]) => {
            Some(Route::new("VirtualMachineImages_List", image::list))
        }
        (
            "GET",
            ["locations", _, "publishers", _, "artifacttypes", "vmimage", "offers", _, "skus", _, "versions", _],
        ) => Some(Route::new("VirtualMachineImages_Get", image::get)),
        ("GET", [sets, _, "virtualMachines"]) if sets.eq_ignore_ascii_case("virtualMachineScaleSets") => {
            Some(Route::new("VirtualMachineScaleSetVMs_List", scale_set_machines::list_of))
        }
        _ => None,
    }
}

/// Refuses to change what stays as it was made, and keeps what a request leaves out of it.
fn keep(draft: &mut super::kind::Draft, pointers: &[&str]) -> Result<(), ApiError> {
    if draft.old.is_none() {
        return Ok(());
    }
    for pointer in pointers {
        let before = draft.before(pointer);
        let given = draft.body.pointer(pointer).cloned().unwrap_or_default();
        let target = pointer.trim_start_matches("/properties/").replace('/', ".");
        if given.is_null() && !before.is_null() {
            place(&mut draft.body, pointer, before);
        } else if given != before {
            return Err(ApiError::conflict(
                "PropertyChangeNotAllowed",
                format!("Changing property '{target}' is not allowed."),
            )
            .at(&target));
        }
    }
    Ok(())
}

/// Sets what stands at a JSON pointer, and makes the records on the way.
fn place(body: &mut serde_json::Value, pointer: &str, value: serde_json::Value) {
    let mut at = body;
    for part in pointer.split('/').skip(1) {
        at = &mut at[part];
    }
    *at = value;
}

/// Refuses identities that do not exist.
fn check_identities(cx: &Cx<'_>, draft: &super::kind::Draft) -> Result<(), ApiError> {
    let identity = &draft.body["identity"];
    let given = identity["userAssignedIdentities"].as_object();
    let wants = identity["type"].as_str().is_some_and(|kind| kind.contains("UserAssigned"));
    if wants != given.is_some_and(|given| !given.is_empty()) {
        return Err(ApiError::bad(
            "InvalidIdentityValues",
            "The type UserAssigned goes with userAssignedIdentities, and needs them.",
        ));
    }
    if super::kind_named("Microsoft.ManagedIdentity/userAssignedIdentities").is_none() {
        return Ok(());
    }
    match given.into_iter().flatten().find(|(id, _)| cx.find(&key(id)).is_none()) {
        Some((id, _)) => Err(ApiError::no_identity(id, &draft.id)),
        None => Ok(()),
    }
}

/// Shows who the identities are.
fn show_identities(cx: &Cx<'_>, body: &mut serde_json::Value) {
    for (id, shown) in body["identity"]["userAssignedIdentities"].as_object_mut().into_iter().flatten() {
        if let Some(identity) = cx.find(id) {
            *shown = serde_json::json!({
                "principalId": identity.body["properties"]["principalId"],
                "clientId": identity.body["properties"]["clientId"],
            });
        }
    }
}
