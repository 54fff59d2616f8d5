//! Between Rust types and [`Value`]s.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use crate::value::Value;

/// A type that a field of a resource can have.
pub trait FieldValue: Sized {
    /// Whether the field may hold references to other resources.
    const REFERENCE: bool = false;

    /// The value that stands for `self`.
    fn into_value(self) -> Value;

    /// The way back.
    fn from_value(value: &Value) -> Result<Self, FieldError>;
}

/// Why a value does not fit a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    #[error("expected {expected}, found {found}")]
    Type { expected: &'static str, found: String },
    #[error("field `{field}`: {source}")]
    Field { field: String, source: Box<FieldError> },
    #[error("the value of {reference} is not known yet")]
    Unknown { reference: String },
}

impl FieldError {
    /// A value of the wrong type.
    #[must_use]
    pub fn wrong_type(expected: &'static str, found: &Value) -> Self {
        match found {
            Value::After(reference) => Self::Unknown { reference: reference.to_string() },
            other => Self::Type { expected, found: other.to_json().to_string() },
        }
    }

    /// The same error, inside `field`.
    #[must_use]
    pub fn within(self, field: &str) -> Self {
        Self::Field { field: field.to_owned(), source: Box::new(self) }
    }
}

impl FieldValue for String {
    fn into_value(self) -> Value {
        Value::String(self)
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        value.as_str().map(str::to_owned).ok_or_else(|| FieldError::wrong_type("a string", value))
    }
}

impl FieldValue for bool {
    fn into_value(self) -> Value {
        Value::Bool(self)
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        match value {
            Value::Bool(v) => Ok(*v),
            other => Err(FieldError::wrong_type("true or false", other)),
        }
    }
}

macro_rules! integer_fields {
    ($($type:ty),*) => {$(
        impl FieldValue for $type {
            fn into_value(self) -> Value {
                Value::Integer(i64::from(self))
            }

            fn from_value(value: &Value) -> Result<Self, FieldError> {
                match value {
                    Value::Integer(v) => {
                        Self::try_from(*v).map_err(|_| FieldError::wrong_type("a number in range", value))
                    }
                    other => Err(FieldError::wrong_type("a number", other)),
                }
            }
        }
    )*};
}
integer_fields!(i64, i32, u32, u16);

impl FieldValue for Ipv4Net {
    fn into_value(self) -> Value {
        Value::String(self.to_string())
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| FieldError::wrong_type("an IPv4 range", value))
    }
}

impl<T: FieldValue> FieldValue for Option<T> {
    const REFERENCE: bool = T::REFERENCE;

    fn into_value(self) -> Value {
        self.map_or(Value::Null, T::into_value)
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        match value {
            Value::Null => Ok(None),
            other => T::from_value(other).map(Some),
        }
    }
}

impl<T: FieldValue> FieldValue for Vec<T> {
    const REFERENCE: bool = T::REFERENCE;

    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(T::into_value).collect())
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        match value {
            Value::List(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| T::from_value(item).map_err(|e| e.within(&index.to_string())))
                .collect(),
            other => Err(FieldError::wrong_type("a list", other)),
        }
    }
}

/// Items whose order means nothing: a cloud that gives them back in another order has changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set<T>(pub Vec<T>);

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl<T: FieldValue> FieldValue for Set<T> {
    const REFERENCE: bool = T::REFERENCE;

    fn into_value(self) -> Value {
        Value::Set(self.0.into_iter().map(T::into_value).collect())
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        match value {
            Value::Set(items) => items.iter().map(T::from_value).collect(),
            other => Err(FieldError::wrong_type("a set", other)),
        }
    }
}

impl<T: FieldValue> FieldValue for BTreeMap<String, T> {
    const REFERENCE: bool = T::REFERENCE;

    fn into_value(self) -> Value {
        Value::Map(self.into_iter().map(|(k, v)| (k, v.into_value())).collect())
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        match value {
            Value::Map(entries) => {
                entries.iter().map(|(k, v)| Ok((k.clone(), T::from_value(v).map_err(|e| e.within(k))?))).collect()
            }
            other => Err(FieldError::wrong_type("a map", other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_no_order_and_survives_the_disk() {
        let set = |items: [&str; 2]| Set(items.map(str::to_owned).to_vec()).into_value();
        assert_eq!(set(["b", "a"]), set(["a", "b"]));
        let text = serde_json::to_string(&set(["b", "a"])).unwrap();
        assert_eq!(text, r#"{"set":["a","b"]}"#);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), set(["a", "b"]));
    }
}
