//! Where commands of the documentation run: a copy of the examples, an empty state, a home of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use meridian_tests::binary::{self, expect, root};

/// How long a command may take: some create whole clusters on the sandbox.
const PATIENCE: Duration = Duration::from_mins(5);

/// The port that the documentation writes. It stands for a free one, so that nothing is in the way.
const PORT: &str = "4566";

/// The specs that examples name, and the cluster in each.
const SPECS: &[(&str, &str)] = &[("cluster.yaml", "prod-eu"), ("clusters/prod-us.yaml", "prod-us")];

/// A spec that no example names, so that `clusters/*.yaml` stands for more than one file.
const ANOTHER: (&str, &str) = ("clusters/prod-ap.yaml", "prod-ap");

/// The clusters that examples name when they do not make them themselves, made once.
static PREPARED: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let mut place = Place::of_help();
    for (file, _) in SPECS {
        place.run(&format!("meridian create -f {file}"), &[0]).unwrap();
    }
    std::mem::replace(&mut place.dir, tempfile::tempdir().unwrap())
});

/// A place, and what runs in it.
pub struct Place {
    dir: tempfile::TempDir,
    /// Where `meridian` is looked up first.
    programs: PathBuf,
    /// What the commands so far have exported.
    exports: String,
    port: String,
    servers: Vec<Child>,
}

impl Place {
    /// A place for commands that a document shows; they are run as they stand.
    pub fn of_a_document() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in [
            "work/clusters",
            "home/.local/share/bash-completion/completions",
            "home/.config/fish/completions",
            "state",
            "programs",
        ] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        copy(&root().join("examples"), &dir.path().join("work/examples"));
        let example = fs::read_to_string(root().join("examples/aws.yaml")).unwrap();
        for (file, name) in SPECS.iter().chain([&ANOTHER]) {
            fs::write(dir.path().join("work").join(file), example.replace("name: prod-eu", &format!("name: {name}")))
                .unwrap();
        }
        let programs = binary::path().parent().unwrap().to_owned();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        Self { dir, programs, exports: String::new(), port, servers: Vec::new() }
    }

    /// A place for examples of the help. What would use a real cloud gets the sandbox, and questions are answered.
    pub fn of_help() -> Self {
        let mut place = Self::of_a_document();
        place.programs = place.dir.path().join("programs");
        let script = format!(
            "#!/bin/sh\n\
             case \"$* \" in *--sandbox\\ *|*--endpoint\\ *|sandbox\\ *) ;; *) set -- \"$@\" --sandbox ;; esac\n\
             case \"$* \" in *--yes\\ *) ;; create\\ *|apply\\ *|destroy\\ *) set -- \"$@\" --yes ;; esac\n\
             exec '{}' \"$@\"\n",
            binary::path().display()
        );
        let program = place.programs.join("meridian");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        place
    }

    /// The same with the clusters of the specs in it.
    pub fn with_clusters(self) -> Self {
        copy(&PREPARED.path().join("state"), &self.dir.path().join("state"));
        self
    }

    /// Writes a file that the documentation shows.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join("work").join(name), text).unwrap();
    }

    /// Runs a command in a shell; it must exit with one of these codes. What it exports, later ones find.
    pub fn run(&mut self, text: &str, exits: &[i32]) -> Result<(), String> {
        if text.starts_with("export ") {
            self.exports.push_str(text);
            self.exports.push('\n');
        }
        let said = self.dir.path().join("said");
        let output = fs::File::create(&said).unwrap();
        let errors = output.try_clone().unwrap();
        let mut child = self.shell(text).stdout(output).stderr(errors).spawn().unwrap();
        let status = wait(&mut child, PATIENCE).ok_or_else(|| format!("`{text}` does not end"))?;
        if status.code().is_some_and(|code| exits.contains(&code)) {
            return Ok(());
        }
        let said = fs::read(&said).unwrap();
        Err(format!("`{text}` ended with {status} and not with {exits:?}\n{}", String::from_utf8_lossy(&said)))
    }

    /// Runs a script of Python, by the interpreter that a variable names.
    pub fn python(&mut self, text: &str, interpreter: &str) -> Result<(), String> {
        self.write("shown.py", &text.replace(PORT, &self.port));
        let python = meridian_tests::tool(interpreter);
        self.run(&format!("'{}' shown.py", python.display()), &[0])
    }

    /// Starts a server and waits until it says where it listens.
    pub fn serve(&mut self, text: &str) -> Result<(), String> {
        let mut child = self.shell(&format!("exec {text}")).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.servers.push(child);
        if line.contains(&format!("127.0.0.1:{}", self.port)) {
            Ok(())
        } else {
            Err(format!("`{text}` does not say that it listens on port {PORT}, but `{}`", line.trim()))
        }
    }

    /// Stops the servers as a service manager would; each must end well.
    pub fn stop(&mut self) -> Result<(), String> {
        for mut server in std::mem::take(&mut self.servers) {
            expect(Command::new("kill").args(["-TERM", &server.id().to_string()]), 0);
            let status = wait(&mut server, Duration::from_secs(20)).ok_or("the server does not end")?;
            if !status.success() {
                return Err(format!("the server ended with {status}"));
            }
        }
        Ok(())
    }

    fn shell(&self, text: &str) -> Command {
        let text = text.replace(PORT, &self.port);
        let mut shell = Command::new("sh");
        for (name, _) in std::env::vars_os() {
            // A developer's own settings and credentials have no part in what the documentation promises.
            let text = name.to_string_lossy();
            if ["MERIDIAN_", "AWS_", "XDG_"].iter().any(|prefix| text.starts_with(prefix)) {
                shell.env_remove(&name);
            }
        }
        let path = std::env::var("PATH").unwrap_or_default();
        shell
            .args(["-c", &format!("{}{text}", self.exports)])
            .current_dir(self.dir.path().join("work"))
            .env("PATH", format!("{}:{path}", self.programs.display()))
            .env("HOME", self.dir.path().join("home"))
            .env("MERIDIAN_STATE", format!("file://{}", self.dir.path().join("state").display()))
            // Whatever is written there, a real cloud is never asked.
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/nonexistent")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
            .stdin(Stdio::null());
        shell
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for server in &mut self.servers {
            // It may have ended by itself.
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// Waits for a process to end by itself; one that takes too long is ended.
fn wait(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < patience {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}
