//! Policies of projects over HTTP.

use serde_json::{Value, json};

use crate::Sandbox;
use crate::gcp::testing::{Answer, sandbox, send};

const PROJECT: &str = "/v3/projects/meridian-sandbox";
const EMAIL: &str = "demo-0a1b2c-cp@meridian-sandbox.iam.gserviceaccount.com";

async fn account(sandbox: &Sandbox) -> Value {
    let path = "/v1/projects/meridian-sandbox/serviceAccounts";
    send(sandbox, "POST", path, r#"{"accountId":"demo-0a1b2c-cp"}"#).await.body
}

async fn get(sandbox: &Sandbox, version: u8) -> Answer {
    let body = json!({ "options": { "requestedPolicyVersion": version } }).to_string();
    send(sandbox, "POST", &format!("{PROJECT}:getIamPolicy"), &body).await
}

async fn set(sandbox: &Sandbox, policy: Value) -> Answer {
    send(sandbox, "POST", &format!("{PROJECT}:setIamPolicy"), &json!({ "policy": policy }).to_string()).await
}

fn binding(role: &str, members: &[&str]) -> Value {
    json!({ "role": role, "members": members })
}

#[tokio::test]
async fn every_project_with_a_valid_id_exists() {
    let sandbox = sandbox().await;
    let project = send(&sandbox, "GET", PROJECT, "").await.body;
    assert_eq!((project["projectId"].as_str(), project["state"].as_str()), (Some("meridian-sandbox"), Some("ACTIVE")));
    assert_eq!(send(&sandbox, "GET", "/v3/projects/No", "").await.status, 403);
}

#[tokio::test]
async fn a_policy_is_guarded_by_its_etag_and_merged() {
    let sandbox = sandbox().await;
    account(&sandbox).await;
    let first = get(&sandbox, 3).await.body;
    assert_eq!(first["bindings"][0]["role"], "roles/owner");
    let member = format!("serviceAccount:{EMAIL}");
    let bindings = json!([
        binding("roles/compute.admin", &[&member]),
        binding("roles/owner", &["user:a@example.com"]),
        binding("roles/compute.admin", &["user:a@example.com"]),
    ]);
    let done = set(&sandbox, json!({ "etag": first["etag"], "bindings": bindings })).await.body;
    assert_eq!(done["bindings"][0], binding("roles/compute.admin", &[&member, "user:a@example.com"]));
    let stale = set(&sandbox, json!({ "etag": first["etag"], "bindings": [] })).await;
    assert_eq!((stale.status, stale.body["error"]["status"].as_str()), (409, Some("ABORTED")));
    assert_eq!(get(&sandbox, 1).await.body, done);
    assert_eq!(sandbox.inventory("gcp")["cloudresourcemanager/member"].len(), 1);
}

#[tokio::test]
async fn conditions_need_the_third_version() {
    let sandbox = sandbox().await;
    let mut conditional = binding("roles/storage.admin", &["user:a@example.com"]);
    conditional["condition"] = json!({ "title": "t", "expression": "resource.name.startsWith(\"x\")" });
    assert_eq!(set(&sandbox, json!({ "version": 1, "bindings": [conditional] })).await.status, 400);
    let done = set(&sandbox, json!({ "version": 3, "bindings": [conditional] })).await;
    assert_eq!((done.status, &done.body["version"]), (200, &json!(3)));
    let low = get(&sandbox, 1).await;
    assert_eq!(low.status, 400, "{}", low.body);
    assert_eq!(get(&sandbox, 2).await.status, 400);
    let read = get(&sandbox, 3).await.body;
    assert_eq!(read["bindings"][0], conditional);
    let lower = json!({ "version": 1, "etag": read["etag"], "bindings": [] });
    assert_eq!(set(&sandbox, lower).await.status, 400);
    for (field, value) in [("title", json!("")), ("expression", json!("resource.name == \""))] {
        let mut bad = conditional.clone();
        bad["condition"][field] = value;
        assert_eq!(set(&sandbox, json!({ "version": 3, "bindings": [bad] })).await.status, 400, "{field}");
    }
}

#[tokio::test]
async fn members_must_exist_and_the_deleted_are_shown() {
    let sandbox = sandbox().await;
    let member = format!("serviceAccount:{EMAIL}");
    let policy = json!({ "bindings": [binding("roles/viewer", &[&member])] });
    let refused = set(&sandbox, policy.clone()).await;
    assert_eq!(refused.body["error"]["message"], format!("Service account {EMAIL} does not exist."));
    for member in
        ["a@example.com", "deleted:serviceAccount:x@y.iam.gserviceaccount.com?uid=1", "projectOwner:p", "user:"]
    {
        assert_eq!(set(&sandbox, json!({ "bindings": [binding("roles/viewer", &[member])] })).await.status, 400);
    }
    assert_eq!(set(&sandbox, json!({ "bindings": [binding("viewer", &["user:a@b"])] })).await.status, 400);
    assert_eq!(set(&sandbox, json!({ "bindings": [binding("roles/viewer", &[])] })).await.status, 400);

    let number = account(&sandbox).await["uniqueId"].as_str().unwrap().to_owned();
    assert_eq!(set(&sandbox, policy.clone()).await.status, 200);
    send(&sandbox, "DELETE", &format!("/v1/projects/meridian-sandbox/serviceAccounts/{EMAIL}"), "").await;
    let deleted = format!("deleted:{member}?uid={number}");
    assert_eq!(get(&sandbox, 3).await.body["bindings"][0]["members"], json!([deleted]));

    // The account of the same name is another; the old one's binding may stay as it is.
    account(&sandbox).await;
    assert_eq!(get(&sandbox, 3).await.body["bindings"][0]["members"], json!([deleted]));
    let both = json!({ "bindings": [binding("roles/viewer", &[&deleted, &member])] });
    assert_eq!(set(&sandbox, both).await.body["bindings"][0]["members"].as_array().unwrap().len(), 2);
}
