//! Buckets and objects over HTTP.

use serde_json::{Value, json};

use crate::gcp::testing::{Answer, sandbox, send, send_with};
use crate::{Config, Pace, Sandbox};

const BUCKET: &str = "demo-europe-west1-0a1b2c";

async fn call(sandbox: &Sandbox, method: &str, rest: &str, body: Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send(sandbox, method, &format!("/storage/v1/b{rest}"), &body).await
}

fn bucket() -> Value {
    json!({
        "name": BUCKET,
        "location": "europe-west1",
        "iamConfiguration": {
            "uniformBucketLevelAccess": { "enabled": true },
            "publicAccessPrevention": "enforced",
        },
        "versioning": { "enabled": true },
        "lifecycle": { "rule": [{ "action": { "type": "Delete" }, "condition": { "daysSinceNoncurrentTime": 30 } }] },
        "softDeletePolicy": { "retentionDurationSeconds": "0" },
        "labels": { "meridian-cluster": "demo" },
    })
}

async fn with_bucket() -> Sandbox {
    let sandbox = sandbox().await;
    assert_eq!(call(&sandbox, "POST", "?project=meridian-sandbox", bucket()).await.status, 200);
    sandbox
}

async fn upload(sandbox: &Sandbox, name: &str, content: &str, query: &str) -> Answer {
    let path = format!("/upload/storage/v1/b/{BUCKET}/o?uploadType=multipart{query}");
    let metadata = json!({ "name": name, "contentType": "text/plain" });
    let body = format!(
        "--b\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{metadata}\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\n{content}\r\n--b--\r\n"
    );
    send_with(sandbox, "POST", &path, "content-type: multipart/related; boundary=b\r\n", &body).await
}

#[tokio::test]
async fn a_bucket_is_made_changed_and_removed() {
    let sandbox = with_bucket().await;
    let made = call(&sandbox, "GET", &format!("/{BUCKET}"), Value::Null).await.body;
    assert_eq!((made["location"].as_str(), made["locationType"].as_str()), (Some("EUROPE-WEST1"), Some("region")));
    assert_eq!((made["etag"].as_str(), made["metageneration"].as_str()), (Some("CAE="), Some("1")));
    assert!(made["iamConfiguration"]["uniformBucketLevelAccess"]["lockedTime"].is_string());
    assert_eq!(made["softDeletePolicy"]["retentionDurationSeconds"], "0");
    let again = call(&sandbox, "POST", "?project=meridian-sandbox", bucket()).await;
    assert_eq!((again.status, again.reason()), (409, "conflict"));
    let theirs = call(&sandbox, "POST", "?project=other-project", bucket()).await.body;
    assert!(theirs["error"]["message"].as_str().unwrap().contains("shared by all users"));
    let patch = json!({ "labels": { "meridian-cluster": null, "a": "b" }, "versioning": null });
    let guarded = format!("/{BUCKET}?ifMetagenerationMatch=1");
    let patched = call(&sandbox, "PATCH", &guarded, patch.clone()).await.body;
    assert_eq!((&patched["labels"], patched.get("versioning")), (&json!({ "a": "b" }), None));
    assert_eq!((patched["etag"].as_str(), patched["metageneration"].as_str()), (Some("CAI="), Some("2")));
    assert_eq!(call(&sandbox, "PATCH", &guarded, patch).await.status, 412);
    let listed = call(&sandbox, "GET", "?project=meridian-sandbox&prefix=demo", Value::Null).await.body;
    assert_eq!(listed["items"], json!([patched]));
    assert_eq!(call(&sandbox, "GET", "?project=other-project", Value::Null).await.body.get("items"), None);
    let deleted = call(&sandbox, "DELETE", &format!("/{BUCKET}"), Value::Null).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(call(&sandbox, "DELETE", &format!("/{BUCKET}"), Value::Null).await.reason(), "notFound");
    assert!(sandbox.inventory("gcp").is_empty());
}

