//! Firewall rules: as little open as a cluster can work with, and each says why it is there.
//!
//! The network lets nothing in that no rule allows, and everything out: what nodes may call is for network policies inside
//! the cluster to say.

use ipnet::Ipv4Net;
use meridian_engine::field::Set;
use meridian_engine::{Graph, Ref};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, Exposure};

use super::names::name;
use super::network::enclosure_of;
use crate::firewall::{Firewall, Traffic};
use crate::identity::ServiceAccount;

/// Where health checks of a public passthrough load balancer come from, and those of a private one (Cloud Load Balancing,
/// "Health checks overview", probe IP ranges).
const PUBLIC_PROBES: [&str; 3] = ["35.191.0.0/16", "209.85.152.0/22", "209.85.204.0/22"];
const PRIVATE_PROBES: [&str; 2] = ["35.191.0.0/16", "130.211.0.0/22"];

const CONTROL_PLANE: &str = "control-plane";
const WORKERS: &str = "workers";
const BASTION: &str = "bastion";

/// Who is let in.
enum Source<'a> {
    Ranges(Vec<String>),
    Machines(&'a [&'a str]),
}

/// What is let in, of each protocol.
type Ports<'a> = (&'a str, &'a [&'a str]);

pub(super) fn firewall(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let mut rules = Rules { cluster, pins, graph };
    rules.api()?;
    rules.nodes()?;
    rules.bastion()
}

struct Rules<'a> {
    cluster: &'a Cluster,
    pins: &'a Pins,
    graph: &'a mut Graph,
}

impl Rules<'_> {
    fn add(
        &mut self,
        what: &str,
        source: Source<'_>,
        targets: &[&str],
        (protocol, ports): Ports<'_>,
        description: &str,
    ) -> Result<(), CompileError> {
        let (ranges, sources): (_, &[&str]) = match source {
            Source::Ranges(ranges) => (ranges, &[]),
            Source::Machines(machines) => (Vec::new(), machines),
        };
        // A rule without any source would let everyone in.
        if ranges.is_empty() && sources.is_empty() {
            return Ok(());
        }
        let accounts = |names: &[&str]| {
            names.iter().map(|name| Ref::<ServiceAccount>::to(name)).collect::<Result<Vec<_>, _>>().map(Set)
        };
        let rule = Firewall {
            name: name(self.cluster, self.pins, what),
            network: enclosure_of(self.cluster, self.pins)?,
            description: description.to_owned(),
            source_ranges: Set(ranges),
            source_accounts: accounts(sources)?,
            target_accounts: accounts(targets)?,
            traffic: Set(vec![Traffic {
                protocol: protocol.to_owned(),
                ports: ports.iter().map(|port| (*port).to_owned()).collect(),
            }]),
            disabled: false,
        };
        self.graph.add(what, rule)?;
        Ok(())
    }

    fn api(&mut self) -> Result<(), CompileError> {
        let api = &self.cluster.control_plane.api;
        let port = api.port.to_string();
        let port: Ports<'_> = ("tcp", &[port.as_str()]);
        let probes: &[&str] = match api.exposure {
            Exposure::Public => &PUBLIC_PROBES,
            Exposure::Private => &PRIVATE_PROBES,
        };
        let target = &[CONTROL_PLANE];
        // The load balancer leaves clients' addresses as they are: machines see them, and not the balancer.
        self.add(
            "api",
            Source::Ranges(ranges(&api.allow)),
            target,
            port,
            "Kubernetes API for clients in the ranges that the spec allows, through the load balancer",
        )?;
        self.add(
            "api-health",
            Source::Ranges(probes.iter().map(|range| (*range).to_owned()).collect()),
            target,
            port,
            "Health checks of the Kubernetes API, from Google's probes",
        )?;
        self.add(
            "api-nodes",
            Source::Machines(&[CONTROL_PLANE, WORKERS]),
            target,
            port,
            "Kubernetes API from the control plane itself and from workers, which do not go through the load balancer",
        )?;
        if self.cluster.bastion.is_some() {
            self.add(
                "api-bastion",
                Source::Machines(&[BASTION]),
                target,
                port,
                "Kubernetes API from the bastion, for operators",
            )?;
        }
        Ok(())
    }

    /// What every node lets in. Pods talk through an overlay, of which the network sees UDP between nodes alone: so the
    /// pods' range need not be opened, and a machine that is no node can't reach pods by routing to their addresses.
    fn nodes(&mut self) -> Result<(), CompileError> {
        let nodes = &[CONTROL_PLANE, WORKERS];
        self.add(
            "etcd",
            Source::Machines(&[CONTROL_PLANE]),
            &[CONTROL_PLANE],
            ("tcp", &["2379-2380"]),
            "etcd clients and peers, on the control plane only",
        )?;
        self.add(
            "pods",
            Source::Machines(nodes),
            nodes,
            ("udp", &["4789", "8472"]),
            "Pod traffic between nodes: VXLAN on the port of IANA, as Calico uses it, and on that of Linux, as Cilium and Flannel do",
        )?;
        self.add(
            "kubelet",
            Source::Machines(nodes),
            nodes,
            ("tcp", &["10250"]),
            "Kubelet from the control plane (logs, exec, metrics) and from workers, where metrics-server runs; it authenticates every caller",
        )
    }

    fn bastion(&mut self) -> Result<(), CompileError> {
        let Some(bastion) = &self.cluster.bastion else { return Ok(()) };
        self.add(
            "ssh-nodes",
            Source::Machines(&[BASTION]),
            &[CONTROL_PLANE, WORKERS],
            ("tcp", &["22"]),
            "SSH from the bastion, and from nowhere else",
        )?;
        self.add(
            "ssh-bastion",
            Source::Ranges(ranges(&bastion.allow)),
            &[BASTION],
            ("tcp", &["22"]),
            "SSH to the bastion for operators in the ranges that the spec allows",
        )
    }
}

