//! Names of what stands in a resource group, and of what has to be unique beyond it.
//!
//! Each is a function of cluster, region and subscription, so that what was made can be found again without a state.

use meridian_engine::Ref;
use meridian_provider_api::{ACCOUNT_PIN, CompileError, Pins};
use meridian_spec::cluster::Cluster;
use sha2::{Digest, Sha256};

use crate::client::Tags;
use crate::client::id::group;
use crate::network::ResourceGroup;

/// Name of the bootstrap container and account in their addresses.
pub const BOOTSTRAP: &str = "bootstrap";

/// Role of the load balancer in front of the API servers.
pub const API: &str = "api";

/// What stands for the subscription while it has not been looked up.
pub const UNKNOWN_SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";

/// The option of a spec that names a resource group of someone else's to build in.
pub const GROUP_OPTION: &str = "resourceGroup";

/// The subscription's id.
#[must_use]
pub fn subscription(pins: &Pins) -> &str {
    pins.get(ACCOUNT_PIN).map_or(UNKNOWN_SUBSCRIPTION, String::as_str)
}

/// The resource group that is named, and another's.
#[must_use]
pub fn existing_group(cluster: &Cluster) -> Option<&str> {
    cluster.provider_options.get(GROUP_OPTION).map(String::as_str)
}

/// Name of a cluster's own resource group.
#[must_use]
pub fn group_name_of(cluster: &str, region: &str) -> String {
    format!("meridian-{cluster}-{region}")
}

/// Name of the resource group that a cluster stands in.
#[must_use]
pub fn group_name(cluster: &Cluster) -> String {
    existing_group(cluster).map_or_else(|| group_name_of(&cluster.name, &cluster.region.name), str::to_owned)
}

/// The resource group that a cluster stands in: everything refers to it.
pub fn resource_group(cluster: &Cluster, pins: &Pins) -> Result<Ref<ResourceGroup>, CompileError> {
    Ok(match existing_group(cluster) {
        Some(name) => Ref::existing(group(subscription(pins), name)),
        None => Ref::to("main")?,
    })
}

/// Name of a resource inside of the group. In a group of someone else's there may be clusters of other regions, too.
#[must_use]
pub fn inside(cluster: &Cluster, what: &str) -> String {
    let region = existing_group(cluster).map(|_| cluster.region.name.as_str());
    inside_of(&cluster.name, region, what)
}

/// The same of a cluster's name, with the region that it stands in if the group is someone else's.
#[must_use]
pub fn inside_of(cluster: &str, region: Option<&str>, what: &str) -> String {
    match region {
        Some(region) => format!("{cluster}-{region}-{what}"),
        None => format!("{cluster}-{what}"),
    }
}

/// Name of a subnet inside of its network.
#[must_use]
pub fn subnet(cluster: &Cluster, name: &str) -> String {
    format!("{}-{name}", cluster.name)
}

/// Name of the storage account, at most 24 letters and digits. It is shared by all customers of a cloud, hence the digest.
#[must_use]
pub fn storage_account(cluster: &Cluster, pins: &Pins) -> String {
    let letters: String = cluster.name.chars().filter(char::is_ascii_alphanumeric).take(14).collect();
    let place = format!("{}/{}/{}", subscription(pins), cluster.region.name, cluster.name);
    let digits = (24 - "mer".len() - letters.len()).min(12);
    // Without a subscription, a digest would look like the name of an account that there will never be.
    let tail = if subscription(pins) == UNKNOWN_SUBSCRIPTION { "x".repeat(digits) } else { digest(&place, digits) };
    format!("mer{letters}{tail}")
}

/// What follows the name of a storage account in the name of the host that has its blobs (learn.microsoft.com, "Compare
/// Azure Government and global Azure" and "Azure China endpoints").
#[must_use]
pub fn blob_suffix(partition: &str) -> &'static str {
    match partition {
        "azure-china" => "blob.core.chinacloudapi.cn",
        "azure-usgov" => "blob.core.usgovcloudapi.net",
        _ => "blob.core.windows.net",
    }
}

/// The tags that a resource has of its own: the cluster's labels.
#[must_use]
pub fn tags(cluster: &Cluster) -> Tags {
    cluster.labels.clone()
}

/// The first `digits` hexadecimal digits of the SHA-256.
pub(crate) fn digest(text: &str, digits: usize) -> String {
    let hash = Sha256::digest(text.as_bytes());
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.filter_map(|digit| char::from_digit(digit.into(), 16)).take(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::fixture;

    #[test]
    fn names_keep_to_the_limits() {
        let mut cluster = fixture::cluster();
        for name in ["x", "prod-eu", &"a-".repeat(20)] {
            cluster.name = name.to_owned();
            let account = storage_account(&cluster, &Pins::new());
            assert!((11..=24).contains(&account.len()), "{account}");
            assert!(account.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{account}");
            assert!(group_name(&cluster).len() <= 90);
        }
        assert_eq!(digest("", 8), "e3b0c442");
    }

    #[test]
    fn clusters_of_one_name_do_not_meet() {
        let mut cluster = fixture::cluster();
        let known = Pins::from([(ACCOUNT_PIN.to_owned(), "s".to_owned())]);
        let here = storage_account(&cluster, &known);
        assert!(!here.contains('x') && storage_account(&cluster, &Pins::new()).ends_with("xxxxxxxxxxxx"));
        cluster.region.name = "northeurope".to_owned();
        assert_ne!(here, storage_account(&cluster, &known));
        cluster.provider_options.insert(GROUP_OPTION.to_owned(), "Shared".to_owned());
        assert_eq!(inside(&cluster, "main"), "demo-northeurope-main");
        let id = resource_group(&cluster, &Pins::new()).unwrap();
        assert_eq!(id.id().unwrap(), format!("/subscriptions/{UNKNOWN_SUBSCRIPTION}/resourceGroups/shared"));
    }
}
