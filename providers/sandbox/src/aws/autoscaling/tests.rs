//! Autoscaling through HTTP.

use std::time::Duration;

use crate::aws::testing::{Answer, ec2, ok, query, sandbox, start};
use crate::{Config, Effect, Fault, Pace, Sandbox};

async fn asg(sandbox: &Sandbox, operation: &str, parameters: &[(&str, &str)]) -> Answer {
    query(sandbox, "autoscaling", "2011-01-01", "eu-west-1", operation, parameters).await
}

struct Base {
    subnets: String,
    template: String,
    image: String,
}

async fn base(sandbox: &Sandbox) -> Base {
    let vpc = ok(sandbox, "CreateVpc", &[("CidrBlock", "10.0.0.0/16")]).await.value("vpcId");
    let mut subnets = Vec::new();
    for (cidr, zone) in [("10.0.0.0/24", "eu-west-1a"), ("10.0.1.0/24", "eu-west-1b")] {
        let parameters = [("VpcId", vpc.as_str()), ("CidrBlock", cidr), ("AvailabilityZone", zone)];
        subnets.push(ok(sandbox, "CreateSubnet", &parameters).await.value("subnetId"));
    }
    let images = [("Owner.1", "099720109477"), ("Filter.1.Name", "architecture"), ("Filter.1.Value.1", "x86_64")];
    let image = ok(sandbox, "DescribeImages", &images).await.value("imageId");
    let template = [
        ("LaunchTemplateName", "workers"),
        ("LaunchTemplateData.ImageId", image.as_str()),
        ("LaunchTemplateData.InstanceType", "m7i.large"),
    ];
    let template = ok(sandbox, "CreateLaunchTemplate", &template).await.value("launchTemplateId");
    Base { subnets: subnets.join(","), template, image }
}

async fn create(sandbox: &Sandbox, base: &Base, min: &str, max: &str) -> Answer {
    let parameters = [
        ("AutoScalingGroupName", "pool"),
        ("MinSize", min),
        ("MaxSize", max),
        ("VPCZoneIdentifier", &base.subnets),
        ("LaunchTemplate.LaunchTemplateId", &base.template),
        ("LaunchTemplate.Version", "$Latest"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "a"),
        ("Tags.member.1.PropagateAtLaunch", "true"),
    ];
    asg(sandbox, "CreateAutoScalingGroup", &parameters).await
}

async fn group(sandbox: &Sandbox) -> Answer {
    let parameters = [("AutoScalingGroupNames.member.1", "pool")];
    asg(sandbox, "DescribeAutoScalingGroups", &parameters).await
}

#[tokio::test]
async fn a_group_holds_its_size_and_spreads() {
    let sandbox = sandbox().await;
    let base = base(&sandbox).await;
    assert_eq!(create(&sandbox, &base, "3", "2").await.code(), "ValidationError");
    assert_eq!(create(&sandbox, &base, "2", "4").await.code(), "");
    assert_eq!(create(&sandbox, &base, "2", "4").await.code(), "AlreadyExists");
    let ids = group(&sandbox).await.values("InstanceId");
    assert_eq!(ids.len(), 2);
    let seen = ok(&sandbox, "DescribeInstances", &[("InstanceId.1", &ids[0])]).await;
    assert!(seen.body.contains("aws:autoscaling:groupName"));
    assert!(seen.values("key").contains(&"team".to_owned()));
    ok(&sandbox, "TerminateInstances", &[("InstanceId.1", &ids[0])]).await;
    let after = group(&sandbox).await;
    let now = after.values("InstanceId");
    assert!(now.len() == 2 && !now.contains(&ids[0]) && now.contains(&ids[1]));
    let mut zones = after.values("AvailabilityZone");
    zones.sort();
    assert_eq!(zones, ["eu-west-1a", "eu-west-1b"]);
}

#[tokio::test]
async fn a_group_is_deleted_with_its_machines_over_time() {
    let sandbox = start(Config { pace: Pace { instance_stopping: 150, ..Pace::instant() }, ..Config::default() }).await;
    let base = base(&sandbox).await;
    create(&sandbox, &base, "2", "4").await;
    let name = ("AutoScalingGroupName", "pool");
    assert_eq!(asg(&sandbox, "DeleteAutoScalingGroup", &[name]).await.code(), "ResourceInUse");
    let force = [name, ("ForceDelete", "true")];
    assert_eq!(asg(&sandbox, "DeleteAutoScalingGroup", &force).await.code(), "");
    assert_eq!(group(&sandbox).await.value("Status"), "Delete in progress");
    assert_eq!(create(&sandbox, &base, "0", "1").await.code(), "AlreadyExists");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(group(&sandbox).await.value("AutoScalingGroups"), "");
    assert!(!sandbox.inventory("aws").keys().any(|kind| kind.ends_with("instance")));
}

