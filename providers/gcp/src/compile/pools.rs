//! Worker pools: what their machines are made from, and the group that makes them.

use meridian_engine::field::Set;
use meridian_engine::{Graph, Ref};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, Pool, Topology};

use super::machine;
use super::names::{self, cut, digest};
use super::network::subnet_of;
use crate::bootstrap::BOOTSTRAP;
use crate::compute::instance_group_manager::NAME;
use crate::compute::instance_template::TemplateDisk;
use crate::compute::{InstanceGroupManager, InstanceTemplate, image, root_disk_type};

/// The group leaves machines that run alone: it would replace them without draining.
const UPDATES: &str = "OPPORTUNISTIC";

pub(super) fn pools(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    for pool in &cluster.pools {
        let (boot, bundle) = machine::worker(cluster, pins, graph, pool)?;
        let subnet = pool.subnets.first().ok_or_else(|| CompileError::Missing(format!("subnet of `{}`", pool.name)))?;
        let base = base_name(cluster, pins, pool);
        let template = InstanceTemplate {
            base: base.clone(),
            machine_type: pool.machine.native_type.clone(),
            subnetwork: subnet_of(cluster, pins, subnet)?,
            public_address: cluster.network.topology == Topology::Public,
            service_account: Ref::to("workers")?,
            disks: disks(pool, pins),
            spot: pool.spot.is_some(),
            secure_boot: machine::secure_boot(&pool.machine),
            hardened: true,
            ssh_keys: machine::ssh_keys(cluster),
            user_data_sha256: boot.sha256,
            user_data: Some(boot.user_data),
            labels: names::labels(cluster),
        };
        let template = graph.add(&pool.name, template)?;
        graph.add(
            &pool.name,
            InstanceGroupManager {
                name: base,
                template,
                machine_type: Some(pool.machine.native_type.clone()),
                alternatives: pool.alternatives.clone(),
                min: bound(pool.min),
                max: bound(pool.max),
                zones: Set(pool.zones.clone()),
                update_type: UPDATES.to_owned(),
                bundle: Some(bundle),
                access: Some(Ref::to(BOOTSTRAP)?),
            },
        )?;
    }
    Ok(())
}

/// What the names of a pool's template, group and machines begin with; each adds something to it.
fn base_name(cluster: &Cluster, pins: &Pins, pool: &Pool) -> String {
    let long = names::name(cluster, pins, &format!("pool-{}", pool.name));
    if long.len() <= NAME {
        return long;
    }
    let tail = format!("-{}", digest(&pool.name, 6));
    format!("{}{tail}", cut(&long, NAME - tail.len()))
}

/// The machine's own disk, and one for each volume of the pool, attached under the volume's name.
fn disks(pool: &Pool, pins: &Pins) -> Vec<TemplateDisk> {
    let disk = |device: &str, size_gib, image| TemplateDisk {
        device: device.to_owned(),
        size_gib,
        disk_type: root_disk_type(&pool.machine.native_type).to_owned(),
        image,
    };
    let root = disk("meridian-root", pool.root_volume_gib, Some(image::image(&pool.machine, pins)));
    let volumes = pool.volumes.iter().map(|volume| disk(&volume.name, volume.size_gib, None));
    std::iter::once(root).chain(volumes).collect()
}

fn bound(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use meridian_engine::Value;
    use meridian_spec::cluster::{Spot, Volume};

    use super::*;
    use crate::compile::{compile, fixture};

    fn field(cluster: &Cluster, address: &str, field: &str) -> Value {
        let graph = compile(cluster, &Pins::new()).unwrap().graph;
        graph.get(&address.parse().unwrap()).unwrap().fields[field].clone()
    }

    #[test]
    fn bounds_are_the_groups_and_no_other_template() {
        let mut cluster = fixture::cluster();
        let template = |cluster: &Cluster| {
            let graph = compile(cluster, &Pins::new()).unwrap().graph;
            graph.get(&"google_compute_instance_template.general".parse().unwrap()).unwrap().fields.clone()
        };
        let before = template(&cluster);
        cluster.pools[0].max += 1;
        assert_eq!(template(&cluster), before);
        cluster.pools[0].spot = Some(Spot { on_demand_base: 0, on_demand_percent: 0 });
        assert_eq!((&before["spot"], &template(&cluster)["spot"]), (&Value::Bool(false), &Value::Bool(true)));
    }

    #[test]
    fn a_volume_is_attached_as_the_bundle_looks_for_it() {
        let mut cluster = fixture::cluster();
        cluster.pools[0].volumes =
            vec![Volume { name: "scratch".to_owned(), size_gib: 100, mount: "/mnt/scratch".to_owned() }];
        let disks = field(&cluster, "google_compute_instance_template.general", "disks").to_json();
        assert_eq!(
            disks[1],
            serde_json::json!({ "device": "scratch", "size_gib": 100, "disk_type": "pd-balanced", "image": null })
        );
        let bundle = field(&cluster, "google_storage_bucket_object.pool-general", "content");
        assert!(bundle.as_str().unwrap().contains("mount_volume 'path' '/dev/disk/by-id/google-scratch'"));
    }

    #[test]
    fn names_leave_room_and_stay_apart() {
        let mut cluster = fixture::cluster();
        "a".repeat(23).clone_into(&mut cluster.name);
        let mut names = std::collections::BTreeSet::new();
        for last in ["a", "b"] {
            cluster.pools[0].name = "p".repeat(40) + last;
            let name = base_name(&cluster, &Pins::new(), &cluster.pools[0]);
            assert!(name.len() <= NAME && !name.contains("--"), "{name}");
            names.insert(name);
        }
        assert_eq!(names.len(), 2);
    }
}
