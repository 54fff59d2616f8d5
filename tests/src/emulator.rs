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

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .unwrap_or_else(|error| panic!("no free port: {error}"))
        .port()
}
