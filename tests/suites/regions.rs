//! Every public region of the cloud plans from the same template.

use meridian_cli::registry::Registry;
use meridian_provider_api::Pins;
use meridian_spec::{Catalogue, RegionStatus};
use meridian_tests::binary::root;

#[test]
fn the_example_compiles_for_every_public_region() {
    let catalogue = Catalogue::builtin().unwrap();
    let registry = Registry::default();
    let example = std::fs::read_to_string(root().join("examples/aws.yaml")).unwrap();
    let mut seen = 0;
    for region in catalogue.regions() {
        let Some(provider) = registry.get(&region.provider) else { continue };
        if region.status != RegionStatus::Available || region.partition != "aws" {
            continue;
        }
        seen += 1;
        let spec = example.replace("region: eu-west-1", &format!("region: {}", region.name));
        match meridian_spec::clusters(&[("aws.yaml", &spec)], catalogue) {
            Ok(clusters) => {
                let compiled = provider.compile(&clusters[0], &Pins::new()).unwrap();
                compiled.graph.check().unwrap();
            }
            Err(faults) => assert!(region.zones.len() < 3, "{}: {faults}", region.name),
        }
    }
    assert_eq!(seen, 34, "public AWS regions in regions.toml");
}
