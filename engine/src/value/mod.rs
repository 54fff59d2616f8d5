//! Values of fields: data, or an explicit "not known before apply".

mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Address;

/// The fields of a resource by name.
pub type Fields = BTreeMap<String, Value>;

/// A value of a field.
///
/// On disk it is plain JSON, except that a map is written `{"map": …}`, a set `{"set": …}` and a reference
/// `{"after": …}`: so a key that a user chose can never be taken for a reference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Absent; not the same as an empty string or list.
    Null,
    Bool(bool),
    Integer(i64),
    String(String),
    List(Vec<Value>),
    /// Items whose order means nothing and which a cloud gives back in any.
    Set(BTreeSet<Value>),
    Map(BTreeMap<String, Value>),
    /// Not known before the resource it names has been made or changed. Boxed, so that all the others are half as large.
    After(Box<Reference>),
}

/// An attribute of another resource; the graph's only kind of edge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// The resource that is referred to.
    pub address: Address,
    /// `id`, or a computed attribute of its kind.
    pub attribute: String,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.address, self.attribute)
    }
}

impl From<Reference> for Value {
    fn from(reference: Reference) -> Self {
        Self::After(Box::new(reference))
    }
}

impl Value {
    /// Whether nothing in it waits for apply.
    #[must_use]
    pub fn is_known(&self) -> bool {
        match self {
            Self::After(_) => false,
            Self::List(items) => items.iter().all(Self::is_known),
            Self::Set(items) => items.iter().all(Self::is_known),
            Self::Map(entries) => entries.values().all(Self::is_known),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::String(_) => true,
        }
    }

    /// The text, when it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Every reference in it, at any depth.
    pub fn references(&self, into: &mut BTreeSet<Reference>) {
        match self {
            Self::After(reference) => {
                into.insert(reference.as_ref().clone());
            }
            Self::List(items) => items.iter().for_each(|item| item.references(into)),
            Self::Set(items) => items.iter().for_each(|item| item.references(into)),
            Self::Map(entries) => entries.values().for_each(|item| item.references(into)),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::String(_) => {}
        }
    }

    /// Every string in it, at any depth.
    pub fn strings<'a>(&'a self, into: &mut Vec<&'a str>) {
        match self {
            Self::String(text) => into.push(text),
            Self::List(items) => items.iter().for_each(|item| item.strings(into)),
            Self::Set(items) => items.iter().for_each(|item| item.strings(into)),
            Self::Map(entries) => entries.values().for_each(|item| item.strings(into)),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::After(_) => {}
        }
    }

    /// The same value with every reference that `known` can answer put in place.
    #[must_use]
    pub fn resolve(&self, known: &dyn Fn(&Reference) -> Option<Value>) -> Self {
        match self {
            // Copied as it is: to put a map together anew takes longer.
            _ if self.is_known() => self.clone(),
            Self::After(reference) => known(reference).unwrap_or_else(|| self.clone()),
            Self::List(items) => Self::List(items.iter().map(|item| item.resolve(known)).collect()),
            Self::Set(items) => Self::Set(items.iter().map(|item| item.resolve(known)).collect()),
            Self::Map(entries) => Self::Map(entries.iter().map(|(k, v)| (k.clone(), v.resolve(known))).collect()),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::String(_) => self.clone(),
        }
    }

    /// Plain JSON for people and policy engines; what is not known becomes `null` (see [`Value::unknown_json`]).
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null | Self::After(_) => serde_json::Value::Null,
            Self::Bool(v) => (*v).into(),
            Self::Integer(v) => (*v).into(),
            Self::String(v) => v.clone().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Set(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(entries) => {
                serde_json::Value::Object(entries.iter().map(|(k, v)| (k.clone(), v.to_json())).collect())
            }
        }
    }

    /// The mask that belongs to [`Value::to_json`], as in OpenTofu's `after_unknown`: `true` where a value is not known
    /// before apply, `None` where everything is.
    #[must_use]
    pub fn unknown_json(&self) -> Option<serde_json::Value> {
        match self {
            Self::After(_) => Some(true.into()),
            Self::List(items) if !self.is_known() => {
                Some(items.iter().map(|item| item.unknown_json().unwrap_or(false.into())).collect())
            }
            Self::Set(items) if !self.is_known() => {
                Some(items.iter().map(|item| item.unknown_json().unwrap_or(false.into())).collect())
            }
            Self::Map(entries) if !self.is_known() => Some(serde_json::Value::Object(
                entries.iter().filter_map(|(k, v)| Some((k.clone(), v.unknown_json()?))).collect(),
            )),
            _ => None,
        }
    }
}
