//! What holds for any two clusters, on the sandbox.

use meridian_engine::planner::PlanError;
use meridian_sandbox::{Config, Pace};
use meridian_tests::clouds::{CLOUDS, TestCloud};
use meridian_tests::rig::{self, Rig};
use proptest::prelude::*;

/// What can't change once a cluster is there, or only in one direction.
#[derive(Debug, Clone, PartialEq)]
struct Settled {
    topology: &'static str,
    slots: usize,
    etcd_gib: u32,
    /// Minor version of Kubernetes.
    minor: u32,
}

#[derive(Debug, Clone)]
struct Wish {
    settled: Settled,
    zones: usize,
    nat: &'static str,
    size: &'static str,
    exposure: &'static str,
    label: Option<&'static str>,
    pools: Vec<(u8, u32, bool, bool)>,
    bastion: bool,
}

fn settled() -> impl Strategy<Value = Settled> {
    let topology = prop::sample::select(vec!["private", "public"]);
    let sizes = prop::sample::select(vec![20, 30]);
    (topology, prop::sample::select(vec![1, 1, 3]), sizes, 34u32..=36)
        .prop_map(|(topology, slots, etcd_gib, minor)| Settled { topology, slots, etcd_gib, minor })
}

fn wish() -> impl Strategy<Value = Wish> {
    (
        settled(),
        1usize..=3,
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
        .prop_map(|(settled, zones, nat, size, exposure, label, pools, bastion)| Wish {
            settled,
            zones,
            nat,
            size,
            exposure,
            label,
            pools,
            bastion,
        })
}

/// Two wishes. Were all of the second left to chance, most changes would be refused: three of four keep what can't change.
fn change() -> impl Strategy<Value = (Wish, Wish)> {
    let keeps = prop::sample::select(vec![true, true, true, false]);
    (wish(), wish(), keeps, 0u32..2).prop_map(|(a, mut b, keeps, step)| {
        if keeps {
            let etcd_gib = a.settled.etcd_gib.max(b.settled.etcd_gib);
            b.settled = Settled { etcd_gib, minor: (a.settled.minor + step).min(36), ..a.settled.clone() };
            if a.settled.slots > 1 {
                b.zones = a.zones;
            }
        }
        (a, b)
    })
}

/// Whether a change would move a slot, shrink its disk, or take Kubernetes where it does not go.
fn is_refused(a: &Wish, b: &Wish) -> bool {
    let (from, to) = (&a.settled, &b.settled);
    // Slots go to the zones in turn.
    let moves = (0..from.slots).any(|slot| slot % a.zones != slot % b.zones);
    from.topology != to.topology
        || from.slots != to.slots
        || moves
        || to.etcd_gib < from.etcd_gib
        || !(from.minor..=from.minor + 1).contains(&to.minor)
}

fn spec(cloud: TestCloud, wish: &Wish) -> String {
    let Settled { topology, slots, etcd_gib, minor } = &wish.settled;
    let mut text = format!(
        "apiVersion: meridian/v1\nkind: Cluster\nmetadata:\n  name: any\n  labels: {{ {} }}\nspec:\n  provider: {}\n  \
         region: {}\n  kubernetes: {{ version: \"1.{minor}\" }}\n  network: {{ cidr: 10.0.0.0/16, zones: {}, topology: \
         {topology}, nat: {} }}\n  controlPlane:\n    slots: {slots}\n    etcdVolume: {{ sizeGiB: {etcd_gib} }}\n    \
         machine: {{ size: {} }}\n    api: {{ {} }}\n  pools:\n",
        wish.label.map_or(String::new(), |label| format!("team: {label}")),
        cloud.name,
        cloud.region,
        wish.zones,
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
        // Machines of a public pool have one each; those of the cluster itself are in its state.
        "Microsoft.Network/publicIPAddresses",
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
    fn going_from_a_to_b_equals_creating_b_or_is_refused(cloud in prop::sample::select(&CLOUDS), (a, b) in change()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let config = || Config { pace: Pace::instant(), ..Config::default() };
            let moved = Rig::recorded("properties", config()).await;
            let nothing = moved.sandbox.inventory(cloud.name);
            moved.converge(&spec(cloud, &a)).await;
            let made = moved.sandbox.inventory(cloud.name);
            let session = moved.session();
            let change = session.plan(&rig::cluster(&session, &spec(cloud, &b))).await;
            let refused = change.as_ref().err().is_some_and(
                |error| matches!(error.downcast_ref(), Some(PlanError::Refused(_))));
            prop_assert_eq!(refused, is_refused(&a, &b), "{:?}", change);
            if refused {
                prop_assert_eq!(moved.sandbox.inventory(cloud.name), made);
                prop_assert!(rig::plan(&moved.session(), &spec(cloud, &a)).await.is_empty());
                return Ok(());
            }
            let (_, state) = moved.converge(&spec(cloud, &b)).await;
            let again = rig::plan(&moved.session(), &spec(cloud, &b)).await;
            prop_assert!(again.is_empty());
            let fresh = Rig::recorded("properties", config()).await;
            let (_, wanted) = fresh.converge(&spec(cloud, &b)).await;
            prop_assert_eq!(counts(cloud, &moved), counts(cloud, &fresh));
            prop_assert_eq!(shape(&state), shape(&wanted));
            moved.destroy("any").await;
            prop_assert_eq!(moved.sandbox.inventory(cloud.name), nothing);
            Ok(())
        })?;
    }
}
