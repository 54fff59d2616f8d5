//! The network: its ranges and subnets.

use std::ops::RangeInclusive;

use ipnet::Ipv4Net;

use crate::catalogue::SubnetScope;
use crate::cluster::{Exposure, Nat, Network, Subnet, SubnetRole, Topology};
use crate::draft::NetworkDraft;
use crate::fault::Code;
use crate::layout::{Layout, capacity};
use crate::path::Path;
use crate::raw::{ClusterSpec, Existing, ExistingSubnet, Pool};

use super::Check;
use super::place::Place;
use super::ranges::overlap;

/// Widest range of services that the API server takes: 20 bits of host part.
/// Source: `--service-cluster-ip-range` in cmd/kube-apiserver/app/options/validation.go.
const WIDEST_SERVICES: u8 = 12;
/// Narrowest range of services: DNS and the API itself take the first addresses.
const NARROWEST_SERVICES: u8 = 26;
/// Prefix of each node's part of the pods' range, the controller manager's default.
const POD_PREFIX_OF_A_NODE: u8 = 24;
/// Widest range of pods: the controller manager allows 16 bits of nodes.
const WIDEST_PODS: u8 = 8;

impl Check<'_> {
    pub(super) fn network(&mut self, spec: &ClusterSpec, place: Option<&Place<'_>>) -> Option<Network> {
        let raw = spec.network.clone().unwrap_or_default();
        let path = Path::of("spec.network");
        let defaults = &self.catalogue.defaults.network;
        let mut range = |written: Option<&crate::raw::Cidr>, field: &str, default: Ipv4Net| match written {
            Some(written) => self.network_range(written, &path.key(field)),
            None => self.or_default(None, &path.key(field), default),
        };
        let cidr = range(raw.cidr.as_ref(), "cidr", defaults.cidr);
        let pod_cidr = range(raw.pod_cidr.as_ref(), "podCidr", defaults.pod_cidr);
        let service_cidr = range(raw.service_cidr.as_ref(), "serviceCidr", defaults.service_cidr);
        self.apart(&path, [("cidr", cidr), ("podCidr", pod_cidr), ("serviceCidr", service_cidr)]);
        if raw.existing.is_some() && !self.document.has(&path.key("cidr")) {
            let hint = "write the range that the existing network has".to_owned();
            self.fault(Code::MissingField, &path.key("cidr"), "an existing network needs its `cidr`", hint);
        }

        let topology = self.or_default(raw.topology, &path.key("topology"), Topology::Private);
        let cut = raw.existing.as_ref().is_none_or(|existing| existing.subnets.is_none());
        let sound = self.network_prefix(&path.key("cidr"), place, cidr, topology.filter(|_| cut));
        self.prefix(&path.key("podCidr"), pod_cidr, WIDEST_PODS..=POD_PREFIX_OF_A_NODE, "the range of the pods");
        let services = WIDEST_SERVICES..=NARROWEST_SERVICES;
        self.prefix(&path.key("serviceCidr"), service_cidr, services, "the range of the services");
        self.draft.network = NetworkDraft {
            cidr: cidr.filter(|_| sound),
            pod_cidr,
            service_cidr,
            existing: raw.existing.as_ref().and_then(|existing| existing.id.clone()),
            subnets: Vec::new(),
        };
        let nat = self.or_default(raw.nat, &path.key("nat"), Nat::PerZone);
        let listed = raw.existing.as_ref().and_then(|existing| existing.subnets.as_deref());
        let zones = match (listed, topology) {
            (Some(listed), Some(topology))
                if !self.document.has(&path.key("zones"))
                    && place.is_some_and(|place| place.provider.subnets == SubnetScope::Zone) =>
            {
                Some(zones_of(listed, topology))
            }
            _ => self.zones(spec, place),
        };
        let subnets = match raw.existing.as_ref().filter(|existing| existing.subnets.is_some()) {
            Some(existing) => self.existing_subnets(existing, place, cidr, topology, zones.as_deref()),
            None => new_subnets(place?, cidr?, topology?, zones.as_deref()?),
        };
        self.draft.network.subnets = subnets.clone().unwrap_or_default();
        Some(Network {
            cidr: cidr?,
            pod_cidr: pod_cidr?,
            service_cidr: service_cidr?,
            zones: zones?,
            topology: topology?,
            nat: nat?,
            subnets: subnets?,
            existing: raw.existing.and_then(|existing| existing.id),
        })
    }

    fn apart(&mut self, path: &Path, ranges: [(&str, Option<Ipv4Net>); 3]) {
        for (index, (name, range)) in ranges.iter().enumerate() {
            for (other_name, other) in &ranges[..index] {
                let (Some(range), Some(other)) = (*range, *other) else {
                    continue;
                };
                if overlap(range, other) {
                    // Point at what the user wrote: one of the two may be a default.
                    let (at, with) = if self.document.has(&path.key(name)) {
                        (name, format!("`{other_name}` {other}"))
                    } else {
                        (other_name, format!("`{name}` {range}"))
                    };
                    let own = if at == name { range } else { other };
                    let hint = "the ranges of machines, pods and services must not overlap".to_owned();
                    self.fault(Code::InvalidNetwork, &path.key(at), format!("{own} overlaps {with}"), hint);
                }
            }
        }
    }

    /// Whether the network's range has a size that the cloud takes and, in a topology, one that can be cut into subnets.
    fn network_prefix(
        &mut self,
        path: &Path,
        place: Option<&Place<'_>>,
        cidr: Option<Ipv4Net>,
        topology: Option<Topology>,
    ) -> bool {
        let Some(provider) = place.map(|place| place.provider) else { return true };
        let limit = &provider.network_prefix;
        let what = format!("a network on {}", provider.display);
        let Some(topology) = topology else {
            return self.prefix(path, cidr, limit.min..=limit.max, &what);
        };
        let cut = match provider.subnets {
            SubnetScope::Zone => {
                "every zone gets an eighth of the network, and the public subnets share the last eighth"
            }
            SubnetScope::Region => "machines get half of the network, and the public subnet its last eighth",
        };
        let largest = Layout::largest_prefix(topology, provider.subnets).min(limit.max);
        if cidr.is_some_and(|range| range.prefix_len() > largest) {
            return self.prefix(path, cidr, limit.min..=largest, &format!("{cut}, so that {what}"));
        }
        self.prefix(path, cidr, limit.min..=largest, &what)
    }

    /// Whether a range has an allowed size.
    fn prefix(&mut self, path: &Path, range: Option<Ipv4Net>, allowed: RangeInclusive<u8>, what: &str) -> bool {
        let Some(range) = range.filter(|range| !allowed.contains(&range.prefix_len())) else {
            return true;
        };
        let (code, word) = if range.prefix_len() < *allowed.start() {
            (Code::InvalidNetwork, "large")
        } else {
            (Code::NetworkTooSmall, "small")
        };
        let hint = format!("{what} is between /{} and /{}", allowed.start(), allowed.end());
        self.fault(code, path, format!("{range} is too {word}"), hint);
        false
    }

    fn existing_subnets(
        &mut self,
        existing: &Existing,
        place: Option<&Place<'_>>,
        network: Option<Ipv4Net>,
        topology: Option<Topology>,
        zones: Option<&[String]>,
    ) -> Option<Vec<Subnet>> {
        let path = Path::of("spec.network.existing.subnets");
        let listed = existing.subnets.as_deref()?;
        let mut sound: Vec<Subnet> = Vec::new();
        for (index, raw) in listed.iter().enumerate() {
            let subnet = self.existing_subnet(raw, &path.index(index), place, network, &sound);
            sound.extend(subnet);
        }
        let complete = sound.len() == listed.len();
        let role = machine_role(topology?);
        let spanning = place?.provider.subnets == SubnetScope::Region;
        for zone in zones?.iter().filter(|_| complete && !spanning) {
            if !sound.iter().any(|subnet| subnet.role == role && subnet.zone == *zone) {
                let message = format!("the zone {zone} has no {} subnet for its machines", role_name(role));
                self.fault(Code::MissingField, &path, message, "list one, or leave the zone out of `zones`".to_owned());
            }
        }
        let lacking = if spanning { !sound.iter().any(|subnet| subnet.role == role) } else { zones?.is_empty() };
        if lacking && complete {
            let message = format!("there is no {} subnet for the machines", role_name(role));
            self.fault(Code::MissingField, &path, message, "list one, or change `topology`".to_owned());
            return None;
        }
        complete.then_some(sound)
    }

    fn existing_subnet(
        &mut self,
        raw: &ExistingSubnet,
        path: &Path,
        place: Option<&Place<'_>>,
        network: Option<Ipv4Net>,
        others: &[Subnet],
    ) -> Option<Subnet> {
        let zone = self.existing_zone(raw, path, place?);
        let at = path.key("cidr");
        let cidr = self.range(raw.cidr.as_ref()?, &at)?;
        let (id, zone, role) = (raw.id.clone()?, zone?, raw.role?);
        if let Some(network) = network.filter(|network| !network.contains(&cidr)) {
            let hint = "correct the range of the subnet or that of the network".to_owned();
            self.fault(Code::InvalidNetwork, &at, format!("{cidr} lies outside the network {network}"), hint);
        }
        for other in others {
            if overlap(cidr, other.cidr) {
                let hint = "correct one of the two ranges".to_owned();
                self.fault(Code::InvalidNetwork, &at, format!("{cidr} overlaps the subnet {}", other.cidr), hint);
            }
            if other.existing.as_ref() == Some(&id) {
                let hint = "list each subnet once".to_owned();
                self.fault(Code::DuplicateName, &path.key("id"), format!("the subnet {id} stands twice"), hint);
            }
            if other.role == role && other.zone == zone {
                let (at, what) = if zone.is_empty() {
                    ("role", format!("there is another {} subnet", role_name(role)))
                } else {
                    ("zone", format!("the zone {zone} has another {} subnet", role_name(role)))
                };
                let hint = "list one a role and zone".to_owned();
                self.fault(Code::DuplicateName, &path.key(at), what, hint);
            }
        }
        Some(Subnet { name: subnet_name(role, &zone), role, zone, cidr, existing: Some(id) })
    }

    /// The zone of a listed subnet, which is empty where subnets span the zones.
    fn existing_zone(&mut self, raw: &ExistingSubnet, path: &Path, place: &Place<'_>) -> Option<String> {
        let at = path.key("zone");
        match (place.provider.subnets, &raw.zone) {
            (SubnetScope::Zone, Some(zone)) => {
                let region = place.site?.region;
                self.known_zone(zone, region, &at).then(|| zone.clone())
            }
            (SubnetScope::Region, None) => Some(String::new()),
            (SubnetScope::Zone, None) => {
                let hint = "say which zone the subnet stands in".to_owned();
                self.fault(Code::MissingField, &at, "missing `zone`", hint);
                None
            }
            (SubnetScope::Region, Some(_)) => {
                let message = format!("the subnets of {} span the zones", place.provider.display);
                self.fault(Code::Conflict, &at, message, "leave `zone` out".to_owned());
                None
            }
        }
    }

    /// A public API and a bastion need a public subnet to stand in.
    pub(super) fn public_subnets(&mut self, spec: &ClusterSpec, network: Option<&Network>) {
        let Some(network) = network else { return };
        let exposure = spec.control_plane.as_ref().and_then(|raw| raw.api.as_ref()).and_then(|api| api.exposure);
        let wanted = spec.bastion.is_some() || exposure == Some(Exposure::Public);
        if wanted && !network.subnets.iter().any(|subnet| subnet.role == SubnetRole::Public) {
            let message = "a public API and a bastion need a public subnet, and none is listed";
            let hint = "add a subnet with `role: public`".to_owned();
            self.fault(Code::Conflict, &Path::of("spec.network.existing.subnets"), message, hint);
        }
    }

    /// Whether the subnets and the range of the pods hold every machine that the pools may grow to. What is not known of
    /// their number leaves the rest of them.
    pub(super) fn room(&mut self, spec: &ClusterSpec, network: &Network) {
        let slots = self.slot_count(spec).unwrap_or_default() as u64;
        let default = self.catalogue.defaults.pool.min;
        let most = |pool: &Pool| pool.max.unwrap_or_else(|| pool.min.unwrap_or(default).max(1));
        let pools = spec.pools.iter().flatten().map(most);
        let machines = slots + pools.map(u64::from).sum::<u64>();
        let role = machine_role(network.topology);
        let room: u64 =
            network.subnets.iter().filter(|subnet| subnet.role == role).map(|subnet| capacity(subnet.cidr)).sum();
        let path = Path::of("spec.network");
        if machines > room {
            let message =
                format!("the subnets of {} hold {room} machines; slots and pools may grow to {machines}", network.cidr);
            let hint = "take a wider `cidr`, or a smaller `max` in the pools".to_owned();
            self.fault(Code::NetworkTooSmall, &path.key("cidr"), message, hint);
        }
        let nodes = 1_u64 << POD_PREFIX_OF_A_NODE.saturating_sub(network.pod_cidr.prefix_len());
        if machines > nodes {
            let message = format!(
                "{} holds the pods of {nodes} nodes, a /{POD_PREFIX_OF_A_NODE} each; slots and pools may grow to {machines}",
                network.pod_cidr
            );
            let hint = "take a wider `podCidr`, or a smaller `max` in the pools".to_owned();
            self.fault(Code::NetworkTooSmall, &path.key("podCidr"), message, hint);
        }
    }
}

