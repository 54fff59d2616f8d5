//! Instance types: the families in common use, with the figures that follow from a type's name.

use super::describe::{Filters, page, page_within};
use super::{Answer, Cx, Params, Tags, Xml};
use crate::aws::ApiError;

/// The families, with the MiB of memory for each virtual CPU and the sizes that the published API model names.
const FAMILIES: [(&str, i64, &str); 42] = [
    ("c5", 2048, "large xlarge 2xlarge 4xlarge 9xlarge 12xlarge 18xlarge 24xlarge"),
    ("c5a", 2048, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"),
    ("c5d", 2048, "large xlarge 2xlarge 4xlarge 9xlarge 12xlarge 18xlarge 24xlarge"),
    ("c6a", 2048, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge"),
    ("c6g", 2048, "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    ("c6gd", 2048, "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    ("c6i", 2048, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"),
    ("c7a", 2048, "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge"),
    ("c7g", 2048, "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    ("c7gd", 2048, "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    ("c7i", 2048, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"),
    ("c7i-flex", 2048, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    ("c8g", 2048, "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"),
    ("c8i", 2048, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge"),
    ("m5", 4096, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"),
    ("m5a", 4096, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"),
    ("m5d", 4096, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"),
    ("m5n", 4096, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"),
    ("m6a", 4096, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge"),
    ("m6g", 4096, "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    ("m6gd", 4096, "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    ("m6i", 4096, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"),
    ("m6id", 4096, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"),
    ("m7a", 4096, "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge"),
    ("m7g", 4096, "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    ("m7gd", 4096, "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    ("m7i", 4096, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"),
    ("m7i-flex", 4096, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    ("m8g", 4096, "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"),
    ("m8i", 4096, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge"),
    ("r5", 8192, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"),
    ("r5a", 8192, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"),
    ("r6a", 8192, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge"),
    ("r6g", 8192, "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    ("r6gd", 8192, "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    ("r6i", 8192, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"),
    ("r7a", 8192, "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge"),
    ("r7g", 8192, "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    ("r7i", 8192, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"),
    ("r8g", 8192, "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"),
    ("r8i", 8192, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge"),
    ("i4i", 8192, "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"),
];

/// The sizes, with their virtual CPUs.
const SIZES: [(&str, i64); 15] = [
    ("medium", 1),
    ("large", 2),
    ("xlarge", 4),
    ("2xlarge", 8),
    ("3xlarge", 12),
    ("4xlarge", 16),
    ("6xlarge", 24),
    ("8xlarge", 32),
    ("9xlarge", 36),
    ("12xlarge", 48),
    ("16xlarge", 64),
    ("18xlarge", 72),
    ("24xlarge", 96),
    ("32xlarge", 128),
    ("48xlarge", 192),
];

/// The burstable families, whose sizes have their own figures.
const BURSTABLE_FAMILIES: [&str; 3] = ["t3", "t3a", "t4g"];

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
    let burstable = BURSTABLE_FAMILIES.contains(&family);
    let (cpus, memory) = if burstable {
        BURSTABLE.iter().find(|(known, ..)| *known == size).map(|(_, cpus, memory)| (*cpus, *memory))?
    } else {
        let (_, ratio, sizes) = FAMILIES.iter().find(|(known, ..)| *known == family)?;
        sizes.split(' ').find(|known| *known == size)?;
        let (_, cpus) = SIZES.iter().find(|(known, _)| *known == size)?;
        (*cpus, cpus * ratio)
    };
    let graviton = family == "t4g" || family.chars().nth(2) == Some('g');
    let architecture = if graviton { "arm64" } else { "x86_64" };
    Some(InstanceType { name: name.to_owned(), cpus, architecture, memory, burstable })
}

fn all() -> Vec<InstanceType> {
    let sized = FAMILIES.iter().flat_map(|(family, _, sizes)| sizes.split(' ').map(move |size| (*family, size)));
    let burstable =
        BURSTABLE_FAMILIES.iter().flat_map(|family| BURSTABLE.iter().map(move |(size, ..)| (*family, *size)));
    let mut types: Vec<InstanceType> =
        sized.chain(burstable).filter_map(|(family, size)| get(&format!("{family}.{size}"))).collect();
    types.sort_by(|a, b| a.name.cmp(&b.name));
    types
}

impl InstanceType {
    /// The threads of a core. Graviton and the newer AMD machines give whole cores.
    pub fn threads(&self) -> i64 {
        let whole = self.architecture == "arm64" || self.name.get(1..3).is_some_and(|kind| kind == "7a");
        if whole || self.cpus == 1 { 1 } else { 2 }
    }

    fn values(&self, filter: &str) -> Vec<String> {
        match filter {
            "instance-type" => vec![self.name.clone()],
            "processor-info.supported-architecture" => vec![self.architecture.to_owned()],
            "vcpu-info.default-vcpus" => vec![self.cpus.to_string()],
            "memory-info.size-in-mib" => vec![self.memory.to_string()],
            "hypervisor" => vec!["nitro".to_owned()],
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
    Ok(page_within(&(5..=100), found, |kind| &kind.name, limit, p)?
        .answer("instanceTypeSet", |x, kind| write(x, &kind)))
}

fn write(x: &mut Xml, kind: &InstanceType) {
    x.text("instanceType", &kind.name);
    x.text("currentGeneration", true);
    x.text("freeTierEligible", false);
    x.values("supportedUsageClasses", "item", ["on-demand", "spot"]);
    x.values("supportedRootDeviceTypes", "item", ["ebs"]);
    x.values("supportedVirtualizationTypes", "item", ["hvm"]);
    x.text("bareMetal", false);
    x.text("hypervisor", "nitro");
    x.nest("processorInfo", |x| {
        x.values("supportedArchitectures", "item", [kind.architecture]);
    });
    x.nest("vCpuInfo", |x| {
        x.text("defaultVCpus", kind.cpus);
        x.text("defaultCores", kind.cpus / kind.threads());
        x.text("defaultThreadsPerCore", kind.threads());
    });
    x.nest("memoryInfo", |x| x.text("sizeInMiB", kind.memory));
    x.text("instanceStorageSupported", false);
    x.nest("ebsInfo", |x| {
        x.text("ebsOptimizedSupport", "default");
        x.text("encryptionSupport", "supported");
        x.text("nvmeSupport", "required");
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
        x.text("enaSupport", "required");
        x.text("encryptionInTransitSupported", true);
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
