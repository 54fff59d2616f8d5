//! Worker pools: scale sets of machines.

use meridian_engine::field::Set;
use meridian_engine::{Graph, Ref};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, Pool, Topology};

use super::control_plane::trusted_launch;
use super::firewall::on_interface;
use super::identity::WORKERS;
use super::machine;
use super::names::{inside, resource_group, tags};
use super::network::subnet;
use crate::client::Tags;
use crate::compute::machine::{disk_type, image_family};
use crate::compute::scale_set::Mix;
use crate::compute::{ScaleSet, image, ssh};

/// Characters of what the host names of a set's machines begin with; six more follow (learn.microsoft.com, "Orchestration
/// modes for Virtual Machine Scale Sets").
const PREFIX: usize = 57;

pub(super) fn pools(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    for pool in &cluster.pools {
        let place =
            pool.subnets.first().ok_or_else(|| CompileError::Missing(format!("subnet of pool `{}`", pool.name)))?;
        let (boot, bundle) = machine::worker(cluster, pins, graph, pool)?;
        let image = image::image(&pool.machine, pins);
        graph.add(
            &pool.name,
            ScaleSet {
                group: resource_group(cluster, pins)?,
                name: inside(cluster, &pool.name),
                hostname_prefix: hostname_prefix(cluster, pool),
                sizes: std::iter::once(&pool.machine.native_type).chain(&pool.alternatives).cloned().collect(),
                zones: Set(pool.zones.clone()),
                image_family: image_family(&image),
                image,
                trusted_launch: trusted_launch(&pool.machine),
                identity: Ref::to(WORKERS)?,
                ssh_public_key: ssh::key(cluster.ssh_public_key.as_deref()),
                subnet: subnet(cluster, place)?,
                security_groups: Set(vec![Ref::to(WORKERS)?]),
                network_security_group: on_interface(cluster, place)?,
                public_address: cluster.network.topology == Topology::Public,
                root_volume_gib: pool.root_volume_gib,
                volume_type: volume_type(pool).to_owned(),
                volumes_gib: pool.volumes.iter().map(|volume| volume.size_gib).collect(),
                spot: pool.spot.is_some(),
                mix: pool.spot.as_ref().map(|spot| Mix {
                    on_demand_base: count(spot.on_demand_base),
                    on_demand_percent: count(spot.on_demand_percent),
                }),
                min: pool.min,
                max: pool.max,
                user_data_sha256: boot.sha256,
                user_data: Some(boot.user_data),
                bundle: Some(bundle),
                tags: pool_tags(cluster, pool),
            },
        )?;
    }
    Ok(())
}

/// Disks that every size of the pool takes.
fn volume_type(pool: &Pool) -> &'static str {
    let types = std::iter::once(&pool.machine.native_type).chain(&pool.alternatives).map(|size| disk_type(size));
    // The lesser of the two has the greater name.
    types.max().unwrap_or_default()
}

fn hostname_prefix(cluster: &Cluster, pool: &Pool) -> String {
    let long = format!("{}-{}", cluster.name, pool.name);
    let cut = long.get(..PREFIX).unwrap_or(&long).trim_end_matches('-');
    format!("{cut}-")
}

fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// By these the cluster autoscaler finds its sets and their bounds, and knows of an empty one what its nodes would be like
/// (cluster-autoscaler, "Auto-Discovery Setup" of Azure). Keys of tags hold no slash: the autoscaler takes an underscore
/// for one, and `~2` for an underscore.
fn pool_tags(cluster: &Cluster, pool: &Pool) -> Tags {
    const TEMPLATE: &str = "k8s.io_cluster-autoscaler_node-template";
    let written = |key: &str| key.replace('_', "~2").replace('/', "_");
    let mut all = tags(cluster);
    all.insert("cluster-autoscaler-enabled".to_owned(), "true".to_owned());
    all.insert("cluster-autoscaler-name".to_owned(), cluster.name.clone());
    all.insert("min".to_owned(), pool.min.to_string());
    all.insert("max".to_owned(), pool.max.to_string());
    let labels = pool.labels.iter().map(|(key, value)| (format!("{TEMPLATE}_label_{}", written(key)), value.clone()));
    let taints = pool.taints.iter().map(|taint| {
        (format!("{TEMPLATE}_taint_{}", written(&taint.key)), format!("{}:{}", taint.value, taint.effect))
    });
    all.extend(labels.chain(taints));
    all
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
    fn spot_machines_stand_beside_those_on_demand() {
        let mut cluster = fixture::cluster();
        let set = "azure_virtual_machine_scale_set.general";
        assert_eq!(field(&cluster, set, "mix"), Value::Null);
        cluster.pools[0].alternatives = vec!["Standard_D4_v5".to_owned()];
        cluster.pools[0].spot = Some(Spot { on_demand_base: 1, on_demand_percent: 20 });
        assert_eq!(
            field(&cluster, set, "mix").to_json(),
            serde_json::json!({ "on_demand_base": 1, "on_demand_percent": 20 })
        );
        assert_eq!(field(&cluster, set, "volume_type"), Value::String("StandardSSD_LRS".to_owned()), "for all sizes");
    }

    #[test]
    fn a_volume_is_attached_as_the_bundle_looks_for_it() {
        let mut cluster = fixture::cluster();
        cluster.pools[0].volumes =
            vec![Volume { name: "scratch".to_owned(), size_gib: 100, mount: "/mnt/scratch".to_owned() }];
        assert_eq!(
            field(&cluster, "azure_virtual_machine_scale_set.general", "volumes_gib").to_json(),
            serde_json::json!([100])
        );
        let Value::String(bundle) = field(&cluster, "azure_storage_blob.pool-general", "content") else {
            panic!("a text")
        };
        assert!(bundle.contains("mount_volume 'lun' '0'"));
    }

    #[test]
    fn the_autoscaler_is_told_of_bounds_labels_and_taints() {
        let mut cluster = fixture::cluster();
        let pool = &mut cluster.pools[0];
        pool.labels.insert("example.com/my_tier".to_owned(), "web".to_owned());
        pool.taints.push(Taint { key: "gpu".to_owned(), value: String::new(), effect: "NoSchedule".to_owned() });
        let tags = pool_tags(&cluster, &cluster.pools[0]);
        assert_eq!(tags["k8s.io_cluster-autoscaler_node-template_label_example.com_my~2tier"], "web");
        assert_eq!(tags["k8s.io_cluster-autoscaler_node-template_taint_gpu"], ":NoSchedule");
        assert_eq!((tags["min"].as_str(), tags["max"].as_str()), ("3", "9"));
        assert!(tags.keys().all(|key| !key.contains('/')));
    }

    #[test]
    fn host_names_fit() {
        let mut cluster = fixture::cluster();
        cluster.name = "a".repeat(40);
        cluster.pools[0].name = "b".repeat(30);
        let prefix = hostname_prefix(&cluster, &cluster.pools[0]);
        assert!(prefix.len() <= PREFIX + 1 && prefix.ends_with('-'));
    }
}
