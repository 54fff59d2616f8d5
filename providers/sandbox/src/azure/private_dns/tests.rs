use serde_json::{Value, json};

use crate::azure::testing::{Answer, GROUP, call, id, ok, sandbox, with};
use crate::{Config, Pace, Sandbox};

const ZONE: &str = "privateDnsZones/c.meridian.internal";

async fn dns(sandbox: &Sandbox, method: &str, path: &str, body: &Value) -> Answer {
    call(sandbox, method, &format!("{GROUP}/providers/Microsoft.Network/{path}?api-version=2024-06-01"), body).await
}

async fn network(sandbox: &Sandbox, name: &str) -> String {
    let space =
        json!({ "location": "westeurope", "properties": { "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] } } });
    let path = format!("Microsoft.Network/virtualNetworks/{name}");
    ok(sandbox, "PUT", &path, &space).await;
    id(&path)
}

async fn zone(sandbox: &Sandbox) {
    let made = dns(sandbox, "PUT", ZONE, &json!({ "location": "global", "tags": { "a": "b" } })).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert!(made.headers.contains_key("azure-asyncoperation"));
}

fn addresses(all: &[&str]) -> Value {
    let records: Vec<Value> = all.iter().map(|address| json!({ "ipv4Address": address })).collect();
    json!({ "properties": { "ttl": 60, "aRecords": records } })
}

#[tokio::test]
async fn zones_come_with_their_first_record_and_go_without_links() {
    let sandbox = sandbox().await;
    let network = network(&sandbox, "net").await;
    zone(&sandbox).await;
    let shown = dns(&sandbox, "GET", ZONE, &Value::Null).await;
    assert_eq!(shown.body["properties"]["numberOfRecordSets"], 1, "{shown:?}");
    assert_eq!(dns(&sandbox, "DELETE", &format!("{ZONE}/SOA/@"), &Value::Null).await.code(), "BadRequest");
    let body = json!({ "location": "global", "properties": { "virtualNetwork": { "id": network } } });
    let link = format!("{ZONE}/virtualNetworkLinks/main");
    assert_eq!(dns(&sandbox, "PUT", &link, &body).await.status, 201);
    let shown = dns(&sandbox, "GET", &link, &Value::Null).await;
    assert_eq!(shown.text("/properties/virtualNetwork/id"), network);
    assert_eq!(shown.text("/properties/virtualNetworkLinkState"), "Completed");
    assert_eq!(dns(&sandbox, "PATCH", &link, &json!({ "tags": { "x": "y" } })).await.text("/tags/x"), "y");
    let twice = dns(&sandbox, "PUT", &format!("{ZONE}/virtualNetworkLinks/again"), &body).await;
    assert_eq!(twice.code(), "BadRequest");
    assert_eq!(dns(&sandbox, "DELETE", ZONE, &Value::Null).await.code(), "CannotDeleteResource");
    assert_eq!(dns(&sandbox, "DELETE", &link, &Value::Null).await.status, 202);
    assert_eq!(dns(&sandbox, "DELETE", ZONE, &Value::Null).await.status, 202);
    assert_eq!(dns(&sandbox, "GET", ZONE, &Value::Null).await.code(), "ResourceNotFound");
    assert!(sandbox.inventory("azure").keys().all(|kind| !kind.contains("privateDns")));
}

#[tokio::test]
async fn links_go_with_their_network() {
    let sandbox = sandbox().await;
    let network = network(&sandbox, "net").await;
    zone(&sandbox).await;
    let body = json!({ "location": "global", "properties": { "virtualNetwork": { "id": network } } });
    let link = format!("{ZONE}/virtualNetworkLinks/main");
    assert_eq!(dns(&sandbox, "PUT", &link, &body).await.status, 201);
    ok(&sandbox, "DELETE", "Microsoft.Network/virtualNetworks/net", &Value::Null).await;
    assert_eq!(dns(&sandbox, "GET", &link, &Value::Null).await.status, 404);
}

#[tokio::test]
async fn records_are_strict() {
    let sandbox = sandbox().await;
    zone(&sandbox).await;
    let api = format!("{ZONE}/A/api");
    let made = dns(&sandbox, "PUT", &api, &addresses(&["10.0.0.4", "10.0.0.5"])).await;
    assert_eq!((made.status, made.text("/properties/fqdn")), (201, "api.c.meridian.internal."), "{made:?}");
    assert_eq!(made.text("/type"), "Microsoft.Network/privateDnsZones/A");
    assert_eq!(dns(&sandbox, "PUT", &api, &addresses(&["10.0.0.4"])).await.status, 200);
    let alias = json!({ "properties": { "ttl": 60, "cnameRecord": { "cname": "x.y" } } });
    for (path, body, code) in [
        (api.clone(), addresses(&["10.0.0"]), "BadRequest"),
        (api.clone(), addresses(&["10.0.0.4", "10.0.0.4"]), "BadRequest"),
        (api.clone(), json!({ "properties": { "aRecords": [] } }), "InvalidParameter"),
        (api.clone(), json!({ "properties": { "ttl": 0 } }), "InvalidParameterValue"),
        (api.clone(), alias.clone(), "BadRequest"),
        (format!("{ZONE}/CNAME/api"), alias.clone(), "BadRequest"),
        (format!("{ZONE}/CNAME/@"), alias, "BadRequest"),
        ("privateDnsZones/other.internal/A/api".to_owned(), addresses(&["10.0.0.4"]), "ParentResourceNotFound"),
    ] {
        assert_eq!(dns(&sandbox, "PUT", &path, &body).await.code(), code, "{path} {body}");
    }
    assert_eq!(
        dns(&sandbox, "GET", &format!("{ZONE}/ALL"), &Value::Null).await.body["value"].as_array().unwrap().len(),
        2
    );
    assert_eq!(dns(&sandbox, "GET", &format!("{ZONE}/A"), &Value::Null).await.text("/value/0/name"), "api");
    assert_eq!(dns(&sandbox, "DELETE", &api, &Value::Null).await.status, 200);
    assert_eq!(dns(&sandbox, "DELETE", &api, &Value::Null).await.status, 204);
    let old = format!("{GROUP}/providers/Microsoft.Network/{ZONE}?api-version=2024-03-01");
    assert_eq!(call(&sandbox, "GET", &old, &Value::Null).await.code(), "NoRegisteredProviderFound");
}

#[tokio::test]
async fn versions_are_heeded() {
    let sandbox = sandbox().await;
    zone(&sandbox).await;
    let path = format!("{GROUP}/providers/Microsoft.Network/{ZONE}/A/api?api-version=2024-06-01");
    let token = ("authorization", "Bearer any");
    let body = addresses(&["10.0.0.4"]);
    let new = with(&sandbox, "PUT", &path, &[token, ("if-none-match", "*")], &body).await;
    assert_eq!(new.status, 201);
    assert_eq!(with(&sandbox, "PUT", &path, &[token, ("if-none-match", "*")], &body).await.status, 412);
    assert_eq!(with(&sandbox, "PUT", &path, &[token, ("if-match", "no")], &body).await.code(), "PreconditionFailed");
    let etag = new.text("/etag");
    assert_eq!(with(&sandbox, "PUT", &path, &[token, ("if-match", etag)], &body).await.status, 200);
}

#[tokio::test]
async fn a_zone_takes_a_while() {
    let pace = Pace { dns_change: 100, ..Pace::instant() };
    let sandbox = crate::azure::testing::start(Config { pace, ..Config::default() }).await;
    zone(&sandbox).await;
    assert_eq!(dns(&sandbox, "GET", ZONE, &Value::Null).await.text("/properties/provisioningState"), "Updating");
    assert_eq!(dns(&sandbox, "PUT", &format!("{ZONE}/A/api"), &addresses(&["10.0.0.4"])).await.status, 429);
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    assert_eq!(dns(&sandbox, "GET", ZONE, &Value::Null).await.text("/properties/provisioningState"), "Succeeded");
}
