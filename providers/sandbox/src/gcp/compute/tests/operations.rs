//! Changes and how they end.

use serde_json::{Value, json};

use super::{REGION, ZONE, expect, ground, instance, network, subnetwork};
use crate::gcp::testing::{ROOT, begin, done, end, get, ok, sandbox, send};
use crate::{Config, Effect, Fault, Pace, Sandbox};

#[tokio::test]
async fn a_request_id_stands_for_one_request() {
    let sandbox = sandbox().await;
    let path = "global/networks?requestId=5c1f2ad8-8a47-4f0e-9d57-3a1b1c2d3e4f";
    let first = begin(&sandbox, "POST", path, network("main")).await.body;
    let second = begin(&sandbox, "POST", path, network("main")).await.body;
    assert_eq!(first["name"], second["name"]);
    done(&sandbox, &first).await;
    let third = begin(&sandbox, "POST", path, network("main")).await.body;
    assert_eq!((first["name"].clone(), json!("DONE")), (third["name"].clone(), third["status"].clone()));
    expect(&begin(&sandbox, "POST", path, network("other")).await, 400, "invalid");
    // Clients may write the fields of a message in any order, and another one each time.
    let fields = [r#""name":"main""#, r#""autoCreateSubnetworks":false"#];
    for (one, other) in [(0, 1), (1, 0)] {
        let body = format!("{{{},{}}}", fields[one], fields[other]);
        let again = send(&sandbox, "POST", &format!("{ROOT}/{path}"), &body).await;
        assert_eq!(again.body["name"], first["name"], "{}", again.body);
    }
}

#[tokio::test]
async fn what_an_operation_works_on_is_not_ready() {
    let pace = Pace { operation: 80, ..Pace::instant() };
    let sandbox = Sandbox::start(Config { pace, ..Config::default() }).await.unwrap();
    let operation = begin(&sandbox, "POST", "global/networks", network("main")).await.body;
    assert_eq!(operation["status"], "PENDING");
    let early = begin(&sandbox, "POST", &format!("{REGION}/subnetworks"), subnetwork("s", "10.0.0.0/24")).await;
    expect(&early, 400, "resourceNotReady");
    let name = operation["name"].as_str().unwrap();
    let waited = begin(&sandbox, "POST", &format!("global/operations/{name}/wait"), Value::Null).await;
    assert_eq!(waited.body["status"], "DONE");
    assert!(waited.body["endTime"].is_string());
}

#[tokio::test]
async fn no_capacity_shows_in_the_operation() {
    let sandbox = sandbox().await;
    ground(&sandbox).await;
    sandbox.faults().add(Fault::new(Effect::Capacity).on("instances.insert").times(1));
    let failed = end(&sandbox, "POST", &format!("{ZONE}/instances"), instance("a")).await;
    assert_eq!(failed["error"]["errors"][0]["code"], "ZONE_RESOURCE_POOL_EXHAUSTED");
    ok(&sandbox, "POST", &format!("{ZONE}/instances"), instance("a")).await;
    sandbox.faults().add(Fault::new(Effect::Throttle).on("instances.list").times(1));
    let throttled = get(&sandbox, &format!("{ZONE}/instances")).await;
    expect(&throttled, 403, "rateLimitExceeded");
    assert!(throttled.head.contains("retry-after: 1"), "{}", throttled.head);
}

#[tokio::test]
async fn an_operation_can_be_made_to_fail_and_then_nothing_has_changed() {
    let sandbox = sandbox().await;
    let fails = async |method, path, body| {
        sandbox.faults().add("effect=fail-at-end,code=QUOTA_EXCEEDED,times=1".parse().unwrap());
        let ended = end(&sandbox, method, path, body).await;
        sandbox.faults().clear();
        assert_eq!(ended["error"]["errors"][0]["code"], "QUOTA_EXCEEDED", "{ended}");
        assert_eq!(ended["httpErrorStatusCode"], 403);
    };
    fails("POST", "global/networks", network("main")).await;
    expect(&get(&sandbox, "global/networks/main").await, 404, "notFound");
    ground(&sandbox).await;
    fails("PATCH", "global/networks/main", json!({ "routingConfig": { "routingMode": "GLOBAL" } })).await;
    assert_eq!(get(&sandbox, "global/networks/main").await.body["routingConfig"]["routingMode"], "REGIONAL");
    let subnetwork = format!("{REGION}/subnetworks/private");
    fails("DELETE", &subnetwork, Value::Null).await;
    assert_eq!(get(&sandbox, &subnetwork).await.status, 200);
    ok(&sandbox, "DELETE", &subnetwork, Value::Null).await;
}

#[tokio::test]
async fn what_was_just_made_can_be_made_invisible_for_a_while() {
    let sandbox = sandbox().await;
    sandbox.faults().add("effect=not-visible,times=2".parse().unwrap());
    ok(&sandbox, "POST", "global/networks", network("main")).await;
    for _ in 0..2 {
        expect(&get(&sandbox, "global/networks/main").await, 404, "notFound");
    }
    assert_eq!(get(&sandbox, "global/networks/main").await.status, 200);
    assert_eq!(get(&sandbox, "global/networks").await.body["items"][0]["name"], "main");
    // Whoever is not found can't be changed either, and nothing is lost of it.
    let account = json!({ "accountId": "someone", "serviceAccount": {} }).to_string();
    send(&sandbox, "POST", "/v1/projects/meridian-sandbox/serviceAccounts", &account).await;
    let path = "/v1/projects/meridian-sandbox/serviceAccounts/someone@meridian-sandbox.iam.gserviceaccount.com";
    assert_eq!(send(&sandbox, "POST", &format!("{path}:disable"), "{}").await.status, 404);
    assert_eq!(send(&sandbox, "GET", path, "").await.status, 404);
    assert_eq!(send(&sandbox, "GET", path, "").await.status, 200);
}
