//! Who the machines are, and the least that they must be allowed.

use meridian_engine::Graph;
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::Cluster;

use super::names::{bucket_name, iam_name, iam_path, tags};
use crate::bootstrap::object;
use crate::identity::policy::{allow, document, machines_may_assume};
use crate::identity::role::settings;
use crate::identity::{InstanceProfile, Role};

/// Option that names a policy to bound every role by.
const BOUNDARY: &str = "permissionsBoundary";

pub(super) fn identity(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    for (name, policy) in [("control-plane", control_plane(cluster, pins)), ("workers", workers(cluster, pins))] {
        let path = format!("{}{name}/", iam_path(&cluster.name, &cluster.region.name));
        let own = tags(cluster, name);
        let boundary = cluster.provider_options.get(BOUNDARY).cloned();
        let role = graph.add(
            name,
            Role {
                name: iam_name(cluster, name),
                path: path.clone(),
                trust: machines_may_assume(&cluster.region.partition),
                policy,
                settings: settings(&own, boundary.as_deref()),
                tags: Some(own),
                permissions_boundary: boundary,
            },
        )?;
        graph.add(name, InstanceProfile { name: iam_name(cluster, name), path, role })?;
    }
    Ok(())
}

/// Slots read their bundles and the cluster's keys, and publish join tokens.
fn control_plane(cluster: &Cluster, pins: &Pins) -> String {
    let at = |key: &str| object_arn(cluster, pins, key);
    let slots = cluster.control_plane.slots.iter();
    let read =
        slots.map(|slot| at(&format!("{}*", object::prefix(&slot.name)))).chain([at("pki/*")]).collect::<Vec<_>>();
    document(&[
        allow("ReadBundlesAndKeys", &["s3:GetObject"], &read),
        allow("PublishJoinTokens", &["s3:PutObject"], &[at("join/*")]),
    ])
}

/// Workers read their bundles and the join token, never a key.
fn workers(cluster: &Cluster, pins: &Pins) -> String {
    let at = |key: &str| object_arn(cluster, pins, key);
    let pools = cluster.pools.iter();
    let read = pools.map(|pool| at(&format!("{}*", object::prefix(&format!("pool-{}", pool.name)))));
    let read: Vec<String> = read.chain([at("join/*")]).collect();
    document(&[allow("ReadBundlesAndJoinTokens", &["s3:GetObject"], &read)])
}

fn object_arn(cluster: &Cluster, pins: &Pins, key: &str) -> String {
    format!("arn:{}:s3:::{}/{key}", cluster.region.partition, bucket_name(cluster, pins))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::fixture;

    #[test]
    fn workers_may_read_no_key() {
        let pins = Pins::from([("account".to_owned(), "123456789012".to_owned())]);
        let policy = workers(&fixture::cluster(), &pins);
        assert!(!policy.contains("pki"), "{policy}");
        assert!(!policy.contains("Put"), "{policy}");
        assert!(policy.contains("/nodes/pool-general/*"), "{policy}");
        assert!(control_plane(&fixture::cluster(), &pins).contains("/pki/*"));
    }

    #[test]
    fn roles_are_bounded_when_the_spec_says_so() {
        let mut cluster = fixture::cluster();
        let settings = |cluster: &Cluster| {
            let mut graph = Graph::new();
            identity(cluster, &Pins::new(), &mut graph).unwrap();
            graph.check().unwrap();
            let address = "aws_iam_role.workers".parse().unwrap();
            graph.get(&address).unwrap().fields["settings"].clone()
        };
        let before = settings(&cluster);
        cluster.provider_options.insert(BOUNDARY.to_owned(), "arn:aws:iam::123456789012:policy/bound".to_owned());
        assert_ne!(settings(&cluster), before);
    }
}
