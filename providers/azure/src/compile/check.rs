//! What a spec may ask for and Azure can't do.

use std::collections::{BTreeMap, BTreeSet};

use meridian_spec::{Draft, Path, Unfit};

use super::names::{GROUP_OPTION, inside_of};
use crate::client::id::ArmId;
use crate::compute::ssh;

/// Tags a resource takes (learn.microsoft.com, "Use tags to organize your Azure resources", limitations).
const TAGS: usize = 50;
/// Tags that Meridian puts on beside the labels: two of ownership, and what single kinds carry.
const OWN_TAGS: usize = 8;
/// Characters of a tag's key that every service takes: storage accounts take the fewest.
const TAG_KEY: usize = 128;
const TAG_VALUE: usize = 256;
/// Characters of a machine's name under Linux; `-control-plane-0` is put behind the cluster's.
const MACHINE_NAME: usize = 64;
/// The first four addresses of a subnet and its last are Azure's (learn.microsoft.com, "Virtual Network FAQ").
const RESERVED_FIRST: u32 = 4;
/// Ranges in one rule (learn.microsoft.com, "Azure subscription limits", networking: 4000 a security group).
const RANGES: usize = 1000;

/// Sizes of one scale set (learn.microsoft.com, "Use multiple virtual machine sizes with instance mix").
const SIZES: usize = 5;
/// Tags of a scale set beside the labels of the cluster and of the pool: two of ownership, three of the pool's own, and four
/// for the autoscaler.
const POOL_TAGS: usize = 9;

/// Everything that does not fit; empty when Azure can do it all.
#[must_use]
pub fn check(draft: &Draft) -> Vec<Unfit> {
    let mut unfit = Vec::new();
    name(draft, &mut unfit);
    labels(draft, &mut unfit);
    ids(draft, &mut unfit);
    slots(draft, &mut unfit);
    rules(draft, &mut unfit);
    pools(draft, &mut unfit);
    key(draft, &mut unfit);
    unfit
}

fn push(unfit: &mut Vec<Unfit>, path: impl Into<Path>, message: impl Into<String>, hint: impl Into<String>) {
    unfit.push(Unfit::new(path, message, hint));
}

fn name(draft: &Draft, unfit: &mut Vec<Unfit>) {
    let Some(name) = &draft.name else { return };
    let group = draft.provider_options.get(GROUP_OPTION);
    // A region that is not known is taken for one without a name: the fault that is left is one in any region.
    let region = group.map(|_| draft.region.as_deref().unwrap_or_default());
    let parts = draft.pools.iter().filter_map(|pool| pool.name.as_deref()).chain(["control-plane-0"]);
    let longest = parts.map(|what| inside_of(name, region, what).len()).max().unwrap_or_default();
    let over = longest.saturating_sub(MACHINE_NAME);
    if over > 0 {
        push(
            unfit,
            "metadata.name",
            format!("machines are named after the cluster, and their names have at most {MACHINE_NAME} characters"),
            format!("shorten the cluster's name or the longest name of a pool by {over} characters"),
        );
    }
    if group.is_some_and(|group| group.is_empty() || group.len() > 90) {
        push(unfit, "spec.azure.resourceGroup", "a resource group's name has 1 to 90 characters", "write its name");
    }
}

