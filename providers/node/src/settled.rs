//! What a cluster is made with and can't leave again. It stands on the disks of etcd, which outlive every machine, so that a
//! change that the cluster would not survive is refused before anything is touched, on every cloud and even without a state.

use meridian_engine::Value;
use meridian_spec::cluster::{Cluster, Topology};
use semver::Version;

/// What the API server, the pods and the nodes live by.
const RANGES: &str = "the ranges of pods and services are written into the cluster when it is made: its certificates, its nodes \
                      and every service hang on them. To have others, build a new cluster and move to it";

/// A network of the cluster's own; one that exists already is not the cluster's to change.
const NETWORK: &str = "the subnets, and with them the addresses of the machines, are cut out of the network's range. To have \
                       another one, build a new cluster and move to it";

/// Every slot has its address, its interface and its name in the certificates out of the subnets of its topology.
const TOPOLOGY: &str = "machines stand in the subnets of their topology, and the slots of the control plane can't leave their \
                        addresses there. To have another topology, build a new cluster and move to it";

/// Source: kubernetes.io, "Version Skew Policy" (`kube-apiserver`), and kubeadm's "Upgrading kubeadm clusters".
const OLDER: &str = "what a newer Kubernetes has written to etcd an older one may not be able to read, so that a version is \
                     never taken back. Keep this version or go to a newer one";

/// Source: kubernetes.io, "Upgrading kubeadm clusters": skipping minor versions is unsupported.
const TOO_NEW: &str =
    "Kubernetes goes from one minor version to the next and skips none. Upgrade to the next one first";

/// Source: EC2 "Modify an EBS volume", Compute Engine `disks.resize`, Azure "Expand virtual hard disks".
const SMALLER: &str = "the disk holds the data of a member of etcd, and a disk can grow in place but not shrink. Keep its size, or \
                       build a new cluster with smaller disks and move to it";

/// The members of etcd, `name=address` of each slot, sorted.
#[must_use]
pub fn members(cluster: &Cluster) -> String {
    let slots = cluster.control_plane.slots.iter();
    let mut members: Vec<String> = slots.map(|slot| format!("{}={}", slot.name, slot.address)).collect();
    members.sort_unstable();
    members.join(",")
}

/// What never changes: `network=10.0.0.0/16,pods=10.244.0.0/16,services=10.96.0.0/12,topology=private`. The range of a
/// network that exists already is left out.
#[must_use]
pub fn settled(cluster: &Cluster) -> String {
    let network = &cluster.network;
    let topology = match network.topology {
        Topology::Private => "private",
        Topology::Public => "public",
    };
    let own = match network.existing {
        None => format!("network={},", network.cidr),
        Some(_) => String::new(),
    };
    format!("{own}pods={},services={},topology={topology}", network.pod_cidr, network.service_cidr)
}

/// What speaks against another [`settled`] text.
#[must_use]
pub fn stays(before: &Value, after: &Value) -> Vec<&'static str> {
    let part = |value: &Value, name: &str| {
        let parts = value.as_str().into_iter().flat_map(|text| text.split(','));
        parts.filter_map(|part| part.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    };
    let differs = |name| part(before, name) != part(after, name);
    let mut objections = Vec::new();
    objections.extend(differs("network").then_some(NETWORK));
    objections.extend((differs("pods") || differs("services")).then_some(RANGES));
    objections.extend(differs("topology").then_some(TOPOLOGY));
    objections
}

/// What speaks against a change from one exact version of Kubernetes to another. A disk that says none was made before
/// disks said it.
#[must_use]
pub fn upgrades(before: &Value, after: &Value) -> Vec<&'static str> {
    let version = |value: &Value| value.as_str().and_then(|text| Version::parse(text).ok());
    let (Some(before), Some(after)) = (version(before), version(after)) else { return Vec::new() };
    if after < before {
        vec![OLDER]
    } else if after.major != before.major || after.minor > before.minor + 1 {
        vec![TOO_NEW]
    } else {
        Vec::new()
    }
}

/// What speaks against another size of a disk.
#[must_use]
pub fn grows(before: &Value, after: &Value) -> Vec<&'static str> {
    match (before, after) {
        (Value::Integer(before), Value::Integer(after)) if after < before => vec![SMALLER],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    #[test]
    fn a_version_goes_up_by_one_minor_at_most() {
        let objections = |before, after| upgrades(&text(before), &text(after));
        assert_eq!(objections("1.34.4", "1.34.4"), [""; 0]);
        assert_eq!(objections("1.34.4", "1.34.12"), [""; 0]);
        assert_eq!(objections("1.34.4", "1.35.0"), [""; 0]);
        assert_eq!(objections("1.34.4", "1.34.3"), [OLDER]);
        assert_eq!(objections("1.35.0", "1.34.9"), [OLDER]);
        assert_eq!(objections("1.34.4", "1.36.0"), [TOO_NEW]);
        assert_eq!(objections("1.34.4", "2.0.0"), [TOO_NEW]);
        assert_eq!(objections("", "1.36.0"), [""; 0]);
    }

    #[test]
    fn each_thing_that_is_settled_has_its_own_objection() {
        let before = "network=10.0.0.0/16,pods=10.244.0.0/16,services=10.96.0.0/12,topology=private";
        let objections = |from: &str, to: &str| stays(&text(before), &text(&before.replace(from, to)));
        assert_eq!(objections("10.0.0.0/16", "10.0.0.0/15"), [NETWORK]);
        assert_eq!(objections("10.244.0.0/16", "10.245.0.0/16"), [RANGES]);
        assert_eq!(objections("10.96.0.0/12", "10.97.0.0/16"), [RANGES]);
        assert_eq!(objections("private", "public"), [TOPOLOGY]);
        assert_eq!(stays(&text(""), &text(before)), [NETWORK, RANGES, TOPOLOGY]);
    }

    #[test]
    fn a_disk_does_not_shrink() {
        let objections = |before, after| grows(&Value::Integer(before), &Value::Integer(after));
        assert_eq!((objections(20, 10), objections(20, 20), objections(20, 30)), (vec![SMALLER], vec![], vec![]));
    }
}
