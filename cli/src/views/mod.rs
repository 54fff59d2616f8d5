//! How results look: text for people, JSON for machines.

pub mod json;
pub mod text;

/// The same text without colour.
#[must_use]
pub fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}
