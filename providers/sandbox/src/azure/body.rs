//! Request bodies: what they may hold, and what they must.

use serde_json::{Map, Value};

use super::error::ApiError;

/// What a value may be.
#[derive(Debug)]
pub enum Shape {
    /// Any text.
    Text,
    /// True or false.
    Bool,
    /// A whole number between two bounds, both included.
    Int(i64, i64),
    /// A number of any kind.
    Number,
    /// One of the names, spelt exactly so. The real service forgives another case; its models do not.
    OneOf(&'static [&'static str]),
    /// A list.
    List(&'static Shape),
    /// Names with a text each, such as tags.
    Map,
    /// Names with an empty record each, such as the identities of a machine.
    Keys,
    /// A record.
    Object(&'static Object),
}

/// A record.
#[derive(Debug)]
pub struct Object {
    /// What the service calls it.
    pub name: &'static str,
    /// What it may hold.
    pub fields: &'static [Field],
}

/// A property of a record.
#[derive(Debug)]
pub struct Field {
    name: &'static str,
    shape: &'static Shape,
    need: Need,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
    ReadOnly,
}

/// A property that must be there.
pub const fn required(name: &'static str, shape: &'static Shape) -> Field {
    Field { name, shape, need: Need::Required }
}

/// A property that may be there.
pub const fn optional(name: &'static str, shape: &'static Shape) -> Field {
    Field { name, shape, need: Need::Optional }
}

/// A property that the service sets. It is ignored in a request, as the real one does.
pub const fn read_only(name: &'static str) -> Field {
    Field { name, shape: &Shape::Text, need: Need::ReadOnly }
}

/// A reference to another resource, by its id.
pub const REFERENCE: Shape = Shape::Object(&Object { name: "SubResource", fields: &[required("id", &Shape::Text)] });

/// A list of references.
pub const REFERENCES: Shape = Shape::List(&REFERENCE);

/// A list of texts.
pub const TEXTS: Shape = Shape::List(&Shape::Text);

/// Reads a request's body: strict about names and types, without what is null or read-only. A partial body, as of a
/// PATCH, need not hold what is required.
pub fn read(bytes: &[u8], object: &'static Object, partial: bool) -> Result<Value, ApiError> {
    let body: Value = serde_json::from_slice(bytes).map_err(|error| {
        ApiError::bad(
            "InvalidRequestContent",
            format!("The request content was invalid and could not be read: {error}"),
        )
    })?;
    clean(&body, &Shape::Object(object), "", partial)
}

fn clean(value: &Value, shape: &Shape, path: &str, partial: bool) -> Result<Value, ApiError> {
    let mismatch = |expected: &str| {
        ApiError::bad(
            "InvalidRequestFormat",
            format!("Cannot parse the request. Error converting value {value} to {expected}. Path '{path}'."),
        )
        .at(path)
    };
    match shape {
        Shape::Text if value.is_string() => Ok(value.clone()),
        Shape::Text => Err(mismatch("a string")),
        Shape::Bool if value.is_boolean() => Ok(value.clone()),
        Shape::Bool => Err(mismatch("a boolean")),
        Shape::Number if value.is_number() => Ok(value.clone()),
        Shape::Number => Err(mismatch("a number")),
        Shape::Int(low, high) => match value.as_i64() {
            Some(number) if (*low..=*high).contains(&number) => Ok(value.clone()),
            Some(_) => Err(ApiError::bad(
                "InvalidParameterValue",
                format!("The value {value} of '{path}' is out of range. It must be between {low} and {high}."),
            )
            .at(path)),
            None => Err(mismatch("an integer")),
        },
        Shape::OneOf(names) => match value.as_str() {
            Some(name) if names.contains(&name) => Ok(value.clone()),
            _ => Err(mismatch(&format!("one of {}", names.join(", ")))),
        },
        Shape::List(inner) => {
            let items = value.as_array().ok_or_else(|| mismatch("a list"))?;
            let items =
                items.iter().enumerate().map(|(at, item)| clean(item, inner, &format!("{path}[{at}]"), partial));
            Ok(Value::Array(items.collect::<Result<_, _>>()?))
        }
        Shape::Map => {
            let map = value.as_object().ok_or_else(|| mismatch("a map"))?;
            if map.values().all(Value::is_string) { Ok(value.clone()) } else { Err(mismatch("a map of strings")) }
        }
        Shape::Keys => {
            let map = value.as_object().ok_or_else(|| mismatch("a map"))?;
            let empty = |inner: &Value| inner.is_null() || inner.as_object().is_some_and(Map::is_empty);
            if map.values().all(empty) { Ok(value.clone()) } else { Err(mismatch("a map of empty objects")) }
        }
        Shape::Object(object) => clean_object(value, object, path, partial, &mismatch),
    }
}

fn clean_object(
    value: &Value,
    object: &Object,
    path: &str,
    partial: bool,
    mismatch: &dyn Fn(&str) -> ApiError,
) -> Result<Value, ApiError> {
    let map = value.as_object().ok_or_else(|| mismatch(object.name))?;
    let within = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let mut cleaned = Map::new();
    for (name, inner) in map {
        let Some(field) = object.fields.iter().find(|field| field.name == name) else {
            return Err(ApiError::bad(
                "InvalidRequestContent",
                format!(
                    "The request content was invalid and could not be deserialized: 'Could not find member '{name}' on \
                     object of type '{}'. Path '{}'.'.",
                    object.name,
                    within(name)
                ),
            )
            .at(&within(name)));
        };
        if field.need != Need::ReadOnly && !inner.is_null() {
            cleaned.insert(name.clone(), clean(inner, field.shape, &within(name), partial)?);
        }
    }
    let missing = |field: &&Field| field.need == Need::Required && !cleaned.contains_key(field.name);
    match object.fields.iter().find(missing) {
        Some(field) if !partial => Err(ApiError::bad(
            "InvalidParameter",
            format!("Required parameter '{}' is missing (null).", within(field.name)),
        )
        .at(&within(field.name))),
        _ => Ok(Value::Object(cleaned)),
    }
}

/// Lays a partial body over a whole one: records are merged, everything else is replaced.
pub fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                // Tags are replaced as a whole.
                match into.get_mut(&name) {
                    Some(old) if name != "tags" => merge(old, value),
                    _ => drop(into.insert(name, value)),
                }
            }
        }
        (into, from) => *into = from,
    }
}

