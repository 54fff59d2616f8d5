//! The arguments.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use meridian_sandbox::Fault;

use crate::commands::{
    apply, completions, create, destroy, explain, get, plan, render, sandbox, schema, state, validate,
};

const EXAMPLES: &str = "\
Examples:
  meridian create -f examples/aws.yaml --sandbox        a rehearsal, without any account
  meridian plan -f cluster.yaml                         what would change; exits 2 if something would
  meridian apply -f cluster.yaml                        make it so
  meridian destroy prod-eu                              asks for the name to be typed

Exit codes:
  0 done, or no changes        3 the spec or the usage is wrong
  1 failed                     4 someone else holds the lease
  2 changes or drift found   130 interrupted, state safe";

/// Builds self-managed Kubernetes clusters from one declarative spec.
#[derive(Debug, Parser)]
#[command(name = "meridian", version, after_help = EXAMPLES, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Where state is kept: `file:///folder`, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://account/container/prefix`;
    /// also `MERIDIAN_STATE` [default: the user's data directory].
    #[arg(long, global = true, value_name = "URL")]
    pub state: Option<String>,
    /// A file with the passphrase of an encrypted state; also `MERIDIAN_STATE_PASSPHRASE_FILE`, or the passphrase itself in
    /// `MERIDIAN_STATE_PASSPHRASE`.
    #[arg(long, global = true, value_name = "FILE")]
    pub state_passphrase_file: Option<PathBuf>,
    /// A file with age identities that open an encrypted state; also `MERIDIAN_STATE_IDENTITY`.
    #[arg(long, global = true, value_name = "FILE")]
    pub state_identity: Option<PathBuf>,
    /// How long to wait for the lease of a cluster while someone else holds it, as `90s` or `10m`.
    #[arg(long, global = true, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
    pub lease_timeout: Duration,
    /// Run against the embedded clouds, which are kept beside the state.
    #[arg(long, global = true)]
    pub sandbox: bool,
    /// Inject a fault into the sandbox, such as `operation=RunInstances,effect=throttle,times=3`.
    #[arg(long, global = true, value_name = "FAULT", requires = "sandbox")]
    pub fault: Vec<Fault>,
    /// Inject the faults listed in a YAML or JSON file into the sandbox.
    #[arg(long, global = true, value_name = "FILE", requires = "sandbox")]
    pub fault_file: Option<PathBuf>,
    /// Use another endpoint for a cloud, as `aws=http://127.0.0.1:4566`, or for the store of the state, as `state=URL`; also
    /// `MERIDIAN_ENDPOINT_AWS`, `MERIDIAN_ENDPOINT_STATE`.
    #[arg(long, global = true, value_name = "CLOUD=URL", value_parser = endpoint)]
    pub endpoint: Vec<(String, String)>,
    /// When to use colour.
    #[arg(long, global = true, default_value = "auto", value_name = "WHEN")]
    pub color: Color,
    /// How the log on stderr looks.
    #[arg(long, global = true, default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// Say more: -v statistics, -vv each retry, -vvv each call.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Makes every later print obey.
    pub fn apply(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

/// How the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// How results look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Create(create::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Destroy(destroy::Args),
    Validate(validate::Args),
    Render(render::Args),
    Get(get::Args),
    State(state::Args),
    Schema(schema::Args),
    Explain(explain::Args),
    Completions(completions::Args),
    Sandbox(sandbox::Args),
}

impl Command {
    /// The files of specs that were given.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        match self {
            Self::Create(args) => args.files(),
            Self::Plan(args) => args.files(),
            Self::Apply(args) => args.files(),
            _ => &[],
        }
    }
}

/// The files of a spec.
#[derive(Debug, Clone, Args)]
pub struct Files {
    /// Files of specs; several documents in one and several files are taken together. `-` is standard input.
    #[arg(short, long = "file", value_name = "FILE", required = true, num_args = 1..)]
    pub file: Vec<PathBuf>,
}

fn endpoint(text: &str) -> Result<(String, String), String> {
    let (cloud, url) = text.split_once('=').ok_or("expected CLOUD=URL, as aws=http://127.0.0.1:4566")?;
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(format!("`{url}` is not an http or https URL"));
    }
    Ok((cloud.to_owned(), url.to_owned()))
}
