//! What a plan says.

use std::collections::BTreeMap;

use meridian_engine::journal::Entry;
use meridian_engine::observed::Condition;
use meridian_engine::plan::{Action, Reason, StaleError};
use meridian_engine::planner::PlanError;
use meridian_engine::state::{Intent, Verb};
use meridian_engine::{Address, Graph, Plan, State, Value};

use crate::cloud::{Bench, Member, Store, Wish};

fn actions(plan: &Plan) -> BTreeMap<String, Action> {
    plan.effective().map(|change| (change.address.to_string(), change.action)).collect()
}

#[tokio::test(start_paused = true)]
async fn after_apply_nothing_changes() {
    let bench = Bench::default();
    let graph = Wish::small().graph();
    let first = bench.plan(&graph, false).unwrap();
    assert_eq!(first.counts(), [(Action::Create, 5)].into());
    assert!(bench.apply(&first).await.is_complete());
    let second = bench.plan(&graph, false).unwrap();
    assert!(second.is_empty(), "{:?}", actions(&second));
    assert!(second.drift.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_changed_template_gives_its_users_a_version_that_is_known_after_apply() {
    let bench = Bench::default();
    let mut wish = Wish::small();
    bench.apply(&bench.plan(&wish.graph(), false).unwrap()).await;
    wish.image = "two".into();
    let plan = bench.plan(&wish.graph(), false).unwrap();
    assert_eq!(
        actions(&plan),
        [("demo_group.g".to_owned(), Action::Update), ("demo_template.t".to_owned(), Action::Update)].into()
    );
    let group = plan.effective().find(|change| change.address.kind() == "demo_group").unwrap();
    let after = group.after.as_ref().unwrap();
    assert!(matches!(after["version"], Value::After(_)));
    assert_eq!(after["template"], Value::String("id-2".into()), "what is known stays known");
    assert!(bench.apply(&plan).await.is_complete());
    assert!(bench.plan(&wish.graph(), false).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_changed_range_replaces_and_users_move() {
    let bench = Bench::default();
    let mut wish = Wish::small();
    wish.groups.clear();
    bench.apply(&bench.plan(&wish.graph(), false).unwrap()).await;
    wish.subnets.insert("a".into(), 9);
    let plan = bench.plan(&wish.graph(), false).unwrap();
    let change = plan.effective().next().unwrap();
    assert_eq!(change.action, Action::Replace);
    assert_eq!(change.reason, Reason::ForcesReplacement(["range".to_owned()].into()));
    bench.apply(&plan).await;
    assert_eq!(bench.cloud.log()[4..], ["delete demo_subnet.a", "create demo_subnet.a"]);
}

#[tokio::test(start_paused = true)]
async fn create_first_makes_the_new_one_before_the_old_one_goes() {
    let bench = Bench::default();
    let mut wish = Wish::small();
    bench.apply(&bench.plan(&wish.graph(), false).unwrap()).await;
    wish.family = "y".into();
    bench.apply(&bench.plan(&wish.graph(), false).unwrap()).await;
    assert_eq!(bench.cloud.log()[5..], ["create demo_template.t", "update demo_group.g", "delete demo_template.t"]);
    assert!(bench.plan(&wish.graph(), false).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn members_of_a_quorum_are_made_together_and_replaced_in_turn() {
    let members = |size| {
        let mut graph = Graph::new();
        for name in ["a", "b", "c"] {
            graph.add(name, Member { size }).unwrap();
        }
        graph
    };
    let bench = Bench::default();
    let made = bench.apply(&bench.plan(&members(1), false).unwrap()).await;
    assert_eq!(made.wall, std::time::Duration::from_secs(1));
    bench.apply(&bench.plan(&members(2), false).unwrap()).await;
    let order = ["delete demo_member.a", "create demo_member.a", "delete demo_member.b", "create demo_member.b"];
    assert_eq!(bench.cloud.log()[3..7], order);

    // One of them is gone, as after an interrupted replacement: it comes back before another one goes.
    let mut observed = bench.cloud.observe();
    observed.retain(|observed| observed.address.name() != "c");
    let plan = bench.plan_from(&members(3), false, &observed).unwrap();
    let before = bench.cloud.log().len();
    bench.apply(&plan).await;
    assert_eq!(bench.cloud.log()[before..before + 2], ["create demo_member.c", "delete demo_member.a"]);
}

#[tokio::test(start_paused = true)]
async fn what_holds_data_is_neither_replaced_nor_dropped() {
    let bench = Bench::default();
    bench.apply(&bench.plan(&Wish::small().graph(), false).unwrap()).await;
    let Err(PlanError::Refused(refusals)) = bench.plan(&Graph::new(), false) else { panic!("must be refused") };
    assert_eq!(refusals[0].address.to_string(), "demo_network.main");
    assert_eq!(refusals[0].verb, "deleted");
    let destroy = bench.plan(&Graph::new(), true).unwrap();
    assert!(bench.apply(&destroy).await.is_complete());
    assert!(bench.cloud.inventory().is_empty());
}

#[tokio::test(start_paused = true)]
async fn drift_is_told_and_mended() {
    let bench = Bench::default();
    let graph = Wish::small().graph();
    bench.apply(&bench.plan(&graph, false).unwrap()).await;
    {
        // Someone edits one group and deletes another by hand.
        let mut other = Wish::small();
        other.groups.insert("g".into(), 7);
        let edit = Bench { cloud: bench.cloud.clone(), ..Bench::default() };
        edit.apply(&edit.plan(&other.graph(), false).unwrap()).await;
    }
    let plan = bench.plan(&graph, false).unwrap();
    assert_eq!(plan.drift.len(), 1);
    assert_eq!(plan.drift[0].changed, ["size".to_owned()].into());
    assert_eq!(actions(&plan), [("demo_group.g".to_owned(), Action::Update)].into());
}

#[tokio::test(start_paused = true)]
async fn a_lost_state_is_rebuilt_from_what_is_there() {
    let bench = Bench::default();
    let graph = Wish::small().graph();
    bench.apply(&bench.plan(&graph, false).unwrap()).await;
    *bench.state.lock().unwrap() = None;
    let plan = bench.plan(&graph, false).unwrap();
    assert!(plan.is_empty());
    bench.apply(&plan).await;
    assert_eq!(bench.state.lock().unwrap().as_ref().unwrap().resources.len(), 5);
}

#[test]
fn a_plan_is_the_same_after_a_file() {
    let bench = Bench::default();
    let plan = bench.plan(&Wish::small().graph(), false).unwrap();
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn a_key_of_a_user_is_never_taken_for_a_reference() {
    let hostile: Value = Value::Map(
        [
            ("after".to_owned(), Value::String("demo_network.main".into())),
            ("map".to_owned(), Value::Map([("after".to_owned(), Value::Null)].into())),
        ]
        .into(),
    );
    let text = serde_json::to_string(&hostile).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), hostile);
    assert!(hostile.is_known());
}

#[test]
fn a_stale_plan_is_refused() {
    let bench = Bench::default();
    let plan = bench.plan(&Wish::small().graph(), false).unwrap();
    assert_eq!(plan.check_fresh(None), Ok(()));
    let mut state = State::new("demo", "test", "here", "lineage".into());
    state.serial = 3;
    assert_eq!(plan.check_fresh(Some(&state)), Err(StaleError::Serial { plan: 0, state: 3 }));
    state.cluster = "other".into();
    assert!(matches!(plan.check_fresh(Some(&state)), Err(StaleError::Cluster { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_plan_from_the_middle_of_an_apply_is_refused_when_that_has_done_more() {
    let bench = Bench::default();
    bench.apply(&bench.plan(&Wish::small().graph(), false).unwrap()).await;
    let plan = bench.plan(&Wish::small().graph(), false).unwrap();
    let mut state = bench.state.lock().unwrap().clone().unwrap();
    assert_eq!(plan.check_fresh(Some(&state)), Ok(()));
    // The journal of an apply on the same serial, which was killed, holds one line more.
    let address = "demo_subnet.a".parse().unwrap();
    state.fold([Entry::Intent { address, intent: Intent { verb: Verb::Delete, seed: String::new() } }]);
    assert_eq!(plan.check_fresh(Some(&state)), Err(StaleError::Journal));
    state = bench.state.lock().unwrap().clone().unwrap();
    state.region = "there".into();
    assert!(matches!(plan.check_fresh(Some(&state)), Err(StaleError::Place { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_an_unanswered_create_made_is_not_replaced_with_its_own_token() {
    let graph = Wish::small().graph();
    let address: Address = "demo_subnet.a".parse().unwrap();
    let bench = Bench::default();
    let first = bench.plan(&graph, false).unwrap();
    bench.apply(&first).await;
    let token = |plan: &Plan| plan.changes.iter().find(|change| change.address == address).unwrap().token.clone();
    let seed = first.changes.iter().find(|change| change.address == address).unwrap().token_seed.clone();
    {
        // The create was begun, and nothing was written down afterwards.
        let mut state = bench.state.lock().unwrap();
        let state = state.as_mut().unwrap();
        state.resources.remove(&address);
        state.fold([Entry::Intent { address: address.clone(), intent: Intent { verb: Verb::Create, seed } }]);
    }
    let mut observed = bench.cloud.observe();
    observed.retain(|observed| observed.address != address);
    assert_eq!(token(&bench.plan_from(&graph, false, &observed).unwrap()), token(&first), "it may not be visible yet");

    let mut observed = bench.cloud.observe();
    let made = observed.iter_mut().find(|observed| observed.address == address).unwrap();
    made.condition = Condition::Failed("broken".into());
    let plan = bench.plan_from(&graph, false, &observed).unwrap();
    assert_eq!(actions(&plan)["demo_subnet.a"], Action::Replace);
    assert_ne!(token(&plan), token(&first), "its own token would give the broken one back");
}

#[tokio::test(start_paused = true)]
async fn what_never_came_to_be_is_replaced_even_where_its_kind_never_is() {
    let graph = Wish::small().graph();
    let address: Address = "demo_network.main".parse().unwrap();
    let bench = Bench::default();
    bench.apply(&bench.plan(&graph, false).unwrap()).await;
    let mut observed = bench.cloud.observe();
    let network = observed.iter_mut().find(|observed| observed.address == address).unwrap();
    network.condition = Condition::Failed("it came up broken".into());
    let refusal = |plan| {
        let Err(PlanError::Refused(refusals)) = plan else { panic!("must be refused") };
        assert_eq!(refusals[0].broken.as_deref(), Some("it came up broken"));
    };
    let begin = |keep_record: bool| {
        let mut state = bench.state.lock().unwrap();
        let state = state.as_mut().unwrap();
        let intent = Intent { verb: Verb::Create, seed: "s".into() };
        state.fold([Entry::Intent { address: address.clone(), intent }]);
        if !keep_record {
            state.resources.remove(&address);
        }
    };
    refusal(bench.plan_from(&graph, false, &observed));
    // Even with a create begun: this one is the one that was recorded, so it was sound once.
    begin(true);
    refusal(bench.plan_from(&graph, false, &observed));
    begin(false);
    let plan = bench.plan_from(&graph, false, &observed).unwrap();
    assert_eq!(actions(&plan)["demo_network.main"], Action::Replace);
    // A state that has forgotten everything proves nothing.
    *bench.state.lock().unwrap() = None;
    refusal(bench.plan_from(&graph, false, &observed));
}

#[tokio::test(start_paused = true)]
async fn a_range_goes_to_another_only_when_its_holder_is_gone() {
    let bench = Bench::default();
    let mut wish = Wish::small();
    wish.groups.insert("idle".into(), 0);
    bench.apply(&bench.plan(&wish.graph(), false).unwrap()).await;
    wish.subnets = [("a".into(), 1), ("c".into(), 2)].into();
    let plan = bench.plan(&wish.graph(), false).unwrap();
    let before = bench.cloud.log().len();
    assert!(bench.apply(&plan).await.is_complete());
    // The groups are in `b` and want to be in `c`, of which there can't be both at one time.
    let group = plan.changes.iter().find(|change| change.address.to_string() == "demo_group.g").unwrap();
    assert_eq!(group.reason, Reason::DependencyReplaced(["demo_subnet.b".parse().unwrap()].into()));
    let log = bench.cloud.log()[before..].to_vec();
    assert_eq!(log[2..4], ["delete demo_subnet.b", "create demo_subnet.c"], "{log:?}");
    assert!(bench.plan(&wish.graph(), false).unwrap().is_empty());

    // Two that change places go both before either comes back.
    wish.subnets = [("a".into(), 2), ("c".into(), 1)].into();
    assert!(bench.apply(&bench.plan(&wish.graph(), false).unwrap()).await.is_complete());
    assert!(bench.plan(&wish.graph(), false).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_change_that_a_guard_objects_to_is_refused() {
    let store = |size| {
        let mut graph = Graph::new();
        graph.add("data", Store { size }).unwrap();
        graph
    };
    let bench = Bench::default();
    bench.apply(&bench.plan(&store(2), false).unwrap()).await;
    let Err(PlanError::Refused(refusals)) = bench.plan(&store(1), false) else { panic!("must be refused") };
    assert_eq!((refusals[0].verb, refusals[0].why), ("changed", "it only grows"));
    assert_eq!(refusals[0].fields, ["size".to_owned()].into());
    let plan = bench.plan(&store(3), false).unwrap();
    assert_eq!(actions(&plan), [("demo_store.data".to_owned(), Action::Update)].into());
}
