//! The slots: for each a network interface and a disk that stay, and a machine that may be replaced.

use meridian_engine::field::Set;
use meridian_engine::{Graph, Ref};
use meridian_node::settled;
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Architecture, Cluster, Machine, Slot, Topology};

use super::api::backend_pool;
use super::firewall::on_interface;
use super::identity::CONTROL_PLANE;
use super::machine;
use super::names::{inside, resource_group, tags};
use super::network::{public_ip, subnet};
use crate::compute::machine::disk_type;
use crate::compute::{AvailabilitySet, NetworkInterface, VirtualMachine, image, ssh};
use crate::disk::{Disk, managed_disk};

/// Racks of the set that keeps slots apart where there are no zones: as many as every region has.
const FAULT_DOMAINS: i32 = 2;
/// Parts of it that are maintained one after another: one for each slot of the largest control plane.
const UPDATE_DOMAINS: i32 = 5;

pub(super) fn control_plane(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let availability_set = availability_set(cluster, pins, graph)?;
    for slot in &cluster.control_plane.slots {
        let network_interface = interface(cluster, pins, graph, slot)?;
        let data_disk = volume(cluster, pins, graph, slot)?;
        let (boot, bundle) = machine::slot(cluster, pins, graph, slot)?;
        let machine = &cluster.control_plane.machine;
        graph.add(
            &slot.name,
            VirtualMachine {
                group: resource_group(cluster, pins)?,
                name: inside(cluster, &slot.name),
                hostname: slot.name.clone(),
                size: machine.native_type.clone(),
                zone: zone(slot),
                availability_set: availability_set.clone(),
                image: image::image(machine, pins),
                trusted_launch: trusted_launch(machine),
                network_interface,
                identity: Some(Ref::to(CONTROL_PLANE)?),
                ssh_public_key: ssh::key(cluster.ssh_public_key.as_deref()),
                root_volume_gib: cluster.control_plane.root_volume_gib,
                root_volume_type: disk_type(&machine.native_type).to_owned(),
                data_disk: Some(data_disk),
                user_data_sha256: boot.sha256,
                user_data: Some(boot.user_data),
                bundle: Some(bundle),
                tags: tags(cluster),
            },
        )?;
    }
    Ok(())
}

/// Secure boot and a virtual TPM are for x86-64 (learn.microsoft.com, "Trusted Launch for Azure virtual machines").
pub(super) fn trusted_launch(machine: &Machine) -> bool {
    machine.architecture == Architecture::Amd64
}

fn zone(slot: &Slot) -> Option<String> {
    (!slot.zone.is_empty()).then(|| slot.zone.clone())
}

/// What keeps slots apart in a region without zones.
fn availability_set(
    cluster: &Cluster,
    pins: &Pins,
    graph: &mut Graph,
) -> Result<Option<Ref<AvailabilitySet>>, CompileError> {
    if cluster.control_plane.slots.iter().any(|slot| !slot.zone.is_empty()) {
        return Ok(None);
    }
    let set = AvailabilitySet {
        group: resource_group(cluster, pins)?,
        name: inside(cluster, CONTROL_PLANE),
        fault_domains: FAULT_DOMAINS,
        update_domains: UPDATE_DOMAINS,
        tags: tags(cluster),
    };
    Ok(Some(graph.add(CONTROL_PLANE, set)?))
}

fn interface(
    cluster: &Cluster,
    pins: &Pins,
    graph: &mut Graph,
    slot: &Slot,
) -> Result<Ref<NetworkInterface>, CompileError> {
    let is_public = cluster.network.topology == Topology::Public;
    let public_address = if is_public { Some(public_ip(cluster, pins, graph, &slot.name)?) } else { None };
    let interface = NetworkInterface {
        group: resource_group(cluster, pins)?,
        name: inside(cluster, &slot.name),
        subnet: subnet(cluster, &slot.subnet)?,
        address: Some(slot.address.to_string()),
        security_groups: Set(vec![Ref::to(CONTROL_PLANE)?]),
        network_security_group: on_interface(cluster, &slot.subnet)?,
        backend_pool: Some(backend_pool()?),
        public_address,
        ip_forwarding: false,
        tags: tags(cluster),
    };
    Ok(graph.add(&slot.name, interface)?)
}

