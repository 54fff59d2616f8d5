//! Security groups and their rules: as little open as a cluster can work with, and each rule says why it is there.

use ipnet::Ipv4Net;
use meridian_engine::field::Set;
use meridian_engine::{Graph, Ref};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::Cluster;

use super::names::tags;
use super::network::vpc;
use super::tags::for_kubernetes;
use crate::client::Tags;
use crate::firewall::rule::Other;
use crate::firewall::{Rule, SecurityGroup, SecurityGroupRules};

const ANYWHERE: &str = "0.0.0.0/0";
const SSH: u16 = 22;
const KUBELET: u16 = 10250;

pub(super) fn firewall(cluster: &Cluster, _: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let groups = Groups {
        api: group(cluster, graph, "api", "Load balancer of the Kubernetes API", tags(cluster, "api"))?,
        control_plane: group(
            cluster,
            graph,
            "control-plane",
            "Machines of the control plane",
            tags(cluster, "control-plane"),
        )?,
        // The AWS cloud controller wants exactly one group of a machine to carry the cluster's tag: to it it adds the
        // rules that let load balancers reach the nodes.
        workers: group(cluster, graph, "workers", "Machines of the worker pools", for_kubernetes(cluster, "workers"))?,
        bastion: match cluster.bastion {
            Some(_) => Some(group(cluster, graph, "bastion", "Jump host", tags(cluster, "bastion"))?),
            None => None,
        },
    };
    groups.api_rules(cluster, graph)?;
    groups.control_plane_rules(cluster, graph)?;
    groups.worker_rules(graph)?;
    groups.bastion_rules(cluster, graph)
}

fn group(
    cluster: &Cluster,
    graph: &mut Graph,
    name: &str,
    description: &str,
    tags: Tags,
) -> Result<Ref<SecurityGroup>, CompileError> {
    let group = SecurityGroup {
        vpc: vpc(cluster)?,
        name: format!("{name}.{}", cluster.name),
        description: Some(format!("{description}, cluster {}", cluster.name)),
        tags,
    };
    Ok(graph.add(name, group)?)
}

struct Groups {
    api: Ref<SecurityGroup>,
    control_plane: Ref<SecurityGroup>,
    workers: Ref<SecurityGroup>,
    bastion: Option<Ref<SecurityGroup>>,
}

impl Groups {
    fn api_rules(&self, cluster: &Cluster, graph: &mut Graph) -> Result<(), CompileError> {
        let api = &cluster.control_plane.api;
        let ingress = api
            .allow
            .iter()
            .map(Ipv4Net::trunc)
            .map(|range| Rule::port("tcp", api.port, range_of(range), format!("Kubernetes API for clients in {range}")))
            .collect();
        let egress = vec![Rule::port(
            "tcp",
            api.port,
            Other::Group(self.control_plane.clone()),
            "Kubernetes API on the control plane, and health checks of it",
        )];
        add(graph, "api", &self.api, ingress, egress)
    }

    fn control_plane_rules(&self, cluster: &Cluster, graph: &mut Graph) -> Result<(), CompileError> {
        let port = cluster.control_plane.api.port;
        let own = || Other::Group(self.control_plane.clone());
        let workers = || Other::Group(self.workers.clone());
        let mut ingress = vec![
            Rule::port(
                "tcp",
                port,
                Other::Group(self.api.clone()),
                "Kubernetes API from the load balancer, and its health checks",
            ),
            Rule::port("tcp", port, own(), "Kubernetes API from the control plane itself"),
            Rule::port(
                "tcp",
                port,
                workers(),
                "Kubernetes API from workers, which do not go through the load balancer",
            ),
            Rule::ports("tcp", 2379, 2380, own(), "etcd clients and peers, on the control plane only"),
        ];
        ingress.extend(self.node_rules());
        if let Some(bastion) = &self.bastion {
            let bastion = Other::Group(bastion.clone());
            ingress.push(Rule::port("tcp", port, bastion, "Kubernetes API from the bastion, for operators"));
        }
        add(graph, "control-plane", &self.control_plane, ingress, vec![out()])
    }

    fn worker_rules(&self, graph: &mut Graph) -> Result<(), CompileError> {
        add(graph, "workers", &self.workers, self.node_rules(), vec![out()])
    }

    /// What every node lets in. Pods talk through an overlay, of which the network sees UDP between nodes alone: so the
    /// pods' range need not be opened, and a machine that is no node can't reach pods by routing to their addresses.
    fn node_rules(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (group, who) in [(&self.control_plane, "the control plane"), (&self.workers, "workers")] {
            let group = || Other::Group(group.clone());
            rules.push(Rule::port(
                "udp",
                8472,
                group(),
                format!("Pod traffic from {who}: VXLAN on the port of Linux, as Cilium and Flannel use it"),
            ));
            rules.push(Rule::port(
                "udp",
                4789,
                group(),
                format!("Pod traffic from {who}: VXLAN on the port of IANA, as Calico uses it"),
            ));
        }
        rules.push(Rule::port(
            "tcp",
            KUBELET,
            Other::Group(self.control_plane.clone()),
            "Kubelet from the control plane: logs, exec, metrics",
        ));
        rules.push(Rule::port(
            "tcp",
            KUBELET,
            Other::Group(self.workers.clone()),
            "Kubelet from workers, where metrics-server runs; kubelets authenticate every caller",
        ));
        if let Some(bastion) = &self.bastion {
            rules.push(Rule::port(
                "tcp",
                SSH,
                Other::Group(bastion.clone()),
                "SSH from the bastion, and from nowhere else",
            ));
        }
        rules
    }

