//! What the fuzz targets begin with has to be what they read, or they begin with nothing.

use std::path::Path;

use meridian_engine::Plan;
use meridian_engine::plan::FORMAT_VERSION;

#[test]
fn the_seeds_of_plans_are_plans_of_this_format() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/plan_file");
    for (name, current) in [("all-actions", true), ("circle", true), ("empty", false)] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let plan: Plan = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(plan.format_version == FORMAT_VERSION, current, "{name}");
    }
}
