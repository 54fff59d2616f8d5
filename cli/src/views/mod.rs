//! How results look: text for people, JSON for machines.

pub mod json;
pub mod text;
