//! Instance types: the families in common use, with the figures that follow from a type's name.

use super::describe::{Filters, page};
use super::{Answer, Cx, Params, Tags, Xml};
use crate::aws::ApiError;

/// The families, with the MiB of memory for each virtual CPU. Burstable ones have their own table.
const FAMILIES: [(&str, i64); 44] = [
    ("c5", 2048),
    ("c5a", 2048),
    ("c5d", 2048),
    ("c6a", 2048),
    ("c6g", 2048),
    ("c6gd", 2048),
    ("c6i", 2048),
    ("c7a", 2048),
    ("c7g", 2048),
    ("c7gd", 2048),
    ("c7i", 2048),
    ("c7i-flex", 2048),
    ("c8g", 2048),
    ("c8i", 2048),
    ("m5", 4096),
    ("m5a", 4096),
    ("m5d", 4096),
    ("m5n", 4096),
    ("m6a", 4096),
    ("m6g", 4096),
    ("m6gd", 4096),
    ("m6i", 4096),
    ("m6id", 4096),
    ("m7a", 4096),
    ("m7g", 4096),
    ("m7gd", 4096),
    ("m7i", 4096),
    ("m7i-flex", 4096),
    ("m8g", 4096),
    ("m8i", 4096),
    ("r5", 8192),
    ("r5a", 8192),
    ("r6a", 8192),
    ("r6g", 8192),
    ("r6i", 8192),
    ("r7a", 8192),
    ("r7g", 8192),
    ("r7i", 8192),
    ("r8g", 8192),
    ("i4i", 8192),
    ("t2", 0),
    ("t3", 0),
    ("t3a", 0),
    ("t4g", 0),
];

/// The sizes, with their virtual CPUs.
const SIZES: [(&str, i64); 11] = [
    ("medium", 1),
    ("large", 2),
    ("xlarge", 4),
    ("2xlarge", 8),
    ("4xlarge", 16),
    ("8xlarge", 32),
    ("12xlarge", 48),
    ("16xlarge", 64),
    ("24xlarge", 96),
    ("32xlarge", 128),
    ("48xlarge", 192),
];

/// The burstable sizes, with their virtual CPUs and MiB.
const BURSTABLE: [(&str, i64, i64); 7] = [
    ("nano", 2, 512),
    ("micro", 2, 1024),
    ("small", 2, 2048),
    ("medium", 2, 4096),
    ("large", 2, 8192),
    ("xlarge", 4, 16_384),
    ("2xlarge", 8, 32_768),
];

/// An instance type.
#[derive(Debug, Clone)]
pub struct InstanceType {
    /// The name.
    pub name: String,
    /// Virtual CPUs.
    pub cpus: i64,
    /// `x86_64` or `arm64`.
    pub architecture: &'static str,
    memory: i64,
    burstable: bool,
}

/// A type by its name.
pub fn get(name: &str) -> Option<InstanceType> {
    let (family, size) = name.split_once('.')?;
    let (_, ratio) = FAMILIES.iter().find(|(known, _)| *known == family)?;
    let graviton = matches!(family, "t4g") || family.chars().nth(2) == Some('g');
    let (cpus, memory) = if *ratio == 0 {
        BURSTABLE.iter().find(|(known, ..)| *known == size).map(|(_, cpus, memory)| (*cpus, *memory))?
    } else {
        let (_, cpus) = SIZES.iter().find(|(known, _)| *known == size)?;
        if size == "medium" && !(graviton || family.ends_with("7a")) {
            return None;
        }
        (*cpus, cpus * ratio)
    };
    let architecture = if graviton { "arm64" } else { "x86_64" };
    Some(InstanceType { name: name.to_owned(), cpus, architecture, memory, burstable: *ratio == 0 })
}

fn all() -> Vec<InstanceType> {
    let mut types: Vec<InstanceType> = FAMILIES
        .iter()
        .flat_map(|(family, _)| {
            let sizes = SIZES.iter().map(|(size, _)| *size).chain(["nano", "micro", "small"]);
            sizes.filter_map(move |size| get(&format!("{family}.{size}")))
        })
        .collect();
    types.sort_by(|a, b| a.name.cmp(&b.name));
    types
}

impl InstanceType {
    /// Whether the hypervisor is Nitro; the last generation before it is the t2's.
    fn nitro(&self) -> bool {
        !self.name.starts_with("t2.")
    }

    fn threads(&self) -> i64 {
        if self.architecture == "arm64" || self.cpus == 1 || self.name.starts_with("t2.") { 1 } else { 2 }
    }

    fn values(&self, filter: &str) -> Vec<String> {
        match filter {
            "instance-type" => vec![self.name.clone()],
            "processor-info.supported-architecture" => vec![self.architecture.to_owned()],
            "vcpu-info.default-vcpus" => vec![self.cpus.to_string()],
            "memory-info.size-in-mib" => vec![self.memory.to_string()],
            "hypervisor" => vec![if self.nitro() { "nitro" } else { "xen" }.to_owned()],
            "burstable-performance-supported" => vec![self.burstable.to_string()],
            "bare-metal" | "instance-storage-supported" => vec!["false".to_owned()],
            "current-generation" => vec!["true".to_owned()],
            "supported-usage-class" => vec!["on-demand".to_owned(), "spot".to_owned()],
            "supported-virtualization-type" => vec!["hvm".to_owned()],
            _ => vec!["ebs".to_owned()],
        }
    }
}

