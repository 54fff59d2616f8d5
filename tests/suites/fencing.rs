//! A holder that is stopped and then continued, on every store, over the expiry of its lease or with its lease taken away:
//! another one goes on meanwhile, and the first neither writes nor sends anything more.
//!
//! Each store has a test, an emulator and a sandbox of its own: what fails on one takes nothing away from the others.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use meridian_sandbox::{Config, Fault, Sandbox};
use meridian_tests::binary::{expect, meridian};
use meridian_tests::buckets::{self, AZURITE_ACCOUNT, AZURITE_KEY};
use meridian_tests::emulator::Emulator;
use meridian_tests::harness::zones;

/// How long every call to the cloud takes.
const LATENCY: Duration = Duration::from_millis(300);

/// After so long without an answer of the cloud, everything that was to be sent has been.
const QUIET: Duration = Duration::from_millis(150);

/// The longest that one step may take: a lease lasts 70 seconds over its last heartbeat.
const PATIENCE: Duration = Duration::from_mins(4);

const CREATE: [&str; 4] = ["create", "-f", "examples/aws.yaml", "--yes"];

/// A store, as a process is told of it.
struct Place {
    url: String,
    endpoint: Option<String>,
    key: Option<&'static str>,
}

impl Place {
    /// `meridian`, with its state here and the cloud of `sandbox`.
    fn meridian(&self, dir: &Path, sandbox: &Sandbox) -> Command {
        let mut command = meridian(dir);
        command.env("MERIDIAN_STATE", &self.url).env("MERIDIAN_ENDPOINT_AWS", sandbox.endpoint("aws").unwrap());
        if let Some(endpoint) = &self.endpoint {
            command.env("MERIDIAN_ENDPOINT_STATE", endpoint);
        }
        if let Some(key) = self.key {
            command.env("AZURE_STORAGE_KEY", key);
        }
        command
    }

    /// Whether nobody is in the middle of a write to a directory: that can't be overtaken, and others wait for it.
    fn is_idle(&self) -> bool {
        let Some(folder) = self.url.strip_prefix("file://") else { return true };
        File::open(Path::new(folder).join(".lock")).is_ok_and(|lock| lock.try_lock().is_ok())
    }
}

/// A process that does not outlive the test, whatever becomes of it.
struct Process(Child);

