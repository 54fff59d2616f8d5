//! Worker pools: what their machines are made from, and the group that makes them.

use meridian_engine::field::Set;
use meridian_engine::{Address, Graph, Ref, Resource as _};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, Pool, Topology};

use super::control_plane::{TOKENS, key_pair};
use super::machine;
use super::network::subnet;
use super::tags::for_kubernetes;
use crate::client::{ADDRESS_TAG, CLUSTER_TAG, Tags};
use crate::compute::autoscaling_group::Mixed;
use crate::compute::launch_template::Disk;
use crate::compute::{AutoscalingGroup, LaunchTemplate, image};

/// No pod with a network of its own can ask the metadata service, and so act as its node.
const HOPS: i32 = 1;

/// Time for a machine to boot before its status checks count.
const GRACE_SECONDS: i32 = 300;

/// Longest key of a tag (EC2 User Guide, "Tag restrictions").
const KEY_LIMIT: usize = 128;

pub(super) fn pools(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    for pool in &cluster.pools {
        let devices = devices(pool)?;
        let (boot, bundle) = machine::worker(cluster, pins, graph, pool, &devices)?;
        let root = Disk { device: image::root_device(&pool.machine, pins), size_gib: pool.root_volume_gib };
        let volumes =
            pool.volumes.iter().zip(devices).map(|(volume, device)| Disk { device, size_gib: volume.size_gib });
        let template = graph.add(
            &pool.name,
            LaunchTemplate {
                name: format!("{}.{}", pool.name, cluster.name),
                image: image::image(&pool.machine, pins),
                instance_type: pool.machine.native_type.clone(),
                instance_profile: Ref::to("workers")?,
                key_pair: key_pair(cluster)?,
                security_groups: Set(vec![Ref::to("workers")?]),
                public_address: cluster.network.topology == Topology::Public,
                disks: std::iter::once(root).chain(volumes).collect(),
                metadata_tokens: TOKENS.to_owned(),
                metadata_hop_limit: HOPS,
                user_data_sha256: boot.sha256,
                user_data: Some(boot.user_data),
                machine_tags: machine_tags(cluster, pool)?,
                tags: for_kubernetes(cluster, &pool.name),
            },
        )?;
        let subnets = pool.subnets.iter().map(|name| subnet(cluster, name)).collect::<Result<_, _>>()?;
        graph.add(
            &pool.name,
            AutoscalingGroup {
                name: format!("{}.{}", pool.name, cluster.name),
                template_version: template.attribute("version"),
                template,
                mixed: mixed(pool),
                min: bound(pool.min),
                max: bound(pool.max),
                subnets: Set(subnets),
                capacity_rebalance: pool.spot.is_some(),
                health_check_grace_seconds: GRACE_SECONDS,
                bundle: Some(bundle),
                tags: group_tags(cluster, pool),
            },
        )?;
    }
    Ok(())
}

/// The names under which a pool's volumes are attached (EC2 User Guide, "Device names for volumes": `f` to `p`); `f` is
/// what slots have their data under, and is left out so that a name means one thing.
fn devices(pool: &Pool) -> Result<Vec<String>, CompileError> {
    let names: Vec<String> = ('g'..='p').map(|letter| format!("/dev/sd{letter}")).collect();
    names.get(..pool.volumes.len()).map(<[String]>::to_vec).ok_or_else(|| {
        CompileError::Missing(format!("room for more than {} volumes in pool `{}`", names.len(), pool.name))
    })
}

/// Several types or spot machines need a policy; otherwise the template says it all.
fn mixed(pool: &Pool) -> Option<Mixed> {
    if pool.spot.is_none() && pool.alternatives.is_empty() {
        return None;
    }
    let (on_demand_base, on_demand_percent) =
        pool.spot.as_ref().map_or((0, 100), |spot| (bound(spot.on_demand_base), bound(spot.on_demand_percent)));
    let instance_types = std::iter::once(&pool.machine.native_type).chain(&pool.alternatives).cloned().collect();
    Some(Mixed { instance_types, on_demand_base, on_demand_percent })
}

