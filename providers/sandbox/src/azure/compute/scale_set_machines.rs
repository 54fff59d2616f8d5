//! The machines of scale sets.

use serde_json::{Value, json};

use super::machine::VirtualMachines;
use super::machine_parts::{insert, make_disk};
use super::scale_set::{ScaleSets, sizes};
use crate::azure::body::{list, text};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind};
use crate::azure::network::{NetworkInterfaces, PublicAddresses};
use crate::azure::request::Request;
use crate::azure::resource::render;
use crate::azure::response::Response;
use crate::azure::world::{Cx, Resource, State, key};
use crate::clock::timestamp;

/// The machines of a set, oldest first.
fn machines(cx: &Cx<'_>, set: &str) -> Vec<Resource> {
    let set = key(set);
    let own = |machine: &&Resource| key(text(&machine.body, "/properties/virtualMachineScaleSet/id")) == set;
    let mut all: Vec<Resource> = cx.of_kind(VirtualMachines.spec().kind).filter(own).cloned().collect();
    all.sort_by_key(|machine| machine.created);
    all
}

/// Lets every set have as many machines as it should.
pub fn settle(cx: &mut Cx<'_>) {
    let ready = |set: &&Resource| matches!(set.state, State::Ready);
    let sets: Vec<Resource> = cx.of_kind(ScaleSets.spec().kind).filter(ready).cloned().collect();
    for set in sets {
        let wanted = usize::try_from(set.body["sku"]["capacity"].as_u64().unwrap_or_default()).unwrap_or_default();
        let there = machines(cx, &set.id);
        for machine in there.iter().skip(wanted) {
            take(cx, machine);
        }
        for at in there.len()..wanted {
            if let Err(error) = launch(cx, &set, at) {
                tracing::warn!(code = error.failure.code, set = set.id, "a scale set of the sandbox cannot launch");
                if let Some(set) = cx.find_mut(&set.id) {
                    set.state = State::Failed;
                }
                break;
            }
        }
    }
}

/// Takes all machines of a set away.
pub fn remove_all(cx: &mut Cx<'_>, set: &str) {
    for machine in machines(cx, set) {
        take(cx, &machine);
    }
}

/// Takes one machine away, and the room for it.
pub fn remove_one(cx: &mut Cx<'_>, set: &str, name: &str) -> Result<(), ApiError> {
    let machine = machines(cx, set).into_iter().find(|machine| machine.name().eq_ignore_ascii_case(name));
    let machine = machine.ok_or_else(|| {
        ApiError::parameter(
            "instanceIds",
            format!("The provided instanceId {name} is not an active Virtual Machine Scale Set VM."),
        )
    })?;
    take(cx, &machine);
    if let Some(set) = cx.find_mut(set) {
        let capacity = set.body["sku"]["capacity"].as_u64().unwrap_or_default();
        set.body["sku"]["capacity"] = json!(capacity.saturating_sub(1));
    }
    Ok(())
}

fn take(cx: &mut Cx<'_>, machine: &Resource) {
    cx.sub.resources.remove(&key(&machine.id));
    VirtualMachines.gone(cx, machine);
}

/// Makes one machine as the profile of its set says, with its disks, its interface and its addresses.
fn launch(cx: &mut Cx<'_>, set: &Resource, at: usize) -> Result<(), ApiError> {
    let profile = &set.body["properties"]["virtualMachineProfile"];
    let scope = set.id.split("/providers/").next().unwrap_or_default();
    let name = format!("{}_{}", set.name(), cx.ids.hex(8));
    let mut draft = Draft {
        id: format!("{scope}/providers/Microsoft.Compute/virtualMachines/{name}"),
        location: set.location.clone(),
        body: json!({}),
        hidden: json!({ "power": "running", "customData": set.hidden["customData"] }),
        old: None,
        lasts: None,
        failure: None,
    };
    let zones = list(&set.body, "/zones");
    if let Some(zone) = (!zones.is_empty()).then(|| &zones[at % zones.len()]) {
        draft.body["zones"] = json!([zone]);
    }
    for shared in ["tags", "identity"] {
        if let Some(value) = set.body.get(shared) {
            draft.body[shared] = value.clone();
        }
    }
    let sizes = sizes(&set.body)?;
    let nics = interfaces(cx, &draft, profile, scope)?;
    let storage = disks(cx, &draft, profile)?;
    let mut login = profile["osProfile"].clone();
    let prefix = login.as_object_mut().and_then(|login| login.remove("computerNamePrefix")).unwrap_or_default();
    let suffix = cx.ids.upper(6);
    login["computerName"] = json!(format!("{}{suffix}", prefix.as_str().unwrap_or(set.name())));
    draft.body["properties"] = json!({
        "vmId": cx.ids.uuid(),
        "timeCreated": timestamp(cx.now),
        "hardwareProfile": { "vmSize": sizes[0] },
        "storageProfile": storage,
        "osProfile": login,
        "networkProfile": { "networkInterfaces": nics },
        "virtualMachineScaleSet": { "id": set.id },
        "priority": profile["priority"].as_str().unwrap_or("Regular"),
    });
    for shared in ["securityProfile", "evictionPolicy", "billingProfile"] {
        if let Some(value) = profile.get(shared) {
            draft.body["properties"][shared] = value.clone();
        }
    }
    insert(cx, draft, &VirtualMachines);
    Ok(())
}

