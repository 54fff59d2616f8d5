//! Rules: as little open as a cluster can work with, and each says why it is there.
//!
//! All stand in one network security group, which every own subnet has. Machines are told apart by the application
//! security groups of their network interfaces.

use ipnet::Ipv4Net;
use meridian_engine::field::Set;
use meridian_engine::{Graph, Ref};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::Cluster;

use super::names::{inside, resource_group, tags};
use super::network::range;
use crate::firewall::rule::ANY;
use crate::firewall::{ApplicationSecurityGroup, NetworkSecurityGroup, Rule};

const SSH: &str = "22";
const KUBELET: &str = "10250";
/// The port on which slots serve the API; kubeadm's own.
pub(super) const API_PORT: u16 = 6443;
/// The last priority: what no other rule lets in.
const LAST: i32 = 4096;

/// The network security group that a network interface in the subnet `name` needs of its own: that of a shared subnet is
/// another's, and is not relied on.
pub(super) fn on_interface(cluster: &Cluster, name: &str) -> Result<Option<Ref<NetworkSecurityGroup>>, CompileError> {
    Ok(match range(cluster, name)?.existing {
        Some(_) => Some(Ref::to("main")?),
        None => None,
    })
}

pub(super) fn firewall(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let mut group = |name: &str| {
        let group = ApplicationSecurityGroup {
            group: resource_group(cluster, pins)?,
            name: inside(cluster, name),
            tags: tags(cluster),
        };
        Ok::<_, CompileError>(graph.add(name, group)?)
    };
    let machines = Machines {
        control_plane: group("control-plane")?,
        workers: group("workers")?,
        bastion: cluster.bastion.as_ref().map(|_| group("bastion")).transpose()?,
    };
    let rules = NetworkSecurityGroup {
        group: resource_group(cluster, pins)?,
        name: inside(cluster, "main"),
        rules: Set(machines.rules(cluster)),
        tags: tags(cluster),
    };
    graph.add("main", rules)?;
    Ok(())
}

struct Machines {
    control_plane: Ref<ApplicationSecurityGroup>,
    workers: Ref<ApplicationSecurityGroup>,
    bastion: Option<Ref<ApplicationSecurityGroup>>,
}

/// One end of a rule.
#[derive(Clone)]
enum End {
    Groups(Vec<Ref<ApplicationSecurityGroup>>),
    Ranges(Vec<String>),
}

impl End {
    fn any() -> Self {
        Self::Ranges(vec![ANY.to_owned()])
    }

    fn parts(self) -> (Set<String>, Set<Ref<ApplicationSecurityGroup>>) {
        match self {
            Self::Groups(groups) => (Set::default(), Set(groups)),
            Self::Ranges(ranges) => (Set(ranges), Set::default()),
        }
    }
}

/// Rules of one direction. Each has a priority that is its own whatever other rules there are. They stay below 500, from
/// where Kubernetes' cloud controller takes its own (cloud-provider-azure, `consts.LoadBalancerMinimumPriority`).
struct Direction {
    name: &'static str,
    rules: Vec<Rule>,
}

impl Direction {
    #[expect(clippy::too_many_arguments, reason = "a rule has that many parts, and each call reads as one")]
    fn allow(&mut self, priority: i32, name: &str, protocol: &str, ports: &[&str], from: End, to: End, why: &str) {
        self.push(name, "Allow", priority, protocol, ports, from, to, why);
    }

    fn deny(&mut self, name: &str, from: End, to: End, why: &str) {
        self.push(name, "Deny", LAST, ANY, &[ANY], from, to, why);
    }

    #[expect(clippy::too_many_arguments, reason = "a rule has that many parts, and each call reads as one")]
    fn push(
        &mut self,
        name: &str,
        access: &str,
        priority: i32,
        protocol: &str,
        ports: &[&str],
        from: End,
        to: End,
        description: &str,
    ) {
        let (from, from_groups) = from.parts();
        let (to, to_groups) = to.parts();
        self.rules.push(Rule {
            name: name.to_owned(),
            description: description.to_owned(),
            direction: self.name.to_owned(),
            access: access.to_owned(),
            priority,
            protocol: protocol.to_owned(),
            ports: ports.iter().map(|port| (*port).to_owned()).collect(),
            from,
            from_groups,
            to,
            to_groups,
        });
    }
}

