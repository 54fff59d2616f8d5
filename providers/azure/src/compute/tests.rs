//! What is written comes back as it was wanted: otherwise a second plan would find changes.

use std::sync::Arc;

use meridian_engine::{Fields, Graph, Reference, Resource, Value};
use meridian_provider_api::{Connection, Credentials, Found, Pace, Pins};
use meridian_spec::cluster::{Cluster, Spot, SubnetRole, Topology, Volume};
use serde_json::{Value as Json, json};

use super::{NetworkInterface, ScaleSet, VirtualMachine, network_interface, scale_set, virtual_machine};
use crate::client::Azure;
use crate::compile::{compile, fixture};

async fn client(cluster: &Cluster) -> Azure {
    let connection = Connection {
        cluster: cluster.name.clone(),
        region: cluster.region.name.clone(),
        account: None,
        endpoint: Some("http://127.0.0.1:9".to_owned()),
        forgotten: meridian_engine::state::Forgotten::default(),
        credentials: Credentials::Dummy,
        pace: Pace::quick(),
        limiter: Arc::default(),
        telemetry: Arc::default(),
        wire_tap: None,
    };
    Azure::connect(connection).await.unwrap()
}

/// An id for what is not made yet.
fn id(reference: &Reference) -> String {
    let kind = match reference.address.kind() {
        "azure_resource_group" => return "/subscriptions/s/resourceGroups/meridian-demo-westeurope".to_owned(),
        "azure_lb" => "Microsoft.Network/loadBalancers/b/backendAddressPools/api".to_owned(),
        kind => format!("microsoft.test/{}/{}", kind.replace('_', ""), reference.address.name()),
    };
    format!("/subscriptions/s/resourceGroups/meridian-demo-westeurope/providers/{kind}")
}

fn known(value: &Value) -> Value {
    match value {
        Value::After(reference) => Value::String(id(reference)),
        Value::List(items) => Value::List(items.iter().map(known).collect()),
        Value::Set(items) => Value::Set(items.iter().map(known).collect()),
        other => other.clone(),
    }
}

/// What is wanted, with an id for each reference.
fn wanted<R: Resource>(graph: &Graph, name: &str) -> (Fields, R) {
    let address = format!("{}.{name}", R::SCHEMA.kind).parse().unwrap();
    let node = graph.get(&address).unwrap();
    let fields: Fields = node.fields.iter().map(|(name, value)| (name.clone(), known(value))).collect();
    let resource = R::from_fields(&fields).unwrap();
    (fields, resource)
}

fn assert_same<R: Resource>(mut wanted: Fields, found: Found<R>) {
    for field in R::SCHEMA.fields {
        if matches!(field.on_change, meridian_engine::schema::OnChange::Unread) {
            wanted.insert(field.name.to_owned(), Value::Null);
        }
    }
    assert_eq!(found.resource.into_fields(), wanted, "{}", found.address);
}

/// A body as it comes back: with an id and, where there is one, an identity.
fn answered(body: &impl serde::Serialize, id: &str, identity: Option<&str>) -> Json {
    let mut body = serde_json::to_value(body).unwrap();
    body["id"] = json!(id);
    body["properties"]["provisioningState"] = json!("Succeeded");
    if let Some(identity) = identity {
        body["identity"] = json!({ "type": "UserAssigned", "userAssignedIdentities": { identity: {} } });
    }
    body
}

const GROUP: &str = "/subscriptions/s/resourceGroups/meridian-demo-westeurope";

fn clusters() -> Vec<Cluster> {
    let mut public = fixture::cluster();
    public.network.topology = Topology::Public;
    public.network.subnets.retain(|subnet| subnet.role == SubnetRole::Public);
    for slot in &mut public.control_plane.slots {
        slot.subnet = "public".to_owned();
    }
    public.pools[0].subnets = vec!["public".to_owned()];
    let pool = &mut public.pools[0];
    pool.spot = Some(Spot { on_demand_base: 1, on_demand_percent: 20 });
    pool.alternatives = vec!["Standard_D4as_v5".to_owned()];
    pool.volumes = vec![Volume { name: "scratch".to_owned(), size_gib: 100, mount: "/mnt/scratch".to_owned() }];
    public.ssh_public_key = None;
    vec![fixture::cluster(), fixture::shared(), public]
}

