//! How often a plan waits for the store.

use age::x25519::Identity;
use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::*;
use crate::SealedStore;
use crate::envelope::{Conversion, NewWrap, Recipients, Secrets, convert, init};
use crate::store::{Condition, Object, Store, Version};

/// What one call takes of the paused clock; those under way at once take it together.
const TRIP: Duration = Duration::from_secs(1);

/// A store that is far away.
struct Far(FileStore);

#[async_trait]
impl Store for Far {
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        tokio::time::sleep(TRIP).await;
        self.0.get(key).await
    }

    async fn put(&self, key: &str, bytes: &[u8], condition: Condition) -> Result<Version, StoreError> {
        tokio::time::sleep(TRIP).await;
        self.0.put(key, bytes, condition).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        tokio::time::sleep(TRIP).await;
        self.0.delete(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        tokio::time::sleep(TRIP).await;
        self.0.list(prefix).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_waits_for_the_store_once_and_twice_after_an_apply_that_died() {
    for encrypted in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let far: Arc<dyn Store> = Arc::new(Far(FileStore::new(dir.path())));
        let mut secrets = Secrets::new();
        init(far.as_ref(), Retention::default()).await.unwrap();
        if encrypted {
            let identity = Identity::generate();
            let ways = [NewWrap::age(Recipients::parse(&[identity.to_public().to_string()]).unwrap())];
            let conversion =
                Conversion { secrets: &Secrets::new(), ways: &ways, owner: &owner("a"), is_dead: &|_| false };
            convert(&far, &conversion).await.unwrap();
            let text = SecretString::from(identity.to_string().expose_secret().to_owned());
            secrets = Secrets::new().with_identities(&text).unwrap();
        }
        // Each command opens the store anew, so nothing of it is known.
        let open = || Clusters::new(Arc::new(SealedStore::open_made(Arc::clone(&far), secrets.clone())));
        let load = async || {
            let begun = Instant::now();
            let loaded = open().load("demo").await.unwrap().unwrap();
            (loaded, begun.elapsed())
        };

        let clusters = open();
        let lease = take(&clusters, owner("a")).await.unwrap();
        clusters.write(&lease, &owner("a"), None, new_state()).await.unwrap();
        let text = std::fs::read(dir.path().join("clusters/demo/state.json")).unwrap();
        assert_eq!(text.starts_with(b"{"), !encrypted);
        let (loaded, took) = load().await;
        assert_eq!(took, TRIP, "encrypted: {encrypted}");

        let journal = StoreJournal::new(&clusters, &loaded, &lease).unwrap();
        for number in 0..100 {
            journal.write(intent(&number.to_string())).await.unwrap();
        }
        let (loaded, took) = load().await;
        assert_eq!((loaded.segments, loaded.state.intents.len()), (100, 100));
        assert_eq!(took, 2 * TRIP, "encrypted: {encrypted}, with a journal");
    }
}
