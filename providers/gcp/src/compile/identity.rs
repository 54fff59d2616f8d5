//! Who the machines are, and the least that they must be allowed.

use meridian_engine::field::Set;
use meridian_engine::{Graph, Ref};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::Cluster;

use super::names::{account_id, bucket_name};
use crate::bootstrap::bucket_policy::Grant;
use crate::bootstrap::{BOOTSTRAP, BucketPolicy, object};
use crate::identity::ServiceAccount;

const CONTROL_PLANE: &str = "control-plane";
const WORKERS: &str = "workers";

/// Reading objects. It allows to list them, too, but no condition of ours holds for a whole bucket.
const VIEWER: &str = "roles/storage.objectViewer";
/// Writing objects, and writing over them.
const USER: &str = "roles/storage.objectUser";

pub(super) fn identity(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let bastion = cluster.bastion.iter().map(|_| ("bastion", "ba", "Bastion"));
    let machines = [(CONTROL_PLANE, "cp", "Control plane"), (WORKERS, "wk", "Workers")];
    for (name, role, title) in machines.into_iter().chain(bastion) {
        let account = ServiceAccount {
            account_id: account_id(cluster, pins, role),
            display_name: format!("{title} of {} in {}", cluster.name, cluster.region.name),
        };
        graph.add(name, account)?;
    }
    let policy =
        BucketPolicy { bucket: Ref::to(BOOTSTRAP)?, grants: Set(grants(cluster, pins)?), project_viewers: false };
    graph.add(BOOTSTRAP, policy)?;
    Ok(())
}

/// Slots read their bundles and the cluster's keys, and publish join tokens; workers read their bundles and the token,
/// and never a key. The bastion reads nothing.
fn grants(cluster: &Cluster, pins: &Pins) -> Result<Vec<Grant>, CompileError> {
    let below = |prefixes: &[String]| {
        let bucket = bucket_name(cluster, pins);
        let terms: Vec<String> = prefixes
            .iter()
            .map(|prefix| format!("resource.name.startsWith('projects/_/buckets/{bucket}/objects/{prefix}')"))
            .collect();
        terms.join(" || ")
    };
    let grant = |role: &str, member: &str, title: &str, prefixes: &[String]| {
        Ok::<_, CompileError>(Grant {
            role: role.to_owned(),
            member: Ref::to(member)?,
            title: title.to_owned(),
            expression: below(prefixes),
        })
    };
    let slots = cluster.control_plane.slots.iter().map(|slot| object::prefix(&slot.name));
    let secrets: Vec<String> = slots.chain(["pki/".to_owned()]).collect();
    // All pools are one identity; so it needs no term for each, of which a condition takes few.
    let bundles = [object::pools_prefix(), "join/".to_owned()];
    Ok(vec![
        grant(VIEWER, CONTROL_PLANE, "bundles and keys", &secrets)?,
        grant(USER, CONTROL_PLANE, "join tokens", &["join/".to_owned()])?,
        grant(VIEWER, WORKERS, "bundles and join tokens", &bundles)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::fixture;

    #[test]
    fn workers_may_read_no_key_and_write_nothing() {
        let grants = grants(&fixture::cluster(), &Pins::new()).unwrap();
        let of = |name: &str| {
            let member = Ref::<ServiceAccount>::to(name).unwrap();
            grants.iter().filter(|grant| grant.member == member).collect::<Vec<_>>()
        };
        let [workers] = of(WORKERS)[..] else { panic!("one grant") };
        assert_eq!(workers.role, VIEWER);
        assert!(!workers.expression.contains("pki") && workers.expression.contains("/objects/nodes/pool-'"));
        let slots = of(CONTROL_PLANE);
        assert!(slots[0].expression.contains("/objects/pki/'"));
        assert!(slots[1].expression.ends_with("/objects/join/')"));
    }

    #[test]
    fn a_condition_keeps_to_its_operators() {
        // Twelve logical operators (IAM, "Conditions": limits).
        for grant in grants(&fixture::cluster(), &Pins::new()).unwrap() {
            assert!(grant.expression.matches("||").count() <= 12);
            assert!(!grant.expression.contains("startsWith('projects/_/buckets//"));
        }
    }

    #[test]
    fn only_a_cluster_with_a_bastion_has_an_account_for_it() {
        let accounts = |cluster: &Cluster| {
            let mut graph = Graph::new();
            identity(cluster, &Pins::new(), &mut graph).unwrap();
            graph.iter().filter(|node| node.address.kind() == "google_service_account").count()
        };
        let mut cluster = fixture::cluster();
        assert_eq!(accounts(&cluster), 3);
        cluster.bastion = None;
        assert_eq!(accounts(&cluster), 2);
    }
}
