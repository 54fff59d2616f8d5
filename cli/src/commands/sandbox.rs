//! `meridian sandbox`

use std::net::IpAddr;

use anyhow::Result;

use super::print;
use crate::args::Global;
use crate::context::{sandbox_config, start_sandbox};
use crate::error::{Code, Failure};
use crate::interrupts::Interrupts;
use crate::registry::Registry;

/// The embedded clouds on their own
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian sandbox serve --port aws=4566\n  \
                        meridian plan -f cluster.yaml --endpoint aws=http://127.0.0.1:4566")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Serve until interrupted (Ctrl-C or SIGTERM), so that any client can look.
    Serve(Serve),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian sandbox serve --port aws=4566")]
struct Serve {
    /// The loopback address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    listen: IpAddr,
    /// The port of a cloud, as `aws=4566` [default: a free one].
    #[arg(long, value_name = "CLOUD=PORT", value_parser = port)]
    port: Vec<(String, u16)>,
    /// How many of a kind an account may have, as `addresses=4`; any number of times.
    #[arg(long, value_name = "NAME=COUNT", value_parser = quota)]
    quota: Vec<(String, usize)>,
}

pub async fn run(global: &Global, args: Args) -> Result<Code> {
    let Command::Serve(serve) = args.command;
    let registry = Registry::default();
    if let Some((unknown, _)) = serve.port.iter().find(|(cloud, _)| registry.get(cloud).is_none()) {
        let known: Vec<_> = registry.names().collect();
        return Err(Failure::wrong(format!("--port: there is no cloud `{unknown}`"), known.join(", ")));
    }
    let mut config = sandbox_config(global)?;
    config.listen = serve.listen;
    config.ports = serve.port.into_iter().collect();
    for (name, limit) in serve.quota {
        config.quotas = config.quotas.with(&name, limit)?;
    }
    let mut interrupts = Interrupts::listen()?;
    let sandbox = start_sandbox(config).await?;
    for (cloud, endpoint) in sandbox.endpoints() {
        print(&format!("{cloud} {endpoint}\n"))?;
    }
    interrupts.next().await;
    sandbox.shutdown().await;
    Ok(Code::Done)
}

fn quota(text: &str) -> Result<(String, usize), String> {
    let wrong = || format!("`{text}` is not NAME=COUNT, as addresses=4");
    let (name, count) = text.split_once('=').ok_or_else(wrong)?;
    Ok((name.to_owned(), count.parse().map_err(|_| wrong())?))
}

fn port(text: &str) -> Result<(String, u16), String> {
    let wrong = || format!("`{text}` is not CLOUD=PORT, as aws=4566");
    let (cloud, port) = text.split_once('=').ok_or_else(wrong)?;
    Ok((cloud.to_owned(), port.parse().map_err(|_| wrong())?))
}
