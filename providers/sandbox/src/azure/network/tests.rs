//! The network through HTTP.
