//! What clouds do on bad days, on the sandbox.

use meridian_sandbox::{Config, Effect, Fault};
use meridian_tests::binary::root;
use meridian_tests::clouds::{CLOUDS, TestCloud};
use meridian_tests::rig::{self, Rig};

fn example() -> String {
    std::fs::read_to_string(root().join("examples/aws.yaml")).unwrap()
}

/// Makes and destroys the example of a cloud while `faults` happen; gives how often calls were tried again.
async fn survives(cloud: TestCloud, faults: Vec<Fault>) -> usize {
    let rig = Rig::recorded("faults", Config { faults, ..Config::default() }).await;
    let session = rig.session();
    let plan = rig::plan(&session, &cloud.example()).await;
    let (report, _) = rig::apply(&session, &plan).await;
    assert!(report.is_complete(), "{}: {:#?}", cloud.name, report.failed);
    rig.sandbox.faults().clear();
    let again = rig::plan(&rig.session(), &cloud.example()).await;
    assert!(again.is_empty(), "{}", meridian_cli::views::plain(&meridian_cli::views::text::plan(&again)));
    let calls = rig.sandbox.call_log().by_operation();
    rig.destroy("prod-eu").await;
    let left = rig.sandbox.inventory(cloud.name);
    let fresh = Rig::start("faults", Config::default()).await.sandbox.inventory(cloud.name);
    assert_eq!(left, fresh, "{}: after {calls:?}", cloud.name);
    session.stats().retries
}

#[tokio::test]
async fn throttling_is_waited_out() {
    for cloud in CLOUDS {
        assert!(survives(cloud, vec![Fault::new(Effect::Throttle).times(40)]).await >= 30, "{}", cloud.name);
    }
}

#[tokio::test]
async fn server_errors_and_missing_capacity_are_tried_again() {
    for (cloud, launch) in
        CLOUDS.into_iter().zip(["RunInstances", "instances.insert", "VirtualMachines_CreateOrUpdate"])
    {
        let error = "effect=server-error,times=10,after=20".parse().unwrap();
        let capacity = Fault::new(Effect::Capacity).on(launch).times(2);
        assert!(survives(cloud, vec![error, capacity]).await >= 3, "{}", cloud.name);
    }
}

#[tokio::test]
async fn answers_that_never_come_make_nothing_twice() {
    let making: [&[&str]; 3] = [
        &["Create*", "Run*", "Allocate*", "Put*", "Attach*", "Authorize*", "Import*", "Change*"],
        &["*.insert", "*.create", "*.patch", "*.setIamPolicy", "*.add*"],
        &["*_Create*", "*_Update*", "*_Put*", "BlockBlob*"],
    ];
    for (cloud, operations) in CLOUDS.into_iter().zip(making) {
        for operation in operations {
            survives(cloud, vec![Fault::new(Effect::CutAfter).on(operation).times(3)]).await;
        }
    }
}

#[tokio::test]
async fn broken_connections_are_survived_whatever_was_asked() {
    for cloud in CLOUDS {
        for effect in ["cut-before", "cut-after"] {
            survives(cloud, vec![format!("effect={effect},every=7,times=30").parse().unwrap()]).await;
        }
    }
}

/// Services hear of each other's resources, and of their own, some seconds after they were made.
#[tokio::test]
async fn what_is_not_visible_yet_is_waited_for() {
    let calls = "Describe Get List Create Run Attach Associate Modify Authorize Register Put Add Change";
    let hidden = |verb: &str| format!("effect=not-visible,operation={verb}*,times=2").parse().unwrap();
    survives(CLOUDS[0], calls.split(' ').map(hidden).collect()).await;
}

#[tokio::test]
async fn a_detach_whose_answer_never_comes_is_not_waited_for() {
    let rig = Rig::recorded("faults", Config::default()).await;
    let plan = rig::plan(&rig.session(), &example()).await;
    rig::apply(&rig.session(), &plan).await;
    let detach = "DetachInternetGateway";
    rig.sandbox.faults().add(Fault::new(Effect::CutAfter).on(detach).times(1));
    rig.sandbox.call_log().clear();
    rig.destroy("prod-eu").await;
    // Sent again, it is told that there is nothing to detach, and that is success.
    let calls = rig.sandbox.call_log().by_operation();
    assert!((2..20).contains(&calls[&format!("ec2:{detach}")]), "{calls:?}");
}

#[tokio::test]
async fn a_denied_call_stops_only_what_needs_it_and_says_what_to_do() {
    let denied = Fault::new(Effect::Denied).on("CreateNatGateway");
    let rig = Rig::recorded("faults", Config { faults: vec![denied], ..Config::default() }).await;
    let session = rig.session();
    let plan = rig::plan(&session, &example()).await;
    let (report, state) = rig::apply(&session, &plan).await;
    assert_eq!(report.failed.len(), 3, "{:#?}", report.failed);
    assert!(
        report.failed.iter().all(|failure| failure.error.contains("UnauthorizedOperation")),
        "{:#?}",
        report.failed
    );
    let state = state.unwrap();
    let made = |address: &str| state.resources.contains_key(&address.parse().unwrap());
    assert!(made("aws_lb.api") && made("aws_instance.control-plane-0") && !made("aws_nat_gateway.eu-west-1a"));

    rig.sandbox.faults().clear();
    let (_, state) = rig.converge(&example()).await;
    assert!(state.resources.contains_key(&"aws_nat_gateway.eu-west-1a".parse().unwrap()));
    rig.destroy("prod-eu").await;
}
