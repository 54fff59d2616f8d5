//! The core through HTTP: protocol errors, faults, persistence, locking.

use super::testing::{authorization, ec2, ok, query, raw, sandbox, start};
use crate::{Config, Effect, Fault, Pace, Sandbox, StartError};

const CREATE: [(&str, &str); 1] = [("CidrBlock", "10.0.0.0/16")];

fn kept(dir: &std::path::Path) -> Config {
    Config { dir: Some(dir.to_owned()), pace: Pace::instant(), ..Config::default() }
}

/// A directory of the test's own that goes with it.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("meridian-sandbox-{name}-{:x}", rand::random::<u64>()));
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[tokio::test]
async fn who_is_nobody_is_refused() {
    let sandbox = sandbox().await;
    let answer = raw(&sandbox, "POST", "/", &[], b"Action=DescribeVpcs&Version=2016-11-15").await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "MissingAuthenticationToken"));
    let wrong = authorization("ec2", "nowhere");
    let answer = raw(&sandbox, "POST", "/", &[("authorization", &wrong)], b"Action=DescribeVpcs").await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn what_is_unknown_is_refused() {
    let sandbox = sandbox().await;
    assert_eq!(ec2(&sandbox, "MakeCoffee", &[]).await.code(), "InvalidAction");
    assert_eq!(ec2(&sandbox, "DescribeVpcs", &[("Colour", "red")]).await.code(), "UnknownParameter");
    let odd = [("Filter.1.Name", "colour"), ("Filter.1.Value.1", "red")];
    assert_eq!(ec2(&sandbox, "DescribeVpcs", &odd).await.code(), "InvalidParameterValue");
    let answer = query(&sandbox, "ec2", "2013-01-01", "eu-west-1", "DescribeVpcs", &[]).await;
    assert_eq!(answer.code(), "NoSuchVersion");
}

#[tokio::test]
async fn the_caller_is_told_who_it_is() {
    let sandbox = sandbox().await;
    let answer = query(&sandbox, "sts", "2011-06-15", "cn-north-1", "GetCallerIdentity", &[]).await;
    assert_eq!(answer.value("Account"), "123456789012");
    assert_eq!(answer.value("Arn"), "arn:aws-cn:iam::123456789012:user/sandbox");
}

#[tokio::test]
async fn an_unknown_parameter_leaves_nothing_behind() {
    let sandbox = sandbox().await;
    let answer = ec2(&sandbox, "CreateVpc", &[("CidrBlock", "10.0.0.0/16"), ("Colour", "red")]).await;
    assert_eq!(answer.code(), "UnknownParameter");
    let answer = ec2(&sandbox, "CreateVpc", &[("CidrBlock", "10.0.0.0/16"), ("DryRun", "true")]).await;
    assert_eq!((answer.status, answer.code().as_str()), (412, "DryRunOperation"));
    assert!(sandbox.inventory("aws").is_empty());
}

#[tokio::test]
async fn faults_strike_with_the_services_own_words() {
    let sandbox = sandbox().await;
    for (effect, status, code) in [
        (Effect::Throttle, 503, "RequestLimitExceeded"),
        (Effect::ServerError { status: 500 }, 500, "InternalError"),
        (Effect::Denied, 403, "UnauthorizedOperation"),
        (Effect::Expired, 400, "RequestExpired"),
        (Effect::Capacity, 500, "InsufficientInstanceCapacity"),
    ] {
        sandbox.faults().add(Fault::new(effect).on("DescribeVpcs").times(1));
        let answer = ec2(&sandbox, "DescribeVpcs", &[]).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
    ok(&sandbox, "DescribeVpcs", &[]).await;
    sandbox.faults().add(Fault::new(Effect::Throttle).times(1));
    let answer = query(&sandbox, "sts", "2011-06-15", "eu-west-1", "GetCallerIdentity", &[]).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "Throttling"));
}

