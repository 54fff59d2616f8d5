//! What opens an encrypted store. Secrets come from files, the environment or a terminal, and never from arguments, which
//! every process of the machine can see.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use meridian_state::envelope::{NewWrap, Recipients, Secrets};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::hosts::{Hosts, Services};
use crate::args::Global;
use crate::bounded;
use crate::env;
use crate::error::Failure;
use crate::registry::Registry;

const PASSPHRASE: &str = "MERIDIAN_STATE_PASSPHRASE";
const PASSPHRASE_FILE: &str = "MERIDIAN_STATE_PASSPHRASE_FILE";
const IDENTITY_FILE: &str = "MERIDIAN_STATE_IDENTITY";

/// What the user gave to open stores.
pub(super) fn given(global: &Global, hosts: &Arc<Hosts>) -> Result<Secrets> {
    let mut secrets = Secrets::new().with_services(Arc::new(Services(Arc::clone(hosts))));
    if let Some(passphrase) = passphrase(global)? {
        secrets = secrets.with_passphrase(passphrase)?;
    }
    let file = global.state_identity.clone().or_else(|| env::set(IDENTITY_FILE).map(Into::into));
    if let Some(path) = file {
        secrets = secrets.with_identities(&text(&path, "age identities")?)?;
    }
    Ok(secrets)
}

fn passphrase(global: &Global) -> Result<Option<SecretString>> {
    let file = global.state_passphrase_file.clone().or_else(|| env::set(PASSPHRASE_FILE).map(Into::into));
    match file {
        Some(path) => Ok(Some(line(&path)?)),
        None => Ok(env::set(PASSPHRASE).map(SecretString::from)),
    }
}

/// The passphrase that a store will open with: `file`'s, else the one that was given to open it, else one that is typed.
fn new_passphrase(global: &Global, file: Option<&Path>) -> Result<SecretString> {
    if let Some(path) = file {
        return line(path);
    }
    if let Some(given) = passphrase(global)? {
        return Ok(given);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::wrong(
            "there is no terminal to type a passphrase on",
            format!("name a file with --state-passphrase-file, or set {PASSPHRASE}"),
        ));
    }
    let typed = dialoguer::Password::new()
        .with_prompt("Passphrase of the store")
        .with_confirmation("Once more", "The two are not the same")
        .interact()?;
    Ok(typed.into())
}

/// How a store is to be opened.
pub struct Ways {
    pub wraps: Vec<NewWrap>,
    /// The passphrase that one of them takes.
    passphrase: Option<SecretString>,
}

impl Ways {
    /// Reads what the user wrote: `passphrase`, `age1…`, or a key service's key behind its scheme.
    pub fn read(global: &Global, texts: &[String], passphrase_file: Option<&Path>) -> Result<Self> {
        let mut ways = Self { wraps: Vec::new(), passphrase: None };
        for text in texts {
            let wrap = if text == "passphrase" {
                let passphrase = new_passphrase(global, passphrase_file)?;
                ways.passphrase = Some(passphrase.clone());
                NewWrap::passphrase(passphrase)?
            } else if text.starts_with("age1") {
                NewWrap::age(Recipients::parse(&[text])?)
            } else {
                service_key(text)?
            };
            ways.wraps.push(wrap);
        }
        Ok(ways)
    }

    /// What opens the store then: what was given before, and the passphrase.
    pub fn with(&self, given: &Secrets) -> Result<Secrets> {
        Ok(match &self.passphrase {
            Some(passphrase) => given.clone().with_passphrase(passphrase.clone())?,
            None => given.clone(),
        })
    }
}

fn service_key(text: &str) -> Result<NewWrap> {
    let registry = Registry::default();
    let schemes: Vec<&str> =
        registry.names().filter_map(|name| Some(registry.get(name)?.state_schemes().keys)).collect();
    match text.split_once(':') {
        Some((scheme, key)) if schemes.contains(&scheme) => Ok(NewWrap::kms(scheme, key)),
        _ => Err(Failure::wrong(
            format!("`{text}` is no way to open a store"),
            format!("write passphrase, a recipient of age (age1…), or a key as {}:KEY", schemes.join(":KEY, ")),
        )),
    }
}

/// A file's text, without the end of its last line: editors put one there.
fn line(path: &Path) -> Result<SecretString> {
    use secrecy::ExposeSecret as _;
    let text = text(path, "passphrase")?;
    let trimmed = text.expose_secret().strip_suffix('\n').unwrap_or(text.expose_secret());
    Ok(trimmed.strip_suffix('\r').unwrap_or(trimmed).to_owned().into())
}

fn text(path: &Path, what: &str) -> Result<SecretString> {
    let bytes = Zeroizing::new(bounded::read(path, what, bounded::MIB)?);
    let text = std::str::from_utf8(&bytes).with_context(|| format!("{} is not text", path.display()))?;
    Ok(text.to_owned().into())
}
