//! Through HTTP.
