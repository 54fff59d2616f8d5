//! The command line as a user meets it.

use std::io::{BufRead as _, Read as _};
use std::process::Command;

use meridian_tests::binary::{expect, meridian, root};

fn stdout(command: &mut Command, code: i32) -> String {
    String::from_utf8(expect(command, code).stdout).unwrap()
}

fn stderr(command: &mut Command, code: i32) -> String {
    String::from_utf8(expect(command, code).stderr).unwrap()
}

#[test]
fn the_main_job_from_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let mut command = meridian(dir.path());
        command.args(words);
        command
    };
    let spec = ["-f", "examples/aws.yaml", "--sandbox"];
    let plan = [&["plan"], &spec[..]].concat();
    let create = [&["create"], &spec[..]].concat();

    assert!(stdout(&mut run(&plan), 2).contains("to create"));
    assert!(stderr(&mut run(&create), 3).contains("--yes"), "without a terminal it does not go on by itself");
    let summary = stdout(&mut run(&[&create[..], &["--yes"]].concat()), 0);
    for word in ["API endpoint", "https://", "aws_instance", "API calls", "meridian destroy prod-eu"] {
        assert!(summary.contains(word), "{word} is not in\n{summary}");
    }
    assert!(stderr(&mut run(&[&create[..], &["--yes"]].concat()), 1).contains("exists already"));
    assert!(stdout(&mut run(&plan), 0).contains("No changes"));
    assert!(stdout(&mut run(&["get", "clusters"]), 0).contains("prod-eu"));
    assert!(stdout(&mut run(&["get", "resources", "prod-eu"]), 0).contains("aws_vpc.main"));
    let machines = stdout(&mut run(&["get", "machines", "prod-eu"]), 0);
    assert!(
        machines.trim_start().starts_with("NAME") && machines.contains("control-plane-2  control-plane"),
        "{machines}"
    );
    let machines: serde_json::Value =
        serde_json::from_str(&stdout(&mut run(&["get", "machines", "prod-eu", "-o", "json"]), 0)).unwrap();
    assert_eq!(machines.as_array().unwrap().len(), 3);
    assert_eq!(machines[0]["zone"], "eu-west-1a");
    let pools: serde_json::Value =
        serde_json::from_str(&stdout(&mut run(&["get", "pools", "prod-eu", "-o", "json"]), 0)).unwrap();
    assert_eq!((&pools[1]["name"], &pools[1]["min"], &pools[1]["max"]), (&"general".into(), &3.into(), &9.into()));
    assert_eq!((&pools[0]["spot"], pools[0]["types"].as_array().unwrap().len()), (&true.into(), 2));
    assert_eq!(pools[1]["subnets"][0], "private-eu-west-1a");
    assert!(stdout(&mut run(&["get", "pools", "prod-eu"]), 0).contains("private-eu-west-1a private-eu-west-1b"));
    assert!(stderr(&mut run(&["get", "pools", "nope"]), 1).contains("no cluster"));
    assert!(stdout(&mut run(&["state", "history", "prod-eu"]), 0).lines().count() >= 3);
    let state: serde_json::Value = serde_json::from_str(&stdout(&mut run(&["state", "show", "prod-eu"]), 0)).unwrap();
    assert_eq!(state["phase"], "ready");

    assert!(stderr(&mut run(&["destroy", "prod-eu", "--sandbox"]), 3).contains("--yes"));
    assert!(stdout(&mut run(&["destroy", "prod-eu", "--sandbox", "--yes"]), 0).contains("is gone"));
    assert!(stderr(&mut run(&["destroy", "prod-eu", "--sandbox", "--yes"]), 1).contains("no cluster"));
    assert_eq!(stdout(&mut run(&["state", "list"]), 0), "");
}

