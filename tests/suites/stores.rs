//! The stores that state is kept in: one suite that each passes, on servers that others wrote.

use std::fmt;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use meridian_state::backends::credential::{Credential, CredentialSource};
use meridian_state::backends::open;
use meridian_state::probe::probe;
use meridian_state::store::{Condition, Object, Store, StoreError};
use meridian_tests::buckets::{self, AZURITE_ACCOUNT, AZURITE_KEY};
use meridian_tests::emulator::Emulator;
use meridian_tests::proxy::{Fate, Proxy};

const PROCESSES: usize = 16;
const ROUNDS: usize = 100;
const BAD_ROUNDS: usize = 42;

/// How long a store is down. Meridian sits out a minute and more; the suite need not.
const DOWN: Duration = Duration::from_secs(5);

/// What a bad network does, in turn.
const BAD: [Fate; 7] =
    [Fate::Passes, Fate::AnswerLost, Fate::SentTwice, Fate::AnswerLost, Fate::RequestLost, Fate::Late, Fate::SentTwice];

/// What a network does in turn that keeps no order.
const DISORDER: [Fate; 7] =
    [Fate::Overtaken, Fate::Passes, Fate::Echoed, Fate::Late, Fate::Passes, Fate::AnswerLost, Fate::Echoed];

/// How many write at once through such a network, and how often each.
const WRITERS: usize = 4;
const ENTRIES: usize = 12;

/// A place, as a worker process is told of it.
#[derive(Debug, Clone)]
struct Place {
    url: String,
    endpoint: Option<String>,
    key: Option<&'static str>,
}

struct Fixed(Credential);

impl fmt::Debug for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fixed")
    }
}

#[async_trait]
impl CredentialSource for Fixed {
    async fn credential(&self) -> Result<Credential, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.clone())
    }
}

impl Place {
    fn below(&self, prefix: &str) -> Self {
        Self { url: format!("{}/{prefix}", self.url), ..self.clone() }
    }