impl Machines {
    fn rules(&self, cluster: &Cluster) -> Vec<Rule> {
        let mut inbound = Direction { name: "Inbound", rules: Vec::new() };
        self.api_rules(cluster, &mut inbound);
        self.node_rules(&mut inbound);
        let mut outbound = Direction { name: "Outbound", rules: Vec::new() };
        self.bastion_rules(cluster, &mut inbound, &mut outbound);
        // Azure's own last rules let the whole network in, and with it what is peered; and they let all out.
        inbound.deny(
            "nothing-else",
            End::Ranges(vec!["VirtualNetwork".to_owned()]),
            End::any(),
            "Nothing else from inside the network; from outside Azure lets nothing in by itself",
        );
        inbound.rules.into_iter().chain(outbound.rules).collect()
    }

    fn control_plane(&self) -> End {
        End::Groups(vec![self.control_plane.clone()])
    }

    fn nodes(&self) -> End {
        End::Groups(vec![self.control_plane.clone(), self.workers.clone()])
    }

    fn api_rules(&self, cluster: &Cluster, inbound: &mut Direction) {
        let port = API_PORT.to_string();
        let api = [port.as_str()];
        let clients = ranges(&cluster.control_plane.api.allow);
        inbound.allow(
            100,
            "api-clients",
            "Tcp",
            &api,
            clients,
            self.control_plane(),
            "Kubernetes API for the clients that the spec allows: the load balancer keeps their addresses",
        );
        inbound.allow(
            110,
            "api-health",
            "Tcp",
            &api,
            End::Ranges(vec!["AzureLoadBalancer".to_owned()]),
            self.control_plane(),
            "Health checks of the Kubernetes API by the load balancer",
        );
        inbound.allow(
            120,
            "api-nodes",
            "Tcp",
            &api,
            self.nodes(),
            self.control_plane(),
            "Kubernetes API from the control plane itself and from workers, not through the load balancer",
        );
        if let Some(bastion) = &self.bastion {
            inbound.allow(
                130,
                "api-bastion",
                "Tcp",
                &api,
                End::Groups(vec![bastion.clone()]),
                self.control_plane(),
                "Kubernetes API from the bastion, for operators",
            );
        }
        inbound.allow(
            140,
            "etcd",
            "Tcp",
            &["2379-2380"],
            self.control_plane(),
            self.control_plane(),
            "etcd clients and peers, on the control plane only",
        );
    }

    /// What every node lets in. Pods talk through an overlay, of which the network sees UDP between nodes alone: so the
    /// pods' range need not be opened, and a machine that is no node can't reach pods by routing to their addresses.
    fn node_rules(&self, inbound: &mut Direction) {
        inbound.allow(
            150,
            "pods-vxlan",
            "Udp",
            &["8472"],
            self.nodes(),
            self.nodes(),
            "Pod traffic between nodes: VXLAN on the port of Linux, as Cilium and Flannel use it",
        );
        inbound.allow(
            160,
            "pods-vxlan-iana",
            "Udp",
            &["4789"],
            self.nodes(),
            self.nodes(),
            "Pod traffic between nodes: VXLAN on the port of IANA, as Calico uses it",
        );
        inbound.allow(
            170,
            "kubelet",
            "Tcp",
            &[KUBELET],
            self.nodes(),
            self.nodes(),
            "Kubelet: logs, exec and metrics-server; kubelets authenticate every caller",
        );
        if let Some(bastion) = &self.bastion {
            inbound.allow(
                180,
                "ssh-nodes",
                "Tcp",
                &[SSH],
                End::Groups(vec![bastion.clone()]),
                self.nodes(),
                "SSH from the bastion, and from nowhere else",
            );
        }
    }