    fn bastion_rules(&self, cluster: &Cluster, graph: &mut Graph) -> Result<(), CompileError> {
        let (Some(group), Some(bastion)) = (&self.bastion, &cluster.bastion) else { return Ok(()) };
        let ingress = bastion
            .allow
            .iter()
            .map(Ipv4Net::trunc)
            .map(|range| Rule::port("tcp", SSH, range_of(range), format!("SSH for operators in {range}")))
            .collect();
        let egress = vec![
            Rule::port("tcp", SSH, Other::Group(self.control_plane.clone()), "SSH to the control plane"),
            Rule::port("tcp", SSH, Other::Group(self.workers.clone()), "SSH to workers"),
            Rule::port(
                "tcp",
                cluster.control_plane.api.port,
                Other::Group(self.control_plane.clone()),
                "Kubernetes API on the control plane, for operators",
            ),
            Rule::port(
                "tcp",
                80,
                Other::Range(ANYWHERE.to_owned()),
                "Security updates from signed package repositories",
            ),
            Rule::port("tcp", 443, Other::Range(ANYWHERE.to_owned()), "Security updates and AWS APIs"),
        ];
        add(graph, "bastion", group, ingress, egress)
    }
}

fn add(
    graph: &mut Graph,
    name: &str,
    group: &Ref<SecurityGroup>,
    ingress: Vec<Rule>,
    egress: Vec<Rule>,
) -> Result<(), CompileError> {
    graph.add(name, SecurityGroupRules { group: group.clone(), ingress: Set(ingress), egress: Set(egress) })?;
    Ok(())
}

/// Nodes reach registries, package mirrors, time servers, the cloud's own APIs and whatever their pods call; what those
/// are is for network policies inside the cluster to say.
fn out() -> Rule {
    Rule::all(
        Other::Range(ANYWHERE.to_owned()),
        "Out to images, packages, time, AWS APIs and what pods call; limited inside by network policies",
    )
}

/// EC2 gives ranges back without host bits, so that they are written without.
fn range_of(range: Ipv4Net) -> Other {
    Other::Range(range.to_string())
}

#[cfg(test)]
mod tests {
    use meridian_engine::{Resource as _, Value};

    use super::*;
    use crate::compile::fixture;

    fn compiled(cluster: &Cluster) -> Graph {
        let mut graph = Graph::new();
        firewall(cluster, &Pins::new(), &mut graph).unwrap();
        graph
    }

    fn rule_sets(graph: &Graph) -> Vec<(String, SecurityGroupRules)> {
        graph
            .iter()
            .filter(|node| node.address.kind() == "aws_security_group_rules")
            .map(|node| (node.address.name().to_owned(), SecurityGroupRules::from_fields(&node.fields).unwrap()))
            .collect()
    }

    #[test]
    fn descriptions_are_what_ec2_takes_and_rules_differ() {
        let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=;{}!$*".contains(c);
        for (name, set) in rule_sets(&compiled(&fixture::cluster())) {
            for rules in [&set.ingress.0, &set.egress.0] {
                for (index, rule) in rules.iter().enumerate() {
                    assert!(rule.description.len() <= 255 && rule.description.chars().all(allowed), "{rule:?}");
                    assert!(!rule.is_of_kubernetes() && !rule.is_default_egress(), "{rule:?}");
                    assert!(!rules[..index].iter().any(|other| other.same_as(rule)), "{name}: {rule:?}");
                }
            }
        }
    }

    #[test]
    fn the_world_gets_in_nowhere_but_where_the_spec_says() {
        for (name, set) in rule_sets(&compiled(&fixture::cluster())) {
            let ranges: Vec<_> = set.ingress.0.iter().filter_map(|rule| rule.range.as_deref()).collect();
            let expected: &[&str] = match name.as_str() {
                "api" => &["203.0.113.0/24"],
                "bastion" => &["198.51.100.0/24"],
                _ => &[],
            };
            assert_eq!(ranges, expected, "{name}");
        }
    }

    #[test]
    fn without_a_bastion_there_is_no_ssh() {
        let mut cluster = fixture::cluster();
        cluster.bastion = None;
        let graph = compiled(&cluster);
        for (_, set) in rule_sets(&graph) {
            assert!(set.ingress.0.iter().chain(&set.egress.0).all(|rule| rule.from_port != Some(22)));
        }
        assert!(!graph.iter().any(|node| node.address.name() == "bastion"));
    }

    #[test]
    fn groups_of_a_shared_network_stand_in_it() {
        let graph = compiled(&fixture::shared());
        graph.check().unwrap();
        let node = graph.iter().find(|node| node.address.kind() == "aws_security_group").unwrap();
        assert_eq!(node.fields.get("vpc"), Some(&Value::String("vpc-0123456789abcdef0".to_owned())));
    }
}
