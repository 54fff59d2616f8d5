//! Portable sizes and native machine types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::TypeTable;
use crate::cluster::Architecture;

/// A machine type of a cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(String, u32, u32)")]
pub struct MachineType {
    /// The cloud's own name (`m7i.xlarge`).
    pub name: String,
    /// Virtual CPUs.
    pub cpu: u32,
    /// Memory in GiB.
    pub memory_gib: u32,
}

impl From<(String, u32, u32)> for MachineType {
    fn from((name, cpu, memory_gib): (String, u32, u32)) -> Self {
        Self { name, cpu, memory_gib }
    }
}

/// Least cpu and memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) cpu: u32,
    pub(crate) memory_gib: u32,
}

/// The types of one cloud and architecture.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Types {
    /// In order of price: what sizes and requests resolve to.
    choose: Vec<MachineType>,
    /// Only by their names.
    named: Vec<MachineType>,
}

/// `spec/data/machines.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Machines {
    sizes: BTreeMap<String, Request>,
    types: TypeTable,
}

impl Machines {
    /// What a portable size asks for.
    pub(crate) fn size(&self, name: &str) -> Option<Request> {
        self.sizes.get(name).copied()
    }

    /// The names of the sizes, smallest first.
    pub(crate) fn size_names(&self) -> impl Iterator<Item = &str> {
        let mut sizes: Vec<_> = self.sizes.iter().collect();
        sizes.sort_by_key(|(_, request)| request.cpu);
        sizes.into_iter().map(|(name, _)| name.as_str())
    }

    /// The cheapest type that is large enough.
    pub(crate) fn choose(&self, provider: &str, architecture: Architecture, request: Request) -> Option<&MachineType> {
        let types = self.types.get(provider)?.get(&architecture)?;
        types.choose.iter().find(|kind| kind.cpu >= request.cpu && kind.memory_gib >= request.memory_gib)
    }

    /// A type by its name, with its architecture.
    pub(crate) fn named(&self, provider: &str, name: &str) -> Option<(&MachineType, Architecture)> {
        [Architecture::Amd64, Architecture::Arm64].into_iter().find_map(|architecture| {
            Some((self.all(provider, architecture).find(|kind| kind.name == name)?, architecture))
        })
    }

    /// Every type of a cloud and an architecture.
    pub(crate) fn all(&self, provider: &str, architecture: Architecture) -> impl Iterator<Item = &MachineType> {
        let types = self.types.get(provider).and_then(|table| table.get(&architecture));
        types.into_iter().flat_map(|types| types.choose.iter().chain(&types.named))
    }
}
