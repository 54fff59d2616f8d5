//! How a plan is carried out.

use std::time::Duration;

use meridian_engine::events::Event;
use meridian_engine::journal::Entry;
use meridian_engine::state::{Intent, Verb};
use meridian_engine::{Address, Graph, Plan, State};
use tokio::sync::watch;

use crate::cloud::{Bench, Wish};

#[tokio::test(start_paused = true)]
async fn nothing_waits_for_more_than_it_needs() {
    let bench = Bench::default();
    let report = bench.apply(&bench.plan(&Wish::small().graph(), false).unwrap()).await;
    // Network, then subnets, then the group; the template beside them. Every call takes a second.
    assert_eq!(report.wall, Duration::from_secs(3));
    assert_eq!(report.critical_path, Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_failure_stops_only_what_needs_it() {
    let bench = Bench::default();
    let mut wish = Wish::small();
    wish.groups.insert("h".into(), 1);
    bench.cloud.broken.lock().unwrap().insert("demo_subnet.a".into());
    let graph = wish.graph();
    let report = bench.apply(&bench.plan(&graph, false).unwrap()).await;
    assert_eq!(report.failed.len(), 1);
    assert_eq!(report.failed[0].error, "the cloud says no");
    let mut skipped: Vec<_> = report.skipped.iter().map(|(address, _)| address.to_string()).collect();
    skipped.sort();
    assert_eq!(skipped, ["demo_group.g", "demo_group.h"]);
    assert!(bench.cloud.inventory().keys().any(|address| address.to_string() == "demo_subnet.b"));

    bench.cloud.broken.lock().unwrap().clear();
    let rest = bench.plan(&graph, false).unwrap();
    assert_eq!(rest.effective().count(), 3);
    assert!(bench.apply(&rest).await.is_complete());
}

/// Clouds answer a token that they know as they did before, and so with the same error.
#[tokio::test(start_paused = true)]
async fn a_create_that_was_refused_gets_another_token_and_one_without_an_answer_keeps_its_own() {
    let (a, b): (Address, Address) = ("demo_subnet.a".parse().unwrap(), "demo_subnet.b".parse().unwrap());
    let bench = Bench::default();
    bench.cloud.broken.lock().unwrap().insert(a.to_string());
    bench.cloud.silent.lock().unwrap().insert(b.to_string());
    let graph = Wish::small().graph();
    let first = bench.plan(&graph, false).unwrap();
    assert_eq!(bench.apply(&first).await.failed.len(), 2);
    let state = bench.state.lock().unwrap().clone().unwrap();
    assert!(state.intents.contains_key(&a), "it may have made something before it was refused");

    let second = bench.plan(&graph, false).unwrap();
    let token = |plan: &Plan, address: &Address| {
        plan.changes.iter().find(|change| change.address == *address).unwrap().token.clone()
    };
    assert_ne!(token(&first, &a), token(&second, &a));
    assert_eq!(token(&first, &b), token(&second, &b));
}

#[tokio::test(start_paused = true)]
async fn asked_to_stop_it_ends_what_is_in_flight() {
    let bench = Bench::default();
    let (sender, stop) = watch::channel(false);
    let graph = Wish::small().graph();
    let plan = bench.plan(&graph, false).unwrap();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        sender.send(true).unwrap();
        std::future::pending::<()>().await;
    });
    let report = bench.apply_until(&plan, stop, std::future::pending()).await.unwrap();
    assert_eq!(report.done.values().sum::<usize>(), 2, "the network and the template were in flight");
    assert_eq!(report.not_begun, 3);
    assert!(report.failed.is_empty());
    let told = bench.told.0.lock().unwrap().iter().any(|event| matches!(event, Event::Stopping { in_flight: 2 }));
    assert!(told);
    assert!(bench.apply(&bench.plan(&graph, false).unwrap()).await.is_complete());
}

