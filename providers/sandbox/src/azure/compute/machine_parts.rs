//! The parts of a machine: size, image, login, disks and network interfaces.

use base64::Engine as _;
use serde_json::{Value, json};

use super::disk::Disks;
use super::{image, size};
use crate::azure::body::{self, list, text};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind};
use crate::azure::world::{Cx, Resource, State, key};

/// Checks size, image and protection against each other.
pub fn check_hardware(vm_size: &str, profile: &Value) -> Result<size::Size, ApiError> {
    let size = size::find(vm_size)?;
    let reference = &profile["storageProfile"]["imageReference"];
    if reference.is_null() {
        return Err(ApiError::parameter("imageReference", "Required parameter 'imageReference' is missing (null)."));
    }
    let security = &profile["securityProfile"];
    if security["encryptionAtHost"] == true {
        return Err(ApiError::parameter(
            "securityProfile.encryptionAtHost",
            "The property 'securityProfile.encryptionAtHost' is not valid because the 'Microsoft.Compute/EncryptionAtHost' \
             feature is not enabled for this subscription.",
        ));
    }
    let trusted = security["securityType"] == "TrustedLaunch";
    if !security["uefiSettings"].is_null() && !trusted {
        return Err(ApiError::parameter("securityProfile.uefiSettings", "Use of UEFI settings needs a security type."));
    }
    if image::is_arm(reference)?.is_some_and(|arm| arm != size.arm) {
        return Err(ApiError::bad(
            "BadRequest",
            format!(
                "Cannot create a VM of size '{vm_size}' because this VM size only supports a CPU Architecture of another kind than the image's."
            ),
        ));
    }
    if trusted && size.arm {
        return Err(ApiError::bad("BadRequest", format!("The VM size '{vm_size}' does not support Trusted Launch.")));
    }
    if list(profile, "/storageProfile/dataDisks").len() > size.disks {
        return Err(ApiError::conflict(
            "OperationNotAllowed",
            format!(
                "The maximum number of data disks allowed to be attached to a VM of size {vm_size} is {}.",
                size.disks
            ),
        ));
    }
    Ok(size)
}

/// Checks the login, and takes what is not shown out of it.
pub fn take_login(profile: &mut Value, is_new: bool) -> Result<Value, ApiError> {
    let login = &mut profile["osProfile"];
    let missing =
        |what: &str| Err(ApiError::parameter(what, format!("Required parameter '{what}' is missing (null).")));
    if is_new && text(login, "/adminUsername").is_empty() {
        return missing("osProfile.adminUsername");
    }
    let user = text(login, "/adminUsername").to_owned();
    if ["admin", "administrator", "root", "user", "test", "guest"].contains(&user.as_str()) {
        return Err(ApiError::parameter("adminUsername", "The Admin Username specified is not allowed."));
    }
    let linux = &login["linuxConfiguration"];
    let keys = list(linux, "/ssh/publicKeys");
    if is_new && linux["disablePasswordAuthentication"] == true && keys.is_empty() {
        return missing("linuxConfiguration.ssh.publicKeys");
    }
    if is_new && linux["disablePasswordAuthentication"] != true {
        return missing("osProfile.adminPassword");
    }
    for given in keys {
        if text(given, "/path") != format!("/home/{user}/.ssh/authorized_keys") {
            return Err(ApiError::parameter(
                "linuxConfiguration.ssh.publicKeys.path",
                format!(
                    "Destination path for SSH public keys is currently limited to its default value /home/{user}/.ssh/authorized_keys."
                ),
            ));
        }
        let key = text(given, "/keyData");
        if !key.starts_with("ssh-rsa ") && !key.starts_with("ssh-ed25519 ") {
            return Err(ApiError::parameter(
                "linuxConfiguration.ssh.publicKeys.keyData",
                "The SSH public key is not valid.",
            ));
        }
    }
    let data = login.as_object_mut().and_then(|login| login.remove("customData")).unwrap_or_default();
    let decoded = data.as_str().map(|data| base64::engine::general_purpose::STANDARD.decode(data));
    match decoded {
        Some(Ok(decoded)) if decoded.len() > 65_535 => {
            Err(ApiError::parameter("customData", "Custom data in OSProfile must be at most 65535 bytes."))
        }
        Some(Err(_)) => Err(ApiError::parameter("customData", "Custom data in OSProfile must be in Base64 encoding.")),
        _ => Ok(data),
    }
}

