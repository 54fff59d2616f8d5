//! Names that Google Cloud wants to be unique or short, and the labels that everything carries.
//!
//! Networks, firewall rules and service accounts are one set for all regions of a project, and buckets for the whole
//! world. So each name has the cluster's and a digest of project, region and cluster. It is a function of those alone, so
//! that what was made can be found again without a state.

use meridian_provider_api::{ACCOUNT_PIN, Pins};
use meridian_spec::cluster::Cluster;
use sha2::{Digest, Sha256};

use crate::marks::Labels;

/// Name of the load balancer's resources in their addresses.
pub const API: &str = "api";

/// What stands for the project while it has not been looked up.
pub const UNKNOWN_PROJECT: &str = "unresolved";

/// Longest name of a resource (Compute Engine, "Naming resources": RFC 1035).
const NAME: usize = 63;

/// The project, or what stands for it.
#[must_use]
pub fn project(pins: &Pins) -> &str {
    pins.get(ACCOUNT_PIN).map_or(UNKNOWN_PROJECT, String::as_str)
}

/// What every name of a cluster's resources begins with, at most 30 characters.
#[must_use]
pub fn prefix(cluster: &Cluster, pins: &Pins) -> String {
    prefix_of(&cluster.name, &cluster.region.name, project(pins))
}

/// The same, of a project.
#[must_use]
pub fn prefix_of(cluster: &str, region: &str, project: &str) -> String {
    format!("{}-{}", cut(cluster, 23), digest_of_place(cluster, region, project, 6))
}

/// Name of a resource: the prefix and what it is. What would be too long is cut and told apart by a digest.
#[must_use]
pub fn name(cluster: &Cluster, pins: &Pins, what: &str) -> String {
    let prefix = prefix(cluster, pins);
    let long = format!("{prefix}-{what}");
    if long.len() <= NAME {
        return long;
    }
    let tail = format!("-{}", digest(what, 6));
    format!("{}{tail}", cut(&long, NAME - tail.len()))
}

/// Part of a service account's address before the `@`: 6 to 30 characters (IAM API, `accountId`).
#[must_use]
pub fn account_id(cluster: &Cluster, pins: &Pins, role: &str) -> String {
    format!("{}-{role}", account_prefix(&cluster.name, &cluster.region.name, project(pins)))
}

/// What the addresses of all service accounts of a cluster begin with, before a hyphen.
#[must_use]
pub fn account_prefix(cluster: &str, region: &str, project: &str) -> String {
    format!("{}-{}", cut(cluster, 15), digest_of_place(cluster, region, project, 6))
}

/// Name of the bootstrap bucket.
#[must_use]
pub fn bucket_name(cluster: &Cluster, pins: &Pins) -> String {
    bucket_name_of(&cluster.name, &cluster.region.name, project(pins))
}

/// The same, of a project.
#[must_use]
pub fn bucket_name_of(cluster: &str, region: &str, project: &str) -> String {
    format!("meridian-{}-{}", cut(cluster, 30), digest_of_place(cluster, region, project, 12))
}

/// Path of a resource of the cluster's region.
#[must_use]
pub fn regional(cluster: &Cluster, pins: &Pins, collection: &str, name: &str) -> String {
    format!("projects/{}/regions/{}/{collection}/{name}", project(pins), cluster.region.name)
}

/// Path of a resource that stands in no region.
#[must_use]
pub fn global(pins: &Pins, collection: &str, name: &str) -> String {
    format!("projects/{}/global/{collection}/{name}", project(pins))
}

/// The labels that a resource has of its own: the cluster's.
#[must_use]
pub fn labels(cluster: &Cluster) -> Labels {
    cluster.labels.clone()
}

/// What tells a cluster's names apart from those of other projects and regions. Of a project that is not known, a placeholder:
/// a digest would look like the name of something that there will never be.
fn digest_of_place(cluster: &str, region: &str, project: &str, digits: usize) -> String {
    match project {
        UNKNOWN_PROJECT => "x".repeat(digits),
        project => digest(&format!("{project}/{region}/{cluster}"), digits),
    }
}

/// The first `length` characters, without a hyphen at their end. Names of clusters are ASCII.
pub(crate) fn cut(text: &str, length: usize) -> &str {
    text.get(..length).unwrap_or(text).trim_end_matches('-')
}

/// The first `digits` hexadecimal digits of the SHA-256.
pub(crate) fn digest(text: &str, digits: usize) -> String {
    let hex = Sha256::digest(text.as_bytes());
    let digit = |half: u8| char::from_digit(half.into(), 16);
    hex.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(digit).take(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::fixture;

    #[test]
    fn names_keep_to_the_limits() {
        let mut cluster = fixture::cluster();
        let pins = Pins::new();
        let long = "a".repeat(22) + "-" + &"b".repeat(40);
        for text in ["x", "prod-eu", &long] {
            text.clone_into(&mut cluster.name);
            assert!(prefix(&cluster, &pins).len() <= 30);
            for what in ["main", &"p".repeat(63)] {
                let name = name(&cluster, &pins, what);
                assert!(name.len() <= 63 && !name.contains("--") && !name.ends_with('-'), "{name}");
            }
            assert!((6..=30).contains(&account_id(&cluster, &pins, "cp").len()));
            assert!((3..=63).contains(&bucket_name(&cluster, &pins).len()));
        }
    }

    #[test]
    fn two_regions_have_two_names() {
        assert_ne!(prefix_of("demo", "europe-west1", "p"), prefix_of("demo", "europe-west4", "p"));
        assert_eq!(digest("", 8), "e3b0c442");
    }
}
