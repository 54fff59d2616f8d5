//! Zones and records over HTTP.

use std::time::Duration;

use serde_json::{Value, json};

use crate::gcp::testing::{self, Answer, sandbox, send};
use crate::{Config, Pace, Sandbox};

const ZONES: &str = "/dns/v1/projects/meridian-sandbox/managedZones";
const NETWORK: &str = "https://www.googleapis.com/compute/v1/projects/meridian-sandbox/global/networks/demo";

async fn call(sandbox: &Sandbox, method: &str, rest: &str, body: Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send(sandbox, method, &format!("{ZONES}{rest}"), &body).await
}

fn private(name: &str) -> Value {
    json!({
        "name": name,
        "dnsName": "demo.meridian.internal.",
        "description": "d",
        "visibility": "private",
        "privateVisibilityConfig": { "networks": [{ "networkUrl": NETWORK }] },
        "labels": { "meridian-cluster": "demo" },
    })
}

async fn with_zone() -> Sandbox {
    let sandbox = sandbox().await;
    testing::ok(&sandbox, "POST", "global/networks", json!({ "name": "demo", "autoCreateSubnetworks": false })).await;
    assert_eq!(call(&sandbox, "POST", "", private("main")).await.status, 200);
    sandbox
}

fn record(name: &str, addresses: &[&str]) -> Value {
    json!({ "name": format!("{name}.demo.meridian.internal."), "type": "A", "ttl": 30, "rrdatas": addresses })
}

#[tokio::test]
async fn a_zone_is_private_and_keeps_its_own_records() {
    let sandbox = with_zone().await;
    let zone = call(&sandbox, "GET", "/main", Value::Null).await.body;
    assert_eq!((zone["kind"].as_str(), zone["visibility"].as_str()), (Some("dns#managedZone"), Some("private")));
    assert_eq!(call(&sandbox, "POST", "", private("main")).await.reason(), "alreadyExists");
    assert_eq!(call(&sandbox, "POST", "", private("other")).await.status, 400, "one name twice in a network");
    let listed = call(&sandbox, "GET", "?dnsName=demo.meridian.internal.", Value::Null).await.body;
    assert_eq!(listed["managedZones"], json!([zone]));
    let records = call(&sandbox, "GET", "/main/rrsets", Value::Null).await.body["rrsets"].clone();
    assert_eq!(records.as_array().unwrap().len(), 2);
    let soa = records.as_array().unwrap().iter().find(|record| record["type"] == "SOA").unwrap();
    let deletion = json!({ "deletions": [soa] });
    assert_eq!(call(&sandbox, "POST", "/main/changes", deletion).await.reason(), "invalidZoneApex");
    let patched = call(&sandbox, "PATCH", "/main", json!({ "labels": { "a": "b" } })).await.body;
    assert_eq!((patched["kind"].as_str(), patched["status"].as_str()), (Some("dns#operation"), Some("done")));
    assert_eq!(patched["zoneContext"]["newValue"]["labels"], json!({ "a": "b" }));
    let id = patched["id"].as_str().unwrap();
    assert_eq!(call(&sandbox, "GET", &format!("/main/operations/{id}"), Value::Null).await.body, patched);
    assert_eq!(call(&sandbox, "PATCH", "/main", json!({ "dnsName": "x." })).await.reason(), "invalid");
    let deleted = call(&sandbox, "DELETE", "/main", Value::Null).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(call(&sandbox, "GET", "/main", Value::Null).await.reason(), "notFound");
    assert_eq!(call(&sandbox, "GET", "/main/rrsets", Value::Null).await.reason(), "notFound");
}

#[tokio::test]
async fn records_are_made_changed_and_removed() {
    let sandbox = with_zone().await;
    let api = record("api", &["10.0.0.2", "10.0.0.3"]);
    let made = call(&sandbox, "POST", "/main/rrsets", api.clone()).await.body;
    assert_eq!((made["kind"].as_str(), &made["rrdatas"]), (Some("dns#resourceRecordSet"), &api["rrdatas"]));
    assert_eq!(call(&sandbox, "POST", "/main/rrsets", api).await.reason(), "alreadyExists");
    let path = "/main/rrsets/api.demo.meridian.internal./A";
    let patched = call(&sandbox, "PATCH", path, json!({ "rrdatas": ["10.0.0.4"] })).await.body;
    assert_eq!((&patched["ttl"], &patched["rrdatas"]), (&json!(30), &json!(["10.0.0.4"])));
    assert_eq!(call(&sandbox, "GET", path, Value::Null).await.body, patched);
    let filter = "/main/rrsets?name=api.demo.meridian.internal.&type=A";
    assert_eq!(call(&sandbox, "GET", filter, Value::Null).await.body["rrsets"], json!([patched]));
    assert_eq!(call(&sandbox, "DELETE", "/main", Value::Null).await.reason(), "containerNotEmpty");
    assert_eq!(sandbox.inventory("gcp")["dns/resourceRecordSet"].len(), 1);
    assert_eq!(call(&sandbox, "DELETE", path, Value::Null).await.body, json!({}));
    assert_eq!(call(&sandbox, "DELETE", path, Value::Null).await.reason(), "notFound");
    assert_eq!(call(&sandbox, "PATCH", path, json!({ "ttl": 1 })).await.reason(), "notFound");
}