fn labels(draft: &Draft, unfit: &mut Vec<Unfit>) {
    if draft.labels.len() > TAGS - OWN_TAGS {
        push(
            unfit,
            "metadata.labels",
            format!(
                "{} labels; Azure takes {TAGS} tags a resource, of which {OWN_TAGS} are needed",
                draft.labels.len()
            ),
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
                format!("Azure takes it for the same tag as `{other}`: it knows no case in keys"),
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
        if lower.starts_with("meridian-") || lower.starts_with("kubernetes") || lower.starts_with("k8s-azure") {
            push(unfit, &path, "Meridian or Kubernetes sets such tags itself", "choose another key");
        }
        if let Some(bad) = key.chars().find(|c| "<>%&\\?/".contains(*c)) {
            push(unfit, &path, format!("{bad:?} can't stand in a tag's key"), "use letters, digits and - _ .");
        }
    }
}

/// What exists is named by its whole id: a name alone says neither group nor network.
fn ids(draft: &Draft, unfit: &mut Vec<Unfit>) {
    let mut expect = |path: String, id: &str, kind: &str| {
        let is_one = id.parse::<ArmId>().is_ok_and(|id| id.kind() == kind);
        if !is_one {
            push(
                unfit,
                path,
                format!("`{id}` is not the id of a {kind}"),
                "write the whole id: /subscriptions/…/resourceGroups/…/providers/Microsoft.Network/virtualNetworks/…",
            );
        }
    };
    if let Some(id) = &draft.network.existing {
        expect("spec.network.existing.id".to_owned(), id, "Microsoft.Network/virtualNetworks");
    }
    let subnets = draft.network.subnets.iter().filter_map(|subnet| subnet.existing.as_deref());
    for (index, id) in subnets.enumerate() {
        expect(format!("spec.network.existing.subnets[{index}].id"), id, "Microsoft.Network/virtualNetworks/subnets");
    }
}

fn slots(draft: &Draft, unfit: &mut Vec<Unfit>) {
    let mut taken = BTreeSet::new();
    for (index, slot) in draft.slots.iter().enumerate() {
        let Some(subnet) = draft.network.subnets.iter().find(|subnet| subnet.name == slot.subnet) else { continue };
        let offset = u32::from(slot.address).wrapping_sub(u32::from(subnet.cidr.network()));
        let path = Path::of("spec.controlPlane.addresses").index(index);
        let leave = "leave the address to Meridian";
        if !subnet.cidr.contains(&slot.address) {
            push(unfit, &path, format!("{} is not in {}", slot.address, subnet.cidr), leave);
        } else if offset < RESERVED_FIRST || slot.address == subnet.cidr.broadcast() {
            let message = format!("{} is one of the five addresses of {} that are Azure's", slot.address, subnet.cidr);
            push(unfit, &path, message, leave);
        }
        if !taken.insert(slot.address) {
            push(unfit, &path, format!("{} is given twice", slot.address), leave);
        }
    }
}

fn rules(draft: &Draft, unfit: &mut Vec<Unfit>) {
    for (path, ranges) in
        [("spec.bastion.allow", &draft.bastion_allow), ("spec.controlPlane.api.allow", &draft.api_allow)]
    {
        if ranges.len() > RANGES {
            let message = format!("{} ranges; a rule takes {RANGES}", ranges.len());
            push(unfit, path, message, "join ranges, or name a larger one");
        }
        if ranges.len() > 1 && ranges.iter().any(|range| range.prefix_len() == 0) {
            let message = "the whole internet and single ranges beside it can't stand in one rule";
            push(unfit, path, message, "leave out what 0.0.0.0/0 holds already");
        }
    }
}

fn pools(draft: &Draft, unfit: &mut Vec<Unfit>) {
    for (index, pool) in draft.pools.iter().enumerate() {
        if pool.alternatives.len() >= SIZES {
            push(
                unfit,
                Path::of("spec.pools").index(index).key("alternatives"),
                format!("{} machine types; a scale set has at most {SIZES}", pool.alternatives.len() + 1),
                format!("keep to {} alternatives, or make a second pool", SIZES - 1),
            );
        }
        // The autoscaler learns labels and taints from tags.
        let count = draft.labels.len() + pool.labels.len() + pool.taints.len() + POOL_TAGS;
        if count > TAGS {
            push(
                unfit,
                Path::of("spec.pools").index(index).key("labels"),
                format!(
                    "the pool's scale set would have {count} tags, one for each label and taint; Azure takes {TAGS}"
                ),
                format!("drop {} labels or taints of the pool, or labels of the cluster", count - TAGS),
            );
        }
    }
}

fn key(draft: &Draft, unfit: &mut Vec<Unfit>) {
    if draft.ssh_public_key.as_deref().is_some_and(|key| !ssh::is_taken(key)) {
        push(
            unfit,
            "spec.ssh.publicKey",
            "Azure takes SSH keys of the types ssh-ed25519 and ssh-rsa alone",
            "make a key with `ssh-keygen -t ed25519`",
        );
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

    #[test]
    fn a_sound_cluster_fits() {
        for cluster in [fixture::cluster(), fixture::shared(), fixture::public()] {
            assert_eq!(check(&cluster), []);
        }
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let mut cluster = fixture::shared();
        cluster.name = "x".repeat(60);
        cluster.labels = ["Team", "team", "meridian-cluster", "a/b"].map(|key| (key.to_owned(), "x".to_owned())).into();
        cluster.network.existing = Some("vnet".to_owned());
        cluster.control_plane.slots[1].address = "10.40.64.3".parse().unwrap();
        cluster.control_plane.api.allow.push("0.0.0.0/0".parse().unwrap());
        let faults = check(&cluster);
        let paths: BTreeSet<String> = faults.iter().map(|fault| fault.path.to_string()).collect();
        let expected = [
            "metadata.labels.meridian-cluster",
            "metadata.labels.team",
            "metadata.labels[\"a/b\"]",
            "metadata.name",
            "spec.controlPlane.addresses[1]",
            "spec.controlPlane.api.allow",
            "spec.network.existing.id",
        ];
        assert_eq!(paths.into_iter().collect::<Vec<_>>(), expected);
    }
}
