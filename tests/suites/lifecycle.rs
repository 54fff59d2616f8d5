//! create, plan is empty, destroy, inventory before = after; on the sandbox, through the session that commands use.

use meridian_engine::planner::PlanError;
use meridian_sandbox::Config;
use meridian_tests::binary::root;
use meridian_tests::clouds::{CLOUDS, TestCloud};
use meridian_tests::rig::{self, Rig};

#[tokio::test]
async fn the_example_is_made_and_leaves_nothing() {
    for cloud in CLOUDS {
        let rig = Rig::recorded("lifecycle", Config { page_limit: Some(3), ..Config::default() }).await;
        let before = rig.sandbox.inventory(cloud.name);
        let (plan, state) = rig.converge(&cloud.example()).await;
        assert_eq!(state.resources.len(), plan.changes.len(), "{}", cloud.name);
        assert!(state.outputs["api_endpoint"].starts_with("https://"), "{}", cloud.name);
        assert!(state.intents.is_empty(), "{}", cloud.name);

        let again = rig::plan(&rig.session(), &cloud.example()).await;
        assert!(again.is_empty(), "{}", meridian_cli::views::plain(&meridian_cli::views::text::plan(&again)));
        assert!(again.drift.is_empty(), "{:?}", again.drift);

        rig.destroy("prod-eu").await;
        assert_eq!(rig.sandbox.inventory(cloud.name), before);
    }
}

/// Clouds remember the tokens of creates, and what was deleted, for longer than the clusters may live.
#[tokio::test]
async fn a_cluster_can_be_made_again_under_its_name() {
    for cloud in CLOUDS {
        let rig = Rig::recorded("lifecycle", Config::default()).await;
        let before = rig.sandbox.inventory(cloud.name);
        for _ in 0..2 {
            rig.converge(&cloud.example()).await;
            rig.destroy("prod-eu").await;
            assert_eq!(rig.sandbox.inventory(cloud.name), before);
        }
    }
}

#[tokio::test]
async fn a_lost_state_is_found_by_tag() {
    for cloud in CLOUDS {
        let rig = Rig::recorded("lifecycle", Config::default()).await;
        let before = rig.sandbox.inventory(cloud.name);
        rig.converge(&cloud.example()).await;
        let made = rig.sandbox.inventory(cloud.name);
        std::fs::remove_dir_all(rig.dir.path().join("clusters")).unwrap();

        let (plan, _) = rig.converge(&cloud.example()).await;
        assert!(plan.is_empty(), "{}", meridian_cli::views::plain(&meridian_cli::views::text::plan(&plan)));
        assert_eq!(rig.sandbox.inventory(cloud.name), made);
        rig.destroy("prod-eu").await;
        assert_eq!(rig.sandbox.inventory(cloud.name), before);
    }
}

/// Two clusters in one region of one account, and one of the same name in another region, keep out of each other's way.
#[tokio::test]
async fn neighbours_are_left_alone() {
    for (cloud, elsewhere) in CLOUDS.into_iter().zip(["eu-central-1", "europe-west4", "northeurope"]) {
        let rig = Rig::recorded("lifecycle", Config::default()).await;
        rig.converge(&cloud.example().replace("name: prod-eu", "name: neighbour")).await;
        let neighbour = rig.sandbox.inventory(cloud.name);
        let namesake = rig.with_another_state();
        let there = cloud.example().replace(cloud.region, elsewhere).replace("name: prod-eu", "name: neighbour");
        namesake.converge(&there).await;
        namesake.converge(&cloud.example()).await;
        namesake.destroy("prod-eu").await;
        namesake.destroy("neighbour").await;
        assert_eq!(namesake.sandbox.inventory(cloud.name), neighbour, "{}", cloud.name);
    }
}

#[tokio::test]
async fn changes_that_would_lose_data_are_refused() {
    for (cloud, network, disk) in [
        ("aws", "aws_vpc.main", "aws_ebs_volume"),
        ("gcp", "google_compute_disk.control-plane-0", "google_compute_disk"),
        ("azure", "azure_virtual_network.main", "azure_disk"),
    ] {
        refused_on(TestCloud::named(cloud), network, disk).await;
    }
}

async fn refused_on(cloud: TestCloud, network: &str, disk: &str) {
    let rig = Rig::recorded("lifecycle", Config::default()).await;
    let example = cloud.example();
    rig.converge(&example).await;
    let session = rig.session();
    for (from, to, address) in [
        ("cidr: 10.40.0.0/16", "cidr: 10.50.0.0/16", network.to_owned()),
        ("cidr: 10.40.0.0/16", "cidr: 10.40.0.0/17", network.to_owned()),
        ("slots: 3", "slots: 5", format!("{disk}.control-plane-0")),
        ("slots: 3", "slots: 1", format!("{disk}.control-plane-1")),
        ("topology: private", "topology: public", format!("{disk}.control-plane-0")),
        ("zones: 3", "zones: 2", format!("{disk}.control-plane-2")),
        ("    zones:", "    podCidr: 10.128.0.0/14\n    zones:", format!("{disk}.control-plane-0")),
        ("    slots:", "    etcdVolume: { sizeGiB: 10 }\n    slots:", format!("{disk}.control-plane-0")),
        ("version: \"1.34\"", "version: \"1.36\"", format!("{disk}.control-plane-0")),
    ] {
        let spec = example.replace(from, to);
        assert_ne!(spec, example);
        let error = session.plan(&rig::cluster(&session, &spec)).await.unwrap_err();
        let Some(PlanError::Refused(refused)) = error.downcast_ref() else { panic!("{to}: {error:?}") };
        assert!(refused.iter().any(|refusal| refusal.address.to_string() == address), "{to}: {refused:?}");
    }
    let protected = format!("{example}  deletionProtection: true\n");
    rig.converge(&protected).await;
    assert!(session.plan_destroy("prod-eu").await.unwrap_err().to_string().contains("protected"));
    rig.converge(&example).await;
    rig.destroy("prod-eu").await;
}

/// Where subnets stand in zones, the machines of a pool have to leave one before it can go.
#[tokio::test]
async fn a_cluster_can_have_fewer_zones_and_others() {
    for cloud in CLOUDS {
        let rig = Rig::recorded("lifecycle", Config::default()).await;
        let before = rig.sandbox.inventory(cloud.name);
        let two = std::fs::read_to_string(root().join("tests/golden/change-of-zones/before.yaml")).unwrap();
        let two = cloud.translate(&two);
        let zones = &meridian_tests::harness::zones()[cloud.region];
        let others = two.replace("zones: 2", &format!("zones: {:?}", [&zones[0], &zones[2]]));
        for spec in [&two, &two.replace("zones: 2", "zones: 1"), &two, &others] {
            rig.converge(spec).await;
            let again = rig::plan(&rig.session(), spec).await;
            assert!(again.is_empty(), "{}", meridian_cli::views::plain(&meridian_cli::views::text::plan(&again)));
        }
        rig.destroy("change-of-zones").await;
        assert_eq!(rig.sandbox.inventory(cloud.name), before);
    }
}
