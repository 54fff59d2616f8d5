//! `regions.toml` against the vendor's own list.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use meridian_spec::RegionStatus;
use meridian_spec::cluster::Architecture;

use crate::catalogue;

/// Prints botocore's regions by partition, and each partition's DNS suffix.
const LIST: &str = r#"
import json, os, botocore
path = os.path.join(os.path.dirname(botocore.__file__), "data", "partitions.json")
out = {}
for partition in json.load(open(path))["partitions"]:
    regions = [name for name in partition["regions"] if not name.endswith("-global")]
    out[partition["id"]] = {"suffix": partition["outputs"]["dnsSuffix"], "regions": regions}
print(json.dumps(out))
"#;

/// Prints the instance types of moto's regions, and what each type has, from AWS's own answers that moto carries.
const OFFERED: &str = r#"
import gzip, json, os, moto.ec2
root = os.path.join(os.path.dirname(moto.ec2.__file__), "resources")
def load(path):
    return json.load(gzip.open(path))
def find(name):
    return next(os.path.join(root, one) for one in os.listdir(root) if one.startswith(name))
folder = os.path.join(root, "instance_type_offerings", "region")
regions = {one.split(".")[0]: [row["InstanceType"] for row in load(os.path.join(folder, one))] for one in os.listdir(folder)}
types = {
    name: [kind["VCpuInfo"]["DefaultVCpus"], kind["MemoryInfo"]["SizeInMiB"], kind["ProcessorInfo"]["SupportedArchitectures"]]
    for name, kind in load(find("instance_types.json")).items()
}
print(json.dumps({"regions": regions, "types": types}))
"#;

#[derive(serde::Deserialize)]
struct Offered {
    regions: BTreeMap<String, BTreeSet<String>>,
    types: BTreeMap<String, (u32, u32, Vec<String>)>,
}

#[derive(serde::Deserialize)]
struct Theirs {
    suffix: String,
    regions: BTreeSet<String>,
}

/// What a script prints under the Python that a variable names.
fn printed<T: serde::de::DeserializeOwned>(variable: &str, script: &str) -> T {
    let python = std::env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} names a Python; run the tests with `cargo xtask test`, which makes it"));
    let output = Command::new(&python).args(["-c", script]).output().expect("the Python can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the script prints JSON of this form")
}

#[test]
fn aws_machine_types_are_those_of_the_vendor() {
    let theirs: Offered = printed("MERIDIAN_PYTHON", OFFERED);
    for (architecture, name) in [(Architecture::Amd64, "x86_64"), (Architecture::Arm64, "arm64")] {
        for kind in catalogue().machine_types("aws", architecture) {
            let (cpu, memory_mib, architectures) = &theirs.types[&kind.name];
            assert_eq!((kind.cpu, kind.memory_gib * 1024), (*cpu, *memory_mib), "{}", kind.name);
            assert!(architectures.iter().any(|one| one == name), "{} is not of {name}", kind.name);
            for (region, offered) in &theirs.regions {
                let region = catalogue().region("aws", region).expect("moto knows no region that we do not");
                assert_eq!(region.lacks(&kind.name), !offered.contains(&kind.name), "{} {}", region.name, kind.name);
            }
        }
    }
}

#[test]
fn aws_regions_are_those_of_botocore() {
    let theirs: BTreeMap<String, Theirs> = printed("MERIDIAN_MODELS_PYTHON", LIST);

    let mut ours: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for region in catalogue().regions().iter().filter(|region| region.provider == "aws") {
        ours.entry(&region.partition).or_default().insert(&region.name);
    }
    let names: BTreeMap<&str, BTreeSet<&str>> = theirs
        .iter()
        .map(|(partition, theirs)| (partition.as_str(), theirs.regions.iter().map(String::as_str).collect()))
        .collect();
    assert_eq!(ours, names, "regions.toml is on the left, botocore on the right");
    for (partition, theirs) in &theirs {
        let ours = catalogue().partition("aws", partition).expect("a partition of regions.toml");
        assert_eq!(ours.dns_suffix, theirs.suffix, "{partition}");
    }
}

#[test]
fn every_open_region_has_zones_or_says_why_not() {
    for region in catalogue().regions().iter().filter(|region| region.status == RegionStatus::Available) {
        let zone_less = region.provider == "azure";
        assert!(!region.zones.is_empty() || zone_less || region.zones_unknown(), "{}", region.name);
    }
}
