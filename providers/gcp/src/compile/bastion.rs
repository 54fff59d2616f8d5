//! The jump host.

use meridian_engine::{Graph, Ref};
use meridian_provider_api::{CompileError, Pins};
use meridian_spec::cluster::{Cluster, SubnetRole};

use super::network::subnet_of;
use super::{machine, names};
use crate::compute::{Instance, image, root_disk_type};
use crate::network::Address;

const NAME: &str = "bastion";

/// It runs next to nothing: room for the system and its logs.
const ROOT_VOLUME_GIB: u32 = 10;

pub(super) fn bastion(cluster: &Cluster, pins: &Pins, graph: &mut Graph) -> Result<(), CompileError> {
    let Some(bastion) = &cluster.bastion else { return Ok(()) };
    let missing = |what: &str| CompileError::Missing(format!("{what} for the bastion"));
    let place = cluster
        .network
        .subnets
        .iter()
        .find(|subnet| subnet.role == SubnetRole::Public)
        .ok_or_else(|| missing("public subnet"))?;
    let zone = cluster.network.zones.first().ok_or_else(|| missing("zone"))?;
    let boot = meridian_node::bundle::bastion()?;
    graph.add(
        NAME,
        Instance {
            name: names::name(cluster, pins, NAME),
            zone: zone.clone(),
            image: image::image(&bastion.machine, pins),
            machine_type: bastion.machine.native_type.clone(),
            subnetwork: subnet_of(cluster, pins, &place.name)?,
            private_address: None,
            public_address: Some(Ref::<Address>::to(NAME)?.attribute("address")),
            reservation: None,
            // It is bound to nothing: firewall rules know the bastion by it.
            service_account: Ref::to(NAME)?,
            root_volume_gib: ROOT_VOLUME_GIB,
            root_volume_type: root_disk_type(&bastion.machine.native_type).to_owned(),
            data_disk: None,
            group: None,
            secure_boot: machine::secure_boot(&bastion.machine),
            hardened: true,
            ssh_keys: machine::ssh_keys(cluster),
            user_data_sha256: boot.sha256,
            user_data: Some(boot.user_data),
            bundle: None,
            access: None,
            labels: names::labels(cluster),
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
    fn the_bastion_is_public_and_reads_nothing() {
        let graph = compile(&fixture::cluster(), &Pins::new()).unwrap().graph;
        let machine = graph.get(&"google_compute_instance.bastion".parse().unwrap()).unwrap();
        assert!(matches!(machine.fields["public_address"], Value::After(_)));
        let Value::String(script) = &machine.fields["user_data"] else { panic!("a script") };
        assert!(script.starts_with("#!") && script.len() < meridian_templates::USER_DATA_LIMIT_BYTES);
        let policy = graph.get(&"google_storage_bucket_iam_policy.bootstrap".parse().unwrap()).unwrap();
        assert!(!policy.depends_on().iter().any(|address| address.name() == NAME));
    }

    #[test]
    fn without_one_in_the_spec_there_is_none() {
        let mut cluster = fixture::cluster();
        cluster.bastion = None;
        let graph = compile(&cluster, &Pins::new()).unwrap().graph;
        assert!(graph.iter().all(|node| node.address.name() != NAME));
    }
}