#[tokio::test]
async fn a_machine_is_found_as_it_was_wanted() {
    for cluster in clusters() {
        let client = client(&cluster).await;
        let graph = compile(&cluster, &Pins::from([("image/amd64".to_owned(), "a:b:c:1".to_owned())])).unwrap().graph;
        for name in ["control-plane-1", "bastion"] {
            let (fields, machine) = wanted::<VirtualMachine>(&graph, name);
            let address = format!("azure_virtual_machine.{name}").parse().unwrap();
            let mut body = machine.written(&client, &address).unwrap();
            let root = format!("{GROUP}/providers/Microsoft.Compute/disks/root");
            let storage = body.properties.as_mut().unwrap().storage_profile.as_mut().unwrap();
            let managed = storage.os_disk.as_mut().unwrap().managed_disk.as_mut().unwrap();
            managed.sub_resource.id = Some(root.clone());
            let disk = json!({
                "id": root, "location": "westeurope", "sku": { "name": machine.root_volume_type },
                "properties": { "creationData": { "createOption": "FromImage" }, "diskSizeGB": machine.root_volume_gib },
            });
            let identity = machine.identity.as_ref().map(|identity| identity.id().unwrap());
            let id = format!("{GROUP}/providers/Microsoft.Compute/virtualMachines/{}", machine.name);
            let answer = serde_json::from_value(answered(&body, &id, identity)).unwrap();
            let disks = [serde_json::from_value(disk).unwrap()];
            assert_same(fields, virtual_machine::observe(&client, &answer, &disks).unwrap());
        }
    }
}

#[tokio::test]
async fn a_scale_set_is_found_as_it_was_wanted() {
    for cluster in clusters() {
        let client = client(&cluster).await;
        let graph = compile(&cluster, &Pins::new()).unwrap().graph;
        let (fields, set) = wanted::<ScaleSet>(&graph, "general");
        let address = "azure_virtual_machine_scale_set.general".parse().unwrap();
        let body = set.written(&client, &address, None).unwrap();
        let id = format!("{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/{}", set.name);
        let answer = serde_json::from_value(answered(&body, &id, Some(set.identity.id().unwrap()))).unwrap();
        assert_same(fields, scale_set::observe(&client, &answer).unwrap());
    }
}

#[tokio::test]
async fn machines_between_the_bounds_are_left_alone() {
    let cluster = fixture::cluster();
    let client = client(&cluster).await;
    let graph = compile(&cluster, &Pins::new()).unwrap().graph;
    let (_, set) = wanted::<ScaleSet>(&graph, "general");
    let address = "azure_virtual_machine_scale_set.general".parse().unwrap();
    let mut now = set.written(&client, &address, None).unwrap();
    for (present, count) in [(0, 3), (5, 5), (12, 9)] {
        now.sku.as_mut().unwrap().capacity = Some(present);
        let next = set.written(&client, &address, Some(&now)).unwrap();
        assert_eq!(next.sku.unwrap().capacity, Some(count));
    }
}

#[tokio::test]
async fn an_interface_is_found_as_it_was_wanted() {
    for cluster in clusters() {
        let client = client(&cluster).await;
        let graph = compile(&cluster, &Pins::new()).unwrap().graph;
        for name in ["control-plane-1", "bastion"] {
            let (fields, interface) = wanted::<NetworkInterface>(&graph, name);
            let address = format!("azure_network_interface.{name}").parse().unwrap();
            let body = interface.written(&client, &address).unwrap();
            let id = format!("{GROUP}/providers/Microsoft.Network/networkInterfaces/{}", interface.name);
            let answer = serde_json::from_value(answered(&body, &id, None)).unwrap();
            assert_same(fields, network_interface::observe(&client, &answer).unwrap());
        }
    }
}
