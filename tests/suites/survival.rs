//! What comes between a run and its end: a store that is down, a network without order, credentials that expire, power that
//! is lost. The next run, of the built binary, says what happened, finds what was made, and goes on.
//!
//! A full disk is in `state`, a process killed at any call in `crash`, and at any write in `state_crash`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use meridian_sandbox::{Config, Effect, Fault, Sandbox};
use meridian_tests::binary::{expect, meridian};
use meridian_tests::buckets;
use meridian_tests::clouds::{CLOUDS, TestCloud};
use meridian_tests::emulator::Emulator;
use meridian_tests::harness::zones;
use meridian_tests::proxy::{Fate, Proxy};

/// How long the store is down: longer than a lease lasts without a heartbeat, so that it runs out and is renewed.
const DOWN: Duration = Duration::from_secs(65);

/// The longest that one step may take.
const PATIENCE: Duration = Duration::from_mins(4);

/// What a network does in turn that loses, repeats and reorders.
const DISORDER: [Fate; 7] =
    [Fate::Passes, Fate::Overtaken, Fate::AnswerLost, Fate::Echoed, Fate::RequestLost, Fate::Late, Fate::SentTwice];

/// A sandbox, and where the state of its cluster is kept.
struct Stage {
    cloud: TestCloud,
    sandbox: Sandbox,
    dir: tempfile::TempDir,
    /// A store that is no directory, and its endpoint.
    store: Option<(String, String)>,
}

impl Stage {
    async fn new(cloud: TestCloud) -> Self {
        let sandbox = Sandbox::start(Config { zones: zones(), ..Config::default() }).await.unwrap();
        Self { cloud, sandbox, dir: tempfile::tempdir().unwrap(), store: None }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = meridian(self.dir.path());
        if let Some((url, endpoint)) = &self.store {
            command.env("MERIDIAN_STATE", url).env("MERIDIAN_ENDPOINT_STATE", endpoint);
        }
        command.args(words);
        if words[0] != "state" {
            let name = self.cloud.name;
            command.args(["--endpoint", &format!("{name}={}", self.sandbox.endpoint(name).unwrap())]);
        }
        command
    }

    fn run(&self, words: &[&str], code: i32) -> String {
        let output = expect(&mut self.command(words), code);
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    fn file(&self) -> String {
        format!("examples/{}.yaml", self.cloud.name)
    }

    fn create(&self, code: i32) -> String {
        self.run(&["create", "-f", &self.file(), "--yes"], code)
    }

    fn destroy(&self, code: i32) -> String {
        self.run(&["destroy", "prod-eu", "--yes"], code)
    }

    fn inventory(&self) -> BTreeMap<String, usize> {
        self.sandbox.inventory(self.cloud.name).into_iter().map(|(kind, ids)| (kind, ids.len())).collect()
    }

    /// The cluster is all there, and there once, and can be taken away again.
    async fn is_whole(&self, whole: &BTreeMap<String, usize>) {
        self.run(&["plan", "-f", &self.file()], 0);
        assert_eq!(self.inventory(), *whole, "{}", self.cloud.name);
        self.destroy(0);
        assert_eq!(self.inventory(), Self::new(self.cloud).await.inventory(), "{}", self.cloud.name);
    }

    /// Begins to create the cluster, and comes back in the middle of it.
    fn begin(&self, calls: usize) -> Process {
        let told = std::fs::File::create(self.dir.path().join("told")).unwrap();
        let mut command = self.command(&["create", "-f", &self.file(), "--yes"]);
        let mut process = Process(command.stdout(Stdio::null()).stderr(told).spawn().unwrap());
        let give_up = Instant::now() + PATIENCE;
        while self.calls() < calls {
            assert!(Instant::now() < give_up, "it does not begin");
            assert!(process.0.try_wait().unwrap().is_none(), "it ended early: {}", self.told());
            std::thread::sleep(Duration::from_millis(5));
        }
        process
    }

    /// How many calls there were, without those for the state.
    fn calls(&self) -> usize {
        let for_state = |service: &str| self.store.is_some() && service == "s3";
        self.sandbox.call_log().all().iter().filter(|call| !for_state(&call.service)).count()
    }

    fn told(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("told")).unwrap()
    }
}

