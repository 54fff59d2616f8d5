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

/// Whose mark a description has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    Ours(Marked),
    OfCluster(String),
    OfRegion(String),
    None,
}

/// Reads a description.
#[must_use]
pub fn read(cluster: &str, region: &str, description: Option<&str>) -> Mark {
    let Some((text, [of, place, address])) = description.and_then(parts) else { return Mark::None };
    match address.parse() {
        Err(_) => Mark::None,
        Ok(_) if of != cluster => Mark::OfCluster(of.to_owned()),
        Ok(_) if place != region => Mark::OfRegion(place.to_owned()),
        Ok(address) => Mark::Ours(Marked { address, text: text.trim_end().to_owned() }),
    }
}

/// What stands before the mark; and the cluster, the region and the address in it.
fn parts(description: &str) -> Option<(&str, [&str; 3])> {
    let (text, mark) = description.strip_suffix(']')?.rsplit_once("[meridian ")?;
    let (cluster, rest) = mark.strip_prefix("cluster=")?.split_once(" region=")?;
    let (region, address) = rest.split_once(" address=")?;
    Some((text, [cluster, region, address]))
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
        let read = |region, text| read("demo", region, Some(text));
        assert_eq!(read("europe-west1", &text), Mark::Ours(Marked { address, text: "etcd [peers]".to_owned() }));
        assert_eq!(read("europe-west4", &text), Mark::OfRegion("europe-west1".to_owned()));
        let other = text.replace("cluster=demo", "cluster=dem");
        assert_eq!(read("europe-west1", &other), Mark::OfCluster("dem".to_owned()));
        assert_eq!(read("europe-west1", "someone's"), Mark::None);
    }
}