/// `DescribeInstanceTypes`.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let names = p.list("InstanceType");
    let filters = Filters::read(p)?;
    filters.check_names(
        &[
            "bare-metal",
            "burstable-performance-supported",
            "current-generation",
            "hypervisor",
            "instance-storage-supported",
            "instance-type",
            "memory-info.size-in-mib",
            "processor-info.supported-architecture",
            "supported-root-device-type",
            "supported-usage-class",
            "supported-virtualization-type",
            "vcpu-info.default-vcpus",
        ],
        false,
    )?;
    let unknown: Vec<&str> = names.iter().filter(|name| get(name).is_none()).map(String::as_str).collect();
    if !unknown.is_empty() {
        return Err(ApiError::bad(
            "InvalidInstanceType",
            format!("The following supplied instance types do not exist: [{}]", unknown.join(", ")),
        ));
    }
    let mut found = all();
    found.retain(|kind| {
        (names.is_empty() || names.contains(&kind.name)) && filters.admit(&Tags::new(), |name| kind.values(name))
    });
    let limit = Some(cx.page_limit.map_or(100, |limit| limit.min(100)));
    Ok(page(found, |kind| &kind.name, limit, p)?.answer("instanceTypeSet", |x, kind| write(x, &kind)))
}

fn write(x: &mut Xml, kind: &InstanceType) {
    x.text("instanceType", &kind.name);
    x.text("currentGeneration", true);
    x.text("freeTierEligible", false);
    x.values("supportedUsageClasses", "item", ["on-demand", "spot"]);
    x.values("supportedRootDeviceTypes", "item", ["ebs"]);
    x.values("supportedVirtualizationTypes", "item", ["hvm"]);
    x.text("bareMetal", false);
    x.text("hypervisor", if kind.nitro() { "nitro" } else { "xen" });
    x.nest("processorInfo", |x| x.values("supportedArchitectures", "item", [kind.architecture]));
    x.nest("vCpuInfo", |x| {
        x.text("defaultVCpus", kind.cpus);
        x.text("defaultCores", kind.cpus / kind.threads());
        x.text("defaultThreadsPerCore", kind.threads());
    });
    x.nest("memoryInfo", |x| x.text("sizeInMiB", kind.memory));
    x.text("instanceStorageSupported", false);
    x.nest("ebsInfo", |x| {
        x.text("ebsOptimizedSupport", if kind.nitro() { "default" } else { "unsupported" });
        x.text("encryptionSupport", "supported");
        x.text("nvmeSupport", if kind.nitro() { "required" } else { "unsupported" });
    });
    x.nest("networkInfo", |x| {
        let (interfaces, addresses) = match kind.cpus {
            1 => (2, 4),
            2 => (3, 10),
            4 | 8 => (4, 15),
            16 | 32 => (8, 30),
            _ => (15, 50),
        };
        x.text("maximumNetworkInterfaces", interfaces);
        x.text("maximumNetworkCards", 1);
        x.text("defaultNetworkCardIndex", 0);
        x.text("ipv4AddressesPerInterface", addresses);
        x.text("ipv6Supported", true);
        x.text("enaSupport", if kind.nitro() { "required" } else { "unsupported" });
        x.text("encryptionInTransitSupported", kind.nitro());
    });
    x.text("burstablePerformanceSupported", kind.burstable);
    x.text("hibernationSupported", false);
    x.text("autoRecoverySupported", true);
    x.text("dedicatedHostsSupported", false);
}

/// `DescribeInstanceTypeOfferings`: every type is in every zone.
pub fn offerings(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let kind = p.opt_one_of("LocationType", &["region", "availability-zone", "availability-zone-id"])?;
    let kind = kind.unwrap_or_else(|| "region".to_owned());
    let filters = Filters::read(p)?;
    filters.check_names(&["instance-type", "location"], false)?;
    let places: Vec<String> = match kind.as_str() {
        "region" => vec![cx.region.clone()],
        "availability-zone" => cx.zones_here(),
        _ => cx.zones_here().iter().map(|zone| super::place::zone_id(zone)).collect(),
    };
    let mut found = Vec::new();
    for of in all() {
        for place in &places {
            let values_of = |name: &str| vec![if name == "location" { place.clone() } else { of.name.clone() }];
            if filters.admit(&Tags::new(), values_of) {
                found.push((format!("{} {place}", of.name), of.name.clone(), place.clone()));
            }
        }
    }
    Ok(page(found, |(key, ..)| key, cx.page_limit, p)?.answer("instanceTypeOfferingSet", |x, (_, name, place)| {
        x.text("instanceType", name);
        x.text("locationType", &kind);
        x.text("location", place);
    }))
}
