//! The suites: every way through the house, judged from outside.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod architecture;
mod budgets;
mod cli;
mod conformance;
mod crash;
mod docs;
mod faults;
mod golden;
mod lifecycle;
mod prompts;
mod properties;
mod regions;
mod stores;
mod user;
mod valid;
