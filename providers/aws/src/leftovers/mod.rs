//! What Kubernetes' own controllers made for the cluster and would leave behind: load balancers of services, volumes of
//! claims, security groups. Looked for at `destroy` only, and only ever removed.
//!
//! Known by the tags that the controllers put on (cloud-provider-aws and aws-ebs-csi-driver:
//! `kubernetes.io/cluster/<name>: owned`; aws-load-balancer-controller: `elbv2.k8s.aws/cluster: <name>`). What carries
//! our own tag is ours and not among them.

pub mod classic_load_balancer;
pub mod load_balancer;
pub mod security_group;
pub mod target_group;
pub mod volume;

pub use classic_load_balancer::KubernetesClassicLoadBalancer;
pub use load_balancer::KubernetesLoadBalancer;
pub use security_group::KubernetesSecurityGroup;
pub use target_group::KubernetesTargetGroup;
pub use volume::KubernetesVolume;

use aws_sdk_ec2::types::Filter;

use crate::client::{CLUSTER_TAG, Tags};

/// Whether these are the tags of something that a controller of the cluster made, and not of something that is shared
/// with it.
fn is_leftover(cluster: &str, tags: &Tags) -> bool {
    let value = |key: &str| tags.get(key).map(String::as_str);
    let owned = value(&tag_of(cluster)) == Some("owned") || value("elbv2.k8s.aws/cluster") == Some(cluster);
    owned && !tags.contains_key(CLUSTER_TAG)
}

fn tag_of(cluster: &str) -> String {
    format!("kubernetes.io/cluster/{cluster}")
}

/// What a controller has tagged as the cluster's. EC2 can't leave out in the same call what is ours.
fn filter(cluster: &str) -> Filter {
    Filter::builder().name(format!("tag:{}", tag_of(cluster))).values("owned").build()
}

/// The tags of a resource of EC2.
fn tags_of(tags: Option<&[aws_sdk_ec2::types::Tag]>) -> Tags {
    tags.unwrap_or_default()
        .iter()
        .map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_controller_of_this_cluster_made_is_left_over() {
        let tags = |tags: &[(&str, &str)]| tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert!(is_leftover("a", &tags(&[("kubernetes.io/cluster/a", "owned")])));
        assert!(is_leftover("a", &tags(&[("elbv2.k8s.aws/cluster", "a")])));
        assert!(!is_leftover("a", &tags(&[("kubernetes.io/cluster/a", "shared")])));
        assert!(!is_leftover("a", &tags(&[("kubernetes.io/cluster/b", "owned")])));
        assert!(!is_leftover("a", &tags(&[("kubernetes.io/cluster/a", "owned"), ("meridian:cluster", "a")])));
        assert!(!is_leftover("a", &Tags::new()));
    }
}
