//! Who the machines are, and the least that they must be allowed.

use meridian_engine::{Graph, Ref};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::Cluster;
use meridian_templates::ClusterObjects;

use super::names::{self, BOOTSTRAP, inside, resource_group};
use crate::bootstrap::object;
use crate::identity::role_assignment::{CONTRIBUTOR, READER, Role, name as assignment_name};
use crate::identity::{RoleAssignment, UserAssignedIdentity, condition};

/// Names of the identities.
pub(super) const CONTROL_PLANE: &str = "control-plane";
pub(super) const WORKERS: &str = "workers";

/// Where the cluster's keys are.
const KEYS: &str = "pki/";

pub(super) fn identity(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let token = ClusterObjects::at_root().join_token();
    let slots = cluster.control_plane.slots.iter().map(|slot| object::prefix(&slot.name));
    let pools = cluster.pools.iter().map(|pool| object::prefix(&format!("pool-{}", pool.name)));
    // Slots read their bundles and the cluster's keys, and publish join tokens.
    let slots: Vec<String> = slots.chain([KEYS.to_owned()]).collect();
    let control_plane = [(READER, condition::reading(&slots, &[])), (CONTRIBUTOR, condition::writing(token.as_str()))];
    // Workers read their bundles and the join token, never a key.
    let pools: Vec<String> = pools.collect();
    let workers = [(READER, condition::reading(&pools, &[token.as_str()]))];
    assign(cluster, pins, graph, CONTROL_PLANE, control_plane)?;
    assign(cluster, pins, graph, WORKERS, workers)
}

fn assign(
    cluster: &Cluster,
    pins: &Pins,
    graph: &mut Graph,
    name: &str,
    roles: impl IntoIterator<Item = (Role, String)>,
) -> Result<(), CompileError> {
    let identity = graph.add(
        name,
        UserAssignedIdentity {
            group: resource_group(cluster, pins)?,
            name: inside(cluster, name),
            tags: names::tags(cluster),
        },
    )?;
    for (role, condition) in roles {
        graph.add(
            &assignment_name(name, &role),
            RoleAssignment {
                scope: Ref::to(BOOTSTRAP)?,
                principal: identity.attribute("principal_id"),
                role: role.definition.to_owned(),
                condition,
                identity: Some(identity.clone()),
            },
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use meridian_engine::Value;

    use super::*;
    use crate::compile::{compile, fixture};

    fn condition(name: &str) -> String {
        let graph = compile(&fixture::cluster(), &Pins::new()).unwrap().graph;
        let address = format!("azure_role_assignment.{name}").parse().unwrap();
        let Value::String(text) = &graph.get(&address).unwrap().fields["condition"] else { panic!("a text") };
        text.clone()
    }

    #[test]
    fn workers_may_read_no_key_and_write_nothing() {
        let workers = condition("workers-read");
        assert!(!workers.contains(KEYS), "{workers}");
        assert!(workers.contains("'nodes/pool-general/*'") && workers.contains("'join/token'"), "{workers}");
        let graph = compile(&fixture::cluster(), &Pins::new()).unwrap().graph;
        assert!(graph.get(&"azure_role_assignment.workers-write".parse().unwrap()).is_none());
    }

    #[test]
    fn slots_read_keys_and_publish_one_blob() {
        assert!(condition("control-plane-read").contains("StringLike 'pki/*'"));
        let write = condition("control-plane-write");
        assert!(write.contains("StringEquals 'join/token'") && !write.contains(KEYS), "{write}");
    }
}
