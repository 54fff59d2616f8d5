//! A holder that is stopped over the expiry of its lease and then continued, on every store: another one goes on meanwhile, and
//! the first neither writes nor sends anything more.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use meridian_sandbox::{Config, Fault, Sandbox};
use meridian_tests::binary::{expect, meridian};
use meridian_tests::buckets::{self, AZURITE_ACCOUNT, AZURITE_KEY};
use meridian_tests::emulator::Emulator;
use meridian_tests::harness::zones;

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
}

/// Stops a process, but not in the middle of a write to a directory: that can't be overtaken, and others wait for it.
fn stop_between_writes(child: &Child, place: &Place) {
    let Some(folder) = place.url.strip_prefix("file://") else { return signal(child, "-STOP") };
    for _ in 0..200 {
        signal(child, "-STOP");
        let lock = std::fs::File::open(Path::new(folder).join(".lock")).unwrap();
        if lock.try_lock().is_ok() {
            return;
        }
        signal(child, "-CONT");
        std::thread::sleep(Duration::from_millis(3));
    }
    panic!("the process is always writing");
}

fn signal(child: &Child, name: &str) {
    expect(Command::new("kill").args([name, &child.id().to_string()]), 0);
}

/// How many calls that change something the sandbox has had.
fn changes(sandbox: &Sandbox) -> usize {
    let is_read = |name: &str| ["Describe", "Get", "List", "Head"].iter().any(|prefix| name.starts_with(prefix));
    sandbox.call_log().all().iter().filter(|call| !is_read(&call.operation)).count()
}

fn is_fenced_off(place: &Place, sandbox: &Sandbox) {
    let dir = tempfile::tempdir().unwrap();
    if !place.url.starts_with("file:") {
        expect(place.meridian(dir.path(), sandbox).args(["state", "init"]), 0);
    }
    let mut first = place
        .meridian(dir.path(), sandbox)
        .args(["create", "-f", "examples/aws.yaml", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_mins(1);
    while changes(sandbox) < 10 {
        assert!(Instant::now() < patience, "the first one does not begin");
        assert!(first.try_wait().unwrap().is_none(), "the first one ended early");
        std::thread::sleep(Duration::from_millis(20));
    }
    stop_between_writes(&first, place);

    // Another one waits until the lease is over, and goes on.
    let mut second = place.meridian(dir.path(), sandbox);
    second.args(["create", "-f", "examples/aws.yaml", "--yes", "--lease-timeout", "3m"]);
    let told = String::from_utf8_lossy(&expect(&mut second, 0).stderr).into_owned();
    assert!(told.contains("waiting for the lease"), "{told}");
    let (inventory, sent) = (sandbox.inventory("aws"), changes(sandbox));
    let history = expect(place.meridian(dir.path(), sandbox).args(["state", "history", "prod-eu", "-o", "json"]), 0);

    signal(&first, "-CONT");
    let output = first.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("taken over") || told.contains("someone else"), "{told}");
    // What was in flight when it was stopped had been sent; nothing else came.
    assert_eq!(changes(sandbox), sent, "{}: the first one went on", place.url);
    assert_eq!(sandbox.inventory("aws"), inventory);
    let after = expect(place.meridian(dir.path(), sandbox).args(["state", "history", "prod-eu", "-o", "json"]), 0);
    assert_eq!(after.stdout, history.stdout, "{}: the first one wrote a state", place.url);
    expect(place.meridian(dir.path(), sandbox).args(["plan", "-f", "examples/aws.yaml"]), 0);
}

async fn try_on(place: Place) {
    let latency: Fault = "effect=latency,ms=100".parse().unwrap();
    let config = Config { zones: zones(), faults: vec![latency], ..Config::default() };
    let sandbox = Sandbox::start(config).await.unwrap();
    tokio::task::spawn_blocking(move || is_fenced_off(&place, &sandbox)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_slept_over_its_lease_is_fenced_off() {
    let dir = tempfile::tempdir().unwrap();
    let (s3, azurite, gcs) = (Emulator::ministack(), Emulator::azurite(), Emulator::fake_gcs());
    buckets::s3(s3.endpoint(), "team-state").await;
    buckets::azurite(azurite.endpoint(), "team-state").await;
    buckets::gcs(gcs.endpoint(), "team-state").await;
    let remote = |url: &str, emulator: &Emulator, key| Place {
        url: url.to_owned(),
        endpoint: Some(emulator.endpoint().to_owned()),
        key,
    };
    tokio::join!(
        try_on(Place { url: format!("file://{}", dir.path().display()), endpoint: None, key: None }),
        try_on(remote("s3://team-state/fenced?region=us-east-1", &s3, None)),
        try_on(remote(&format!("az://{AZURITE_ACCOUNT}/team-state/fenced"), &azurite, Some(AZURITE_KEY))),
        try_on(remote("gs://team-state/fenced", &gcs, None)),
    );
}
