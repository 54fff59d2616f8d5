//! Every command that the documentation, the help or an example shows is run, so that it stays true.
//!
//! What becomes of a fenced block stands behind its language:
//! - `sh run`: each command is run, in order, in the document's own place; it must exit with 0, or with what a trailing
//!   `# exits N` says.
//! - `python run`: the script is run, with boto3 at hand; `python run with the clouds' packages`: with the packages of Google
//!   and Azure at hand.
//! - `sh serve`: the command is started; it serves until the next heading, and must end well on SIGTERM.
//! - `file NAME`, in any language: the block is written to that file.
//! - `not run: REASON`: it is only shown.
//!
//! A block of shell or Python without any of these is a fault, unless it holds `cargo xtask` commands, which CI runs, or
//! `cargo run --bin meridian -- …`, which is run as `meridian …` in a place of its own.

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use meridian_tests::binary::root;

mod markdown;
mod place;

use markdown::{Block, Piece};
use place::Place;

/// Languages of blocks that someone would paste into a terminal.
const SHELLS: &[&str] = &["sh", "bash", "zsh", "shell", "console", "python"];

/// Words that begin a command.
const PROGRAMS: &[&str] = &["meridian", "cargo", "aws", "curl", "export", "python3", "boto3"];

/// What is wrong with the commands of a document, each fault with its line; and how many were run.
#[derive(Default)]
struct Verdict {
    faults: Vec<String>,
    ran: usize,
}

impl Verdict {
    fn fault(&mut self, line: usize, what: &str) {
        self.faults.push(format!("{line}: {what}"));
    }

    fn ran(&mut self, line: usize, result: Result<(), String>) {
        self.ran += 1;
        if let Err(fault) = result {
            self.fault(line, &fault);
        }
    }
}

/// Runs what a document shows.
fn judge(document: &str) -> Verdict {
    let mut verdict = Verdict::default();
    let mut place = Place::of_a_document();
    for piece in markdown::pieces(document) {
        match piece {
            Piece::Heading => {
                if let Err(fault) = place.stop() {
                    verdict.fault(0, &fault);
                }
            }
            Piece::Block(block) => judge_block(&block, &mut place, &mut verdict),
            Piece::Inline { line, text } => {
                if let Err(fault) = known(&text) {
                    verdict.fault(line, &fault);
                }
            }
            Piece::Indented { line, text } => {
                if is_command(&text) {
                    verdict.fault(line, &format!("`{text}` is indented; put it into a fenced block"));
                }
            }
        }
    }
    if let Err(fault) = place.stop() {
        verdict.fault(0, &fault);
    }
    verdict
}

fn judge_block(block: &Block, place: &mut Place, verdict: &mut Verdict) {
    let commands = markdown::commands(block);
    match (block.language.as_str(), block.tag.as_str()) {
        ("sh", "run") => {
            for command in commands {
                verdict.ran(command.line, place.run(&command.text, &[command.exits]));
            }
        }
        ("sh", "serve") => {
            for command in commands {
                verdict.ran(command.line, place.serve(&command.text));
            }
        }
        ("python", "run") => verdict.ran(block.line, place.python(&block.text, "MERIDIAN_PYTHON")),
        ("python", "run with the clouds' packages") => {
            verdict.ran(block.line, place.python(&block.text, "MERIDIAN_MODELS_PYTHON"));
        }
        (language, tag) => {
            if let Some(name) = tag.strip_prefix("file ") {
                place.write(name.trim(), &block.text);
            } else if let Some(reason) = tag.strip_prefix("not run:") {
                if reason.split_whitespace().count() < 3 {
                    verdict.fault(block.line, "a block that is not run must say why");
                }
            } else if SHELLS.contains(&language) {
                for command in commands {
                    judge_unmarked(command.line, &command.text, verdict);
                }
            } else if commands.iter().any(|command| is_command(&command.text)) && language.is_empty() {
                verdict.fault(block.line, "a block with commands has no language");
            }
        }
    }
}

fn judge_unmarked(line: usize, text: &str, verdict: &mut Verdict) {
    if text.starts_with("cargo xtask") {
        if let Err(fault) = known(text) {
            verdict.fault(line, &fault);
        }
    } else if let Some(arguments) = text.strip_prefix("cargo run --bin meridian -- ") {
        verdict.ran(line, Place::of_a_document().run(&format!("meridian {arguments}"), &[0]));
    } else {
        verdict.fault(line, &format!("`{text}` stands in a block that says neither `run` nor `not run: REASON`"));
    }
}

fn is_command(text: &str) -> bool {
    text.split_whitespace().next().is_some_and(|word| PROGRAMS.contains(&word.split('.').next().unwrap_or_default()))
}

