//! Load balancing through HTTP.

use crate::aws::testing::{Answer, ok, query, sandbox};
use crate::{Config, Pace, Sandbox};

async fn elb(sandbox: &Sandbox, operation: &str, parameters: &[(&str, &str)]) -> Answer {
    query(sandbox, "elasticloadbalancing", "2015-12-01", "eu-west-1", operation, parameters).await
}

/// An operation, its parameters, and the code that it ends with.
type Step<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

struct Network {
    vpc: String,
    subnets: Vec<String>,
    gateway: String,
}

async fn network(sandbox: &Sandbox) -> Network {
    let vpc = ok(sandbox, "CreateVpc", &[("CidrBlock", "10.0.0.0/16")]).await.value("vpcId");
    let mut subnets = Vec::new();
    for (cidr, zone) in [("10.0.0.0/24", "eu-west-1a"), ("10.0.1.0/24", "eu-west-1b"), ("10.0.2.0/24", "eu-west-1b")] {
        let parameters = [("VpcId", vpc.as_str()), ("CidrBlock", cidr), ("AvailabilityZone", zone)];
        subnets.push(ok(sandbox, "CreateSubnet", &parameters).await.value("subnetId"));
    }
    let gateway = ok(sandbox, "CreateInternetGateway", &[]).await.value("internetGatewayId");
    Network { vpc, subnets, gateway }
}

async fn attach(sandbox: &Sandbox, network: &Network) {
    let parameters = [("VpcId", network.vpc.as_str()), ("InternetGatewayId", &network.gateway)];
    ok(sandbox, "AttachInternetGateway", &parameters).await;
}

async fn balancer(sandbox: &Sandbox, subnets: &[&str]) -> Answer {
    let keys: Vec<String> = (1..=subnets.len()).map(|at| format!("Subnets.member.{at}")).collect();
    let mut parameters = vec![("Name", "api"), ("Type", "network")];
    parameters.extend(keys.iter().map(String::as_str).zip(subnets.iter().copied()));
    elb(sandbox, "CreateLoadBalancer", &parameters).await
}

async fn target_group(sandbox: &Sandbox, vpc: &str, port: &str) -> Answer {
    let parameters = [("Name", "api"), ("Protocol", "TCP"), ("Port", port), ("VpcId", vpc), ("TargetType", "ip")];
    elb(sandbox, "CreateTargetGroup", &parameters).await
}

#[tokio::test]
async fn creation_is_idempotent_and_strict() {
    let sandbox = sandbox().await;
    let network = network(&sandbox).await;
    let [a, b, b2] = [0, 1, 2].map(|at| network.subnets[at].as_str());
    assert_eq!(balancer(&sandbox, &[a, b]).await.code(), "InvalidSubnet");
    attach(&sandbox, &network).await;
    assert_eq!(balancer(&sandbox, &[a, b, b2]).await.code(), "InvalidConfigurationRequest");
    assert_eq!(balancer(&sandbox, &["subnet-0"]).await.code(), "SubnetNotFound");
    let first = balancer(&sandbox, &[a, b]).await;
    assert_eq!(first.value("Code"), "active");
    let again = balancer(&sandbox, &[a, b]).await;
    assert_eq!(first.value("LoadBalancerArn"), again.value("LoadBalancerArn"));
    assert_eq!(balancer(&sandbox, &[a]).await.code(), "DuplicateLoadBalancerName");
}

