//! What controllers inside a cluster made, and when it goes.

use meridian_engine::observed::Observed;
use meridian_engine::plan::Reason;
use meridian_engine::{Graph, Ref};

use crate::cloud::{Bench, Service, Wish};

#[tokio::test(start_paused = true)]
async fn what_controllers_made_goes_after_their_machines_and_before_what_it_uses() {
    let bench = Bench::default();
    bench.apply(&bench.plan(&Wish::small().graph(), false).unwrap()).await;
    let subnet = bench.cloud.observe().into_iter().find(|observed| observed.address.kind() == "demo_subnet").unwrap();
    {
        let mut graph = Graph::new();
        graph.add("web", Service { subnet: Ref::existing(&subnet.id) }).unwrap();
        let controller = Bench { cloud: bench.cloud.clone(), ..Bench::default() };
        controller.apply(&controller.plan_from(&graph, false, &[]).unwrap()).await;
    }
    let (leftovers, own): (Vec<Observed>, Vec<Observed>) =
        bench.cloud.observe().into_iter().partition(|observed| observed.address.kind() == "demo_service");
    let before = bench.cloud.log().len();
    let plan = bench.plan_with(&Graph::new(), true, &own, &leftovers).unwrap();
    assert_eq!(plan.changes.iter().filter(|change| change.reason == Reason::Leftover).count(), 1);
    assert!(bench.apply(&plan).await.is_complete());
    let log = bench.cloud.log().split_off(before);
    let at = |line: &str| log.iter().position(|done| done == line).unwrap_or_else(|| panic!("no {line} in {log:?}"));
    let service = at("delete demo_service.web");
    assert!(at("delete demo_group.g") < service, "{log:?}");
    assert!(service < at(&format!("delete {}", subnet.address)), "{log:?}");
    assert!(bench.cloud.inventory().is_empty());
}
