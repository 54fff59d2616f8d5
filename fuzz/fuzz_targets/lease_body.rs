//! The body of a lease: who holds it, taking it, taking it away.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use meridian_fuzz::{CLUSTER, Memory, ask, run};
use meridian_state::{Ask, Clusters, StateError};

fuzz_target!(|data: &[u8]| run(read(data)));

async fn read(data: &[u8]) {
    let store = Arc::new(Memory::holding("clusters/old/lease.json", data));
    let clusters = Clusters::new(store);
    let Ok(holder) = clusters.holder(CLUSTER).await else {
        assert!(clusters.acquire(CLUSTER, ask()).await.is_err(), "what can't be read is not taken over");
        return;
    };
    match (clusters.acquire(CLUSTER, ask()).await, holder) {
        (Ok(lease), None) => lease.release().await.unwrap(),
        (Err(StateError::Held { owner, .. }), Some((holder, _))) => {
            assert_eq!(owner, holder);
            let _ = owner.to_string();
            clusters.unlock(CLUSTER).await.unwrap();
            assert!(clusters.holder(CLUSTER).await.unwrap().is_none(), "a lease that was taken away has run out");
        }
        (Ok(_), Some(_)) => panic!("a lease that is held was taken"),
        (Err(_), _) => {}
    }
    let _ = clusters.acquire(CLUSTER, Ask { is_dead: &|_| true, ..ask() }).await;
}
