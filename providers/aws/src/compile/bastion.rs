//! The jump host.

use meridian_engine::field::Set;
use meridian_engine::{Graph, Ref};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, SubnetRole};

use super::control_plane::{TOKENS, gateway, key_pair};
use super::names;
use super::network::subnet;
use crate::compute::{Instance, NetworkInterface, image};
use crate::network::ElasticIp;

const NAME: &str = "bastion";

/// It runs next to nothing: room for the system and its logs.
const ROOT_VOLUME_GIB: u32 = 10;

/// Nobody but the host itself asks the metadata service.
const HOPS: i32 = 1;

pub(super) fn bastion(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let Some(bastion) = &cluster.bastion else { return Ok(()) };
    let place = cluster
        .network
        .subnets
        .iter()
        .find(|subnet| subnet.role == SubnetRole::Public)
        .ok_or_else(|| CompileError::Missing("public subnet for the bastion".to_owned()))?;
    let tags = names::tags(cluster, NAME);
    let public_address = graph.add(NAME, ElasticIp { tags: tags.clone() })?;
    let network_interface = graph.add(
        NAME,
        NetworkInterface {
            subnet: subnet(cluster, &place.name)?,
            address: None,
            security_groups: Set(vec![Ref::to("bastion")?]),
            source_dest_check: true,
            public_address: Some(public_address),
            gateway: gateway(cluster)?,
            tags: tags.clone(),
        },
    )?;
    let boot = meridian_node::bundle::bastion()?;
    graph.add(
        NAME,
        Instance {
            image: image::image(&bastion.machine, pins),
            instance_type: bastion.machine.native_type.clone(),
            network_interface,
            instance_profile: None,
            key_pair: key_pair(cluster)?,
            root_volume_gib: ROOT_VOLUME_GIB,
            root_device: image::root_device(&bastion.machine, pins),
            data_volume: None,
            metadata_tokens: TOKENS.to_owned(),
            metadata_hop_limit: HOPS,
            user_data_sha256: boot.sha256,
            user_data: Some(boot.user_data),
            bundle: None,
            tags,
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
    fn the_bastion_is_public_and_has_no_role() {
        let graph = compile(&fixture::cluster(), &Pins::new()).unwrap().graph;
        let machine = graph.get(&"aws_instance.bastion".parse().unwrap()).unwrap();
        assert_eq!(machine.fields["instance_profile"], Value::Null);
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
