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
    /// Memory in GiB.
    pub memory: u32,
    /// Whether it is of the ARM architecture.
    pub arm: bool,
    /// Whether it takes premium disks.
    pub premium: bool,
    /// The most data disks.
    pub disks: usize,
}

/// The families: what stands before and behind the number of processors, the numbers, and GiB of memory for each.
const FAMILIES: [(&str, &str, &[u32], u32, bool); 11] = [
    ("Standard_F", "s_v2", &[2, 4, 8, 16, 32, 48, 64, 72], 2, false),
    ("Standard_D", "s_v5", &[2, 4, 8, 16, 32, 48, 64, 96], 4, false),
    ("Standard_D", "s_v3", &[2, 4, 8, 16, 32, 48, 64], 4, false),
    ("Standard_D", "as_v5", &[2, 4, 8, 16, 32, 48, 64, 96], 4, false),
    ("Standard_D", "as_v4", &[2, 4, 8, 16, 32, 48, 64, 96], 4, false),
    ("Standard_D", "ds_v5", &[2, 4, 8, 16, 32, 48, 64, 96], 4, false),
    ("Standard_E", "s_v5", &[2, 4, 8, 16, 20, 32, 48, 64, 96], 8, false),
    ("Standard_E", "as_v5", &[2, 4, 8, 16, 20, 32, 48, 64, 96], 8, false),
    ("Standard_D", "pls_v5", &[2, 4, 8, 16, 32, 48, 64], 2, true),
    ("Standard_D", "ps_v5", &[2, 4, 8, 16, 32, 48, 64], 4, true),
    ("Standard_E", "ps_v5", &[2, 4, 8, 16, 20, 32], 8, true),
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

fn all() -> impl Iterator<Item = (String, Size)> {
    let families = FAMILIES.iter().flat_map(|(before, behind, cpus, memory, arm)| {
        cpus.iter().map(move |cpus| (format!("{before}{cpus}{behind}"), *cpus, cpus * memory, *arm))
    });
    let others = OTHERS.iter().map(|(name, cpus, memory)| ((*name).to_owned(), *cpus, *memory, false));
    families.chain(others).map(|(name, cpus, memory, arm)| {
        let disks = usize::try_from(cpus * 2).unwrap_or(64).clamp(2, 64);
        (name, Size { cpus, memory, arm, premium: true, disks })
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
        "size": name.trim_start_matches("Standard_"),
        "locations": [region],
        "locationInfo": [{ "location": region, "zones": zones, "zoneDetails": [] }],
        "capabilities": capabilities.map(|(name, value)| json!({ "name": name, "value": value })),
        "restrictions": [],
    })
}
