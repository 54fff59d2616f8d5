//! What a plan may cost, counted in calls.

use std::path::Path;

use meridian_sandbox::{Config, Effect, Fault, Sandbox};
use meridian_tests::binary::{expect, meridian};
use meridian_tests::clouds::{CLOUDS, TestCloud};
use meridian_tests::rest::Rest;
use meridian_tests::rig::{self, Rig};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_plan_of_the_example_takes_at_most_30_calls_and_4_round_trips() {
    for cloud in CLOUDS {
        plan_of_the_example(cloud).await;
    }
}

async fn plan_of_the_example(cloud: TestCloud) {
    let rig = Rig::recorded("budgets", Config::default()).await;
    let spec = cloud.example();
    rig.converge(&spec).await;
    // With a latency that dwarfs all else, calls that overlap do so because they were sent together.
    rig.sandbox.faults().add(Fault::new(Effect::Latency { ms: 100 }));
    let session = rig.session();
    let plan = rig::plan(&session, &spec).await;
    let stats = session.stats();
    let name = cloud.name;
    meridian_tests::report(&format!("{name}: {} calls, {} round trips", stats.api_calls.total, stats.round_trips));
    assert!(plan.is_empty(), "{name}");
    assert!(stats.api_calls.total <= 30, "{name}: {:#?}", stats.api_calls);
    assert!(stats.round_trips <= 4, "{name}: {} round trips", stats.round_trips);
    assert_eq!((stats.retries, stats.throttle_wait_ms), (0, 0), "{name}");
    // Planning writes nothing: only what reads was called.
    for operation in stats.api_calls.by_operation.keys() {
        let verb = operation.rsplit([':', '.', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let reads = ["describe", "get", "list", "head", "aggregatedlist"];
        assert!(reads.iter().any(|read| verb.starts_with(read)), "{operation} is no read");
    }
}

/// The resource group for the account, which Azure wants to be there before it.
async fn group(dir: &Path) {
    let sandbox = Sandbox::start(Config { dir: Some(dir.to_owned()), ..Config::default() }).await.unwrap();
    let rest = Rest::at(&TestCloud::named("azure").connection(&sandbox)).unwrap();
    let path = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/team?api-version=2021-04-01";
    rest.make(Method::PUT, path, &json!({ "location": "westeurope" })).await.unwrap();
    sandbox.shutdown().await;
}

/// A plan with its state in the cloud's own object store, encrypted, as the built binary tells it: of a cluster that is as it
/// should be, and of one whose apply was killed.
#[tokio::test(flavor = "multi_thread")]
async fn the_state_adds_at_most_2_round_trips_to_a_plan() {
    for (cloud, store) in [
        ("aws", "s3://team-state/meridian?region=eu-west-1"),
        ("gcp", "gs://team-state/meridian"),
        ("azure", "az://teamstate/state/meridian"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (file, data) = (format!("examples/{cloud}.yaml"), dir.path().join("data"));
        let run = |words: &[&str], code: Option<i32>| {
            let mut command = meridian(dir.path());
            command.env("MERIDIAN_STATE", store).env("XDG_DATA_HOME", &data).args(words).arg("--sandbox");
            command.env("MERIDIAN_STATE_PASSPHRASE", "correct horse");
            match code {
                Some(code) => expect(&mut command, code).stdout,
                None => command.output().unwrap().stdout,
            }
        };
        let trips = |code| {
            let words = ["plan", "-f", &file, "-o", "json", "--fault", "effect=latency,ms=100"];
            let plan: serde_json::Value = serde_json::from_slice(&run(&words, Some(code))).unwrap();
            let asked = &plan["stats"]["store"];
            let of = |part: &serde_json::Value| part.as_u64().unwrap();
            (of(&asked["round_trips"]), of(&asked["calls"]["total"]), asked["calls"]["by_operation"].clone())
        };
        let mut init =
            vec!["state", "init", "--encrypt-with", "passphrase", "--region", TestCloud::named(cloud).region];
        if cloud == "azure" {
            group(&data.join("meridian/sandbox")).await;
            init.extend(["--group", "team"]);
        }
        run(&init, Some(0));
        run(&["create", "-f", &file, "--yes", "--fault", "effect=exit-after,after=100"], None);
        let died = trips(2);
        run(&["create", "-f", &file, "--yes"], Some(0));
        let whole = trips(0);
        meridian_tests::report(&format!(
            "{store}: {} round trips, {} calls; after an apply that was killed {} and {}",
            whole.0, whole.1, died.0, died.1
        ));
        assert!(whole.0 <= 1 && died.0 <= 2, "{cloud}: {whole:?} {died:?}");
        let reads =
            |asked: &serde_json::Value| asked.as_object().unwrap().keys().all(|verb| verb == "get" || verb == "list");
        assert!(reads(&whole.2) && reads(&died.2), "{cloud}: a plan writes");
    }
}
