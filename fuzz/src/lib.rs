//! What the fuzz targets share: a store in memory, and a runtime that lives for one input.
//!
//! Targets go through the same public functions as the program. Beside "no panic, no memory or time out of proportion" they
//! hold what each of these functions promises, so that a wrong answer is found as well as a crash.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use meridian_state::lease::{Ask, Owner};
use meridian_state::store::{Condition, Object, Version};
use meridian_state::{Store, StoreError};

/// The name of the cluster that targets read.
pub const CLUSTER: &str = "old";

/// Objects in memory, with the conditions of a real store.
#[derive(Default)]
pub struct Memory(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    objects: BTreeMap<String, (Vec<u8>, u64)>,
    written: u64,
}

impl Memory {
    /// A store that holds `bytes` at `key`.
    #[must_use]
    pub fn holding(key: &str, bytes: &[u8]) -> Self {
        let memory = Self::default();
        memory.plant(key, bytes);
        memory
    }

    /// Writes past every rule, as whoever owns the bucket can.
    ///
    /// # Panics
    /// Never: no holder of the lock panics.
    pub fn plant(&self, key: &str, bytes: &[u8]) {
        let mut inside = self.0.lock().unwrap();
        inside.written += 1;
        let version = inside.written;
        inside.objects.insert(key.to_owned(), (bytes.to_vec(), version));
    }
}

#[async_trait]
impl Store for Memory {
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        let inside = self.0.lock().unwrap();
        let object = inside.objects.get(key);
        Ok(object.map(|(bytes, version)| Object { bytes: bytes.clone(), version: Version(version.to_string()) }))
    }

    async fn put(&self, key: &str, bytes: &[u8], condition: Condition) -> Result<Version, StoreError> {
        let mut inside = self.0.lock().unwrap();
        let present = inside.objects.get(key).map(|(_, version)| version.to_string());
        let holds = match condition {
            Condition::Absent => present.is_none(),
            Condition::Matches(Version(version)) => present == Some(version),
        };
        if !holds {
            return Err(StoreError::Precondition { key: key.to_owned() });
        }
        inside.written += 1;
        let version = inside.written;
        inside.objects.insert(key.to_owned(), (bytes.to_vec(), version));
        Ok(Version(version.to_string()))
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.0.lock().unwrap().objects.remove(key);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        Ok(self.0.lock().unwrap().objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect())
    }
}

/// Runs `future` to its end; what it left behind ends with it.
///
/// # Panics
/// When there can be no runtime.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// Someone who asks for a lease and waits for nobody.
#[must_use]
pub fn ask() -> Ask<'static> {
    Ask { owner: owner(), is_dead: &|_| false, patience: Duration::ZERO, waiting: &|_| {} }
}

/// Who it is.
#[must_use]
pub fn owner() -> Owner {
    Owner { user: "fuzz".to_owned(), command: "fuzz".to_owned(), ..Owner::default() }
}
