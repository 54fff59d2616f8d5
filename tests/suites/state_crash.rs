//! Killed before and after any write to the store, then run again: the same end state, nothing orphaned, nothing doubled.
//!
//! A killed process sends nothing more. Here the store stops answering for good at the n-th write, before or after its effect,
//! and with it all that waits for it is dropped, the calls to the cloud that are in flight among it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::StreamExt as _;
use meridian_engine::Plan;
use meridian_sandbox::{Config, Pace};
use meridian_state::store::{Condition, Object, Store, StoreError, Version};
use meridian_state::{Clusters, FileStore};
use meridian_tests::clouds::{CLOUDS, TestCloud};
use meridian_tests::harness::zones;
use meridian_tests::rig::{self, Rig};
use tokio::sync::Notify;

/// How many points are tried at once.
const SIDE_BY_SIDE: usize = 4;

/// A store that stops answering at a certain write.
struct Mortal {
    inner: FileStore,
    writes: AtomicUsize,
    dies_at: usize,
    after_effect: bool,
    dead: Notify,
}

impl Mortal {
    fn new(rig: &Rig, dies_at: usize, after_effect: bool) -> Arc<Self> {
        let inner = FileStore::new(rig.dir.path());
        Arc::new(Self { inner, writes: AtomicUsize::new(0), dies_at, after_effect, dead: Notify::new() })
    }

    /// Carries a write out, unless death comes first.
    async fn write<T>(&self, write: impl Future<Output = T>) -> T {
        let number = self.writes.fetch_add(1, Ordering::SeqCst);
        if number > self.dies_at || number == self.dies_at && !self.after_effect {
            return self.die().await;
        }
        let done = write.await;
        if number == self.dies_at { self.die().await } else { done }
    }

    async fn die<T>(&self) -> T {
        self.dead.notify_one();
        std::future::pending().await
    }
}

#[async_trait]
impl Store for Mortal {
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        if self.writes.load(Ordering::SeqCst) > self.dies_at {
            return self.die().await;
        }
        self.inner.get(key).await
    }

    async fn put(&self, key: &str, bytes: &[u8], condition: Condition) -> Result<Version, StoreError> {
        self.write(self.inner.put(key, bytes, condition)).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.write(self.inner.delete(key)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.inner.list(prefix).await
    }
}

/// What is done to a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Create,
    /// Every machine of a pool is replaced, and one of the control plane's.
    Change,
    Destroy,
}

impl Act {
    fn spec(self, cloud: TestCloud) -> String {
        match self {
            Self::Create | Self::Destroy => cloud.example(),
            Self::Change => changed(&cloud.example()),
        }
    }

    async fn plan(self, session: &meridian_cli::session::Session, cloud: TestCloud) -> Plan {
        match self {
            Self::Create | Self::Change => rig::plan(session, &self.spec(cloud)).await,
            Self::Destroy => session.plan_destroy("prod-eu").await.unwrap(),
        }
    }
}

/// The example with another machine in its first pool, and another version of Kubernetes.
fn changed(spec: &str) -> String {
    let changed = spec.replacen("machine: { cpu: 4, memoryGiB: 16 }", "machine: { cpu: 8, memoryGiB: 32 }", 1);
    assert_ne!(changed, spec, "the example has no such pool");
    changed
}

/// A new sandbox, with the cluster in it if `act` needs one.
async fn stage(cloud: TestCloud, act: Act) -> Rig {
    let config = Config { pace: Pace::instant(), zones: zones(), ..Config::default() };
    let rig = Rig::start("state-crash", config).await;
    if act != Act::Create {
        rig.converge(&cloud.example()).await;
    }
    rig
}

fn inventory(rig: &Rig, cloud: TestCloud) -> BTreeMap<String, usize> {
    rig.sandbox.inventory(cloud.name).into_iter().map(|(kind, ids)| (kind, ids.len())).collect()
}

/// Tries one point; says whether the run died there.
async fn attempt(cloud: TestCloud, act: Act, at: usize, after_effect: bool, wanted: &BTreeMap<String, usize>) -> bool {
    let rig = stage(cloud, act).await;
    let store = Mortal::new(&rig, at, after_effect);
    let session = rig.session_on(Arc::clone(&store) as Arc<dyn Store>);
    let plan = act.plan(&session, cloud).await;
    let died = tokio::select! {
        applied = rig::apply(&session, &plan) => {
            assert!(applied.0.is_complete(), "{cloud:?} {act:?}: {:#?}", applied.0.failed);
            false
        }
        () = store.dead.notified() => true,
    };
    if died {
        // The lease of a dead process on another machine runs out, or is taken away.
        Clusters::new(Arc::new(FileStore::new(rig.dir.path()))).unlock("prod-eu").await.unwrap();
        let session = rig.session();
        let there = session.clusters.load("prod-eu").await.unwrap().is_some();
        if there || act == Act::Create {
            let plan = act.plan(&session, cloud).await;
            let (report, _) = rig::apply(&session, &plan).await;
            assert!(report.is_complete(), "{cloud:?} {act:?} killed at {at}: {:#?}", report.failed);
        }
    }
    assert_eq!(
        inventory(&rig, cloud),
        *wanted,
        "{cloud:?} {act:?} killed at write {at}, after its effect: {after_effect}"
    );
    let session = rig.session();
    match act {
        Act::Destroy => assert!(session.clusters.load("prod-eu").await.unwrap().is_none()),
        Act::Create | Act::Change => assert!(act.plan(&session, cloud).await.is_empty(), "{cloud:?} {act:?} at {at}"),
    }
    died
}

async fn every_write(cloud: TestCloud, act: Act) {
    let whole = stage(cloud, act).await;
    let store = Mortal::new(&whole, usize::MAX, false);
    let session = whole.session_on(Arc::clone(&store) as Arc<dyn Store>);
    let plan = act.plan(&session, cloud).await;
    assert!(rig::apply(&session, &plan).await.0.is_complete());
    let count = store.writes.load(Ordering::SeqCst);
    let wanted = inventory(&whole, cloud);
    // How many intents share a segment is a matter of timing: a few more points than one run has.
    let points = (0..count + 3).flat_map(|at| [(at, false), (at, true)]);
    let attempts = points.map(|(at, after)| attempt(cloud, act, at, after, &wanted));
    let died: Vec<bool> = futures::stream::iter(attempts).buffer_unordered(SIDE_BY_SIDE).collect().await;
    let (tried, dead) = (died.len(), died.iter().filter(|died| **died).count());
    meridian_tests::report(&format!(
        "{} {act:?}: {count} writes to the store; points tried: {tried}, runs that died there: {dead}, converged: {tried}, \
         orphans: 0, doubles: 0",
        cloud.name
    ));
    // On a busy machine more intents share a segment, and a run has fewer writes than the quiet one that was counted.
    assert!(dead * 10 >= tried * 4, "only {dead} of {tried} runs died");
}

#[tokio::test(flavor = "multi_thread")]
async fn create_converges_from_every_write() {
    for cloud in CLOUDS {
        every_write(cloud, Act::Create).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn change_converges_from_every_write() {
    for cloud in CLOUDS {
        every_write(cloud, Act::Change).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn destroy_converges_from_every_write() {
    for cloud in CLOUDS {
        every_write(cloud, Act::Destroy).await;
    }
}
