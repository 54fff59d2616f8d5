//! What holds for any cluster.

use meridian_engine::Graph;
use proptest::prelude::*;

use crate::cloud::{Bench, Wish};

fn wish() -> impl Strategy<Value = Wish> {
    let names = |max| proptest::collection::btree_map("[a-d]", 0i64..4, 0..max);
    // Any name may want any range that no other of the same wish wants: ranges pass from one subnet to another.
    let ranges = proptest::sample::subsequence((0i64..5).collect::<Vec<_>>(), 1..4).prop_shuffle();
    (ranges, 0usize..4, "[a-c]", "[xy]", "[a-c]?", names(3)).prop_map(|(ranges, first, image, family, note, groups)| {
        Wish {
            subnets: ranges.into_iter().zip(first..).map(|(range, name)| (format!("s{}", name % 4), range)).collect(),
            image,
            family,
            note,
            groups,
        }
    })
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn going_from_a_to_b_equals_creating_b(a in wish(), b in wish()) {
        let moved = Bench::default();
        let fresh = Bench::default();
        run(async {
            for wish in [&a, &b] {
                let plan = moved.plan(&wish.graph(), false).unwrap();
                let report = moved.apply(&plan).await;
                prop_assert!(report.is_complete(), "{:?}", report.failed);
                prop_assert!(moved.plan(&wish.graph(), false).unwrap().is_empty());
            }
            fresh.apply(&fresh.plan(&b.graph(), false).unwrap()).await;
            prop_assert_eq!(moved.cloud.inventory(), fresh.cloud.inventory());
            moved.apply(&moved.plan(&Graph::new(), true).unwrap()).await;
            prop_assert!(moved.cloud.inventory().is_empty());
            Ok(())
        })?;
    }

    #[test]
    fn a_plan_is_a_function_of_its_inputs_in_any_order(a in wish(), b in wish()) {
        let bench = Bench::default();
        run(async { bench.apply(&bench.plan(&a.graph(), false).unwrap()).await });
        let mut observed = bench.cloud.observe();
        let once = serde_json::to_string(&bench.plan_from(&b.graph(), false, &observed).unwrap()).unwrap();
        observed.reverse();
        let again = serde_json::to_string(&bench.plan_from(&b.graph_in(true), false, &observed).unwrap()).unwrap();
        prop_assert_eq!(once, again);
    }
}
