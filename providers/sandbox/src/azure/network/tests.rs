use serde_json::{Value, json};

use crate::azure::testing::{GROUP, at, call, id, ok, sandbox, start, with};
use crate::{Config, Pace, Quotas, Sandbox};

const NET: &str = "Microsoft.Network/virtualNetworks/net";
const SUBNET: &str = "Microsoft.Network/virtualNetworks/net/subnets/a";
const NIC: &str = "Microsoft.Network/networkInterfaces/nic";
const PUBLIC: &str = "Microsoft.Network/publicIPAddresses/public";

fn located(properties: &Value) -> Value {
    json!({ "location": "West Europe", "properties": properties })
}

async fn network(sandbox: &Sandbox) {
    let net = json!({ "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] } });
    ok(sandbox, "PUT", NET, &located(&net)).await;
    ok(sandbox, "PUT", SUBNET, &json!({ "properties": { "addressPrefix": "10.0.0.0/24" } })).await;
}

fn nic(address: &str) -> Value {
    located(&json!({ "ipConfigurations": [{ "name": "main", "properties": {
        "subnet": { "id": id(SUBNET) }, "privateIPAllocationMethod": "Static", "privateIPAddress": address,
    } }] }))
}

#[tokio::test]
async fn networks_and_subnets_are_checked() {
    let sandbox = sandbox().await;
    network(&sandbox).await;
    let other = NET.to_owned() + "/subnets/b";
    for (prefix, code) in [
        ("10.0.0.128/25", "NetcfgSubnetRangesOverlap"),
        ("10.1.0.0/24", "NetcfgSubnetRangeOutsideVnet"),
        ("10.0.1.1/24", "InvalidCIDRNotation"),
    ] {
        let answer = at(&sandbox, "PUT", &other, &json!({ "properties": { "addressPrefix": prefix } })).await;
        assert_eq!((answer.status, answer.code()), (400, code));
    }
    let missing = json!({ "properties": { "addressPrefix": "10.0.1.0/24", "natGateway": { "id": id("Microsoft.Network/natGateways/no") } } });
    assert_eq!(at(&sandbox, "PUT", &other, &missing).await.code(), "InvalidResourceReference");
    let shown = ok(&sandbox, "GET", NET, &Value::Null).await;
    assert_eq!(shown.text("/properties/subnets/0/id"), id(SUBNET));
    assert_eq!(shown.text("/properties/provisioningState"), "Succeeded");
    ok(&sandbox, "PUT", NIC, &nic("10.0.0.4")).await;
    assert_eq!(at(&sandbox, "DELETE", SUBNET, &Value::Null).await.code(), "InUseSubnetCannotBeDeleted");
    assert_eq!(at(&sandbox, "DELETE", NET, &Value::Null).await.code(), "InUseSubnetCannotBeDeleted");
    ok(&sandbox, "DELETE", NIC, &Value::Null).await;
    assert_eq!(at(&sandbox, "DELETE", NET, &Value::Null).await.status, 202);
    assert_eq!(at(&sandbox, "DELETE", NET, &Value::Null).await.status, 204);
    assert_eq!(at(&sandbox, "GET", SUBNET, &Value::Null).await.status, 404);
}

#[tokio::test]
async fn addresses_are_assigned_once() {
    let sandbox = sandbox().await;
    network(&sandbox).await;
    ok(&sandbox, "PUT", NIC, &nic("10.0.0.10")).await;
    let other = "Microsoft.Network/networkInterfaces/other";
    for (address, code) in [
        ("10.0.0.10", "PrivateIPAddressIsAllocated"),
        ("10.0.0.3", "PrivateIPAddressInReservedRange"),
        ("10.0.1.4", "PrivateIPAddressNotInSubnet"),
    ] {
        assert_eq!(at(&sandbox, "PUT", other, &nic(address)).await.code(), code);
    }
    let dynamic =
        located(&json!({ "ipConfigurations": [{ "name": "main", "properties": { "subnet": { "id": id(SUBNET) } } }] }));
    let made = ok(&sandbox, "PUT", other, &dynamic).await;
    assert_eq!(made.text("/properties/ipConfigurations/0/properties/privateIPAddress"), "10.0.0.4");
    // The same again has the same address.
    ok(&sandbox, "PUT", NIC, &nic("10.0.0.10")).await;
}

#[tokio::test]
async fn rules_have_places_of_their_own() {
    let sandbox = sandbox().await;
    let group = "Microsoft.Network/networkSecurityGroups/group";
    let rule = |name: &str, priority: u32, port: &str| {
        json!({ "name": name, "properties": {
            "protocol": "Tcp", "sourcePortRange": "*", "destinationPortRange": port, "sourceAddressPrefix": "10.0.0.0/8",
            "destinationAddressPrefix": "*", "access": "Allow", "priority": priority, "direction": "Inbound",
        } })
    };
    let rules = |rules: Value| located(&json!({ "securityRules": rules }));
    for (given, code) in [
        (json!([rule("a", 100, "22"), rule("b", 100, "23")]), "SecurityRuleConflict"),
        (json!([rule("a", 100, "70000")]), "SecurityRuleInvalidPortRange"),
        (json!([rule("a", 99, "22")]), "InvalidParameterValue"),
    ] {
        assert_eq!(at(&sandbox, "PUT", group, &rules(given)).await.code(), code);
    }
    ok(&sandbox, "PUT", group, &rules(json!([rule("a", 100, "22"), rule("b", 101, "23")]))).await;
    ok(&sandbox, "PUT", group, &rules(json!([rule("b", 100, "23")]))).await;
    let shown = ok(&sandbox, "GET", group, &Value::Null).await;
    assert_eq!(shown.body["properties"]["securityRules"].as_array().unwrap().len(), 1);
    assert_eq!(shown.body["properties"]["defaultSecurityRules"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn load_balancers_hold_together() {
    let sandbox = sandbox().await;
    network(&sandbox).await;
    let public = json!({ "location": "westeurope", "sku": { "name": "Standard" }, "properties": { "publicIPAllocationMethod": "Static" } });
    ok(&sandbox, "PUT", PUBLIC, &public).await;
    let path = "Microsoft.Network/loadBalancers/api";
    let child = |kind: &str, name: &str| json!({ "id": format!("{}/{kind}/{name}", id(path)) });
    let balancer = |probe: &str| {
        json!({ "location": "westeurope", "sku": { "name": "Standard" }, "properties": {
            "frontendIPConfigurations": [{ "name": "api", "properties": { "publicIPAddress": { "id": id(PUBLIC) } } }],
            "backendAddressPools": [{ "name": "api" }],
            "probes": [{ "name": "ready", "properties": { "protocol": "Https", "port": 6443, "requestPath": "/readyz" } }],
            "loadBalancingRules": [{ "name": "api", "properties": {
                "frontendIPConfiguration": child("frontendIPConfigurations", "api"),
                "backendAddressPool": child("backendAddressPools", "api"), "probe": child("probes", probe),
                "protocol": "Tcp", "frontendPort": 443, "backendPort": 6443, "disableOutboundSnat": true,
            } }],
        } })
    };
    assert_eq!(at(&sandbox, "PUT", path, &balancer("no")).await.code(), "InvalidResourceReference");
    ok(&sandbox, "PUT", path, &balancer("ready")).await;
    assert_eq!(at(&sandbox, "DELETE", PUBLIC, &Value::Null).await.code(), "PublicIPAddressCannotBeDeleted");
    let mut member = nic("10.0.0.4");
    member["properties"]["ipConfigurations"][0]["properties"]["loadBalancerBackendAddressPools"] =
        json!([child("backendAddressPools", "api")]);
    ok(&sandbox, "PUT", NIC, &member).await;
    let shown = ok(&sandbox, "GET", path, &Value::Null).await;
    let pointer = "/properties/backendAddressPools/0/properties/backendIPConfigurations/0/id";
    assert_eq!(shown.text(pointer), format!("{}/ipConfigurations/main", id(NIC)));
    ok(&sandbox, "DELETE", path, &Value::Null).await;
    let left = ok(&sandbox, "GET", NIC, &Value::Null).await;
    let pools = &left.body["properties"]["ipConfigurations"][0]["properties"]["loadBalancerBackendAddressPools"];
    assert_eq!(*pools, json!([]));
}

#[tokio::test]
async fn versions_guard_changes_and_unknown_words_are_refused() {
    let sandbox = sandbox().await;
    let group = "Microsoft.Network/applicationSecurityGroups/workers";
    let made = ok(&sandbox, "PUT", group, &json!({ "location": "westeurope" })).await;
    let etag = made.text("/etag").to_owned();
    let url = format!("{}?api-version=2024-03-01", id(group));
    let change = |etag: String| {
        let (sandbox, url) = (&sandbox, &url);
        async move {
            let headers = [("authorization", "Bearer any"), ("if-match", etag.as_str())];
            let tags = json!({ "location": "westeurope", "tags": { "a": "b" } });
            with(sandbox, "PUT", url, &headers, &tags).await
        }
    };
    assert_eq!(change("W/\"other\"".to_owned()).await.code(), "PreconditionFailed");
    assert_eq!(change(etag.clone()).await.status, 200);
    assert_eq!(change(etag).await.status, 412);
    let unknown = at(&sandbox, "PUT", group, &json!({ "location": "westeurope", "wat": 1 })).await;
    assert_eq!((unknown.status, unknown.code()), (400, "InvalidRequestContent"));
    assert_eq!(with(&sandbox, "GET", &url, &[], &Value::Null).await.status, 401);
    let wrong = format!("{}?api-version=2000-01-01", id(group));
    assert_eq!(call(&sandbox, "GET", &wrong, &Value::Null).await.code(), "NoRegisteredProviderFound");
}

#[tokio::test]
async fn operations_are_asked_after_and_lists_have_pages() {
    let pace = Pace { arm_operation: 60, ..Pace::instant() };
    let sandbox = start(Config { pace, page_limit: Some(1), ..Config::default() }).await;
    let group = |name: &str| format!("Microsoft.Network/applicationSecurityGroups/{name}");
    let made = ok(&sandbox, "PUT", &group("a"), &json!({ "location": "westeurope" })).await;
    assert_eq!((made.status, made.text("/properties/provisioningState")), (201, "Updating"));
    let operation = made.headers["azure-asyncoperation"].clone();
    let path = operation.split_once("/subscriptions").unwrap().1;
    let poll = || async { call(&sandbox, "GET", &format!("/subscriptions{path}"), &Value::Null).await };
    assert_eq!(poll().await.text("/status"), "InProgress");
    let again = at(&sandbox, "PUT", &group("a"), &json!({ "location": "westeurope" })).await;
    assert_eq!((again.status, again.code()), (429, "AnotherOperationInProgress"));
    tokio::time::sleep(std::time::Duration::from_millis(90)).await;
    assert_eq!(poll().await.text("/status"), "Succeeded");
    ok(&sandbox, "PUT", &group("b"), &json!({ "location": "westeurope" })).await;
    let first = ok(&sandbox, "GET", "Microsoft.Network/applicationSecurityGroups", &Value::Null).await;
    assert_eq!(first.text("/value/0/name"), "a");
    let next = first.text("/nextLink").split_once("/subscriptions").unwrap().1.to_owned();
    let second = call(&sandbox, "GET", &format!("/subscriptions{next}"), &Value::Null).await;
    assert_eq!(second.text("/value/0/name"), "b");
    assert!(second.body["nextLink"].is_null());
}

#[tokio::test]
async fn groups_go_with_everything_in_them() {
    let sandbox = sandbox().await;
    network(&sandbox).await;
    ok(&sandbox, "PUT", NIC, &nic("10.0.0.4")).await;
    let all = call(&sandbox, "GET", &format!("{GROUP}/resources?api-version=2021-04-01"), &Value::Null).await;
    assert_eq!(all.body["value"].as_array().unwrap().len(), 2);
    let url = format!("{GROUP}?api-version=2021-04-01");
    assert_eq!(call(&sandbox, "DELETE", &url, &Value::Null).await.status, 202);
    assert_eq!(call(&sandbox, "HEAD", &url, &Value::Null).await.status, 404);
    assert!(sandbox.inventory("azure").is_empty(), "{:?}", sandbox.inventory("azure"));
}

#[tokio::test]
async fn public_addresses_are_counted() {
    let quotas = Quotas { azure_public_addresses: 1, ..Quotas::default() };
    let sandbox = start(Config { pace: Pace::instant(), quotas, ..Config::default() }).await;
    let mut address = located(&json!({ "publicIPAllocationMethod": "Static" }));
    address["sku"] = json!({ "name": "Standard" });
    ok(&sandbox, "PUT", PUBLIC, &address).await;
    let other = "Microsoft.Network/publicIPAddresses/other";
    let refused = at(&sandbox, "PUT", other, &address).await;
    assert_eq!((refused.status, refused.code()), (400, "PublicIPCountLimitReached"));
    ok(&sandbox, "PUT", PUBLIC, &address).await;
    address["location"] = json!("northeurope");
    ok(&sandbox, "PUT", other, &address).await;
}