    fn open(&self) -> Arc<dyn Store> {
        let credential = self.key.map_or(Credential::Anonymous, |key| Credential::AccountKey(key.to_owned().into()));
        let endpoint = self.endpoint.as_deref().map(|endpoint| endpoint.parse().unwrap());
        open(&self.url.parse().unwrap(), endpoint.as_ref(), Arc::new(Fixed(credential))).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_keeps_every_promise() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place { url: format!("file://{}", dir.path().display()), endpoint: None, key: None };
    judge(&place, "a directory", 300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_keeps_every_promise() {
    let emulator = Emulator::ministack();
    buckets::s3(emulator.endpoint(), "team-state").await;
    let url = "s3://team-state".to_owned();
    let place = Place { url, endpoint: Some(emulator.endpoint().to_owned()), key: None };
    judge(&place, "S3 (ministack)", 1_100).await;
    bad_network(&place, "S3 (ministack)").await;
    disorder(&place, "S3 (ministack)").await;
    no_bucket(&Place { url: "s3://nobodys-bucket".to_owned(), ..place }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blob_storage_keeps_every_promise() {
    let emulator = Emulator::azurite();
    buckets::azurite(emulator.endpoint(), "team-state").await;
    let url = format!("az://{AZURITE_ACCOUNT}/team-state");
    let place = Place { url, endpoint: Some(emulator.endpoint().to_owned()), key: Some(AZURITE_KEY) };
    judge(&place, "Blob Storage (azurite)", 5_100).await;
    bad_network(&place, "Blob Storage (azurite)").await;
    disorder(&place, "Blob Storage (azurite)").await;
    no_bucket(&Place { url: format!("az://{AZURITE_ACCOUNT}/nobodys-container"), ..place.clone() }).await;
    let wrong = Place { key: Some("d3Jvbmc="), ..place }.open();
    let error = wrong.get("clusters/a/state.json").await.unwrap_err();
    assert!(matches!(error, StoreError::Denied { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("SharedKey") && !format!("{error:?}").contains("d3Jvbmc="));
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_storage_keeps_every_promise() {
    let emulator = Emulator::fake_gcs();
    buckets::gcs(emulator.endpoint(), "team-state").await;
    let url = "gs://team-state".to_owned();
    let place = Place { url, endpoint: Some(emulator.endpoint().to_owned()), key: None };
    judge(&place, "Cloud Storage (fake-gcs-server)", 1_100).await;
    bad_network(&place, "Cloud Storage (fake-gcs-server)").await;
    disorder(&place, "Cloud Storage (fake-gcs-server)").await;
    no_bucket(&Place { url: "gs://nobodys-bucket".to_owned(), ..place }).await;
}

/// Everything that a store must do, at its root and below a prefix. A listing of `many` takes more than one page.
async fn judge(place: &Place, name: &str, many: usize) {
    for place in [place.clone(), place.below("deep/er/pre_fix.1")] {
        let store = place.open();
        objects_come_and_go(store.as_ref()).await;
        conditions_hold(store.as_ref()).await;
        keys_are_data(store.as_ref()).await;
        large_bodies_are_kept(store.as_ref()).await;
        probe(store.as_ref()).await.unwrap();
        assert_eq!(store.list("probe/").await.unwrap(), Vec::<String>::new());
    }
    listings_have_all_pages(&place.below("many").open(), many).await;
    let place = place.clone();
    let race = tokio::task::spawn_blocking(move || race(&place)).await.unwrap();
    report(&format!("{name}: {PROCESSES} processes x {ROUNDS} rounds: {race}"));
}

async fn body(store: &dyn Store, key: &str) -> Option<Vec<u8>> {
    store.get(key).await.unwrap().map(|object| object.bytes)
}

async fn objects_come_and_go(store: &dyn Store) {
    assert!(store.get("clusters/a/state.json").await.unwrap().is_none());
    assert_eq!(store.list("clusters/").await.unwrap(), Vec::<String>::new());
    for key in ["clusters/b/state.json", "clusters/a/state.json", "clusters/a/history/1.json", "other/c"] {
        let version = store.put(key, key.as_bytes(), Condition::Absent).await.unwrap();
        assert_eq!(store.get(key).await.unwrap(), Some(Object { bytes: key.as_bytes().to_vec(), version }));
    }
    let listed = store.list("clusters/").await.unwrap();
    assert_eq!(listed, ["clusters/a/history/1.json", "clusters/a/state.json", "clusters/b/state.json"]);
    assert_eq!(store.list("clusters/a/").await.unwrap(), listed[..2]);
    for key in listed.iter().map(String::as_str).chain(["other/c", "never/was"]) {
        store.delete(key).await.unwrap();
        store.delete(key).await.unwrap();
    }
    assert!(store.get("clusters/a/state.json").await.unwrap().is_none());
    assert_eq!(store.list("clusters/").await.unwrap(), Vec::<String>::new());
}

async fn conditions_hold(store: &dyn Store) {
    let key = "conditions/object";
    let refused = |result| matches!(result, Err(StoreError::Precondition { .. }));
    let first = store.put(key, b"1", Condition::Absent).await.unwrap();
    assert!(refused(store.put(key, b"x", Condition::Absent).await));
    let second = store.put(key, b"2", Condition::Matches(first.clone())).await.unwrap();
    assert_ne!(first, second);
    assert!(refused(store.put(key, b"y", Condition::Matches(first)).await));
    assert_eq!(body(store, key).await.unwrap(), b"2");
    store.delete(key).await.unwrap();
    assert!(refused(store.put(key, b"z", Condition::Matches(second)).await));
    assert!(store.get(key).await.unwrap().is_none());
    store.put(key, b"again", Condition::Absent).await.unwrap();
    store.delete(key).await.unwrap();
}

async fn keys_are_data(store: &dyn Store) {
    let odd = ["odd/a b", "odd/ü", "odd/%2F%25", "odd/q?x=1&y#z", "odd/a+b=c", "odd/[x]{y}~|^", "odd/..a", "odd/ä/é"];
    let mut taken = Vec::new();
    for key in odd {
        // A directory keeps hidden names for itself, and says so.
        match store.put(key, key.as_bytes(), Condition::Absent).await {
            Ok(_) => taken.push(key),
            Err(StoreError::Key { .. }) if key == "odd/..a" => {}
            Err(error) => panic!("{key}: {error:?}"),
        }
    }
    taken.sort_unstable();
    assert_eq!(store.list("odd/").await.unwrap(), taken);
    for key in taken {
        assert_eq!(body(store, key).await.unwrap(), key.as_bytes());
        store.delete(key).await.unwrap();
    }
    assert_eq!(store.list("odd/").await.unwrap(), Vec::<String>::new());
    for key in ["", "/a", "a/", "a//b", "../a", "a/./b", "a/\0", "a\nb", "a\\b"] {
        let result = store.put(key, b"x", Condition::Absent).await;
        assert!(matches!(result, Err(StoreError::Key { .. })), "{key:?}: {result:?}");
    }
}

async fn listings_have_all_pages(store: &Arc<dyn Store>, many: usize) {
    let key = |number: usize| format!("pages/{number:05}");
    // Written by eight at once, and not in order.
    let writers = (0..8).map(|writer| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            for number in (0..many).rev().filter(|number| number % 8 == writer) {
                store.put(&key(number), b"x", Condition::Absent).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let all: Vec<_> = (0..many).map(key).collect();
    assert!(store.list("pages/").await.unwrap() == all, "a listing of {many} is not what was written");
}

async fn large_bodies_are_kept(store: &dyn Store) {
    let bytes: Vec<u8> = (0..5_000_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let version = store.put("large", &bytes, Condition::Absent).await.unwrap();
    let kept = store.get("large").await.unwrap().unwrap();
    assert!(kept.bytes == bytes, "5 MB came back otherwise");
    store.put("large", b"small", Condition::Matches(version)).await.unwrap();
    store.delete("large").await.unwrap();
}

/// One writer behind a bad network: every write of it is reported as what it was, and none is lost or done twice.
async fn bad_network(place: &Place, name: &str) {
    let proxy = Proxy::start(place.endpoint.as_deref().unwrap(), &BAD).await;
    let store = Place { endpoint: Some(proxy.endpoint().to_owned()), ..place.clone() }.below("bad").open();
    for round in 0..BAD_ROUNDS {
        let seen = store.get("race/counter").await.unwrap();
        assert_eq!(count(seen.as_ref()), round);
        assert_eq!(increment(store.as_ref(), seen, round).await, "won", "round {round}");
    }
    let stale = store.put("race/counter", b"1 stale", Condition::Absent).await;
    assert!(matches!(stale, Err(StoreError::Precondition { .. })), "{stale:?}");
    assert_eq!(store.list("race/").await.unwrap(), ["race/counter"]);
    store.delete("race/counter").await.unwrap();
    assert!(store.get("race/counter").await.unwrap().is_none());
    report(&format!("{name}: {BAD_ROUNDS} writes through a bad network, none lost; {} exchanges", proxy.exchanges()));
    let proxy = Proxy::start(place.endpoint.as_deref().unwrap(), &[Fate::Passes]).await;
    let store = Place { endpoint: Some(proxy.endpoint().to_owned()), ..place.clone() }.open();
    proxy.set_down(true);
    let began = Instant::now();
    let (put, ()) = tokio::join!(store.put("down", b"x", Condition::Absent), async {
        tokio::time::sleep(DOWN).await;
        proxy.set_down(false);
    });
    put.unwrap();
    report(&format!("{name}: down for {DOWN:?}; a write went through after {:.1?}", began.elapsed()));
}

/// Several writers add entries to one list, through a network where earlier requests arrive after later ones: an entry whose
/// write was reported as done is in the list at the end, and none is there twice.
async fn disorder(place: &Place, name: &str) {
    let proxy = Proxy::start(place.endpoint.as_deref().unwrap(), &DISORDER).await;
    let store = Place { endpoint: Some(proxy.endpoint().to_owned()), ..place.clone() }.below("disorder").open();
    let began = Instant::now();
    let writers = (0..WRITERS).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut refused = 0;
            for number in 0..ENTRIES {
                refused += add_entry(store.as_ref(), &format!("{writer}-{number}")).await;
            }
            refused
        })
    });
    let mut refused = 0;
    for writer in writers.collect::<Vec<_>>() {
        refused += writer.await.unwrap();
    }
    Proxy::settle().await;
    let list = store.get("race/list").await.unwrap().unwrap().bytes;
    let mut list: Vec<_> = String::from_utf8(list).unwrap().lines().map(str::to_owned).collect();
    list.sort();
    let mut wanted: Vec<_> =
        (0..WRITERS).flat_map(|writer| (0..ENTRIES).map(move |number| format!("{writer}-{number}"))).collect();
    wanted.sort();
    assert_eq!(list, wanted);
    assert!(proxy.late() > 10, "only {} requests were overtaken", proxy.late());
    report(&format!(
        "{name}: {} entries by {WRITERS} writers, none lost or doubled; {refused} writes refused; {} requests arrived after \
         later ones, of {}; {:.1?}",
        list.len(),
        proxy.late(),
        proxy.exchanges(),
        began.elapsed()
    ));
}

/// Adds an entry until it is in the list; gives how many tries were refused. One that was refused may have been carried out
/// all the same, if its answer was lost and others wrote since: so it looks first.
async fn add_entry(store: &dyn Store, entry: &str) -> usize {
    for refused in 0.. {
        let seen = store.get("race/list").await.unwrap();
        let before = seen.as_ref().map_or(String::new(), |object| String::from_utf8(object.bytes.clone()).unwrap());
        if before.lines().any(|line| line == entry) {
            return refused;
        }
        let condition = seen.map_or(Condition::Absent, |object| Condition::Matches(object.version));
        match store.put("race/list", format!("{before}{entry}\n").as_bytes(), condition).await {
            Ok(_) => return refused,
            Err(StoreError::Precondition { .. }) => {}
            Err(error) => panic!("{entry}: {error:?}"),
        }
    }
    unreachable!("a try without end")
}

async fn no_bucket(place: &Place) {
    let store = place.open();
    let error = store.put("clusters/a/state.json", b"x", Condition::Absent).await.unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error:?}");
    assert!(error.to_string().ends_with(&format!("`meridian state init {}`", place.url)), "{error}");
    let error = store.list("clusters/").await.unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error:?}");
}

/// What a race came to.
struct Race {
    wins: usize,
    lost: usize,
    counter: usize,
}

impl fmt::Display for Race {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} wins, one in each; {} refused; the counter is {}", self.wins, self.lost, self.counter)
    }
}

/// In each round all processes read the counter, and only then each tries to put the next number on the version it read.
fn race(place: &Place) -> Race {
    let mut workers: Vec<_> = (0..PROCESSES).map(|_| Worker::start(place)).collect();
    let (mut wins, mut lost) = (0, 0);
    for round in 0..ROUNDS {
        for step in ["read", "write"] {
            for worker in &mut workers {
                worker.tell(step);
            }
            let answers: Vec<_> = workers.iter_mut().map(Worker::answer).collect();
            if step == "read" {
                assert!(answers.iter().all(|answer| *answer == round.to_string()), "round {round}: {answers:?}");
            } else {
                let won = answers.iter().filter(|answer| *answer == "won").count();
                assert_eq!(won, 1, "round {round}: {answers:?}");
                wins += won;
                lost += answers.iter().filter(|answer| *answer == "lost").count();
            }
        }
    }
    assert_eq!(lost, (PROCESSES - 1) * ROUNDS, "some neither won nor lost");
    let mut reader = Worker::start(place);
    reader.tell("read");
    let counter = reader.answer().parse().unwrap();
    assert_eq!(counter, wins, "an update was lost");
    Race { wins, lost, counter }
}

/// Another process of this test binary.
struct Worker {
    child: Child,
    answers: Lines<BufReader<ChildStdout>>,
}

const WORKER: &str = "MERIDIAN_TEST_WORKER";

impl Worker {
    fn start(place: &Place) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "stores::worker_process", "--nocapture"])
            .env(WORKER, serde_json::json!([place.url, place.endpoint, place.key.is_some()]).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, answers }
    }

