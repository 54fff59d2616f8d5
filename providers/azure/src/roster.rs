//! The machines and pools of a cluster, out of its records.

use meridian_engine::Value;
use meridian_engine::state::Record;
use meridian_provider_api::roster::{Machine, Pool, Records, Role, Roster, by_id, integer, of, text, texts};

use crate::compute::{NetworkInterface, ScaleSet, VirtualMachine};
use crate::network::{PublicIp, Subnet};

/// What the records tell; a detail whose own record is missing, as after an interrupted apply, is left out.
pub(crate) fn roster(records: &Records) -> Roster {
    let machines = of::<VirtualMachine>(records).map(|(address, record)| machine(address.name(), record, records));
    let pools = of::<ScaleSet>(records).map(|(address, record)| pool(address.name(), record, records));
    Roster { machines: machines.collect(), pools: pools.collect() }
}

fn machine(name: &str, record: &Record, records: &Records) -> Machine {
    let fields = &record.fields;
    let interface = text(fields, "network_interface").and_then(|id| by_id::<NetworkInterface>(records, &id));
    let of_interface = |field| interface.and_then(|(_, interface)| text(&interface.fields, field));
    let public = of_interface("public_address").and_then(|id| by_id::<PublicIp>(records, &id));
    let private = interface.and_then(|(_, interface)| text(&interface.computed, "private_ip"));
    // Only members of etcd have a disk that outlives them.
    let role = if text(fields, "data_disk").is_some() { Role::ControlPlane } else { Role::Bastion };
    Machine {
        name: name.to_owned(),
        role,
        id: record.id.clone(),
        native_type: text(fields, "size").unwrap_or_default(),
        zone: text(fields, "zone"),
        private_address: of_interface("address").or(private),
        public_address: public.and_then(|(_, public)| text(&public.computed, "public_ip")),
    }
}

fn pool(name: &str, record: &Record, records: &Records) -> Pool {
    let fields = &record.fields;
    // A subnet that someone else made has no record, and is known by its id.
    let subnet = |id: String| by_id::<Subnet>(records, &id).map_or(id, |(address, _)| address.name().to_owned());
    Pool {
        name: name.to_owned(),
        id: record.id.clone(),
        min: integer(fields.get("min")),
        max: integer(fields.get("max")),
        types: texts(fields.get("sizes")),
        spot: fields.get("spot") == Some(&Value::Bool(true)),
        subnets: text(fields, "subnet").map(subnet).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use meridian_engine::{Address, Fields, Reference};
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
    fn machines_and_pools_are_told() {
        let Roster { machines, pools } = roster(&records());
        let slots: Vec<_> = machines.iter().filter(|machine| machine.role == Role::ControlPlane).collect();
        assert_eq!(slots.len(), 3);
        assert_eq!(slots[1].name, "control-plane-1");
        assert!(slots[1].zone.is_some() && slots[1].private_address.is_some());
        assert!(!pools.is_empty());
        assert!(pools.iter().all(|pool| pool.max >= pool.min && !pool.types.is_empty() && pool.subnets == ["private"]));
    }
}
