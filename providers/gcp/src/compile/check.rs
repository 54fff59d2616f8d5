//! What Google Cloud can't do of what a spec asks for.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;
use meridian_spec::{Draft, Path, Unfit};

use super::existing;
use crate::marks::CLUSTER_LABEL;

/// A subnet's primary and secondary ranges have prefixes of 4 to 29 (VPC, "Subnets": valid ranges).
const PREFIXES: std::ops::RangeInclusive<u8> = 4..=29;
/// Addresses of a primary range that are Google's: the first two and the last two (VPC, "Unusable addresses").
const RESERVED_FIRST: u32 = 2;
/// Labels of a resource, and characters of a key and a value (Compute Engine, "Labels": requirements).
const LABELS: usize = 64;
const LABEL: usize = 63;
/// Labels that Meridian puts on beside the cluster's, and a few to spare for Kubernetes' own controllers.
const OWN_LABELS: usize = 8;
/// Ranges of a firewall rule's source (VPC quotas, "Maximum number of source ranges per rule").
const RANGES: usize = 5000;
/// Characters of a cluster's name: a private zone is named after it, and a label of DNS has at most 63.
const NAME: usize = 63;

/// Ranges that a subnet can't have (VPC, "Prohibited IPv4 subnet ranges").
const PROHIBITED: [&str; 6] =
    ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "199.36.153.4/30", "224.0.0.0/4"];

/// Everything that does not fit; empty when Google Cloud can do it all.
#[must_use]
pub fn check(draft: &Draft) -> Vec<Unfit> {
    let mut unfit = Vec::new();
    name(draft, &mut unfit);
    labels(draft, &mut unfit);
    ranges(draft, &mut unfit);
    network(draft, &mut unfit);
    slots(draft, &mut unfit);
    rules(draft, &mut unfit);
    pools(draft, &mut unfit);
    unfit
}

fn push(unfit: &mut Vec<Unfit>, path: impl Into<Path>, message: impl Into<String>, hint: impl Into<String>) {
    unfit.push(Unfit::new(path, message, hint));
}

fn name(draft: &Draft, unfit: &mut Vec<Unfit>) {
    let Some(name) = &draft.name else { return };
    if name.len() > NAME {
        push(
            unfit,
            "metadata.name",
            format!("the name has {} characters; the private DNS zone that is named after it takes {NAME}", name.len()),
            format!("choose a name of at most {NAME} characters"),
        );
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        push(
            unfit,
            "metadata.name",
            "names of resources of Compute Engine begin with the cluster's, and have to begin with a letter",
            "put a letter before it",
        );
    }
    if name.starts_with("goog") || name.contains("google") {
        push(
            unfit,
            "metadata.name",
            "the bootstrap bucket is named after the cluster, and no bucket's name may have `google` in it",
            "choose another name",
        );
    }
}

fn labels(draft: &Draft, unfit: &mut Vec<Unfit>) {
    if draft.labels.len() > LABELS - OWN_LABELS {
        push(
            unfit,
            "metadata.labels",
            format!("{} labels; a resource takes {LABELS}, of which {OWN_LABELS} are needed", draft.labels.len()),
            format!("keep to {} labels", LABELS - OWN_LABELS),
        );
    }
    for (key, value) in &draft.labels {
        let path = Path::of("metadata.labels").key(key);
        if !key.starts_with(char::is_lowercase) || key.chars().count() > LABEL || !key.chars().all(is_label_character) {
            push(
                unfit,
                &path,
                format!(
                    "a label's key is 1 to {LABEL} lower-case letters, digits, `_` and `-`, and begins with a letter"
                ),
                "choose a key such as `cost-center`",
            );
        }
        if value.chars().count() > LABEL || !value.chars().all(is_label_character) {
            push(
                unfit,
                &path,
                format!("a label's value is up to {LABEL} lower-case letters, digits, `_` and `-`"),
                "choose a value such as `platform-team`",
            );
        }
        if key == CLUSTER_LABEL || key.starts_with("goog") {
            push(unfit, &path, "this label is set by Meridian or by Google", "choose another key");
        }
    }
}

fn is_label_character(c: char) -> bool {
    c.is_lowercase() || c.is_numeric() || c == '_' || c == '-' || (c.is_alphabetic() && !c.is_uppercase())
}

fn ranges(draft: &Draft, unfit: &mut Vec<Unfit>) {
    let network = &draft.network;
    let subnets = network.subnets.iter().filter(|subnet| subnet.existing.is_none());
    let subnets = subnets.map(|subnet| ("spec.network.cidr", format!("subnet {}", subnet.name), Some(subnet.cidr)));
    let others = [
        ("spec.network.podCidr", "the pods' range".to_owned(), network.pod_cidr),
        ("spec.network.serviceCidr", "the services' range".to_owned(), network.service_cidr),
    ];
    for (path, what, range) in subnets.chain(others) {
        let Some(range) = range else { continue };
        if !PREFIXES.contains(&range.prefix_len()) {
            let (shortest, longest) = (PREFIXES.start(), PREFIXES.end());
            push(
                unfit,
                path,
                format!("{what} would be {range}; it has to be a /{shortest} to a /{longest}"),
                "choose a larger range",
            );
        }
        if let Some(taken) = prohibited(range) {
            push(
                unfit,
                path,
                format!("{what} would be {range}, and {taken} is Google's or nobody's"),
                "choose a private range such as 10.0.0.0/16",
            );
        }
    }
}

