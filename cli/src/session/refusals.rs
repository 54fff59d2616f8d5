//! Why a resource is not adopted, and the way out.

use std::collections::BTreeSet;

use meridian_engine::plan::{Change, Plan, Reason};
use meridian_engine::refusal::Refusal;
use meridian_engine::state::Record;
use meridian_engine::{Address, Graph, State, Value};
use meridian_provider_api::ids::Misfit;
use meridian_provider_api::{Sighting, Stranger};
use meridian_spec::nearest::suggest;

use crate::error::Failure;

/// Nothing was forgotten under the address.
pub(super) fn not_forgotten(state: &State, address: &Address) -> anyhow::Error {
    let known: Vec<String> = state.forgotten.addresses().map(ToString::to_string).collect();
    let known = if known.is_empty() { "nothing was".to_owned() } else { known.join(", ") };
    Failure::failed(
        format!("no resource of {} was forgotten under the address {address}", state.cluster),
        format!("forgotten here: {known}; one that someone else made is adopted with its id behind the address"),
    )
}

/// The state speaks against it.
pub(super) fn of_state(state: &State, address: &Address, id: &str) -> anyhow::Result<()> {
    let is_it = |other: &Address, record: &Record| record.id == id && other.kind() == address.kind();
    if let Some((other, _)) = state.resources.iter().find(|(other, record)| is_it(other, record)) {
        return Err(of_another_address(other, id));
    }
    let Some(record) = state.resources.get(address) else { return Ok(()) };
    Err(Failure::failed(
        format!("{address} is under management already, as {}", record.id),
        format!("`meridian state forget {} {address}` gives that one up", state.cluster),
    ))
}

/// The resource is the cluster's already.
pub(super) fn of_another_address(address: &Address, id: &str) -> anyhow::Error {
    Failure::failed(
        format!("{id} is under management already, as {address}"),
        "what bears the cluster's marks, or was recorded, is seen by every plan",
    )
}

/// The spec has no such address.
pub(super) fn not_in_spec(graph: &Graph, address: &Address) -> anyhow::Error {
    let known: Vec<String> = graph.iter().map(|node| node.address.to_string()).collect();
    let of_kind = |known: &&String| known.split('.').next() == Some(address.kind());
    let same: Vec<&str> = known.iter().filter(of_kind).map(String::as_str).collect();
    let near = suggest(&address.to_string(), known.iter().map(String::as_str));
    let hint = match (near, same.as_slice()) {
        (Some(near), []) => near,
        (_, []) => "`meridian plan -f FILE` shows the addresses of a spec".to_owned(),
        (_, same) => format!("of this kind it asks for {}", same.join(", ")),
    };
    Failure::wrong(format!("the spec does not ask for {address}"), hint)
}

/// The id can't be one of the kind, here.
pub(super) fn misfit(misfit: &Misfit) -> anyhow::Error {
    let hint = match misfit {
        Misfit::Part(whole) => format!("adopt the {whole}, and the next plan shows what is in it"),
        _ => "`meridian state show NAME` prints the ids of a cluster as they are written here".to_owned(),
    };
    Failure::failed(misfit.to_string(), hint)
}

/// No plan sees it.
pub(super) fn not_seen(plan: &Plan, address: &Address, id: &str, sighting: &Sighting) -> anyhow::Error {
    match sighting {
        Sighting::Ours(other) => of_another_address(other, id),
        Sighting::Anothers(Stranger::OfCluster(cluster)) => Failure::failed(
            format!("{id} bears the marks of the cluster {cluster}"),
            "it would be that cluster's as well; take its marks off if that cluster is gone",
        ),
        Sighting::Anothers(Stranger::OfRegion(region)) => Failure::failed(
            format!("{id} is in the region {region}, the cluster in {}", plan.region),
            "a cluster's resources are in its own region",
        ),
        Sighting::Free | Sighting::Absent => absent(plan, address, id),
    }
}

/// It is not there; or it is called otherwise, where names tell what is looked at.
fn absent(plan: &Plan, address: &Address, id: &str) -> anyhow::Error {
    let wanted = plan.changes.iter().find(|change| change.address == *address).and_then(name);
    let called = id.rsplit('/').next().unwrap_or_default();
    match wanted {
        Some(wanted) if id.contains('/') && !called.eq_ignore_ascii_case(&wanted) => Failure::failed(
            format!("{id} would be replaced by the next apply: `name` has to be {wanted} and can't change in place"),
            "only what is called as the spec has it can be adopted under this address",
        ),
        _ => Failure::failed(
            format!("there is no {id} in {}, or nothing of it can be seen from here", plan.region),
            "look at the id, and at whose credentials these are",
        ),
    }
}

fn name(change: &Change) -> Option<String> {
    change.after.as_ref()?.get("name").and_then(Value::as_str).map(str::to_owned)
}

/// Another resource claims the address: one of ours would be removed for the adopted one.
pub(super) fn second(cluster: &str, address: &Address, other: &Change) -> anyhow::Error {
    let id = other.id.as_deref().unwrap_or_default();
    Failure::failed(
        format!("{id} bears the marks of {cluster} for {address} already, and the next apply would delete it"),
        format!(
            "to keep that one, there is nothing to adopt; otherwise apply, so that it is recorded, and give it up with \
             `meridian state forget {cluster} {address}`"
        ),
    )
}

/// Nothing of it would stay.
pub(super) fn replaced(change: &Change) -> anyhow::Error {
    let why = match &change.reason {
        Reason::ForcesReplacement(fields) => format!("{} can't change in place", join(fields)),
        Reason::Failed(how) => format!("the cloud reports it as broken: {how}"),
        Reason::DependencyReplaced(others) => format!("it uses {}, which is replaced", join(others)),
        _ => "it can't change in place".to_owned(),
    };
    would_be_replaced(&change.address, &why)
}

/// The same, where the kind is never replaced.
pub(super) fn refused(address: &Address, all: &[Refusal]) -> anyhow::Error {
    let of_it: Vec<&Refusal> = all.iter().filter(|refusal| refusal.address == *address).collect();
    let fields: BTreeSet<&String> = of_it.iter().flat_map(|refusal| &refusal.fields).collect();
    let broken = of_it.iter().find_map(|refusal| refusal.broken.as_deref());
    let why = match broken {
        Some(how) => format!("the cloud reports it as broken: {how}"),
        None => format!("{} can't change in place", join(&fields)),
    };
    would_be_replaced(address, &why)
}

fn would_be_replaced(address: &Address, why: &str) -> anyhow::Error {
    Failure::failed(
        format!("{address} would be replaced by the next apply, so that nothing of it would stay: {why}"),
        "change the spec to what the resource is, or leave it alone",
    )
}

/// Someone was faster.
pub(super) fn changed_meanwhile(cluster: &str) -> anyhow::Error {
    Failure::failed(
        format!("the state of {cluster} changed in the meantime, so nothing was done"),
        "run the command again, and look at what it shows",
    )
}

fn join<T: ToString>(names: &BTreeSet<T>) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
