//! Who may write: one lease a cluster, with an expiry, a heartbeat and a fencing number.
//!
//! # Guarantees
//! - The fencing number grows with each holder and stands in everything a holder writes. A holder's first act is to write
//!   the state anew; from then on the condition of its predecessor's next write can't hold, even if that one wakes up late.
//! - A holder that took over from one that did not end well also seals that one's journal, so that it can't write down an
//!   intent any more, and so sends no further change.
//! - A holder stops sending some time before its lease runs out, in the middle of a change too, and others take it some time
//!   after.
//! - A holder whose process stood still for some seconds (it was stopped, its machine slept) sends nothing before it has
//!   renewed its lease: someone may have taken it away.
//!
//! # Assumptions
//! - Clocks of holders differ by less than twice [`SKEW`].
//!
//! # Caveats
//! - A holder that is stopped between its last look at the lease and the very call to a cloud sends that one call late, and
//!   no other: clouds take no fencing numbers. The call carries its idempotency token, and what it makes is found by its tag.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::clusters::StateError;
use crate::format::{can_grow, damaged, nonce};
use crate::store::{Condition, Store, StoreError, Version};

/// How long a lease holds without a heartbeat.
pub const TERM: Duration = Duration::from_mins(1);

/// By how much clocks may be wrong.
pub const SKEW: Duration = Duration::from_secs(10);

/// How often a holder notices that it is running.
const TICK: Duration = Duration::from_secs(1);

/// A holder that did not notice it for so long stood still.
const GAP: Duration = Duration::from_secs(4);

/// How long a holder whose lease ran out since the store did not answer waits for the store, before it gives up.
const PATIENCE: Duration = Duration::from_mins(5);

/// Who holds a lease, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub user: String,
    pub host: String,
    pub process: u32,
    /// What tells process numbers of this boot and container from those of others; empty when it is not known.
    pub process_space: String,
    /// The page of the pipeline's run, if one runs it.
    pub run_url: Option<String>,
    /// What is being done (`create`).
    pub command: String,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{} (process {}, `{}`)", self.user, self.host, self.process, self.command)?;
        match &self.run_url {
            Some(url) => write!(f, ", {url}"),
            None => Ok(()),
        }
    }
}

/// How a lease is asked for.
pub struct Ask<'a> {
    pub owner: Owner,
    /// Knows that a holder has died for sure, and says no where it is not sure: such a holder is not waited for.
    pub is_dead: &'a (dyn Fn(&Owner) -> bool + Send + Sync),
    /// How long to wait for another holder.
    pub patience: Duration,
    /// Told once when there is someone to wait for.
    pub waiting: &'a (dyn Fn(&Owner) + Send + Sync),
}

/// The stored form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaseFile {
    pub owner: Owner,
    pub fence: u64,
    pub acquired_at: Timestamp,
    pub expires_at: Timestamp,
    /// Set by its holder when it has ended. Whoever takes a lease away lets it run out instead.
    pub released: bool,
    /// Makes every body another, for stores whose versions are digests.
    pub nonce: String,
}

impl LeaseFile {
    /// Whether it keeps others out.
    pub fn is_held(&self) -> bool {
        !self.released && after(self.expires_at, SKEW) > Timestamp::now()
    }
}

/// A lease that is held. Its heartbeat runs until it is released or dropped; dropped unreleased, it expires.
#[derive(Debug)]
pub struct Lease {
    pub fence: u64,
    /// Whether the holder before did not end well: it may be alive still, and believe that it holds the lease.
    pub(crate) took_over: bool,
    store: SharedStore,
    key: String,
    status: watch::Sender<Status>,
    /// Dropped to end the heartbeat after its present beat.
    stop: Option<oneshot::Sender<()>>,
    heartbeat: JoinHandle<(LeaseFile, Version)>,
}

/// What is known of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Until {
        end: Timestamp,
        /// When its holder was last seen to run, without a gap since the lease was last renewed.
        seen: Timestamp,
    },
    /// Someone else has it.
    Lost,
}

impl Status {
    /// Whether its holder may still send.
    fn is_good(self) -> bool {
        let now = Timestamp::now();
        matches!(self, Self::Until { end, seen } if now < before(end, SKEW) && now < after(seen, GAP))
    }
}

/// Tells whether a lease is still held, without holding it.
#[derive(Debug, Clone)]
pub(crate) struct Held(watch::Receiver<Status>);

impl Held {
    /// Whether it is, as far as is known here. One that ran out may be renewed: [`Held::check`] waits for that.
    pub fn now(&self) -> bool {
        self.0.borrow().is_good()
    }

