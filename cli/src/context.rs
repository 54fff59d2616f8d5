//! From arguments, environment and home directory to a [`Session`].

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result};
use meridian_sandbox::{Config, Fault, Sandbox};
use meridian_spec::Catalogue;
use meridian_state::Owner;
use tokio::sync::watch;

use crate::args::{Global, LogFormat};
use crate::bounded;
use crate::env;
use crate::error::{Code, Failure};
use crate::interrupts::Interrupts;
use crate::registry::Registry;
use crate::session::{Session, Settings};
use crate::store::{self, Place, sandbox_folder};

/// A session and the embedded clouds that it may use, which end with it.
pub struct Context {
    pub session: Session,
    pub place: Place,
    _sandbox: Option<Sandbox>,
    stop: OnceLock<watch::Receiver<bool>>,
}

impl Context {
    /// Sets a session up for `command`. Nothing is asked of a cloud or of the store yet, unless the store's region has to be.
    pub async fn new(global: &Global, command: &str) -> Result<Self> {
        let registry = Registry::default();
        let sandbox = if global.sandbox { Some(start_sandbox(sandbox_config(global)?).await?) } else { None };
        let named = named_endpoints(global, &registry)?;
        let place = Place::of(global, &named, sandbox.as_ref()).await?;
        let mut endpoints: BTreeMap<String, String> = named.into_iter().collect();
        if let Some(sandbox) = &sandbox {
            for name in registry.names() {
                if let Some(url) = sandbox.endpoint(name) {
                    endpoints.insert(name.to_owned(), url);
                }
            }
        }
        let session = Session::new(Settings {
            accounts: accounts(&registry),
            registry,
            catalogue: Catalogue::builtin().context("the built-in catalogue can't be read")?,
            store: Arc::new(place.sealed.clone()),
            settings: Some(place.sealed.clone()),
            meter: Arc::clone(&place.meter),
            endpoints,
            owner: owner(command),
            lease_timeout: global.lease_timeout,
            wire_tap: None,
        });
        Ok(Self { session, place, _sandbox: sandbox, stop: OnceLock::new() })
    }

    /// Turns true with the first Ctrl-C or SIGTERM from the first call on; the second leaves at once. There is one for
    /// all clusters of a run: asked to stop while one of them is carried out, no other is begun.
    pub fn stop(&self) -> Result<watch::Receiver<bool>> {
        if let Some(stop) = self.stop.get() {
            return Ok(stop.clone());
        }
        let interrupts = Interrupts::listen()?;
        Ok(self.stop.get_or_init(|| stop_on(interrupts)).clone())
    }
}

/// The endpoints that the environment and the arguments name, the arguments' last, so that they count.
fn named_endpoints(global: &Global, registry: &Registry) -> Result<Vec<(String, String)>> {
    let known: Vec<&str> = registry.names().chain([store::ENDPOINT]).collect();
    let variable = |name: &&str| {
        let url = env::set(&format!("MERIDIAN_ENDPOINT_{}", name.to_ascii_uppercase()))?;
        Some(((*name).to_owned(), url))
    };
    let mut endpoints: Vec<_> = known.iter().filter_map(variable).collect();
    for (name, url) in &global.endpoint {
        if !known.contains(&name.as_str()) {
            return Err(Failure::wrong(format!("--endpoint: there is no cloud `{name}`"), known.join(", ")));
        }
        endpoints.push((name.clone(), url.clone()));
    }
    Ok(endpoints)
}

/// The accounts that the environment names, by cloud.
fn accounts(registry: &Registry) -> BTreeMap<String, String> {
    let named = |name| registry.get(name)?.account_variables().iter().find_map(|name| env::set(name));
    registry.names().filter_map(|name| Some((name.to_owned(), named(name)?))).collect()
}

fn stop_on(mut interrupts: Interrupts) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        interrupts.next().await;
        // Nobody may listen just now; the value stays.
        sender.send_replace(true);
        interrupts.next().await;
        std::process::exit(i32::from(Code::Interrupted as u8));
    });
    receiver
}

/// Logs to stderr; results go to stdout.
pub fn start_logging(global: &Global) {
    let (level, others) = match global.verbose {
        0 => ("error", "off"),
        1 => ("warn", "off"),
        2 => ("debug", "warn"),
        _ => ("trace", "debug"),
    };
    // Every crate of ours, whatever the cloud; the embedded clouds are no part of what a user looks at.
    let mut filter = format!("{others},meridian={level},meridian_sandbox={others}");
    // Whoever waits for a store that does not answer is told so, unasked: nothing else moves meanwhile.
    if global.verbose == 0 {
        filter.push_str(",meridian_state=warn");
    }
    let colour = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_ansi(colour)
        .with_writer(std::io::stderr);
    match global.log_format {
        LogFormat::Text => builder.without_time().init(),
        LogFormat::Json => builder.json().init(),
    }
}

/// How the embedded clouds are set up: kept beside the state, with the zones of the catalogue.
pub fn sandbox_config(global: &Global) -> Result<Config> {
    let mut faults = global.fault.clone();
    if let Some(path) = &global.fault_file {
        let text = bounded::read(path, "fault file", bounded::MIB)?;
        // A tab in JSON is no indentation in YAML, so JSON is tried by itself.
        let more: Vec<Fault> =
            serde_json::from_slice(&text).or_else(|_| serde_yaml::from_slice(&text)).map_err(|error| {
                Failure::wrong(format!("{}: {error}", path.display()), "see docs/sandbox.md for the form")
            })?;
        faults.extend(more);
    }
    let catalogue = Catalogue::builtin().context("the built-in catalogue can't be read")?;
    let zones = catalogue.regions().iter().map(|region| (region.name.clone(), region.zones.clone())).collect();
    Ok(Config { dir: Some(sandbox_folder(global)?), faults, zones, ..Config::default() })
}

/// Starts the embedded clouds.
pub async fn start_sandbox(config: Config) -> Result<Sandbox> {
    Sandbox::start(config).await.context("the sandbox could not start")
}

/// Who we are, for the lease and the history.
fn owner(command: &str) -> Owner {
    let github = || {
        Some(format!(
            "{}/{}/actions/runs/{}",
            env::set("GITHUB_SERVER_URL")?,
            env::set("GITHUB_REPOSITORY")?,
            env::set("GITHUB_RUN_ID")?
        ))
    };
    Owner {
        user: env::set("USER").or_else(|| env::set("LOGNAME")).unwrap_or_else(|| "unknown".to_owned()),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        process: std::process::id(),
        process_space: process_space(),
        run_url: github().or_else(|| env::set("CI_JOB_URL")).or_else(|| env::set("BUILD_URL")),
        command: command.to_owned(),
    }
}

/// The boot and the process-id namespace: only within both do equal numbers mean the same process.
fn process_space() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let namespace = std::fs::read_link("/proc/self/ns/pid");
    match (boot, namespace) {
        (Ok(boot), Ok(namespace)) => format!("{} {}", boot.trim(), namespace.display()),
        _ => String::new(),
    }
}

/// Whether a holder of a lease has surely died: a process of this very boot and namespace that is no more.
pub fn is_dead(owner: &Owner) -> bool {
    let here = process_space();
    if here.is_empty() || owner.process_space != here || owner.process == std::process::id() {
        return false;
    }
    let Some(process) = i32::try_from(owner.process).ok().and_then(rustix::process::Pid::from_raw) else {
        return false;
    };
    rustix::process::test_kill_process(process) == Err(rustix::io::Errno::SRCH)
}
