//! Messages read strictly: a field that the API does not know, or a value of the wrong type, is refused as the real
//! service refuses it.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use serde_json::Value;

use super::error::ApiError;
use super::world::Doc;

/// The fields of a message.
pub type Schema = &'static [(&'static str, Kind)];

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Any text.
    Str,
    /// A truth value.
    Bool,
    /// A number of 32 bits.
    Int,
    /// A number of 64 bits, which JSON carries as text.
    Long,
    /// A fraction.
    Float,
    /// Base64.
    Bytes,
    /// One of some words.
    Enum(&'static [&'static str]),
    /// A reference to something in one of the collections.
    Ref(&'static [&'static str]),
    /// Several.
    List(&'static Kind),
    /// Values by keys that the caller chooses.
    Map(&'static Kind),
    /// Another message.
    Object(Schema),
    /// Set by the service; ignored where a client sends it.
    Output,
    /// The API has it, the sandbox does not.
    Unsupported,
}

/// What to make of `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// As if the field were not there.
    Drop,
    /// Kept, for a patch in which it removes the field.
    Keep,
}

/// Reads a message.
pub fn read(schema: Schema, body: Value, at: &str, nulls: Nulls) -> Result<Doc, ApiError> {
    let Value::Object(body) = body else {
        return Err(type_error(at, "an object", &body));
    };
    let mut doc = Doc::new();
    for (name, value) in body {
        let Some((_, kind)) = schema.iter().find(|(known, _)| *known == name) else {
            return Err(ApiError::unknown_field(&name, at));
        };
        let place = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        match (kind, value) {
            (Kind::Output, _) => {}
            (Kind::Unsupported, _) => {
                return Err(ApiError::invalid(&place, "", "The sandbox does not have this field."));
            }
            (_, Value::Null) if nulls == Nulls::Drop => {}
            (_, Value::Null) => drop(doc.insert(name, Value::Null)),
            (kind, value) => drop(doc.insert(name, kind.read(value, &place, nulls)?)),
        }
    }
    Ok(doc)
}

impl Kind {
    fn read(self, value: Value, at: &str, nulls: Nulls) -> Result<Value, ApiError> {
        match (self, value) {
            (Self::Str | Self::Ref(_), value @ Value::String(_))
            | (Self::Bool, value @ Value::Bool(_))
            | (Self::Float, value @ Value::Number(_)) => Ok(value),
            (Self::Int, Value::Number(number)) if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => {
                Ok(Value::Number(number))
            }
            (Self::Long, Value::Number(number)) if number.as_i64().is_some() => Ok(Value::String(number.to_string())),
            (Self::Long, Value::String(text)) if text.parse::<i64>().is_ok() => Ok(Value::String(text)),
            (Self::Bytes, Value::String(text)) => {
                // Clients may use either alphabet; the service answers with the standard one.
                let bytes = BASE64_STANDARD.decode(&text).or_else(|_| BASE64_URL_SAFE.decode(&text));
                let bytes = bytes.map_err(|_| type_error(at, "TYPE_BYTES", &Value::String(text)))?;
                Ok(Value::String(BASE64_URL_SAFE.encode(bytes)))
            }
            (Self::Enum(words), Value::String(word)) if words.contains(&word.as_str()) => Ok(Value::String(word)),
            (Self::List(kind), Value::Array(values)) => {
                let read = |(index, value)| kind.read(value, &format!("{at}[{index}]"), nulls);
                values.into_iter().enumerate().map(read).collect::<Result<Vec<Value>, ApiError>>().map(Value::Array)
            }
            (Self::Map(kind), Value::Object(values)) => {
                let read = |(key, value): (String, Value)| match value {
                    // A patch removes what it says is nothing.
                    Value::Null if nulls == Nulls::Keep => Ok((key, Value::Null)),
                    value => kind.read(value, &format!("{at}[{key}]"), nulls).map(|value| (key, value)),
                };
                values.into_iter().map(read).collect::<Result<Doc, ApiError>>().map(Value::Object)
            }
            (Self::Object(schema), value) => read(schema, value, at, nulls).map(Value::Object),
            (kind, value) => Err(type_error(at, kind.name(), &value)),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Str | Self::Ref(_) => "TYPE_STRING",
            Self::Bool => "TYPE_BOOL",
            Self::Int => "TYPE_INT32",
            Self::Long => "TYPE_INT64",
            Self::Float => "TYPE_FLOAT",
            Self::Bytes => "TYPE_BYTES",
            Self::Enum(_) => "TYPE_ENUM",
            Self::List(_) => "a list",
            Self::Map(_) | Self::Object(_) => "an object",
            Self::Output | Self::Unsupported => "nothing",
        }
    }
}

