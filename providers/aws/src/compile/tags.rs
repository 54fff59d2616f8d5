//! Tags that Kubernetes looks for.

use meridian_spec::cluster::Cluster;

use super::names::tags;
use crate::client::Tags;

/// A resource's own tags, and the one by which Kubernetes' cloud controllers know what belongs to the cluster
/// (cloud-provider-aws, "Prerequisites": `kubernetes.io/cluster/<name>`).
pub(super) fn for_kubernetes(cluster: &Cluster, name: &str) -> Tags {
    let mut tags = tags(cluster, name);
    tags.insert(format!("kubernetes.io/cluster/{}", cluster.name), "owned".to_owned());
    tags
}
