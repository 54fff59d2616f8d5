//! `regions.toml` against the vendor's own list.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use meridian_spec::RegionStatus;

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

#[derive(serde::Deserialize)]
struct Theirs {
    suffix: String,
    regions: BTreeSet<String>,
}

#[test]
fn aws_regions_are_those_of_botocore() {
    let python = std::env::var_os("MERIDIAN_MODELS_PYTHON").expect(
        "MERIDIAN_MODELS_PYTHON names a Python that has botocore; run the tests with `cargo xtask test`, which makes one",
    );
    let output = Command::new(&python).args(["-c", LIST]).output().expect("MERIDIAN_MODELS_PYTHON can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: BTreeMap<String, Theirs> = serde_json::from_slice(&output.stdout).expect("a list of partitions");

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
