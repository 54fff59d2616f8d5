//! The parameters of the query protocols, read strictly: what no handler has read was not known.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::str::FromStr;

use super::error::ApiError;

/// How a protocol spells the members of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `SubnetId.1`
    Ec2,
    /// `SubnetIds.member.1`
    Query,
}

/// The parameters of a request, or those below one of its structures. Clones share what has been read.
#[derive(Debug, Clone)]
pub struct Params {
    style: Style,
    /// Ends in a dot unless it is empty.
    prefix: String,
    values: Rc<BTreeMap<String, String>>,
    read: Rc<RefCell<BTreeSet<String>>>,
}

impl Params {
    /// All parameters of a request.
    pub fn new(style: Style, values: BTreeMap<String, String>) -> Self {
        Self { style, prefix: String::new(), values: Rc::new(values), read: Rc::default() }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn has_below(&self, base: &str) -> bool {
        let below = format!("{base}.");
        self.values.range(below.clone()..).next().is_some_and(|(key, _)| key.starts_with(&below))
    }

    /// A parameter that may be left out.
    pub fn opt_str(&self, name: &str) -> Option<String> {
        let key = self.key(name);
        let value = self.values.get(&key)?.clone();
        self.read.borrow_mut().insert(key);
        Some(value)
    }

    /// A parameter that must be given and not be empty.
    pub fn str(&self, name: &str) -> Result<String, ApiError> {
        self.opt_str(name).filter(|value| !value.is_empty()).ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> ApiError {
        let name = self.key(name);
        match self.style {
            Style::Ec2 => ApiError::bad("MissingParameter", format!("The request must contain the parameter {name}")),
            Style::Query => ApiError::bad("ValidationError", format!("{name} is a required parameter")),
        }
    }

    fn invalid(&self, name: &str, value: &str, wanted: &str) -> ApiError {
        let name = self.key(name);
        match self.style {
            Style::Ec2 => ApiError::bad(
                "InvalidParameterValue",
                format!("Value ({value}) for parameter {name} is invalid. {wanted}"),
            ),
            Style::Query => {
                ApiError::bad("ValidationError", format!("Value '{value}' at '{name}' is invalid: {wanted}"))
            }
        }
    }

    fn parsed<T: FromStr>(&self, name: &str, wanted: &str) -> Result<Option<T>, ApiError> {
        match self.opt_str(name) {
            None => Ok(None),
            Some(value) => value.parse().map(Some).map_err(|_| self.invalid(name, &value, wanted)),
        }
    }

    /// `true` or `false`, if given.
    pub fn opt_bool(&self, name: &str) -> Result<Option<bool>, ApiError> {
        self.parsed(name, "It must be true or false.")
    }

    /// `true` or `false`; `false` if it is left out.
    pub fn bool(&self, name: &str) -> Result<bool, ApiError> {
        Ok(self.opt_bool(name)?.unwrap_or(false))
    }

    /// A whole number, if given.
    pub fn opt_int(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.parsed(name, "It must be an integer.")
    }

    /// A whole number that must be given.
    pub fn int(&self, name: &str) -> Result<i64, ApiError> {
        self.opt_int(name)?.ok_or_else(|| self.missing(name))
    }

    /// One of the known values, if given.
    pub fn opt_one_of(&self, name: &str, known: &[&str]) -> Result<Option<String>, ApiError> {
        let Some(value) = self.opt_str(name) else {
            return Ok(None);
        };
        if known.contains(&value.as_str()) {
            return Ok(Some(value));
        }
        Err(self.invalid(name, &value, &format!("It must be one of {}.", known.join(", "))))
    }

    fn member(&self, name: &str, index: u32) -> String {
        match self.style {
            Style::Ec2 => format!("{}{name}.{index}", self.prefix),
            Style::Query => format!("{}{name}.member.{index}", self.prefix),
        }
    }

    fn indices(&self, name: &str) -> Vec<u32> {
        let base = match self.style {
            Style::Ec2 => format!("{}{name}.", self.prefix),
            Style::Query => format!("{}{name}.member.", self.prefix),
        };
        let found: BTreeSet<u32> = self
            .values
            .range(base.clone()..)
            .take_while(|(key, _)| key.starts_with(&base))
            .filter_map(|(key, _)| key[base.len()..].split('.').next()?.parse().ok())
            .collect();
        found.into_iter().collect()
    }

    /// The members of a list of plain values, in order; empty if the list is left out.
    pub fn list(&self, name: &str) -> Vec<String> {
        // An empty list is sent as the bare name with no value.
        if self.values.get(&self.key(name)).is_some_and(String::is_empty) {
            self.read.borrow_mut().insert(self.key(name));
        }
        let mut members = Vec::new();
        for index in self.indices(name) {
            let key = self.member(name, index);
            if let Some(value) = self.values.get(&key) {
                members.push(value.clone());
                self.read.borrow_mut().insert(key);
            }
        }
        members
    }

    /// The members of a list of structures, in order; empty if the list is left out.
    pub fn structs(&self, name: &str) -> Vec<Self> {
        if self.values.get(&self.key(name)).is_some_and(String::is_empty) {
            self.read.borrow_mut().insert(self.key(name));
        }
        self.indices(name)
            .into_iter()
            .map(|index| Self { prefix: format!("{}.", self.member(name, index)), ..self.clone() })
            .collect()
    }

    /// A structure, if any of its members is given.
    pub fn opt_struct(&self, name: &str) -> Option<Self> {
        let base = self.key(name);
        self.has_below(&base).then(|| Self { prefix: format!("{base}."), ..self.clone() })
    }

    /// Whether a parameter or anything below it is given.
    pub fn has(&self, name: &str) -> bool {
        let base = self.key(name);
        self.values.contains_key(&base) || self.has_below(&base)
    }

    /// Everything that is given, under full names. Reads nothing.
    pub fn raw(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// Counts everything as read: the request repeats one that was accepted.
    pub fn forgive(&self) {
        self.read.borrow_mut().extend(self.values.keys().cloned());
    }

    /// Refuses the request if something in it was read by nobody.
    pub fn finish(&self) -> Result<(), ApiError> {
        let read = self.read.borrow();
        let Some(unknown) = self.values.keys().find(|key| !read.contains(*key)) else {
            return Ok(());
        };
        Err(match self.style {
            Style::Ec2 => ApiError::bad("UnknownParameter", format!("The parameter {unknown} is not recognized")),
            Style::Query => ApiError::bad("InvalidParameter", format!("The parameter {unknown} is not recognized")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(style: Style, pairs: &[(&str, &str)]) -> Params {
        Params::new(style, pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn lists_keep_their_numeric_order() {
        let p = params(Style::Ec2, &[("Id.2", "b"), ("Id.10", "c"), ("Id.1", "a")]);
        assert_eq!(p.list("Id"), ["a", "b", "c"]);
        assert!(p.finish().is_ok());
    }

    #[test]
    fn structures_nest() {
        let p = params(Style::Query, &[("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "")]);
        let tags = p.structs("Tags");
        assert_eq!(tags[0].str("Key").unwrap(), "k");
        assert_eq!(p.finish().unwrap_err().code, "InvalidParameter");
        assert_eq!(tags[0].opt_str("Value").unwrap(), "");
        assert!(p.finish().is_ok());
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let p = params(Style::Ec2, &[("A.B", "x")]);
        let a = p.opt_struct("A").unwrap();
        assert_eq!(a.str("C").unwrap_err().message, "The request must contain the parameter A.C");
        assert!(a.opt_bool("B").unwrap_err().message.contains("A.B"));
        assert!(p.opt_struct("Z").is_none());
    }
}
