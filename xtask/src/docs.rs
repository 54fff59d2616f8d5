//! The commands that the documentation shows are run, so that they stay true.
//!
//! A block tagged `sh run` is executed, command by command, in a copy of `examples/` with an empty state; all such
//! blocks of one file share that copy and that state. Elsewhere `meridian` commands are refused, so that none goes
//! unchecked. `cargo run --bin meridian -- ARGUMENTS` is what a reader does first, without an installed binary: it is
//! executed as `meridian ARGUMENTS` in any block, with a copy and a state of its own.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::layout::Layout;
use crate::markdown::{self, Command as Shown};
use crate::process;

/// How long a command may take: some create whole clusters on the sandbox.
const PATIENCE: Duration = Duration::from_mins(5);

/// What becomes of a command of the documentation.
#[derive(Debug, PartialEq, Eq)]
enum Treatment {
    /// Executed after the document's other commands.
    Run(String),
    /// Executed by itself, as this text.
    Begin(String),
    /// Not ours, and shown only.
    Leave,
    /// Must not stand there, for this reason.
    Refuse(String),
}

/// Runs the commands of every document. `tasks` are the names of xtask's own commands.
pub fn check(layout: &Layout, tasks: &[String]) -> Result<()> {
    layout.build()?;
    let scratch = layout.fresh_directory("documentation")?;
    let mut faults = Vec::new();
    let mut ran = 0;
    for document in documents(&layout.root)? {
        let text = fs::read_to_string(&document).with_context(|| format!("{} can't be read", document.display()))?;
        let name = document.strip_prefix(&layout.root).unwrap_or(&document).display().to_string();
        for command in markdown::commands(&text) {
            let at = format!("{name}:{}", command.line);
            let (text, place) = match treatment(&command, tasks) {
                Treatment::Leave => continue,
                Treatment::Refuse(reason) => {
                    faults.push(format!("{at}: {reason}"));
                    continue;
                }
                Treatment::Run(text) => (text, name.as_str()),
                Treatment::Begin(text) => (text, at.as_str()),
            };
            println!("{at}: {text}");
            ran += 1;
            let place = Place::open(layout, &scratch, place)?;
            if let Err(error) = place.execute(&text, command.exits) {
                faults.push(format!("{at}: {error:#}"));
            }
        }
    }
    println!("{ran} commands of the documentation, {} faults", faults.len());
    if ran == 0 {
        faults.push("no document has a command in a block tagged `sh run`".to_owned());
    }
    if !faults.is_empty() {
        bail!("the documentation's commands:\n{}", faults.join("\n"));
    }
    Ok(())
}

/// The Markdown files at the root and below `docs/`, sorted.
fn documents(root: &Path) -> Result<Vec<PathBuf>> {
    let mut directories = vec![root.join("docs")];
    let mut entries = list(root)?;
    while let Some(directory) = directories.pop() {
        if directory.is_dir() {
            for path in list(&directory)? {
                if path.is_dir() {
                    directories.push(path);
                } else {
                    entries.push(path);
                }
            }
        }
    }
    entries.retain(|path| path.extension().is_some_and(|end| end == "md"));
    entries.sort();
    Ok(entries)
}

fn list(directory: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("{} can't be listed", directory.display());
    fs::read_dir(directory)
        .with_context(context)?
        .map(|entry| entry.map(|entry| entry.path()).with_context(context))
        .collect()
}

fn treatment(command: &Shown, tasks: &[String]) -> Treatment {
    let text = &command.text;
    if let Some(rest) = text.strip_prefix("cargo xtask") {
        let task = rest.split_whitespace().next().unwrap_or_default();
        return if tasks.iter().any(|name| name == task) {
            Treatment::Leave
        } else {
            Treatment::Refuse(format!("`cargo xtask {task}` does not exist"))
        };
    }
    if text.starts_with("cargo run") {
        // Cargo would not know which of the workspace's binaries is meant.
        return match text.split_once(" -- ") {
            Some((cargo, arguments)) if cargo.contains("--bin meridian") => {
                Treatment::Begin(format!("meridian {arguments}"))
            }
            _ => Treatment::Refuse(format!("`{text}` is not of the form `cargo run --bin meridian -- …`")),
        };
    }
    if command.runs {
        return Treatment::Run(text.clone());
    }
    if text.split_whitespace().any(|word| word == "meridian") {
        return Treatment::Refuse(format!("`{text}` stands in a block that is not tagged `sh run`"));
    }
    Treatment::Leave
}