#[tokio::test]
async fn an_object_has_versions_and_conditions() {
    let sandbox = with_bucket().await;
    let first = upload(&sandbox, "pki/ca.key", "one", "&ifGenerationMatch=0").await.body;
    // The digests of the text, as any tool gives them.
    assert_eq!((first["size"].as_str(), first["md5Hash"].as_str()), (Some("3"), Some("+XxdKZQb+xsv2rCHSQargg==")));
    let refused = upload(&sandbox, "pki/ca.key", "two", "&ifGenerationMatch=0").await;
    assert_eq!((refused.status, refused.reason()), (412, "conditionNotMet"));
    let generation = first["generation"].as_str().unwrap().to_owned();
    let second = upload(&sandbox, "pki/ca.key", "two", &format!("&ifGenerationMatch={generation}")).await.body;
    assert!(second["generation"].as_str() > first["generation"].as_str());
    let object = format!("/{BUCKET}/o/pki%2Fca.key");
    let content = call(&sandbox, "GET", &format!("{object}?alt=media"), Value::Null).await;
    assert_eq!(content.text, "two");
    assert!(content.head.contains("x-goog-hash: crc32c=") && content.head.contains("x-goog-generation: "));
    let old = call(&sandbox, "GET", &format!("{object}?alt=media&generation={generation}"), Value::Null).await;
    assert_eq!(old.text, "one");
    let live = call(&sandbox, "GET", &object, Value::Null).await.body;
    assert_eq!(live["etag"], second["etag"]);
    let known = format!("{object}?ifGenerationNotMatch={}", live["generation"].as_str().unwrap());
    assert_eq!(call(&sandbox, "GET", &known, Value::Null).await.status, 304);
    let patched = call(&sandbox, "PATCH", &object, json!({ "metadata": { "a": "b" } })).await.body;
    assert_eq!((patched["metageneration"].as_str(), &patched["metadata"]["a"]), (Some("2"), &json!("b")));

    let stale = format!("{object}?ifGenerationMatch={generation}");
    assert_eq!(call(&sandbox, "DELETE", &stale, Value::Null).await.status, 412);
    assert_eq!(call(&sandbox, "DELETE", &object, Value::Null).await.status, 204);
    let gone = call(&sandbox, "GET", &format!("{object}?alt=media"), Value::Null).await;
    assert_eq!((gone.status, gone.text), (404, format!("No such object: {BUCKET}/pki/ca.key")));
    assert_eq!(call(&sandbox, "GET", &object, Value::Null).await.reason(), "notFound");
    let listed = call(&sandbox, "GET", &format!("/{BUCKET}/o"), Value::Null).await.body;
    assert_eq!(listed, json!({ "kind": "storage#objects" }));
    assert_eq!(call(&sandbox, "DELETE", &format!("/{BUCKET}"), Value::Null).await.reason(), "conflict");
    let versions = call(&sandbox, "GET", &format!("/{BUCKET}/o?versions=true"), Value::Null).await.body;
    let versions = versions["items"].as_array().unwrap().clone();
    assert_eq!(versions.len(), 2);
    assert!(versions.iter().all(|version| version["timeDeleted"].is_string()));
    for version in versions {
        let path = format!("{object}?generation={}", version["generation"].as_str().unwrap());
        assert_eq!(call(&sandbox, "DELETE", &path, Value::Null).await.status, 204);
    }
    assert_eq!(call(&sandbox, "DELETE", &format!("/{BUCKET}"), Value::Null).await.status, 204);
}

#[tokio::test]
async fn what_is_deleted_may_stay_for_a_while() {
    let sandbox = sandbox().await;
    let mut body = bucket();
    for field in ["softDeletePolicy", "versioning"] {
        body.as_object_mut().unwrap().remove(field);
    }
    let made = call(&sandbox, "POST", "?project=meridian-sandbox", body).await.body;
    assert_eq!(made["softDeletePolicy"]["retentionDurationSeconds"], "604800");
    upload(&sandbox, "pki/ca.key", "x", "").await;
    call(&sandbox, "DELETE", &format!("/{BUCKET}/o/pki%2Fca.key"), Value::Null).await;
    assert_eq!(call(&sandbox, "GET", &format!("/{BUCKET}/o?versions=true"), Value::Null).await.body.get("items"), None);
    let kept = call(&sandbox, "GET", &format!("/{BUCKET}/o?softDeleted=true"), Value::Null).await.body;
    assert!(kept["items"][0]["hardDeleteTime"].is_string());
    assert_eq!(call(&sandbox, "DELETE", &format!("/{BUCKET}"), Value::Null).await.status, 204);
    assert_eq!(sandbox.inventory("gcp")["storage/softDeletedObject"], [format!("{BUCKET}/pki/ca.key")]);
}

