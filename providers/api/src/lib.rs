//! What a cloud is to Meridian: the traits a provider implements, the semantic kinds of its errors, and the one place
//! where calls are limited, retried and counted.
//!
//! Not here: anything that one cloud does differently from another.

pub mod call;
pub mod cloud;
pub mod error;
pub mod ids;
pub mod kinds;
pub mod limiter;
pub mod provider;
pub mod recorded;
pub mod roster;
pub mod state_host;
pub mod telemetry;

pub use call::{Api, Caller, Pace};
pub use cloud::{Cloud, Scope};
pub use error::{CloudError, ErrorKind};
pub use kinds::{Client, Dispatch, Existing, Found, KindOps, LeftoverOps, Made, New};
pub use provider::{ACCOUNT_PIN, CompileError, Compiled, Connection, Credentials, Pins, Provider};
pub use recorded::{Recorded, Sighting, Stranger};
pub use roster::{Machine, Pool, Role, Roster};
pub use state_host::{Finding, Grade, StateBucket, StateConnection, StateHost, StateSchemes, StoreCredential};