/// The text at a JSON pointer, or nothing.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The list at a JSON pointer, or nothing.
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Sets a property of `properties`, which is made where it lacks.
pub fn set(body: &mut Value, name: &str, value: Value) {
    if !body["properties"].is_object() {
        body["properties"] = Value::Object(Map::new());
    }
    body["properties"][name] = value;
}

/// Sets a property of `properties` unless the request did.
pub fn default(body: &mut Value, name: &str, value: Value) {
    if body["properties"][name].is_null() {
        set(body, name, value);
    }
}

/// Calls back for each id of another resource within a body.
pub fn references(body: &Value, found: &mut dyn FnMut(&str)) {
    match body {
        Value::Object(map) => {
            for (name, value) in map {
                match value.as_str() {
                    Some(id) if name == "id" && id.starts_with("/subscriptions/") => found(id),
                    _ => references(value, found),
                }
                if name == "userAssignedIdentities" {
                    value.as_object().into_iter().flat_map(Map::keys).for_each(|id| found(id));
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const INNER: Object =
        Object { name: "Inner", fields: &[required("kind", &Shape::OneOf(&["A", "B"])), read_only("state")] };
    const OUTER: Object = Object {
        name: "Outer",
        fields: &[required("inner", &Shape::Object(&INNER)), optional("size", &Shape::Int(1, 9))],
    };

    fn outer(body: &Value, partial: bool) -> Result<Value, String> {
        read(body.to_string().as_bytes(), &OUTER, partial).map_err(|error| error.failure.code)
    }

    #[test]
    fn bodies_are_read_strictly() {
        let good = json!({ "inner": { "kind": "A", "state": "x" }, "size": null });
        assert_eq!(outer(&good, false), Ok(json!({ "inner": { "kind": "A" } })));
        assert_eq!(outer(&json!({ "size": 2 }), true), Ok(json!({ "size": 2 })));
        for (body, code) in [
            (json!({ "inner": { "kind": "A" }, "wat": 1 }), "InvalidRequestContent"),
            (json!({ "size": 2 }), "InvalidParameter"),
            (json!({ "inner": { "kind": "a" } }), "InvalidRequestFormat"),
            (json!({ "inner": { "kind": "A" }, "size": 10 }), "InvalidParameterValue"),
        ] {
            assert_eq!(outer(&body, false), Err(code.to_owned()), "{body}");
        }
    }
}
