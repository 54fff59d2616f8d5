//! What AWS can't do of what a spec asks for.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;
use meridian_spec::cluster::SubnetRole;
use meridian_spec::{Draft, Path, Unfit};

/// A VPC's range and a subnet's have prefixes of 16 to 28 (Amazon VPC User Guide, "VPC CIDR blocks").
const PREFIXES: std::ops::RangeInclusive<u8> = 16..=28;
/// Subnets with a network load balancer need a /27 (Elastic Load Balancing User Guide, "Subnets for your load balancer":
/// eight free addresses each).
const LOAD_BALANCER_PREFIX: u8 = 27;
/// Addresses of a subnet that are Amazon's: the first four and the last (Amazon VPC User Guide, "Subnet CIDR blocks").
const RESERVED_FIRST: u32 = 4;
/// Tags of a resource (AWS General Reference, "Tag naming limits and requirements").
const TAGS: usize = 50;
const TAG_KEY: usize = 128;
const TAG_VALUE: usize = 256;
/// Tags that Meridian puts on beside the labels: two of ownership, `Name`, two for Kubernetes, and three to spare for
/// what single kinds carry.
const OWN_TAGS: usize = 8;
/// Tags of a pool's group beside the labels of the cluster and of the pool: two of ownership, `Name`, one for Kubernetes
/// and two for the autoscaler.
const GROUP_TAGS: usize = 6;
/// Rules that a security group may have in one direction (Amazon VPC quotas; it can be raised).
const RULES: usize = 60;
/// Bytes of a cluster's name that leave room in every derived name: a private zone is named after it, and a label of DNS
/// has at most 63.
const NAME: usize = 63;

/// Everything that does not fit; empty when AWS can do it all.
#[must_use]
pub fn check(draft: &Draft) -> Vec<Unfit> {
    let mut unfit = Vec::new();
    name(draft, &mut unfit);
    labels(draft, &mut unfit);
    pools(draft, &mut unfit);
    ranges(draft, &mut unfit);
    slots(draft, &mut unfit);
    rules(draft, &mut unfit);
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
}

fn labels(draft: &Draft, unfit: &mut Vec<Unfit>) {
    if draft.labels.len() > TAGS - OWN_TAGS {
        push(
            unfit,
            "metadata.labels",
            format!("{} labels; AWS takes {TAGS} tags a resource, of which {OWN_TAGS} are needed", draft.labels.len()),
            format!("keep to {} labels", TAGS - OWN_TAGS),
        );
    }
    let mut seen = BTreeMap::new();
    for (key, value) in &draft.labels {
        let path = Path::of("metadata.labels").key(key);
        let lower = key.to_ascii_lowercase();
        if let Some(other) = seen.insert(lower.clone(), key) {
            push(
                unfit,
                &path,
                format!("IAM takes it for the same tag as `{other}`: it knows no case in keys"),
                "choose keys that differ by more than case",
            );
        }
        if key.is_empty() || key.chars().count() > TAG_KEY {
            push(unfit, &path, format!("a tag's key has 1 to {TAG_KEY} characters"), "shorten the label's key");
        }
        if value.chars().count() > TAG_VALUE {
            push(
                unfit,
                &path,
                format!("a tag's value has at most {TAG_VALUE} characters"),
                "shorten the label's value",
            );
        }
        if lower.starts_with("aws:") {
            push(unfit, &path, "tags that begin with `aws:` are Amazon's", "choose another key");
        }
        if lower.starts_with("meridian:") || lower == "name" || key.starts_with("kubernetes.io/") {
            push(unfit, &path, "Meridian sets this tag itself", "choose another key");
        }
        if let Some(bad) = key.chars().chain(value.chars()).find(|c| !is_tag_character(*c)) {
            push(
                unfit,
                &path,
                format!("{bad:?} can't stand in a tag of every service"),
                "use letters, digits, spaces and + - = . _ : / @",
            );
        }
    }
}

/// The autoscaler learns a pool's labels and taints from tags of its group.
fn pools(draft: &Draft, unfit: &mut Vec<Unfit>) {
    for (index, pool) in draft.pools.iter().enumerate() {
        let count = draft.labels.len() + pool.labels.len() + pool.taints.len() + GROUP_TAGS;
        if count > TAGS {
            push(
                unfit,
                Path::of("spec.pools").index(index).key("labels"),
                format!("the pool's group would have {count} tags, one for each label and taint; AWS takes {TAGS}"),
                format!("drop {} labels or taints of the pool, or labels of the cluster", count - TAGS),
            );
        }
    }
}

fn is_tag_character(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c)
}

