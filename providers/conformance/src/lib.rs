//! One suite for all providers: create, plan is empty, each change, destroy, inventory before = after.
//!
//! A provider takes part by a [`Harness`] for each judge it is run against: our own sandbox and whatever independent
//! emulators there are. What a judge gets wrong is a [`Flaw`], listed with its reason; a flaw that does not show is an
//! error too, so that the list stays true.

mod allowed;
mod memory;
mod scenario;
mod suite;

pub use allowed::Allowed;
pub use scenario::{CAPABILITIES, Place, Scenario, Step, scenarios};
pub use suite::{Flaw, Harness, Inventory, Outcome, run};
