//! The cloud-agnostic heart of Meridian: a typed graph of resources, the comparison of what is desired with what is
//! observed, the plan that comes out of it, and the walk that carries a plan out.
//!
//! It knows no cloud, does no I/O of its own and prints nothing. What it needs from outside comes in through three
//! small ports: [`apply::Executor`] (change the cloud), [`journal::Journal`] (remember durably) and
//! [`events::EventSink`] (tell).

pub mod address;
pub mod apply;
pub mod events;
pub mod field;
pub mod graph;
pub mod journal;
pub mod observed;
pub mod plan;
pub mod planner;
pub mod refusal;
pub mod resource;
pub mod schema;
pub mod state;
pub mod steps;
mod takeover;
pub mod value;

pub use address::Address;
pub use graph::Graph;
pub use observed::Observed;
pub use plan::{Action, Change, Plan, Reason};
pub use resource::{Attr, Ref, Resource};
pub use schema::KindSchema;
pub use state::State;
pub use value::{Fields, Reference, Value};
