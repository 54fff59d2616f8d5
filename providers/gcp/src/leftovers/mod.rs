//! What Kubernetes' own controllers made for the cluster and would leave behind: load balancers of services, disks of
//! claims, firewall rules. Looked for at `destroy` only, and only ever removed.
//!
//! The controllers name nothing after the cluster (cloud-provider-gcp names load balancers after the service's uid, and
//! describes them as `{"kubernetes.io/service-name": …}`; the disk driver describes a claim's disk likewise). So a thing is
//! the cluster's when it is in the cluster's own network or hangs on its machines. In a shared network only the latter
//! counts: what is there may be another cluster's. A disk that is attached to no machine is known by the cluster's label,
//! which the driver puts on when it is run with `--extra-labels=meridian-cluster=<name>`. What is described as ours is ours
//! and not among them.

pub mod backend_service;
pub mod disk;
pub mod firewall;
pub mod forwarding_rule;
pub mod health_check;
pub mod instance_group;
pub mod target_pool;

pub use backend_service::KubernetesBackendService;
pub use disk::KubernetesDisk;
pub use firewall::KubernetesFirewall;
pub use forwarding_rule::KubernetesForwardingRule;
pub use health_check::KubernetesHealthCheck;
pub use instance_group::KubernetesInstanceGroup;
pub use target_pool::KubernetesTargetPool;

use crate::client::Gcp;
use crate::compile::names;
use crate::gce::{last, path_of};

/// Path of the network that the cluster has when it has its own.
fn own_network(client: &Gcp) -> String {
    format!("projects/{}/global/networks/{}-main", client.project, prefix(client))
}

fn prefix(client: &Gcp) -> String {
    names::prefix_of(&client.cluster, &client.region, &client.project)
}

/// Whether a link leads to the cluster's own network.
fn is_own_network(client: &Gcp, link: Option<&str>) -> bool {
    link.is_some_and(|link| path_of(link) == own_network(client))
}

/// Whether a link leads to a machine of the cluster.
fn is_own_machine(client: &Gcp, link: &str) -> bool {
    client.is_named_ours(last(link))
}

/// How keys of controllers' descriptions begin: those of services and claims, and the disk driver's own, which is all that
/// it says unless it is run with `--extra-create-metadata`.
const KEYS: [&str; 2] = ["\"kubernetes.io/", "\"storage.gke.io/"];

/// Whether a controller of Kubernetes made it, by what it describes things as or names them.
fn is_theirs(name: Option<&str>, description: Option<&str>) -> bool {
    let described = description.is_some_and(|text| KEYS.iter().any(|key| text.contains(key)));
    described || name.is_some_and(|name| name.starts_with("k8s-") || name.starts_with("k8s2-"))
}

/// A value in a description, which is JSON.
fn described(description: Option<&str>, key: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(description?).ok()?;
    value.get(key)?.as_str().map(str::to_owned)
}

/// Key of the service that something is for.
const SERVICE: &str = "kubernetes.io/service-name";

/// The name in the address of something that has its name in a zone only.
fn zonal(path: &str) -> String {
    format!("{}/{}", crate::gce::location(path).unwrap_or_default(), last(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::testing::client;

    #[tokio::test]
    async fn only_what_is_the_clusters_is_left_over() {
        let client = client().await;
        let own = own_network(&client);
        assert!(is_own_network(&client, Some(&format!("https://www.googleapis.com/compute/v1/{own}"))));
        assert!(!is_own_network(&client, Some("projects/p/global/networks/default")));
        let machine = format!("projects/p/zones/z/instances/{}-pool-general-x1y2", prefix(&client));
        assert!(is_own_machine(&client, &machine) && !is_own_machine(&client, "projects/p/zones/z/instances/demo-x"));
    }

    #[test]
    fn controllers_are_known_by_their_descriptions_and_names() {
        let description = r#"{"kubernetes.io/service-name":"default/web"}"#;
        assert!(is_theirs(Some("a0123"), Some(description)) && is_theirs(Some("k8s-fw-a0123"), None));
        assert!(is_theirs(None, Some(r#"{"storage.gke.io/created-by":"pd.csi.storage.gke.io"}"#)));
        assert!(!is_theirs(Some("mine"), Some("mine")) && !is_theirs(None, None));
        assert_eq!(described(Some(description), SERVICE).as_deref(), Some("default/web"));
        assert_eq!(zonal("projects/p/zones/z/instanceGroups/g"), "z/g");
    }
}
