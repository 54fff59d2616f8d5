//! The machines and pools of a cluster, out of its records.

use meridian_engine::state::Record;
use meridian_engine::{Address, Value};
use meridian_provider_api::roster::{Machine, Pool, Records, Role, Roster, by_id, integer, of, text, texts};

use crate::compute::{AutoscalingGroup, Instance, LaunchTemplate, NetworkInterface};
use crate::network::{ElasticIp, Subnet};

/// What the records tell; a detail whose own record is missing, as after an interrupted apply, is left out.
pub(crate) fn roster(records: &Records) -> Roster {
    let named = |(address, record)| (Address::name(address).to_owned(), record);
    Roster {
        machines: of::<Instance>(records).map(named).map(|(name, record)| machine(name, record, records)).collect(),
        pools: of::<AutoscalingGroup>(records).map(named).map(|(name, record)| pool(name, record, records)).collect(),
    }
}

fn machine(name: String, record: &Record, records: &Records) -> Machine {
    let interface = text(&record.fields, "network_interface").and_then(|id| by_id::<NetworkInterface>(records, &id));
    let of_interface = |field| interface.and_then(|(_, interface)| text(&interface.fields, field));
    let subnet = of_interface("subnet").and_then(|id| by_id::<Subnet>(records, &id));
    let elastic = of_interface("public_address").and_then(|id| by_id::<ElasticIp>(records, &id));
    // Only members of etcd have a disk that outlives them.
    let role = if text(&record.fields, "data_volume").is_some() { Role::ControlPlane } else { Role::Bastion };
    Machine {
        name,
        role,
        id: record.id.clone(),
        native_type: text(&record.fields, "instance_type").unwrap_or_default(),
        zone: subnet.and_then(|(_, subnet)| text(&subnet.fields, "zone")),
        private_address: of_interface("address").or_else(|| text(&record.computed, "private_ip")),
        public_address: elastic.and_then(|(_, elastic)| text(&elastic.computed, "public_ip")),
    }
}

fn pool(name: String, record: &Record, records: &Records) -> Pool {
    let fields = &record.fields;
    let mixed = match fields.get("mixed") {
        Some(Value::Map(mixed)) => Some(mixed),
        _ => None,
    };
    let template = text(fields, "template").and_then(|id| by_id::<LaunchTemplate>(records, &id));
    let types = match mixed {
        Some(mixed) => texts(mixed.get("instance_types")),
        None => template.and_then(|(_, template)| text(&template.fields, "instance_type")).into_iter().collect(),
    };
    // A subnet that someone else made has no record, and is known by its id.
    let subnet = |id: String| by_id::<Subnet>(records, &id).map_or(id, |(address, _)| address.name().to_owned());
    let mut subnets: Vec<String> = texts(fields.get("subnets")).into_iter().map(subnet).collect();
    subnets.sort_unstable();
    Pool {
        name,
        id: record.id.clone(),
        min: integer(fields.get("min")),
        max: integer(fields.get("max")),
        types,
        spot: mixed.is_some_and(|mixed| integer(mixed.get("on_demand_percent")) < 100),
        subnets,
    }
}

#[cfg(test)]
mod tests {
    use meridian_engine::{Fields, Reference};
    use meridian_provider_api::Pins;

    use super::*;
    use crate::compile::{compile, fixture};

    /// The records of the fixture's cluster, as an apply would leave them.
    fn records() -> Records {
        let graph = compile(&fixture::cluster(), &Pins::new()).unwrap().graph;
        let id = |address: &Address| format!("id-of-{address}");
        let answer = |reference: &Reference| Some(Value::String(id(&reference.address)));
        let record = |address: &Address, fields: &Fields| Record {
            id: id(address),
            fields: fields.iter().map(|(name, value)| (name.clone(), value.resolve(&answer))).collect(),
            computed: [("public_ip".to_owned(), Value::String("198.51.100.7".to_owned()))].into(),
            depends_on: [].into(),
        };
        graph.iter().map(|node| (node.address.clone(), record(&node.address, &node.fields))).collect()
    }

    #[test]
    fn machines_are_told_with_place_and_addresses() {
        let machines = roster(&records()).machines;
        let slots: Vec<_> = machines.iter().filter(|machine| machine.role == Role::ControlPlane).collect();
        assert_eq!(slots.len(), 3);
        assert_eq!(slots[1].name, "control-plane-1");
        assert_eq!(slots[1].id, "id-of-aws_instance.control-plane-1");
        assert_eq!(slots[1].zone.as_deref(), Some("eu-west-1b"));
        assert_eq!(slots[1].private_address.as_deref(), Some("10.40.64.10"));
        assert_eq!(slots[1].public_address, None);
        let bastion = machines.iter().find(|machine| machine.role == Role::Bastion).unwrap();
        assert_eq!((bastion.name.as_str(), bastion.public_address.as_deref()), ("bastion", Some("198.51.100.7")));
    }

    #[test]
    fn pools_are_told_with_bounds_types_and_subnets() {
        let mut records = records();
        let pools = roster(&records).pools;
        assert_eq!((pools[0].name.as_str(), pools[0].spot), ("general", false));
        assert!(pools[0].max >= pools[0].min);
        assert_eq!(pools[0].types, ["m7i.xlarge"]);
        assert_eq!(pools[0].subnets, ["private-eu-west-1a", "private-eu-west-1b", "private-eu-west-1c"]);
        records.retain(|address, _| address.kind() == "aws_autoscaling_group");
        let alone = roster(&records).pools;
        assert_eq!(alone[0].types, Vec::<String>::new());
        assert_eq!(alone[0].subnets[0], "id-of-aws_subnet.private-eu-west-1a");
    }
}
