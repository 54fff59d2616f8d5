//! `meridian state`, as a user runs it, on a directory.

use std::path::Path;

use meridian_tests::binary::{expect, meridian};

const CREATE: [&str; 5] = ["create", "-f", "examples/aws.yaml", "--sandbox", "--yes"];
const PLAN: [&str; 4] = ["plan", "-f", "examples/aws.yaml", "--sandbox"];

fn run(dir: &Path, words: &[&str], code: i32) -> String {
    let output = expect(meridian(dir).args(words), code);
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn one_looks_at_the_history_and_goes_back() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &CREATE, 0);
    let history = run(dir.path(), &["state", "history", "prod-eu"], 0);
    assert!(history.contains("creating") && history.contains("ready"), "{history}");
    let difference = run(dir.path(), &["state", "diff", "prod-eu", "1", "2"], 0);
    assert!(difference.contains("+ aws_vpc.main"), "{difference}");
    let json = run(dir.path(), &["state", "diff", "prod-eu", "1", "2", "-o", "json"], 0);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json["added"].as_array().unwrap().len() > 30 && json["removed"].as_array().unwrap().is_empty());
    run(dir.path(), &["state", "rollback", "prod-eu", "--to", "9"], 1);
    let back = run(dir.path(), &["state", "rollback", "prod-eu", "--to", "1", "--yes"], 0);
    assert!(back.contains("Serial 3 is as 1 was"), "{back}");
    // The resources are found by their marks: nothing is made twice.
    let plan = run(dir.path(), &PLAN, 0);
    assert!(plan.contains("No changes"), "{plan}");
    run(dir.path(), &["apply", "-f", "examples/aws.yaml", "--sandbox", "--yes"], 0);
    run(dir.path(), &["state", "prune", "prod-eu"], 3);
    let pruned = run(dir.path(), &["state", "prune", "prod-eu", "--keep-last", "1"], 0);
    assert!(pruned.contains("4 states were dropped"), "{pruned}");
    run(dir.path(), &["destroy", "prod-eu", "--sandbox", "--yes"], 0);
    assert!(run(dir.path(), &["state", "list"], 0).is_empty());
    assert!(run(dir.path(), &["state", "history", "prod-eu"], 0).contains("gone"));
    run(dir.path(), &CREATE, 0);
}

#[test]
fn what_is_forgotten_stays_where_it_is_and_can_be_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &CREATE, 0);
    let address = "aws_dhcp_options.main";
    run(dir.path(), &["state", "forget", "prod-eu", "aws_vpc.none", "--yes"], 1);
    run(dir.path(), &["state", "forget", "prod-eu", address, "--yes"], 0);
    let plan = run(dir.path(), &PLAN, 2);
    assert!(plan.contains(&format!("create {address}")), "{plan}");
    let adopt = ["state", "adopt", "-f", "examples/aws.yaml", "--sandbox", address, "--yes"];
    let adopted = run(dir.path(), &adopt, 0);
    assert!(adopted.contains("is as its spec says"), "{adopted}");
    run(dir.path(), &PLAN, 0);
    run(dir.path(), &adopt, 1);
}

/// A role and its instance profile have one id.
#[test]
fn what_is_forgotten_hides_nothing_else_of_its_id() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &CREATE, 0);
    let (role, profile) = ("aws_iam_role.workers", "aws_iam_instance_profile.workers");
    run(dir.path(), &["state", "forget", "prod-eu", role, "--yes"], 0);
    let plan = run(dir.path(), &PLAN, 2);
    assert!(plan.contains(&format!("create {role}")) && !plan.contains(&format!("create {profile}")), "{plan}");
    run(dir.path(), &["state", "forget", "prod-eu", profile, "--yes"], 0);
    let plan = run(dir.path(), &PLAN, 2);
    assert!(plan.contains(&format!("create {role}")) && plan.contains(&format!("create {profile}")), "{plan}");
    let adopt = ["state", "adopt", "-f", "examples/aws.yaml", "--sandbox"];
    run(dir.path(), &[&adopt[..], &[role, "--yes"]].concat(), 0);
    let told = run(dir.path(), &[&adopt[..], &[profile, "prod-eu-eu-west-1-workers", "--yes"]].concat(), 0);
    assert!(told.contains("is as its spec says"), "{told}");
    run(dir.path(), &PLAN, 0);
}