/// Ranges without host bits and each once, as Google gives them back.
fn ranges(allow: &[Ipv4Net]) -> Vec<String> {
    let mut ranges: Vec<String> = allow.iter().map(|range| range.trunc().to_string()).collect();
    ranges.sort();
    ranges.dedup();
    ranges
}

#[cfg(test)]
mod tests {
    use meridian_engine::Resource as _;

    use super::*;
    use crate::compile::{compile, fixture};

    fn rules(cluster: &Cluster) -> Vec<(String, Firewall)> {
        let graph = compile(cluster, &Pins::new()).unwrap().graph;
        graph
            .iter()
            .filter(|node| node.address.kind() == Firewall::SCHEMA.kind)
            .map(|node| (node.address.name().to_owned(), node.fields.clone()))
            .map(|(name, mut fields)| {
                // Only what is known can be read back; who the accounts are is not.
                fields.retain(|field, _| !matches!(field.as_str(), "network" | "source_accounts" | "target_accounts"));
                for field in ["source_accounts", "target_accounts"] {
                    fields.insert(field.to_owned(), meridian_engine::Value::Set(std::collections::BTreeSet::new()));
                }
                fields.insert("network".to_owned(), meridian_engine::Value::String(String::new()));
                (name, Firewall::from_fields(&fields).unwrap())
            })
            .collect()
    }

    #[test]
    fn the_world_gets_in_nowhere_but_where_the_spec_says() {
        for (name, rule) in rules(&fixture::cluster()) {
            let ranges: Vec<&str> = rule.source_ranges.0.iter().map(String::as_str).collect();
            let expected: &[&str] = match name.as_str() {
                "api" => &["203.0.113.0/24"],
                "api-health" => &["209.85.152.0/22", "209.85.204.0/22", "35.191.0.0/16"],
                "ssh-bastion" => &["198.51.100.0/24"],
                _ => &[],
            };
            assert_eq!(ranges, expected, "{name}");
        }
    }

    #[test]
    fn every_rule_goes_by_who_machines_are_and_says_why_it_is_there() {
        let graph = compile(&fixture::cluster(), &Pins::new()).unwrap().graph;
        for node in graph.iter().filter(|node| node.address.kind() == Firewall::SCHEMA.kind) {
            let meridian_engine::Value::Set(targets) = &node.fields["target_accounts"] else { panic!("a set") };
            assert!(!targets.is_empty(), "{}", node.address);
        }
        for (name, rule) in rules(&fixture::cluster()) {
            // 2,048 characters, of which the mark takes some.
            assert!((10..1500).contains(&rule.description.len()), "{name}");
        }
    }

    #[test]
    fn without_a_bastion_there_is_no_ssh() {
        let mut cluster = fixture::cluster();
        cluster.bastion = None;
        for (name, rule) in rules(&cluster) {
            assert!(rule.traffic.0.iter().all(|traffic| !traffic.ports.0.contains(&"22".to_owned())), "{name}");
        }
    }

    #[test]
    fn a_range_without_anyone_opens_nothing() {
        let mut cluster = fixture::cluster();
        cluster.control_plane.api.allow.clear();
        assert!(rules(&cluster).iter().all(|(name, _)| name != "api"));
    }
}
