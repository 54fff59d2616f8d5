//! Where a resource stands in the desired graph: `<kind>.<name>`, stable over the life of a cluster.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `<kind>.<name>`, for example `aws_subnet.private-eu-west-1a`.
///
/// The kind is made of lower-case letters, digits and `_`; the name is anything that is not empty and holds no white
/// space or control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    kind: String,
    name: String,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an address; one looks like `aws_subnet.private-eu-west-1a`")]
pub struct AddressError {
    text: String,
}

impl Address {
    /// Puts an address together.
    pub fn new(kind: &str, name: &str) -> Result<Self, AddressError> {
        let kind_is_word =
            !kind.is_empty() && kind.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        let name_is_word = !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control());
        if kind_is_word && name_is_word {
            Ok(Self { kind: kind.to_owned(), name: name.to_owned() })
        } else {
            Err(AddressError { text: format!("{kind}.{name}") })
        }
    }

    /// The part before the first dot.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The part after the first dot.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind, self.name)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = text.split_once('.').ok_or_else(|| AddressError { text: text.to_owned() })?;
        Self::new(kind, name)
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}