#[tokio::test]
async fn what_was_just_made_may_not_be_visible_yet() {
    let sandbox = sandbox().await;
    let old = ok(&sandbox, "CreateVpc", &CREATE).await.value("vpcId");
    sandbox.faults().add("effect=not-visible,operation=Describe*,times=2".parse().unwrap());
    let new = ok(&sandbox, "CreateVpc", &CREATE).await.value("vpcId");
    let look = async |id: &str| ec2(&sandbox, "DescribeVpcs", &[("VpcId.1", id)]).await.code();
    assert_eq!(look(&old).await, "");
    assert_eq!(look(&new).await, "InvalidVpcID.NotFound");
    assert_eq!(ok(&sandbox, "DescribeVpcs", &[]).await.values("vpcId").len(), 2, "nothing is named");
    assert_eq!(look(&new).await, "InvalidVpcID.NotFound");
    assert_eq!(look(&new).await, "");
    sandbox.faults().add("effect=not-visible,times=1,service=route53".parse().unwrap());
    let newest = ok(&sandbox, "CreateVpc", &CREATE).await.value("vpcId");
    let zone = format!(
        "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Name>a.internal</Name>\
         <VPC><VPCRegion>eu-west-1</VPCRegion><VPCId>{newest}</VPCId></VPC><CallerReference>r</CallerReference>\
         </CreateHostedZoneRequest>"
    );
    let signed = authorization("route53", "us-east-1");
    let create = async || {
        let headers = [("authorization", signed.as_str())];
        raw(&sandbox, "POST", "/2013-04-01/hostedzone", &headers, zone.as_bytes()).await
    };
    assert_eq!(create().await.code(), "InvalidVPCId");
    assert_eq!(create().await.status, 201);
}

#[tokio::test]
async fn a_cut_comes_before_or_after_the_effect() {
    let sandbox = sandbox().await;
    sandbox.faults().add(Fault::new(Effect::CutBefore).on("CreateVpc").times(1));
    assert_eq!(ec2(&sandbox, "CreateVpc", &CREATE).await.status, 0);
    assert!(sandbox.inventory("aws").is_empty());
    sandbox.faults().add(Fault::new(Effect::CutAfter).on("CreateVpc").times(1));
    assert_eq!(ec2(&sandbox, "CreateVpc", &CREATE).await.status, 0);
    assert_eq!(sandbox.inventory("aws")["vpc"].len(), 1);
    let calls = sandbox.call_log().by_operation();
    assert_eq!(calls["ec2:CreateVpc"], 2);
}

#[tokio::test]
async fn latency_delays_the_answer() {
    let sandbox = sandbox().await;
    sandbox.faults().add("effect=latency,ms=60".parse().unwrap());
    ok(&sandbox, "DescribeVpcs", &[]).await;
    let call = sandbox.call_log().all().remove(0);
    assert!(call.end - call.start >= std::time::Duration::from_millis(60));
}

#[tokio::test]
async fn a_world_outlives_its_process() {
    let scratch = Scratch::new("outlive");
    let first = start(kept(&scratch.0)).await;
    let id = ok(&first, "CreateVpc", &CREATE).await.value("vpcId");
    let before = first.inventory("aws");
    first.shutdown().await;
    let second = start(kept(&scratch.0)).await;
    assert_eq!(second.inventory("aws"), before);
    ok(&second, "DeleteVpc", &[("VpcId", &id)]).await;
}

#[tokio::test]
async fn a_world_has_one_owner() {
    let scratch = Scratch::new("owner");
    let first = start(kept(&scratch.0)).await;
    let error = Sandbox::start(kept(&scratch.0)).await.unwrap_err();
    assert!(matches!(error, StartError::Store(_)), "{error}");
    first.shutdown().await;
    start(kept(&scratch.0)).await;
}

#[tokio::test]
async fn only_loopback_is_served() {
    let config = Config { listen: "0.0.0.0".parse().unwrap(), ..Config::default() };
    assert!(matches!(Sandbox::start(config).await, Err(StartError::NotLoopback(_))));
}