/// Where the spec says which the cluster's project is, a network of another one is refused before anything is called.
fn network(draft: &Draft, unfit: &mut Vec<Unfit>) {
    let Some(project) = draft.provider_options.get("project") else { return };
    let named = draft.network.existing.iter().map(|named| existing::network(project, named));
    let subnets = draft.network.subnets.iter().filter_map(|subnet| subnet.existing.as_deref());
    let region = draft.region.as_deref().unwrap_or_default();
    let subnets = subnets.map(|named| existing::subnet(project, region, named));
    for path in named.chain(subnets) {
        if let Some(why) = existing::elsewhere(&path, project) {
            push(unfit, "spec.network.existing", why, "name a network of the cluster's own project");
        }
    }
}

fn prohibited(range: Ipv4Net) -> Option<&'static str> {
    PROHIBITED.into_iter().find(|taken| {
        let taken = taken.parse::<Ipv4Net>();
        taken.is_ok_and(|taken| taken.contains(&range.network()) || range.contains(&taken.network()))
    })
}

fn slots(draft: &Draft, unfit: &mut Vec<Unfit>) {
    let mut taken = BTreeSet::new();
    for (index, slot) in draft.slots.iter().enumerate() {
        let path = Path::of("spec.controlPlane.addresses").index(index);
        if slot.zone.is_empty() {
            push(unfit, &path, "every region of Google Cloud has zones, and none is named", "name the slots' zones");
        }
        let Some(subnet) = draft.network.subnets.iter().find(|subnet| subnet.name == slot.subnet) else { continue };
        let offset = u32::from(slot.address).wrapping_sub(u32::from(subnet.cidr.network()));
        let from_end = u32::from(subnet.cidr.broadcast()).wrapping_sub(u32::from(slot.address));
        if !subnet.cidr.contains(&slot.address) {
            push(unfit, &path, format!("{} is not in {}", slot.address, subnet.cidr), "leave the address to Meridian");
        } else if offset < RESERVED_FIRST || from_end < 2 {
            push(
                unfit,
                &path,
                format!("{} is one of the four addresses of {} that are Google's", slot.address, subnet.cidr),
                "leave the address to Meridian",
            );
        }
        if !taken.insert(slot.address) {
            push(unfit, &path, format!("{} is given twice", slot.address), "leave the address to Meridian");
        }
    }
}

fn rules(draft: &Draft, unfit: &mut Vec<Unfit>) {
    for (path, ranges) in
        [("spec.bastion.allow", &draft.bastion_allow), ("spec.controlPlane.api.allow", &draft.api_allow)]
    {
        let count = ranges.len();
        if count > RANGES {
            push(
                unfit,
                path,
                format!("{count} ranges; a firewall rule takes {RANGES}"),
                "join ranges, or name a larger one",
            );
        }
    }
}

/// A managed group has one provisioning model: all its machines are spot machines, or none.
fn pools(draft: &Draft, unfit: &mut Vec<Unfit>) {
    for (index, pool) in draft.pools.iter().enumerate() {
        let Some(spot) = &pool.spot else { continue };
        if spot.on_demand_base > 0 || spot.on_demand_percent > 0 {
            push(
                unfit,
                Path::of("spec.pools").index(index).key("spot"),
                "a managed instance group has spot machines only, or none",
                "make a second pool for the machines on demand, and say `spot: true` here",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use meridian_spec::Cluster;
    use meridian_spec::cluster::Spot;

    use super::*;
    use crate::compile::fixture;

    fn check(cluster: &Cluster) -> Vec<Unfit> {
        super::check(&Draft::from(cluster))
    }

    fn paths(cluster: &Cluster) -> Vec<String> {
        check(cluster).into_iter().map(|fault| fault.path.to_string()).collect()
    }

    #[test]
    fn a_sound_cluster_fits() {
        for cluster in [fixture::cluster(), fixture::shared(), fixture::public()] {
            assert_eq!(check(&cluster), []);
        }
    }

    #[test]
    fn a_network_of_another_project_is_refused_where_the_own_one_is_known() {
        let mut cluster = fixture::shared();
        cluster.network.existing = Some("projects/host/global/networks/shared".to_owned());
        assert_eq!(paths(&cluster), [""; 0]);
        cluster.provider_options.insert("project".to_owned(), "host".to_owned());
        assert_eq!(paths(&cluster), [""; 0]);
        cluster.provider_options.insert("project".to_owned(), "own".to_owned());
        assert_eq!(paths(&cluster), ["spec.network.existing"]);
    }

    #[test]
    fn labels_that_google_refuses_are_told() {
        let mut cluster = fixture::cluster();
        let labels = [("Team", "x"), ("example.com/a", "x"), ("ok", "Not OK"), ("fine_1", "a-b"), ("goog-x", "")];
        cluster.labels = labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let expected = [
            "metadata.labels.Team",
            "metadata.labels[\"example.com/a\"]",
            "metadata.labels.goog-x",
            "metadata.labels.ok",
        ];
        assert_eq!(paths(&cluster), expected);
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let mut cluster = fixture::cluster();
        cluster.name = "1st".to_owned();
        cluster.network.pod_cidr = "169.254.0.0/16".parse().unwrap();
        cluster.network.subnets[1].cidr = "10.40.32.0/30".parse().unwrap();
        cluster.control_plane.slots[1].address = "10.40.0.1".parse().unwrap();
        cluster.pools[0].spot = Some(Spot { on_demand_base: 1, on_demand_percent: 0 });
        let expected = [
            "metadata.name",
            "spec.network.cidr",
            "spec.network.podCidr",
            "spec.controlPlane.addresses[1]",
            "spec.pools[0].spot",
        ];
        assert_eq!(paths(&cluster), expected);
    }
}
