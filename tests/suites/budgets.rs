//! What a plan may cost, counted in calls.

use meridian_sandbox::{Config, Effect, Fault};
use meridian_tests::binary::root;
use meridian_tests::rig::{self, Rig};

fn example() -> String {
    std::fs::read_to_string(root().join("examples/aws.yaml")).unwrap()
}

#[tokio::test]
async fn a_plan_of_the_example_takes_at_most_30_calls_and_4_round_trips() {
    let rig = Rig::start("budgets", Config::default()).await.recorded();
    rig.converge(&example()).await;
    // With a latency that dwarfs all else, calls that overlap do so because they were sent together.
    rig.sandbox.faults().add(Fault::new(Effect::Latency { ms: 100 }));
    let session = rig.session();
    let plan = rig::plan(&session, &example()).await;
    let stats = session.stats();
    assert!(plan.is_empty());
    assert!(stats.api_calls.total <= 30, "{:#?}", stats.api_calls);
    assert!(stats.round_trips <= 4, "{} round trips", stats.round_trips);
    assert_eq!(stats.retries, 0);
    assert_eq!(stats.throttle_wait_ms, 0);
    // Planning writes nothing: only what reads was called.
    for operation in stats.api_calls.by_operation.keys() {
        let verb = operation.split_once(':').map_or("", |(_, verb)| verb);
        assert!(
            ["Describe", "Get", "List", "Head"].iter().any(|read| verb.starts_with(read)),
            "{operation} is no read"
        );
    }
}