/// Makes a disk that a machine brings with it, and gives its id.
pub fn make_disk(
    cx: &mut Cx<'_>,
    machine: &Draft,
    name: &str,
    given: &Value,
    image: Option<&Value>,
) -> Result<String, ApiError> {
    let scope = machine.id.split("/providers/").next().unwrap_or_default();
    let id = format!("{scope}/providers/Microsoft.Compute/disks/{name}");
    if let Some(there) = cx.find(&id) {
        return Err(ApiError::conflict(
            "ConflictingUserInput",
            format!(
                "Disk {name} already exists in resource group. Only CreateOption.Attach is supported: {}.",
                there.id
            ),
        ));
    }
    let mut body = json!({
        "sku": { "name": given["managedDisk"]["storageAccountType"].as_str().unwrap_or("Premium_LRS") },
        "properties": {
            "creationData": { "createOption": if image.is_some() { "FromImage" } else { "Empty" } },
            "diskSizeGB": given["diskSizeGB"].as_i64().unwrap_or(30),
        },
    });
    if let Some(image) = image {
        body["properties"]["osType"] = json!("Linux");
        body["properties"]["hyperVGeneration"] = json!("V2");
        body["properties"]["creationData"]["imageReference"] = image::of_disk(cx, &machine.location, image);
    }
    for name in ["zones", "tags"] {
        if let Some(value) = machine.body.get(name) {
            body[name] = value.clone();
        }
    }
    let mut draft = Draft {
        id: id.clone(),
        location: machine.location.clone(),
        body,
        hidden: json!({}),
        old: None,
        lasts: None,
        failure: None,
    };
    Disks.put(cx, &mut draft)?;
    insert(cx, draft, &Disks);
    Ok(id)
}

/// Keeps a resource that comes with another, and is there at once.
pub fn insert(cx: &mut Cx<'_>, draft: Draft, kind: &dyn Kind) {
    let etag = cx.etag();
    let Draft { id, location, body, hidden, .. } = draft;
    let kind = kind.spec().kind.to_owned();
    let resource =
        Resource { id: id.clone(), kind, location, body, hidden, etag, created: cx.now, state: State::Ready };
    cx.sub.resources.insert(key(&id), resource);
    cx.dirty();
}

/// Checks the data disks and makes those that come with the machine.
pub fn data_disks(cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
    let mut disks = list(&draft.body, "/properties/storageProfile/dataDisks").to_vec();
    let before = draft.before("/properties/storageProfile/dataDisks");
    let mut luns = Vec::new();
    for disk in &mut disks {
        let lun = disk["lun"].as_i64().unwrap_or_default();
        if luns.contains(&lun) {
            return Err(ApiError::parameter("dataDisk.lun", format!("A disk with LUN {lun} is given twice.")));
        }
        luns.push(lun);
        if disk["createOption"] == "Empty" {
            let old = before.as_array().into_iter().flatten().find(|old| old["lun"] == lun);
            let id = if let Some(old) = old {
                text(old, "/managedDisk/id").to_owned()
            } else {
                let name = format!("{}_DataDisk_{lun}_{}", draft.name(), cx.ids.hex(32));
                let name = disk["name"].as_str().map_or(name, str::to_owned);
                make_disk(cx, draft, &name, disk, None)?
            };
            disk["managedDisk"]["id"] = json!(id);
        } else {
            attach(cx, draft, disk)?;
        }
        let id = text(disk, "/managedDisk/id").to_owned();
        let made = cx.find(&id);
        disk["name"] = json!(made.map(Resource::name).unwrap_or_default());
        disk["diskSizeGB"] = made.map(|disk| disk.body["properties"]["diskSizeGB"].clone()).unwrap_or_default();
        disk["managedDisk"]["storageAccountType"] =
            made.map(|disk| disk.body["sku"]["name"].clone()).unwrap_or_default();
        for (name, value) in [("deleteOption", "Detach"), ("caching", "None")] {
            if disk[name].is_null() {
                disk[name] = json!(value);
            }
        }
        disk["toBeDetached"] = json!(false);
    }
    draft.body["properties"]["storageProfile"]["dataDisks"] = Value::Array(disks);
    Ok(())
}

/// Checks that an existing disk can be attached.
fn attach(cx: &Cx<'_>, draft: &Draft, given: &Value) -> Result<(), ApiError> {
    let id = text(given, "/managedDisk/id");
    let disk = cx.find(id).ok_or_else(|| ApiError::not_found(id))?;
    if let Some(owner) = cx.users(id).into_iter().find(|user| key(user) != key(&draft.id)) {
        return Err(ApiError::conflict(
            "ConflictingUserInput",
            format!("Disk '{id}' cannot be attached as the disk is already owned by VM '{owner}'."),
        ));
    }
    if disk.is_busy() {
        return Err(ApiError::conflict(
            "ConflictingUserInput",
            format!("Cannot attach disk '{id}' because another operation on it is in progress."),
        ));
    }
    if disk.location != draft.location || disk.body["zones"] != draft.body["zones"] {
        return Err(ApiError::bad(
            "BadRequest",
            format!("{} cannot be attached to {} because they are not in the same zone or region.", disk.id, draft.id),
        ));
    }
    Ok(())
}