fn type_error(at: &str, expected: &str, value: &Value) -> ApiError {
    ApiError::payload(format!("Invalid value at '{at}' ({expected}), {value}"))
}

/// Calls `work` with every reference in a message, where it stands and the collections that it may lead to.
pub fn references(
    schema: Schema,
    doc: &mut Doc,
    at: &str,
    work: &mut impl FnMut(&str, &[&str], &mut String) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    for (name, kind) in schema {
        if let Some(value) = doc.get_mut(*name) {
            walk(*kind, value, &format!("{at}.{name}"), work)?;
        }
    }
    Ok(())
}

fn walk(
    kind: Kind,
    value: &mut Value,
    at: &str,
    work: &mut impl FnMut(&str, &[&str], &mut String) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    match (kind, value) {
        (Kind::Ref(collections), Value::String(link)) => work(at, collections, link),
        (Kind::List(kind), Value::Array(values)) => values
            .iter_mut()
            .enumerate()
            .try_for_each(|(index, value)| walk(*kind, value, &format!("{at}[{index}]"), work)),
        (Kind::Map(kind), Value::Object(values)) => {
            values.iter_mut().try_for_each(|(key, value)| walk(*kind, value, &format!("{at}[{key}]"), work))
        }
        (Kind::Object(schema), Value::Object(doc)) => references(schema, doc, at, work),
        _ => Ok(()),
    }
}

/// Puts a patch into a message: `null` removes, objects are merged, all else replaces.
pub fn merge(doc: &mut Doc, patch: Doc) {
    for (name, value) in patch {
        match (doc.get_mut(&name), value) {
            (_, Value::Null) => drop(doc.remove(&name)),
            (Some(Value::Object(inner)), Value::Object(patch)) => merge(inner, patch),
            (_, value) => drop(doc.insert(name, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const INNER: Schema = &[("port", Kind::Int)];
    const SCHEMA: Schema = &[
        ("name", Kind::Str),
        ("size", Kind::Long),
        ("mode", Kind::Enum(&["A", "B"])),
        ("inner", Kind::List(&Kind::Object(INNER))),
        ("status", Kind::Output),
    ];

    #[test]
    fn what_is_not_in_the_schema_is_refused() {
        let read = |body| read(SCHEMA, body, "", Nulls::Drop);
        assert_eq!(
            read(json!({"size": 5, "status": "x", "name": null})).unwrap(),
            *json!({"size": "5"}).as_object().unwrap()
        );
        let error = read(json!({"inner": [{"pord": 1}]})).unwrap_err();
        assert_eq!(
            error.message,
            "Invalid JSON payload received. Unknown name \"pord\" at 'inner[0]': Cannot find field."
        );
        for body in [json!({"name": 1}), json!({"mode": "C"}), json!({"size": "x"}), json!({"inner": {}}), json!([])] {
            assert_eq!(read(body).unwrap_err().status, 400);
        }
    }

    #[test]
    fn a_patch_merges() {
        let mut doc = json!({"a": {"b": 1, "c": 2}, "d": [1]}).as_object().unwrap().clone();
        merge(&mut doc, json!({"a": {"b": null}, "d": [2]}).as_object().unwrap().clone());
        assert_eq!(Value::Object(doc), json!({"a": {"c": 2}, "d": [2]}));
    }
}
