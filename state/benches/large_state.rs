//! A state of 5,000 resources, sealed: reading, decrypting and comparing it, measured; fails when it takes more than is
//! promised. `cargo xtask bench` runs it.
//!
//! Each measurement is a process of its own, so that the peak memory is that of the work alone and not of the preparation.
//! What counts is the time on a processor, which is what passes on a machine with nothing else to do; the time on the clock
//! stands beside it.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark may panic and reports to its terminal")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use age::x25519::Identity;
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::planner::{Inputs, plan};
use meridian_engine::schema::Replacement;
use meridian_engine::state::{Phase, Record};
use meridian_engine::{Address, Fields, Graph, Observed, Ref, Resource as _, State, Value, resource};
use meridian_state::envelope::{Conversion, NewWrap, Recipients, Secrets, convert, init};
use meridian_state::{Ask, Clusters, Difference, FileStore, Owner, Retention, SealedStore, Store};
use secrecy::{ExposeSecret as _, SecretString};

const RESOURCES: usize = 5_000;
const CLUSTER: &str = "large";
const PASSPHRASE: &str = "correct horse battery staple";

/// What is promised.
const TIME_LIMIT: Duration = Duration::from_millis(150);
const MEMORY_LIMIT_MIB: f64 = 100.0;

/// Of so many runs the best counts: whatever else the machine does only adds to one.
const RUNS: usize = 9;

resource! {
    /// A machine, as large as one is in a state.
    pub struct Machine = "demo_machine", "machine", Replacement::DeleteFirst;
    fields {
        near: Option<Ref<Machine>> => replace,
        image: String => replace,
        size: String => update,
        disk_gib: i64 => update,
        public: bool => replace,
        zones: Vec<String> => replace,
        groups: Set<String> => update,
        tags: BTreeMap<String, String> => update,
        note: Option<String> => update,
        policy: String => update,
        bootstrap_digest: String => replace,
    }
    computed { arn, private_address, host_name }
}

fn id(number: usize) -> String {
    format!("i-{number:017x}")
}

/// A machine; in groups of a hundred all refer to the first.
fn machine(number: usize, near: Option<Ref<Machine>>) -> Machine {
    let tag = |name: &str| (format!("meridian.example/{name}"), format!("{name} of machine {number} of the pool"));
    Machine {
        near,
        image: format!("ami-{:017x}", number / 100),
        size: "m7i.xlarge".to_owned(),
        disk_gib: 120,
        public: false,
        zones: ["a", "b", "c"].map(|zone| format!("eu-west-1{zone}")).to_vec(),
        groups: (0..4).map(|group| format!("sg-{:017x}", number + group)).collect(),
        tags: ["cluster", "pool", "role", "owner", "cost-centre", "environment"].map(tag).into(),
        note: None,
        policy: policy(number),
        bootstrap_digest: format!("{number:064x}"),
    }
}

