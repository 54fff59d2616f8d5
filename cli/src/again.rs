//! Commands that are suggested to the user: with the flags and the files that led to where the suggestion stands, so that
//! they mean the same state and the same cloud.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::args::Global;

/// What stands for the user's own files in a suggestion.
const FILE: &str = "-f FILE";
/// Commands, or the beginnings of their names, that look at a state or at a cloud.
const PLACED: &[&str] =
    &["create", "plan", "apply", "destroy", "state", "get clusters", "get pools", "get machines", "get resources"];

/// The flags and files of the command that was run.
#[derive(Debug, Clone, Default)]
pub struct Again {
    /// Each with a space before it.
    flags: String,
    files: String,
}

impl Again {
    /// What says where the state is, what opens it, and which clouds are meant. Flags that are of one run (faults, how much is
    /// said and how) are left out.
    #[must_use]
    pub fn new(global: &Global, files: &[PathBuf]) -> Self {
        let mut flags = String::new();
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let given = [
            ("--state", global.state.clone()),
            ("--state-passphrase-file", path(&global.state_passphrase_file)),
            ("--state-identity", path(&global.state_identity)),
        ];
        let endpoints = global.endpoint.iter().map(|(name, url)| ("--endpoint", Some(format!("{name}={url}"))));
        // Writing to a string can't fail.
        for (flag, value) in given.into_iter().chain(endpoints) {
            if let Some(value) = value {
                let _ = write!(flags, " {flag} {}", word(&value));
            }
        }
        if global.sandbox {
            flags.push_str(" --sandbox");
        }
        let files: Vec<String> = files.iter().map(|file| format!("-f {}", word(&file.display().to_string()))).collect();
        Self { flags, files: files.join(" ") }
    }

    /// A command as it has to be typed here. `-f FILE` in it stands for the files that were given, if any were.
    #[must_use]
    pub fn command(&self, command: &str) -> String {
        let rest = command.strip_prefix("meridian ").unwrap_or_default();
        let placed = PLACED
            .iter()
            .any(|placed| rest.strip_prefix(placed).is_some_and(|behind| behind.is_empty() || behind.starts_with(' ')));
        // The place of a store that is made stands behind `init`, and help is the same everywhere.
        if !placed || rest.starts_with("state init") || rest.contains("--help") {
            return command.to_owned();
        }
        let command = if self.files.is_empty() { command.to_owned() } else { command.replace(FILE, &self.files) };
        command + &self.flags
    }

    /// A text with every command between backquotes as it has to be typed here.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let parts = text.split('`').enumerate();
        let told: Vec<String> =
            parts.map(|(index, part)| if index % 2 == 1 { self.command(part) } else { part.to_owned() }).collect();
        told.join("`")
    }
}

/// A value as one word of a shell.
fn word(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::Again;
    use crate::args::Cli;

    fn again(flags: &[&str], files: &[&str]) -> Again {
        let arguments = ["meridian"].iter().chain(flags).chain(&["get", "clusters"]);
        let global = Cli::try_parse_from(arguments).unwrap().global;
        Again::new(&global, &files.iter().map(Into::into).collect::<Vec<_>>())
    }

    #[test]
    fn a_suggested_command_means_the_same_place() {
        let flags = ["--sandbox", "--state", "file:///tmp/a b", "--endpoint", "aws=http://127.0.0.1:1", "-v"];
        let here = again(&flags, &["one.yaml", "two.yaml"]);
        let expected = "--state 'file:///tmp/a b' --endpoint aws=http://127.0.0.1:1 --sandbox";
        assert_eq!(
            here.text("run `meridian apply -f FILE` to go on, or `meridian explain spec`; see `x`"),
            format!(
                "run `meridian apply -f one.yaml -f two.yaml {expected}` to go on, or `meridian explain spec`; see `x`"
            )
        );
        assert_eq!(here.command("meridian get resources a"), format!("meridian get resources a {expected}"));
        assert_eq!(here.command("meridian get regions"), "meridian get regions");
        assert_eq!(here.command("meridian state init s3://b/p"), "meridian state init s3://b/p");
    }

    #[test]
    fn without_flags_and_files_it_is_as_it_was() {
        assert_eq!(again(&[], &[]).text("`meridian apply -f FILE`"), "`meridian apply -f FILE`");
    }
}
