//! Counting what the store of the state is asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use meridian_provider_api::telemetry::{StoreStats, Telemetry};
use meridian_state::store::{Condition, Object, Store, StoreError, Version};

/// Takes in every call to a store, by the cluster that it is about.
#[derive(Debug, Default)]
pub struct Meter(Mutex<BTreeMap<String, Arc<Telemetry>>>);

impl Meter {
    /// What all calls of the run come to.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.total(|_| true)
    }

    /// What the calls about one cluster come to, and those about the store itself, without which it is not read.
    #[must_use]
    pub fn stats_of(&self, cluster: &str) -> StoreStats {
        self.total(|name| name == cluster || name.is_empty())
    }

    fn total(&self, counts: impl Fn(&str) -> bool) -> StoreStats {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let parts = parts.iter().filter(|(name, _)| counts(name)).map(|(_, part)| part.as_ref());
        let stats = Telemetry::total(parts);
        StoreStats { calls: stats.api_calls, round_trips: stats.round_trips }
    }

    fn count(&self, key: &str, operation: &str, begin: Instant) {
        let cluster = key.strip_prefix("clusters/").and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.entry(cluster.to_owned()).or_default().attempt(operation.to_owned(), begin);
    }
}

/// A store whose calls are counted. What its client repeats is within one call.
pub struct Metered {
    pub store: Arc<dyn Store>,
    pub meter: Arc<Meter>,
}

impl Metered {
    async fn count<T>(&self, key: &str, operation: &str, call: impl Future<Output = T>) -> T {
        let begin = Instant::now();
        let answer = call.await;
        self.meter.count(key, operation, begin);
        answer
    }
}

#[async_trait]
impl Store for Metered {
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        self.count(key, "get", self.store.get(key)).await
    }

    async fn put(&self, key: &str, bytes: &[u8], condition: Condition) -> Result<Version, StoreError> {
        self.count(key, "put", self.store.put(key, bytes, condition)).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.count(key, "delete", self.store.delete(key)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.count(prefix, "list", self.store.list(prefix)).await
    }
}