#[test]
fn a_saved_plan_is_applied_once_and_only_to_the_state_it_was_made_from() {
    let dir = tempfile::tempdir().unwrap();
    let saved = dir.path().join("create.plan");
    let file = saved.to_str().unwrap();
    expect(meridian(dir.path()).args(["plan", "-f", "examples/aws.yaml", "--sandbox", "--save", file]), 2);
    let real = stderr(meridian(dir.path()).args(["apply", file, "--yes"]), 3);
    assert!(real.contains("stands in an emulator"), "{real}");
    expect(meridian(dir.path()).args(["apply", file, "--sandbox", "--yes"]), 0);
    let refused = stderr(meridian(dir.path()).args(["apply", file, "--sandbox", "--yes"]), 1);
    assert!(refused.contains("does not fit"), "{refused}");
    let mut plan: serde_json::Value = serde_json::from_slice(&std::fs::read(&saved).unwrap()).unwrap();
    plan["format_version"] = 7.into();
    plan["what_comes_later"] = true.into();
    std::fs::write(&saved, plan.to_string()).unwrap();
    let newer = stderr(meridian(dir.path()).args(["apply", file, "--sandbox", "--yes"]), 3);
    assert!(newer.contains("newer version of Meridian: its format is 7"), "{newer}");
    std::fs::write(&saved, "{}").unwrap();
    let none = stderr(meridian(dir.path()).args(["apply", file, "--sandbox", "--yes"]), 3);
    assert!(none.contains("is not a saved plan"), "{none}");
    let endless = stderr(meridian(dir.path()).args(["apply", "/dev/zero", "--sandbox", "--yes"]), 3);
    assert!(endless.contains("/dev/zero is larger than 64 MiB"), "{endless}");
}

#[test]
fn a_fault_file_is_yaml_or_json_and_no_larger_than_it_may_be() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("faults");
    let plan = |code| {
        let mut command = meridian(dir.path());
        command.args(["plan", "-f", "examples/aws.yaml", "--sandbox", "--fault-file"]).arg(&file);
        stderr(&mut command, code)
    };
    for denied in [
        "# Nothing may be seen.\n- effect: denied\n  operation: DescribeVpcs\n",
        "[\n\t{\"effect\": \"denied\", \"operation\": \"DescribeVpcs\"}\n]",
        "[{effect: denied, operation: DescribeVpcs}]",
    ] {
        std::fs::write(&file, denied).unwrap();
        assert!(plan(1).contains("DescribeVpcs"), "{denied}");
    }
    std::fs::write(&file, "- effect: boom\n").unwrap();
    assert!(plan(3).contains("unknown fault effect `boom`"));
    std::fs::write(&file, "#".repeat((1 << 20) + 1)).unwrap();
    assert!(plan(3).contains("is larger than 1 MiB"));
}

#[test]
fn the_plan_as_markdown_fits_into_a_review() {
    let dir = tempfile::tempdir().unwrap();
    let plan = ["plan", "-f", "examples/aws.yaml", "--sandbox", "-o", "markdown"];
    let text = stdout(meridian(dir.path()).args(plan), 2);
    for part in [
        "### `prod-eu` in `aws` `eu-west-1`\n",
        "A rehearsal:",
        "**Plan:** ",
        "| create | `aws_vpc.main` |  |\n",
        "<details><summary>Every field</summary>\n\n```diff\n+ create ",
        "\n```\n\n</details>\n",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(text.len() < 60_000 && !text.contains('\u{1b}'));
    expect(meridian(dir.path()).args(["apply", "-f", "examples/aws.yaml", "-o", "markdown", "--yes"]), 3);
}

#[test]
fn the_plan_as_json_is_what_review_tools_read() {
    let dir = tempfile::tempdir().unwrap();
    let text = stdout(meridian(dir.path()).args(["plan", "-f", "examples/aws.yaml", "--sandbox", "-o", "json"]), 2);
    let plan: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(plan["format_version"], "1.2");
    assert_eq!(plan["errored"], false);
    let changes = plan["resource_changes"].as_array().unwrap();
    let subnet = changes.iter().find(|change| change["type"] == "aws_subnet").unwrap();
    assert_eq!(subnet["change"]["actions"], serde_json::json!(["create"]));
    assert_eq!(subnet["change"]["before"], serde_json::Value::Null);
    assert_eq!(subnet["change"]["after_unknown"]["vpc"], true);
    assert!(plan["stats"]["api_calls"]["total"].as_u64().unwrap() > 0);
    assert!(plan["stats"]["round_trips"].as_u64().unwrap() > 0);
}

#[test]
fn a_plan_that_fails_is_a_document_too() {
    let dir = tempfile::tempdir().unwrap();
    let plan = ["plan", "-f", "examples/aws.yaml", "--sandbox", "-o", "json"];
    let denied = ["--fault", "operation=DescribeVpcs,effect=denied"];
    let text = stdout(meridian(dir.path()).args(plan).args(denied), 1);
    let failed: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&failed["errored"], &failed["cluster"]), (&true.into(), &"prod-eu".into()));
    assert!(failed["error"].as_str().unwrap().contains("DescribeVpcs"), "{failed}");
    let text = stdout(meridian(dir.path()).args(["plan", "-f", "/nonexistent", "-o", "json"]), 3);
    let failed: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&failed["errored"], &failed["cluster"]), (&true.into(), &serde_json::Value::Null));
}