    fn tell(&mut self, step: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{step}").unwrap();
    }

    /// Ours have a mark among the lines of the test runner, which may stand before them on the same line.
    fn answer(&mut self) -> String {
        loop {
            let line = self.answers.next().unwrap().unwrap();
            if let Some((_, answer)) = line.split_once("@@") {
                return answer.to_owned();
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// No test by itself: what [`Worker`] starts.
#[test]
fn worker_process() {
    let Ok(text) = std::env::var(WORKER) else { return };
    let (url, endpoint, has_key): (String, Option<String>, bool) = serde_json::from_str(&text).unwrap();
    let store = Place { url, endpoint, key: has_key.then_some(AZURITE_KEY) }.open();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut seen = None;
    let process = std::process::id() as usize;
    for step in std::io::stdin().lines() {
        let answer = runtime.block_on(async {
            if step.unwrap() == "read" {
                seen = store.get("race/counter").await.unwrap();
                count(seen.as_ref()).to_string()
            } else {
                increment(store.as_ref(), seen.take(), process).await
            }
        });
        report(&format!("@@{answer}"));
    }
}

/// The body is the number, and a nonce that makes every body another.
fn count(object: Option<&Object>) -> usize {
    let text = object.map(|object| String::from_utf8(object.bytes.clone()).unwrap());
    text.map_or(0, |text| text.split(' ').next().unwrap().parse().unwrap())
}

async fn increment(store: &dyn Store, seen: Option<Object>, nonce: usize) -> String {
    let body = format!("{} {nonce}", count(seen.as_ref()) + 1);
    let condition = seen.map_or(Condition::Absent, |object| Condition::Matches(object.version));
    match store.put("race/counter", body.as_bytes(), condition).await {
        Ok(_) => "won".to_owned(),
        Err(StoreError::Precondition { .. }) => "lost".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

/// Prints a line past the test runner's capture: the numbers are what the suite is for.
fn report(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}
