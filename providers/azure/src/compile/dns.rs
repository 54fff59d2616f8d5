//! The private zone: a name for each slot, and one for all of them.

use meridian_engine::Graph;
use meridian_engine::field::Set;
use meridian_node::names::dns_zone;
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::Cluster;

use super::names::{API, inside, resource_group, tags};
use super::network::network_of;
use crate::dns::{Link, Record, Zone};

/// Short, so that a slot that moved is found soon. Seconds.
const TTL: i64 = 30;

pub(super) fn dns(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let zone = Zone { group: resource_group(cluster, pins)?, name: dns_zone(&cluster.name), tags: tags(cluster) };
    let zone = graph.add("main", zone)?;
    let link = Link {
        zone: zone.clone(),
        name: inside(cluster, "main"),
        network: network_of(cluster)?,
        registration: false,
        tags: tags(cluster),
    };
    graph.add("main", link)?;
    let slots = &cluster.control_plane.slots;
    let mut record = |name: &str, addresses: Set<String>| {
        let record = Record { zone: zone.clone(), name: name.to_owned(), ttl: TTL, addresses };
        graph.add(name, record).map(|_| ())
    };
    record(API, slots.iter().map(|slot| slot.address.to_string()).collect())?;
    for slot in slots {
        record(&slot.name, Set(vec![slot.address.to_string()]))?;
    }
    Ok(())
}