/// A process that does not outlive the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a run that nothing disturbs makes, and after how many calls.
async fn undisturbed(cloud: TestCloud) -> (BTreeMap<String, usize>, usize) {
    let stage = Stage::new(cloud).await;
    stage.create(0);
    (stage.inventory(), stage.sandbox.call_log().len())
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_expire_in_the_middle_cost_nothing_that_was_made() {
    for cloud in CLOUDS {
        let (whole, calls) = undisturbed(cloud).await;
        let mut made = Vec::new();
        for part in [3, 5, 8] {
            let stage = Stage::new(cloud).await;
            let expire = |after: usize| {
                let after = u32::try_from(after).unwrap();
                stage.sandbox.faults().add(Fault::new(Effect::Expired).after(after));
            };
            expire(calls * part / 10);
            let told = stage.create(1);
            assert!(told.contains("denied") && told.contains("to go on from here"), "{}: {told}", cloud.name);
            made.push(stage.inventory().values().sum::<usize>());
            stage.sandbox.faults().clear();
            stage.create(0);
            stage.run(&["plan", "-f", &stage.file()], 0);
            assert_eq!(stage.inventory(), whole, "{}", cloud.name);

            stage.sandbox.call_log().clear();
            expire(40 * part / 3);
            let told = stage.destroy(1);
            assert!(told.contains("denied"), "{}: {told}", cloud.name);
            stage.sandbox.faults().clear();
            stage.destroy(0);
            let fresh = Stage::new(cloud).await.inventory();
            assert_eq!(stage.inventory(), fresh, "{}", cloud.name);
        }
        meridian_tests::report(&format!(
            "{}: credentials expired when {made:?} of {} things were there; converged: 3, orphans: 0, doubles: 0",
            cloud.name,
            whole.values().sum::<usize>()
        ));
    }
}

/// The cloud's credentials are good for all that time, those of the store are not.
#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_the_store_that_expire_in_the_middle_cost_nothing_either() {
    let cloud = TestCloud::named("gcp");
    let (whole, calls) = undisturbed(cloud).await;
    let nothing = Stage::new(cloud).await.inventory().values().sum::<usize>();
    let mut made = Vec::new();
    for part in [5, 6, 8] {
        let mut stage = Stage::new(cloud).await;
        let store = "s3://team-state/meridian?region=eu-west-1".to_owned();
        stage.store = Some((store, stage.sandbox.endpoint("aws").unwrap()));
        stage.run(&["state", "init"], 0);
        stage.sandbox.faults().add("effect=latency,ms=50".parse().unwrap());
        let mut process = stage.begin(calls * part / 20);
        stage.sandbox.faults().add("effect=expired,service=s3".parse().unwrap());
        let status = process.0.wait().unwrap();
        let told = stage.told();
        assert_eq!(status.code(), Some(1), "{told}");
        assert!(told.contains("ExpiredToken") && told.contains("credentials for the store"), "{told}");
        made.push(stage.inventory().values().sum::<usize>() - nothing);
        stage.sandbox.faults().clear();
        let told = stage.create(0);
        assert!(made.last() == Some(&0) || told.contains("did not come to its end"), "{told}");
        stage.is_whole(&whole).await;
    }
    assert!(made.iter().any(|made| *made > 0), "{made:?}");
    meridian_tests::report(&format!(
        "credentials of the store expired when {made:?} of {} things were there; converged: 3, orphans: 0, doubles: 0",
        whole.values().sum::<usize>() - nothing
    ));
}