#[tokio::test]
async fn lists_have_prefixes_and_pages() {
    let config = Config { pace: Pace::instant(), page_limit: Some(2), ..Config::default() };
    let sandbox = Sandbox::start(config).await.unwrap();
    call(&sandbox, "POST", "?project=meridian-sandbox", bucket()).await;
    for name in ["nodes/a/1", "nodes/a/2", "nodes/b/1", "nodes/top", "pki/ca.crt"] {
        upload(&sandbox, name, "x", "").await;
    }
    let collect = |query: &'static str| {
        let sandbox = &sandbox;
        async move {
            let (mut found, mut token) = (Vec::new(), String::new());
            loop {
                let path = format!("/{BUCKET}/o?{query}&pageToken={token}");
                let page = call(sandbox, "GET", &path, Value::Null).await.body;
                let prefixes = page["prefixes"].as_array().cloned().unwrap_or_default();
                let items = page["items"].as_array().cloned().unwrap_or_default();
                found.extend(prefixes.iter().chain(items.iter().map(|item| &item["name"])).cloned());
                match page["nextPageToken"].as_str() {
                    Some(next) => token = next.to_owned(),
                    None => return found,
                }
            }
        }
    };
    assert_eq!(collect("").await.len(), 5);
    assert_eq!(collect("prefix=nodes/").await, ["nodes/a/1", "nodes/a/2", "nodes/b/1", "nodes/top"]);
    assert_eq!(collect("prefix=nodes/&delimiter=/").await, ["nodes/a/", "nodes/b/", "nodes/top"]);
    assert_eq!(collect("startOffset=nodes/b&endOffset=pki").await, ["nodes/b/1", "nodes/top"]);
}

