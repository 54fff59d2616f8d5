//! The private zone: a name for each slot, and one for all of them.

use meridian_engine::Graph;
use meridian_engine::field::Set;
use meridian_node::names::dns_zone;
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::Cluster;

use super::names::{API, labels, name};
use super::network::enclosure_of;
use crate::dns::zone::MAIN;
use crate::dns::{Record, Zone};

/// Short, so that a slot that moved is found soon. Seconds.
const TTL: i32 = 30;

pub(super) fn dns(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let zone = graph.add(
        MAIN,
        Zone {
            name: name(cluster, pins, MAIN),
            dns_name: dns_zone(&cluster.name),
            network: enclosure_of(cluster, pins)?,
            labels: labels(cluster),
        },
    )?;
    let slots = &cluster.control_plane.slots;
    let mut record = |name: &str, addresses: Set<String>| {
        let record =
            Record { zone: zone.clone(), name: format!("{name}.{}", dns_zone(&cluster.name)), ttl: TTL, addresses };
        graph.add(name, record).map(|_| ())
    };
    record(API, slots.iter().map(|slot| slot.address.to_string()).collect())?;
    for slot in slots {
        record(&slot.name, Set(vec![slot.address.to_string()]))?;
    }
    Ok(())
}
