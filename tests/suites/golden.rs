//! Golden plans: what a reviewer would read, on each cloud. `cargo xtask golden` writes them anew.
//!
//! Every scenario is one spec for all clouds; where a cloud's own ids stand in it, `cluster.<cloud>.yaml` takes its place.
//! Where there is a `before.yaml`, the plan is that of the change from there; one that is refused says why.

use std::collections::BTreeMap;
use std::path::Path;

use meridian_cli::registry::Registry;
use meridian_cli::views;
use meridian_engine::planner::{Inputs, PlanError, plan};
use meridian_provider_api::{Compiled, Pins};
use meridian_spec::cluster::Cluster;
use meridian_spec::{Catalogue, Draft};
use meridian_tests::binary::root;
use meridian_tests::clouds::{CLOUDS, TestCloud};
use meridian_tests::imagined;

#[test]
fn plans_are_as_they_were_reviewed() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut seen = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(root().join("tests/golden")).unwrap() {
        let folder = entry.unwrap().path();
        seen += 1;
        for cloud in CLOUDS {
            let now = planned(cloud, &folder);
            let path = folder.join(format!("plan.{}.txt", cloud.name));
            if update {
                std::fs::write(&path, &now).unwrap();
                continue;
            }
            let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
            if reviewed != now {
                let diff = similar::TextDiff::from_lines(&reviewed, &now);
                wrong.push(format!("{}\n{}", path.display(), diff.unified_diff()));
            }
        }
    }
    assert!(seen >= 12, "only {seen} scenarios");
    assert!(wrong.is_empty(), "{}\n`cargo xtask golden` accepts the new plans", wrong.join("\n"));
}

/// The plan of a scenario on a cloud, as text.
fn planned(cloud: TestCloud, folder: &Path) -> String {
    let at = format!("{} on {}", folder.display(), cloud.name);
    let own = folder.join(format!("cluster.{}.yaml", cloud.name));
    let text = if own.exists() {
        std::fs::read_to_string(own).unwrap()
    } else {
        cloud.translate(&std::fs::read_to_string(folder.join("cluster.yaml")).unwrap())
    };
    let before = folder.join("before.yaml");
    let observed = if before.exists() {
        let before = cloud.translate(&std::fs::read_to_string(before).unwrap());
        imagined::observed(&compiled(cloud, &before, &at).1.graph)
    } else {
        Vec::new()
    };
    let (cluster, compiled) = compiled(cloud, &text, &at);
    let outcome = plan(Inputs {
        graph: &compiled.graph,
        state: None,
        interrupted: None,
        seed: "golden",
        observed: &observed,
        leftovers: &[],
        cluster: &cluster.name,
        provider: &cluster.provider,
        region: &cluster.region.name,
        emulated: true,
        destroy: false,
        deletion_protection: cluster.deletion_protection,
        pins: pins(cloud),
        outputs: BTreeMap::new(),
    });
    match outcome {
        Ok(plan) => views::plain(&views::text::plan(&plan)),
        Err(PlanError::Refused(refused)) => {
            let why = views::refusals::explain(&refused);
            format!("{}\n\n{}\n", PlanError::Refused(refused), why.join("\n\n"))
        }
        Err(error) => panic!("{at}: {error:?}"),
    }
}

/// A spec's cluster and what it is made of.
fn compiled(cloud: TestCloud, text: &str, at: &str) -> (Cluster, Compiled) {
    let mut clusters = meridian_spec::clusters(&[("cluster.yaml", text)], Catalogue::builtin().unwrap())
        .unwrap_or_else(|faults| panic!("{at}: {faults}"));
    let cluster = clusters.remove(0);
    let registry = Registry::default();
    let provider = registry.get(&cluster.provider).unwrap();
    assert_eq!(provider.check(&Draft::from(&cluster)), [], "{at}");
    let compiled = provider.compile(&cluster, &pins(cloud)).unwrap();
    (cluster, compiled)
}

/// What would have been looked up.
fn pins(cloud: TestCloud) -> Pins {
    let pins: &[(&str, &str)] = match cloud.name {
        "aws" => &[
            ("account", "123456789012"),
            ("image/amd64", "ami-0a0a0a0a0a0a0a0a0"),
            ("image/arm64", "ami-0b0b0b0b0b0b0b0b0"),
        ],
        "gcp" => &[
            ("account", "example-project"),
            ("image/amd64", "projects/ubuntu-os-cloud/global/images/ubuntu-2404-noble-amd64-v20261001"),
            ("image/arm64", "projects/ubuntu-os-cloud/global/images/ubuntu-2404-noble-arm64-v20261001"),
        ],
        "azure" => &[
            ("account", "00000000-0000-0000-0000-000000000001"),
            ("image/amd64", "Canonical:ubuntu-24_04-lts:server:24.04.202610010"),
            ("image/arm64", "Canonical:ubuntu-24_04-lts:server-arm64:24.04.202610010"),
        ],
        other => panic!("nobody has said what is looked up on {other}"),
    };
    pins.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