/// The subnets that a network is cut into; `None` when it is too small, which was told where its range was looked at.
fn new_subnets(place: &Place<'_>, cidr: Ipv4Net, topology: Topology, zones: &[String]) -> Option<Vec<Subnet>> {
    let scope = place.provider.subnets;
    let layout = Layout::new(cidr, topology, scope).ok()?;
    let machines = machine_role(topology);
    let no_zone = [String::new()];
    // One subnet of each role, where there are no zones or subnets span them.
    let zones = if zones.is_empty() || scope == SubnetScope::Region { &no_zone } else { zones };
    let mut subnets = Vec::new();
    for (index, zone) in zones.iter().enumerate() {
        let roles = [(machines, layout.machines(index)), (SubnetRole::Public, layout.public(index))];
        subnets.extend(roles.into_iter().filter_map(|(role, cidr)| {
            Some(Subnet { name: subnet_name(role, zone), role, zone: zone.clone(), cidr: cidr?, existing: None })
        }));
    }
    Some(subnets)
}

/// The role of the subnets that machines stand in.
pub(super) fn machine_role(topology: Topology) -> SubnetRole {
    match topology {
        Topology::Private => SubnetRole::Private,
        Topology::Public => SubnetRole::Public,
    }
}

/// The zones of the listed subnets that machines can stand in, in the order of the list.
fn zones_of(listed: &[ExistingSubnet], topology: Topology) -> Vec<String> {
    let mut zones: Vec<String> = Vec::new();
    for subnet in listed.iter().filter(|subnet| subnet.role == Some(machine_role(topology))) {
        zones.extend(subnet.zone.clone().filter(|zone| !zones.contains(zone)));
    }
    zones
}

fn subnet_name(role: SubnetRole, zone: &str) -> String {
    match zone {
        "" => role_name(role).to_owned(),
        zone => format!("{}-{zone}", role_name(role)),
    }
}

fn role_name(role: SubnetRole) -> &'static str {
    match role {
        SubnetRole::Private => "private",
        SubnetRole::Public => "public",
    }
}
