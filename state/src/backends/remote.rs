//! What all stores behind a network have in common: keys below a prefix, patience, and puts whose answer was lost.
//!
//! A request is repeated for as long as [`Patience`] says, while no answer comes or the store says that it can't just now. One
//! outage is sat out once: all requests count from its beginning, and who comes after patience has ended asks a single time. A
//! put that is repeated (by us, or by a proxy) may meet itself: the first one was carried out, its answer was lost, and the
//! condition of the second does not hold any more. So when a condition does not hold, and when no answer came at all, the
//! object is read back. Bodies carry a nonce: if its bytes are exactly ours, it was we who wrote it.
//!
//! What can't be told apart is a put of ours that was carried out, never answered, and written over by someone else before we
//! looked. It is reported as [`StoreError::Precondition`], which is true of what is there now.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable as _};
use bytes::Bytes;

use crate::backends::fault::Fault;
use crate::store::{Condition, MAX_KEY_BYTES, Object, Store, StoreError, Verb, Version, check_key};

/// One request each to a store, with whole keys and no second try.
#[async_trait]
pub(super) trait Wire: Send + Sync {
    /// The object at `key`. `None` stands for an object that is not there, and not for a bucket that is not there, as far as
    /// the store tells them apart.
    async fn get(&self, key: &str) -> Result<Option<Object>, Fault>;

    /// [`Fault::Condition`] if the condition does not hold.
    async fn put(&self, key: &str, bytes: Bytes, condition: &Condition) -> Result<Version, Fault>;

    /// One that is not there is a success.
    async fn delete(&self, key: &str) -> Result<(), Fault>;

    /// All keys that begin with `prefix`, which ends in `/`, from all pages and in any order.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, Fault>;
}

/// How long a request is repeated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// After this time no further try is begun: from the first try of the request, and from the first of any request that
    /// failed since the store last answered.
    pub total: Duration,
    /// The longest pause between two tries; chance makes it up to twice as long.
    pub longest_pause: Duration,
}

impl Default for Patience {
    /// Sits out a store that is down for a minute, and more.
    fn default() -> Self {
        Self { total: Duration::from_mins(3), longest_pause: Duration::from_secs(2) }
    }
}

/// An outage is over when the store has answered, or when nobody has met it for so long. That is longer than a request takes
/// that is never answered, and the pause after it.
const FORGOTTEN: Duration = Duration::from_mins(3);

/// A store that does not answer.
#[derive(Debug, Clone, Copy)]
struct Outage {
    since: Instant,
    last: Instant,
}

/// What all requests know of the store together.
#[derive(Debug, Default)]
pub(super) struct Line(Mutex<Option<Outage>>);

impl Line {
    /// Another try failed; gives how long the store has not answered.
    fn failed(&self) -> Duration {
        let now = Instant::now();
        let mut outage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = outage.filter(|outage| now.duration_since(outage.last) < FORGOTTEN);
        let since = known.map_or(now, |outage| outage.since);
        *outage = Some(Outage { since, last: now });
        now.duration_since(since)
    }

    fn answered(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A store behind a network.
pub(super) struct Remote<W> {
    pub wire: W,
    /// The store, as the user named it.
    pub name: String,
    /// Without a slash at its end; may be empty.
    pub prefix: String,
    pub patience: Patience,
    pub line: Line,
}

impl<W: Wire> Remote<W> {
    /// The whole key.
    fn whole(&self, key: &str) -> Result<String, StoreError> {
        check_key(key)?;
        let whole = if self.prefix.is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) };
        if whole.len() > MAX_KEY_BYTES { Err(StoreError::Key { key: key.to_owned() }) } else { Ok(whole) }
    }

    /// Asks until there is an answer that won't change, or patience ends.
    async fn persist<T, F, A>(&self, ask: F) -> Result<T, Fault>
    where
        F: FnMut() -> A,
        A: Future<Output = Result<T, Fault>>,
    {
        let began = Instant::now();
        let mut tries = 0;
        let pauses = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(self.patience.longest_pause)
            .with_jitter()
            .without_max_times();
        let answer = ask
            .retry(pauses)
            .sleep(tokio::time::sleep)
            .when(|fault: &Fault| {
                fault.is_passing() && self.line.failed() < self.patience.total && began.elapsed() < self.patience.total
            })
            .notify(|fault, _| {
                tries += 1;
                // Not at the first hitch, and not at each.
                if tries == 5 {
                    tracing::warn!(
                        "{}: {fault}; trying again for up to {} s",
                        self.name,
                        self.patience.total.as_secs()
                    );
                } else {
                    tracing::debug!(store = self.name, %fault, "asking the store again");
                }
            })
            .await;
        if answer.as_ref().err().is_none_or(|fault| !fault.is_passing()) {
            self.line.answered();
        }
        answer
    }

