//! Bundles as a machine runs them, once and again, with every system command replaced by `stub.sh`.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use meridian_templates::{NodeBundle, NodeSettings, bundle};
use tempfile::TempDir;

use crate::fixtures;

const STUBBED: [&str; 13] = [
    "apt-get",
    "apt-mark",
    "curl",
    "dpkg-query",
    "gpg",
    "kubeadm",
    "kubectl",
    "meridian-store",
    "modprobe",
    "sshd",
    "swapoff",
    "sysctl",
    "systemctl",
];

struct Machine {
    root: TempDir,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let stub = root.path().join("bin/stub");
        fs::create_dir_all(root.path().join("bin")).unwrap();
        fs::create_dir_all(root.path().join("etc")).unwrap();
        fs::write(
            root.path().join("etc/os-release"),
            "VERSION_CODENAME=noble\n",
        )
        .unwrap();
        fs::copy(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/stub.sh"),
            &stub,
        )
        .unwrap();
        fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
        for name in STUBBED {
            symlink(&stub, root.path().join("bin").join(name)).unwrap();
        }
        Self { root }
    }

    fn run(&self, input: &NodeBundle) -> Output {
        let root = self.root.path().to_str().unwrap();
        // No test can attach a disk, so the step that mounts them is left out.
        let script: String = bundle(input)
            .unwrap()
            .lines()
            .filter(|line| !line.starts_with("/bin/bash") || !line.contains("20-volumes"))
            .fold(String::new(), |script, line| script + line + "\n")
            .replace("/usr/local/sbin/meridian-store", "meridian-store");
        let script = ["/etc/", "/var/lib/", "/usr/local/", "/run/"]
            .iter()
            .fold(script, |script, directory| {
                script.replace(directory, &format!("{root}{directory}"))
            });
        let file = self.root.path().join("bundle.sh");
        fs::write(&file, script).unwrap();
        let path = format!("{root}/bin:{}", std::env::var("PATH").unwrap());
        Command::new("bash")
            .arg(&file)
            .env_clear()
            .env("PATH", path)
            .env("MACHINE", root)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs the bundle and lists what it called.
    fn calls(&self, input: &NodeBundle) -> String {
        let log = self.root.path().join("calls");
        fs::write(&log, "").unwrap();
        let output = self.run(input);
        assert!(output.status.success(), "{output:?}");
        let calls = fs::read_to_string(&log).unwrap();
        let calls = calls.replace(self.root.path().to_str().unwrap(), "");
        let mut listed = String::new();
        for call in calls.lines() {
            let words = call.split(' ').map(|word| {
                if word.starts_with("/tmp/") {
                    "TEMPORARY"
                } else {
                    word
                }
            });
            writeln!(listed, "{}", words.collect::<Vec<_>>().join(" ")).unwrap();
        }
        listed
    }

    /// Every file with its mode and content, without the log of calls.
    fn files(&self) -> Vec<(String, u32, Vec<u8>)> {
        let mut found = Vec::new();
        let mut directories = vec![self.root.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else if !path.ends_with("calls") {
                    let mode = path.metadata().unwrap().permissions().mode();
                    found.push((path.display().to_string(), mode, fs::read(&path).unwrap()));
                }
            }
        }
        found.sort();
        found
    }
}

fn twice(input: &NodeBundle) -> String {
    let machine = Machine::new();
    let first = machine.calls(input);
    let files = machine.files();
    let second = machine.calls(input);
    assert!(machine.files() == files, "the second run changed files");
    format!("FIRST RUN\n{first}\nSECOND RUN\n{second}")
}

#[test]
fn a_slot_converges() {
    insta::assert_snapshot!(twice(&NodeBundle::ControlPlane(Box::new(fixtures::slot()))));
}

#[test]
fn a_worker_converges() {
    insta::assert_snapshot!(twice(&NodeBundle::Worker(Box::new(fixtures::worker()))));
}

#[test]
fn a_bastion_converges() {
    insta::assert_snapshot!(twice(&NodeBundle::Bastion));
}

#[test]
fn a_repository_with_another_key_is_refused() {
    let mut worker = fixtures::worker();
    worker.settings = NodeSettings::default();
    worker.software.repositories[0].fingerprints = vec!["0".repeat(40)];
    let machine = Machine::new();
    let output = machine.run(&NodeBundle::Worker(Box::new(worker)));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && message.contains("only 0000"),
        "{output:?}"
    );
    let calls = fs::read_to_string(machine.root.path().join("calls")).unwrap();
    assert!(!calls.contains(" install "), "{calls}");
}
