//! Bundles as a machine runs them, once and again, with every system command replaced by `stub.sh`.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use meridian_templates::{NodeBundle, NodeSettings, bundle};
use serde_json::{Value, json};
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
        fs::write(root.path().join("etc/os-release"), "VERSION_CODENAME=noble\n").unwrap();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
        fs::copy(sources.join("stub.sh"), &stub).unwrap();
        fs::copy(sources.join("ca.crt"), root.path().join("ca.crt")).unwrap();
        fs::write(root.path().join("token"), fixtures::TOKEN).unwrap();
        fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
        for name in STUBBED {
            symlink(&stub, root.path().join("bin").join(name)).unwrap();
        }
        let machine = Self { root };
        machine.publish(&fixtures::published().to_string());
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn publish(&self, text: &str) {
        fs::write(self.path("published"), text).unwrap();
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
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
            .fold(script, |script, directory| script.replace(directory, &format!("{root}{directory}")));
        let file = self.path("bundle.sh");
        fs::write(&file, script).unwrap();
        self.execute(&file)
    }

    /// What the timer of a slot runs, once the slot's bundle has run.
    fn publish_as_a_slot(&self) -> Output {
        self.execute(&self.path("usr/local/sbin/meridian-join-token"))
    }

    fn execute(&self, script: &Path) -> Output {
        let root = self.root.path().to_str().unwrap();
        let path = format!("{root}/bin:{}", std::env::var("PATH").unwrap());
        Command::new("bash")
            .arg(script)
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
            let words = call.split(' ').map(|word| if word.starts_with("/tmp/") { "TEMPORARY" } else { word });
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
    assert!(!output.status.success() && message.contains("only 0000"), "{output:?}");
    let calls = fs::read_to_string(machine.root.path().join("calls")).unwrap();
    assert!(!calls.contains(" install "), "{calls}");
}

#[test]
fn a_worker_joins_with_what_a_slot_publishes() {
    let slot = Machine::new();
    slot.publish("");
    slot.calls(&NodeBundle::ControlPlane(Box::new(fixtures::slot())));
    let output = slot.publish_as_a_slot();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(slot.json("published"), fixtures::published());
    assert!(!slot.path("run/meridian/join").exists());

    let worker = Machine::new();
    worker.publish(&fs::read_to_string(slot.path("published")).unwrap());
    worker.calls(&NodeBundle::Worker(Box::new(fixtures::worker())));
    let expected = json!({
        "apiServerEndpoint": "api.prod-eu.internal:6443",
        "token": fixtures::TOKEN,
        "caCertHashes": fixtures::CA_HASHES,
    });
    let joined = worker.json("joined.json");
    assert_eq!(joined["discovery"], json!({ "bootstrapToken": expected }));
    assert!(!worker.path("run/meridian/join").exists());
}

#[test]
fn a_slot_publishes_nothing_it_is_not_sure_of() {
    let slot = Machine::new();
    slot.calls(&NodeBundle::ControlPlane(Box::new(fixtures::slot())));
    slot.publish("as before");
    let ca = "etc/kubernetes/pki/ca.crt";
    let good = fs::read_to_string(slot.path(ca)).unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let cases = [
        ("token", "", "kubeadm made no token"),
        ("token", "a warning instead", "kubeadm made no token"),
        (ca, "", "holds no certificate"),
        (ca, &(good + broken), "openssl"),
    ];
    for (name, content, expected) in cases {
        let before = fs::read(slot.path(name)).unwrap();
        fs::write(slot.path(name), content).unwrap();
        let output = slot.publish_as_a_slot();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && message.contains(expected), "{output:?}");
        assert_eq!(fs::read_to_string(slot.path("published")).unwrap(), "as before");
        fs::write(slot.path(name), before).unwrap();
    }
    assert!(slot.publish_as_a_slot().status.success());
}

#[test]
fn a_worker_refuses_what_no_control_plane_publishes() {
    let hash = fixtures::CA_HASHES[0];
    let token = |token: Value| json!({ "token": token, "caCertHashes": [hash] }).to_string();
    let hashes = |hashes: Value| json!({ "token": fixtures::TOKEN, "caCertHashes": hashes }).to_string();
    let (no_object, no_token, no_hashes) = ("no JSON object", "no join token", "no hashes");
    let cases = [
        (String::new(), no_object),
        (fixtures::TOKEN.to_owned(), no_object),
        ("[]".to_owned(), no_object),
        ("{}".to_owned(), no_token),
        (token(Value::Null), no_token),
        (token(json!([fixtures::TOKEN])), no_token),
        (token(json!("ABCDEF.0123456789abcdef")), no_token),
        (token(json!("abcdef.0123456789abcdef\n")), no_token),
        (json!({ "token": fixtures::TOKEN }).to_string(), no_hashes),
        (hashes(json!([])), no_hashes),
        (hashes(json!(hash)), no_hashes),
        (hashes(json!([hash, 7])), no_hashes),
        (hashes(json!([hash, ""])), no_hashes),
        (hashes(json!([hash.to_uppercase()])), no_hashes),
        (hashes(json!([hash[..70].to_owned()])), no_hashes),
        (hashes(json!([format!("{hash}\n")])), no_hashes),
    ];
    let mut worker = fixtures::worker();
    worker.settings = NodeSettings::default();
    let worker = NodeBundle::Worker(Box::new(worker));
    let machine = Machine::new();
    for (published, expected) in cases {
        machine.publish(&published);
        let output = machine.run(&worker);
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && message.contains(expected), "{published}: {output:?}");
        assert!(!machine.path("joined.json").exists(), "{published}");
    }
    machine.publish(&fixtures::published().to_string());
    assert!(machine.run(&worker).status.success());
}