#[test]
fn the_log_has_no_colour_on_a_pipe_and_names_every_cloud() {
    let dir = tempfile::tempdir().unwrap();
    for cloud in meridian_tests::clouds::CLOUDS {
        let spec = dir.path().join("spec.yaml");
        std::fs::write(&spec, cloud.example()).unwrap();
        let told = stderr(meridian(dir.path()).args(["plan", "--sandbox", "-vvv", "-f"]).arg(&spec), 2);
        assert!(!told.contains('\u{1b}'), "{told:?}");
        assert!(!told.contains("meridian_sandbox"), "{told}");
        let fault = "effect=throttle,times=1";
        let told =
            stderr(meridian(dir.path()).args(["plan", "--sandbox", "-vv", "--fault", fault, "-f"]).arg(&spec), 2);
        assert!(told.contains("trying again"), "{told}");
    }
}

#[test]
fn planning_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    expect(meridian(dir.path()).args(["plan", "-f", "examples/aws.yaml", "--sandbox"]), 2);
    assert!(!dir.path().join("clusters").exists());
}

#[test]
fn every_fault_of_a_spec_is_told_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wrong.yaml");
    let spec = std::fs::read_to_string(root().join("examples/aws.yaml")).unwrap();
    let wrong = spec
        .replace("slots: 3", "slots: 4")
        .replace("region: eu-west-1", "region: eu-west-11")
        .replace("topology: private", "topolgy: private");
    std::fs::write(&file, wrong).unwrap();
    let told = stderr(meridian(dir.path()).args(["validate", "-f"]).arg(&file), 3);
    for word in ["topolgy", "topology", "eu-west-11", "eu-west-1", "slots", "wrong.yaml:", "hint:"] {
        assert!(told.contains(word), "{word} is not in\n{told}");
    }
    let json = stdout(meridian(dir.path()).args(["validate", "-o", "json", "-f"]).arg(&file), 3);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json["faults"].as_array().unwrap().len() >= 3);
    assert!(json["faults"][0]["line"].as_u64().unwrap() > 1);
}

#[test]
fn render_needs_nothing_and_is_the_same_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let render = |out: &str| {
        let out = dir.path().join(out);
        expect(
            meridian(dir.path())
                .env_clear()
                .args(["render", "--state", "file:///nonexistent", "-f", "examples/aws.yaml", "--out"])
                .arg(&out),
            0,
        );
        files(&out)
    };
    let first = render("a");
    assert_eq!(first, render("b"));
    let user_data = first.iter().filter(|(name, _)| name.ends_with(".user_data")).count();
    // What nobody knows offline is not made up.
    let text = first.values().map(String::as_str).collect::<String>();
    assert!(text.contains("unresolved:image/amd64") && text.contains("meridian-prod-eu-xxxxxxxxxxxx"));
    assert!(user_data >= 5, "three slots and two pools, but {user_data} user-data files");
    for (name, text) in &first {
        for secret in ["PRIVATE KEY", "client-key-data", "aws_secret"] {
            assert!(!text.contains(secret), "{name} holds `{secret}`");
        }
    }
}

fn files(folder: &std::path::Path) -> std::collections::BTreeMap<String, String> {
    let mut found = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            found.extend(files(&path).into_iter().map(|(file, text)| (format!("{name}/{file}"), text)));
        } else {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            found.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
    found
}

