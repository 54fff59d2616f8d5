//! Every public region of the clouds plans and creates from the same template.

use meridian_cli::registry::Registry;
use meridian_provider_api::Pins;
use meridian_sandbox::{Config, Pace};
use meridian_spec::{Catalogue, Draft, Region, RegionStatus};
use meridian_tests::clouds::{CLOUDS, TestCloud};
use meridian_tests::harness::zones;
use meridian_tests::rig::{self, Rig};

/// How many public regions each cloud has in `regions.toml`.
const PUBLIC: [(&str, usize); 3] = [("aws", 34), ("gcp", 43), ("azure", 56)];

/// The public regions of a cloud; its own partitions for governments and single countries apart.
fn public_regions(cloud: TestCloud) -> Vec<&'static Region> {
    let catalogue = Catalogue::builtin().unwrap();
    let partition = &catalogue.region(cloud.name, cloud.region).unwrap().partition;
    let is_public = |region: &&Region| {
        region.provider == cloud.name && region.partition == *partition && region.status == RegionStatus::Available
    };
    let regions: Vec<_> = catalogue.regions().iter().filter(is_public).collect();
    let expected = PUBLIC.iter().find(|(name, _)| *name == cloud.name).unwrap().1;
    assert_eq!(regions.len(), expected, "public regions of {}", cloud.name);
    regions
}

/// The example, for a region that may have fewer zones than three.
fn template(cloud: TestCloud, region: &str) -> String {
    let spec = cloud.example().replace("zones: 3 ", "zones: { upTo: 3 } ");
    spec.replace(&format!("region: {}", cloud.region), &format!("region: {region}"))
}

#[test]
fn the_example_compiles_for_every_public_region() {
    let registry = Registry::default();
    for cloud in CLOUDS {
        let provider = registry.get(cloud.name).unwrap();
        for region in public_regions(cloud) {
            let clusters = meridian_spec::clusters(
                &[("spec.yaml", &template(cloud, &region.name))],
                Catalogue::builtin().unwrap(),
            )
            .unwrap_or_else(|faults| panic!("{}: {faults}", region.name));
            assert_eq!(provider.check(&Draft::from(&clusters[0])), [], "{}", region.name);
            let compiled = provider.compile(&clusters[0], &Pins::new()).unwrap();
            compiled.graph.check().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_public_region_is_built_on_the_sandbox() {
    for cloud in CLOUDS {
        let config = Config { pace: Pace::instant(), zones: zones(), ..Config::default() };
        let rig = Rig::recorded("regions", config).await;
        let before = rig.sandbox.inventory(cloud.name);
        for region in public_regions(cloud) {
            let spec = template(cloud, &region.name).replace("name: prod-eu", &format!("name: {}", name_in(region)));
            rig.converge(&spec).await;
            assert!(rig::plan(&rig.session(), &spec).await.is_empty(), "{}", region.name);
        }
        for region in public_regions(cloud) {
            rig.destroy(&name_in(region)).await;
        }
        assert_eq!(rig.sandbox.inventory(cloud.name), before, "{}", cloud.name);
    }
}

#[test]
fn the_examples_differ_in_cloud_and_region_only() {
    let lines = |cloud: &TestCloud| cloud.example().lines().map(str::to_owned).collect::<Vec<_>>();
    let first = lines(&CLOUDS[0]);
    for cloud in &CLOUDS[1..] {
        let other = lines(cloud);
        assert_eq!(other.len(), first.len());
        let differing: Vec<&String> =
            other.iter().zip(&first).filter(|(line, of_first)| line != of_first).map(|(line, _)| line).collect();
        assert_eq!(differing, [&format!("  provider: {}", cloud.name), &format!("  region: {}", cloud.region)]);
    }
}

/// A name of the region's own, within every cloud's limits. Regions of one name part at its end (`northeast1`,
/// `northeast2`), so that the end is what is kept of a long one.
fn name_in(region: &Region) -> String {
    let name: String = region.name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("c-{}", &name[name.len().saturating_sub(20)..])
}
