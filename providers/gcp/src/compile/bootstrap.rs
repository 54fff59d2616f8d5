//! The bootstrap bucket and the cluster's keys in it.

use meridian_engine::{Graph, Ref};
use meridian_node::SECRETS;
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::Cluster;

use super::names::{bucket_name, labels};
use crate::bootstrap::{BOOTSTRAP, Bucket, ClusterSecret};

pub(super) fn bootstrap(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let bucket = Bucket::private(bucket_name(cluster, pins), &cluster.region.name, labels(cluster));
    let bucket = graph.add(BOOTSTRAP, bucket)?;
    for secret in &SECRETS {
        graph.add(secret.name, ClusterSecret::of(bucket.clone(), Ref::to(BOOTSTRAP)?, secret))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::fixture;

    #[test]
    fn the_bucket_holds_four_secrets_and_no_plan_holds_a_key() {
        let mut graph = Graph::new();
        bootstrap(&fixture::cluster(), &Pins::new(), &mut graph).unwrap();
        let addresses: Vec<String> = graph.iter().map(|node| node.address.to_string()).collect();
        assert_eq!(
            addresses,
            [
                "google_cluster_secret.cluster-ca",
                "google_cluster_secret.etcd-ca",
                "google_cluster_secret.front-proxy-ca",
                "google_cluster_secret.service-account",
                "google_storage_bucket.bootstrap",
            ]
        );
        for node in graph.iter() {
            assert!(!format!("{:?}", node.fields).contains("PRIVATE"));
        }
    }
}
