//! What machines boot with, the same on every cloud: bundles out of a resolved cluster, the names under which machines find
//! each other, the keys that a cluster lives by, and what of it can't change.
//!
//! Not here: where bundles and keys are kept, and how a machine gets at them. That is each cloud's own.

pub mod bundle;
mod keys;
pub mod names;
pub mod secrets;
pub mod settled;

pub use bundle::{Boot, Bundle};
pub use secrets::{SECRETS, Secret};