/// Whether a command that is mentioned in a sentence exists, with its flags.
fn known(text: &str) -> Result<(), String> {
    let mut words = text.split_whitespace();
    match (words.next(), words.next()) {
        (Some("cargo"), Some("xtask")) => {
            let task = words.next().unwrap_or_default();
            let is_placeholder = task.is_empty() || task == "…";
            if is_placeholder || tasks().iter().any(|name| name == task) {
                return Ok(());
            }
            Err(format!("`cargo xtask {task}` does not exist"))
        }
        (Some("meridian"), Some(_)) => {
            let cli = meridian_cli::args::Cli::command();
            let mut command = &cli;
            for word in text.split_whitespace().skip(1) {
                if let Some(flag) = word.strip_prefix("--") {
                    let flag = flag.split('=').next().unwrap_or_default();
                    let has = |command: &clap::Command| command.get_arguments().any(|arg| arg.get_long() == Some(flag));
                    if !["help", "version"].contains(&flag) && !has(command) && !has(&cli) {
                        return Err(format!("`{text}`: there is no `--{flag}`"));
                    }
                } else if let Some(found) = command.find_subcommand(word) {
                    command = found;
                } else if command.has_subcommands() && word.starts_with(|c: char| c.is_ascii_lowercase()) {
                    return Err(format!("`{text}`: there is no `{word}`"));
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The names of xtask's commands, out of its source: its binary need not be built when this one runs.
fn tasks() -> Vec<String> {
    let source = fs::read_to_string(root().join("xtask/src/main.rs")).unwrap();
    let (_, variants) = source.split_once("enum Task {\n").unwrap();
    let (variants, _) = variants.split_once("\n}\n").unwrap();
    let names: Vec<String> = variants
        .lines()
        .filter_map(|line| line.strip_prefix("    ").filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase())))
        .map(|line| line.trim_end_matches([',', '{', ' ']).to_lowercase())
        .collect();
    assert!(names.iter().any(|name| name == "test"), "{names:?}");
    names
}

/// The Markdown files of the checkout.
fn documents() -> Vec<PathBuf> {
    let mut pending = vec![root().to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                pending.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[test]
fn the_commands_of_every_document_are_true() {
    let mut faults = Vec::new();
    let mut ran = 0;
    for path in documents() {
        let verdict = judge(&fs::read_to_string(&path).unwrap());
        ran += verdict.ran;
        faults.extend(verdict.faults.into_iter().map(|fault| format!("{}:{fault}", shown(&path))));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(ran >= 20, "only {ran} commands were run");
}

/// A line of an example: the command, without the remark that stands three spaces or more behind it.
fn example(line: &str) -> &str {
    line.trim().split("   ").next().unwrap_or_default().trim()
}

/// The lines below `Examples:` in the help of a command and of those below it.
fn examples_of_help(command: &clap::Command, path: &str, found: &mut Vec<(String, Vec<String>)>) {
    let path = format!("{path} {}", command.get_name());
    if let Some(help) = command.get_after_help().map(ToString::to_string) {
        let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1).take_while(|line| !line.is_empty());
        found.push((path.trim().to_owned(), lines.map(|line| example(line).to_owned()).collect()));
    }
    for command in command.get_subcommands() {
        examples_of_help(command, &path, found);
    }
}

/// What is wrong with the examples of one command's help.
fn judge_help(examples: &[String]) -> Vec<String> {
    let mut place = Place::of_help();
    let makes_it = examples.iter().any(|example| example.starts_with("meridian create -f examples/aws.yaml"));
    if !makes_it && examples.iter().any(|example| example.contains("prod-eu")) {
        place = place.with_clusters();
    }
    let mut faults = Vec::new();
    for example in examples {
        let result = if !example.starts_with("meridian ") {
            Err(format!("`{example}` is no command of ours"))
        } else if example.starts_with("meridian sandbox serve") {
            place.serve(example)
        } else {
            place.run(example, if example.starts_with("meridian plan ") { &[0, 2] } else { &[0] })
        };
        faults.extend(result.err());
    }
    faults.extend(place.stop().err());
    faults
}

#[test]
fn the_examples_of_every_help_are_true() {
    let mut helps = Vec::new();
    examples_of_help(&meridian_cli::args::Cli::command(), "", &mut helps);
    assert!(helps.len() >= 13, "a command has no examples: {helps:?}");
    let mut faults = Vec::new();
    for (path, examples) in helps {
        assert!(!examples.is_empty(), "{path}");
        faults.extend(judge_help(&examples).into_iter().map(|fault| format!("{path} --help: {fault}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_commands_above_every_example_are_true() {
    let mut ran = 0;
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let mut place = Place::of_help();
        let header = text.lines().map_while(|line| line.strip_prefix('#'));
        for command in header.map(example).filter(|line| is_command(line)) {
            ran += 1;
            place.run(command, &[0]).unwrap_or_else(|fault| panic!("{}: {fault}", shown(&path)));
        }
    }
    assert!(ran > 0);
}

#[test]
fn a_wrong_command_is_found_wherever_it_stands() {
    for (document, fault) in [
        ("```sh run\nmeridian validate -f nope.yaml\n```", "2: `meridian validate -f nope.yaml` ended with"),
        ("```sh run\nmeridian explain   # exits 2\n```", "2: `meridian explain` ended with"),
        ("```python run\nimport nope\n```", "2: "),
        ("```sh\nmeridian get clusters\n```", "2: `meridian get clusters` stands in a block that says neither"),
        ("```sh not run:\nmeridian get clusters\n```", "2: a block that is not run must say why"),
        ("```\nmeridian get clusters\n```", "2: a block with commands has no language"),
        ("Text:\n\n    meridian get clusters\n", "3: `meridian get clusters` is indented"),
        ("Say `meridian plam`.", "1: `meridian plam`: there is no `plam`"),
        ("Say `meridian plan --savee X`.", "1: `meridian plan --savee X`: there is no `--savee`"),
        ("Say `cargo xtask tset`.", "1: `cargo xtask tset` does not exist"),
        ("```sh serve\nmeridian sandbox serve --port moon=4566\n```", "2: `meridian sandbox serve"),
    ] {
        let faults = judge(document).faults;
        assert!(faults.first().is_some_and(|first| first.starts_with(fault)), "{document}\n{faults:?}");
    }
    for fine in ["Say `meridian plan --save X`.", "```sh not run: needs a cloud account\nmeridian destroy x\n```"] {
        assert_eq!(judge(fine).faults, Vec::<String>::new(), "{fine}");
    }
    let wrong = "meridian explain spec.nope".to_owned();
    assert_eq!(judge_help(&[wrong]).len(), 1);
}