    fn error(&self, verb: Verb, key: &str, fault: Fault) -> StoreError {
        let (key, store) = (key.to_owned(), self.name.clone());
        if let Fault::Answer(answer) = &fault
            && let Some(region) = answer.right_region()
        {
            return StoreError::Region { store, region: region.to_owned() };
        }
        match fault {
            Fault::Condition => StoreError::Precondition { key },
            Fault::TooLarge => StoreError::TooLarge { key, store },
            Fault::Credential(_) => StoreError::Credential { store, source: Box::new(fault) },
            Fault::Answer(answer) if answer.is_missing_bucket() => StoreError::Missing { store },
            Fault::Answer(answer) if answer.is_denied() => {
                StoreError::Denied { verb, key, store, source: Box::new(answer) }
            }
            fault => StoreError::Io { verb, key, store, source: Box::new(fault) },
        }
    }
}

/// The version of an object if its bytes are `bytes`.
fn version_if(found: Option<Object>, bytes: &Bytes) -> Option<Version> {
    found.filter(|object| object.bytes == *bytes).map(|object| object.version)
}

#[async_trait]
impl<W: Wire> Store for Remote<W> {
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        let whole = self.whole(key)?;
        self.persist(|| self.wire.get(&whole)).await.map_err(|fault| self.error(Verb::Read, key, fault))
    }

    async fn put(&self, key: &str, bytes: &[u8], condition: Condition) -> Result<Version, StoreError> {
        let whole = self.whole(key)?;
        let bytes = Bytes::copy_from_slice(bytes);
        let fault = match self.persist(|| self.wire.put(&whole, bytes.clone(), &condition)).await {
            Ok(version) => return Ok(version),
            Err(fault) => fault,
        };
        let fault = match fault {
            // Who can't be asked whether it was us has not said that it was another.
            Fault::Condition => match self.persist(|| self.wire.get(&whole)).await {
                Ok(found) => match version_if(found, &bytes) {
                    Some(version) => return Ok(version),
                    None => Fault::Condition,
                },
                Err(fault) => fault,
            },
            // Patience has ended already, so it is looked once.
            fault if fault.is_passing() => match self.wire.get(&whole).await.map(|found| version_if(found, &bytes)) {
                Ok(Some(version)) => return Ok(version),
                _ => fault,
            },
            fault => fault,
        };
        Err(self.error(Verb::Write, key, fault))
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let whole = self.whole(key)?;
        self.persist(|| self.wire.delete(&whole)).await.map_err(|fault| self.error(Verb::Delete, key, fault))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let folder = prefix.trim_end_matches('/');
        let whole = format!("{}/", self.whole(folder)?);
        let fault = |fault| self.error(Verb::List, prefix, fault);
        let found = self.persist(|| self.wire.list(&whole)).await.map_err(fault)?;
        let above = whole.len() - folder.len() - 1;
        let mut keys: Vec<_> = found
            .into_iter()
            .filter(|key| key.starts_with(&whole))
            .filter_map(|key| key.get(above..).map(str::to_owned))
            .collect();
        keys.sort();
        // Pages that are read while others write may overlap.
        keys.dedup();
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use super::*;
    use crate::backends::fault::Answer;

    /// What goes wrong with the next put.
    #[derive(Debug, Clone, Copy)]
    enum Event {
        /// It is carried out and its answer is lost.
        AnswerLost,
        /// It never arrives.
        RequestLost,
        /// It is carried out, its answer is lost, and someone else writes over it.
        LostAndOverwritten,
        /// The store says this and does nothing.
        Says(u16),
    }

    /// A store with one object, and a plan of what goes wrong.
    #[derive(Default)]
    struct Flaky {
        object: Mutex<Option<Object>>,
        plan: Mutex<VecDeque<Event>>,
        puts: Mutex<usize>,
        is_deaf: bool,
    }

    fn says(status: u16) -> Fault {
        Answer { status, code: String::new(), region: None }.into()
    }

    impl Flaky {
        fn write(&self, bytes: &[u8], condition: &Condition) -> Result<Version, Fault> {
            let mut object = self.object.lock().unwrap();
            let holds = match condition {
                Condition::Absent => object.is_none(),
                Condition::Matches(version) => object.as_ref().is_some_and(|object| object.version == *version),
            };
            if !holds {
                return Err(Fault::Condition);
            }
            let version = Version(uuid::Uuid::new_v4().to_string());
            *object = Some(Object { bytes: bytes.to_vec(), version: version.clone() });
            Ok(version)
        }
    }

    #[async_trait]
    impl Wire for Flaky {
        async fn get(&self, _: &str) -> Result<Option<Object>, Fault> {
            if self.is_deaf { Err(says(503)) } else { Ok(self.object.lock().unwrap().clone()) }
        }

        async fn put(&self, _: &str, bytes: Bytes, condition: &Condition) -> Result<Version, Fault> {
            *self.puts.lock().unwrap() += 1;
            let event = self.plan.lock().unwrap().pop_front();
            let lost = Err(Fault::NoAnswer("cut".to_owned()));
            match event {
                None => self.write(&bytes, condition),
                Some(Event::RequestLost) => lost,
                Some(Event::AnswerLost) => self.write(&bytes, condition).and(lost),
                Some(Event::LostAndOverwritten) => {
                    let version = self.write(&bytes, condition)?;
                    self.write(b"another's", &Condition::Matches(version))?;
                    lost
                }
                Some(Event::Says(status)) => Err(says(status)),
            }
        }

        async fn delete(&self, _: &str) -> Result<(), Fault> {
            Ok(())
        }

        async fn list(&self, _: &str) -> Result<Vec<String>, Fault> {
            Ok(["p/q/b", "p/q/a", "p/q/a", "p/qx"].map(str::to_owned).to_vec())
        }
    }

    fn remote(plan: &[Event]) -> Remote<Flaky> {
        let wire = Flaky { plan: Mutex::new(plan.iter().copied().collect()), ..Flaky::default() };
        let patience = Patience { total: Duration::from_millis(500), longest_pause: Duration::from_millis(100) };
        Remote { wire, name: "s3://bucket/p".to_owned(), prefix: "p".to_owned(), patience, line: Line::default() }
    }

    #[tokio::test]
    async fn a_put_whose_answer_was_lost_is_found_to_be_ours() {
        for plan in [
            &[][..],
            &[Event::AnswerLost],
            &[Event::RequestLost, Event::AnswerLost],
            &[Event::AnswerLost, Event::RequestLost, Event::Says(503)],
        ] {
            let store = remote(plan);
            let version = store.put("a", b"ours", Condition::Absent).await.unwrap();
            let next = store.put("a", b"more", Condition::Matches(version)).await.unwrap();
            assert_eq!(store.get("a").await.unwrap().unwrap().version, next);
        }
    }

    #[tokio::test]
    async fn what_another_wrote_is_never_taken_for_ours() {
        let store = remote(&[Event::LostAndOverwritten]);
        let lost = store.put("a", b"ours", Condition::Absent).await;
        assert!(matches!(lost, Err(StoreError::Precondition { .. })));
    }

    #[tokio::test]
    async fn whether_it_was_us_is_not_decided_without_asking() {
        let mut store = remote(&[Event::AnswerLost]);
        store.wire.is_deaf = true;
        let unknown = store.put("a", b"ours", Condition::Absent).await;
        assert!(matches!(unknown, Err(StoreError::Io { .. })), "{unknown:?}");
    }

    #[tokio::test]
    async fn a_last_try_that_was_carried_out_is_found() {
        let mut store = remote(&[Event::AnswerLost]);
        store.patience.total = Duration::ZERO;
        store.put("a", b"ours", Condition::Absent).await.unwrap();
        assert_eq!(*store.wire.puts.lock().unwrap(), 1);
    }

    #[tokio::test]
    async fn patience_ends_and_what_will_not_change_is_not_asked_again() {
        let store = remote(&[Event::Says(503); 1000]);
        assert!(matches!(store.put("a", b"x", Condition::Absent).await, Err(StoreError::Io { .. })));
        assert!((4..100).contains(&*store.wire.puts.lock().unwrap()));
        let store = remote(&[Event::Says(403)]);
        assert!(matches!(store.put("a", b"x", Condition::Absent).await, Err(StoreError::Denied { .. })));
        assert_eq!(*store.wire.puts.lock().unwrap(), 1);
    }

    #[tokio::test]
    async fn one_outage_is_sat_out_once() {
        let store = remote(&[Event::Says(503); 1000]);
        let ask = async || assert!(matches!(store.put("a", b"x", Condition::Absent).await, Err(StoreError::Io { .. })));
        let began = Instant::now();
        tokio::join!(ask(), ask());
        let tries = *store.wire.puts.lock().unwrap();
        ask().await;
        ask().await;
        assert_eq!(*store.wire.puts.lock().unwrap(), tries + 2, "it was waited for again");
        assert!(began.elapsed() < 3 * store.patience.total);
        // It answers, and is not there again.
        store.wire.plan.lock().unwrap().clear();
        store.put("a", b"x", Condition::Absent).await.unwrap();
        store.wire.plan.lock().unwrap().push_back(Event::Says(503));
        store.put("b", b"y", Condition::Absent).await.unwrap_err();
        assert_eq!(*store.wire.puts.lock().unwrap(), tries + 5, "a new outage was not waited for");
    }

    #[tokio::test]
    async fn keys_stand_below_the_prefix_and_are_listed_without_it() {
        let store = remote(&[]);
        assert_eq!(store.whole("a/b").unwrap(), "p/a/b");
        assert_eq!(store.list("q/").await.unwrap(), ["q/a", "q/b"]);
        for key in ["", "a//b", "../a", "a\nb", "/a"] {
            assert!(matches!(store.get(key).await, Err(StoreError::Key { .. })), "{key}");
        }
        assert!(store.whole(&"a".repeat(1023)).is_err());
    }
}
