//! Machine sizes. A small catalogue with real names; names of the same families that are not listed do not exist.

use serde_json::{Value, json};

use crate::azure::error::ApiError;
use crate::azure::regions::{self, REGIONS};
use crate::azure::request::Request;
use crate::azure::response::Response;
use crate::azure::world::Cx;

/// A size.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Processors.
    pub cpus: u32,
    /// What quotas call the sizes that share one.
    pub family: &'static str,
    /// Memory in GiB.
    pub memory: u32,
    /// Whether it is of the ARM architecture.
    pub arm: bool,
    /// Whether it takes premium disks.
    pub premium: bool,
    /// The most data disks.
    pub disks: usize,
}

/// Sizes that differ in the number of processors alone.
struct Family {
    /// What stands before and behind the number of processors.
    name: (&'static str, &'static str),
    cpus: &'static [u32],
    /// GiB for each processor.
    memory: u32,
    arm: bool,
    /// What quotas call it (learn.microsoft.com, "Check vCPU quotas").
    quota: &'static str,
}

const FAMILIES: [Family; 11] = [
    Family {
        name: ("Standard_F", "s_v2"),
        cpus: &[2, 4, 8, 16, 32, 48, 64, 72],
        memory: 2,
        arm: false,
        quota: "standardFSv2Family",
    },
    Family {
        name: ("Standard_D", "s_v5"),
        cpus: &[2, 4, 8, 16, 32, 48, 64, 96],
        memory: 4,
        arm: false,
        quota: "standardDSv5Family",
    },
    Family {
        name: ("Standard_D", "s_v3"),
        cpus: &[2, 4, 8, 16, 32, 48, 64],
        memory: 4,
        arm: false,
        quota: "standardDSv3Family",
    },
    Family {
        name: ("Standard_D", "as_v5"),
        cpus: &[2, 4, 8, 16, 32, 48, 64, 96],
        memory: 4,
        arm: false,
        quota: "standardDASv5Family",
    },
    Family {
        name: ("Standard_D", "as_v4"),
        cpus: &[2, 4, 8, 16, 32, 48, 64, 96],
        memory: 4,
        arm: false,
        quota: "standardDASv4Family",
    },
    Family {
        name: ("Standard_D", "ds_v5"),
        cpus: &[2, 4, 8, 16, 32, 48, 64, 96],
        memory: 4,
        arm: false,
        quota: "standardDDSv5Family",
    },
    Family {
        name: ("Standard_E", "s_v5"),
        cpus: &[2, 4, 8, 16, 20, 32, 48, 64, 96],
        memory: 8,
        arm: false,
        quota: "standardESv5Family",
    },
    Family {
        name: ("Standard_E", "as_v5"),
        cpus: &[2, 4, 8, 16, 20, 32, 48, 64, 96],
        memory: 8,
        arm: false,
        quota: "standardEASv5Family",
    },
    Family {
        name: ("Standard_D", "pls_v5"),
        cpus: &[2, 4, 8, 16, 32, 48, 64],
        memory: 2,
        arm: true,
        quota: "standardDPLSv5Family",
    },
    Family {
        name: ("Standard_D", "ps_v5"),
        cpus: &[2, 4, 8, 16, 32, 48, 64],
        memory: 4,
        arm: true,
        quota: "standardDPSv5Family",
    },
    Family {
        name: ("Standard_E", "ps_v5"),
        cpus: &[2, 4, 8, 16, 20, 32],
        memory: 8,
        arm: true,
        quota: "standardEPSv5Family",
    },
];

/// The sizes that no rule makes.
const OTHERS: [(&str, u32, u32); 9] = [
    ("Standard_B1s", 1, 1),
    ("Standard_B1ms", 1, 2),
    ("Standard_B2s", 2, 4),
    ("Standard_B2ms", 2, 8),
    ("Standard_B4ms", 4, 16),
    ("Standard_B8ms", 8, 32),
    ("Standard_B12ms", 12, 48),
    ("Standard_B16ms", 16, 64),
    ("Standard_B20ms", 20, 80),
];

/// The family of all of these.
const BURSTABLE: &str = "standardBSFamily";

fn all() -> impl Iterator<Item = (String, Size)> {
    let families = FAMILIES.iter().flat_map(|family| {
        let (before, behind) = family.name;
        let size = move |cpus: &u32| {
            (format!("{before}{cpus}{behind}"), *cpus, cpus * family.memory, family.arm, family.quota)
        };
        family.cpus.iter().map(size)
    });
    let others = OTHERS.iter().map(|(name, cpus, memory)| ((*name).to_owned(), *cpus, *memory, false, BURSTABLE));
    families.chain(others).map(|(name, cpus, memory, arm, family)| {
        let disks = usize::try_from(cpus * 2).unwrap_or(64).clamp(2, 64);
        (name, Size { cpus, family, memory, arm, premium: true, disks })
    })
}

/// A size by name.
pub fn find(name: &str) -> Result<Size, ApiError> {
    all().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, size)| size).ok_or_else(|| {
        ApiError::parameter(
            "vmSize",
            format!("The value {name} provided for the VM size is not valid. Check the sizes of the region."),
        )
    })
}

/// `ResourceSkus_List`.
pub fn list(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&["$filter", "includeExtendedLocations", "$skiptoken"])?;
    let wanted =
        match request.query.get("$filter") {
            None => None,
            Some(filter) => {
                let location = filter.strip_prefix("location eq '").and_then(|rest| rest.strip_suffix('\''));
                Some(regions::normal(location.ok_or_else(|| {
                    ApiError::bad("InvalidFilter", format!("The filter '{filter}' is not supported."))
                })?))
            }
        };
    let mut shown = Vec::new();
    for (region, ..) in REGIONS.iter().filter(|(region, ..)| wanted.as_ref().is_none_or(|wanted| wanted == region)) {
        let zones = cx.zones_of(region);
        shown.extend(all().map(|(name, size)| describe(region, &zones, &name, size)));
    }
    Ok(Response::json(200, cx.page(request, shown)?))
}

fn describe(region: &str, zones: &[String], name: &str, size: Size) -> Value {
    let capabilities = [
        ("vCPUs", size.cpus.to_string()),
        ("MemoryGB", size.memory.to_string()),
        ("MaxDataDiskCount", size.disks.to_string()),
        ("CpuArchitectureType", if size.arm { "Arm64" } else { "x64" }.to_owned()),
        ("PremiumIO", if size.premium { "True" } else { "False" }.to_owned()),
        ("HyperVGenerations", if size.arm { "V2" } else { "V1,V2" }.to_owned()),
        ("LowPriorityCapable", "True".to_owned()),
        ("TrustedLaunchDisabled", if size.arm { "True" } else { "False" }.to_owned()),
    ];
    json!({
        "resourceType": "virtualMachines",
        "name": name,
        "tier": "Standard",
        "family": size.family,
        "size": name.trim_start_matches("Standard_"),
        "locations": [region],
        "locationInfo": [{ "location": region, "zones": zones, "zoneDetails": [] }],
        "capabilities": capabilities.map(|(name, value)| json!({ "name": name, "value": value })),
        "restrictions": [],
    })
}
