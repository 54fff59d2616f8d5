//! The vendors' own tools judge what is rendered.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use meridian_templates::{NodeFile, S3Endpoint, S3Store, Store, bundle, files, user_data};

use crate::fixtures;

/// A tool that `cargo xtask test` installs and names in the environment.
fn tool(variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) if Path::new(&path).exists() => path.into(),
        Some(path) => panic!("{variable} names {}, which is not there: run `cargo xtask test`", path.display()),
        None => panic!("{variable} is not set: run `cargo xtask test`"),
    }
}

pub fn python() -> PathBuf {
    tool("MERIDIAN_PYTHON")
}

fn shellcheck(name: &str, script: &str) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("script.sh");
    std::fs::write(&file, script).unwrap();
    let output =
        Command::new(python().with_file_name("shellcheck")).args(["--norc", "--shell=bash"]).arg(&file).output();
    success(name, &output.unwrap());
}

fn success(name: &str, output: &Output) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {}\n{out}{err}", output.status);
}

fn is_script(file: &NodeFile) -> bool {
    file.content.starts_with("#!/bin/bash") || file.content.starts_with("# shellcheck shell=bash")
}

/// The user-data with and without a host name, for each store and for an emulator.
fn user_data_variants() -> Vec<String> {
    let mut anonymous = fixtures::user_data();
    anonymous.hostname = None;
    anonymous.store = Store::S3(S3Store {
        bucket: "bootstrap".to_owned(),
        region: "us-east-1".to_owned(),
        endpoint: S3Endpoint::Url { url: "http://10.0.0.1:4566/".to_owned() },
    });
    let mut google = fixtures::user_data();
    google.store = fixtures::gcs();
    let inputs = [fixtures::user_data(), anonymous, google, fixtures::azure_user_data()];
    inputs.iter().map(|input| user_data(input).unwrap()).collect()
}

#[test]
fn cloud_init_accepts_the_user_data() {
    let modules = tool("MERIDIAN_CLOUD_INIT");
    for text in user_data_variants() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("user-data");
        std::fs::write(&file, &text).unwrap();
        let output = Command::new(python())
            .args(["-m", "cloudinit.cmd.main", "schema", "--config-file"])
            .arg(&file)
            .env("PYTHONPATH", &modules)
            .output()
            .unwrap();
        success("user-data", &output);
    }
}

#[test]
fn cloud_init_refuses_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("user-data");
    std::fs::write(&file, "#cloud-config\nruncmd: 7\n").unwrap();
    let output = Command::new(python())
        .args(["-m", "cloudinit.cmd.main", "schema", "--config-file"])
        .arg(&file)
        .env("PYTHONPATH", tool("MERIDIAN_CLOUD_INIT"))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not of type 'array'"), "{output:?}");
}

#[test]
fn shellcheck_is_content_with_the_user_data() {
    for text in user_data_variants() {
        let document: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        let scripts = document["write_files"].as_array().unwrap();
        let scripts = scripts.iter().filter(|file| file["content"].as_str().unwrap().starts_with("#!"));
        let mut checked = 0;
        for file in scripts {
            shellcheck(file["path"].as_str().unwrap(), file["content"].as_str().unwrap());
            checked += 1;
        }
        assert_eq!(checked, 2);
    }
}

#[test]
fn shellcheck_is_content_with_every_bundle() {
    for (name, input) in fixtures::bundles() {
        shellcheck(name, &bundle(&input).unwrap());
        let mut steps = 0;
        for file in files(&input).unwrap().iter().filter(|file| is_script(file)) {
            shellcheck(&format!("{name}: {}", file.path), &file.content);
            steps += usize::from(file.is_step());
        }
        assert!(steps > 0, "{name}");
    }
}