#[tokio::test]
async fn a_refresh_replaces_what_is_old() {
    let sandbox = sandbox().await;
    let base = base(&sandbox).await;
    create(&sandbox, &base, "2", "4").await;
    let before = group(&sandbox).await.values("InstanceId");
    let version = [
        ("LaunchTemplateId", base.template.as_str()),
        ("LaunchTemplateData.ImageId", &base.image),
        ("LaunchTemplateData.InstanceType", "m7i.xlarge"),
    ];
    ok(&sandbox, "CreateLaunchTemplateVersion", &version).await;
    let refresh = [
        ("AutoScalingGroupName", "pool"),
        ("Preferences.MinHealthyPercentage", "50"),
        ("Preferences.SkipMatching", "true"),
    ];
    let started = asg(&sandbox, "StartInstanceRefresh", &refresh).await;
    assert_eq!(started.code(), "", "{}", started.body);
    let name = [("AutoScalingGroupName", "pool")];
    let seen = asg(&sandbox, "DescribeInstanceRefreshes", &name).await;
    assert_eq!(seen.value("Status"), "Successful");
    let after = group(&sandbox).await;
    assert!(after.values("InstanceId").iter().all(|id| !before.contains(id)));
    assert_eq!(after.values("InstanceType"), ["m7i.xlarge", "m7i.xlarge"]);
    assert_eq!(asg(&sandbox, "CancelInstanceRefresh", &name).await.code(), "ActiveInstanceRefreshNotFound");
}

#[tokio::test]
async fn a_launch_without_capacity_is_tried_again() {
    let sandbox = sandbox().await;
    let base = base(&sandbox).await;
    sandbox.faults().add(Fault::new(Effect::Capacity).on("RunInstances").times(1));
    create(&sandbox, &base, "1", "1").await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(group(&sandbox).await.values("InstanceId").len(), 1);
    let activities = asg(&sandbox, "DescribeScalingActivities", &[]).await;
    assert_eq!(activities.values("StatusCode"), ["Successful", "Failed"]);
}

#[tokio::test]
async fn a_mixed_group_of_spot_machines() {
    let sandbox = sandbox().await;
    let base = base(&sandbox).await;
    let policy = "MixedInstancesPolicy.LaunchTemplate";
    let template = format!("{policy}.LaunchTemplateSpecification.LaunchTemplateId");
    let (one, two) =
        (format!("{policy}.Overrides.member.1.InstanceType"), format!("{policy}.Overrides.member.2.InstanceType"));
    let mut parameters = vec![
        ("AutoScalingGroupName", "pool"),
        ("MinSize", "2"),
        ("MaxSize", "2"),
        ("VPCZoneIdentifier", &base.subnets),
        (&template, &base.template),
        (&one, "m6i.large"),
        (&two, "m7i.large"),
        ("MixedInstancesPolicy.InstancesDistribution.OnDemandPercentageAboveBaseCapacity", "0"),
    ];
    let made = asg(&sandbox, "CreateAutoScalingGroup", &parameters).await;
    assert_eq!(made.code(), "", "{}", made.body);
    let spot = [("Filter.1.Name", "instance-lifecycle"), ("Filter.1.Value.1", "spot")];
    let found = ec2(&sandbox, "DescribeInstances", &spot).await;
    assert_eq!(found.values("instanceType"), ["m6i.large", "m6i.large"]);
    parameters.push(("LaunchTemplate.LaunchTemplateId", &base.template));
    parameters[0].1 = "other";
    assert_eq!(asg(&sandbox, "CreateAutoScalingGroup", &parameters).await.code(), "ValidationError");
}

#[tokio::test]
async fn tags_filter_groups() {
    let sandbox = sandbox().await;
    let base = base(&sandbox).await;
    create(&sandbox, &base, "0", "1").await;
    let filter = |name: &'static str, value: &'static str| {
        [("Filters.member.1.Name", name), ("Filters.member.1.Values.member.1", value)]
    };
    for (name, value, count) in [("tag:team", "a", 1), ("tag:team", "b", 0), ("tag-key", "team", 1)] {
        let found = asg(&sandbox, "DescribeAutoScalingGroups", &filter(name, value)).await;
        assert_eq!(found.values("AutoScalingGroupARN").len(), count, "{name}={value}");
    }
    let unknown = asg(&sandbox, "DescribeAutoScalingGroups", &filter("colour", "red")).await;
    assert_eq!(unknown.code(), "ValidationError");
}

#[tokio::test]
async fn machines_leave_a_zone_that_their_group_has_left_when_others_serve() {
    let pace = Pace { asg_scale: 60, instance_pending: 60, instance_stopping: 60, ..Pace::instant() };
    let sandbox = start(Config { pace, ..Config::default() }).await;
    let base = base(&sandbox).await;
    create(&sandbox, &base, "2", "2").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let zones = |group: &Answer| {
        let mut zones = group.values("AvailabilityZone");
        zones.sort();
        zones
    };
    assert_eq!(zones(&group(&sandbox).await), ["eu-west-1a", "eu-west-1b"]);
    let stays = base.subnets.split_once(',').unwrap().0;
    let shrink = [("AutoScalingGroupName", "pool"), ("VPCZoneIdentifier", stays)];
    assert_eq!(asg(&sandbox, "UpdateAutoScalingGroup", &shrink).await.code(), "");
    assert_eq!(zones(&group(&sandbox).await), ["eu-west-1a", "eu-west-1b"], "it takes time");
    tokio::time::sleep(Duration::from_millis(90)).await;
    assert_eq!(zones(&group(&sandbox).await), ["eu-west-1a", "eu-west-1a", "eu-west-1b"], "the new one comes first");
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(zones(&group(&sandbox).await), ["eu-west-1a", "eu-west-1a"]);
}
