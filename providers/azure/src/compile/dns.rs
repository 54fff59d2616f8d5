//! The private zone: a name for each slot, and one for all of them.

use meridian_engine::Graph;
use meridian_engine::field::Set;
use meridian_node::names::dns_zone;
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::Cluster;

use super::names::{API, inside, resource_group, tags};
use super::network::network_of;
use crate::client::Tags;
use crate::dns::{Link, Record, Zone};

/// Labels that fit: zones and their links take fifteen tags, where everything else takes fifty (learn.microsoft.com, "Use
/// tags to organize your Azure resources", limitations), and three are those of ownership.
const LABELS: usize = 12;

/// Short, so that a slot that moved is found soon. Seconds.
const TTL: i64 = 30;

pub(super) fn dns(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let zone = Zone { group: resource_group(cluster, pins)?, name: dns_zone(&cluster.name), tags: few_tags(cluster) };
    let zone = graph.add("main", zone)?;
    let link = Link {
        zone: zone.clone(),
        name: inside(cluster, "main"),
        network: network_of(cluster)?,
        registration: false,
        tags: few_tags(cluster),
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

/// As many of the labels as fit.
fn few_tags(cluster: &Cluster) -> Tags {
    tags(cluster).into_iter().take(LABELS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::fixture;

    #[test]
    fn a_zone_has_no_more_tags_than_it_takes() {
        let mut cluster = fixture::cluster();
        cluster.labels = (0..20).map(|number| (format!("label-{number}"), String::new())).collect();
        assert_eq!(few_tags(&cluster).len() + 3, 15);
    }

    #[test]
    fn every_slot_has_a_name_and_all_have_one() {
        let mut graph = Graph::new();
        dns(&fixture::cluster(), &Pins::new(), &mut graph).unwrap();
        let records: Vec<&str> = graph
            .iter()
            .filter(|node| node.address.kind() == "azure_private_dns_a_record")
            .map(|node| node.address.name())
            .collect();
        assert_eq!(records, ["api", "control-plane-0", "control-plane-1", "control-plane-2"]);
        let api = graph.get(&"azure_private_dns_a_record.api".parse().unwrap()).unwrap();
        assert_eq!(api.fields["addresses"].to_json().as_array().map(Vec::len), Some(3));
    }
}
