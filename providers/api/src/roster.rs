//! The machines and pools of a cluster as its records tell them, in words that are the same for every cloud.

use std::collections::BTreeMap;

use meridian_engine::state::Record;
use meridian_engine::{Address, Fields, Resource, Value};
use serde::Serialize;

/// What a state has recorded of a cluster's resources.
pub type Records = BTreeMap<Address, Record>;

/// What a cluster consists of. Machines that a pool makes by itself are not in it: no record knows them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Roster {
    /// By name.
    pub machines: Vec<Machine>,
    /// By name.
    pub pools: Vec<Pool>,
}

/// A machine that Meridian itself made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Name of the slot, or `bastion`.
    pub name: String,
    pub role: Role,
    /// The cloud's own id.
    pub id: String,
    /// The cloud's own type (`m7i.xlarge`).
    #[serde(rename = "type")]
    pub native_type: String,
    /// The zone, where the records tell it.
    pub zone: Option<String>,
    pub private_address: Option<String>,
    pub public_address: Option<String>,
}

/// What a machine is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It stands in a slot of the control plane.
    ControlPlane,
    Bastion,
}

/// A pool of workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pool {
    pub name: String,
    /// The cloud's own id of what makes the machines.
    pub id: String,
    /// Least number of machines.
    pub min: i64,
    /// Largest number of machines.
    pub max: i64,
    /// The cloud's own types, in order of preference.
    pub types: Vec<String>,
    /// Whether it asks for spot machines.
    pub spot: bool,
    /// Names of the subnets it spreads over.
    pub subnets: Vec<String>,
}

/// The records of one kind.
pub fn of<R: Resource>(records: &Records) -> impl Iterator<Item = (&Address, &Record)> {
    records.iter().filter(|(address, _)| address.kind() == R::SCHEMA.kind)
}

/// The record of a kind by its id; `None` of what someone else made.
#[must_use]
pub fn by_id<'r, R: Resource>(records: &'r Records, id: &str) -> Option<(&'r Address, &'r Record)> {
    of::<R>(records).find(|(_, record)| record.id == id)
}

/// A field that is a text.
#[must_use]
pub fn text(fields: &Fields, name: &str) -> Option<String> {
    fields.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// Every text in a value, in order.
#[must_use]
pub fn texts(value: Option<&Value>) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(value) = value {
        value.strings(&mut found);
    }
    found.into_iter().map(str::to_owned).collect()
}

/// A number; 0 where there is none.
#[must_use]
pub fn integer(value: Option<&Value>) -> i64 {
    match value {
        Some(Value::Integer(number)) => *number,
        _ => 0,
    }
}
