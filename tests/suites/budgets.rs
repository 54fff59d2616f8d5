//! What a plan may cost, counted in calls.

use meridian_sandbox::{Config, Effect, Fault};
use meridian_tests::clouds::{CLOUDS, TestCloud};
use meridian_tests::rig::{self, Rig};

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
