//! The rooms and their arrows, as ARCHITECTURE.md draws them.

use std::collections::{BTreeMap, BTreeSet};

use meridian_tests::binary::root;

/// Which of our crates each of our crates may depend on; development dependencies apart.
const ARROWS: &[(&str, &[&str])] = &[
    ("meridian-spec", &[]),
    ("meridian-engine", &["meridian-spec"]),
    ("meridian-templates", &["meridian-spec"]),
    ("meridian-state", &["meridian-engine"]),
    ("meridian-provider-api", &["meridian-engine", "meridian-spec"]),
    ("meridian-node", &["meridian-engine", "meridian-provider-api", "meridian-spec", "meridian-templates"]),
    (
        "meridian-aws",
        &["meridian-engine", "meridian-node", "meridian-provider-api", "meridian-spec", "meridian-templates"],
    ),
    (
        "meridian-gcp",
        &["meridian-engine", "meridian-node", "meridian-provider-api", "meridian-spec", "meridian-templates"],
    ),
    (
        "meridian-azure",
        &["meridian-engine", "meridian-node", "meridian-provider-api", "meridian-spec", "meridian-templates"],
    ),
    ("meridian-sandbox", &[]),
    ("meridian-conformance", &["meridian-engine", "meridian-provider-api", "meridian-spec"]),
];

#[test]
fn arrows_point_one_way() {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .unwrap();
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|(name, targets)| (*name, targets.iter().copied().collect())).collect();
    let mut seen = 0;
    for package in &metadata.packages {
        let Some(allowed) = allowed.get(package.name.as_str()) else {
            assert!(
                ["meridian", "meridian-tests", "xtask"].contains(&package.name.as_str()),
                "{} is in no room",
                package.name
            );
            continue;
        };
        seen += 1;
        for dependency in &package.dependencies {
            if dependency.kind == cargo_metadata::DependencyKind::Normal && dependency.name.starts_with("meridian") {
                assert!(
                    allowed.contains(dependency.name.as_str()),
                    "{} must not depend on {}",
                    package.name,
                    dependency.name
                );
            }
        }
    }
    assert_eq!(seen, ARROWS.len());
}

/// Rust files below `folder`.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut pending = vec![root().join(folder)];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

#[test]
fn the_core_knows_no_cloud() {
    for folder in ["engine/src", "state/src", "providers/api/src"] {
        for (path, text) in sources(folder).into_iter().filter(|(path, _)| !path.ends_with("/tests.rs")) {
            for (number, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for word in ["\"aws\"", "\"gcp\"", "\"azure\"", "Provider::Aws", "match provider"] {
                    assert!(!code.contains(word), "{path}:{}: names a cloud: {line}", number + 1);
                }
            }
        }
    }
}

/// What a crate below the command line does none the less: the file, the word, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "providers/sandbox/src/front.rs",
    "process::abort",
    "an armed fault kills the process in the middle of a call, as the crash suites want it",
)];

#[test]
fn only_the_command_line_prints_exits_and_reads_the_environment() {
    let folders = [
        "spec/src",
        "engine/src",
        "templates/src",
        "state/src",
        "providers/api/src",
        "providers/node/src",
        "providers/aws/src",
        "providers/gcp/src",
        "providers/azure/src",
        "providers/sandbox/src",
        "providers/conformance/src",
    ];
    let words =
        ["println!", "print!(", "dbg!(", "process::exit", "process::abort", "env::var", "home_dir", "etcetera::"];
    let mut met = BTreeSet::new();
    for folder in folders {
        for (path, text) in sources(folder) {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in words.into_iter().filter(|word| code.contains(word)) {
                let excepted = EXCEPTIONS.iter().position(|(file, what, _)| path.ends_with(file) && *what == word);
                assert!(excepted.is_some(), "{path} has `{word}`");
                met.extend(excepted);
            }
        }
    }
    assert_eq!(met.len(), EXCEPTIONS.len(), "an exception that nothing needs any more");
}

#[test]
fn no_file_is_longer_than_800_lines() {
    for folder in ["spec", "engine", "templates", "state", "providers", "cli", "tests", "xtask"] {
        for (path, text) in sources(folder) {
            assert!(text.lines().count() <= 800, "{path} has {} lines", text.lines().count());
        }
    }
}
