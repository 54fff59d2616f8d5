//! A resolved cluster, written down as resources of Google Cloud. Pure: the same cluster and pins give the same graph.

mod api;
mod bastion;
mod bootstrap;
mod check;
mod control_plane;
mod dns;
pub(crate) mod existing;
mod firewall;
mod identity;
mod machine;
pub mod names;
mod network;
mod pools;

use meridian_engine::{Reference, Value};
use meridian_provider_api::{CompileError, Compiled, Pins};
use meridian_spec::cluster::Cluster;

pub use check::check;

/// Compiles a cluster. Facts that `pins` does not have are written as placeholders.
pub fn compile(cluster: &Cluster, pins: &Pins) -> Result<Compiled, CompileError> {
    let mut compiled = Compiled::default();
    let graph = &mut compiled.graph;
    for part in [
        network::network,
        firewall::firewall,
        identity::identity,
        bootstrap::bootstrap,
        dns::dns,
        api::api,
        control_plane::control_plane,
        pools::pools,
        bastion::bastion,
    ] {
        part(cluster, pins, graph)?;
    }
    graph.check()?;
    outputs(cluster, pins, &mut compiled)?;
    Ok(compiled)
}

/// What users will want to know: each is an attribute of a resource that the graph has.
fn outputs(cluster: &Cluster, pins: &Pins, compiled: &mut Compiled) -> Result<(), CompileError> {
    for (output, kind, name, attribute) in [
        ("api_endpoint", "google_compute_forwarding_rule", "api", "endpoint"),
        ("bastion", "google_compute_address", "bastion", "address"),
        ("network", "google_compute_network", "main", "id"),
        ("bootstrap_bucket", "google_storage_bucket", "bootstrap", "id"),
    ] {
        let node = compiled.graph.iter().find(|node| node.address.kind() == kind && node.address.name() == name);
        let Some(node) = node else { continue };
        if attribute != "id" && !node.schema.computed.iter().any(|computed| computed.name == attribute) {
            return Err(CompileError::Missing(format!("attribute `{attribute}` of {}", node.address)));
        }
        let reference = Reference { address: node.address.clone(), attribute: attribute.to_owned() };
        compiled.outputs.insert(output.to_owned(), Value::from(reference));
    }
    compiled.outputs.insert("api_port".to_owned(), Value::Integer(i64::from(cluster.control_plane.api.port)));
    if let Some(named) = &cluster.network.existing {
        let path = existing::network(names::project(pins), named);
        compiled.outputs.insert("network".to_owned(), Value::String(path));
    }
    Ok(())
}

/// The cluster that the tests of the compiler's parts begin with.
#[cfg(test)]
pub(crate) mod fixture;
