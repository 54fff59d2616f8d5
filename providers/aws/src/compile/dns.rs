//! The private zone: a name for each slot, and one for all of them.

use meridian_engine::Graph;
use meridian_engine::field::Set;
use meridian_node::names::dns_zone;
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::Cluster;

use super::names::{API, digest_of_tags, tags};
use super::network::vpc;
use crate::dns::{Record, Zone};

/// Short, so that a slot that moved is found soon. Seconds.
const TTL: i64 = 30;

pub(super) fn dns(cluster: &Cluster, _: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let own = tags(cluster, "main");
    let zone = graph.add(
        "main",
        Zone { name: dns_zone(&cluster.name), vpc: vpc(cluster)?, settings: digest_of_tags(&own), tags: Some(own) },
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