/// Where commands run that share a state.
struct Place {
    directory: PathBuf,
    path: OsString,
}

impl Place {
    /// The place of this name, laid out when it is not there yet.
    fn open(layout: &Layout, scratch: &Path, name: &str) -> Result<Self> {
        let directory = scratch.join(name.replace(['/', ':'], "-"));
        if !directory.exists() {
            fs::create_dir_all(directory.join("home"))
                .with_context(|| format!("{} can't be made", directory.display()))?;
            copy(&layout.root.join("examples"), &directory.join("work/examples"))?;
        }
        let mut path = OsString::from(layout.binary_directory("debug"));
        path.push(":");
        path.push(env::var_os("PATH").unwrap_or_default());
        Ok(Self { directory, path })
    }

    /// Runs one command in a shell and fails unless it exits with `exits`; what it said is then in the error.
    fn execute(&self, text: &str, exits: i32) -> Result<()> {
        let said = self.directory.join("output");
        let output = File::create(&said).context("no file for the output")?;
        let errors = output.try_clone().context("no file for the output")?;
        let mut shell = Command::new("sh");
        for (name, _) in env::vars_os() {
            // A developer's own settings and credentials have no part in what the documentation promises.
            let text = name.to_string_lossy();
            if text.starts_with("MERIDIAN_") || text.starts_with("AWS_") || text.starts_with("XDG_") {
                shell.env_remove(&name);
            }
        }
        let state = format!("file://{}", self.directory.join("state").display());
        shell
            .args(["-c", text])
            .current_dir(self.directory.join("work"))
            .env("PATH", &self.path)
            .env("HOME", self.directory.join("home"))
            .env("MERIDIAN_STATE", state)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        let mut child = shell.spawn().with_context(|| process::not_started(&shell))?;
        let status = wait(&mut child)?;
        if status.code() != Some(exits) {
            let said = fs::read(&said).context("the output can't be read")?;
            bail!("`{text}` ended with {status} and not with exit status {exits}\n{}", String::from_utf8_lossy(&said));
        }
        Ok(())
    }
}

/// Waits for a command to end by itself, and ends it when it has had long enough.
fn wait(child: &mut Child) -> Result<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("the command can't be waited for")? {
            return Ok(status);
        }
        if start.elapsed() > PATIENCE {
            child.kill().context("the command can't be ended")?;
            child.wait().context("the command can't be waited for")?;
            bail!("not done after {} s", PATIENCE.as_secs());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("{} can't be made", to.display()))?;
    for path in list(from)? {
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target).with_context(|| format!("{} can't be copied", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Treatment, treatment};
    use crate::markdown::commands;

    fn treated(block: &str) -> Treatment {
        let command = &commands(block)[0];
        treatment(command, &["test".to_owned()])
    }

    fn run(text: &str) -> Treatment {
        Treatment::Run(text.to_owned())
    }

    #[test]
    fn commands_are_run_left_or_refused() {
        assert_eq!(treated("```sh run\nmeridian plan | wc -l\n```"), run("meridian plan | wc -l"));
        assert_eq!(
            treated("```sh\ncargo run --bin meridian -- plan\n```"),
            Treatment::Begin("meridian plan".to_owned())
        );
        assert_eq!(treated("```sh\ncargo xtask test\n```"), Treatment::Leave);
        assert_eq!(treated("```sh run\ncargo xtask test foo\n```"), Treatment::Leave);
        assert_eq!(treated("```sh\ncd meridian-main\n```"), Treatment::Leave);
        for refused in
            ["meridian plan", "A=b meridian plan", "true && meridian plan", "cargo xtask tset", "cargo run -- plan"]
        {
            let block = format!("```sh\n{refused}\n```");
            assert!(matches!(treated(&block), Treatment::Refuse(_)), "{refused}");
        }
    }
}