#[tokio::test(start_paused = true)]
async fn killed_anywhere_it_converges() {
    let graph = Wish::small().graph();
    let wanted = {
        let bench = Bench::default();
        bench.apply(&bench.plan(&graph, false).unwrap()).await;
        bench.cloud.inventory()
    };
    for destroy in [false, true] {
        for after_effect in [false, true] {
            for at in 1..=5 {
                let bench = Bench::default();
                if destroy {
                    bench.apply(&bench.plan(&graph, false).unwrap()).await;
                }
                let target = if destroy { Graph::new() } else { graph.clone() };
                let plan = bench.plan(&target, destroy).unwrap();
                *bench.cloud.die_at.lock().unwrap() = Some((bench.cloud.calls() + at, after_effect));
                let killed = tokio::time::sleep(Duration::from_mins(1));
                assert!(bench.apply_until(&plan, watch::channel(false).1, killed).await.is_none());
                *bench.cloud.die_at.lock().unwrap() = None;

                let rest = bench.plan(&target, destroy).unwrap();
                assert!(bench.apply(&rest).await.is_complete());
                assert!(bench.plan(&target, destroy).unwrap().is_empty());
                if destroy {
                    assert!(bench.cloud.inventory().is_empty(), "orphans after {at}");
                } else {
                    assert_eq!(bench.cloud.inventory(), wanted, "killed at {at}, after its effect: {after_effect}");
                }
            }
        }
    }
}

/// A replacement that makes the new one first, killed at every call: the new one stays, its users move over to it, and
/// the old one goes last.
#[tokio::test(start_paused = true)]
async fn a_replacement_killed_anywhere_converges() {
    let mut wish = Wish::small();
    wish.family = "y".into();
    let wanted = {
        let bench = Bench::default();
        bench.apply(&bench.plan(&wish.graph(), false).unwrap()).await;
        bench.cloud.inventory()
    };
    for after_effect in [false, true] {
        for at in 1..=3 {
            let bench = Bench::default();
            bench.apply(&bench.plan(&Wish::small().graph(), false).unwrap()).await;
            let plan = bench.plan(&wish.graph(), false).unwrap();
            *bench.cloud.die_at.lock().unwrap() = Some((bench.cloud.calls() + at, after_effect));
            let killed = tokio::time::sleep(Duration::from_mins(1));
            assert!(bench.apply_until(&plan, watch::channel(false).1, killed).await.is_none());
            *bench.cloud.die_at.lock().unwrap() = None;

            // The one that goes is never taken for the one that stays.
            let template: Address = "demo_template.t".parse().unwrap();
            let state = bench.state.lock().unwrap().clone().unwrap();
            if at == 3 {
                assert_eq!(
                    state.discards.values().collect::<Vec<_>>(),
                    [&template],
                    "after its effect: {after_effect}"
                );
                assert!(!state.intents.contains_key(&template), "{:?}", state.intents);
                assert_ne!(state.discards.keys().next(), Some(&state.resources[&template].id));
            }

            let report = bench.apply(&bench.plan(&wish.graph(), false).unwrap()).await;
            assert!(report.is_complete(), "killed at {at}, after its effect: {after_effect}: {:?}", report.failed);
            assert!(bench.plan(&wish.graph(), false).unwrap().is_empty());
            assert_eq!(bench.cloud.inventory(), wanted, "killed at {at}, after its effect: {after_effect}");
            let made = bench.cloud.log().iter().filter(|line| *line == "create demo_template.t").count();
            assert_eq!(made, 2, "the new one is made once");
        }
    }
}

/// A deposed resource that is removed while the live one of its address is changed: neither's journal hides the other's.
#[test]
fn what_is_discarded_has_a_line_of_its_own() {
    let address: Address = "demo_template.t".parse().unwrap();
    let mut state = State::new("demo", "test", "here", "lineage".into());
    let update = Intent { verb: Verb::Update, seed: String::new() };
    state.fold([
        Entry::Intent { address: address.clone(), intent: update.clone() },
        Entry::Discarding { address: address.clone(), id: "id-old".into() },
    ]);
    assert_eq!(state.intents[&address], update);
    state.fold([Entry::Discarded { id: "id-old".into() }]);
    assert_eq!(state.intents[&address], update);
    assert!(state.discards.is_empty());
}
