//! The engine against a small strict cloud in memory.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod cloud;
mod journalling;
mod leftovers;
mod planning;
mod properties;
mod seeds;
mod walking;
