//! What the kinds of Azure Resource Manager have in common: how ids, tags and states are read and written.

use meridian_engine::observed::Condition;
use meridian_engine::{Attr, Fields, Ref, Value};
use meridian_provider_api::{CloudError, ErrorKind, Made};

use crate::client::id::{ArmId, normal};

/// Gone already is what a delete wants.
pub fn gone<T>(result: Result<T, CloudError>) -> Result<(), CloudError> {
    match result {
        Err(error) if error.kind != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Not found is an answer, too.
pub fn found<T>(result: Result<T, CloudError>) -> Result<Option<T>, CloudError> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The id behind a reference; every reference is resolved by the time a resource is made.
pub fn id_of<R>(reference: &Ref<R>) -> Result<&str, CloudError> {
    reference.id().map_err(|error| CloudError::new(ErrorKind::Invalid, "reading a reference", error.to_string()))
}

/// The value of another resource's attribute; it is known by the time a resource is made.
pub fn known<T>(attribute: &Attr<T>) -> Result<&T, CloudError> {
    attribute.get().map_err(|error| CloudError::new(ErrorKind::Invalid, "reading a reference", error.to_string()))
}

/// The id behind a reference, taken apart.
pub fn arm_id<R>(reference: &Ref<R>) -> Result<ArmId, CloudError> {
    Ok(id_of(reference)?.parse()?)
}

/// What an answer must hold.
pub fn required<T>(value: Option<T>, operation: &str, what: &str) -> Result<T, CloudError> {
    value.ok_or_else(|| CloudError::new(ErrorKind::Invalid, operation, format!("the answer has no {what}")))
}

/// The id of a resource in a group, in the form that is kept. `kind` is its type (`Microsoft.Network/natGateways`).
#[must_use]
pub fn id_in(group: &ArmId, kind: &str, name: &str) -> String {
    normal(&format!("{group}/providers/{kind}/{name}"))
}

/// A reference to what exists, by an id as a service gives it.
#[must_use]
pub fn reference<R>(id: Option<&str>) -> Option<Ref<R>> {
    id.map(|id| Ref::existing(normal(id)))
}

/// The group that a resource is in, as a reference.
#[must_use]
pub fn group_of<R>(id: &ArmId) -> Ref<R> {
    Ref::existing(crate::client::id::group(&id.subscription, &id.group))
}

/// A resource with an id and nothing else to tell.
#[must_use]
pub fn made(id: impl Into<String>) -> Made {
    Made { id: id.into(), computed: Fields::new() }
}

/// Computed attributes.
#[must_use]
pub fn computed<const N: usize>(attributes: [(&str, String); N]) -> Fields {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
}

/// What a `provisioningState` means. Only its word is looked at: every service has an enumeration of its own for it.
#[must_use]
pub fn condition(state: Option<&str>) -> Condition {
    match state {
        None | Some("Succeeded") => Condition::Ready,
        // A failed write may be sent again, and puts it right: what the resource is for may still stand.
        Some(other) => Condition::Unfinished(other.to_owned()),
    }
}

/// Whether what is in this state is on its way out.
#[must_use]
pub fn is_going(state: Option<&str>) -> bool {
    matches!(state, Some("Deleting" | "Deleted" | "Deprovisioning"))
}

/// The word under which an enumeration of the SDK's goes over the wire.
#[must_use]
pub fn word<T: serde::Serialize>(value: Option<&T>) -> Option<String> {
    match serde_json::to_value(value?) {
        Ok(serde_json::Value::String(word)) => Some(word),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_put_together_in_the_form_that_is_kept() {
        let group: ArmId = "/subscriptions/s/resourcegroups/G".parse().unwrap();
        assert_eq!(
            id_in(&group, "Microsoft.Network/natGateways", "X"),
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/natGateways/x"
        );
    }

    #[test]
    fn a_failed_write_can_be_finished() {
        assert_eq!(condition(Some("Succeeded")), Condition::Ready);
        assert_eq!(condition(Some("Failed")), Condition::Unfinished("Failed".to_owned()));
        assert!(is_going(Some("Deleting")) && !is_going(Some("Updating")));
    }
}
