//! The machines and pools of a cluster as its records tell them, in words that are the same for every cloud.

use serde::Serialize;

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
