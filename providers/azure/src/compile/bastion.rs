//! The jump host.

use meridian_engine::field::Set;
use meridian_engine::{Graph, Ref};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, SubnetRole};

use super::control_plane::trusted_launch;
use super::firewall::on_interface;
use super::names::{inside, resource_group, tags};
use super::network::{public_ip, subnet, subnet_of};
use crate::compute::machine::disk_type;
use crate::compute::{NetworkInterface, VirtualMachine, image, ssh};

const NAME: &str = "bastion";

/// It runs next to nothing; the images take this much (Canonical's Ubuntu images of Azure: 30 GB).
const ROOT_VOLUME_GIB: u32 = 30;

pub(super) fn bastion(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let Some(bastion) = &cluster.bastion else { return Ok(()) };
    let place = subnet_of(cluster, SubnetRole::Public)
        .ok_or_else(|| CompileError::Missing("public subnet for the bastion".to_owned()))?;
    let public_address = public_ip(cluster, pins, graph, NAME)?;
    let network_interface = graph.add(
        NAME,
        NetworkInterface {
            group: resource_group(cluster, pins)?,
            name: inside(cluster, NAME),
            subnet: subnet(cluster, place)?,
            address: None,
            security_groups: Set(vec![Ref::to(NAME)?]),
            network_security_group: on_interface(cluster, place)?,
            backend_pool: None,
            public_address: Some(public_address),
            ip_forwarding: false,
            tags: tags(cluster),
        },
    )?;
    let boot = meridian_node::bundle::bastion()?;
    graph.add(
        NAME,
        VirtualMachine {
            group: resource_group(cluster, pins)?,
            name: inside(cluster, NAME),
            hostname: NAME.to_owned(),
            size: bastion.machine.native_type.clone(),
            zone: cluster.network.zones.first().cloned(),
            availability_set: None,
            image: image::image(&bastion.machine, pins),
            trusted_launch: trusted_launch(&bastion.machine),
            network_interface,
            identity: None,
            ssh_public_key: ssh::key(cluster.ssh_public_key.as_deref()),
            root_volume_gib: ROOT_VOLUME_GIB,
            root_volume_type: disk_type(&bastion.machine.native_type).to_owned(),
            data_disk: None,
            user_data_sha256: boot.sha256,
            user_data: Some(boot.user_data),
            bundle: None,
            tags: tags(cluster),
        },
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use meridian_engine::Value;

    use super::*;
    use crate::compile::{compile, fixture};

    #[test]
    fn the_bastion_is_public_and_has_no_identity() {
        let graph = compile(&fixture::cluster(), &Pins::new()).unwrap().graph;
        let machine = graph.get(&"azure_virtual_machine.bastion".parse().unwrap()).unwrap();
        assert_eq!(machine.fields["identity"], Value::Null);
        let Value::String(script) = &machine.fields["user_data"] else { panic!("a script") };
        assert!(script.starts_with("#!") && script.len() < meridian_templates::USER_DATA_LIMIT_BYTES);
    }

    #[test]
    fn without_one_in_the_spec_there_is_none() {
        let mut cluster = fixture::cluster();
        cluster.bastion = None;
        let graph = compile(&cluster, &Pins::new()).unwrap().graph;
        assert!(graph.iter().all(|node| node.address.name() != NAME));
    }
}
