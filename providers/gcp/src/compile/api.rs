//! The load balancer in front of the API servers.

use std::collections::BTreeSet;

use meridian_engine::field::Set;
use meridian_engine::{Graph, Ref};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, Exposure, Slot};

use super::names::{API, labels, name};
use super::network::{enclosure_of, external, internal, subnet_of};
use crate::load_balancer::{BackendService, ForwardingRule, HealthCheck, InstanceGroup};

pub(super) fn api(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let is_public = cluster.control_plane.api.exposure == Exposure::Public;
    let scheme = if is_public { "EXTERNAL" } else { "INTERNAL" };
    let subnet = &cluster.control_plane.slots.first().ok_or_else(|| CompileError::Missing("slot".to_owned()))?.subnet;
    let reserved = if is_public { external(cluster, pins, API) } else { internal(cluster, pins, API, subnet, None)? };
    let address = graph.add(API, reserved)?.attribute("address");
    let health_check = graph.add(API, health_check(cluster, pins))?;
    let groups = groups(cluster, pins, graph)?;
    let backend_service = graph.add(
        API,
        BackendService {
            name: name(cluster, pins, API),
            scheme: scheme.to_owned(),
            health_check,
            groups,
            draining_seconds: BackendService::draining(),
        },
    )?;
    graph.add(
        API,
        ForwardingRule {
            name: name(cluster, pins, API),
            scheme: scheme.to_owned(),
            address,
            port: cluster.control_plane.api.port,
            backend_service,
            network: if is_public { None } else { Some(enclosure_of(cluster, pins)?) },
            subnet: if is_public { None } else { Some(subnet_of(cluster, pins, subnet)?) },
            // Who may connect is for the firewall to say.
            global_access: !is_public,
            labels: labels(cluster),
        },
    )?;
    Ok(())
}

/// One group for each zone with slots, which these join.
fn groups(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<Set<Ref<InstanceGroup>>, CompileError> {
    let zones: BTreeSet<&str> = cluster.control_plane.slots.iter().map(|slot| slot.zone.as_str()).collect();
    let mut groups = Vec::new();
    for zone in zones {
        let group = InstanceGroup { name: name(cluster, pins, &format!("{API}-{zone}")), zone: zone.to_owned() };
        groups.push(graph.add(zone, group)?);
    }
    Ok(Set(groups))
}

/// The group that a slot joins.
pub(super) fn group_of(slot: &Slot) -> Result<Ref<InstanceGroup>, CompileError> {
    Ok(Ref::to(&slot.zone)?)
}

/// Asks the API server whether it is ready, which everyone may unless anonymous requests are turned off.
fn health_check(cluster: &Cluster, pins: &Pins) -> HealthCheck {
    let anonymous = cluster.kubernetes.extra_args.api_server.get("anonymous-auth").is_none_or(|value| value != "false");
    let (protocol, path) = if anonymous { ("HTTPS", Some("/readyz".to_owned())) } else { ("TCP", None) };
    HealthCheck {
        name: name(cluster, pins, API),
        protocol: protocol.to_owned(),
        port: cluster.control_plane.api.port,
        path,
        interval_seconds: 10,
        timeout_seconds: 5,
        healthy_threshold: 2,
        unhealthy_threshold: 2,
    }
}

#[cfg(test)]
mod tests {
    use meridian_engine::Value;

    use super::*;
    use crate::compile::{compile, fixture};

    #[test]
    fn a_private_api_has_an_address_inside() {
        let mut cluster = fixture::cluster();
        let rule = |cluster: &Cluster| {
            let graph = compile(cluster, &Pins::new()).unwrap().graph;
            let node = graph.get(&"google_compute_forwarding_rule.api".parse().unwrap()).unwrap().clone();
            let depends_on: Vec<String> = node.depends_on().iter().map(ToString::to_string).collect();
            (node.fields["scheme"].clone(), depends_on)
        };
        let (scheme, depends_on) = rule(&cluster);
        assert_eq!(scheme, Value::String("EXTERNAL".to_owned()));
        assert_eq!(depends_on, ["google_compute_address.api", "google_compute_region_backend_service.api"]);
        cluster.control_plane.api.exposure = Exposure::Private;
        let (scheme, depends_on) = rule(&cluster);
        assert_eq!(scheme, Value::String("INTERNAL".to_owned()));
        assert!(depends_on.contains(&"google_compute_subnetwork.private".to_owned()));
    }

    #[test]
    fn every_slot_joins_the_group_of_its_zone_which_outlives_it() {
        let graph = compile(&fixture::cluster(), &Pins::new()).unwrap().graph;
        let group = graph.get(&"google_compute_instance_group.europe-west1-c".parse().unwrap()).unwrap();
        let slot = graph.get(&"google_compute_instance.control-plane-1".parse().unwrap()).unwrap();
        assert!(group.depends_on().is_empty() && slot.depends_on().contains(&group.address));
    }

    #[test]
    fn without_anonymous_requests_only_the_port_is_checked() {
        let mut cluster = fixture::cluster();
        assert_eq!(health_check(&cluster, &Pins::new()).path.as_deref(), Some("/readyz"));
        cluster.kubernetes.extra_args.api_server.insert("anonymous-auth".to_owned(), "false".to_owned());
        let check = health_check(&cluster, &Pins::new());
        assert_eq!((check.protocol.as_str(), check.path), ("TCP", None));
    }
}
