//! The storage account, the bootstrap container and the cluster's keys in it.

use meridian_engine::Graph;
use meridian_node::SECRETS;
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::Cluster;

use super::names::{BOOTSTRAP, resource_group, storage_account, tags};
use crate::bootstrap::storage_account::protected;
use crate::bootstrap::{ClusterSecret, Container, container};

pub(super) fn bootstrap(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let has_zones = !cluster.network.zones.is_empty();
    let account = protected(resource_group(cluster, pins)?, storage_account(cluster, pins), has_zones, tags(cluster));
    let account = graph.add(BOOTSTRAP, account)?;
    let container = graph.add(BOOTSTRAP, Container { account, name: container::NAME.to_owned(), public: false })?;
    for secret in &SECRETS {
        graph.add(secret.name, ClusterSecret::of(container.clone(), secret))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use meridian_engine::Value;

    use super::*;
    use crate::compile::fixture;

    fn compiled(cluster: &Cluster) -> Graph {
        let mut graph = Graph::new();
        bootstrap(cluster, &Pins::new(), &mut graph).unwrap();
        graph
    }

    #[test]
    fn no_plan_holds_a_key() {
        let graph = compiled(&fixture::cluster());
        assert_eq!(graph.iter().filter(|node| node.address.kind() == "azure_cluster_secret").count(), SECRETS.len());
        for node in graph.iter() {
            assert!(!format!("{:?}", node.fields).contains("PRIVATE"));
        }
    }

    #[test]
    fn the_account_is_open_to_roles_alone() {
        let graph = compiled(&fixture::cluster());
        let account = graph.get(&"azure_storage_account.bootstrap".parse().unwrap()).unwrap();
        for (field, value) in [("public_containers", false), ("shared_keys", false), ("https_only", true)] {
            assert_eq!(account.fields[field], Value::Bool(value), "{field}");
        }
    }
}
