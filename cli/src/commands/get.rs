//! `meridian get`

use anyhow::Result;
use comfy_table::{Table, presets};
use meridian_engine::state::State;
use meridian_provider_api::Roster;
use meridian_spec::Catalogue;
use serde_json::{Value as Json, json};

use super::{print, print_json};
use crate::args::{Global, Output};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::session::no_such_cluster;

/// List clusters, their resources, or what the catalogue knows
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian get clusters\n  meridian get machines prod-eu\n  \
                        meridian get pools prod-eu -o json\n  meridian get resources prod-eu\n  \
                        meridian get regions --provider aws -o json")]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// How the list looks.
    #[arg(short, long, default_value = "text", global = true)]
    output: Output,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The clusters of the state.
    #[command(after_help = "Examples:\n  meridian get clusters\n  meridian get clusters -o json")]
    Clusters,
    /// The worker pools of a cluster, as they were last applied.
    #[command(after_help = "Examples:\n  meridian get pools prod-eu\n  meridian get pools prod-eu -o json")]
    Pools {
        /// Name of the cluster.
        name: String,
    },
    /// The machines of a cluster that Meridian itself made: slots of the control plane, bastion.
    #[command(after_help = "Examples:\n  meridian get machines prod-eu\n  meridian get machines prod-eu -o json")]
    Machines {
        /// Name of the cluster.
        name: String,
    },
    /// What a cluster is made of.
    #[command(after_help = "Examples:\n  meridian get resources prod-eu\n  meridian get resources prod-eu -o json")]
    Resources {
        /// Name of the cluster.
        name: String,
    },
    /// The regions of the clouds.
    #[command(
        after_help = "Examples:\n  meridian get regions\n  meridian get regions --provider gcp\n  meridian get regions -o json"
    )]
    Regions {
        /// Of one cloud only.
        #[arg(long)]
        provider: Option<String>,
    },
    /// The Kubernetes versions that can be installed.
    #[command(after_help = "Examples:\n  meridian get versions\n  meridian get versions -o json")]
    Versions,
}

pub async fn run(global: &Global, args: Args) -> Result<Code> {
    let (columns, rows) = match &args.what {
        What::Clusters => clusters(global).await?,
        What::Pools { name } => pools(global, name).await?,
        What::Machines { name } => machines(global, name).await?,
        What::Resources { name } => resources(global, name).await?,
        What::Regions { provider } => regions(provider.as_deref())?,
        What::Versions => versions()?,
    };
    match args.output {
        Output::Json => print_json(&rows)?,
        Output::Text => print(&table(columns, &rows))?,
    }
    Ok(Code::Done)
}

/// The fields of a row that the table shows, and the rows.
type Rows = (&'static [&'static str], Vec<Json>);

async fn clusters(global: &Global) -> Result<Rows> {
    let Context { session, .. } = &Context::new(global, "get").await?;
    let mut rows = Vec::new();
    for name in session.clusters.list().await? {
        if let Some(loaded) = session.clusters.load(&name).await? {
            let State { provider, region, phase, serial, resources, outputs, .. } = loaded.state;
            rows.push(json!({
                "name": name, "provider": provider, "region": region, "phase": phase, "serial": serial,
                "resources": resources.len(), "endpoint": outputs.get("api_endpoint"),
            }));
        }
    }
    Ok((&["name", "provider", "region", "phase", "serial", "resources", "endpoint"], rows))
}

async fn pools(global: &Global, name: &str) -> Result<Rows> {
    let rows = rows(roster(global, name).await?.pools)?;
    Ok((&["name", "min", "max", "types", "spot", "subnets"], rows))
}

async fn machines(global: &Global, name: &str) -> Result<Rows> {
    let rows = rows(roster(global, name).await?.machines)?;
    Ok((&["name", "role", "type", "zone", "private_address", "public_address", "id"], rows))
}

async fn roster(global: &Global, name: &str) -> Result<Roster> {
    let Context { session, .. } = &Context::new(global, "get").await?;
    let state = session.clusters.load(name).await?.ok_or_else(|| no_such_cluster(name))?.state;
    Ok(session.provider(&state.provider)?.roster(&state.resources))
}

fn rows(items: Vec<impl serde::Serialize>) -> Result<Vec<Json>> {
    Ok(items.into_iter().map(serde_json::to_value).collect::<Result<_, _>>()?)
}

async fn resources(global: &Global, name: &str) -> Result<Rows> {
    let Context { session, .. } = &Context::new(global, "get").await?;
    let loaded = session.clusters.load(name).await?.ok_or_else(|| no_such_cluster(name))?;
    let rows = loaded
        .state
        .resources
        .iter()
        .map(|(address, record)| json!({ "address": address, "id": record.id, "depends_on": record.depends_on }))
        .collect();
    Ok((&["address", "id"], rows))
}

fn regions(provider: Option<&str>) -> Result<Rows> {
    let catalogue = Catalogue::builtin()?;
    if let Some(name) = provider
        && catalogue.provider(name).is_none()
    {
        let known: Vec<_> = catalogue.providers().map(|provider| provider.name.as_str()).collect();
        return Err(Failure::wrong(format!("there is no cloud `{name}`"), format!("clouds: {}", known.join(", "))));
    }
    let regions =
        catalogue.regions().iter().filter(|region| provider.is_none_or(|name| name == region.provider)).collect();
    Ok((&["provider", "partition", "name", "display", "zones", "status", "unconfirmed"], rows(regions)?))
}

fn versions() -> Result<Rows> {
    let catalogue = Catalogue::builtin()?;
    let versions = catalogue.kubernetes_versions().iter().collect();
    Ok((&["name", "latest"], rows(versions)?))
}

fn table(columns: &[&str], rows: &[Json]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(columns.iter().map(|column| column.to_uppercase().replace('_', " ")));
    for row in rows {
        table.add_row(columns.iter().map(|column| cell(&row[*column])));
    }
    format!("{}\n", table.trim_fmt())
}

fn cell(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => crate::views::clean(text),
        Json::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{regions, versions};

    /// A column that no row has would be blank in silence.
    #[test]
    fn every_column_of_what_the_catalogue_knows_is_there() {
        for (columns, rows) in [versions().unwrap(), regions(None).unwrap()] {
            for column in columns {
                assert!(rows.iter().any(|row| row.get(*column).is_some()), "{column}");
            }
        }
    }
}