/// Makes the disk that the system is on, when the machine is new.
pub fn os_disk(cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
    let before = draft.before("/properties/storageProfile/osDisk");
    let mut disk = draft.body["properties"]["storageProfile"]["osDisk"].clone();
    if disk.is_null() {
        disk = json!({ "createOption": "FromImage" });
    }
    if before.is_null() {
        let name = format!("{}_OsDisk_1_{}", draft.name(), cx.ids.hex(32));
        let name = disk["name"].as_str().map_or(name, str::to_owned);
        let image = draft.body["properties"]["storageProfile"]["imageReference"].clone();
        let id = make_disk(cx, draft, &name, &disk, Some(&image))?;
        disk["name"] = json!(name);
        disk["managedDisk"]["id"] = json!(id);
    } else {
        let given = disk["name"].as_str();
        if given.is_some_and(|name| before["name"] != name) {
            return Err(ApiError::conflict(
                "PropertyChangeNotAllowed",
                "Changing property 'osDisk.name' is not allowed.",
            )
            .at("osDisk.name"));
        }
        disk["name"] = before["name"].clone();
        disk["managedDisk"]["id"] = before["managedDisk"]["id"].clone();
    }
    for (name, value) in [("osType", "Linux"), ("caching", "ReadWrite"), ("deleteOption", "Detach")] {
        if disk[name].is_null() {
            disk[name] = json!(value);
        }
    }
    let made = cx.find(text(&disk, "/managedDisk/id"));
    disk["managedDisk"]["storageAccountType"] = made.map(|disk| disk.body["sku"]["name"].clone()).unwrap_or_default();
    disk["diskSizeGB"] = made.map(|disk| disk.body["properties"]["diskSizeGB"].clone()).unwrap_or_default();
    draft.body["properties"]["storageProfile"]["osDisk"] = disk;
    Ok(())
}

/// Checks the network interfaces.
pub fn interfaces(cx: &Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
    let given = list(&draft.body, "/properties/networkProfile/networkInterfaces").to_vec();
    if given.is_empty() {
        return Err(ApiError::parameter(
            "networkProfile.networkInterfaces",
            "A virtual machine must have at least one network interface.",
        ));
    }
    let before = draft.before("/properties/networkProfile/networkInterfaces");
    let ids = |all: &[Value]| all.iter().map(|one| key(text(one, "/id"))).collect::<Vec<_>>();
    if let Some(before) = before.as_array()
        && ids(before) != ids(&given)
        && draft.old.as_ref().is_some_and(|old| old.hidden["power"] != "deallocated")
    {
        return Err(ApiError::conflict(
            "AddingOrDeletingNetworkInterfacesOnARunningVirtualMachineNotSupported",
            format!("Add or delete network interfaces of {} only while it is deallocated.", draft.id),
        ));
    }
    for nic in &given {
        let id = text(nic, "/id");
        let found = cx.find(id).filter(|found| found.kind == "Microsoft.Network/networkInterfaces");
        let found = found.filter(|found| found.location == draft.location).ok_or_else(|| {
            ApiError::new(404, "NotFound", format!("Resource {id} not found, or not in the machine's region."))
                .at("networkInterface")
        })?;
        if found.is_busy() {
            return Err(ApiError::not_provisioned(id, &draft.id));
        }
        if let Some(user) = cx.users(id).into_iter().find(|user| key(user) != key(&draft.id)) {
            return Err(ApiError::bad(
                "NicInUse",
                format!("Network Interface {id} is used by existing resource {user}."),
            ));
        }
    }
    let mut given = given;
    for nic in &mut given {
        if nic["properties"]["deleteOption"].is_null() {
            nic["properties"]["deleteOption"] = json!("Detach");
        }
    }
    body::set(&mut draft.body, "networkProfile", json!({ "networkInterfaces": given }));
    Ok(())
}

/// Takes away the parts that go with a machine.
pub fn remove(cx: &mut Cx<'_>, machine: &Resource) {
    let disks = list(&machine.body, "/properties/storageProfile/dataDisks").iter();
    let disks = disks.chain([&machine.body["properties"]["storageProfile"]["osDisk"]]);
    let mut going: Vec<String> = disks
        .filter(|disk| disk["deleteOption"] == "Delete")
        .map(|disk| text(disk, "/managedDisk/id").to_owned())
        .collect();
    for nic in list(&machine.body, "/properties/networkProfile/networkInterfaces") {
        let id = text(nic, "/id");
        if nic["properties"]["deleteOption"] != "Delete" {
            continue;
        }
        going.push(id.to_owned());
        let configurations = cx.find(id).map(|nic| list(&nic.body, "/properties/ipConfigurations").to_vec());
        for configuration in configurations.unwrap_or_default() {
            let public = text(&configuration, "/properties/publicIPAddress/id");
            if cx.find(public).is_some_and(|public| public.body["properties"]["deleteOption"] == "Delete") {
                going.push(public.to_owned());
            }
        }
    }
    for id in going {
        cx.sub.resources.remove(&key(&id));
    }
    cx.dirty();
}
