//! create, plan is empty, destroy, inventory before = after; on the sandbox, through the session that commands use.

use std::collections::BTreeSet;

use meridian_aws::client::Aws;
use meridian_engine::plan::{Action, Change, Reason};
use meridian_engine::planner::PlanError;
use meridian_sandbox::Config;
use meridian_tests::binary::root;
use meridian_tests::clouds::{CLOUDS, TestCloud};
use meridian_tests::rig::{self, Rig};

fn example() -> String {
    std::fs::read_to_string(root().join("examples/aws.yaml")).unwrap()
}

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

#[tokio::test]
async fn drift_is_seen_and_mended() {
    let rig = Rig::recorded("lifecycle", Config::default()).await;
    let (_, state) = rig.converge(&example()).await;
    let client = rig.aws_client().await;
    let instance = state.resources.iter().find(|(address, _)| address.kind() == "aws_instance").unwrap();
    client.ec2.terminate_instances().instance_ids(&instance.1.id).send().await.unwrap();
    let group =
        state.resources.iter().find(|(address, _)| address.to_string() == "aws_security_group.workers").unwrap();
    client
        .ec2
        .create_tags()
        .resources(&group.1.id)
        .tags(aws_sdk_ec2::types::Tag::builder().key("team").value("someone else").build())
        .send()
        .await
        .unwrap();

    let plan = rig::plan(&rig.session(), &example()).await;
    let drifted: Vec<String> = plan.drift.iter().map(|drift| drift.address.to_string()).collect();
    assert!(drifted.contains(&"aws_security_group.workers".to_owned()), "{drifted:?}");
    assert!(drifted.contains(&instance.0.to_string()), "{drifted:?}");
    let change = plan.effective().find(|change| change.address == *instance.0).unwrap();
    assert_eq!((change.action, &change.reason), (Action::Create, &Reason::Missing));
    rig.converge(&example()).await;
    assert!(rig::plan(&rig.session(), &example()).await.is_empty());
    rig.destroy("prod-eu").await;
}

/// What a service of type `LoadBalancer` gets by default.
async fn classic_load_balancer(client: &Aws, subnet: String, group: &str, machine: &str) {
    use aws_sdk_elasticloadbalancing::types::{Instance, Listener, Tag};

    let listener = Listener::builder().protocol("TCP").load_balancer_port(443).instance_port(30443).build().unwrap();
    let tag = Tag::builder().key("kubernetes.io/cluster/prod-eu").value("owned").build().unwrap();
    let name = "a0123456789abcdef";
    let create = client.classic_elb.create_load_balancer().load_balancer_name(name).scheme("internal");
    create.subnets(subnet).security_groups(group).listeners(listener).tags(tag).send().await.unwrap();
    let register = client.classic_elb.register_instances_with_load_balancer().load_balancer_name(name);
    register.instances(Instance::builder().instance_id(machine).build()).send().await.unwrap();
}

#[tokio::test]
async fn what_kubernetes_made_goes_too() {
    let rig = Rig::recorded("lifecycle", Config::default()).await;
    let before = rig.sandbox.inventory("aws");
    let (_, state) = rig.converge(&example()).await;
    let client = rig.aws_client().await;
    let id = |address: &str| state.resources[&address.parse().unwrap()].id.clone();
    let tag = aws_sdk_ec2::types::Tag::builder().key("kubernetes.io/cluster/prod-eu").value("owned").build();
    let machine = id("aws_instance.control-plane-0");
    let volume = client
        .ec2
        .create_volume()
        .availability_zone("eu-west-1a")
        .size(8)
        .tag_specifications(
            aws_sdk_ec2::types::TagSpecification::builder()
                .resource_type(aws_sdk_ec2::types::ResourceType::Volume)
                .tags(tag.clone())
                .build(),
        )
        .send()
        .await
        .unwrap();
    let volume = volume.volume_id().unwrap();
    // A volume that is just made can't be attached at once.
    while client.ec2.attach_volume().volume_id(volume).instance_id(&machine).device("/dev/sdx").send().await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let group = client
        .ec2
        .create_security_group()
        .group_name("k8s-elb-a")
        .description("made by a controller")
        .vpc_id(id("aws_vpc.main"))
        .tag_specifications(
            aws_sdk_ec2::types::TagSpecification::builder()
                .resource_type(aws_sdk_ec2::types::ResourceType::SecurityGroup)
                .tags(tag)
                .build(),
        )
        .send()
        .await
        .unwrap();
    client
        .elb
        .create_load_balancer()
        .name("k8s-service")
        .r#type(aws_sdk_elasticloadbalancingv2::types::LoadBalancerTypeEnum::Network)
        .subnets(id("aws_subnet.private-eu-west-1a"))
        .tags(
            aws_sdk_elasticloadbalancingv2::types::Tag::builder()
                .key("kubernetes.io/cluster/prod-eu")
                .value("owned")
                .build(),
        )
        .send()
        .await
        .unwrap();

    classic_load_balancer(&client, id("aws_subnet.private-eu-west-1a"), group.group_id().unwrap(), &machine).await;

    assert!(rig::plan(&rig.session(), &example()).await.is_empty(), "a normal plan does not look at them");
    rig.sandbox.call_log().clear();
    let plan = rig.destroy("prod-eu").await;
    let made = |change: &&Change| change.reason == Reason::MadeByKubernetes;
    let leftovers: BTreeSet<_> = plan.changes.iter().filter(made).map(|change| change.address.clone()).collect();
    assert_eq!(leftovers.len(), 4, "{leftovers:?}");
    assert!(leftovers.contains(&"aws_kubernetes_classic_load_balancer.a0123456789abcdef".parse().unwrap()));
    // As long as a machine is there, its controllers make anew what is removed, and it holds on to its volumes.
    let machines = ["aws_instance", "aws_autoscaling_group"];
    for change in plan.changes.iter().filter(|change| machines.contains(&change.address.kind())) {
        assert!(change.depended_on.is_superset(&leftovers), "{}: {:?}", change.address, change.depended_on);
    }
    let calls = rig.sandbox.call_log().all();
    let in_use = calls.iter().find(|call| call.operation == "DeleteVolume" && call.error.is_some());
    assert!(in_use.is_none(), "{in_use:?}");
    assert_eq!(rig.sandbox.inventory("aws"), before);
}

