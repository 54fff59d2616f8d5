//! One rule, between our shape and EC2's.

use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, PrefixListId, UserIdGroupPair};
use meridian_engine::{Attr, Ref, record};
use meridian_provider_api::{CloudError, ErrorKind};

use super::SecurityGroup;

/// EC2's word for every protocol.
pub const ALL: &str = "-1";

record! {
    /// A rule of a security group, in one direction.
    pub struct Rule {
        /// `tcp`, `udp`, `icmp`, or `-1` for all, which has no ports.
        protocol: String,
        from_port: Option<i32>,
        to_port: Option<i32>,
        /// The range on the other side: of IPv4, or of IPv6, or a prefix list's id. Either this or `peer`.
        range: Option<String>,
        /// Id of the security group on the other side.
        peer: Option<Attr<String>>,
        /// Why there is such a rule. ASCII, at most 255 characters.
        description: String,
    }
}

impl Rule {
    /// A rule of one TCP or UDP port.
    #[must_use]
    pub fn port(protocol: &str, port: u16, other: Other, description: impl Into<String>) -> Self {
        Self::ports(protocol, port, port, other, description)
    }

    /// A rule of several TCP or UDP ports.
    #[must_use]
    pub fn ports(protocol: &str, from: u16, to: u16, other: Other, description: impl Into<String>) -> Self {
        let (range, peer) = other.parts();
        Self {
            protocol: protocol.to_owned(),
            from_port: Some(i32::from(from)),
            to_port: Some(i32::from(to)),
            range,
            peer,
            description: description.into(),
        }
    }

    /// A rule of every protocol and port.
    #[must_use]
    pub fn all(other: Other, description: impl Into<String>) -> Self {
        let (range, peer) = other.parts();
        let description = description.into();
        Self { protocol: ALL.to_owned(), from_port: None, to_port: None, range, peer, description }
    }

    /// What EC2 takes two rules to be the same by: all but the description.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.protocol == other.protocol
            && self.from_port == other.from_port
            && self.to_port == other.to_port
            && self.range == other.range
            && self.peer == other.peer
    }

    /// The rule that EC2 gives every new group: out to everywhere.
    #[must_use]
    pub fn is_default_egress(&self) -> bool {
        self.protocol == ALL && self.range.as_deref() == Some("0.0.0.0/0") && self.description.is_empty()
    }

    /// Whether it bears the marks of a controller inside the cluster, which opens nodes to the load balancers it makes
    /// and closes them again: cloud-provider-aws (`kubernetes.io/rule/nlb/…`; a rule of every protocol and without a
    /// description from the group of a classic load balancer) or aws-load-balancer-controller (`elbv2.k8s.aws/…`).
    #[must_use]
    pub fn is_of_kubernetes(&self) -> bool {
        self.description.starts_with("kubernetes.io/rule/")
            || self.description.starts_with("elbv2.k8s.aws/")
            || self.description.is_empty() && self.protocol == ALL && self.peer.is_some()
    }

    /// The rule as EC2 takes it.
    pub fn to_permission(&self) -> Result<IpPermission, CloudError> {
        let description = Some(self.description.clone()).filter(|text| !text.is_empty());
        let permission =
            IpPermission::builder().ip_protocol(&self.protocol).set_from_port(self.from_port).set_to_port(self.to_port);
        let permission = match (self.range.as_deref(), &self.peer) {
            (_, Some(peer)) => {
                let peer = peer
                    .get()
                    .map_err(|error| CloudError::new(ErrorKind::Invalid, "writing a rule", error.to_string()))?;
                permission
                    .user_id_group_pairs(UserIdGroupPair::builder().group_id(peer).set_description(description).build())
            }
            (Some(range), None) if range.starts_with("pl-") => permission
                .prefix_list_ids(PrefixListId::builder().prefix_list_id(range).set_description(description).build()),
            (Some(range), None) if range.contains(':') => {
                permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(range).set_description(description).build())
            }
            (range, None) => permission.ip_ranges(
                IpRange::builder().set_cidr_ip(range.map(str::to_owned)).set_description(description).build(),
            ),
        };
        Ok(permission.build())
    }
}

/// The other side of a rule.
#[derive(Debug, Clone)]
pub enum Other {
    /// An IPv4 range.
    Range(String),
    /// The members of a group.
    Group(Ref<SecurityGroup>),
}

impl Other {
    fn parts(self) -> (Option<String>, Option<Attr<String>>) {
        match self {
            Self::Range(range) => (Some(range), None),
            Self::Group(group) => (None, Some(group.attribute("id"))),
        }
    }
}

/// The rules in EC2's permissions, which hold several each.
#[must_use]
pub fn rules(permissions: &[IpPermission]) -> Vec<Rule> {
    permissions.iter().flat_map(split).collect()
}

fn split(permission: &IpPermission) -> Vec<Rule> {
    let protocol = permission.ip_protocol().unwrap_or(ALL).to_ascii_lowercase();
    // Ports mean nothing to the rule of every protocol, whatever is told.
    let ports = |port: Option<i32>| port.filter(|_| protocol != ALL);
    let rule = |range: Option<&str>, peer: Option<&str>, description: Option<&str>| Rule {
        protocol: protocol.clone(),
        from_port: ports(permission.from_port),
        to_port: ports(permission.to_port),
        range: range.map(str::to_owned),
        peer: peer.map(|id| Attr::Known(id.to_owned())),
        description: description.unwrap_or_default().to_owned(),
    };
    let ranges = permission.ip_ranges().iter().map(|item| rule(item.cidr_ip(), None, item.description()));
    let ranges_v6 = permission.ipv6_ranges().iter().map(|item| rule(item.cidr_ipv6(), None, item.description()));
    let lists = permission.prefix_list_ids().iter().map(|item| rule(item.prefix_list_id(), None, item.description()));
    let peers = permission.user_id_group_pairs().iter().map(|item| rule(None, item.group_id(), item.description()));
    ranges.chain(ranges_v6).chain(lists).chain(peers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_survives_the_way_to_ec2_and_back() {
        let group = Ref::existing("sg-1");
        let rules_here = [
            Rule::port("tcp", 6443, Other::Range("203.0.113.0/24".to_owned()), "API"),
            Rule::ports("tcp", 2379, 2380, Other::Group(group), "etcd"),
            Rule::all(Other::Range("0.0.0.0/0".to_owned()), "out"),
        ];
        for rule in rules_here {
            assert_eq!(rules(&[rule.to_permission().unwrap()]), [rule]);
        }
    }

    #[test]
    fn the_default_rule_of_a_new_group_is_known() {
        let permission = IpPermission::builder()
            .ip_protocol(ALL)
            .from_port(-1)
            .to_port(-1)
            .ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build())
            .build();
        assert!(rules(&[permission]).iter().all(Rule::is_default_egress));
    }
}
