//! How a resource says that it is ours: at the end of its description, and where it can have labels, by one.
//!
//! Networks and firewall rules take no labels, and the network is one for all regions. So the description names the
//! cluster, its region and the resource's address.

use std::collections::BTreeMap;

use meridian_engine::Address;

/// Labels of a resource.
pub type Labels = BTreeMap<String, String>;

/// Label that holds the cluster's name, on everything that takes labels.
pub const CLUSTER_LABEL: &str = "meridian-cluster";

/// What a description says besides the mark, and the mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    pub address: Address,
    /// The description without the mark.
    pub text: String,
}

/// A description with the mark at its end.
#[must_use]
pub fn describe(cluster: &str, region: &str, address: &Address, text: &str) -> String {
    format!("{text} [meridian cluster={cluster} region={region} address={address}]")
}

/// Reads a description. `None` when it is not marked as a resource of `kind` in this cluster and region.
#[must_use]
pub fn read(cluster: &str, region: &str, kind: &str, description: Option<&str>) -> Option<Marked> {
    let (text, mark) = description?.strip_suffix(']')?.rsplit_once("[meridian ")?;
    let address = mark.strip_prefix(&format!("cluster={cluster} region={region} address="))?;
    let address: Address = address.parse().ok()?;
    (address.kind() == kind).then(|| Marked { address, text: text.trim_end().to_owned() })
}

/// A resource's own labels and the one that marks it as the cluster's.
#[must_use]
pub fn all_labels(cluster: &str, own: &Labels) -> Labels {
    let mut labels = own.clone();
    labels.insert(CLUSTER_LABEL.to_owned(), cluster.to_owned());
    labels
}

/// A resource's own labels: without ours, and without those that Google puts on.
#[must_use]
pub fn own_labels<K: Into<String>, V: Into<String>>(labels: impl IntoIterator<Item = (K, V)>) -> Labels {
    let labels = labels.into_iter().map(|(key, value)| (key.into(), value.into()));
    labels.filter(|(key, _): &(String, String)| key != CLUSTER_LABEL && !key.starts_with("goog-")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_by_its_cluster_only() {
        let address: Address = "google_compute_firewall.etcd".parse().unwrap();
        let text = describe("demo", "europe-west1", &address, "etcd [peers]");
        let marked = read("demo", "europe-west1", "google_compute_firewall", Some(&text)).unwrap();
        assert_eq!(marked, Marked { address, text: "etcd [peers]".to_owned() });
        assert_eq!(read("demo", "europe-west4", "google_compute_firewall", Some(&text)), None);
        assert_eq!(read("dem", "europe-west1", "google_compute_firewall", Some(&text)), None);
        assert_eq!(read("demo", "europe-west1", "google_compute_network", Some(&text)), None);
        assert_eq!(read("demo", "europe-west1", "google_compute_firewall", Some("someone's")), None);
    }
}