    /// An error once the lease was taken over. One that ran out, since the store did not answer the heartbeat, may be
    /// renewed as long as nobody took it, and is waited for.
    pub async fn check(&mut self) -> Result<(), StateError> {
        let is_known = |status: &Status| *status == Status::Lost || status.is_good();
        match tokio::time::timeout(PATIENCE, self.0.wait_for(is_known)).await {
            Ok(Ok(status)) if *status != Status::Lost => Ok(()),
            _ => Err(StateError::LeaseLost),
        }
    }
}

#[derive(Clone)]
struct SharedStore(Arc<dyn Store>);

impl std::fmt::Debug for SharedStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Lease {
    /// Takes the lease at `key`, or says who holds it.
    pub(crate) async fn acquire(store: Arc<dyn Store>, key: &str, ask: Ask<'_>) -> Result<Self, StateError> {
        let give_up = tokio::time::Instant::now() + ask.patience;
        let mut told = false;
        loop {
            let held = match Self::try_acquire(&store, key, &ask).await {
                Err(StateError::Held { owner, expires_at }) => (owner, expires_at),
                result => return result,
            };
            let now = tokio::time::Instant::now();
            if now >= give_up {
                return Err(StateError::Held { owner: held.0, expires_at: held.1 });
            }
            if !told {
                (ask.waiting)(&held.0);
                told = true;
            }
            // Those who wait side by side do not ask at the same moment.
            let pause = Duration::from_millis(500 + u64::from(uuid::Uuid::new_v4().as_bytes()[0]) * 6);
            tokio::time::sleep(pause.min(give_up - now)).await;
        }
    }

    async fn try_acquire(store: &Arc<dyn Store>, key: &str, ask: &Ask<'_>) -> Result<Self, StateError> {
        let present = read(store.as_ref(), key).await?;
        let took_over = present.as_ref().is_some_and(|(file, _)| !file.released);
        let fence = next_fence(present.as_ref().map(|(file, _)| file.fence));
        let condition = match present {
            None => Condition::Absent,
            Some((file, _)) if file.is_held() && !(ask.is_dead)(&file.owner) => {
                return Err(StateError::Held { owner: file.owner, expires_at: file.expires_at });
            }
            Some((_, version)) => Condition::Matches(version),
        };
        let now = Timestamp::now();
        let file = LeaseFile {
            owner: ask.owner.clone(),
            fence,
            acquired_at: now,
            expires_at: after(now, TERM),
            released: false,
            nonce: nonce(),
        };
        let version = match put(store.as_ref(), key, &file, condition).await {
            Ok(version) => version,
            Err(StateError::Store(StoreError::Precondition { .. })) => {
                let winner = read(store.as_ref(), key).await?.map(|(file, _)| file);
                return Err(winner.map_or(StateError::LeaseLost, |file| StateError::Held {
                    owner: file.owner,
                    expires_at: file.expires_at,
                }));
            }
            Err(error) => return Err(error),
        };
        let status = watch::Sender::new(Status::Until { end: file.expires_at, seen: now });
        let (stop, stopped) = oneshot::channel();
        let beat = Beat { store: Arc::clone(store), key: key.to_owned(), status: status.clone() };
        let heartbeat = tokio::spawn(beat.run(file, version, stopped));
        Ok(Self {
            fence,
            took_over,
            store: SharedStore(Arc::clone(store)),
            key: key.to_owned(),
            status,
            stop: Some(stop),
            heartbeat,
        })
    }

    /// Makes sure that it is still held; every write asks.
    pub(crate) async fn check(&self) -> Result<(), StateError> {
        self.held().check().await
    }

    /// As if someone had taken it.
    #[cfg(test)]
    pub(crate) fn lose(&self) {
        self.status.send_replace(Status::Lost);
    }

    /// What others ask whether it is still held.
    pub(crate) fn held(&self) -> Held {
        Held(self.status.subscribe())
    }