    fn bastion_rules(&self, cluster: &Cluster, inbound: &mut Direction, outbound: &mut Direction) {
        let (Some(group), Some(bastion)) = (&self.bastion, &cluster.bastion) else { return };
        let own = || End::Groups(vec![group.clone()]);
        inbound.allow(
            190,
            "ssh-operators",
            "Tcp",
            &[SSH],
            ranges(&bastion.allow),
            own(),
            "SSH to the bastion for the operators that the spec allows",
        );
        outbound.allow(100, "bastion-ssh", "Tcp", &[SSH], own(), self.nodes(), "SSH from the bastion to nodes");
        outbound.allow(
            110,
            "bastion-api",
            "Tcp",
            &[&API_PORT.to_string()],
            own(),
            self.control_plane(),
            "Kubernetes API on the control plane, for operators on the bastion",
        );
        outbound.allow(
            120,
            "bastion-updates",
            "Tcp",
            &["80", "443"],
            own(),
            End::Ranges(vec!["Internet".to_owned()]),
            "Security updates of the bastion from signed package repositories, and Azure's APIs",
        );
        outbound.deny("bastion-nothing-else", own(), End::any(), "Nothing else from the bastion");
    }
}

/// Azure gives ranges back without host bits, so that they are written without.
fn ranges(ranges: &[Ipv4Net]) -> End {
    let written = ranges.iter().map(Ipv4Net::trunc).map(|range| match range.prefix_len() {
        // The singular field takes the whole internet only by its name.
        0 => "Internet".to_owned(),
        _ => range.to_string(),
    });
    End::Ranges(written.collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use meridian_engine::Resource as _;

    use super::*;
    use crate::compile::fixture;

    fn rules(cluster: &Cluster) -> Vec<Rule> {
        let mut graph = Graph::new();
        firewall(cluster, &Pins::new(), &mut graph).unwrap();
        let node = graph.iter().find(|node| node.address.kind() == "azure_network_security_group").unwrap();
        NetworkSecurityGroup::from_fields(&node.fields).unwrap().rules.0
    }

    #[test]
    fn rules_are_what_azure_takes_and_differ() {
        let mut seen = BTreeSet::new();
        for rule in rules(&fixture::cluster()) {
            assert!(rule.description.len() <= 140 && !rule.description.is_empty(), "{rule:?}");
            assert!((100..=4096).contains(&rule.priority), "{rule:?}");
            assert!(rule.priority < 500 || rule.access == "Deny", "{rule:?}");
            assert!(!Rule::is_of_kubernetes(&rule.name), "{rule:?}");
            assert!(rule.from.0.is_empty() != rule.from_groups.0.is_empty(), "{rule:?}");
            assert!(rule.to.0.is_empty() != rule.to_groups.0.is_empty(), "{rule:?}");
            assert!(seen.insert((rule.direction.clone(), rule.priority)) && seen.insert((rule.name, 0)));
        }
    }

    #[test]
    fn the_world_gets_in_nowhere_but_where_the_spec_says() {
        let inbound = rules(&fixture::cluster()).into_iter().filter(|rule| rule.direction == "Inbound");
        let mut from: Vec<(String, String)> = inbound
            .filter(|rule| rule.access == "Allow")
            .flat_map(|rule| rule.from.0.into_iter().map(move |range| (rule.name.clone(), range)))
            .collect();
        from.sort();
        let expected = [
            ("api-clients", "203.0.113.0/24"),
            ("api-health", "AzureLoadBalancer"),
            ("ssh-operators", "198.51.100.0/24"),
        ];
        assert_eq!(from, expected.map(|(name, range)| (name.to_owned(), range.to_owned())));
    }

    #[test]
    fn the_rest_of_the_network_is_shut_out() {
        let rules = rules(&fixture::cluster());
        let last = rules.iter().filter(|rule| rule.direction == "Inbound").max_by_key(|rule| rule.priority).unwrap();
        assert_eq!(
            (last.access.as_str(), last.from.0[0].as_str(), last.to.0[0].as_str()),
            ("Deny", "VirtualNetwork", ANY)
        );
    }

    #[test]
    fn without_a_bastion_there_is_no_ssh() {
        let mut cluster = fixture::cluster();
        cluster.bastion = None;
        assert!(rules(&cluster).iter().all(|rule| !rule.ports.0.contains(&SSH.to_owned())));
    }

    #[test]
    fn interfaces_in_shared_subnets_bring_their_rules_along() {
        assert!(on_interface(&fixture::cluster(), "private").unwrap().is_none());
        assert!(on_interface(&fixture::shared(), "private").unwrap().is_some());
    }
}
