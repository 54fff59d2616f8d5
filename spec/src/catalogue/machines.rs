//! Portable sizes and native machine types.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Region, TypeTable};
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

impl Request {
    fn fits(self, kind: &MachineType) -> bool {
        kind.cpu >= self.cpu && kind.memory_gib >= self.memory_gib
    }
}

/// The types of one cloud and architecture.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Types {
    /// What sizes and requests resolve to: in order of price, and behind each row its like of older families.
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

    /// The first type that is large enough and that the region offers.
    pub(crate) fn choose(&self, region: &Region, architecture: Architecture, request: Request) -> Option<&MachineType> {
        let mut types = self.rows(&region.provider, architecture, |types| &types.choose);
        types.find(|kind| request.fits(kind) && !region.lacks(&kind.name))
    }

    /// Whether a cloud has a type that is large enough, in some region.
    pub(crate) fn is_anywhere(&self, provider: &str, architecture: Architecture, request: Request) -> bool {
        self.all(provider, architecture).any(|kind| request.fits(kind))
    }

    /// The smallest types of a region that are large enough, of one family each.
    pub(crate) fn nearest(&self, region: &Region, architecture: Architecture, request: Request) -> Vec<&MachineType> {
        const SHOWN: usize = 3;
        let mut types: Vec<_> = self
            .all(&region.provider, architecture)
            .filter(|kind| request.fits(kind) && !region.lacks(&kind.name))
            .collect();
        types.sort_by_key(|kind| (kind.cpu, kind.memory_gib));
        let mut families = BTreeSet::new();
        types.retain(|kind| families.insert(family(&kind.name)));
        types.truncate(SHOWN);
        types
    }

    /// A type by its name, with its architecture.
    pub(crate) fn named(&self, provider: &str, name: &str) -> Option<(&MachineType, Architecture)> {
        [Architecture::Amd64, Architecture::Arm64].into_iter().find_map(|architecture| {
            Some((self.all(provider, architecture).find(|kind| kind.name == name)?, architecture))
        })
    }

    /// Every type of a cloud and an architecture.
    pub(crate) fn all(&self, provider: &str, architecture: Architecture) -> impl Iterator<Item = &MachineType> {
        let named = self.rows(provider, architecture, |types| &types.named);
        self.rows(provider, architecture, |types| &types.choose).chain(named)
    }

    fn rows(
        &self,
        provider: &str,
        architecture: Architecture,
        list: fn(&Types) -> &Vec<MachineType>,
    ) -> impl Iterator<Item = &MachineType> {
        self.types.get(provider).and_then(|table| table.get(&architecture)).map(list).into_iter().flatten()
    }
}

/// The family of a machine type, as `families_missing` in `regions.toml` names it.
///
/// On AWS and Google it stands in front (`m7i.xlarge`, `n2-standard-4`); on Azure it is the name without the number of
/// processors (`Standard_D2ps_v5` is of `Dpsv5`).
pub(crate) fn family(machine_type: &str) -> String {
    if let Some(size) = machine_type.strip_prefix("Standard_") {
        let letters = size.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let (series, rest) = size.split_at(size.len() - letters.len());
        return format!("{series}{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()).replace('_', ""));
    }
    let end = machine_type.find('.').or_else(|| machine_type.find('-')).unwrap_or(machine_type.len());
    machine_type[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_those_of_the_vendors() {
        for (machine_type, expected) in [
            ("m7i.xlarge", "m7i"),
            ("m7i-flex.large", "m7i-flex"),
            ("n2-standard-4", "n2"),
            ("e2-micro", "e2"),
            ("Standard_D2s_v5", "Dsv5"),
            ("Standard_D16pls_v5", "Dplsv5"),
            ("Standard_B1ms", "Bms"),
            ("Standard_", ""),
            ("odd", "odd"),
        ] {
            assert_eq!(family(machine_type), expected);
        }
    }
}