#[test]
fn a_held_lease_gives_4_and_can_be_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let clusters = meridian_state::Clusters::new(std::sync::Arc::new(meridian_state::FileStore::new(dir.path())));
    let owner = meridian_state::Owner {
        user: "someone".into(),
        host: "elsewhere".into(),
        process: 1,
        process_space: String::new(),
        run_url: Some("https://ci.example.com/7".into()),
        command: "apply".into(),
    };
    let ask = meridian_state::Ask { owner, is_dead: &|_| false, patience: std::time::Duration::ZERO, waiting: &|_| {} };
    let lease = runtime.block_on(clusters.acquire("prod-eu", ask)).unwrap();
    let create = ["create", "-f", "examples/aws.yaml", "--sandbox", "--yes"];
    let told = stderr(meridian(dir.path()).args(create), 4);
    assert!(told.contains("someone@elsewhere") && told.contains("https://ci.example.com/7"), "{told}");
    expect(meridian(dir.path()).args(["plan", "-f", "examples/aws.yaml", "--sandbox"]), 2);
    expect(meridian(dir.path()).args(["state", "unlock", "prod-eu", "--yes"]), 0);
    expect(meridian(dir.path()).args(create), 0);
    drop(lease);
}

#[test]
fn interrupted_it_ends_what_is_in_flight_and_goes_on_later() {
    let dir = tempfile::tempdir().unwrap();
    let child = meridian(dir.path())
        .args(["create", "-f", "examples/aws.yaml", "--sandbox", "--yes", "--fault", "effect=latency,ms=150"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Wait until apply has begun, which its first write of the state shows.
    let state = dir.path().join("clusters/prod-eu/state.json");
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while !state.exists() {
        assert!(std::time::Instant::now() < deadline, "apply did not begin");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    expect(Command::new("kill").args(["-INT", &child.id().to_string()]), 0);
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("the state is safe") && told.contains("meridian apply"), "{told}");
    let again = stdout(meridian(dir.path()).args(["create", "-f", "examples/aws.yaml", "--sandbox", "--yes"]), 0);
    assert!(again.contains("API endpoint"));
    expect(meridian(dir.path()).args(["plan", "-f", "examples/aws.yaml", "--sandbox"]), 0);
}

#[test]
fn interrupted_after_a_failure_it_tells_both() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = meridian(dir.path())
        .args(["create", "-f", "examples/aws.yaml", "--sandbox", "--yes", "--fault", "effect=latency,ms=150"])
        .args(["--fault", "operation=CreateDhcpOptions,effect=denied"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap());
    while !told.contains("could not create aws_dhcp_options.main") {
        assert!(lines.read_line(&mut told).unwrap() > 0, "{told}");
    }
    expect(Command::new("kill").args(["-INT", &child.id().to_string()]), 0);
    let already = told.len();
    lines.read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{told}");
    let end = &told[already..];
    for part in ["interrupted: ", "the state is safe", "1 step failed", "\n  aws_dhcp_options.main: ", "meridian apply"]
    {
        assert!(end.contains(part), "{part} is not in\n{end}");
    }
}

#[test]
fn help_shows_examples_and_wrong_usage_gives_3() {
    let dir = tempfile::tempdir().unwrap();
    for command in [
        "create",
        "plan",
        "apply",
        "destroy",
        "validate",
        "render",
        "get",
        "state",
        "schema",
        "explain",
        "completions",
        "sandbox",
    ] {
        let help = stdout(meridian(dir.path()).args([command, "--help"]), 0);
        assert!(help.contains("Examples:"), "{command}");
    }
    for words in [["get", "versions"], ["get", "pools"], ["sandbox", "serve"], ["state", "show"]] {
        let help = stdout(meridian(dir.path()).args(words).arg("--help"), 0);
        assert!(help.contains("Examples:"), "{words:?}");
    }
    expect(meridian(dir.path()).args(["plan"]), 3);
    expect(meridian(dir.path()).args(["nonsense"]), 3);
    // The state is in the environment, and nobody has to give it.
    let usage = stderr(meridian(dir.path()).args(["plan"]), 3);
    assert!(usage.contains("--file <FILE>") && !usage.contains("--state"), "{usage}");
    expect(meridian(dir.path()).args(["plan", "-f", "/nonexistent"]), 3);
    let moon = stderr(meridian(dir.path()).args(["sandbox", "serve", "--port", "moon=1"]), 3);
    assert!(moon.contains("no cloud `moon`") && moon.contains("azure"), "{moon}");
    assert!(stdout(meridian(dir.path()).args(["get", "versions"]), 0).contains("1.34"));
    expect(meridian(dir.path()).args(["state", "list", "--state", "ftp://bucket"]), 3);
    expect(meridian(dir.path()).args(["plan", "-f", "examples/aws.yaml", "--endpoint", "moon=http://127.0.0.1:1"]), 3);
    assert!(stdout(meridian(dir.path()).args(["completions", "bash"]), 0).contains("meridian"));
    assert!(stdout(meridian(dir.path()).args(["schema", "Cluster"]), 0).contains("$schema"));
    assert!(stdout(meridian(dir.path()).args(["explain", "spec.pools"]), 0).contains("min"));
    let regions = stdout(meridian(dir.path()).args(["get", "regions", "--provider", "aws", "-o", "json"]), 0);
    let regions: serde_json::Value = serde_json::from_str(&regions).unwrap();
    assert!(regions.as_array().unwrap().len() >= 34);
}

#[test]
fn a_rehearsal_and_the_real_cloud_are_never_taken_for_each_other() {
    let dir = tempfile::tempdir().unwrap();
    expect(meridian(dir.path()).args(["create", "-f", "examples/aws.yaml", "--sandbox", "--yes"]), 0);
    for words in [&["plan", "-f", "examples/aws.yaml"][..], &["destroy", "prod-eu", "--yes"][..]] {
        let told = stderr(meridian(dir.path()).args(words), 3);
        assert!(told.contains("stands in an emulator") && told.contains("--sandbox"), "{told}");
    }
    let path = dir.path().join("clusters/prod-eu/state.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"emulated\":true", "\"emulated\":false", 1)).unwrap();
    let told = stderr(meridian(dir.path()).args(["apply", "-f", "examples/aws.yaml", "--sandbox", "--yes"]), 3);
    assert!(told.contains("stands in the real cloud"), "{told}");
}

#[test]
fn json_on_stdout_is_one_document_also_for_several_clusters_and_none_changed() {
    let dir = tempfile::tempdir().unwrap();
    let spec = std::fs::read_to_string(root().join("examples/aws.yaml")).unwrap();
    let two = dir.path().join("two.yaml");
    std::fs::write(&two, format!("{spec}\n---\n{}", spec.replace("prod-eu", "prod-two"))).unwrap();
    for command in ["create", "apply"] {
        let text = stdout(meridian(dir.path()).args([command, "--sandbox", "--yes", "-o", "json", "-f"]).arg(&two), 0);
        let results: serde_json::Value = serde_json::from_str(&text).unwrap();
        let names: Vec<_> = results.as_array().unwrap().iter().map(|result| &result["cluster"]).collect();
        assert_eq!(names, ["prod-eu", "prod-two"], "{command}");
        let calls = |index: usize| results[index]["stats"]["api_calls"]["total"].as_u64().unwrap();
        assert!(calls(1) > 0 && calls(1) < calls(0) * 3 / 2, "{command}: {} and {}", calls(0), calls(1));
        assert!(results[1]["outputs"]["api_endpoint"].is_string(), "{command}");
    }
}

#[test]
fn render_replaces_renderings_only() {
    let dir = tempfile::tempdir().unwrap();
    let render = |code| {
        let mut command = meridian(dir.path());
        command.args(["render", "-f", "examples/aws.yaml", "--out"]).arg(dir.path());
        stderr(&mut command, code)
    };
    render(0);
    render(0);
    let precious = dir.path().join("prod-eu/precious");
    std::fs::write(&precious, "mine").unwrap();
    assert!(render(3).contains("precious"));
    assert!(precious.exists());
}

#[test]
fn without_credentials_it_says_so_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let told = stderr(meridian(dir.path()).args(["plan", "-f", "examples/aws.yaml"]), 1);
    assert!(told.contains("finding AWS credentials"), "{told}");
    let told = stderr(meridian(dir.path()).args(["state", "history", "nope"]), 1);
    assert!(told.contains("no cluster"), "{told}");
}