fn ranges(draft: &Draft, unfit: &mut Vec<Unfit>) {
    let network = &draft.network;
    if let (None, Some(cidr)) = (&network.existing, network.cidr) {
        if !PREFIXES.contains(&cidr.prefix_len()) {
            push(
                unfit,
                "spec.network.cidr",
                format!("{cidr}: a VPC's range is a /{} to a /{}", PREFIXES.start(), PREFIXES.end()),
                "choose a range such as 10.0.0.0/16",
            );
        }
        if let Some(taken) = forbidden(cidr) {
            push(
                unfit,
                "spec.network.cidr",
                format!("{cidr}: {taken} can't be a VPC's range"),
                "choose a private range such as 10.0.0.0/16",
            );
        }
    }
    for subnet in network.subnets.iter().filter(|subnet| subnet.existing.is_none()) {
        let prefix = subnet.cidr.prefix_len();
        let smallest = if subnet.role == SubnetRole::Public { LOAD_BALANCER_PREFIX } else { *PREFIXES.end() };
        if prefix > smallest || prefix < *PREFIXES.start() {
            push(
                unfit,
                "spec.network.cidr",
                format!(
                    "subnet {} would be {}; it has to be a /{} to a /{smallest}",
                    subnet.name,
                    subnet.cidr,
                    PREFIXES.start()
                ),
                "choose a larger range for the network, or fewer zones",
            );
        }
    }
    // Docker's bridge and Cloud9 aside, this is the one that AWS itself uses inside every VPC.
    let local: Ipv4Net = Ipv4Net::new_assert(std::net::Ipv4Addr::new(169, 254, 0, 0), 16);
    for (path, range) in
        [("spec.network.podCidr", network.pod_cidr), ("spec.network.serviceCidr", network.service_cidr)]
    {
        let Some(range) = range else { continue };
        if local.contains(&range.network()) || range.contains(&local.network()) {
            push(unfit, path, format!("{range} holds the addresses of AWS' own services"), "choose another range");
        }
    }
}

/// Ranges that `CreateVpc` refuses.
fn forbidden(range: Ipv4Net) -> Option<&'static str> {
    match range.network().octets() {
        [0, ..] => Some("0.0.0.0/8"),
        [127, ..] => Some("127.0.0.0/8"),
        [169, 254, ..] => Some("169.254.0.0/16"),
        [224..=239, ..] => Some("224.0.0.0/4"),
        _ => None,
    }
}

fn slots(draft: &Draft, unfit: &mut Vec<Unfit>) {
    let mut taken = BTreeSet::new();
    for (index, slot) in draft.slots.iter().enumerate() {
        let Some(subnet) = draft.network.subnets.iter().find(|subnet| subnet.name == slot.subnet) else { continue };
        let first = u32::from(subnet.cidr.network());
        let offset = u32::from(slot.address).wrapping_sub(first);
        let path = Path::of("spec.controlPlane.addresses").index(index);
        if !subnet.cidr.contains(&slot.address) {
            push(unfit, &path, format!("{} is not in {}", slot.address, subnet.cidr), "leave the address to Meridian");
        } else if offset < RESERVED_FIRST || slot.address == subnet.cidr.broadcast() {
            push(
                unfit,
                &path,
                format!("{} is one of the five addresses of {} that are Amazon's", slot.address, subnet.cidr),
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
        if count > RULES {
            push(
                unfit,
                path,
                format!("{count} ranges; a security group has at most {RULES} rules in one direction"),
                "join ranges, or name a larger one",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use meridian_spec::Cluster;

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
        assert_eq!(check(&fixture::cluster()), []);
        assert_eq!(check(&fixture::shared()), []);
    }

    #[test]
    fn tags_that_iam_takes_for_one_are_refused() {
        let mut cluster = fixture::cluster();
        let labels = ["Team", "cost", "name", "team"];
        cluster.labels = labels.into_iter().map(|key| (key.to_owned(), "x".to_owned())).collect();
        assert_eq!(paths(&cluster), ["metadata.labels.name", "metadata.labels.team"]);
    }

    #[test]
    fn a_pool_has_no_more_labels_than_its_group_has_room_for() {
        let mut cluster = fixture::cluster();
        let room = TAGS - GROUP_TAGS - cluster.labels.len() - cluster.pools[0].taints.len();
        cluster.pools[0].labels = (0..room).map(|number| (format!("label-{number}"), String::new())).collect();
        assert_eq!(check(&cluster), []);
        cluster.pools[0].labels.insert("one-more".to_owned(), String::new());
        assert_eq!(paths(&cluster), ["spec.pools[0].labels"]);
    }

    #[test]
    fn a_cluster_may_be_called_after_singapore() {
        let mut cluster = fixture::cluster();
        cluster.name = "sg-prod".to_owned();
        assert_eq!(check(&cluster), []);
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let mut cluster = fixture::cluster();
        cluster.name = "sg-".to_owned() + &"x".repeat(70);
        cluster.labels.insert("aws:team".to_owned(), "v".repeat(257));
        cluster.network.cidr = "10.0.0.0/8".parse().unwrap();
        cluster.network.subnets[0].cidr = "10.40.32.0/29".parse().unwrap();
        cluster.control_plane.slots[1].address = "10.40.64.3".parse().unwrap();
        let paths: BTreeSet<String> = paths(&cluster).into_iter().collect();
        let expected = [
            "metadata.labels[\"aws:team\"]",
            "metadata.name",
            "spec.controlPlane.addresses[0]",
            "spec.controlPlane.addresses[1]",
            "spec.network.cidr",
        ];
        assert_eq!(paths.into_iter().collect::<Vec<_>>(), expected);
    }
}
