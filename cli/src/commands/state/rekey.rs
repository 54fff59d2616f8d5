//! `meridian state rekey`

use std::path::PathBuf;

use anyhow::Result;
use meridian_state::envelope;

use super::confirm;
use crate::args::Global;
use crate::commands::print;
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::store::Ways;

/// Change what opens an encrypted store, or seal from now on with a new key. No state and no history is rewritten.
///
/// Whoever could open the store before can go on reading what was sealed until now, if he kept a copy of `store.json`:
/// where a way has leaked, take --new-key as well.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What opens the store from now on, in place of all ways before; as for `meridian state init`.
    #[arg(long, value_name = "WAY")]
    encrypt_with: Vec<String>,
    /// A file with the new passphrase, where `passphrase` is one of the ways; the present one otherwise.
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    /// Seal what is written from now on with a new key.
    #[arg(long)]
    new_key: bool,
    /// Go on without a question.
    #[arg(long, short)]
    yes: bool,
}

pub async fn run(global: &Global, args: &Args) -> Result<Code> {
    if args.encrypt_with.is_empty() && !args.new_key {
        return Err(Failure::wrong("rekey was not told what to change", "say --encrypt-with WAY, --new-key or both"));
    }
    let context = Context::new(global, "state rekey").await?;
    let place = &context.place;
    let ways = Ways::read(global, &args.encrypt_with, args.new_passphrase_file.as_deref())?.wraps;
    let raw = place.raw.as_ref();
    if ways.is_empty() {
        envelope::add_key(raw, &place.secrets, None).await?;
    } else {
        let question =
            format!("Let {} be opened with {} and with nothing else?", place.location, args.encrypt_with.join(", "));
        confirm(args.yes, &question).await?;
        if args.new_key {
            envelope::add_key(raw, &place.secrets, Some(&ways)).await?;
        }
        envelope::rewrap(raw, &place.secrets, &ways).await?;
        print(&format!("{} is opened with {}.\n", place.location, args.encrypt_with.join(", ")))?;
    }
    if args.new_key {
        print("What is written from now on is sealed with a new key.\n")?;
    }
    Ok(Code::Done)
}
