//! What goes and comes again, and what must stay meanwhile.

use std::collections::BTreeSet;

use meridian_engine::plan::Action;
use meridian_sandbox::{Config, Effect, Fault};
use meridian_tests::clouds::{CLOUDS, TestCloud};
use meridian_tests::rig::{self, Rig};

/// A client that holds a connection to the API must not see more of it than one machine's absence.
#[tokio::test]
async fn machines_are_replaced_behind_a_load_balancer_that_stays() {
    for cloud in CLOUDS {
        let rig = Rig::recorded("replacements", Config::default()).await;
        rig.converge(&cloud.example()).await;
        let larger = cloud.example().replace("machine: { size: medium }", "machine: { size: large }");
        let (plan, _) = rig.converge(&larger).await;
        let of = |action: Action| -> BTreeSet<&str> {
            let changes = plan.effective().filter(move |change| change.action == action);
            changes.map(|change| change.address.kind()).collect()
        };
        let machine = ["aws_instance", "google_compute_instance", "azure_virtual_machine"];
        let replaced = of(Action::Replace);
        assert!(machine.iter().any(|kind| replaced.contains(kind)), "{}: {replaced:?}", cloud.name);
        let touched: BTreeSet<&str> = plan.effective().map(|change| change.address.kind()).collect();
        let fronts: Vec<_> = touched.iter().filter(|kind| is_of_the_load_balancer(kind)).collect();
        assert!(fronts.is_empty(), "{}: {fronts:?}", cloud.name);
        assert!(rig::plan(&rig.session(), &larger).await.is_empty(), "{}", cloud.name);
        rig.destroy("prod-eu").await;
    }
}

fn is_of_the_load_balancer(kind: &str) -> bool {
    ["aws_lb", "forwarding_rule", "backend_service", "instance_group", "health_check", "load_balancer"]
        .iter()
        .any(|part| kind.contains(part) && !kind.contains("manager"))
}

/// A machine that runs and that the load balancer does not know yet is half made.
#[tokio::test]
async fn a_machine_joins_its_group_in_the_next_run_if_it_could_not_in_this_one() {
    let cloud = TestCloud::named("gcp");
    let denied = Fault::new(Effect::Denied).on("instanceGroups.addInstances");
    let rig = Rig::recorded("replacements", Config { faults: vec![denied], ..Config::default() }).await;
    let plan = rig::plan(&rig.session(), &cloud.example()).await;
    let (report, _) = rig::apply(&rig.session(), &plan).await;
    assert_eq!(report.failed.len(), 3, "{:#?}", report.failed);
    rig.sandbox.faults().clear();
    let (plan, _) = rig.converge(&cloud.example()).await;
    let changes: Vec<_> = plan.effective().map(|change| (change.address.kind(), change.action)).collect();
    assert_eq!(changes, [("google_compute_instance", Action::Update); 3]);
    assert!(rig::plan(&rig.session(), &cloud.example()).await.is_empty());
    rig.destroy("prod-eu").await;
}

/// An account that is made again has its address and is another; what refers to it is made again beside what there was.
#[tokio::test]
async fn an_account_that_was_deleted_behind_our_back_is_made_again_with_all_that_it_is_in() {
    let cloud = TestCloud::named("gcp");
    let rig = Rig::recorded("replacements", Config::default()).await;
    let (_, state) = rig.converge(&cloud.example()).await;
    let account = &state.resources[&"google_service_account.workers".parse().unwrap()].id;
    let client = rig.gcp_client().await;
    let name = format!("projects/{}/serviceAccounts/{account}", client.project);
    client.accounts.iam.delete_service_account().set_name(name).send().await.unwrap();
    rig.converge(&cloud.example()).await;
    assert!(rig::plan(&rig.session(), &cloud.example()).await.is_empty());
    rig.destroy("prod-eu").await;
}
