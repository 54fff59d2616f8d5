//! A state and the segments of its journal, parted by zero bytes: read, written on, and read again.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use meridian_engine::State;
use meridian_fuzz::{CLUSTER, Memory, ask, owner, run};
use meridian_state::{Clusters, Difference};

fuzz_target!(|data: &[u8]| run(read(data)));

async fn read(data: &[u8]) {
    let mut parts = data.split(|byte| *byte == 0);
    let state = parts.next().unwrap_or_default();
    let store = Arc::new(Memory::holding("clusters/old/state.json", state));
    store.plant("clusters/old/history/00000000000000000001.json", state);
    let clusters = Clusters::new(store.clone());
    let _ = clusters.history(CLUSTER).await;
    let Ok(Some(alone)) = clusters.load(CLUSTER).await else { return };
    let serial = alone.state.serial;
    for (number, segment) in parts.enumerate() {
        store.plant(&format!("clusters/old/journal/{serial:020}-{number:010}.json"), segment);
    }
    let Ok(Some(loaded)) = clusters.load(CLUSTER).await else { return };

    let bytes = serde_json::to_vec(&loaded.state).unwrap();
    assert_eq!(serde_json::from_slice::<State>(&bytes).unwrap(), loaded.state, "a state survives the disk");
    assert!(Difference::between(&loaded.state, &loaded.state).is_empty());
    let _ = Difference::between(&alone.state, &loaded.state);

    // A state that was put in the place of another cluster's is written where it says.
    if loaded.state.cluster != CLUSTER {
        return;
    }
    let lease = clusters.acquire(CLUSTER, ask()).await.unwrap();
    let Ok(written) = clusters.write(&lease, &owner(), Some(&loaded), loaded.state.clone()).await else { return };
    assert_eq!(written.state.serial, serial + 1);
    if let Some(again) = clusters.load(CLUSTER).await.unwrap() {
        assert_eq!(again.state, written.state, "what was written is read");
        assert!(!again.interrupted, "the journal was taken in");
    }
}
