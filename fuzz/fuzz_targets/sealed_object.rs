//! A sealed object, in a store whose keys are open: it is the one that was sealed, or refused.

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use meridian_fuzz::{Memory, run};
use meridian_state::envelope::{SETTINGS_KEY, Secrets};
use meridian_state::{SealedStore, Store};

/// Of the documentation of age; nobody's.
const IDENTITY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
const STATE: &str = "clusters/demo/state.json";
const SETTINGS: &[u8] = include_bytes!("../../state/src/envelope/tests/fixtures/v1/store.json");

static OPENED: LazyLock<(Arc<Memory>, SealedStore)> = LazyLock::new(|| {
    let store = Arc::new(Memory::holding(SETTINGS_KEY, SETTINGS));
    let secrets = Secrets::new().with_identities(&IDENTITY.into()).unwrap();
    (store.clone(), SealedStore::open(store, secrets))
});

fuzz_target!(|data: &[u8]| {
    let (store, sealed) = &*OPENED;
    store.plant(STATE, data);
    if let Ok(object) = run(sealed.get(STATE)) {
        assert_eq!(object.unwrap().bytes, b"{\"serial\": 2}\n", "nobody can forge an object");
    }
});
