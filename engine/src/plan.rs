//! The plan: every change, decided and explained before anything is touched. Immutable and serialisable.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Address;
use crate::state::{State, Verb};
use crate::value::{Fields, Value};

/// The version of the plan file that this build writes and reads.
pub const FORMAT_VERSION: u32 = 4;

/// What will be done to a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub format_version: u32,
    pub cluster: String,
    pub provider: String,
    pub region: String,
    /// Whether it was made against an emulator.
    pub emulated: bool,
    /// Lineage of the state it was made from; `None` when there was none.
    pub lineage: Option<String>,
    /// Serial of the state it was made from; 0 when there was none.
    pub serial: u64,
    /// Digest of the state it was made from. The serial alone does not tell what the journal of an apply that was
    /// under way has added since.
    pub state_digest: String,
    /// Whether it takes the whole cluster away.
    pub destroy: bool,
    /// What the state's `deletion_protection` will be.
    pub deletion_protection: bool,
    /// Facts that were looked up for it and stay.
    pub pins: BTreeMap<String, String>,
    /// What users will want to know, known or after apply.
    pub outputs: BTreeMap<String, Value>,
    /// By address, no-ops included.
    pub changes: Vec<Change>,
    /// What changed since the last apply without us.
    pub drift: Vec<Drift>,
    /// The run before, if it did not come to its end.
    pub interrupted: Option<Interrupted>,
}

/// A run that did not come to its end. What it made is found, and this plan goes on from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interrupted {
    /// Who it was, for people.
    pub by: String,
    /// When it began.
    pub since: String,
    /// Whether it holds the lease still, so that it may be at work this very moment.
    pub under_way: bool,
    /// Changes that it was about to send, or had sent, and whose end it did not write down.
    pub unanswered: BTreeMap<Address, Verb>,
}

/// What happens to one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub address: Address,
    pub action: Action,
    pub reason: Reason,
    /// The cloud's id of what exists.
    pub id: Option<String>,
    /// The fields as they are.
    pub before: Option<Fields>,
    /// The fields as they will be; references that can be answered now are.
    pub after: Option<Fields>,
    /// Computed attributes of what exists.
    pub computed: Fields,
    /// Names of the fields that change.
    pub changed: BTreeSet<String>,
    /// Whether, in a replacement, the new one is made before the old one goes.
    pub create_first: bool,
    /// Whether, of several replacements of the kind, each waits for the one before.
    pub in_turn: bool,
    /// Idempotency token of the create, empty where nothing is made.
    pub token: String,
    /// What the token was made with besides the resource itself; a create that is tried again after a crash takes the
    /// same.
    pub token_seed: String,
    /// What the resource will refer to.
    pub depends_on: BTreeSet<Address>,
    /// What it refers to as it is; of machines also what the controllers on them made. All that is removed after it.
    pub depended_on: BTreeSet<Address>,
    /// What has something that only one can have, such as a range of addresses, and that the resource is made with. It is
    /// removed before.
    pub takes_over_from: BTreeSet<Address>,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Create,
    Update,
    Replace,
    Delete,
    /// Nothing is sent: the resource is gone already and is dropped from the state.
    Forget,
    NoOp,
}

/// Why it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Not in the state, not in the cloud.
    New,
    /// In the state, but gone from the cloud.
    Missing,
    /// Fields differ that can change in place.
    FieldsChanged,
    /// These fields differ and can't change in place.
    ForcesReplacement(BTreeSet<String>),
    /// It uses these, which must be gone before their successors are made.
    DependencyReplaced(BTreeSet<Address>),
    /// It is managed and does not bear the cluster's marks, which it gets; fields may differ, too.
    Unmarked,
    /// An interrupted run left it half made.
    Unfinished(String),
    /// The cloud reports it as broken.
    Failed(String),
    /// The spec does not ask for it any more.
    NotDesired,
    /// The whole cluster goes.
    Destroy,
    /// A second resource of the same address, left by an interrupted replacement.
    Deposed,
    /// Made by a controller inside the cluster, or by someone else in what only the cluster uses.
    Leftover,
    /// As desired.
    AsDesired,
}

/// A resource that is not as it was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    pub address: Address,
    /// As it was last applied.
    pub before: Fields,
    /// As it is; `None` when it is gone.
    pub after: Option<Fields>,
    pub changed: BTreeSet<String>,
}

/// Why a plan can't be applied to the present state.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StaleError {
    #[error("the plan was made for format version {found}, this build reads {FORMAT_VERSION}")]
    Format { found: u32 },
    #[error("the plan is of the cluster `{plan}`, the state of `{state}`")]
    Cluster { plan: String, state: String },
    #[error("the plan was made from another cluster of the same name (lineage {plan}, now {state})")]
    Lineage { plan: String, state: String },
    #[error("the plan was made from serial {plan}, but the state is at serial {state}: someone applied in between")]
    Serial { plan: u64, state: u64 },
    #[error("the plan is for {plan}, but the cluster stands in {state}")]
    Place { plan: String, state: String },
    #[error("the plan was made while an apply was under way that has done more since")]
    Journal,
}

impl Change {
    /// Whether what is deleted is not the resource that the address will have: a deposed one, or the predecessor of one
    /// that is made first.
    pub(crate) fn is_leftover_removed(&self) -> bool {
        self.reason == Reason::Deposed || (self.action == Action::Replace && self.create_first)
    }
}

impl Plan {
    /// Changes that do something, by address.
    pub fn effective(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.action != Action::NoOp)
    }

    /// Whether nothing would be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.effective().next().is_none()
    }

    /// How many changes there are of each action.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Action, usize> {
        let mut counts = BTreeMap::new();
        for change in &self.changes {
            *counts.entry(change.action).or_default() += 1;
        }
        counts
    }

    /// Whether the plan still fits: apply does exactly what a plan says, so it must have been made from this state.
    pub fn check_fresh(&self, state: Option<&State>) -> Result<(), StaleError> {
        if self.format_version != FORMAT_VERSION {
            return Err(StaleError::Format { found: self.format_version });
        }
        let Some(state) = state else {
            return if self.serial == 0 { Ok(()) } else { Err(StaleError::Serial { plan: self.serial, state: 0 }) };
        };
        if state.cluster != self.cluster {
            return Err(StaleError::Cluster { plan: self.cluster.clone(), state: state.cluster.clone() });
        }
        if let Some(lineage) = &self.lineage
            && *lineage != state.lineage
        {
            return Err(StaleError::Lineage { plan: lineage.clone(), state: state.lineage.clone() });
        }
        if self.serial != state.serial {
            return Err(StaleError::Serial { plan: self.serial, state: state.serial });
        }
        if (&self.provider, &self.region) != (&state.provider, &state.region) {
            return Err(StaleError::Place {
                plan: format!("{} {}", self.provider, self.region),
                state: format!("{} {}", state.provider, state.region),
            });
        }
        if self.state_digest != state.digest() {
            return Err(StaleError::Journal);
        }
        Ok(())
    }
}
