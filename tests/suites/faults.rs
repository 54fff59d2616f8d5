//! What clouds do on bad days, on the sandbox.

use meridian_gcp::load_balancer::HealthCheck;
use meridian_provider_api::{ErrorKind, KindOps as _, New};
use meridian_sandbox::{Config, Effect, Fault, Quotas};
use meridian_tests::clouds::{CLOUDS, TestCloud};
use meridian_tests::rig::{self, Rig};

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
    // The calls of each cloud that only look or add.
    let calls = [
        ("aws", "Describe* Get* List* Create* Run* Attach* Associate* Modify* Authorize* Register* Put* Add* Change*"),
        ("gcp", "*.get* *.list* *.insert *.create *.patch *.update *.add* *.set*"),
        ("azure", "*_Get* *_List* *_Create* *_Update* *_Put* BlockBlob*"),
    ];
    let hidden = |verb: &str| format!("effect=not-visible,operation={verb},times=2").parse().unwrap();
    for (cloud, calls) in calls {
        survives(TestCloud::named(cloud), calls.split(' ').map(hidden).collect()).await;
    }
}

/// An operation that has ended is all that the cloud has to say to its request id.
#[tokio::test]
async fn a_create_that_was_refused_is_begun_anew_by_the_next_run() {
    let cloud = TestCloud::named("gcp");
    let refused = "effect=fail-at-end,operation=instances.insert,code=QUOTA_EXCEEDED".parse().unwrap();
    let rig = Rig::recorded("faults", Config { faults: vec![refused], ..Config::default() }).await;
    let plan = rig::plan(&rig.session(), &cloud.example()).await;
    let (report, _) = rig::apply(&rig.session(), &plan).await;
    assert_eq!(report.failed.len(), 3, "{:#?}", report.failed);
    assert!(report.failed.iter().all(|failure| failure.error.contains("QUOTA_EXCEEDED")), "{:#?}", report.failed);
    rig.sandbox.faults().clear();
    rig.sandbox.call_log().clear();
    rig.converge(&cloud.example()).await;
    assert_eq!(rig.sandbox.call_log().by_operation()["compute:instances.insert"], 3, "once for each machine");
    rig.destroy("prod-eu").await;
}

/// A run that is killed while it waits for capacity leaves ids behind that stand for failures, and writes nothing down.
#[tokio::test]
async fn an_id_that_stands_for_a_failure_is_passed_over() {
    let rig = Rig::recorded("faults", Config::default()).await;
    let client = rig.gcp_client().await;
    let check = HealthCheck {
        name: "api".to_owned(),
        protocol: "TCP".to_owned(),
        port: 6443,
        path: None,
        interval_seconds: 10,
        timeout_seconds: 5,
        healthy_threshold: 2,
        unhealthy_threshold: 2,
    };
    let new =
        New { address: "google_compute_region_health_check.api".parse().unwrap(), token: "0123456789abcdef".repeat(2) };
    let insert = "regionHealthChecks.insert";
    rig.sandbox
        .faults()
        .add(format!("effect=fail-at-end,operation={insert},code=QUOTA_EXCEEDED,times=1").parse().unwrap());
    assert_eq!(check.create(&client, &new).await.unwrap_err().kind, ErrorKind::Quota);
    check.create(&client, &new).await.unwrap();
    assert_eq!(rig.sandbox.call_log().by_operation()[&format!("compute:{insert}")], 3);
}

#[tokio::test]
async fn a_quota_that_is_reached_is_named_and_stops_only_what_needs_more() {
    let quotas = Quotas::default();
    for (cloud, quotas, says, made, missing) in [
        ("aws", Quotas { addresses: 0, ..quotas }, "AddressLimitExceeded", "aws_lb.api", "aws_nat_gateway.eu-west-1a"),
        (
            "gcp",
            Quotas { instances: 0, ..quotas },
            "Quota 'INSTANCES' exceeded",
            "google_compute_forwarding_rule.api",
            "google_compute_instance.control-plane-0",
        ),
    ] {
        let spec = TestCloud::named(cloud).example();
        let rig = Rig::recorded("faults", Config { quotas, ..Config::default() }).await;
        let plan = rig::plan(&rig.session(), &spec).await;
        let (report, state) = rig::apply(&rig.session(), &plan).await;
        assert_eq!(report.failed.len(), 3, "{:#?}", report.failed);
        let names_it = |error: &str| error.contains("quota exceeded") && error.contains(says);
        assert!(report.failed.iter().all(|failure| names_it(&failure.error)), "{:#?}", report.failed);
        let resources = state.unwrap().resources;
        assert!(resources.contains_key(&made.parse().unwrap()) && !resources.contains_key(&missing.parse().unwrap()));
        rig.destroy("prod-eu").await;
    }
}

