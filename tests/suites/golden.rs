//! Golden plans: what a reviewer would read. `cargo xtask golden` writes them anew.

use std::collections::BTreeMap;

use meridian_cli::registry::Registry;
use meridian_cli::views;
use meridian_engine::planner::{Inputs, plan};
use meridian_provider_api::Pins;
use meridian_spec::Catalogue;
use meridian_tests::binary::root;

#[test]
fn plans_are_as_they_were_reviewed() {
    let registry = Registry::default();
    let pins: Pins = [
        ("account", "123456789012"),
        ("image/amd64", "ami-0a0a0a0a0a0a0a0a0"),
        ("image/arm64", "ami-0b0b0b0b0b0b0b0b0"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut seen = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(root().join("tests/golden")).unwrap() {
        let folder = entry.unwrap().path();
        seen += 1;
        let text = std::fs::read_to_string(folder.join("cluster.yaml")).unwrap();
        let clusters = meridian_spec::clusters(&[("cluster.yaml", &text)], Catalogue::builtin().unwrap())
            .unwrap_or_else(|faults| panic!("{}: {faults}", folder.display()));
        let cluster = &clusters[0];
        let provider = registry.get(&cluster.provider).unwrap();
        assert_eq!(provider.check(cluster), [], "{}", folder.display());
        let compiled = provider.compile(cluster, &pins).unwrap();
        let plan = plan(Inputs {
            graph: &compiled.graph,
            state: None,
            seed: "golden",
            observed: &[],
            leftovers: &[],
            cluster: &cluster.name,
            provider: &cluster.provider,
            region: &cluster.region.name,
            emulated: true,
            destroy: false,
            deletion_protection: cluster.deletion_protection,
            pins: pins.clone(),
            outputs: BTreeMap::new(),
        })
        .unwrap_or_else(|error| panic!("{}: {error:?}", folder.display()));
        let now = views::plain(&views::text::plan(&plan));
        let path = folder.join("plan.txt");
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
    assert!(seen >= 12, "only {seen} scenarios");
    assert!(wrong.is_empty(), "{}\n`cargo xtask golden` accepts the new plans", wrong.join("\n"));
}
