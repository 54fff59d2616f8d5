//! Service accounts over HTTP.

use std::time::Duration;

use serde_json::{Value, json};

use crate::gcp::testing::{Answer, sandbox, send};
use crate::{Config, Pace, Sandbox};

const ROOT: &str = "/v1/projects/meridian-sandbox/serviceAccounts";
const EMAIL: &str = "demo-0a1b2c-cp@meridian-sandbox.iam.gserviceaccount.com";

async fn call(sandbox: &Sandbox, method: &str, rest: &str, body: Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send(sandbox, method, &format!("{ROOT}{rest}"), &body).await
}

async fn create(sandbox: &Sandbox, id: &str) -> Answer {
    let account = json!({ "displayName": "Control plane", "description": "d" });
    call(sandbox, "POST", "", json!({ "accountId": id, "serviceAccount": account })).await
}

#[tokio::test]
async fn an_account_is_made_changed_and_removed() {
    let sandbox = sandbox().await;
    let made = create(&sandbox, "demo-0a1b2c-cp").await;
    assert_eq!((made.status, made.body["email"].as_str()), (200, Some(EMAIL)));
    assert_eq!(made.body["name"], format!("projects/meridian-sandbox/serviceAccounts/{EMAIL}"));
    let again = create(&sandbox, "demo-0a1b2c-cp").await;
    assert_eq!((again.status, again.body["error"]["status"].as_str()), (409, Some("ALREADY_EXISTS")));
    assert_eq!(again.body["error"].get("errors"), None);
    let number = made.body["uniqueId"].as_str().unwrap().to_owned();
    for account in [format!("/{EMAIL}"), format!("/{number}")] {
        assert_eq!(call(&sandbox, "GET", &account, Value::Null).await.body, made.body);
    }
    let change = json!({ "serviceAccount": { "displayName": "Other" }, "updateMask": "displayName,description" });
    let changed = call(&sandbox, "PATCH", &format!("/{EMAIL}"), change).await.body;
    assert_eq!((changed["displayName"].as_str(), changed.get("description")), (Some("Other"), None));
    assert_eq!(call(&sandbox, "POST", &format!("/{EMAIL}:disable"), json!({})).await.body, json!({}));
    assert_eq!(call(&sandbox, "GET", &format!("/{EMAIL}"), Value::Null).await.body["disabled"], true);
    call(&sandbox, "POST", &format!("/{EMAIL}:enable"), json!({})).await;
    assert_eq!(sandbox.inventory("gcp")["iam/serviceAccount"], [EMAIL]);
    assert_eq!(call(&sandbox, "DELETE", &format!("/{EMAIL}"), Value::Null).await.body, json!({}));
    let gone = call(&sandbox, "GET", &format!("/{EMAIL}"), Value::Null).await;
    assert_eq!((gone.status, gone.body["error"]["status"].as_str()), (404, Some("NOT_FOUND")));
    assert!(sandbox.inventory("gcp").is_empty());
    let restored = call(&sandbox, "POST", &format!("/{number}:undelete"), json!({})).await.body;
    assert_eq!(restored["restoredAccount"]["email"], EMAIL);
    assert_eq!(call(&sandbox, "GET", &format!("/{EMAIL}"), Value::Null).await.status, 200);
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let sandbox = sandbox().await;
    for id in ["short", "Upper-case", "0-digit-first", "a-name-that-is-longer-than-thirty"] {
        assert_eq!(create(&sandbox, id).await.body["error"]["status"], "INVALID_ARGUMENT", "{id}");
    }
    for body in [
        json!({ "accountId": "demo-account", "wat": 1 }),
        json!({ "accountId": "demo-account", "serviceAccount": { "displayName": "x".repeat(101) } }),
        json!({ "accountId": "demo-account", "serviceAccount": { "description": "x".repeat(257) } }),
    ] {
        assert_eq!(call(&sandbox, "POST", "", body.clone()).await.status, 400, "{body}");
    }
    assert_eq!(call(&sandbox, "GET", "?wat=1", Value::Null).await.status, 400);
    create(&sandbox, "demo-0a1b2c-cp").await;
    let without_mask = json!({ "serviceAccount": { "displayName": "x" } });
    assert_eq!(call(&sandbox, "PATCH", &format!("/{EMAIL}"), without_mask).await.status, 400);
    let elsewhere = send(&sandbox, "GET", &format!("/v1/projects/other-project/serviceAccounts/{EMAIL}"), "").await;
    assert_eq!(elsewhere.status, 404);
}

#[tokio::test]
async fn lists_have_pages() {
    let config = Config { pace: Pace::instant(), page_limit: Some(2), ..Config::default() };
    let sandbox = Sandbox::start(config).await.unwrap();
    assert_eq!(call(&sandbox, "GET", "", Value::Null).await.body, json!({}));
    for n in 0..5 {
        create(&sandbox, &format!("account-{n}")).await;
    }
    let (mut found, mut token) = (0, String::new());
    for pages in 1..=3 {
        let page = call(&sandbox, "GET", &format!("?pageSize=4&pageToken={token}"), Value::Null).await.body;
        found += page["accounts"].as_array().unwrap().len();
        assert_eq!(page["nextPageToken"].is_null(), pages == 3);
        token = page["nextPageToken"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!(found, 5);
    assert_eq!(call(&sandbox, "GET", "?pageToken=!", Value::Null).await.status, 400);
}

#[tokio::test]
async fn a_new_account_is_not_known_at_once() {
    let pace = Pace { instance_profile_visible: 400, ..Pace::instant() };
    let sandbox = Sandbox::start(Config { pace, ..Config::default() }).await.unwrap();
    create(&sandbox, "demo-0a1b2c-cp").await;
    assert_eq!(call(&sandbox, "GET", &format!("/{EMAIL}"), Value::Null).await.status, 404);
    let bind = || async {
        let bindings = json!([{ "role": "roles/viewer", "members": [format!("serviceAccount:{EMAIL}")] }]);
        let body = json!({ "policy": { "bindings": bindings } }).to_string();
        send(&sandbox, "POST", "/v3/projects/meridian-sandbox:setIamPolicy", &body).await
    };
    let refused = bind().await.body;
    assert_eq!(refused["error"]["message"], format!("Service account {EMAIL} does not exist."));
    tokio::time::sleep(Duration::from_millis(420)).await;
    assert_eq!(call(&sandbox, "GET", &format!("/{EMAIL}"), Value::Null).await.status, 200);
    assert_eq!(bind().await.status, 200);
}

#[tokio::test]
async fn an_account_has_a_policy() {
    let sandbox = sandbox().await;
    create(&sandbox, "demo-0a1b2c-cp").await;
    let policy = call(&sandbox, "POST", &format!("/{EMAIL}:getIamPolicy"), Value::Null).await.body;
    assert_eq!(policy.get("bindings"), None);
    let bindings = json!([{ "role": "roles/iam.serviceAccountUser", "members": ["user:a@example.com"] }]);
    let next = json!({ "policy": { "etag": policy["etag"], "bindings": bindings } });
    let set = call(&sandbox, "POST", &format!("/{EMAIL}:setIamPolicy"), next.clone()).await.body;
    assert_eq!(set["bindings"], bindings);
    let stale = call(&sandbox, "POST", &format!("/{EMAIL}:setIamPolicy"), next).await;
    assert_eq!((stale.status, stale.body["error"]["status"].as_str()), (409, Some("ABORTED")));
}