/// A text with many quotes, as clouds like them.
fn policy(number: usize) -> String {
    let statement = |verb: &str| {
        format!(
            r#"{{"effect":"allow","action":["storage:{verb}"],"resource":["arn:demo:storage:::bucket-{number}/*"]}}"#
        )
    };
    format!(r#"{{"version":"2012-10-17","statement":[{}]}}"#, ["get", "put", "list"].map(statement).join(","))
}

fn computed(number: usize) -> Fields {
    let host = format!("ip-10-0-{}-{}.eu-west-1.compute.internal", number / 250, number % 250);
    let arn = format!("arn:demo:compute:eu-west-1:123456789012:machine/{}", id(number));
    let address = format!("10.0.{}.{}", number / 250, number % 250);
    [("arn", arn), ("private_address", address), ("host_name", host)]
        .map(|(name, text)| (name.to_owned(), Value::String(text)))
        .into()
}

fn address(number: usize) -> Address {
    Address::new("demo_machine", &format!("pool-{:02}-{number:05}", number / 100)).unwrap()
}

fn first_of_its_hundred(number: usize) -> Option<usize> {
    (!number.is_multiple_of(100)).then_some(number / 100 * 100)
}

/// The fields as a cloud has them, with ids in the place of references.
fn fields(number: usize) -> Fields {
    machine(number, first_of_its_hundred(number).map(|first| Ref::existing(id(first)))).into_fields()
}

fn graph() -> Graph {
    let mut graph = Graph::new();
    for number in 0..RESOURCES {
        let near = first_of_its_hundred(number).map(|first| Ref::to(address(first).name()).unwrap());
        graph.add(address(number).name(), machine(number, near)).unwrap();
    }
    graph
}

fn observed() -> Vec<Observed> {
    let observe = |number| Observed {
        address: address(number),
        schema: Machine::schema(),
        id: id(number),
        fields: fields(number),
        computed: computed(number),
        condition: Condition::Ready,
    };
    (0..RESOURCES).map(observe).collect()
}

fn state() -> State {
    let mut state = State::new(CLUSTER, "demo", "eu-west-1", "lineage".to_owned());
    state.phase = Phase::Ready;
    state.resources = (0..RESOURCES)
        .map(|number| {
            let depends_on = first_of_its_hundred(number).map(address).into_iter().collect();
            let record = Record { id: id(number), fields: fields(number), computed: computed(number), depends_on };
            (address(number), record)
        })
        .collect();
    state
}

fn owner() -> Owner {
    Owner { user: "bench".to_owned(), command: "bench".to_owned(), ..Owner::default() }
}

/// Makes an encrypted store with two states of the cluster, and gives the identity that opens it.
async fn prepare(folder: &Path) -> SecretString {
    let store: Arc<dyn Store> = Arc::new(FileStore::new(folder));
    init(store.as_ref(), Retention::default()).await.unwrap();
    let identity = Identity::generate();
    let recipients = Recipients::parse(&[identity.to_public().to_string()]).unwrap();
    let ways = [NewWrap::age(recipients), NewWrap::passphrase(PASSPHRASE.into()).unwrap()];
    let (nothing, owner) = (Secrets::new(), owner());
    convert(&store, &Conversion { secrets: &nothing, ways: &ways, owner: &owner, is_dead: &|_| false }).await.unwrap();

    let text = SecretString::from(identity.to_string().expose_secret().to_owned());
    let clusters = open(folder, &text);
    let ask = Ask { owner: owner.clone(), is_dead: &|_| false, patience: Duration::ZERO, waiting: &|_| {} };
    let lease = clusters.acquire(CLUSTER, ask).await.unwrap();
    let mut before = state();
    before.resources.get_mut(&address(1)).unwrap().fields.insert("disk_gib".to_owned(), Value::Integer(80));
    let loaded = clusters.write(&lease, &owner, None, before).await.unwrap();
    clusters.write(&lease, &owner, Some(&loaded), state()).await.unwrap();
    lease.release().await.unwrap();
    text
}

/// The clusters of the store, opened by an identity, or by the passphrase in its place.
fn open(folder: &Path, secret: &SecretString) -> Clusters {
    let secrets = if secret.expose_secret() == PASSPHRASE {
        Secrets::new().with_passphrase(secret.clone()).unwrap()
    } else {
        Secrets::new().with_identities(secret).unwrap()
    };
    Clusters::new(Arc::new(SealedStore::open_made(Arc::new(FileStore::new(folder)), secrets)))
}

/// The figure in KiB that the kernel gives for this process.
fn memory_kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().unwrap()
}

