//! A store in memory that can be made to die.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use crate::store::{Condition, Object, Store, StoreError, Verb, Version};

/// How the store dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// The call does nothing.
    Before,
    /// The call is done and the answer is lost.
    After,
}

#[derive(Default)]
struct Inside {
    objects: BTreeMap<String, (Vec<u8>, u64)>,
    written: u64,
    /// Every call so far.
    log: Vec<String>,
    death: Option<(usize, Death)>,
    under_way: usize,
    /// The most calls that were under way at once.
    at_once: usize,
}

#[derive(Default)]
pub struct Memory(Mutex<Inside>);

impl Memory {
    /// From the `call`th call from now on, counted from 0, nothing works any more.
    pub fn die_at(&self, call: usize, death: Death) {
        let mut inside = self.0.lock().unwrap();
        inside.death = Some((inside.log.len() + call, death));
    }

    /// Works again. Says whether it had died.
    pub fn revive(&self) -> bool {
        let mut inside = self.0.lock().unwrap();
        let calls = inside.log.len();
        inside.death.take().is_some_and(|(call, _)| calls > call)
    }

    /// The calls since the last time.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().log)
    }

    pub fn at_once(&self) -> usize {
        std::mem::take(&mut self.0.lock().unwrap().at_once)
    }

    pub fn all(&self) -> BTreeMap<String, Vec<u8>> {
        self.0.lock().unwrap().objects.iter().map(|(key, (bytes, _))| (key.clone(), bytes.clone())).collect()
    }

    /// Writes past every rule, as whoever owns the bucket can.
    pub fn plant(&self, key: &str, bytes: &[u8]) {
        let mut inside = self.0.lock().unwrap();
        inside.written += 1;
        let version = inside.written;
        inside.objects.insert(key.to_owned(), (bytes.to_vec(), version));
    }

    async fn call<T>(
        &self,
        verb: Verb,
        key: &str,
        work: impl FnOnce(&mut Inside) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        {
            let mut inside = self.0.lock().unwrap();
            inside.under_way += 1;
            inside.at_once = inside.at_once.max(inside.under_way);
        }
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        let mut inside = self.0.lock().unwrap();
        inside.under_way -= 1;
        let number = inside.log.len();
        inside.log.push(format!("{verb} {key}"));
        let died = || StoreError::Io { verb, key: key.to_owned(), store: "memory".into(), source: "it died".into() };
        match inside.death {
            Some((call, death)) if number >= call => {
                if number == call && death == Death::After {
                    work(&mut inside)?;
                }
                Err(died())
            }
            _ => work(&mut inside),
        }
    }
}

#[async_trait]
impl Store for Memory {
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        self.call(Verb::Read, key, |inside| {
            let object = inside.objects.get(key);
            Ok(object.map(|(bytes, version)| Object { bytes: bytes.clone(), version: Version(version.to_string()) }))
        })
        .await
    }

    async fn put(&self, key: &str, bytes: &[u8], condition: Condition) -> Result<Version, StoreError> {
        self.call(Verb::Write, key, |inside| {
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
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.call(Verb::Delete, key, |inside| {
            inside.objects.remove(key);
            Ok(())
        })
        .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.call(Verb::List, prefix, |inside| {
            Ok(inside.objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect())
        })
        .await
    }
}
