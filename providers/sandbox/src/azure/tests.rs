use serde_json::{Value, json};

use super::testing::{GROUP, at, call, id, ok, sandbox, with};
use crate::{Effect, Fault, Sandbox};

const NET: &str = "Microsoft.Network/virtualNetworks/net";
const SUBNET: &str = "Microsoft.Network/virtualNetworks/net/subnets/a";
const GUARD: &str = "Microsoft.Network/networkSecurityGroups/guard";

fn here() -> Value {
    json!({ "location": "westeurope" })
}

fn net() -> Value {
    json!({ "location": "westeurope", "properties": { "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] } } })
}

async fn codes(sandbox: &Sandbox, method: &str, path: &str, body: &Value) -> Vec<String> {
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(at(sandbox, method, path, body).await.code().to_owned());
    }
    codes
}

#[tokio::test]
async fn what_was_just_made_is_not_known_at_once() {
    let sandbox = sandbox().await;
    let hide = |operation: &str| {
        sandbox.faults().add(format!("effect=not-visible,operation={operation},times=1").parse().unwrap());
    };
    hide("VirtualNetworks_Get");
    hide("Subnets_CreateOrUpdate");
    ok(&sandbox, "PUT", NET, &net()).await;
    assert_eq!(codes(&sandbox, "GET", NET, &Value::Null).await, ["ResourceNotFound", "", ""]);
    ok(&sandbox, "PUT", GUARD, &here()).await;
    let subnet =
        json!({ "properties": { "addressPrefix": "10.0.0.0/24", "networkSecurityGroup": { "id": id(GUARD) } } });
    // Each thing is hidden by itself: first the network, beside it the group that the body names.
    let refused = codes(&sandbox, "PUT", SUBNET, &subnet).await;
    assert_eq!(refused, ["InvalidResourceReference", "", ""]);
    assert_eq!(at(&sandbox, "DELETE", SUBNET, &Value::Null).await.code(), "");
}

#[tokio::test]
async fn so_are_groups_and_containers() {
    let sandbox = sandbox().await;
    sandbox.faults().add("effect=not-visible,times=1".parse().unwrap());
    let other = GROUP.replace("/rg", "/other");
    call(&sandbox, "PUT", &format!("{other}?api-version=2021-04-01"), &here()).await;
    let in_it = format!("{other}/providers/{NET}?api-version=2024-03-01");
    assert_eq!(call(&sandbox, "PUT", &in_it, &net()).await.code(), "ResourceGroupNotFound");
    assert_eq!(call(&sandbox, "PUT", &in_it, &net()).await.status, 201);

    let account = json!({ "location": "westeurope", "kind": "StorageV2", "sku": { "name": "Standard_LRS" } });
    let account_path = format!("{}?api-version=2023-05-01", id("Microsoft.Storage/storageAccounts/boot"));
    assert!(call(&sandbox, "PUT", &account_path, &account).await.status < 300);
    let container = id("Microsoft.Storage/storageAccounts/boot/blobServices/default/containers/box");
    let container = format!("{container}?api-version=2023-05-01");
    assert_eq!(call(&sandbox, "PUT", &container, &json!({})).await.code(), "ParentResourceNotFound");
    let made = call(&sandbox, "PUT", &container, &json!({})).await;
    assert!(made.status < 300, "{made:?}");
    let headers = [("authorization", "Bearer any"), ("x-ms-version", "2024-11-04")];
    let mut statuses = Vec::new();
    for _ in 0..2 {
        let answer = with(&sandbox, "GET", "/boot/box?restype=container&comp=list", &headers, &Value::Null).await;
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [404, 200]);
}

#[tokio::test]
async fn an_operation_fails_at_its_end() {
    let sandbox = sandbox().await;
    for operation in ["VirtualNetworks_CreateOrUpdate", "VirtualNetworks_Delete"] {
        let ending = Effect::FailAtEnd { code: "QuotaExceeded".to_owned() };
        sandbox.faults().add(Fault::new(ending).on(operation).times(1));
    }
    let begun = ok(&sandbox, "PUT", NET, &net()).await;
    let status = begun.headers["azure-asyncoperation"].splitn(4, '/').nth(3).unwrap().to_owned();
    let mut seen = Vec::new();
    loop {
        let now = call(&sandbox, "GET", &format!("/{status}"), &Value::Null).await;
        seen.push(now.text("/status").to_owned());
        if now.text("/status") != "InProgress" {
            assert_eq!(now.text("/error/code"), "QuotaExceeded");
            assert!(!now.text("/error/message").is_empty());
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(seen.len() > 2 && seen.last().unwrap() == "Failed", "{seen:?}");
    let left = ok(&sandbox, "GET", NET, &Value::Null).await;
    assert_eq!(left.text("/properties/provisioningState"), "Failed");
    // What could not be removed is still there.
    assert_eq!(ok(&sandbox, "DELETE", NET, &Value::Null).await.status, 202);
    tokio::time::sleep(std::time::Duration::from_millis(80)).await;
    assert_eq!(ok(&sandbox, "GET", NET, &Value::Null).await.text("/properties/provisioningState"), "Failed");
    ok(&sandbox, "DELETE", NET, &Value::Null).await;
    assert_eq!(at(&sandbox, "GET", NET, &Value::Null).await.status, 404);
}
