//! What the project promises about speed, measured; fails when a promise is not kept. `cargo xtask bench` runs it with
//! the release binary.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark may panic and reports to its terminal")]

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use meridian_sandbox::{Config, Effect, Fault};
use meridian_tests::binary::root;
use meridian_tests::clouds::{CLOUDS, TestCloud};
use meridian_tests::rig::{self, Rig};
use nix::sys::resource::{UsageWho, getrusage};

struct Promise {
    what: String,
    measured: f64,
    limit: f64,
    unit: &'static str,
}

fn main() -> ExitCode {
    let binary = std::env::var_os("MERIDIAN_BIN").unwrap();
    let mut promises = Vec::new();

    let times: Vec<Duration> = (0..21)
        .map(|_| {
            let start = Instant::now();
            let output = Command::new(&binary).arg("--help").output().unwrap();
            assert!(output.status.success());
            start.elapsed()
        })
        .collect();
    promises.push(Promise {
        what: "--help, median".to_owned(),
        measured: millis(median(times)),
        limit: 10.0,
        unit: "ms",
    });
    promises.push(Promise {
        what: "--help, peak memory".to_owned(),
        measured: children_mib(),
        limit: 40.0,
        unit: "MiB",
    });

    let dir = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let output = Command::new(&binary)
            .args(words)
            .args(["-f", "examples/aws.yaml", "--sandbox"])
            .env("MERIDIAN_STATE", format!("file://{}", dir.path().display()))
            .current_dir(root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output
    };
    run(&["create", "--yes"]);
    let output = run(&["plan", "-o", "json"]);
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let calls = plan["stats"]["api_calls"]["total"].as_f64().unwrap();
    promises.push(Promise { what: "plan of the example, calls".to_owned(), measured: calls, limit: 30.0, unit: "" });
    promises.push(Promise {
        what: "create and plan with the sandbox inside, peak memory".to_owned(),
        measured: children_mib(),
        limit: 120.0,
        unit: "MiB",
    });

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for cloud in CLOUDS {
        let (ratio, trips) = runtime.block_on(with_latency(cloud));
        let name = cloud.display;
        promises.push(Promise {
            what: format!("create on {name}, wall time over critical path, at 50 ms"),
            measured: ratio,
            limit: 1.3,
            unit: "",
        });
        promises.push(Promise { what: format!("plan on {name}, round trips"), measured: trips, limit: 4.0, unit: "" });
    }

    let mut kept = true;
    for Promise { what, measured, limit, unit } in promises {
        let verdict = if measured <= limit { "ok" } else { "TOO MUCH" };
        kept &= measured <= limit;
        println!("{what:<64} {measured:>8.2} {unit:<4} at most {limit:>6.1}  {verdict}");
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn with_latency(cloud: TestCloud) -> (f64, f64) {
    let example = cloud.example();
    let rig = Rig::start("speed", Config::default()).await;
    let session = rig.session();
    let plan = rig::plan(&session, &example).await;
    rig.sandbox.faults().add(Fault::new(Effect::Latency { ms: 50 }));
    let (report, _) = rig::apply(&session, &plan).await;
    assert!(report.is_complete(), "{:?}", report.failed);
    let again = rig.session();
    assert!(rig::plan(&again, &example).await.is_empty());
    let trips = u32::try_from(again.stats().round_trips).unwrap();
    (report.wall.as_secs_f64() / report.critical_path.as_secs_f64(), f64::from(trips))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The largest child so far.
fn children_mib() -> f64 {
    let kib = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    f64::from(i32::try_from(kib).unwrap()) / 1024.0
}
