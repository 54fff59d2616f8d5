//! What someone else does on AWS alone: the kinds that Kubernetes' controllers have only there, and tags of a bucket, which are
//! all written at once.

use std::collections::BTreeSet;

use meridian_aws::client::Aws;
use meridian_engine::plan::{Change, Reason};
use meridian_sandbox::Config;
use meridian_tests::clouds::{CLOUDS, TestCloud};
use meridian_tests::rig::{self, Rig};

const AWS: TestCloud = CLOUDS[0];

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
async fn every_kind_that_kubernetes_makes_on_aws_goes_too() {
    let rig = Rig::recorded("others", Config::default()).await;
    let before = rig.sandbox.inventory("aws");
    let (_, state) = rig.converge(&AWS.example()).await;
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

    assert!(rig::plan(&rig.session(), &AWS.example()).await.is_empty(), "a normal plan does not look at them");
    rig.sandbox.call_log().clear();
    let plan = rig.destroy("prod-eu").await;
    let made = |change: &&Change| change.reason == Reason::Leftover;
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
    let rig = Rig::recorded("others", Config::default()).await;
    let (_, state) = rig.converge(&AWS.example()).await;
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

    let (plan, _) = rig.converge(&AWS.example()).await;
    assert_eq!(plan.effective().count(), 1);
    let sorted = |mut tags: Vec<aws_sdk_s3::types::Tag>| {
        tags.sort_by(|a, b| a.key.cmp(&b.key));
        tags
    };
    assert_eq!(sorted(read().await), sorted(tags));
    rig.destroy("prod-eu").await;
}
