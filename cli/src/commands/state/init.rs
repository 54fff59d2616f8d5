//! `meridian state init`

use anyhow::Result;
use meridian_provider_api::{Finding, Grade, StateBucket};
use meridian_state::envelope::{self, Conversion, Settings};
use meridian_state::{Location, Retention, probe};
use owo_colors::OwoColorize as _;

use crate::args::Global;
use crate::commands::print;
use crate::context::{Context, is_dead};
use crate::error::{Code, Failure};
use crate::store::Ways;
use crate::views::clean;

/// Make a store ready: the bucket, hardened, unless there is one; a trial whether it keeps two writers apart; encryption.
///
/// A bucket that is there already is not changed: what is weak about it is told. Running it again finishes what was
/// interrupted, and changes what is kept of histories.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian state init s3://team-state/meridian --region eu-west-1\n  \
                  meridian state init gs://team-state --region europe-west1 --keep-last 100\n  \
                  meridian state init --keep-last 100 --keep-days 90")]
pub struct Args {
    /// The store, instead of --state.
    url: Option<String>,
    /// Where a bucket that has to be made will be.
    #[arg(long)]
    region: Option<String>,
    /// The resource group that a storage account which has to be made is put into, on Azure.
    #[arg(long)]
    group: Option<String>,
    /// Encrypt the state so that it can be opened with this: `passphrase`, a recipient of age (`age1…`), or a key of a key
    /// service as `aws-kms:KEY`, `gcp-kms:KEY` or `azure-kv:KEY`. Given several times, any one opens it.
    #[arg(long, value_name = "WAY")]
    encrypt_with: Vec<String>,
    /// Keep the newest so many states of each cluster.
    #[arg(long, value_name = "COUNT")]
    keep_last: Option<u64>,
    /// Keep states that were written within so many days.
    #[arg(long, value_name = "DAYS")]
    keep_days: Option<u32>,
}

pub async fn run(global: &Global, args: &Args) -> Result<Code> {
    let mut global = global.clone();
    if let Some(url) = &args.url {
        global.state = Some(in_region(url, args.region.as_deref()));
    }
    let context = Context::new(&global, "state init").await?;
    let place = &context.place;
    // Before anything is made: a wrong way must not leave half a store.
    let ways = Ways::read(&global, &args.encrypt_with, None)?;
    let mut findings = Vec::new();
    if let Some(host) = place.host().await? {
        findings = host.prepare(&bucket(&place.location, args)).await?;
    }
    probe(place.raw.as_ref()).await?;
    let raw = place.raw.as_ref();
    let retention = Retention { keep_last: args.keep_last, keep_days: args.keep_days };
    let settings = match Settings::load(raw).await? {
        None => envelope::init(raw, retention).await?,
        Some(loaded) if retention.keeps_all() || loaded.settings.retention == retention => loaded.settings,
        Some(loaded) => {
            let mut changed = loaded.settings.clone();
            changed.retention = retention;
            loaded.update(raw, changed).await?.settings
        }
    };
    let converting = settings.encryption.as_ref().is_some_and(|encryption| encryption.converting);
    if !ways.wraps.is_empty() && settings.encryption.is_some() && !converting {
        return Err(Failure::wrong(
            "the store is encrypted already",
            "`meridian state rekey --encrypt-with WAY` changes what opens it",
        ));
    }
    let mut encrypted = settings.encryption.is_some();
    if !ways.wraps.is_empty() {
        let owner = context.session.owner();
        let secrets = ways.with(&place.secrets)?;
        let conversion = Conversion { secrets: &secrets, ways: &ways.wraps, owner, is_dead: &is_dead };
        let converted = envelope::convert(&place.raw, &conversion).await?;
        encrypted = true;
        if converted.sealed > 0 {
            let message = format!("{} objects were encrypted", converted.sealed);
            let hint = "older versions of them, if the store keeps any, are as readable as they were";
            findings.push(finding(Grade::Made, "encryption", message, hint));
        }
    }
    if !encrypted && !matches!(place.location, Location::File { .. }) {
        let message = "the state is not encrypted by Meridian".to_owned();
        let hint = "run this again with --encrypt-with; see `meridian state init --help`";
        findings.push(finding(Grade::Weak, "encryption", message, hint));
    }
    for finding in &findings {
        print(&line(finding))?;
    }
    print(&format!("{} is ready: two writers are kept apart.\n", place.location))?;
    Ok(Code::Done)
}

/// The URL with the region that was asked for, where a URL can say one.
fn in_region(url: &str, region: Option<&str>) -> String {
    match region {
        Some(region) if url.starts_with("s3://") && !url.contains('?') => format!("{url}?region={region}"),
        _ => url.to_owned(),
    }
}

fn bucket(location: &Location, args: &Args) -> StateBucket {
    let (account, region) = match location {
        Location::Az { account, .. } => (Some(account.clone()), None),
        Location::S3 { region, .. } => (None, region.clone()),
        Location::Gs { .. } | Location::File { .. } => (None, None),
    };
    StateBucket {
        account,
        name: location.bucket().unwrap_or_default().to_owned(),
        region: args.region.clone().or(region),
        group: args.group.clone(),
    }
}

fn finding(grade: Grade, what: &'static str, message: String, hint: &str) -> Finding {
    Finding { grade, what, message, hint: hint.to_owned() }
}

fn line(finding: &Finding) -> String {
    let sign = match finding.grade {
        Grade::Good => "✓".green().to_string(),
        Grade::Made => "+".green().to_string(),
        Grade::Weak => "!".yellow().to_string(),
        Grade::Unknown => "?".dimmed().to_string(),
    };
    let hint = if finding.hint.is_empty() { String::new() } else { format!(" ({})", clean(&finding.hint)) };
    format!("{sign} {}: {}{hint}\n", finding.what, clean(&finding.message))
}
