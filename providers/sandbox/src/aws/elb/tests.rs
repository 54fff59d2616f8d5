//! Classic load balancing through HTTP.

use crate::aws::testing::{Answer, ec2, ok, query, sandbox, start};
use crate::{Config, Pace, Sandbox};

async fn elb(sandbox: &Sandbox, operation: &str, parameters: &[(&str, &str)]) -> Answer {
    query(sandbox, "elasticloadbalancing", super::VERSION, "eu-west-1", operation, parameters).await
}

/// A VPC and a subnet.
async fn network(sandbox: &Sandbox) -> (String, String) {
    let vpc = ok(sandbox, "CreateVpc", &[("CidrBlock", "10.0.0.0/16")]).await.value("vpcId");
    let parameters = [("VpcId", vpc.as_str()), ("CidrBlock", "10.0.0.0/24"), ("AvailabilityZone", "eu-west-1a")];
    let subnet = ok(sandbox, "CreateSubnet", &parameters).await.value("subnetId");
    (vpc, subnet)
}

/// A load balancer named `a`, but for what `other` says.
async fn create(sandbox: &Sandbox, subnet: &str, other: &[(&str, &str)]) -> Answer {
    let mut parameters = vec![
        ("LoadBalancerName", "a"),
        ("Scheme", "internal"),
        ("Subnets.member.1", subnet),
        ("Listeners.member.1.Protocol", "TCP"),
        ("Listeners.member.1.LoadBalancerPort", "80"),
        ("Listeners.member.1.InstancePort", "30080"),
        ("Tags.member.1.Key", "k"),
        ("Tags.member.1.Value", "v"),
    ];
    parameters.extend(other);
    elb(sandbox, "CreateLoadBalancer", &parameters).await
}

const NAME: (&str, &str) = ("LoadBalancerName", "a");

#[tokio::test]
async fn creation_is_strict() {
    let sandbox = sandbox().await;
    let (vpc, subnet) = network(&sandbox).await;
    for (other, code) in [
        (("Subnets.member.1", "subnet-0"), "SubnetNotFound"),
        (("Subnets.member.2", subnet.as_str()), "InvalidConfigurationRequest"),
        (("Scheme", "internet-facing"), "InvalidSubnet"),
        (("Scheme", "public"), "InvalidScheme"),
        (("SecurityGroups.member.1", "sg-0"), "InvalidSecurityGroup"),
        (("Listeners.member.1.Protocol", "UDP"), "UnsupportedProtocol"),
        (("Listeners.member.1.Protocol", "SSL"), "CertificateNotFound"),
        (("Listeners.member.1.InstanceProtocol", "HTTP"), "ValidationError"),
        (("Listeners.member.1.InstancePort", "65536"), "ValidationError"),
        (("AvailabilityZones.member.1", "eu-west-1a"), "ValidationError"),
        (("LoadBalancerName", "a_b"), "ValidationError"),
        (("Type", "network"), "InvalidParameter"),
    ] {
        let answer = create(&sandbox, &subnet, &[other]).await;
        assert_eq!(answer.code(), code, "{other:?}: {}", answer.body);
    }
    assert_eq!(create(&sandbox, &subnet, &[]).await.code(), "");
    assert_eq!(create(&sandbox, &subnet, &[]).await.code(), "DuplicateLoadBalancerName");
    let told = elb(&sandbox, "DescribeLoadBalancers", &[]).await;
    assert_eq!(told.value("VPCId"), vpc);
    assert_eq!(told.value("Scheme"), "internal");
    assert!(told.value("SecurityGroups").contains("sg-"), "the VPC's own: {}", told.body);
    assert_eq!(sandbox.inventory("aws")["elb/load-balancer"], ["a"]);
}

#[tokio::test]
async fn the_version_tells_the_services_apart() {
    let sandbox = sandbox().await;
    let (_, subnet) = network(&sandbox).await;
    create(&sandbox, &subnet, &[]).await;
    let second = query(&sandbox, "elasticloadbalancing", "2015-12-01", "eu-west-1", "DescribeLoadBalancers", &[]).await;
    assert_eq!((second.code().as_str(), second.values("member").len()), ("", 0), "{}", second.body);
    let other = query(&sandbox, "elasticloadbalancing", "2011-11-15", "eu-west-1", "DescribeLoadBalancers", &[]).await;
    assert_eq!(other.code(), "NoSuchVersion");
}

#[tokio::test]
async fn tags_and_attributes_are_kept() {
    let sandbox = sandbox().await;
    let (_, subnet) = network(&sandbox).await;
    create(&sandbox, &subnet, &[]).await;
    let named = ("LoadBalancerNames.member.1", "a");
    let added = [named, ("Tags.member.1.Key", "l"), ("Tags.member.1.Value", "w")];
    assert_eq!(elb(&sandbox, "AddTags", &added).await.code(), "");
    assert_eq!(elb(&sandbox, "DescribeTags", &[named]).await.values("Key"), ["k", "l"]);
    let missing = [named, ("LoadBalancerNames.member.2", "b")];
    assert_eq!(elb(&sandbox, "DescribeTags", &missing).await.code(), "LoadBalancerNotFound");
    let timeout = ("LoadBalancerAttributes.ConnectionSettings.IdleTimeout", "120");
    let modified = elb(&sandbox, "ModifyLoadBalancerAttributes", &[NAME, timeout]).await;
    assert_eq!(modified.value("IdleTimeout"), "120", "{}", modified.body);
    let long = ("LoadBalancerAttributes.ConnectionSettings.IdleTimeout", "4000");
    assert_eq!(elb(&sandbox, "ModifyLoadBalancerAttributes", &[NAME, long]).await.code(), "ValidationError");
    let instance = ("Instances.member.1.InstanceId", "i-0");
    assert_eq!(elb(&sandbox, "RegisterInstancesWithLoadBalancer", &[NAME, instance]).await.code(), "InvalidInstance");
}

#[tokio::test]
async fn interfaces_outlive_their_load_balancer_for_a_moment() {
    let pace = Pace { load_balancer_deleting: 150, ..Pace::instant() };
    let sandbox = start(Config { pace, ..Config::default() }).await;
    let (_, subnet) = network(&sandbox).await;
    create(&sandbox, &subnet, &[]).await;
    assert_eq!(elb(&sandbox, "DeleteLoadBalancer", &[NAME]).await.code(), "");
    assert_eq!(elb(&sandbox, "DeleteLoadBalancer", &[NAME]).await.code(), "", "nothing to delete is success");
    let delete = [("SubnetId", subnet.as_str())];
    assert_eq!(ec2(&sandbox, "DeleteSubnet", &delete).await.code(), "DependencyViolation");
    tokio::time::sleep(std::time::Duration::from_millis(170)).await;
    ok(&sandbox, "DeleteSubnet", &delete).await;
}