/// Sent again, it is told that there is nothing to remove, and that is success.
#[tokio::test]
async fn a_removal_whose_answer_never_comes_is_not_waited_for() {
    let removals = [
        ("aws", "DetachInternetGateway", "ec2"),
        ("gcp", "routers.delete", "compute"),
        ("azure", "NatGateways_Delete", "Microsoft.Network"),
    ];
    for (cloud, removal, service) in removals {
        let cloud = TestCloud::named(cloud);
        let rig = Rig::recorded("faults", Config::default()).await;
        rig.converge(&cloud.example()).await;
        rig.sandbox.faults().add(Fault::new(Effect::CutAfter).on(removal).times(1));
        rig.sandbox.call_log().clear();
        rig.destroy("prod-eu").await;
        let calls = rig.sandbox.call_log().by_operation();
        assert!((2..20).contains(&calls[&format!("{service}:{removal}")]), "{}: {calls:?}", cloud.name);
    }
}

#[tokio::test]
async fn a_denied_call_stops_only_what_needs_it_and_says_what_to_do() {
    let denials = [
        ("aws", "CreateNatGateway", "UnauthorizedOperation", "aws_nat_gateway", "aws_lb.api"),
        ("gcp", "routers.insert", "forbidden", "google_compute_router", "google_compute_forwarding_rule.api"),
        ("azure", "NatGateways_CreateOrUpdate", "AuthorizationFailed", "azure_nat_gateway", "azure_lb.api"),
    ];
    for (cloud, operation, code, kind, other) in denials {
        let cloud = TestCloud::named(cloud);
        let denied = Fault::new(Effect::Denied).on(operation);
        let rig = Rig::recorded("faults", Config { faults: vec![denied], ..Config::default() }).await;
        let plan = rig::plan(&rig.session(), &cloud.example()).await;
        let (report, state) = rig::apply(&rig.session(), &plan).await;
        let wanted = plan.changes.iter().filter(|change| change.address.kind() == kind).count();
        assert_eq!(report.failed.len(), wanted, "{:#?}", report.failed);
        let says_it = |error: &str| error.contains("denied") && error.contains(code);
        assert!(report.failed.iter().all(|failure| says_it(&failure.error)), "{:#?}", report.failed);
        let made = state.unwrap().resources;
        assert!(made.contains_key(&other.parse().unwrap()) && !made.keys().any(|address| address.kind() == kind));

        rig.sandbox.faults().clear();
        let (_, state) = rig.converge(&cloud.example()).await;
        assert_eq!(state.resources.keys().filter(|address| address.kind() == kind).count(), wanted);
        rig.destroy("prod-eu").await;
    }
}

#[tokio::test]
async fn an_operation_that_fails_at_its_end_says_why() {
    let cloud = TestCloud::named("azure");
    let failing = "effect=fail-at-end,operation=VirtualMachines_CreateOrUpdate,code=QuotaExceeded".parse().unwrap();
    let rig = Rig::recorded("faults", Config { faults: vec![failing], ..Config::default() }).await;
    let plan = rig::plan(&rig.session(), &cloud.example()).await;
    let (report, _) = rig::apply(&rig.session(), &plan).await;
    assert_eq!(report.failed.len(), 3, "{:#?}", report.failed);
    let says_it = |error: &str| error.contains("QuotaExceeded") && error.contains("The operation failed");
    assert!(report.failed.iter().all(|failure| says_it(&failure.error)), "{:#?}", report.failed);
    rig.sandbox.faults().clear();
    rig.converge(&cloud.example()).await;
    assert!(rig::plan(&rig.session(), &cloud.example()).await.is_empty());
    rig.destroy("prod-eu").await;
}

#[tokio::test]
async fn cores_and_addresses_that_are_used_up_are_named() {
    let cloud = TestCloud::named("azure");
    let quotas = Quotas { azure_cores: 0, azure_public_addresses: 0, ..Quotas::default() };
    let rig = Rig::recorded("faults", Config { quotas, ..Config::default() }).await;
    let plan = rig::plan(&rig.session(), &cloud.example()).await;
    let (report, _) = rig::apply(&rig.session(), &plan).await;
    assert!(!report.failed.is_empty());
    for failure in &report.failed {
        let says = match failure.address.kind() {
            "azure_public_ip" => "PublicIPCountLimitReached",
            _ => "exceeding approved Total Regional Cores quota",
        };
        let error = &failure.error;
        assert!(error.contains("quota exceeded") && error.contains(says), "{error}");
    }
    rig.destroy("prod-eu").await;
}
