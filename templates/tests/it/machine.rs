//! The user-data's programs run as on a machine, against a metadata service and a store that check what they get.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use meridian_templates::{
    AzureBlobStore, GcsStore, ObjectKey, S3Endpoint, S3Store, Sha256, Store, UserData, user_data,
};
use tempfile::TempDir;

use crate::{fixtures, tools};

struct FakeCloud {
    process: Child,
    url: String,
}

impl FakeCloud {
    fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fake_cloud.py");
        let mut process = Command::new(tools::python()).arg(program).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let url = format!("http://127.0.0.1:{}", port.trim());
        Self { process, url }
    }
}

impl Drop for FakeCloud {
    fn drop(&mut self) {
        // The process may have ended by itself, which the test has then already told.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The bucket on each cloud, as the fake one has them.
fn stores(cloud: &FakeCloud) -> [Store; 3] {
    let bucket = "bootstrap".to_owned();
    [
        Store::S3(S3Store {
            bucket: bucket.clone(),
            region: "eu-west-1".to_owned(),
            endpoint: S3Endpoint::Url { url: cloud.url.clone() },
        }),
        Store::Gcs(GcsStore { bucket, endpoint: cloud.url.clone() }),
        Store::AzureBlob(fixtures::azure_store(&format!("{}/account", cloud.url))),
    ]
}

/// What cloud-init would have written, below a directory of its own.
struct Machine {
    directory: TempDir,
}

impl Machine {
    fn boot(cloud: &FakeCloud, store: Store, key: &str, bundle: &str) -> Self {
        let text = user_data(&UserData {
            store,
            key: ObjectKey::new(key).unwrap(),
            sha256: Sha256::of(bundle),
            hostname: None,
        })
        .unwrap();
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_str().unwrap();
        let document: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        for file in document["write_files"].as_array().unwrap() {
            let path = PathBuf::from(format!("{root}{}", file["path"].as_str().unwrap()));
            let content = file["content"].as_str().unwrap();
            let content = content
                .replace("http://169.254.169.254", &cloud.url)
                .replace("/usr/local/sbin/", &format!("{root}/usr/local/sbin/"))
                .replace("/var/lib/meridian", &format!("{root}/var/lib/meridian"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            let executable = file["permissions"] == "0755";
            let chmod = Command::new("chmod").arg(if executable { "755" } else { "644" }).arg(&path).status();
            assert!(chmod.unwrap().success());
        }
        fs::create_dir_all(directory.path().join("var/lib")).unwrap();
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new(self.path(&format!("usr/local/sbin/{program}")))
            .args(arguments)
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

fn succeed(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn objects_are_read_and_written_with_the_machines_identity() {
    let cloud = FakeCloud::start();
    for store in stores(&cloud) {
        let machine = Machine::boot(&cloud, store, "bundles/a.sh", "");
        let published = fixtures::published().to_string();
        fs::write(machine.path("published"), &published).unwrap();
        succeed(&machine.run("meridian-store", &["put", "published", "join/token"]));
        succeed(&machine.run("meridian-store", &["get", "join/token", "copy"]));
        assert_eq!(fs::read_to_string(machine.path("copy")).unwrap(), published);

        let missing = machine.run("meridian-store", &["get", "join/other", "other"]);
        assert!(!missing.status.success() && !machine.path("other").exists(), "{missing:?}");
    }
}

#[test]
fn another_identity_gets_nothing() {
    let cloud = FakeCloud::start();
    let store = fixtures::azure_store(&format!("{}/account", cloud.url));
    let stranger = Store::AzureBlob(AzureBlobStore { identity: format!("{}x", store.identity), ..store });
    let machine = Machine::boot(&cloud, stranger, "bundles/a.sh", "");
    assert!(!machine.run("meridian-store", &["get", "join/token", "copy"]).status.success());
}

#[test]
fn a_machine_fetches_checks_and_runs_its_bundle() {
    let cloud = FakeCloud::start();
    let bundle = "echo ran >>ran\n";
    let machines = stores(&cloud).map(|store| Machine::boot(&cloud, store, "bundles/a.sh", bundle));
    for machine in &machines {
        assert!(!machine.run("meridian-bootstrap", &[]).status.success(), "there is no bundle yet");

        fs::write(machine.path("bundle"), bundle).unwrap();
        succeed(&machine.run("meridian-store", &["put", "bundle", "bundles/a.sh"]));
        succeed(&machine.run("meridian-bootstrap", &[]));
        assert_eq!(fs::read_to_string(machine.path("ran")).unwrap(), "ran\n");
    }
    drop(cloud);
    for machine in &machines {
        succeed(&machine.run("meridian-bootstrap", &[]));
        assert_eq!(fs::read_to_string(machine.path("ran")).unwrap(), "ran\nran\n", "it needs no network again");
    }
}

#[test]
fn a_machine_refuses_another_bundle() {
    let cloud = FakeCloud::start();
    for store in stores(&cloud) {
        let machine = Machine::boot(&cloud, store, "bundles/a.sh", "echo good\n");
        fs::write(machine.path("bundle"), "touch ran\n").unwrap();
        succeed(&machine.run("meridian-store", &["put", "bundle", "bundles/a.sh"]));
        let output = machine.run("meridian-bootstrap", &[]);
        assert!(String::from_utf8_lossy(&output.stderr).contains("is not the bundle"), "{output:?}");
        assert!(!output.status.success() && !machine.path("ran").exists());
    }
}
