//! The bootstrap bucket and the cluster's keys in it.

use meridian_engine::Graph;
use meridian_node::SECRETS;
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::Cluster;
use serde_json::json;

use super::names::{BOOTSTRAP, bucket_name, tags};
use crate::bootstrap::bucket::settings;
use crate::bootstrap::{Bucket, ClusterSecret};

pub(super) fn bootstrap(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let name = bucket_name(cluster, pins);
    let policy = policy(&cluster.region.partition, &name);
    let own = tags(cluster, BOOTSTRAP);
    let bucket = graph
        .add(BOOTSTRAP, Bucket { name, settings: settings(&policy, &own), policy: Some(policy), tags: Some(own) })?;
    for secret in &SECRETS {
        graph.add(secret.name, ClusterSecret::of(bucket.clone(), secret))?;
    }
    Ok(())
}

/// Nobody may talk to the bucket in the clear.
fn policy(partition: &str, bucket: &str) -> String {
    let arn = format!("arn:{partition}:s3:::{bucket}");
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "DenyInTheClear",
            "Effect": "Deny",
            "Principal": "*",
            // Actions know no case (IAM user guide, "Action"). moto, which matches it, would refuse every call by a
            // condition that does not apply.
            "Action": "S3:*",
            "Resource": [arn, format!("{arn}/*")],
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        }],
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::fixture;

    #[test]
    fn the_bucket_holds_four_secrets() {
        let mut graph = Graph::new();
        bootstrap(&fixture::cluster(), &Pins::new(), &mut graph).unwrap();
        graph.check().unwrap();
        let addresses: Vec<String> = graph.iter().map(|node| node.address.to_string()).collect();
        assert_eq!(
            addresses,
            [
                "aws_cluster_secret.cluster-ca",
                "aws_cluster_secret.etcd-ca",
                "aws_cluster_secret.front-proxy-ca",
                "aws_cluster_secret.service-account",
                "aws_s3_bucket.bootstrap",
            ]
        );
    }

    #[test]
    fn no_plan_holds_a_key() {
        let mut graph = Graph::new();
        bootstrap(&fixture::cluster(), &Pins::new(), &mut graph).unwrap();
        for node in graph.iter() {
            assert!(!format!("{:?}", node.fields).contains("PRIVATE"));
        }
    }
}
