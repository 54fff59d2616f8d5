//! Names that AWS wants to be unique or short, and the tags that everything carries.
//!
//! Each is a function of the cluster alone, so that what was made can be found again without a state.

use meridian_provider_api::{ACCOUNT_PIN, Pins};
use meridian_spec::cluster::Cluster;
use sha2::{Digest, Sha256};

use crate::client::Tags;

/// Name of the bucket in its address.
pub const BOOTSTRAP: &str = "bootstrap";

/// Role of the load balancer in front of the API servers.
pub const API: &str = "api";

/// What stands for the account while it has not been looked up.
pub const UNKNOWN_ACCOUNT: &str = "unresolved";

/// Name of the bootstrap bucket. Bucket names are shared by all customers of a partition, hence the digest.
#[must_use]
pub fn bucket_name(cluster: &Cluster, pins: &Pins) -> String {
    let account = pins.get(ACCOUNT_PIN).map_or(UNKNOWN_ACCOUNT, String::as_str);
    bucket_name_of(&cluster.name, &cluster.region.name, account)
}

/// The same, of an account.
#[must_use]
pub fn bucket_name_of(cluster: &str, region: &str, account: &str) -> String {
    let tail = match account {
        // A digest would look like the name of a bucket that there will never be.
        UNKNOWN_ACCOUNT => "x".repeat(12),
        account => digest(&format!("{account}/{region}/{cluster}"), 12),
    };
    format!("meridian-{}-{tail}", cut(cluster, 30))
}

/// IAM path below which the cluster's roles and instance profiles are. IAM is one for all regions, so the region is in.
#[must_use]
pub fn iam_path(cluster: &str, region: &str) -> String {
    format!("/meridian/{cluster}/{region}/")
}

/// Name of a role or instance profile, at most 64 characters; unique in the account.
#[must_use]
pub fn iam_name(cluster: &Cluster, role: &str) -> String {
    let Cluster { name, region, .. } = cluster;
    let long = format!("{name}-{}-{role}", region.name);
    if long.len() <= 64 {
        long
    } else {
        let tail = format!("-{role}-{}", digest(&format!("{name}/{}/{role}", region.name), 12));
        format!("{}{tail}", cut(name, 64 - tail.len()))
    }
}

/// Name of a load balancer or target group, at most 32 characters; unique in the account and region.
///
/// The prefix keeps a cluster's name that begins with `internal-` apart from what AWS reserves.
#[must_use]
pub fn lb_name(cluster: &str, role: &str) -> String {
    let tail = format!("-{role}-{}", digest(&format!("{cluster}/{role}"), 8));
    format!("mrd-{}{tail}", cut(cluster, 28usize.saturating_sub(tail.len())))
}

/// The tags that a resource has of its own: `Name`, and the cluster's labels.
#[must_use]
pub fn tags(cluster: &Cluster, name: &str) -> Tags {
    let mut tags = cluster.labels.clone();
    tags.insert("Name".to_owned(), format!("{name}.{}", cluster.name));
    tags
}

/// A digest of tags, for what is listed without them: it stands where the list shows it.
#[must_use]
pub fn digest_of_tags(tags: &Tags) -> String {
    // No tag holds a control character, so that two sets never read the same.
    let text = tags.iter().fold(String::new(), |text, (key, value)| format!("{text}{key}\u{1}{value}\u{2}"));
    digest(&text, 12)
}

/// The first `length` characters, without a hyphen at their end. Names of clusters are ASCII.
fn cut(text: &str, length: usize) -> &str {
    text.get(..length).unwrap_or(text).trim_end_matches('-')
}

/// The first `digits` hexadecimal digits of the SHA-256.
pub(crate) fn digest(text: &str, digits: usize) -> String {
    let mut hex = hex(&Sha256::digest(text.as_bytes()));
    hex.truncate(digits);
    hex
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_limits() {
        let long = "a".repeat(29) + "-" + &"b".repeat(33);
        for name in ["x", "prod-eu", &long, "internal-api"] {
            let bucket = bucket_name_of(name, "ap-southeast-1", "123456789012");
            assert!((3..=63).contains(&bucket.len()) && !bucket.contains("--"), "{bucket}");
            for role in ["api", "api-x"] {
                let lb = lb_name(name, role);
                assert!(lb.len() <= 32 && lb.starts_with("mrd-") && !lb.contains("--"), "{lb}");
            }
        }
        assert_ne!(lb_name("a-very-long-name-one", "api"), lb_name("a-very-long-name-two", "api"));
    }

    #[test]
    fn hexadecimal_digits_are_those_of_the_digest() {
        assert_eq!(digest("", 8), "e3b0c442");
        assert_eq!(hex(&[0, 15, 255]), "000fff");
    }
}