fn disks(cx: &mut Cx<'_>, machine: &Draft, profile: &Value) -> Result<Value, ApiError> {
    let mut storage = profile["storageProfile"].clone();
    let image = storage["imageReference"].clone();
    if storage["osDisk"].is_null() {
        storage["osDisk"] = json!({ "createOption": "FromImage", "deleteOption": "Delete" });
    }
    let name = format!("{}_OsDisk_1_{}", machine.name(), cx.ids.hex(32));
    let id = make_disk(cx, machine, &name, &storage["osDisk"], Some(&image))?;
    storage["osDisk"]["name"] = json!(name);
    storage["osDisk"]["osType"] = json!("Linux");
    storage["osDisk"]["managedDisk"]["id"] = json!(id);
    if storage["osDisk"]["deleteOption"].is_null() {
        storage["osDisk"]["deleteOption"] = json!("Delete");
    }
    let mut data = list(&storage, "/dataDisks").to_vec();
    for disk in &mut data {
        let name = format!("{}_disk{}_{}", machine.name(), disk["lun"], cx.ids.hex(32));
        let id = make_disk(cx, machine, &name, disk, None)?;
        disk["name"] = json!(name);
        disk["managedDisk"]["id"] = json!(id);
        if disk["deleteOption"].is_null() {
            disk["deleteOption"] = json!("Delete");
        }
    }
    storage["dataDisks"] = Value::Array(data);
    Ok(storage)
}

fn interfaces(cx: &mut Cx<'_>, machine: &Draft, profile: &Value, scope: &str) -> Result<Vec<Value>, ApiError> {
    let mut made = Vec::new();
    let blank = |id: String, body: Value| Draft {
        id,
        location: machine.location.clone(),
        body,
        hidden: json!({}),
        old: None,
        lasts: None,
        failure: None,
    };
    for nic in list(profile, "/networkProfile/networkInterfaceConfigurations") {
        let id =
            format!("{scope}/providers/Microsoft.Network/networkInterfaces/{}-{}", machine.name(), text(nic, "/name"));
        let mut configurations = list(nic, "/properties/ipConfigurations").to_vec();
        for configuration in &mut configurations {
            let properties = configuration["properties"].as_object_mut();
            let Some(public) = properties.and_then(|own| own.remove("publicIPAddressConfiguration")) else { continue };
            let address = format!(
                "{scope}/providers/Microsoft.Network/publicIPAddresses/{}-{}",
                machine.name(),
                text(&public, "/name")
            );
            let mut body = json!({
                "sku": { "name": "Standard" },
                "properties": { "publicIPAllocationMethod": "Static", "deleteOption": "Delete" },
            });
            for shared in ["zones", "tags"] {
                if let Some(value) = machine.body.get(shared) {
                    body[shared] = value.clone();
                }
            }
            let mut draft = blank(address.clone(), body);
            PublicAddresses.put(cx, &mut draft)?;
            insert(cx, draft, &PublicAddresses);
            configuration["properties"]["publicIPAddress"] = json!({ "id": address });
        }
        let mut body = json!({ "properties": { "ipConfigurations": configurations } });
        for shared in ["networkSecurityGroup", "enableIPForwarding", "enableAcceleratedNetworking"] {
            if let Some(value) = nic["properties"].get(shared) {
                body["properties"][shared] = value.clone();
            }
        }
        if let Some(tags) = machine.body.get("tags") {
            body["tags"] = tags.clone();
        }
        let mut draft = blank(id.clone(), body);
        NetworkInterfaces.put(cx, &mut draft)?;
        insert(cx, draft, &NetworkInterfaces);
        made.push(json!({ "id": id, "properties": { "primary": made.is_empty(), "deleteOption": "Delete" } }));
    }
    Ok(made)
}

/// `VirtualMachineScaleSetVMs_List`.
pub fn list_of(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&["$filter", "$select", "$expand", "$skiptoken"])?;
    let group = request.group().unwrap_or_default();
    let name = request.rest.get(1).map_or("", String::as_str);
    let id =
        format!("/subscriptions/{}/resourceGroups/{group}/providers/{}/{name}", cx.subscription, ScaleSets.spec().kind);
    let set = cx.find(&id).ok_or_else(|| ApiError::not_found(&id))?.id.clone();
    let shown = machines(cx, &set).into_iter().filter_map(|machine| {
        let mut body = render(cx, &machine)?;
        body["instanceId"] = json!(machine.name());
        Some(body)
    });
    let shown = shown.collect();
    Ok(Response::json(200, cx.page(request, shown)?))
}
