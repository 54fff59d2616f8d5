//! The stores that state can be kept in, one file each.

pub mod credential;
pub mod file;
