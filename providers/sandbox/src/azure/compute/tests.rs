use serde_json::{Value, json};

use crate::azure::testing::{at, call, id, ok, sandbox, start};
use crate::{Config, Pace, Quotas, Sandbox};

const SUBNET: &str = "Microsoft.Network/virtualNetworks/net/subnets/a";
const NIC: &str = "Microsoft.Network/networkInterfaces/nic";
const DISK: &str = "Microsoft.Compute/disks/etcd";
const VM: &str = "Microsoft.Compute/virtualMachines/vm";
const SET: &str = "Microsoft.Compute/virtualMachineScaleSets/pool";

async fn network(sandbox: &Sandbox) {
    let net =
        json!({ "location": "westeurope", "properties": { "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] } } });
    ok(sandbox, "PUT", "Microsoft.Network/virtualNetworks/net", &net).await;
    ok(sandbox, "PUT", SUBNET, &json!({ "properties": { "addressPrefix": "10.0.0.0/24" } })).await;
    let nic = json!({ "location": "westeurope", "properties": { "ipConfigurations": [
        { "name": "main", "properties": { "subnet": { "id": id(SUBNET) } } },
    ] } });
    ok(sandbox, "PUT", NIC, &nic).await;
}

fn disk() -> Value {
    json!({ "location": "westeurope", "zones": ["1"], "sku": { "name": "Premium_LRS" }, "properties": {
        "creationData": { "createOption": "Empty" }, "diskSizeGB": 20,
    } })
}

fn login(name: &str, value: &str) -> Value {
    json!({
        name: value, "adminUsername": "meridian", "customData": "I2Nsb3VkLWNvbmZpZw==",
        "linuxConfiguration": { "disablePasswordAuthentication": true, "ssh": { "publicKeys": [
            { "path": "/home/meridian/.ssh/authorized_keys", "keyData": "ssh-ed25519 AAAA" },
        ] } },
    })
}

fn image() -> Value {
    json!({ "publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "24.04.202511120" })
}

fn machine() -> Value {
    json!({ "location": "westeurope", "zones": ["1"], "properties": {
        "hardwareProfile": { "vmSize": "Standard_D2s_v5" },
        "storageProfile": {
            "imageReference": image(),
            "osDisk": { "createOption": "FromImage", "name": "vm-root", "deleteOption": "Delete", "diskSizeGB": 40 },
            "dataDisks": [{ "lun": 0, "createOption": "Attach", "managedDisk": { "id": id(DISK) }, "deleteOption": "Detach" }],
        },
        "osProfile": login("computerName", "vm"),
        "networkProfile": { "networkInterfaces": [{ "id": id(NIC) }] },
    } })
}

fn set(capacity: u32) -> Value {
    json!({ "location": "westeurope", "zones": ["1", "2"], "sku": { "name": "Standard_D2s_v5", "capacity": capacity },
        "properties": {
            "orchestrationMode": "Flexible", "platformFaultDomainCount": 1, "singlePlacementGroup": false,
            "virtualMachineProfile": {
                "osProfile": login("computerNamePrefix", "pool-"),
                "storageProfile": { "imageReference": image(), "osDisk": { "createOption": "FromImage", "deleteOption": "Delete" } },
                "networkProfile": { "networkApiVersion": "2020-11-01", "networkInterfaceConfigurations": [
                    { "name": "main", "properties": { "primary": true, "deleteOption": "Delete", "ipConfigurations": [
                        { "name": "main", "properties": { "subnet": { "id": id(SUBNET) } } },
                    ] } },
                ] },
            },
        } })
}

#[tokio::test]
async fn a_machine_holds_its_parts() {
    let sandbox = sandbox().await;
    network(&sandbox).await;
    assert_eq!(ok(&sandbox, "PUT", DISK, &disk()).await.status, 202);
    assert_eq!(ok(&sandbox, "PUT", VM, &machine()).await.status, 201);
    let shown = ok(&sandbox, "GET", &format!("{VM}?$expand=instanceView"), &Value::Null).await;
    assert_eq!(shown.text("/properties/provisioningState"), "Succeeded");
    assert_eq!(shown.text("/properties/instanceView/statuses/1/code"), "PowerState/running");
    assert!(!shown.body.to_string().contains("customData"), "{shown:?}");
    assert_eq!(ok(&sandbox, "GET", DISK, &Value::Null).await.text("/managedBy"), id(VM));
    assert_eq!(at(&sandbox, "DELETE", DISK, &Value::Null).await.code(), "OperationNotAllowed");
    assert_eq!(at(&sandbox, "DELETE", NIC, &Value::Null).await.code(), "NicInUse");
    assert_eq!(ok(&sandbox, "PUT", VM, &machine()).await.status, 200);
    let mut other = machine();
    other["properties"]["osProfile"]["customData"] = json!("AAAA");
    assert_eq!(at(&sandbox, "PUT", VM, &other).await.code(), "PropertyChangeNotAllowed");
    ok(&sandbox, "POST", &format!("{VM}/deallocate"), &Value::Null).await;
    assert_eq!(ok(&sandbox, "GET", DISK, &Value::Null).await.text("/properties/diskState"), "Reserved");
    ok(&sandbox, "DELETE", VM, &Value::Null).await;
    let root = at(&sandbox, "GET", "Microsoft.Compute/disks/vm-root", &Value::Null).await;
    assert_eq!((root.status, root.code()), (404, "ResourceNotFound"));
    assert_eq!(ok(&sandbox, "GET", DISK, &Value::Null).await.text("/properties/diskState"), "Unattached");
    ok(&sandbox, "DELETE", NIC, &Value::Null).await;
}

#[tokio::test]
async fn machines_are_checked() {
    let sandbox = sandbox().await;
    network(&sandbox).await;
    ok(&sandbox, "PUT", DISK, &disk()).await;
    let cases: [(&str, Value, &str); 7] = [
        ("/zones", json!(["9"]), "InvalidAvailabilityZone"),
        ("/zones", json!(["2"]), "BadRequest"),
        ("/properties/hardwareProfile/vmSize", json!("Standard_X1"), "InvalidParameter"),
        ("/properties/hardwareProfile/vmSize", json!("Standard_D2ps_v5"), "BadRequest"),
        ("/properties/storageProfile/imageReference/version", json!("1"), "PlatformImageNotFound"),
        ("/properties/osProfile/adminUsername", json!("root"), "InvalidParameter"),
        (
            "/properties/networkProfile/networkInterfaces/0/id",
            json!(id("Microsoft.Network/networkInterfaces/no")),
            "NotFound",
        ),
    ];
    for (pointer, value, code) in cases {
        let mut body = machine();
        *body.pointer_mut(pointer).unwrap() = value;
        assert_eq!(at(&sandbox, "PUT", VM, &body).await.code(), code, "{pointer}");
    }
    assert_eq!(at(&sandbox, "GET", VM, &Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_region_without_zones_has_none() {
    let sandbox = start(Config {
        pace: Pace::instant(),
        zones: [("westeurope".to_owned(), Vec::new())].into(),
        ..Config::default()
    })
    .await;
    assert_eq!(at(&sandbox, "PUT", DISK, &disk()).await.code(), "AvailabilityZoneNotSupported");
    let path = "/subscriptions/00000000-0000-0000-0000-000000000001/locations?api-version=2022-12-01";
    let locations = call(&sandbox, "GET", path, &Value::Null).await;
    let own = |name: &str| {
        locations.body["value"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone()
    };
    assert!(own("westeurope")["availabilityZoneMappings"].is_null());
    assert!(own("northeurope")["availabilityZoneMappings"].is_array());
}

#[tokio::test]
async fn scale_sets_have_the_machines_that_they_should() {
    let sandbox = sandbox().await;
    network(&sandbox).await;
    ok(&sandbox, "PUT", SET, &set(3)).await;
    let count = || async {
        let list = ok(&sandbox, "GET", "Microsoft.Compute/virtualMachines", &Value::Null).await;
        list.body["value"].as_array().unwrap().len()
    };
    assert_eq!(count().await, 3);
    let list = ok(&sandbox, "GET", &format!("{SET}/virtualMachines"), &Value::Null).await;
    assert_eq!(list.text("/value/0/properties/virtualMachineScaleSet/id"), id(SET));
    ok(&sandbox, "PATCH", SET, &json!({ "sku": { "capacity": 1 } })).await;
    assert_eq!(count().await, 1);
    let mut mix = set(1);
    mix["sku"]["name"] = json!("Mix");
    mix["properties"]["skuProfile"] = json!({ "vmSizes": [{ "name": "Standard_D2s_v5" }, { "name": "Standard_D2as_v5" }], "allocationStrategy": "LowestPrice" });
    ok(&sandbox, "PUT", SET, &mix).await;
    assert_eq!(at(&sandbox, "DELETE", SUBNET, &Value::Null).await.code(), "InUseSubnetCannotBeDeleted");
    ok(&sandbox, "DELETE", SET, &Value::Null).await;
    assert_eq!(count().await, 0);
    ok(&sandbox, "DELETE", NIC, &Value::Null).await;
    ok(&sandbox, "DELETE", SUBNET, &Value::Null).await;
}

#[tokio::test]
async fn without_capacity_the_operation_fails_in_the_end() {
    let sandbox = sandbox().await;
    network(&sandbox).await;
    ok(&sandbox, "PUT", DISK, &disk()).await;
    sandbox.faults().add("operation=VirtualMachines_CreateOrUpdate,effect=capacity,times=1".parse().unwrap());
    let made = ok(&sandbox, "PUT", VM, &machine()).await;
    let operation = made.headers["azure-asyncoperation"].split_once("/subscriptions").unwrap().1.to_owned();
    let ended = call(&sandbox, "GET", &format!("/subscriptions{operation}"), &Value::Null).await;
    assert_eq!((ended.text("/status"), ended.text("/error/code")), ("Failed", "ZonalAllocationFailed"));
    assert_eq!(ok(&sandbox, "GET", VM, &Value::Null).await.text("/properties/provisioningState"), "Failed");
    ok(&sandbox, "PUT", VM, &machine()).await;
    assert_eq!(ok(&sandbox, "GET", VM, &Value::Null).await.text("/properties/provisioningState"), "Succeeded");
}

#[tokio::test]
async fn images_and_sizes_are_listed() {
    let sandbox = sandbox().await;
    let base = "/subscriptions/00000000-0000-0000-0000-000000000001/providers/Microsoft.Compute";
    let images = format!(
        "{base}/locations/westeurope/publishers/Canonical/artifacttypes/vmimage/offers/ubuntu-24_04-lts/skus/server/versions"
    );
    let newest =
        call(&sandbox, "GET", &format!("{images}?$orderby=name%20desc&$top=1&api-version=2024-07-01"), &Value::Null)
            .await;
    assert_eq!(newest.text("/0/name"), "24.04.202511120");
    let filter = "$filter=location%20eq%20'westeurope'&api-version=2021-07-01";
    let sizes = call(&sandbox, "GET", &format!("{base}/skus?{filter}"), &Value::Null).await;
    assert_eq!(sizes.text("/value/0/locationInfo/0/zones/2"), "3");
}

#[tokio::test]
async fn cores_are_counted_by_region_family_and_spot() {
    let quotas = Quotas { azure_cores: 6, azure_family_cores: 4, azure_spot_cores: 2, ..Quotas::default() };
    let sandbox = start(Config { pace: Pace::instant(), quotas, ..Config::default() }).await;
    network(&sandbox).await;
    ok(&sandbox, "PUT", DISK, &disk()).await;
    ok(&sandbox, "PUT", VM, &machine()).await;
    // It has what it has.
    ok(&sandbox, "PUT", VM, &machine()).await;
    let of = |size: &str, capacity: u32| {
        let mut set = set(capacity);
        set["sku"]["name"] = json!(size);
        set
    };
    let family = at(&sandbox, "PUT", SET, &of("Standard_D2s_v5", 2)).await;
    assert_eq!((family.status, family.code()), (409, "QuotaExceeded"));
    let words = "exceeding approved standardDSv5Family Cores quota";
    assert!(family.text("/error/message").contains(words), "{family:?}");
    let region = at(&sandbox, "PUT", SET, &of("Standard_D2as_v5", 3)).await;
    assert_eq!((region.status, region.code()), (409, "OperationNotAllowed"));
    let words = "Current Limit: 6, Current Usage: 2, Additional Required: 6, (Minimum) New Limit Required: 8.";
    assert!(region.text("/error/message").contains(words), "{region:?}");
    let mut spot = of("Standard_D2as_v5", 2);
    spot["properties"]["virtualMachineProfile"]["priority"] = json!("Spot");
    let refused = at(&sandbox, "PUT", SET, &spot).await;
    assert!(refused.text("/error/message").contains("LowPriorityCores"), "{refused:?}");
    ok(&sandbox, "PUT", SET, &of("Standard_D2as_v5", 2)).await;
}
