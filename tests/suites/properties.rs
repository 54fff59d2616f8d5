//! What holds for any two clusters, on the sandbox.

use meridian_sandbox::{Config, Pace};
use meridian_tests::clouds::{CLOUDS, TestCloud};
use meridian_tests::rig::{self, Rig};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Wish {
    nat: &'static str,
    size: &'static str,
    exposure: &'static str,
    label: Option<&'static str>,
    pools: Vec<(u8, u32, bool, bool)>,
    bastion: bool,
}

fn wish() -> impl Strategy<Value = Wish> {
    (
        prop::sample::select(vec!["perZone", "single"]),
        prop::sample::select(vec!["medium", "large"]),
        prop::sample::select(vec![
            "exposure: public, allow: [203.0.113.0/24]",
            "exposure: public, allow: [203.0.113.0/24, 198.51.100.0/24]",
            "exposure: private",
        ]),
        prop::option::of(prop::sample::select(vec!["a", "b"])),
        prop::collection::vec((0u8..3, 0u32..3, any::<bool>(), any::<bool>()), 1..3),
        any::<bool>(),
    )
        .prop_map(|(nat, size, exposure, label, pools, bastion)| Wish {
            nat,
            size,
            exposure,
            label,
            pools,
            bastion,
        })
}

fn spec(cloud: TestCloud, wish: &Wish) -> String {
    let mut text = format!(
        "apiVersion: meridian/v1\nkind: Cluster\nmetadata:\n  name: any\n  labels: {{ {} }}\nspec:\n  provider: {}\n  \
         region: {}\n  network: {{ cidr: 10.0.0.0/16, zones: 2, topology: private, nat: {} }}\n  controlPlane:\n    \
         slots: 1\n    machine: {{ size: {} }}\n    api: {{ {} }}\n  pools:\n",
        wish.label.map_or(String::new(), |label| format!("team: {label}")),
        cloud.name,
        cloud.region,
        wish.nat,
        wish.size,
        wish.exposure
    );
    let mut seen = std::collections::BTreeSet::new();
    for (name, min, spot, volume) in &wish.pools {
        if !seen.insert(name) {
            continue;
        }
        let bounds = format!("min: {min}\n      max: {}\n", min + 2);
        text.extend(["    - name: p", &name.to_string(), "\n      machine: { cpu: 2, memoryGiB: 8 }\n      ", &bounds]);
        if *spot {
            text.push_str("      spot: true\n");
        }
        if *volume {
            text.push_str("      volumes: [{ name: data, sizeGiB: 20, mount: /data }]\n");
        }
    }
    if wish.bastion {
        text.push_str("  bastion: { allow: [198.51.100.0/24] }\n  ssh: { publicKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJyMJ2o4aCcTHrMZ8xg7Vw5bRzg4rW0o0QxYk1cQm5hW operator }\n");
    }
    text
}

fn counts(cloud: TestCloud, rig: &Rig) -> std::collections::BTreeMap<String, usize> {
    let mut counts: std::collections::BTreeMap<String, usize> =
        rig.sandbox.inventory(cloud.name).into_iter().map(|(kind, ids)| (kind, ids.len())).collect();
    // A versioned bucket keeps what was replaced, and how many machines a pool has within its bounds is the
    // autoscaler's business.
    for kind in [
        "s3/object",
        "instance",
        "volume",
        "network-interface",
        "compute/instance",
        "compute/disk",
        "Microsoft.Compute/virtualMachines",
        "Microsoft.Compute/disks",
        "Microsoft.Network/networkInterfaces",
    ] {
        counts.remove(kind);
    }
    counts
}

/// The fields of every resource, with the names of resources in the place of their ids.
fn shape(state: &meridian_engine::State) -> std::collections::BTreeMap<String, serde_json::Value> {
    let mut shape = std::collections::BTreeMap::new();
    for (address, record) in &state.resources {
        let mut text = serde_json::to_string(&record.fields).unwrap();
        for (other, record) in &state.resources {
            text = text.replace(&format!("\"{}\"", record.id), &format!("\"<{other}>\""));
            for (name, value) in &record.computed {
                if let Some(value) = value.as_str().filter(|value| value.len() > 8) {
                    text = text.replace(&format!("\"{value}\""), &format!("\"<{other}.{name}>\""));
                }
            }
        }
        shape.insert(address.to_string(), settle(serde_json::from_str(&text).unwrap()));
    }
    shape
}

/// Sets have no order, and a template's version counts its changes, which is no part of what it is.
fn settle(mut value: serde_json::Value) -> serde_json::Value {
    match &mut value {
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| *item = settle(item.take())),
        serde_json::Value::Object(entries) => {
            entries.remove("template_version");
            if let Some(serde_json::Value::Array(items)) = entries.get_mut("set") {
                items.sort_by_key(ToString::to_string);
            }
            entries.values_mut().for_each(|item| *item = settle(item.take()));
        }
        _ => {}
    }
    value
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 18, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn going_from_a_to_b_equals_creating_b(cloud in prop::sample::select(&CLOUDS), a in wish(), b in wish()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let config = || Config { pace: Pace::instant(), ..Config::default() };
            let moved = Rig::recorded("properties", config()).await;
            let nothing = counts(cloud, &moved);
            moved.converge(&spec(cloud, &a)).await;
            let (_, state) = moved.converge(&spec(cloud, &b)).await;
            let again = rig::plan(&moved.session(), &spec(cloud, &b)).await;
            prop_assert!(again.is_empty());
            let fresh = Rig::recorded("properties", config()).await;
            let (_, wanted) = fresh.converge(&spec(cloud, &b)).await;
            prop_assert_eq!(counts(cloud, &moved), counts(cloud, &fresh));
            prop_assert_eq!(shape(&state), shape(&wanted));
            moved.destroy("any").await;
            prop_assert_eq!(counts(cloud, &moved), nothing);
            Ok(())
        })?;
    }
}
