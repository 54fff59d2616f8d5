//! The clouds' control-plane APIs on loopback: strict, persistent, asynchronous, with faults on request.
//!
//! A [`Sandbox`] answers the wire protocols of the real services over HTTP, so that the real SDKs, their
//! serialisation, pagination, retries and waiters are exercised. It refuses what the real service refuses: unknown
//! parameters, overlapping ranges, deletion of something in use, duplicates, zones of another region. What it keeps
//! is on disk before an answer leaves, so it survives the death of any process at any point.
//!
//! It is not a simulator of machines: an instance is a record with a state, and nothing boots.

mod aws;
mod azure;
mod clock;
mod config;
mod fault;
mod front;
mod gcp;
mod ids;
mod log;
mod record;
mod sandbox;
mod seal;
mod server;
mod store;
mod xml;

pub use config::{Config, Pace, Quotas};
pub use fault::{Effect, Fault, FaultError, Faults};
pub use log::{Call, CallLog};
pub use record::{Exchange, Recorder};
pub use sandbox::{Sandbox, StartError};
