//! How many cores a subscription may have in a region: in all, of each family, and of spot machines.

use super::machine::VirtualMachines;
use super::size;
use crate::azure::body::text;
use crate::azure::error::ApiError;
use crate::azure::kind::Kind as _;
use crate::azure::world::{Cx, Resource, key};

/// What is to be made.
#[derive(Debug)]
pub struct Wish<'a> {
    /// The id of the machine or the set.
    pub user: &'a str,
    /// The size.
    pub size: &'a str,
    /// How many.
    pub count: u64,
    /// Whether they are spot machines, which count by themselves alone.
    pub spot: bool,
}

/// Refuses what would exceed a quota, in the words of the real service.
pub fn check(cx: &Cx<'_>, location: &str, wish: &Wish<'_>) -> Result<(), ApiError> {
    let wanted = size::find(wish.size)?;
    let wanted_cores = u64::from(wanted.cpus) * wish.count;
    // Cores that are used, and those of them that the machine or the set has already.
    let used = |family: Option<&str>| {
        let (mut all, mut own) = (0, 0);
        let machines = cx.of_kind(VirtualMachines.spec().kind);
        for machine in machines.filter(|machine| machine.location == location && is_spot(machine) == wish.spot) {
            let Ok(size) = size::find(text(&machine.body, "/properties/hardwareProfile/vmSize")) else { continue };
            if family.is_none_or(|family| family == size.family) {
                all += u64::from(size.cpus);
                own += if is_of(machine, wish.user) { u64::from(size.cpus) } else { 0 };
            }
        }
        (all, own)
    };
    let quotas = &cx.quotas;
    let limits: &[(&str, String, Option<&str>, usize)] = if wish.spot {
        &[("OperationNotAllowed", "LowPriorityCores".to_owned(), None, quotas.azure_spot_cores)]
    } else {
        &[
            ("OperationNotAllowed", "Total Regional Cores".to_owned(), None, quotas.azure_cores),
            ("QuotaExceeded", format!("{} Cores", wanted.family), Some(wanted.family), quotas.azure_family_cores),
        ]
    };
    for (code, name, family, limit) in limits {
        let limit = u64::try_from(*limit).unwrap_or(u64::MAX);
        let (usage, own) = used(*family);
        let more = wanted_cores.saturating_sub(own);
        if more > 0 && usage + more > limit {
            return Err(ApiError::conflict(
                *code,
                format!(
                    "Operation could not be completed as it results in exceeding approved {name} quota. Additional details \
                     - Deployment Model: Resource Manager, Location: {location}, Current Limit: {limit}, Current Usage: \
                     {usage}, Additional Required: {more}, (Minimum) New Limit Required: {}.",
                    usage + more
                ),
            ));
        }
    }
    Ok(())
}

fn is_of(machine: &Resource, user: &str) -> bool {
    let user = key(user);
    key(&machine.id) == user || key(text(&machine.body, "/properties/virtualMachineScaleSet/id")) == user
}

fn is_spot(machine: &Resource) -> bool {
    text(&machine.body, "/properties/priority") == "Spot"
}
