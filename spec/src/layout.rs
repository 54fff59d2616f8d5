//! How a network is cut into subnets.
//!
//! Where subnets stand in zones, the network is cut into eight equal blocks. Block *i* is the subnet of the machines in zone *i*; the last block is cut into
//! eight again, for the small public subnets of a private topology (NAT gateways, load balancers, bastion). A zone's
//! place depends on its position alone, so that a zone added at the end moves no other.
//!
//! | network | machines, a zone | public, a zone |
//! |---|---|---|
//! | /16 | /19, 8,192 addresses | /22, 1,024 addresses |
//! | /20 | /23, 512 addresses | /26, 64 addresses |
//! | /22 | /25, 128 addresses | /28, 16 addresses |
//!
//! Where subnets span the zones, the machines have the first half of the network, and the public subnet beside them is
//! its last eighth. Both are there whatever the number of zones, so that a zone more moves nothing.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::catalogue::SubnetScope;
use crate::cluster::Topology;

/// Most zones that a cluster spreads over.
pub const MAX_ZONES: usize = 6;
/// The smallest subnet of the clouds; AWS refuses smaller ones.
const SMALLEST_SUBNET: u8 = 28;
/// Each of the two cuts makes eight.
const CUT_BITS: u8 = 3;

/// The subnets of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    network: Ipv4Net,
    topology: Topology,
    scope: SubnetScope,
}

/// The network cannot be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The subnets would be smaller than a cloud allows.
    #[error("{network} is too small for its subnets; the smallest network is a /{largest_prefix}")]
    TooSmall {
        /// The network.
        network: Ipv4Net,
        /// The longest prefix that would do.
        largest_prefix: u8,
    },
}

impl Layout {
    /// The layout of a network.
    pub fn new(network: Ipv4Net, topology: Topology, scope: SubnetScope) -> Result<Self, LayoutError> {
        let largest_prefix = Self::largest_prefix(topology, scope);
        if network.prefix_len() > largest_prefix {
            return Err(LayoutError::TooSmall { network, largest_prefix });
        }
        Ok(Self { network: network.trunc(), topology, scope })
    }

    /// The longest prefix of a network that can be cut.
    #[must_use]
    pub fn largest_prefix(topology: Topology, scope: SubnetScope) -> u8 {
        let cuts = match (scope, topology) {
            (SubnetScope::Zone, Topology::Private) => 2,
            (SubnetScope::Zone, Topology::Public) | (SubnetScope::Region, _) => 1,
        };
        SMALLEST_SUBNET - cuts * CUT_BITS
    }

    /// The subnet of the machines in a zone, by the zone's position. `None` from [`MAX_ZONES`] on. Where subnets span
    /// zones, the first is the one of all.
    #[must_use]
    pub fn machines(&self, zone: usize) -> Option<Ipv4Net> {
        match self.scope {
            SubnetScope::Zone => (zone < MAX_ZONES).then(|| block(self.network, zone)).flatten(),
            SubnetScope::Region => {
                (zone == 0).then(|| self.network.subnets(self.network.prefix_len() + 1).ok()?.next()).flatten()
            }
        }
    }

    /// The small public subnet of a zone beside its private one; a public topology has none.
    #[must_use]
    pub fn public(&self, zone: usize) -> Option<Ipv4Net> {
        if self.topology == Topology::Public || zone >= MAX_ZONES {
            return None;
        }
        let last = block(self.network, 7)?;
        match self.scope {
            SubnetScope::Zone => block(last, zone),
            SubnetScope::Region => (zone == 0).then_some(last),
        }
    }
}

/// The fixed address of a slot: host number 10 + slot. The clouds keep the first four and the last of a subnet.
pub(crate) fn slot_address(subnet: Ipv4Net, slot: usize) -> Option<Ipv4Addr> {
    let host = u32::from(subnet.network()).checked_add(10)?.checked_add(u32::try_from(slot).ok()?)?;
    let address = Ipv4Addr::from(host);
    is_usable(subnet, address).then_some(address)
}