/// The time that all threads of this process have spent on a processor.
fn at_work() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let nanoseconds = threads.map(|thread| -> u64 {
        let text = std::fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
        text.split_whitespace().next().unwrap().parse().unwrap()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// What one measurement found.
struct Found {
    /// At work until the state was read.
    read: Duration,
    /// At work until all was done.
    all: Duration,
    /// The same on the clock.
    clock: Duration,
    memory_kib: u64,
}

/// Reads the state, and compares it with the one before.
async fn load_and_compare(folder: &Path, secret: &SecretString) -> Found {
    let clusters = open(folder, secret);
    let (begun, before) = (Instant::now(), at_work());
    let loaded = clusters.load(CLUSTER).await.unwrap().unwrap();
    let read = at_work().saturating_sub(before);
    let earlier = clusters.at(CLUSTER, 1).await.unwrap();
    let difference = Difference::between(&earlier, &loaded.state);
    let (all, clock) = (at_work().saturating_sub(before), begun.elapsed());
    assert_eq!((difference.changed.len(), loaded.state.resources.len()), (1, RESOURCES));
    Found { read, all, clock, memory_kib: memory_kib("VmHWM") }
}

/// Reads the state, and plans with it: all is as desired. The memory is without what is desired and observed.
async fn load_and_plan(folder: &Path, secret: &SecretString) -> Found {
    let (graph, observed) = (graph(), observed());
    let resident = memory_kib("VmRSS");
    let clusters = open(folder, secret);
    let (begun, before) = (Instant::now(), at_work());
    let loaded = clusters.load(CLUSTER).await.unwrap().unwrap();
    let read = at_work().saturating_sub(before);
    let plan = plan(Inputs {
        graph: &graph,
        state: Some(&loaded.state),
        interrupted: None,
        seed: "bench",
        observed: &observed,
        leftovers: &[],
        cluster: CLUSTER,
        provider: "demo",
        region: "eu-west-1",
        emulated: false,
        destroy: false,
        deletion_protection: false,
        pins: BTreeMap::new(),
        outputs: BTreeMap::new(),
    })
    .unwrap();
    let (all, clock) = (at_work().saturating_sub(before), begun.elapsed());
    assert!(plan.is_empty() && plan.changes.len() == RESOURCES && plan.drift.is_empty());
    Found { read, all, clock, memory_kib: memory_kib("VmHWM") - resident }
}

/// One measurement, for the process that asked for it.
async fn measure(work: &str, folder: &Path, secret: &SecretString) {
    let Found { read, all, clock, memory_kib } = match work {
        "compare" => load_and_compare(folder, secret).await,
        _ => load_and_plan(folder, secret).await,
    };
    println!("{} {} {} {memory_kib}", millis(read), millis(all), millis(clock));
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The least of measurements in processes of their own, each figure by itself.
fn least(work: &str, folder: &Path, secret: &SecretString) -> [f64; 4] {
    let mut runs: [Vec<f64>; 4] = Default::default();
    for _ in 0..RUNS {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["measure", work])
            .arg(folder)
            .env("MERIDIAN_BENCH_SECRET", secret.expose_secret())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        for (run, word) in runs.iter_mut().zip(text.split_whitespace()) {
            run.push(word.parse().unwrap());
        }
    }
    runs.map(|run| run.into_iter().fold(f64::INFINITY, f64::min))
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let words: Vec<String> = std::env::args().collect();
    if let [_, command, work, folder] = words.as_slice()
        && command == "measure"
    {
        let secret = SecretString::from(std::env::var("MERIDIAN_BENCH_SECRET").unwrap());
        runtime.block_on(measure(work, Path::new(folder), &secret));
        return ExitCode::SUCCESS;
    }

    let dir = tempfile::tempdir().unwrap();
    let identity = runtime.block_on(prepare(dir.path()));
    let size = std::fs::metadata(dir.path().join(format!("clusters/{CLUSTER}/state.json"))).unwrap().len();
    println!("{RESOURCES} resources, {} bytes of state each", size / RESOURCES as u64);
    let mut kept = true;
    for (work, what) in [("compare", "read, decrypt, diff with the serial before"), ("plan", "read, decrypt, plan")] {
        let [read, all, clock, peak] = least(work, dir.path(), &identity);
        let peak = peak / 1024.0;
        let well = all <= millis(TIME_LIMIT) && peak <= MEMORY_LIMIT_MIB;
        kept &= well;
        let verdict = if well { "ok" } else { "TOO MUCH" };
        println!("{what:<43} {read:>6.1} ms read, {all:>6.1} ms in all ({clock:.0}), {peak:>5.1} MiB  {verdict}");
    }
    // Slow by design, and apart: what a guess costs whoever has the file.
    let [read, all, clock, peak] = least("compare", dir.path(), &PASSPHRASE.into());
    let peak = peak / 1024.0;
    println!(
        "{:<43} {read:>6.1} ms read, {all:>6.1} ms in all ({clock:.0}), {peak:>5.1} MiB",
        "diff, with a passphrase"
    );
    println!(
        "on a processor (on the clock); at most {} ms and {MEMORY_LIMIT_MIB} MiB, without a passphrase",
        TIME_LIMIT.as_millis()
    );
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
