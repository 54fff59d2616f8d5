//! The slots: for each a network interface and a disk that stay, and a machine that may be replaced.

use meridian_engine::field::Set;
use meridian_engine::{Graph, Ref};
use meridian_node::settled;
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, Slot, Topology};

use super::network::subnet;
use super::tags::for_kubernetes;
use super::{machine, names};
use crate::compute::key_pair::bare;
use crate::compute::{Instance, KeyPair, NetworkInterface, image};
use crate::disk::Volume;
use crate::network::{ElasticIp, InternetGateway};

/// Session tokens only: the second version of the metadata service.
pub(super) const TOKENS: &str = "required";

/// Control-plane pods that have a network of their own may ask the metadata service, too.
const HOPS: i32 = 2;

pub(super) fn control_plane(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    if let Some(public_key) = &cluster.ssh_public_key {
        let key = KeyPair {
            name: format!("meridian-{}", cluster.name),
            public_key: bare(public_key),
            tags: names::tags(cluster, "main"),
        };
        graph.add("main", key)?;
    }
    for slot in &cluster.control_plane.slots {
        let network_interface = interface(cluster, graph, slot)?;
        let data_volume = volume(cluster, graph, slot)?;
        let (boot, bundle) = machine::slot(cluster, pins, graph, slot)?;
        let machine = &cluster.control_plane.machine;
        graph.add(
            &slot.name,
            Instance {
                image: image::image(machine, pins),
                instance_type: machine.native_type.clone(),
                network_interface,
                instance_profile: Some(Ref::to("control-plane")?),
                key_pair: key_pair(cluster)?,
                root_volume_gib: cluster.control_plane.root_volume_gib,
                root_device: image::root_device(machine, pins),
                data_volume: Some(data_volume),
                metadata_tokens: TOKENS.to_owned(),
                metadata_hop_limit: HOPS,
                user_data_sha256: boot.sha256,
                user_data: Some(boot.user_data),
                bundle: Some(bundle),
                tags: for_kubernetes(cluster, &slot.name),
            },
        )?;
    }
    Ok(())
}

/// The operator's key, if machines take one.
pub(super) fn key_pair(cluster: &Cluster) -> Result<Option<Ref<KeyPair>>, CompileError> {
    Ok(if cluster.ssh_public_key.is_some() { Some(Ref::to("main")?) } else { None })
}

/// What a public address waits for; a shared network has its gateway.
pub(super) fn gateway(cluster: &Cluster) -> Result<Option<Ref<InternetGateway>>, CompileError> {
    Ok(if cluster.network.existing.is_none() { Some(Ref::to("main")?) } else { None })
}

fn interface(cluster: &Cluster, graph: &mut Graph, slot: &Slot) -> Result<Ref<NetworkInterface>, CompileError> {
    let is_public = cluster.network.topology == Topology::Public;
    let public_address = if is_public {
        Some(graph.add(&slot.name, ElasticIp { tags: names::tags(cluster, &slot.name) })?)
    } else {
        None
    };
    let interface = NetworkInterface {
        subnet: subnet(cluster, &slot.subnet)?,
        address: Some(slot.address.to_string()),
        security_groups: Set(vec![Ref::to("control-plane")?]),
        source_dest_check: true,
        public_address,
        gateway: if is_public { gateway(cluster)? } else { None },
        tags: names::tags(cluster, &slot.name),
    };
    Ok(graph.add(&slot.name, interface)?)
}

fn volume(cluster: &Cluster, graph: &mut Graph, slot: &Slot) -> Result<Ref<Volume>, CompileError> {
    let volume = Volume {
        zone: slot.zone.clone(),
        size_gib: cluster.control_plane.etcd_volume_gib,
        volume_type: "gp3".to_owned(),
        encrypted: true,
        members: settled::members(cluster),
        settled: settled::settled(cluster),
        kubernetes: cluster.kubernetes.version.clone(),
        tags: names::tags(cluster, &slot.name),
    };
    Ok(graph.add(&slot.name, volume)?)
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
            field(&graph, "aws_network_interface.control-plane-1", "address"),
            &Value::String("10.40.64.10".to_owned())
        );
        assert_eq!(
            field(&graph, "aws_ebs_volume.control-plane-1", "members"),
            &Value::String(
                "control-plane-0=10.40.32.10,control-plane-1=10.40.64.10,control-plane-2=10.40.96.10".to_owned()
            )
        );
        let machine = graph.get(&"aws_instance.control-plane-1".parse().unwrap()).unwrap();
        let depends_on: Vec<String> = machine.depends_on().iter().map(ToString::to_string).collect();
        assert_eq!(
            depends_on,
            [
                "aws_ebs_volume.control-plane-1",
                "aws_iam_instance_profile.control-plane",
                "aws_key_pair.main",
                "aws_network_interface.control-plane-1",
                "aws_s3_object.control-plane-1",
            ]
        );
        assert_eq!(machine.fields["image"], Value::String("unresolved:image/amd64".to_owned()));
    }

    #[test]
    fn only_public_slots_have_a_public_address() {
        let mut cluster = fixture::cluster();
        let count = |cluster: &Cluster| {
            let graph = compile(cluster, &Pins::new()).unwrap().graph;
            graph.iter().filter(|node| node.address.to_string().starts_with("aws_eip.control-plane-")).count()
        };
        assert_eq!(count(&cluster), 0);
        cluster.network.topology = Topology::Public;
        cluster.network.subnets.retain(|subnet| subnet.role == meridian_spec::cluster::SubnetRole::Public);
        for slot in &mut cluster.control_plane.slots {
            slot.subnet = slot.subnet.replace("private", "public");
        }
        for pool in &mut cluster.pools {
            pool.subnets = pool.subnets.iter().map(|name| name.replace("private", "public")).collect();
        }
        assert_eq!(count(&cluster), 3);
    }

    #[test]
    fn user_data_holds_no_secret_and_points_to_the_bundle() {
        let graph = compile(&fixture::cluster(), &Pins::new()).unwrap().graph;
        let Value::String(text) = field(&graph, "aws_instance.control-plane-0", "user_data") else { panic!("a text") };
        let Value::String(key) = field(&graph, "aws_s3_object.control-plane-0", "key") else { panic!("a text") };
        assert!(text.starts_with("#cloud-config") && text.contains(key) && !text.contains("PRIVATE KEY"));
    }
}