/// Whether a cloud gives this address of a subnet to a machine.
pub(crate) fn is_usable(subnet: Ipv4Net, address: Ipv4Addr) -> bool {
    subnet.contains(&address) && u32::from(address) - u32::from(subnet.network()) >= 4 && address != subnet.broadcast()
}

/// How many machines a subnet holds.
pub(crate) fn capacity(subnet: Ipv4Net) -> u64 {
    (1_u64 << (32 - u32::from(subnet.prefix_len()))).saturating_sub(5)
}

fn block(network: Ipv4Net, index: usize) -> Option<Ipv4Net> {
    network.subnets(network.prefix_len() + CUT_BITS).ok()?.nth(index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subnets(network: Ipv4Net, topology: Topology, zones: usize) -> Vec<Ipv4Net> {
        let layout = Layout::new(network, topology, SubnetScope::Zone).expect("large enough");
        (0..zones).flat_map(|zone| [layout.machines(zone), layout.public(zone)]).flatten().collect()
    }

    fn networks() -> impl Strategy<Value = (Ipv4Net, Topology)> {
        (any::<u32>(), 8_u8..=22, prop_oneof![Just(Topology::Private), Just(Topology::Public)]).prop_map(
            |(address, prefix, topology)| (Ipv4Net::new(address.into(), prefix).expect("a prefix").trunc(), topology),
        )
    }

    proptest! {
        #[test]
        fn subnets_stay_inside_and_apart((network, topology) in networks(), zones in 1_usize..=MAX_ZONES) {
            let all = subnets(network, topology, zones);
            prop_assert_eq!(all.len(), if topology == Topology::Private { 2 * zones } else { zones });
            for (index, one) in all.iter().enumerate() {
                prop_assert!(network.contains(one));
                for other in &all[index + 1..] {
                    prop_assert!(!one.contains(other) && !other.contains(one), "{one} and {other}");
                }
            }
        }

        #[test]
        fn a_zone_at_the_end_moves_no_other((network, topology) in networks(), zones in 1_usize..MAX_ZONES) {
            let before = subnets(network, topology, zones);
            let after = subnets(network, topology, zones + 1);
            prop_assert_eq!(&before[..], &after[..before.len()]);
        }

        #[test]
        fn slots_have_usable_addresses((network, topology) in networks(), zone in 0_usize..MAX_ZONES, slot in 0_usize..5) {
            let subnet = Layout::new(network, topology, SubnetScope::Zone).expect("large enough").machines(zone).expect("a zone");
            let address = slot_address(subnet, slot).expect("an address");
            prop_assert!(is_usable(subnet, address));
        }
    }

    #[test]
    fn the_documented_sizes_hold() {
        let layout = Layout::new("10.0.0.0/16".parse().expect("a network"), Topology::Private, SubnetScope::Zone)
            .expect("large enough");
        assert_eq!(layout.machines(0).map(|net| net.to_string()), Some("10.0.0.0/19".to_owned()));
        assert_eq!(layout.public(0).map(|net| net.to_string()), Some("10.0.224.0/22".to_owned()));
        assert_eq!(layout.machines(MAX_ZONES), None);
        let spanning = Layout::new("10.0.0.0/16".parse().expect("a network"), Topology::Private, SubnetScope::Region)
            .expect("large enough");
        assert_eq!(spanning.machines(0).map(|net| net.to_string()), Some("10.0.0.0/17".to_owned()));
        assert_eq!(spanning.public(0).map(|net| net.to_string()), Some("10.0.224.0/19".to_owned()));
        assert_eq!((spanning.machines(1), spanning.public(1)), (None, None));
        let smallest = "10.0.0.0/23".parse().expect("a network");
        assert!(matches!(
            Layout::new(smallest, Topology::Private, SubnetScope::Zone),
            Err(LayoutError::TooSmall { largest_prefix: 22, .. })
        ));
        assert!(Layout::new(smallest, Topology::Public, SubnetScope::Zone).is_ok());
    }
}
