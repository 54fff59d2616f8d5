//! The suites: every way through the house, judged from outside.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod adoption;
mod architecture;
mod budgets;
mod cli;
mod conformance;
mod crash;
mod docs;
mod faults;
mod fencing;
mod golden;
mod lifecycle;
mod others;
mod others_on_aws;
mod prompts;
mod properties;
mod regions;
mod replacements;
mod state;
mod state_crash;
mod state_hosts_aws;
mod state_hosts_azure;
mod state_hosts_gcp;
mod stores;
mod survival;
mod user;
mod valid;