#[tokio::test]
async fn a_policy_has_conditions_by_prefix() {
    let sandbox = with_bucket().await;
    let account = r#"{"accountId":"demo-0a1b2c-wk"}"#;
    send(&sandbox, "POST", "/v1/projects/meridian-sandbox/serviceAccounts", account).await;
    let iam = format!("/{BUCKET}/iam");
    let first = call(&sandbox, "GET", &iam, Value::Null).await.body;
    assert_eq!((first["kind"].as_str(), first["etag"].as_str()), (Some("storage#policy"), Some("CAE=")));
    assert_eq!(first["bindings"].as_array().unwrap().len(), 4);
    let binding = json!({
        "role": "roles/storage.objectViewer",
        "members": ["serviceAccount:demo-0a1b2c-wk@meridian-sandbox.iam.gserviceaccount.com"],
        "condition": { "title": "bundles", "expression": "resource.name.startsWith(\"projects/_/buckets/b/objects/n\")" },
    });
    let mut policy = json!({ "version": 3, "etag": first["etag"], "bindings": [binding] });
    let done = call(&sandbox, "PUT", &iam, policy.clone()).await;
    assert_eq!((done.status, &done.body["bindings"]), (200, &json!([binding])));
    assert_eq!(call(&sandbox, "PUT", &iam, policy.clone()).await.reason(), "conditionNotMet");
    assert_eq!(call(&sandbox, "GET", &iam, Value::Null).await.status, 400);
    let read = call(&sandbox, "GET", &format!("{iam}?optionsRequestedPolicyVersion=3"), Value::Null).await.body;
    assert_eq!(read, done.body);
    policy["etag"] = read["etag"].clone();
    for (role, member, status) in [
        ("roles/storage.objectViewer", "allUsers", 412),
        ("roles/compute.admin", "user:a@example.com", 400),
        ("roles/storage.objectViewer", "serviceAccount:none@meridian-sandbox.iam.gserviceaccount.com", 400),
        ("roles/storage.legacyBucketReader", "projectViewer:meridian-sandbox", 200),
    ] {
        policy["bindings"] = json!([{ "role": role, "members": [member] }]);
        assert_eq!(call(&sandbox, "PUT", &iam, policy.clone()).await.status, status, "{role} {member}");
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let sandbox = with_bucket().await;
    for (field, value) in [
        ("name", json!("Upper")),
        ("name", json!("a-google-bucket")),
        ("location", json!("nowhere")),
        ("storageClass", json!("CHEAP")),
        ("wat", json!(1)),
        ("softDeletePolicy", json!({ "retentionDurationSeconds": "60" })),
        ("lifecycle", json!({ "rule": [{ "action": { "type": "Delete" } }] })),
        ("labels", json!({ "UPPER": "x" })),
    ] {
        let mut body = bucket();
        body["name"] = json!("second-bucket");
        body[field] = value;
        assert_eq!(call(&sandbox, "POST", "?project=meridian-sandbox", body).await.status, 400, "{field}");
    }
    assert_eq!(call(&sandbox, "POST", "", bucket()).await.reason(), "required");
    assert_eq!(call(&sandbox, "GET", &format!("/{BUCKET}?wat=1"), Value::Null).await.status, 400);
    assert_eq!(call(&sandbox, "PATCH", &format!("/{BUCKET}"), json!({ "location": "US" })).await.status, 400);
    assert_eq!(upload(&sandbox, "", "x", "").await.reason(), "required");
    assert_eq!(upload(&sandbox, "..", "x", "").await.reason(), "invalid");
    assert_eq!(call(&sandbox, "GET", "/none/o", Value::Null).await.reason(), "notFound");
    let simple = format!("/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name=x");
    assert_eq!(send(&sandbox, "POST", &simple, "text").await.body["contentType"], "application/octet-stream");
}

#[tokio::test]
async fn a_world_outlives_its_process() {
    let dir = std::env::temp_dir().join(format!("meridian-gcs-{}", std::process::id()));
    let config = || Config { dir: Some(dir.clone()), pace: Pace::instant(), ..Config::default() };
    let sandbox = Sandbox::start(config()).await.unwrap();
    call(&sandbox, "POST", "?project=meridian-sandbox", bucket()).await;
    upload(&sandbox, "join/token", "secret", "").await;
    sandbox.shutdown().await;
    let sandbox = Sandbox::start(config()).await.unwrap();
    let content = call(&sandbox, "GET", &format!("/{BUCKET}/o/join%2Ftoken?alt=media"), Value::Null).await;
    assert_eq!(content.text, "secret");
    sandbox.shutdown().await;
    std::fs::remove_dir_all(dir).unwrap();
}

#[tokio::test]
async fn some_fields_can_be_asked_for() {
    let sandbox = with_bucket().await;
    let bucket = call(&sandbox, "GET", &format!("/{BUCKET}?fields=name,versioning/enabled"), Value::Null).await;
    assert_eq!(bucket.body, json!({ "name": BUCKET, "versioning": { "enabled": true } }));
    let made = upload(&sandbox, "a", "x", "&fields=generation").await.body;
    assert_eq!(made.as_object().unwrap().keys().collect::<Vec<_>>(), ["generation"]);
    let listed = call(&sandbox, "GET", &format!("/{BUCKET}/o?fields=items(name),nextPageToken"), Value::Null).await;
    assert_eq!(listed.body, json!({ "items": [{ "name": "a" }] }));
    let wrong = upload(&sandbox, "b", "x", "&fields=a(").await;
    assert_eq!((wrong.status, wrong.reason()), (400, "invalidParameter"));
    assert_eq!(call(&sandbox, "GET", &format!("/{BUCKET}/o/b"), Value::Null).await.status, 404, "it was not written");
}