/// The newest segment of the journal, the state, and the lease.
fn objects(stage: &Stage) -> [PathBuf; 3] {
    let folder = stage.dir.path().join("clusters/prod-eu");
    let segments = std::fs::read_dir(folder.join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let newest = segments.filter(|path| path.extension().is_some_and(|ending| ending == "json")).max().unwrap();
    [newest, folder.join("state.json"), folder.join("lease.json")]
}

/// Cuts an object off at several places; each time the next run names it, and touches nothing.
fn torn_is_refused(stage: &Stage, object: &Path) {
    let bytes = std::fs::read(object).unwrap();
    let name = object.strip_prefix(stage.dir.path()).unwrap().to_str().unwrap();
    for cut in [0, 1, bytes.len() / 3, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(object, &bytes[..cut]).unwrap();
        let (inventory, kept) = (stage.inventory(), objects(stage).map(|path| std::fs::read(path).unwrap()));
        let told = stage.create(1);
        assert!(told.contains(&format!("`{name}` is not what it should be")), "{name} cut at {cut}: {told}");
        assert!(told.contains("hint:") && told.contains("nothing was written"), "{told}");
        assert_eq!(stage.inventory(), inventory, "{name} cut at {cut}");
        assert!(objects(stage).map(|path| std::fs::read(path).unwrap()) == kept, "{name} cut at {cut}: written");
    }
    std::fs::write(object, &bytes).unwrap();
}

/// A power cut in the middle of a write leaves a file that has no name yet; a disk that lies about what it has flushed leaves an
/// object that is cut off.
#[tokio::test(flavor = "multi_thread")]
async fn power_that_is_lost_loses_nothing_without_a_word() {
    for cloud in CLOUDS {
        let (whole, calls) = undisturbed(cloud).await;
        let stage = Stage::new(cloud).await;
        drop(stage.begin(calls / 2));
        // What was in flight ends without it.
        std::thread::sleep(Duration::from_millis(500));
        let made = stage.inventory().values().sum::<usize>();
        let [segment, kept, lease] = objects(&stage);
        for object in [&segment, &kept, &lease] {
            torn_is_refused(&stage, object);
        }
        let half = std::fs::read(&segment).unwrap();
        std::fs::write(segment.with_file_name(".tmpAbCdEf"), &half[..half.len() / 2]).unwrap();
        // As the documentation says: the copy in the history takes the place of a state, and a segment that is cut off goes.
        let history = stage.dir.path().join("clusters/prod-eu/history/00000000000000000001.json");
        std::fs::write(&kept, b"{\"format").unwrap();
        assert!(stage.run(&["state", "history", "prod-eu"], 0).contains("creating"));
        std::fs::copy(&history, &kept).unwrap();
        std::fs::remove_file(&segment).unwrap();
        let told = stage.create(0);
        assert!(told.contains("did not come to its end"), "{}: {told}", cloud.name);
        stage.is_whole(&whole).await;
        meridian_tests::report(&format!(
            "{}: killed when {made} of {} things were there; 3 objects cut at 5 places each: 15 refused; converged without \
             its newest segment, orphans: 0, doubles: 0",
            cloud.name,
            whole.values().sum::<usize>()
        ));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_down_in_the_middle_is_waited_for() {
    let cloud = TestCloud::named("aws");
    let (whole, calls) = undisturbed(cloud).await;
    let emulator = Emulator::ministack();
    buckets::s3(emulator.endpoint(), "team-state").await;
    let proxy = Proxy::start(emulator.endpoint(), &[Fate::Passes]).await;
    let mut stage = Stage::new(cloud).await;
    stage.store = Some(("s3://team-state/down?region=us-east-1".to_owned(), proxy.endpoint().to_owned()));
    stage.run(&["state", "init"], 0);
    stage.sandbox.faults().add("effect=latency,ms=50".parse().unwrap());
    let mut process = stage.begin(calls * 3 / 10);
    proxy.set_down(true);
    let at_once = stage.sandbox.call_log().len();
    let began = Instant::now();
    tokio::time::sleep(DOWN * 3 / 4).await;
    let sent = stage.sandbox.call_log().len();
    tokio::time::sleep(DOWN / 4).await;
    let late: Vec<_> = stage.sandbox.call_log().all().split_off(sent).into_iter().map(|call| call.operation).collect();
    assert!(late.is_empty(), "sent, though no intent could be written down: {late:?}");
    // Whoever reads the store by another way sees an intent of everything that was made.
    let mut show = stage.command(&["state", "show", "prod-eu"]);
    let shown = expect(show.env("MERIDIAN_ENDPOINT_STATE", emulator.endpoint()), 0).stdout;
    let shown: serde_json::Value = serde_json::from_slice(&shown).unwrap();
    let told = stage.told();
    let made: Vec<_> = told.lines().filter_map(|line| line.strip_prefix("✓ created ")?.split(' ').next()).collect();
    for address in &made {
        let known = ["intents", "resources"].iter().any(|part| shown[part].get(address).is_some());
        assert!(known, "{address} was made without an intent: {shown}");
    }
    assert!(process.0.try_wait().unwrap().is_none(), "it did not wait: {}", stage.told());
    proxy.set_down(false);
    let back = Instant::now();
    let status = loop {
        if let Some(status) = process.0.try_wait().unwrap() {
            break status;
        }
        assert!(back.elapsed() < PATIENCE, "it does not end: {}", stage.told());
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let told = stage.told();
    assert_eq!(status.code(), Some(0), "{told}");
    assert!(told.contains("trying again for up to"), "{told}");
    meridian_tests::report(&format!(
        "S3 (ministack) down for {:.0?} from call {at_once} of about {calls} on; {} more were sent, of \
         changes whose intents were written down ({} of 60 made); done {:.1?} after it was back",
        back - began,
        sent - at_once,
        made.len(),
        back.elapsed()
    ));
    stage.is_whole(&whole).await;
}

/// Everything that still wants something of the store gives up at the same time, and not one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_stays_down_ends_the_run_and_the_next_one_goes_on() {
    let cloud = TestCloud::named("azure");
    let (whole, calls) = undisturbed(cloud).await;
    let emulator = Emulator::ministack();
    buckets::s3(emulator.endpoint(), "team-state").await;
    let proxy = Proxy::start(emulator.endpoint(), &[Fate::Passes]).await;
    let mut stage = Stage::new(cloud).await;
    stage.store = Some(("s3://team-state/gone?region=us-east-1".to_owned(), proxy.endpoint().to_owned()));
    stage.run(&["state", "init"], 0);
    stage.sandbox.faults().add("effect=latency,ms=50".parse().unwrap());
    let mut process = stage.begin(calls * 4 / 10);
    proxy.set_down(true);
    let began = Instant::now();
    let status = loop {
        if let Some(status) = process.0.try_wait().unwrap() {
            break status;
        }
        assert!(began.elapsed() < PATIENCE, "it does not end: {}", stage.told());
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let (told, took) = (stage.told(), began.elapsed());
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(told.contains("trying again for up to") && told.contains("once the store can be used again"), "{told}");
    let made = stage.inventory().values().sum::<usize>();
    proxy.set_down(false);
    let told = stage.create(0);
    assert!(told.contains("did not come to its end"), "{told}");
    meridian_tests::report(&format!(
        "S3 (ministack) gone for good in mid-apply: exit 1 after {took:.0?} with {made} of {} things there; converged, \
         orphans: 0, doubles: 0",
        whole.values().sum::<usize>()
    ));
    stage.is_whole(&whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_without_order_loses_and_doubles_nothing() {
    let cloud = TestCloud::named("aws");
    let (whole, _) = undisturbed(cloud).await;
    let emulator = Emulator::ministack();
    buckets::s3(emulator.endpoint(), "team-state").await;
    let proxy = Proxy::start(emulator.endpoint(), &DISORDER).await;
    let mut stage = Stage::new(cloud).await;
    stage.store = Some(("s3://team-state/disorder?region=us-east-1".to_owned(), proxy.endpoint().to_owned()));
    stage.run(&["state", "init"], 0);
    stage.create(0);
    Proxy::settle().await;
    let history = expect(&mut stage.command(&["state", "history", "prod-eu", "-o", "json"]), 0).stdout;
    let history: serde_json::Value = serde_json::from_slice(&history).unwrap();
    let serials: Vec<_> = history.as_array().unwrap().iter().map(|entry| entry["serial"].as_u64().unwrap()).collect();
    assert_eq!(serials, [1, 2]);
    stage.is_whole(&whole).await;
    Proxy::settle().await;
    assert_eq!(stage.run(&["state", "list"], 0), "", "what was removed came back");
    assert!(proxy.late() > 5, "only {} requests were overtaken", proxy.late());
    meridian_tests::report(&format!(
        "S3 (ministack): create, plan and destroy through {} exchanges that were lost, repeated or late ({} overtaken): \
         orphans: 0, doubles: 0",
        proxy.exchanges(),
        proxy.late()
    ));
}
