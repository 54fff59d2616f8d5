//! Every error, sorted once: its exit code, its hint, its rendering.

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;

use meridian_engine::planner::PlanError;
use meridian_provider_api::CloudError;
use meridian_spec::Faults;
use meridian_state::envelope::EnvelopeError;
use meridian_state::{StateError, StoreError};
use owo_colors::OwoColorize as _;

use crate::again::Again;
use crate::views::{clean, refusals};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Done, or no changes.
    Done = 0,
    Failed = 1,
    /// A plan-like command found changes or drift.
    Changes = 2,
    /// The spec or the usage is wrong.
    Wrong = 3,
    /// Someone else holds the lease.
    Held = 4,
    /// Interrupted; the state is safe.
    Interrupted = 130,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// An error with its exit code and the way out.
#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    pub message: String,
    pub hint: Option<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    /// Something that went wrong.
    pub fn failed(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        Self { code: Code::Failed, message: message.into(), hint: Some(hint.into()) }.into()
    }

    /// A wrong spec or usage.
    pub fn wrong(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        Self { code: Code::Wrong, message: message.into(), hint: Some(hint.into()) }.into()
    }

    /// An end that was told already.
    pub fn silent(code: Code) -> anyhow::Error {
        Self { code, message: String::new(), hint: None }.into()
    }
}

/// Prints what clap has to say; help goes to stdout with 0, a wrong usage to stderr with 3.
pub fn usage(error: &clap::Error) -> ExitCode {
    // There is nowhere left to say that it could not be said.
    let _ = error.print();
    if error.use_stderr() { Code::Wrong.into() } else { Code::Done.into() }
}

/// Prints an error with its causes and hints.
pub fn report(error: &anyhow::Error, again: &Again) -> ExitCode {
    let (code, hints) = sort(error);
    let silent = error.downcast_ref::<Failure>().is_some_and(|failure| failure.message.is_empty());
    if !silent {
        print(error, &hints, again);
    }
    code.into()
}

fn print(error: &anyhow::Error, hints: &[String], again: &Again) {
    if let Some(faults) = error.downcast_ref::<Faults>() {
        anstream::eprintln!("{}", crate::views::text::faults(faults));
        return;
    }
    anstream::eprintln!("{} {}", "error:".red().bold(), clean(&error.to_string()));
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        if text != last {
            anstream::eprintln!("  {} {}", "because:".dimmed(), clean(&text));
        }
        last = text;
    }
    for hint in hints {
        anstream::eprintln!("{} {}", "hint:".cyan().bold(), clean(&again.text(hint)));
    }
}

fn state_hint(error: &StateError) -> Option<&'static str> {
    match error {
        StateError::Store(error) => store_hint(error),
        StateError::Damaged { .. } => Some(
            "nothing was written; `meridian state history` lists earlier states, and a bucket that keeps versions has the one before",
        ),
        StateError::Format { .. } => Some("use the version of Meridian that wrote it, or a newer one"),
        StateError::LeaseLost => Some("someone else has gone on; make a new plan, and see what is left to do"),
        StateError::NoSerial { .. } => Some("`meridian state history NAME` lists them"),
        StateError::Held { .. } | StateError::Name { .. } => None,
    }
}

/// The journal has several who wait for one write, and tells each of them.
fn journal_hint(cause: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    cause.downcast_ref::<Arc<StateError>>().and_then(|error| state_hint(error))
}

fn store_hint(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::Precondition { .. } => {
            Some("nothing of the other one's was overwritten; run the command again to go on from there")
        }
        StoreError::Envelope(error) => envelope_hint(error),
        StoreError::Denied { .. } | StoreError::Credential { .. } => {
            Some("check that the credentials for the store have not run out and allow this; run the command again then")
        }
        StoreError::Io { .. } => {
            Some("nothing that was written is lost; once the store can be used again, run the command again")
        }
        _ => None,
    }
}

fn envelope_hint(error: &EnvelopeError) -> Option<&'static str> {
    match error {
        EnvelopeError::NotMade => Some("`meridian state init URL` tries it, and makes its bucket if there is none"),
        EnvelopeError::NothingGiven { .. } | EnvelopeError::Locked { .. } => Some(
            "a passphrase is taken from --state-passphrase-file or MERIDIAN_STATE_PASSPHRASE, age identities from \
             --state-identity, a key service is asked with the cloud's default credentials",
        ),
        EnvelopeError::NotEncrypted | EnvelopeError::Unencrypted => {
            Some("`meridian state init --encrypt-with WAY` encrypts it")
        }
        _ => None,
    }
}

fn sort(error: &anyhow::Error) -> (Code, Vec<String>) {
    let mut code = Code::Failed;
    let mut hints = Vec::new();
    for cause in error.chain() {
        if cause.is::<Faults>() {
            code = Code::Wrong;
        } else if let Some(failure) = cause.downcast_ref::<Failure>() {
            code = failure.code;
            hints.extend(failure.hint.clone());
        } else if let Some(StateError::Held { .. }) = cause.downcast_ref() {
            code = Code::Held;
            hints.push(
                "wait until it is done; if that process is gone for good, take the lease away with \
                 `meridian state unlock NAME`"
                    .to_owned(),
            );
        } else if let Some(hint) = cause.downcast_ref().and_then(state_hint).or_else(|| journal_hint(cause)) {
            hints.push(hint.to_owned());
        } else if let Some(hint) = cause.downcast_ref().and_then(store_hint) {
            hints.push(hint.to_owned());
        } else if let Some(hint) = cause.downcast_ref().and_then(envelope_hint) {
            hints.push(hint.to_owned());
        } else if let Some(PlanError::Refused(refused)) = cause.downcast_ref() {
            hints.extend(refusals::explain(refused));
        } else if let Some(cloud) = cause.downcast_ref::<CloudError>() {
            hints.extend(cloud.hint().map(str::to_owned));
        }
    }
    (code, hints)
}
