//! The slots: for each a disk that stays, and a machine that may be replaced, at an address that stays, too.

use meridian_engine::{Graph, Ref};
use meridian_node::settled;
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, Slot, Topology};

use super::network::subnet_of;
use super::{api, machine, names};
use crate::bootstrap::BOOTSTRAP;
use crate::compute::{Instance, image, root_disk_type, state_disk_type};
use crate::disk::Disk;
use crate::network::Address;

pub(super) fn control_plane(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let machine = &cluster.control_plane.machine;
    for slot in &cluster.control_plane.slots {
        let data_disk = disk(cluster, pins, graph, slot)?;
        let (boot, bundle) = machine::slot(cluster, pins, graph, slot)?;
        let public_address = match cluster.network.topology {
            Topology::Public => Some(Ref::<Address>::to(&format!("{}-public", slot.name))?.attribute("address")),
            Topology::Private => None,
        };
        graph.add(
            &slot.name,
            Instance {
                name: names::name(cluster, pins, &slot.name),
                zone: slot.zone.clone(),
                image: image::image(machine, pins),
                machine_type: machine.native_type.clone(),
                subnetwork: subnet_of(cluster, pins, &slot.subnet)?,
                private_address: Some(slot.address.to_string()),
                public_address,
                reservation: Some(Ref::to(&slot.name)?),
                service_account: Ref::to("control-plane")?,
                root_volume_gib: cluster.control_plane.root_volume_gib,
                root_volume_type: root_disk_type(&machine.native_type).to_owned(),
                data_disk: Some(data_disk),
                group: Some(api::group_of(slot)?),
                secure_boot: machine::secure_boot(machine),
                hardened: true,
                ssh_keys: machine::ssh_keys(cluster),
                user_data_sha256: boot.sha256,
                user_data: Some(boot.user_data),
                bundle: Some(bundle),
                access: Some(Ref::to(BOOTSTRAP)?),
                labels: names::labels(cluster),
            },
        )?;
    }
    Ok(())
}

fn disk(cluster: &Cluster, pins: &Pins, graph: &mut Graph, slot: &Slot) -> Result<Ref<Disk>, CompileError> {
    let disk = Disk {
        name: names::name(cluster, pins, &format!("{}-etcd", slot.name)),
        zone: slot.zone.clone(),
        size_gib: cluster.control_plane.etcd_volume_gib,
        disk_type: state_disk_type(&cluster.control_plane.machine.native_type).to_owned(),
        members: settled::members(cluster),
        settled: settled::settled(cluster),
        kubernetes: cluster.kubernetes.version.clone(),
        labels: names::labels(cluster),
    };
    Ok(graph.add(&slot.name, disk)?)
}

#[cfg(test)]
mod tests {
    use meridian_engine::Value;

    use super::*;
    use crate::compile::{compile, fixture};

    fn field<'a>(graph: &'a Graph, address: &str, field: &str) -> &'a Value {
        &graph.get(&address.parse().unwrap()).unwrap().fields[field]
    }

    #[test]
    fn a_slot_keeps_its_address_and_its_disk() {
        let graph = compile(&fixture::cluster(), &Pins::new()).unwrap().graph;
        assert_eq!(
            field(&graph, "google_compute_disk.control-plane-1", "members"),
            &Value::String(
                "control-plane-0=10.40.0.10,control-plane-1=10.40.0.11,control-plane-2=10.40.0.12".to_owned()
            )
        );
        let machine = graph.get(&"google_compute_instance.control-plane-1".parse().unwrap()).unwrap();
        assert_eq!(machine.fields["private_address"], Value::String("10.40.0.11".to_owned()));
        let depends_on: Vec<String> = machine.depends_on().iter().map(ToString::to_string).collect();
        assert_eq!(
            depends_on,
            [
                "google_compute_address.control-plane-1",
                "google_compute_disk.control-plane-1",
                "google_compute_instance_group.europe-west1-c",
                "google_compute_subnetwork.private",
                "google_service_account.control-plane",
                "google_storage_bucket_iam_policy.bootstrap",
                "google_storage_bucket_object.control-plane-1",
            ]
        );
        assert_eq!(machine.fields["image"], Value::String("unresolved:image/amd64".to_owned()));
    }

    #[test]
    fn only_public_slots_have_a_public_address() {
        let public = |cluster: &Cluster| {
            let graph = compile(cluster, &Pins::new()).unwrap().graph;
            field(&graph, "google_compute_instance.control-plane-0", "public_address").clone()
        };
        assert_eq!(public(&fixture::cluster()), Value::Null);
        assert!(matches!(public(&fixture::public()), Value::After(_)));
    }

    #[test]
    fn user_data_holds_no_secret_and_points_to_the_bundle() {
        let graph = compile(&fixture::cluster(), &Pins::new()).unwrap().graph;
        let text = |address: &str, name: &str| {
            let Value::String(text) = field(&graph, address, name) else { panic!("a text") };
            text.clone()
        };
        let user_data = text("google_compute_instance.control-plane-0", "user_data");
        let key = text("google_storage_bucket_object.control-plane-0", "key");
        assert!(
            user_data.starts_with("#cloud-config") && user_data.contains(&key) && !user_data.contains("PRIVATE KEY")
        );
        let bundle = text("google_storage_bucket_object.control-plane-0", "content");
        assert!(bundle.contains("mount_volume 'path' '/dev/disk/by-id/google-etcd'"));
    }

    #[test]
    fn the_key_is_for_the_images_user_and_has_no_comment() {
        let keys = machine::ssh_keys(&fixture::cluster()).unwrap();
        assert!(keys.starts_with("ubuntu:ssh-ed25519 ") && keys.split(' ').count() == 2, "{keys}");
    }
}
