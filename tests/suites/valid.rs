//! `validate` and what comes after it agree: what it accepts compiles, and what a cloud refuses is told as every other fault.

use meridian_cli::registry::Registry;
use meridian_cli::session::{Session, clusters_that_fit};
use meridian_spec::Catalogue;
use meridian_tests::binary::{expect, meridian, root};
use meridian_tests::clouds::{CLOUDS, TestCloud};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// Flags that someone may set, and some that nobody may.
const FLAGS: &[&str] = &[
    "data-dir",
    "feature-gates",
    "hostname-override",
    "initial-cluster",
    "initial-cluster-state",
    "initial-cluster-token",
    "max-pods",
    "name",
    "node-ip",
    "node-labels",
    "register-with-taints",
    "system-reserved",
    "v",
    "x.y-z",
];
const COMPONENTS: &[&str] = &["apiServer", "controllerManager", "scheduler", "etcd", "kubelet"];
const MOUNTS: &[&str] = &["/data", "/var/log/pods", "/etc/kubernetes", "/var/lib/kubelet/pki", "/mnt/a.b_c-d", "/.x"];

/// What a user may write around the sound rest of a spec.
#[derive(Debug, Clone)]
struct Wish {
    flags: Vec<(&'static str, &'static str, String)>,
    gates: Vec<String>,
    labels: Vec<(String, String)>,
    taints: Vec<(String, String)>,
    mounts: Vec<&'static str>,
    slots: u8,
    prefix: u8,
}

fn wish() -> impl Strategy<Value = Wish> {
    let value = prop_oneof!["[ -~]{0,12}", Just("2 --foo".to_owned()), Just("é\n".to_owned()), "[a-z0-9=,.]{1,8}"];
    let flag = (prop::sample::select(COMPONENTS), prop::sample::select(FLAGS), value);
    let key = prop_oneof!["[a-z][a-z0-9._/-]{0,12}", Just("example.com/tier".to_owned())];
    let text = "[A-Za-z0-9._ -]{0,8}";
    (
        prop::collection::vec(flag, 0..4),
        prop::collection::vec("[A-Za-z0-9-]{1,6}", 0..2),
        prop::collection::vec((key.clone(), text), 0..3),
        prop::collection::vec((key, text), 0..3),
        prop::collection::vec(prop::sample::select(MOUNTS), 0..14),
        prop::sample::select(&[1_u8, 3, 3, 3, 4]),
        prop::sample::select(&[16_u8, 16, 20, 22, 24]),
    )
        .prop_map(|(flags, gates, labels, taints, mounts, slots, prefix)| Wish {
            flags,
            gates,
            labels,
            taints,
            mounts,
            slots,
            prefix,
        })
}

/// The spec of a wish. JSON is YAML.
fn spec(cloud: TestCloud, wish: &Wish) -> String {
    let map = |pairs: &[(String, String)]| -> Json {
        pairs.iter().map(|(key, value)| (key.clone(), json!(value))).collect::<serde_json::Map<_, _>>().into()
    };
    let mut kubernetes = json!({ "featureGates": {} });
    for gate in &wish.gates {
        kubernetes["featureGates"][gate] = true.into();
    }
    for (component, flag, value) in &wish.flags {
        kubernetes[component]["extraArgs"][flag] = json!(value);
    }
    let taints = wish.taints.iter().map(|(key, value)| json!({ "key": key, "value": value, "effect": "NoSchedule" }));
    let volumes = wish.mounts.iter().enumerate();
    let volumes = volumes.map(|(index, mount)| {
        json!({ "name": format!("v{index}"), "sizeGiB": 10, "mount": if index > 0 { format!("{mount}{index}") } else { (*mount).to_owned() } })
    });
    json!({
        "apiVersion": "meridian/v1",
        "kind": "Cluster",
        "metadata": { "name": "demo" },
        "spec": {
            "provider": cloud.name,
            "region": cloud.region,
            "kubernetes": kubernetes,
            "network": { "cidr": format!("10.40.0.0/{}", wish.prefix) },
            "controlPlane": { "slots": wish.slots },
            "pools": [{
                "name": "a",
                "machine": { "size": "medium" },
                "labels": map(&wish.labels),
                "taints": taints.collect::<Vec<_>>(),
                "volumes": volumes.collect::<Vec<_>>(),
            }],
        },
    })
    .to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_validates_compiles(cloud in prop::sample::select(&CLOUDS), wish in wish()) {
        let text = spec(cloud, &wish);
        let files = [("spec.yaml", text.as_str())];
        if let Ok(clusters) = clusters_that_fit(&Registry::default(), Catalogue::builtin().unwrap(), &files) {
            let compiled = Session::offline().unwrap().compile(&clusters[0]);
            prop_assert!(compiled.is_ok(), "{:#}\n{text}", compiled.unwrap_err());
        }
    }
}

/// The wishes above are not all refused, so that the property holds of something.
#[test]
fn a_plain_wish_validates() {
    let wish = Wish {
        flags: vec![("kubelet", "max-pods", "50".to_owned())],
        gates: vec!["A".to_owned()],
        labels: Vec::new(),
        taints: Vec::new(),
        mounts: vec!["/data"],
        slots: 3,
        prefix: 16,
    };
    for cloud in CLOUDS {
        let text = spec(cloud, &wish);
        let files = [("spec.yaml", text.as_str())];
        clusters_that_fit(&Registry::default(), Catalogue::builtin().unwrap(), &files)
            .unwrap_or_else(|faults| panic!("{faults}"));
    }
}

#[test]
fn what_the_cloud_refuses_has_a_place_and_hides_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("spec.yaml");
    let spec = std::fs::read_to_string(root().join("examples/aws.yaml")).unwrap();
    let spec = spec.replace("team: platform", "team: platform\n    Team: other").replace("slots: 3", "slots: 4");
    std::fs::write(&file, &spec).unwrap();
    let output = expect(meridian(dir.path()).args(["validate", "-o", "json", "-f"]).arg(&file), 3);
    let json: Json = serde_json::from_slice(&output.stdout).unwrap();
    let faults: Vec<(&str, &str)> = json["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| (fault["code"].as_str().unwrap(), fault["path"].as_str().unwrap()))
        .collect();
    assert_eq!(faults, [("unfit", "metadata.labels.team"), ("invalid-value", "spec.controlPlane.slots")]);
    let line = spec.lines().position(|line| line.contains("team: platform")).unwrap() + 1;
    assert_eq!((&json["faults"][0]["line"], &json["faults"][0]["column"]), (&line.into(), &11.into()));
    let told = expect(meridian(dir.path()).args(["plan", "--sandbox", "-f"]).arg(&file), 3).stderr;
    let told = String::from_utf8(told).unwrap();
    assert!(
        told.contains(&format!("spec.yaml:{line}:11 (metadata.labels.team)")) && told.contains("2 faults"),
        "{told}"
    );
}

#[test]
fn several_files_stand_behind_one_flag() {
    let dir = tempfile::tempdir().unwrap();
    let spec = std::fs::read_to_string(root().join("examples/aws.yaml")).unwrap();
    for name in ["one", "two"] {
        std::fs::write(dir.path().join(format!("{name}.yaml")), spec.replace("prod-eu", name)).unwrap();
    }
    let files = [dir.path().join("one.yaml"), dir.path().join("two.yaml")];
    let output = expect(meridian(dir.path()).args(["validate", "-f"]).args(&files), 0);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "Valid: one, two.\n");
    expect(meridian(dir.path()).args(["validate", "-f", "/nonexistent"]), 3);
}