fn bound(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Machines that the group makes carry what ours carry, and the address of the group.
fn machine_tags(cluster: &Cluster, pool: &Pool) -> Result<Tags, CompileError> {
    let mut tags = for_kubernetes(cluster, &pool.name);
    tags.insert(CLUSTER_TAG.to_owned(), cluster.name.clone());
    tags.insert(ADDRESS_TAG.to_owned(), Address::new(AutoscalingGroup::SCHEMA.kind, &pool.name)?.to_string());
    Ok(tags)
}

/// By these the cluster autoscaler finds its groups, and knows of an empty one what its nodes would be like
/// (cluster-autoscaler, "Auto-Discovery Setup"). A hint that makes no valid tag is left out: without it, only a group
/// that is scaled to zero is misjudged.
fn group_tags(cluster: &Cluster, pool: &Pool) -> Tags {
    const PREFIX: &str = "k8s.io/cluster-autoscaler";
    let mut tags = for_kubernetes(cluster, &pool.name);
    tags.insert(format!("{PREFIX}/enabled"), "true".to_owned());
    tags.insert(format!("{PREFIX}/{}", cluster.name), "owned".to_owned());
    let labels = pool.labels.iter().map(|(key, value)| (format!("{PREFIX}/node-template/label/{key}"), value.clone()));
    let taints = pool.taints.iter().map(|taint| {
        (format!("{PREFIX}/node-template/taint/{}", taint.key), format!("{}:{}", taint.value, taint.effect))
    });
    tags.extend(labels.chain(taints).filter(|(key, _)| key.len() <= KEY_LIMIT));
    tags
}

#[cfg(test)]
mod tests {
    use meridian_engine::Value;
    use meridian_spec::cluster::{Spot, Taint, Volume};

    use super::*;
    use crate::compile::{compile, fixture};

    fn field(cluster: &Cluster, address: &str, field: &str) -> Value {
        let graph = compile(cluster, &Pins::new()).unwrap().graph;
        graph.get(&address.parse().unwrap()).unwrap().fields[field].clone()
    }

    #[test]
    fn a_plain_pool_needs_no_policy() {
        let cluster = fixture::cluster();
        assert_eq!(field(&cluster, "aws_autoscaling_group.general", "mixed"), Value::Null);
        assert_eq!(
            field(&cluster, "aws_autoscaling_group.general", "template_version").to_json(),
            serde_json::Value::Null
        );
        assert_eq!(field(&cluster, "aws_launch_template.general", "public_address"), Value::Bool(false));
    }

    #[test]
    fn spot_machines_come_by_preference_and_are_rebalanced() {
        let mut cluster = fixture::cluster();
        cluster.pools[0].alternatives = vec!["m6i.xlarge".to_owned()];
        cluster.pools[0].spot = Some(Spot { on_demand_base: 1, on_demand_percent: 20 });
        assert_eq!(
            field(&cluster, "aws_autoscaling_group.general", "mixed").to_json(),
            serde_json::json!({
                "instance_types": ["m7i.xlarge", "m6i.xlarge"],
                "on_demand_base": 1,
                "on_demand_percent": 20,
            })
        );
        assert_eq!(field(&cluster, "aws_autoscaling_group.general", "capacity_rebalance"), Value::Bool(true));
    }

    #[test]
    fn a_volume_is_attached_as_the_bundle_looks_for_it() {
        let mut cluster = fixture::cluster();
        cluster.pools[0].volumes =
            vec![Volume { name: "scratch".to_owned(), size_gib: 100, mount: "/mnt/scratch".to_owned() }];
        assert_eq!(
            field(&cluster, "aws_launch_template.general", "disks").to_json()[1],
            serde_json::json!({ "device": "/dev/sdg", "size_gib": 100 })
        );
        let Value::String(bundle) = field(&cluster, "aws_s3_object.pool-general", "content") else { panic!("a text") };
        assert!(bundle.contains("mount_volume 'attached' 'sdg'"));
    }

    #[test]
    fn the_autoscaler_is_told_of_labels_and_taints_that_fit() {
        let mut cluster = fixture::cluster();
        let pool = &mut cluster.pools[0];
        pool.labels.insert("tier".to_owned(), "web".to_owned());
        pool.labels.insert(format!("{}/x", "a".repeat(120)), "y".to_owned());
        pool.taints.push(Taint { key: "gpu".to_owned(), value: String::new(), effect: "NoSchedule".to_owned() });
        let tags = group_tags(&cluster, &cluster.pools[0]);
        assert_eq!(tags["k8s.io/cluster-autoscaler/node-template/label/tier"], "web");
        assert_eq!(tags["k8s.io/cluster-autoscaler/node-template/taint/gpu"], ":NoSchedule");
        assert!(tags.keys().all(|key| key.len() <= KEY_LIMIT));
    }
}