    /// Gives it back. Someone who took it over in the meantime keeps it.
    pub async fn release(mut self) -> Result<(), StateError> {
        self.stop.take();
        // A heartbeat that is being written ends first: its version is the one to write on.
        let Ok((mut file, version)) = (&mut self.heartbeat).await else { return Err(StateError::LeaseLost) };
        file.released = true;
        file.nonce = nonce();
        match put(self.store.0.as_ref(), &self.key, &file, Condition::Matches(version)).await {
            Ok(_) | Err(StateError::Store(StoreError::Precondition { .. })) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

/// The heartbeat of a lease.
struct Beat {
    store: Arc<dyn Store>,
    key: String,
    status: watch::Sender<Status>,
}

impl Beat {
    /// Puts the expiry off, three times a term, and at once after a gap. When that fails the lease runs out by itself, and is
    /// renewed by the next beat that gets through, unless someone took it.
    async fn run(
        self,
        mut file: LeaseFile,
        mut version: Version,
        mut stopped: oneshot::Receiver<()>,
    ) -> (LeaseFile, Version) {
        let mut due = tokio::time::Instant::now() + TERM / 3;
        // A beat that failed is not repeated before this, gap or not.
        let mut earliest = tokio::time::Instant::now();
        loop {
            tokio::select! {
                _ = &mut stopped => return (file, version),
                () = self.wait(earliest, due) => {}
            }
            due = tokio::time::Instant::now() + TERM / 3;
            let next = LeaseFile { expires_at: after(Timestamp::now(), TERM), nonce: nonce(), ..file.clone() };
            let mut last = Timestamp::now();
            let mut gap = false;
            let written = {
                let condition = Condition::Matches(version.clone());
                let mut put = std::pin::pin!(put(self.store.as_ref(), &self.key, &next, condition));
                loop {
                    tokio::select! {
                        written = &mut put => break written,
                        () = tokio::time::sleep(TICK) => {
                            self.runs();
                            gap |= Timestamp::now() > after(last, GAP);
                            last = Timestamp::now();
                        }
                    }
                }
            };
            match written {
                Ok(written) => {
                    (file, version) = (next, written);
                    let now = Timestamp::now();
                    // It may have been renewed before a gap: then the next beat, at once, tells whether it still is ours.
                    gap |= now > after(last, GAP);
                    let seen = if gap { Timestamp::UNIX_EPOCH } else { now };
                    self.status.send_replace(Status::Until { end: file.expires_at, seen });
                }
                Err(StateError::Store(StoreError::Precondition { .. })) => {
                    tracing::error!("the lease was taken over by someone else");
                    self.status.send_replace(Status::Lost);
                    return (file, version);
                }
                Err(error) => {
                    tracing::warn!(%error, "the lease could not be renewed; trying again");
                    earliest = tokio::time::Instant::now() + GAP;
                }
            }
        }
    }

    /// Waits for the next beat, which a gap brings forward; there is no wait where the store took its time for the one before.
    async fn wait(&self, earliest: tokio::time::Instant, due: tokio::time::Instant) {
        loop {
            let (runs, now) = (self.runs(), tokio::time::Instant::now());
            if now >= earliest && (now >= due || !runs) {
                return;
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Notices that its process is running; `false` after a gap, which lasts until the lease is renewed.
    fn runs(&self) -> bool {
        let now = Timestamp::now();
        self.status.send_if_modified(|status| match status {
            Status::Until { seen, .. } if now < after(*seen, GAP) => {
                *seen = now;
                true
            }
            _ => false,
        })
    }
}

/// A higher number than the one before, and no lower than the milliseconds of the clock: so a lease whose object someone removed,
/// or put back as it was once, does not fall below what was written under it.
fn next_fence(before: Option<u64>) -> u64 {
    let clock = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
    before.map_or(1, |before| before + 1).max(clock)
}

/// Lets a lease that someone holds run out at once.
pub(crate) async fn end(store: &dyn Store, key: &str) -> Result<(), StateError> {
    let Some((mut file, version)) = read(store, key).await? else { return Ok(()) };
    file.expires_at = Timestamp::UNIX_EPOCH;
    file.nonce = nonce();
    put(store, key, &file, Condition::Matches(version)).await.map(drop)
}

fn after(time: Timestamp, span: Duration) -> Timestamp {
    time.checked_add(SignedDuration::try_from(span).unwrap_or(SignedDuration::ZERO)).unwrap_or(time)
}

fn before(time: Timestamp, span: Duration) -> Timestamp {
    time.checked_sub(SignedDuration::try_from(span).unwrap_or(SignedDuration::ZERO)).unwrap_or(time)
}

pub(crate) async fn read(store: &dyn Store, key: &str) -> Result<Option<(LeaseFile, Version)>, StateError> {
    let Some(object) = store.get(key).await? else { return Ok(None) };
    let file: LeaseFile = serde_json::from_slice(&object.bytes).map_err(|source| damaged(key, source))?;
    can_grow(key, "fencing number", file.fence)?;
    Ok(Some((file, object.version)))
}

async fn put(store: &dyn Store, key: &str, file: &LeaseFile, condition: Condition) -> Result<Version, StateError> {
    let bytes = serde_json::to_vec_pretty(file).map_err(|source| damaged(key, source))?;
    Ok(store.put(key, &bytes, condition).await?)
}