impl Process {
    fn start(command: &mut Command, dir: &Path, name: &str) -> Self {
        // Into a file, since nobody reads while it runs.
        let told = File::create(dir.join(name)).unwrap();
        Self(command.stdout(Stdio::null()).stderr(told).spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        expect(Command::new("kill").args([name, &self.0.id().to_string()]), 0);
    }

    /// Its exit code, and what it told into `name`.
    fn end(&mut self, dir: &Path, name: &str) -> (Option<i32>, String) {
        let give_up = Instant::now() + PATIENCE;
        let told = || std::fs::read_to_string(dir.join(name)).unwrap();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return (status.code(), told());
            }
            assert!(Instant::now() < give_up, "{name} does not end: {}", told());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Stops a process in the middle of its work, at a moment when all that it has to send is on its way. What it is just about
/// to send when it is stopped would come late: the one thing that no lease can hold up.
fn stop_in_the_middle(process: &mut Process, place: &Place, sandbox: &Sandbox) {
    let give_up = Instant::now() + PATIENCE;
    let (mut seen, mut since) = (0, Instant::now());
    loop {
        assert!(Instant::now() < give_up, "it does not come to its middle");
        assert!(process.0.try_wait().unwrap().is_none(), "it ended early");
        let answered = sandbox.call_log().len();
        if answered != seen {
            (seen, since) = (answered, Instant::now());
        }
        if changes(sandbox) >= 10 && since.elapsed() > QUIET && since.elapsed() < LATENCY {
            process.signal("-STOP");
            if place.is_idle() {
                return;
            }
            process.signal("-CONT");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How many calls that change something the sandbox has had.
fn changes(sandbox: &Sandbox) -> usize {
    let is_read = |name: &str| ["Describe", "Get", "List", "Head"].iter().any(|prefix| name.starts_with(prefix));
    sandbox.call_log().all().iter().filter(|call| !is_read(&call.operation)).count()
}

/// Continues a process whose successor has come to its end: it fails, and leaves no trace. Gives how many calls it sent that
/// change something.
fn continued(first: &mut Process, dir: &Path, place: &Place, sandbox: &Sandbox) -> usize {
    let run = |words: &[&str]| -> Output { expect(place.meridian(dir, sandbox).args(words), 0) };
    let (inventory, sent) = (sandbox.inventory("aws"), changes(sandbox));
    let history = run(&["state", "history", "prod-eu", "-o", "json"]).stdout;
    first.signal("-CONT");
    let (code, told) = first.end(dir, "first");
    assert_eq!(code, Some(1), "{}: {told}", place.url);
    assert!(told.contains("taken over"), "{}: {told}", place.url);
    let late = changes(sandbox) - sent;
    assert_eq!(late, 0, "{}: the first one went on: {told}", place.url);
    assert_eq!(sandbox.inventory("aws"), inventory, "{}: {told}", place.url);
    let after = run(&["state", "history", "prod-eu", "-o", "json"]).stdout;
    assert_eq!(after, history, "{}: the first one wrote a state: {told}", place.url);
    run(&["plan", "-f", "examples/aws.yaml"]);
    late
}

fn is_fenced_off(place: &Place, sandbox: &Sandbox) {
    let began = Instant::now();
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path();
    let run = |words: &[&str]| -> Output { expect(place.meridian(dir, sandbox).args(words), 0) };
    if !place.url.starts_with("file:") {
        run(&["state", "init"]);
    }
    let mut first = Process::start(place.meridian(dir, sandbox).args(CREATE), dir, "first");
    stop_in_the_middle(&mut first, place, sandbox);
    std::thread::sleep(LATENCY * 2);
    let of_first = changes(sandbox);

    // Another one waits until the lease is over, and goes on.
    let mut command = place.meridian(dir, sandbox);
    let mut second = Process::start(command.args(CREATE).args(["--lease-timeout", "3m"]), dir, "second");
    let (code, told) = second.end(dir, "second");
    assert_eq!(code, Some(0), "{}: {told}", place.url);
    assert!(told.contains("is at work since") && told.contains("waiting for the lease"), "{told}");
    let sent = changes(sandbox);
    let late = continued(&mut first, dir, place, sandbox);
    meridian_tests::report(&format!(
        "{}: stopped after {of_first} changing calls; {} more by the next holder; {late} by the first one after it was \
         continued; {:.0?}",
        place.url,
        sent - of_first,
        began.elapsed()
    ));
}

/// The lease is taken away while its holder, by its own clock, has most of its minute still.
fn is_overtaken(place: &Place, sandbox: &Sandbox) {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path();
    let run = |words: &[&str]| -> Output { expect(place.meridian(dir, sandbox).args(words), 0) };
    if !place.url.starts_with("file:") {
        run(&["state", "init"]);
    }
    let mut first = Process::start(place.meridian(dir, sandbox).args(CREATE), dir, "first");
    stop_in_the_middle(&mut first, place, sandbox);
    expect(place.meridian(dir, sandbox).args(CREATE), 4);
    run(&["state", "unlock", "prod-eu", "--yes"]);
    run(&CREATE);
    let late = continued(&mut first, dir, place, sandbox);
    meridian_tests::report(&format!(
        "{}: overtaken before its lease ran out: {late} changing calls by the first one after it was continued, no state",
        place.url,
    ));
}

async fn try_on(place: Place) {
    let latency: Fault = format!("effect=latency,ms={}", LATENCY.as_millis()).parse().unwrap();
    let config = Config { zones: zones(), faults: vec![latency], ..Config::default() };
    let sandbox = Sandbox::start(config).await.unwrap();
    let both = move || {
        is_fenced_off(&place, &sandbox);
        expect(place.meridian(Path::new("."), &sandbox).args(["destroy", "prod-eu", "--yes"]), 0);
        sandbox.call_log().clear();
        is_overtaken(&place, &sandbox);
    };
    tokio::task::spawn_blocking(both).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_slept_over_its_lease_is_fenced_off_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    try_on(Place { url: format!("file://{}", dir.path().display()), endpoint: None, key: None }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_slept_over_its_lease_is_fenced_off_s3() {
    let emulator = Emulator::ministack();
    buckets::s3(emulator.endpoint(), "team-state").await;
    let url = "s3://team-state/fenced?region=us-east-1".to_owned();
    try_on(Place { url, endpoint: Some(emulator.endpoint().to_owned()), key: None }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_slept_over_its_lease_is_fenced_off_blob_storage() {
    let emulator = Emulator::azurite();
    buckets::azurite(emulator.endpoint(), "team-state").await;
    let url = format!("az://{AZURITE_ACCOUNT}/team-state/fenced");
    try_on(Place { url, endpoint: Some(emulator.endpoint().to_owned()), key: Some(AZURITE_KEY) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_slept_over_its_lease_is_fenced_off_cloud_storage() {
    let emulator = Emulator::fake_gcs();
    buckets::gcs(emulator.endpoint(), "team-state").await;
    let url = "gs://team-state/fenced".to_owned();
    try_on(Place { url, endpoint: Some(emulator.endpoint().to_owned()), key: None }).await;
}
