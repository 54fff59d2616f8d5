//! `store.json`: read, and its keys opened by an age identity. Passphrases are left out: each costs a tenth of a second and
//! 64 MiB by design, and what a file may ask for is bounded.

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use meridian_fuzz::{Memory, run};
use meridian_state::envelope::{SETTINGS_KEY, Secrets, Settings};
use meridian_state::{SealedStore, Store};

/// Of the documentation of age; nobody's.
const IDENTITY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
const STATE: &str = "clusters/demo/state.json";
const SEALED: &[u8] = include_bytes!("../../state/src/envelope/tests/fixtures/v1/state.sealed");

static SECRETS: LazyLock<Secrets> = LazyLock::new(|| Secrets::new().with_identities(&IDENTITY.into()).unwrap());

fuzz_target!(|data: &[u8]| run(read(data)));

async fn read(data: &[u8]) {
    let store = Arc::new(Memory::holding(SETTINGS_KEY, data));
    if let Ok(Some(loaded)) = Settings::load(store.as_ref()).await {
        let bytes = serde_json::to_vec(&loaded.settings).unwrap();
        assert_eq!(serde_json::from_slice::<Settings>(&bytes).unwrap(), loaded.settings);
    }
    store.plant(STATE, SEALED);
    let sealed = SealedStore::open(store, SECRETS.clone());
    let _ = sealed.retention().await;
    if let Ok(Some(object)) = sealed.get(STATE).await {
        assert_eq!(object.bytes, b"{\"serial\": 2}\n");
    }
}