#[test]
fn an_encrypted_state_holds_nothing_that_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let passphrase = dir.path().join("passphrase");
    std::fs::write(&passphrase, "correct horse\n").unwrap();
    let passphrase = passphrase.to_str().unwrap();
    run(dir.path(), &CREATE, 0);
    run(dir.path(), &["state", "init", "--encrypt-with", "passphrase", "--state-passphrase-file", passphrase], 0);
    for file in ["state.json", "history/00000000000000000001.json"] {
        let bytes = std::fs::read(dir.path().join("clusters/prod-eu").join(file)).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("aws_vpc"), "{file}");
    }
    let told = run(dir.path(), &PLAN, 1);
    assert!(told.contains("encrypted") && told.contains("--state-passphrase-file"), "{told}");
    let wrong = dir.path().join("wrong");
    std::fs::write(&wrong, "incorrect").unwrap();
    let told = run(dir.path(), &[&PLAN[..], &["--state-passphrase-file", wrong.to_str().unwrap()]].concat(), 1);
    assert!(told.contains("the passphrase is wrong"), "{told}");
    run(dir.path(), &[&PLAN[..], &["--state-passphrase-file", passphrase]].concat(), 0);

    let new = dir.path().join("new");
    std::fs::write(&new, "another one").unwrap();
    let new = new.to_str().unwrap();
    let before = std::fs::read(dir.path().join("clusters/prod-eu/state.json")).unwrap();
    let rekey = ["state", "rekey", "--encrypt-with", "passphrase", "--new-passphrase-file", new, "--yes"];
    run(dir.path(), &[&rekey[..], &["--state-passphrase-file", passphrase]].concat(), 0);
    assert_eq!(std::fs::read(dir.path().join("clusters/prod-eu/state.json")).unwrap(), before, "it was written anew");
    run(dir.path(), &[&PLAN[..], &["--state-passphrase-file", passphrase]].concat(), 1);
    run(dir.path(), &["state", "rekey", "--new-key", "--state-passphrase-file", new], 0);
    run(dir.path(), &["apply", "-f", "examples/aws.yaml", "--sandbox", "--yes", "--state-passphrase-file", new], 0);
    run(dir.path(), &["state", "history", "prod-eu", "--state-passphrase-file", new], 0);
}

#[test]
fn a_wrong_place_is_told_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    for (url, part) in
        [("gcs://bucket", "is no kind of store"), ("s3://B", "can't be the name"), ("file://here", "absolute")]
    {
        let told = run(dir.path(), &["state", "list", "--state", url], 3);
        assert!(told.contains(part), "{told}");
    }
}

/// Runs until the disk is full: the shell's limit on the size of files stands for one.
#[test]
fn a_full_disk_costs_nothing_that_was_made() {
    let dir = tempfile::tempdir().unwrap();
    let meridian = meridian_tests::binary::path();
    let script = format!(
        "trap '' XFSZ; ulimit -f 24; exec {} create -f examples/aws.yaml --endpoint aws=$ENDPOINT --yes",
        meridian.display()
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let config = meridian_sandbox::Config { zones: meridian_tests::harness::zones(), ..Default::default() };
    let sandbox = runtime.block_on(meridian_sandbox::Sandbox::start(config)).unwrap();
    let endpoint = sandbox.endpoint("aws").unwrap();
    let mut command = meridian_tests::binary::meridian(dir.path());
    let envs: Vec<_> = command.get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
    command = std::process::Command::new("sh");
    for (name, value) in envs {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(meridian_tests::binary::root()).env("ENDPOINT", &endpoint).args(["-c", &script]);
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("File too large") || told.contains("file too large"), "{told}");
    let endpoint = format!("aws={endpoint}");
    let told = run(dir.path(), &["create", "-f", "examples/aws.yaml", "--endpoint", &endpoint, "--yes"], 0);
    assert!(told.contains("did not come to its end"), "{told}");
    run(dir.path(), &["plan", "-f", "examples/aws.yaml", "--endpoint", &endpoint], 0);
    run(dir.path(), &["destroy", "prod-eu", "--endpoint", &endpoint, "--yes"], 0);
    let left = sandbox.inventory("aws");
    assert!(left.values().all(Vec::is_empty), "{left:?}");
    drop(runtime);
}