fn volume(cluster: &Cluster, pins: &Pins, graph: &mut Graph, slot: &Slot) -> Result<Ref<Disk>, CompileError> {
    let disk = Disk {
        group: resource_group(cluster, pins)?,
        name: inside(cluster, &slot.name),
        zone: zone(slot),
        size_gib: cluster.control_plane.etcd_volume_gib,
        disk_type: disk_type(&cluster.control_plane.machine.native_type).to_owned(),
        export: managed_disk::NO_EXPORT.to_owned(),
        members: settled::members(cluster),
        settled: settled::settled(cluster),
        kubernetes: cluster.kubernetes.version.clone(),
        tags: tags(cluster),
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
        let cluster = fixture::cluster();
        let graph = compile(&cluster, &Pins::new()).unwrap().graph;
        assert_eq!(
            field(&graph, "azure_network_interface.control-plane-1", "address"),
            &Value::String(cluster.control_plane.slots[1].address.to_string())
        );
        assert_eq!(
            field(&graph, "azure_disk.control-plane-1", "members"),
            &Value::String(
                "control-plane-0=10.40.64.10,control-plane-1=10.40.64.11,control-plane-2=10.40.64.12".to_owned()
            )
        );
        let machine = graph.get(&"azure_virtual_machine.control-plane-1".parse().unwrap()).unwrap();
        let depends_on: Vec<String> = machine.depends_on().iter().map(ToString::to_string).collect();
        assert_eq!(
            depends_on,
            [
                "azure_disk.control-plane-1",
                "azure_network_interface.control-plane-1",
                "azure_resource_group.main",
                "azure_storage_blob.control-plane-1",
                "azure_user_assigned_identity.control-plane",
            ]
        );
        assert_eq!(machine.fields["image"], Value::String("unresolved:image/amd64".to_owned()));
    }

    #[test]
    fn without_zones_a_set_keeps_slots_apart() {
        let mut cluster = fixture::cluster();
        let count = |cluster: &Cluster| {
            let graph = compile(cluster, &Pins::new()).unwrap().graph;
            graph.iter().filter(|node| node.address.kind() == "azure_availability_set").count()
        };
        assert_eq!(count(&cluster), 0);
        cluster.network.zones.clear();
        for slot in &mut cluster.control_plane.slots {
            slot.zone.clear();
        }
        for pool in &mut cluster.pools {
            pool.zones.clear();
        }
        assert_eq!(count(&cluster), 1);
        let graph = compile(&cluster, &Pins::new()).unwrap().graph;
        assert_eq!(field(&graph, "azure_virtual_machine.control-plane-0", "zone"), &Value::Null);
        assert_eq!(field(&graph, "azure_storage_account.bootstrap", "sku"), &Value::String("Standard_LRS".to_owned()));
    }

    #[test]
    fn user_data_holds_no_secret_and_points_to_the_bundle() {
        let graph = compile(&fixture::cluster(), &Pins::new()).unwrap().graph;
        let text = |address: &str, name: &str| match field(&graph, address, name) {
            Value::String(text) => text.clone(),
            _ => panic!("a text"),
        };
        let user_data = text("azure_virtual_machine.control-plane-0", "user_data");
        assert!(user_data.starts_with("#cloud-config") && !user_data.contains("PRIVATE KEY"));
        assert!(user_data.contains(&text("azure_storage_blob.control-plane-0", "key")));
        assert!(user_data.contains(&text("azure_storage_account.bootstrap", "name")));
        assert!(user_data.contains("userAssignedIdentities/demo-control-plane"));
        let bundle = text("azure_storage_blob.control-plane-0", "content");
        assert!(
            bundle.contains("mount_volume 'lun' '0'")
                && bundle.contains(&format!("{}-1", fixture::cluster().region.name))
        );
    }
}
