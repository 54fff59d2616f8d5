//! `meridian render`

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use meridian_engine::Value;
use meridian_engine::graph::Node;
use meridian_spec::Cluster;

use super::{files, print, tell};
use crate::args::Files;
use crate::error::{Code, Failure};
use crate::session::Session;

/// Write what would be sent as files, user-data included. Needs no credentials.
///
/// The account and the images are not known offline: `unresolved` stands for them, `x` for the digits in names that follow from
/// the account, and `<ADDRESS.ATTRIBUTE>` for what the cloud will say. `meridian plan` looks them up.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian render -f cluster.yaml --out rendered")]
pub struct Args {
    #[command(flatten)]
    files: Files,
    /// The directory to write to. Files of an earlier rendering of the same clusters are replaced.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub fn run(args: &Args) -> Result<Code> {
    let session = Session::offline()?;
    let clusters = session.clusters_in(&files::read(&args.files)?)?;
    for cluster in &clusters {
        let folder = args.out.join(&cluster.name);
        let graph = session.compile(cluster)?;
        if folder.exists() {
            clear(&session, cluster, &folder)?;
        }
        for node in graph.iter() {
            write_node(&folder, node).with_context(|| format!("could not write to {}", folder.display()))?;
        }
        print(&format!("{}: {} resources in {}\n", cluster.name, graph.len(), folder.display()))?;
    }
    tell(
        "The account and the images are not known offline: placeholders stand for them (`unresolved`, `x` in names).\n",
    );
    Ok(Code::Done)
}

/// Removes an earlier rendering. `--out .` and a cluster called `docs` must not cost anyone their documents, so a folder
/// that holds anything but folders of kinds is left alone.
fn clear(session: &Session, cluster: &Cluster, folder: &Path) -> Result<()> {
    let replace = || format!("could not replace {}", folder.display());
    let kinds: Vec<_> = session.provider(&cluster.provider)?.schemas().iter().map(|schema| schema.kind).collect();
    for entry in fs::read_dir(folder).with_context(replace)? {
        let entry = entry.with_context(replace)?;
        let is_ours = entry.file_name().to_str().is_some_and(|name| kinds.contains(&name));
        if !is_ours || !entry.file_type().with_context(replace)?.is_dir() {
            return Err(Failure::wrong(
                format!("{} holds what no rendering wrote: {}", folder.display(), entry.file_name().display()),
                "name another folder with --out, or clear this one yourself",
            ));
        }
    }
    fs::remove_dir_all(folder).with_context(replace)
}

/// One file a resource, and one for each text of several lines in it.
fn write_node(folder: &Path, node: &Node) -> Result<()> {
    let folder = folder.join(node.address.kind());
    fs::create_dir_all(&folder)?;
    let name = file_name(node.address.name());
    let mut fields = serde_json::Map::new();
    for (field, value) in &node.fields {
        match value {
            Value::Null => {}
            Value::String(text) if text.contains('\n') => {
                let file = format!("{name}.{field}");
                fs::write(folder.join(&file), text)?;
                fields.insert(field.clone(), serde_json::json!({ "file": file }));
            }
            value => {
                fields.insert(field.clone(), plain(value));
            }
        }
    }
    fs::write(folder.join(format!("{name}.yaml")), serde_yaml::to_string(&fields)?)?;
    Ok(())
}

/// A reference is written as `<address.attribute>`.
fn plain(value: &Value) -> serde_json::Value {
    value.resolve(&|reference| Some(Value::String(format!("<{reference}>")))).to_json()
}

/// Names of resources are data: they can't lead to another folder.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}