#[tokio::test]
async fn changes_are_whole_or_nothing_and_take_time() {
    let pace = Pace { dns_change: 300, ..Pace::instant() };
    let sandbox = Sandbox::start(Config { pace, ..Config::default() }).await.unwrap();
    let mut zone = private("main");
    zone["visibility"] = json!("public");
    zone.as_object_mut().unwrap().remove("privateVisibilityConfig");
    assert_eq!(call(&sandbox, "POST", "", zone).await.body["nameServers"].as_array().unwrap().len(), 4);
    let (a, b) = (record("a", &["10.0.0.1"]), record("b", &["10.0.0.2"]));
    let change = call(&sandbox, "POST", "/main/changes", json!({ "additions": [a, b] })).await.body;
    assert_eq!((change["status"].as_str(), change["id"].as_str()), (Some("pending"), Some("1")));
    tokio::time::sleep(Duration::from_millis(320)).await;
    assert_eq!(call(&sandbox, "GET", "/main/changes/1", Value::Null).await.body["status"], "done");
    let mut other = b.clone();
    other["ttl"] = json!(60);
    let stale = call(&sandbox, "POST", "/main/changes", json!({ "deletions": [a, other] })).await;
    assert_eq!((stale.status, stale.reason()), (412, "conditionNotMet"));
    assert_eq!(sandbox.inventory("gcp")["dns/resourceRecordSet"].len(), 2, "nothing has gone");
    let replaced = json!({ "deletions": [b], "additions": [other] });
    assert_eq!(call(&sandbox, "POST", "/main/changes", replaced).await.status, 200);
    let newest = call(&sandbox, "GET", "/main/changes?sortOrder=descending&maxResults=1", Value::Null).await.body;
    assert_eq!((newest["changes"][0]["id"].as_str(), newest["nextPageToken"].is_string()), (Some("2"), true));
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let sandbox = with_zone().await;
    for (field, value) in [
        ("name", json!("Main")),
        ("dnsName", json!("demo.meridian.internal")),
        ("description", Value::Null),
        ("visibility", json!("hidden")),
        ("wat", json!(1)),
        ("peeringConfig", json!({})),
        ("privateVisibilityConfig", json!({ "networks": [{ "networkUrl": "global/networks/demo" }] })),
    ] {
        let mut zone = private("second");
        zone[field] = value;
        assert_eq!(call(&sandbox, "POST", "", zone).await.status, 400, "{field}");
    }
    let mut elsewhere = private("second");
    elsewhere["privateVisibilityConfig"]["networks"][0]["networkUrl"] = json!(NETWORK.replace("demo", "none"));
    assert_eq!(call(&sandbox, "POST", "", elsewhere).await.reason(), "notFound");
    for (field, value) in [
        ("name", json!("api.example.com.")),
        ("type", json!("WAT")),
        ("ttl", Value::Null),
        ("rrdatas", json!([])),
        ("rrdatas", json!(["10.0.0.256"])),
        ("rrdatas", json!(["10.0.0.1", "10.0.0.1"])),
    ] {
        let mut bad = record("api", &["10.0.0.1"]);
        bad[field] = value;
        assert_eq!(call(&sandbox, "POST", "/main/rrsets", bad).await.status, 400, "{field}");
    }
    call(&sandbox, "POST", "/main/rrsets", record("api", &["10.0.0.1"])).await;
    let mut alias = record("api", &["x."]);
    alias["type"] = json!("CNAME");
    assert_eq!(call(&sandbox, "POST", "/main/rrsets", alias).await.reason(), "cnameResourceRecordSetConflict");
    assert_eq!(call(&sandbox, "GET", "/main/rrsets?type=A", Value::Null).await.status, 400);
    assert_eq!(call(&sandbox, "GET", "/main/rrsets?filter=x", Value::Null).await.status, 400);
}
