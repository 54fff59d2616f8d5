//! Killed before and after any API call, then run again: the same end state, nothing orphaned, nothing doubled.
//!
//! The process really dies: the embedded sandbox ends it at the n-th call, before or after the effect. What the sandbox
//! keeps is on disk, so the next process finds the same cloud.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};

use meridian_sandbox::{Config, Sandbox};
use meridian_tests::binary::{expect, meridian};
use meridian_tests::clouds::{CLOUDS, TestCloud};

/// How many processes run at once.
const SIDE_BY_SIDE: usize = 4;

fn run(dir: &Path, words: &[&str], fault: Option<&str>) -> Output {
    let mut command = meridian(dir);
    command.args(words).arg("--sandbox");
    if let Some(fault) = fault {
        command.args(["--fault", fault]);
    }
    command.output().unwrap()
}

fn create(cloud: TestCloud, dir: &Path, fault: Option<&str>) -> Output {
    run(dir, &["create", "-f", &file(cloud), "--yes", "-o", "json"], fault)
}

fn file(cloud: TestCloud) -> String {
    format!("examples/{}.yaml", cloud.name)
}

fn destroy(dir: &Path, fault: Option<&str>) -> Output {
    run(dir, &["destroy", "prod-eu", "--yes", "-o", "json"], fault)
}

/// What is in the cloud of `dir`: how many of each kind.
fn inventory(cloud: TestCloud, dir: &Path) -> BTreeMap<String, usize> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config = Config { dir: Some(dir.join("sandbox")), ..Config::default() };
        let sandbox = Sandbox::start(config).await.unwrap();
        let found = sandbox.inventory(cloud.name).into_iter().map(|(kind, ids)| (kind, ids.len())).collect();
        sandbox.shutdown().await;
        found
    })
}

fn calls(output: &Output) -> usize {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    usize::try_from(result["stats"]["api_calls"]["total"].as_u64().unwrap()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Tries the points of `0..count`, before and after the effect, some side by side.
fn every_point(cloud: TestCloud, count: usize, attempt: impl Fn(usize, &str) -> bool + Sync) {
    let tried = count * 2;
    let next = AtomicUsize::new(0);
    let died = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= tried {
                        return;
                    }
                    let point = index / 2;
                    let effect = if index.is_multiple_of(2) { "exit-before" } else { "exit-after" };
                    let fault = format!("after={point},effect={effect},times=1");
                    if attempt(point, &fault) {
                        died.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let died = died.into_inner();
    let name = cloud.name;
    meridian_tests::report(&format!(
        "{name}: crash points tried: {tried}, processes that died there: {died}, converged: {tried}, orphans: 0, doubles: 0"
    ));
    // Polls come and go with timing, so the last points may lie behind the end of a run; most must not.
    assert!(died * 10 >= tried * 8, "only {died} of {tried} processes died");
}

#[test]
fn create_converges_from_every_point() {
    CLOUDS.into_iter().for_each(every_point_of_create);
}

fn every_point_of_create(cloud: TestCloud) {
    let whole = tempfile::tempdir().unwrap();
    let count = calls(&create(cloud, whole.path(), None));
    let wanted = inventory(cloud, whole.path());
    every_point(cloud, count, |point, fault| {
        let dir = tempfile::tempdir().unwrap();
        let first = create(cloud, dir.path(), Some(fault));
        let died = first.status.code().is_none_or(|code| code != 0);
        if died {
            let second = create(cloud, dir.path(), None);
            assert!(second.status.success(), "{fault}: {}", String::from_utf8_lossy(&second.stderr));
        }
        assert_eq!(inventory(cloud, dir.path()), wanted, "killed at {point} ({fault})");
        expect(meridian(dir.path()).args(["plan", "-f", &file(cloud), "--sandbox"]), 0);
        died
    });
}

/// The example with another machine in its first pool, all of whose machines are replaced.
fn changed(cloud: TestCloud) -> String {
    let spec = cloud.example();
    let changed = spec.replacen("machine: { cpu: 4, memoryGiB: 16 }", "machine: { cpu: 8, memoryGiB: 32 }", 1);
    assert_ne!(changed, spec, "the example has no such pool");
    changed
}

#[test]
fn change_converges_from_every_point() {
    CLOUDS.into_iter().for_each(every_point_of_change);
}

fn every_point_of_change(cloud: TestCloud) {
    let kept = tempfile::tempdir().unwrap();
    assert!(create(cloud, kept.path(), None).status.success());
    let file = kept.path().join("changed.yaml");
    std::fs::write(&file, changed(cloud)).unwrap();
    let file = file.to_str().unwrap();
    let apply = |dir: &Path, fault: Option<&str>| run(dir, &["apply", "-f", file, "--yes", "-o", "json"], fault);
    let whole = tempfile::tempdir().unwrap();
    copy(kept.path(), whole.path());
    let count = calls(&apply(whole.path(), None));
    let wanted = inventory(cloud, whole.path());
    every_point(cloud, count, |point, fault| {
        let dir = tempfile::tempdir().unwrap();
        copy(kept.path(), dir.path());
        let died = apply(dir.path(), Some(fault)).status.code().is_none_or(|code| code != 0);
        if died {
            let second = apply(dir.path(), None);
            assert!(second.status.success(), "{fault}: {}", String::from_utf8_lossy(&second.stderr));
        }
        assert_eq!(inventory(cloud, dir.path()), wanted, "killed at {point} ({fault})");
        expect(meridian(dir.path()).args(["plan", "-f", file, "--sandbox"]), 0);
        died
    });
}

#[test]
fn destroy_converges_from_every_point() {
    CLOUDS.into_iter().for_each(every_point_of_destroy);
}

fn every_point_of_destroy(cloud: TestCloud) {
    let whole = tempfile::tempdir().unwrap();
    let before = inventory(cloud, whole.path());
    assert!(create(cloud, whole.path(), None).status.success());
    let kept = tempfile::tempdir().unwrap();
    copy(whole.path(), kept.path());
    let count = calls(&destroy(whole.path(), None));
    assert_eq!(inventory(cloud, whole.path()), before);
    every_point(cloud, count, |point, fault| {
        let dir = tempfile::tempdir().unwrap();
        copy(kept.path(), dir.path());
        let first = destroy(dir.path(), Some(fault));
        let died = first.status.code().is_none_or(|code| code != 0);
        if died {
            let second = destroy(dir.path(), None);
            assert!(second.status.success(), "{fault}: {}", String::from_utf8_lossy(&second.stderr));
        }
        assert_eq!(inventory(cloud, dir.path()), before, "killed at {point} ({fault})");
        died
    });
}