#[tokio::test]
async fn tags_that_others_put_on_the_bucket_stay() {
    let rig = Rig::recorded("lifecycle", Config::default()).await;
    let (_, state) = rig.converge(&example()).await;
    let bucket = &state.resources.iter().find(|(address, _)| address.kind() == "aws_s3_bucket").unwrap().1.id;
    let client = rig.aws_client().await;
    let read = async || client.s3.get_bucket_tagging().bucket(bucket).send().await.unwrap().tag_set;
    let mut tags = read().await;
    tags.push(aws_sdk_s3::types::Tag::builder().key("payer").value("someone else").build().unwrap());
    let tagging = aws_sdk_s3::types::Tagging::builder().set_tag_set(Some(tags.clone())).build().unwrap();
    client.s3.put_bucket_tagging().bucket(bucket).tagging(tagging).send().await.unwrap();
    // Without the mark of what is set, everything is set again.
    let objects = client.s3.list_objects_v2().bucket(bucket).prefix("settings/").send().await.unwrap();
    let mark = objects.contents()[0].key().unwrap();
    client.s3.delete_object().bucket(bucket).key(mark).send().await.unwrap();

    let (plan, _) = rig.converge(&example()).await;
    assert_eq!(plan.effective().count(), 1);
    let sorted = |mut tags: Vec<aws_sdk_s3::types::Tag>| {
        tags.sort_by(|a, b| a.key.cmp(&b.key));
        tags
    };
    assert_eq!(sorted(read().await), sorted(tags));
    rig.destroy("prod-eu").await;
}

#[tokio::test]
async fn a_shared_network_is_used_and_left_alone() {
    let rig = Rig::recorded("lifecycle", Config::default()).await;
    let client = rig.aws_client().await;
    let vpc = client.ec2.create_vpc().cidr_block("10.4.0.0/16").send().await.unwrap();
    let vpc = vpc.vpc().unwrap().vpc_id().unwrap().to_owned();
    let mut spec = std::fs::read_to_string(root().join("tests/golden/shared-network/cluster.yaml")).unwrap();
    spec = spec.replace("vpc-0123456789abcdef0", &vpc);
    for (name, zone, cidr) in [
        ("subnet-0a", "eu-west-1a", "10.4.0.0/20"),
        ("subnet-0b", "eu-west-1b", "10.4.16.0/20"),
        ("subnet-0c", "eu-west-1c", "10.4.32.0/20"),
    ] {
        let made =
            client.ec2.create_subnet().vpc_id(&vpc).availability_zone(zone).cidr_block(cidr).send().await.unwrap();
        let id = made.subnet().unwrap().subnet_id().unwrap();
        spec = spec.replace(&format!("id: {name},"), &format!("id: {id},"));
    }
    let before = rig.sandbox.inventory("aws");
    rig.converge(&spec).await;
    assert!(rig::plan(&rig.session(), &spec).await.is_empty());
    rig.destroy("shared-network").await;
    assert_eq!(rig.sandbox.inventory("aws"), before);
    let subnets = client.ec2.describe_subnets().send().await.unwrap();
    assert!(subnets.subnets().iter().all(|subnet| subnet.tags().is_empty()), "shared subnets were tagged");
    // A spec that names what is not there is refused before anything is made.
    let wrong = spec.replace("10.4.16.0/20", "10.4.48.0/20");
    let session = rig.session();
    let error = format!("{:?}", session.plan(&rig::cluster(&session, &wrong)).await.unwrap_err());
    assert!(error.contains("10.4.16.0/20") || error.contains("10.4.48.0/20"), "{error}");
}

#[tokio::test]
async fn credentials_of_another_account_are_refused() {
    let rig = Rig::recorded("lifecycle", Config::default()).await;
    rig.converge(&example()).await;
    let path = rig.dir.path().join("clusters/prod-eu/state.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let other = text.replace("\"account\":\"123456789012\"", "\"account\":\"210987654321\"");
    assert_ne!(other, text);
    std::fs::write(&path, other).unwrap();
    let session = rig.session();
    // From there everything would look gone: neither a second cluster nor a forgotten one may come of it.
    let refused = session.plan(&rig::cluster(&session, &example())).await.unwrap_err();
    assert!(format!("{refused:?}").contains("stands in account 210987654321"), "{refused:?}");
    let refused = session.plan_destroy("prod-eu").await.unwrap_err();
    assert!(format!("{refused:?}").contains("stands in account 210987654321"), "{refused:?}");
    std::fs::write(&path, text).unwrap();
    rig.destroy("prod-eu").await;
}
