//! Values as they are written.
//!
//! By hand, since states of thousands of resources are made of them: a derived untagged enum keeps a copy of whatever it
//! reads until it knows what it is, at every depth anew, and copies whatever it writes.

use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Value;

/// What a value that is no plain JSON is written as: an object with one of these for its only key.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Tag {
    Map,
    Set,
    After,
}

const TYPE: &str = "Value";

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(v) => serializer.serialize_bool(*v),
            Self::Integer(v) => serializer.serialize_i64(*v),
            Self::String(v) => serializer.serialize_str(v),
            Self::List(v) => v.serialize(serializer),
            Self::Map(v) => serializer.serialize_newtype_variant(TYPE, 0, "map", v),
            Self::Set(v) => serializer.serialize_newtype_variant(TYPE, 1, "set", v),
            Self::After(v) => serializer.serialize_newtype_variant(TYPE, 2, "after", v),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "null, true, false, an integer, a string, a list, or an object with the only key `map`, `set` or `after`",
        )
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Integer(v))
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<Value, E> {
        i64::try_from(v).map(Value::Integer).map_err(|_| E::custom(format_args!("the integer {v} is too large")))
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }

    fn visit_string<E: Error>(self, v: String) -> Result<Value, E> {
        Ok(Value::String(v))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(Value::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let Some(tag) = entries.next_key()? else { return Err(A::Error::invalid_length(0, &self)) };
        let value = match tag {
            Tag::Map => Value::Map(entries.next_value()?),
            Tag::Set => Value::Set(entries.next_value()?),
            Tag::After => Value::After(Box::new(entries.next_value()?)),
        };
        match entries.next_key::<Tag>()? {
            None => Ok(value),
            Some(_) => Err(A::Error::invalid_length(2, &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::Reference;

    /// What read and wrote values before: the format, as serde derives it.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Derived {
        Null(()),
        Bool(bool),
        Integer(i64),
        String(String),
        List(Vec<Derived>),
        Tagged(Tagged),
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Tagged {
        Map(BTreeMap<String, Derived>),
        Set(Vec<Derived>),
        After(Reference),
    }

    impl From<Derived> for Value {
        fn from(derived: Derived) -> Self {
            match derived {
                Derived::Null(()) => Self::Null,
                Derived::Bool(v) => Self::Bool(v),
                Derived::Integer(v) => Self::Integer(v),
                Derived::String(v) => Self::String(v),
                Derived::List(v) => Self::List(v.into_iter().map(Self::from).collect()),
                Derived::Tagged(Tagged::Map(v)) => Self::Map(v.into_iter().map(|(k, v)| (k, Self::from(v))).collect()),
                Derived::Tagged(Tagged::Set(v)) => Self::Set(v.into_iter().map(Self::from).collect()),
                Derived::Tagged(Tagged::After(v)) => Self::from(v),
            }
        }
    }

    impl From<Value> for Derived {
        fn from(value: Value) -> Self {
            match value {
                Value::Null => Self::Null(()),
                Value::Bool(v) => Self::Bool(v),
                Value::Integer(v) => Self::Integer(v),
                Value::String(v) => Self::String(v),
                Value::List(v) => Self::List(v.into_iter().map(Self::from).collect()),
                Value::Map(v) => Self::Tagged(Tagged::Map(v.into_iter().map(|(k, v)| (k, Self::from(v))).collect())),
                Value::Set(v) => Self::Tagged(Tagged::Set(v.into_iter().map(Self::from).collect())),
                Value::After(v) => Self::Tagged(Tagged::After(*v)),
            }
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Integer),
            "\\PC{0,8}|map|set|after".prop_map(Value::String),
            ("[a-z]{1,4}", "[a-z]{1,4}").prop_map(|(name, attribute)| {
                Value::from(Reference { address: crate::Address::new("demo", &name).unwrap(), attribute })
            }),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
                prop::collection::btree_set(inner.clone(), 0..6).prop_map(|v| Value::Set(BTreeSet::from_iter(v))),
                prop::collection::btree_map("[a-z]{0,3}|map|set|after", inner, 0..6).prop_map(Value::Map),
            ]
        })
    }

    /// JSON that looks like a value, sound or not.
    fn text() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|v| v.to_string()),
            any::<i64>().prop_map(|v| v.to_string()),
            any::<u64>().prop_map(|v| v.to_string()),
            any::<f64>().prop_map(|v| json!(v).to_string()),
            "[ -~]{0,6}|map|set|after|a\\.b".prop_map(|v| Json::String(v).to_string()),
            Just(r#"{"address":"a.b","attribute":"id"}"#.to_owned()),
            Just(r#"{"after":{"address":"a.b","attribute":"id","more":1}}"#.to_owned()),
            Just(r#"{"after":["a.b","id"]}"#.to_owned()),
        ];
        leaf.prop_recursive(4, 48, 4, |inner| {
            let key = prop_oneof![Just("map"), Just("set"), Just("after"), Just("a"), Just("")];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|v| format!("[{}]", v.join(","))),
                prop::collection::vec((key, inner), 0..4).prop_map(|v| {
                    let entries: Vec<_> = v.into_iter().map(|(key, text)| format!("\"{key}\":{text}")).collect();
                    format!("{{{}}}", entries.join(","))
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn a_value_is_written_as_ever_and_read_again(value in value()) {
            let text = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(&text, &serde_json::to_string(&Derived::from(value.clone())).unwrap());
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value.clone());
            // The way through a tree, as entries of a journal take it.
            prop_assert_eq!(serde_json::from_value::<Value>(serde_json::to_value(&value).unwrap()).unwrap(), value);
        }

        #[test]
        fn what_is_read_and_what_is_refused_are_as_ever(text in text()) {
            let derived = serde_json::from_str::<Derived>(&text).ok().map(Value::from);
            prop_assert_eq!(serde_json::from_str::<Value>(&text).ok(), derived, "{}", text);
        }
    }

    #[test]
    fn what_is_none_is_refused_with_its_place() {
        for (text, part) in [
            ("{}", "expected null, true, false"),
            (r#"{"map":{},"set":[]}"#, "invalid length 2"),
            (r#"{"mop":{}}"#, "unknown field `mop`"),
            ("1.5", "floating point `1.5`"),
            ("9223372036854775808", "is too large"),
        ] {
            let error = serde_json::from_str::<Value>(text).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("line 1"), "{text}: {error}");
        }
    }
}