#[tokio::test]
async fn protection_and_use_hold_deletion_up() {
    let sandbox = sandbox().await;
    let network = network(&sandbox).await;
    attach(&sandbox, &network).await;
    let balancer = balancer(&sandbox, &[&network.subnets[0]]).await.value("LoadBalancerArn");
    let group = target_group(&sandbox, &network.vpc, "6443").await.value("TargetGroupArn");
    assert_eq!(target_group(&sandbox, &network.vpc, "80").await.code(), "DuplicateTargetGroupName");
    let listener = [
        ("LoadBalancerArn", balancer.as_str()),
        ("Protocol", "TCP"),
        ("Port", "443"),
        ("DefaultActions.member.1.Type", "forward"),
        ("DefaultActions.member.1.TargetGroupArn", &group),
    ];
    let made = elb(&sandbox, "CreateListener", &listener).await;
    assert_eq!(made.code(), "", "{}", made.body);
    let of_balancer = ("LoadBalancerArn", balancer.as_str());
    let protect = |value: &'static str| {
        [of_balancer, ("Attributes.member.1.Key", "deletion_protection.enabled"), ("Attributes.member.1.Value", value)]
    };
    let of_group = [("TargetGroupArn", group.as_str())];
    let steps: [Step<'_>; 7] = [
        ("DeleteTargetGroup", &of_group, "ResourceInUse"),
        ("ModifyLoadBalancerAttributes", &protect("true"), ""),
        ("DeleteLoadBalancer", &[of_balancer], "OperationNotPermitted"),
        ("ModifyLoadBalancerAttributes", &protect("perhaps"), "ValidationError"),
        ("ModifyLoadBalancerAttributes", &protect("false"), ""),
        ("DeleteLoadBalancer", &[of_balancer], ""),
        ("DeleteTargetGroup", &of_group, ""),
    ];
    for (operation, parameters, code) in steps {
        let answer = elb(&sandbox, operation, parameters).await;
        assert_eq!(answer.code(), code, "{operation}: {}", answer.body);
    }
    ok(&sandbox, "DeleteSubnet", &[("SubnetId", &network.subnets[0])]).await;
}

#[tokio::test]
async fn interfaces_outlive_their_load_balancer_for_a_moment() {
    let sandbox = crate::aws::testing::start(Config {
        pace: Pace { load_balancer_deleting: 150, ..Pace::instant() },
        ..Config::default()
    })
    .await;
    let network = network(&sandbox).await;
    attach(&sandbox, &network).await;
    let arn = balancer(&sandbox, &[&network.subnets[0]]).await.value("LoadBalancerArn");
    elb(&sandbox, "DeleteLoadBalancer", &[("LoadBalancerArn", &arn)]).await;
    let delete = [("SubnetId", network.subnets[0].as_str())];
    let early = crate::aws::testing::ec2(&sandbox, "DeleteSubnet", &delete).await;
    assert_eq!(early.code(), "DependencyViolation");
    tokio::time::sleep(std::time::Duration::from_millis(170)).await;
    ok(&sandbox, "DeleteSubnet", &delete).await;
}

#[tokio::test]
async fn targets_belong_to_the_network() {
    let sandbox = sandbox().await;
    let network = network(&sandbox).await;
    let group = target_group(&sandbox, &network.vpc, "6443").await.value("TargetGroupArn");
    let register = |address: &'static str| {
        let parameters = [("TargetGroupArn", group.clone()), ("Targets.member.1.Id", address.to_owned())];
        let sandbox = &sandbox;
        async move {
            let parameters = parameters.each_ref().map(|(key, value)| (*key, value.as_str()));
            elb(sandbox, "RegisterTargets", &parameters).await.code()
        }
    };
    assert_eq!(register("10.0.0.9").await, "");
    assert_eq!(register("10.9.0.9").await, "InvalidTarget");
    assert_eq!(register("i-0123").await, "InvalidTarget");
    let health = elb(&sandbox, "DescribeTargetHealth", &[("TargetGroupArn", &group)]).await;
    assert_eq!(health.value("State"), "unused");
    assert_eq!(health.value("Reason"), "Target.NotInUse");
}

#[tokio::test]
async fn tags_are_described_for_twenty_at_most() {
    let sandbox = sandbox().await;
    let keys: Vec<String> = (1..=21).map(|at| format!("ResourceArns.member.{at}")).collect();
    let many: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "arn")).collect();
    assert_eq!(elb(&sandbox, "DescribeTags", &many).await.code(), "ValidationError");
}
