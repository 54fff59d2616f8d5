//! Cloud Storage and Cloud KMS for the sake of state, on our sandbox.

use meridian_gcp::GcpProvider;
use meridian_provider_api::{ErrorKind, Grade, Provider as _, StoreCredential};
use meridian_sandbox::{Config, Effect, Fault};
use meridian_tests::hosts::{bucket, check_keys, connect, open_when_changed, other_than, prepare};
use meridian_tests::rig::Rig;
use reqwest::Method;
use serde_json::{Value, json};

const REGION: &str = "europe-west1";

const RING: &str = "projects/meridian-sandbox/locations/europe-west1/keyRings/meridian";

/// What others do, by plain calls.
struct Others(String);

impl Others {
    async fn call(&self, method: Method, path: &str, body: Value) {
        let request = reqwest::Client::new().request(method, format!("{}{path}", self.0)).json(&body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    }

    async fn bucket(&self, project: &str, body: Value) {
        self.call(Method::POST, &format!("/storage/v1/b?project={project}"), body).await;
    }

    async fn key(&self, name: &str) -> String {
        let path = format!("/v1/{RING}/cryptoKeys?cryptoKeyId={name}");
        self.call(Method::POST, &path, json!({ "purpose": "ENCRYPT_DECRYPT" })).await;
        format!("{RING}/cryptoKeys/{name}")
    }
}

#[tokio::test]
async fn state_on_google_cloud_by_the_sandbox() {
    let rig = Rig::recorded("state-hosts-gcp", Config::default()).await;
    let endpoint = rig.sandbox.endpoint("gcp").unwrap();
    let host = connect(&GcpProvider, &endpoint, Some(REGION), None).await;
    let others = Others(endpoint.clone());
    assert!(matches!(host.credential().await.unwrap(), StoreCredential::Anonymous));
    assert_eq!(host.region_of(&bucket("meridian-state-new")).await.unwrap(), None);

    let made = prepare(&*host, &bucket("meridian-state-new")).await;
    assert_eq!(made["bucket"], Grade::Made);
    assert_eq!(other_than(&made, &[Grade::Made, Grade::Good]), Vec::<&str>::new());
    let again = prepare(&*host, &bucket("meridian-state-new")).await;
    assert_eq!(other_than(&again, &[Grade::Good]), Vec::<&str>::new());
    assert_eq!(again["owner"], Grade::Good);

    let soft = |name: &str, labels: Value| {
        json!({
            "name": name, "location": REGION, "labels": labels,
            "softDeletePolicy": { "retentionDurationSeconds": "0" },
            "lifecycle": { "rule": [{ "action": { "type": "Delete" }, "condition": { "age": 30 } }] },
        })
    };
    let weak = ["access lists", "expiry", "public access", "soft delete", "versioning"];
    // Somebody else's is looked at and left as it is.
    others.bucket("meridian-sandbox", soft("meridian-state-weak", json!({}))).await;
    for _ in 0..2 {
        let found = prepare(&*host, &bucket("meridian-state-weak")).await;
        assert_eq!(other_than(&found, &[Grade::Good]), weak);
    }
    // Of another project it is weak that it is, and the label makes no difference.
    others.bucket("other-project", soft("meridian-state-theirs", json!({ "meridian-state": "true" }))).await;
    let theirs = prepare(&*host, &bucket("meridian-state-theirs")).await;
    assert_eq!(theirs["owner"], Grade::Weak);
    assert_eq!(theirs["versioning"], Grade::Weak);
    // Ours is mended, but for a rule that someone made.
    others.bucket("meridian-sandbox", soft("meridian-state-half", json!({ "meridian-state": "true" }))).await;
    let half = prepare(&*host, &bucket("meridian-state-half")).await;
    assert_eq!(other_than(&half, &[Grade::Good, Grade::Made]), ["expiry"]);
    assert_eq!(half["versioning"], Grade::Made);
    assert_eq!(other_than(&prepare(&*host, &bucket("meridian-state-half")).await, &[Grade::Good]), ["expiry"]);

    let nowhere = connect(&GcpProvider, &endpoint, None, None).await;
    let error = nowhere.prepare(&bucket("meridian-state-nowhere")).await.unwrap_err();
    assert!(error.to_string().contains("no region is named"), "{error}");
}

#[tokio::test]
async fn keys_on_google_cloud_by_the_sandbox() {
    let rig = Rig::recorded("state-hosts-gcp", Config::default()).await;
    let endpoint = rig.sandbox.endpoint("gcp").unwrap();
    let host = connect(&GcpProvider, &endpoint, Some(REGION), None).await;
    let others = Others(endpoint);
    let parent = RING.strip_suffix("/meridian").unwrap();
    others.call(Method::POST, &format!("/v1/{parent}?keyRingId=meridian"), json!({})).await;
    let (key, other) = (others.key("state").await, others.key("other").await);
    check_keys(&*host, &key, &other).await;
    assert_eq!(open_when_changed(&*host, &key).await, Vec::<usize>::new());

    // What was wrapped before the key was rotated opens after it.
    let old = host.wrap(&key, "prod", b"secret").await.unwrap();
    others.call(Method::POST, &format!("/v1/{key}/cryptoKeyVersions"), json!({})).await;
    let second = json!({ "cryptoKeyVersionId": "2" });
    others.call(Method::POST, &format!("/v1/{key}:updatePrimaryVersion"), second).await;
    let new = host.wrap(&key, "prod", b"secret").await.unwrap();
    for wrapped in [&old, &new] {
        assert_eq!(host.unwrap(&key, "prod", wrapped).await.unwrap().as_slice(), b"secret");
    }
    // A version that is destroyed takes what it wrapped along, and is not waited for.
    others.call(Method::POST, &format!("/v1/{key}/cryptoKeyVersions/1:destroy"), json!({})).await;
    let destroyed = host.unwrap(&key, "prod", &old).await.unwrap_err();
    assert_eq!(destroyed.kind, ErrorKind::Invalid, "{destroyed}");
    assert_eq!(host.unwrap(&key, "prod", &new).await.unwrap().as_slice(), b"secret");
    let unknown = host.wrap(&format!("{RING}/cryptoKeys/none"), "prod", b"secret").await.unwrap_err();
    assert_eq!(unknown.kind, ErrorKind::NotFound, "{unknown}");
}

#[tokio::test]
async fn state_on_google_cloud_when_something_fails() {
    let rig = Rig::recorded("state-hosts-gcp", Config::default()).await;
    let endpoint = rig.sandbox.endpoint("gcp").unwrap();
    let host = connect(&GcpProvider, &endpoint, Some(REGION), None).await;
    let others = Others(endpoint);
    let faults = rig.sandbox.faults();

    // The answer was lost: the bucket is found, and ours.
    faults.add(Fault::new(Effect::CutAfter).on("buckets.insert").times(1));
    let made = prepare(&*host, &bucket("meridian-state-cut")).await;
    assert_eq!(other_than(&made, &[Grade::Made, Grade::Good]), Vec::<&str>::new());
    faults.add(Fault::new(Effect::Denied).on("buckets.get").times(1));
    assert_eq!(prepare(&*host, &bucket("meridian-state-cut")).await["bucket"], Grade::Unknown);
    faults.add(Fault::new(Effect::Denied).on("buckets.list").times(1));
    assert_eq!(prepare(&*host, &bucket("meridian-state-cut")).await["owner"], Grade::Unknown);

    let parent = RING.strip_suffix("/meridian").unwrap();
    others.call(Method::POST, &format!("/v1/{parent}?keyRingId=meridian"), json!({})).await;
    let key = others.key("state").await;
    for operation in ["cryptoKeys.encrypt", "cryptoKeys.decrypt"] {
        faults.add(Fault::new(Effect::Throttle).on(operation).times(1));
        faults.add(Fault::new(Effect::ServerError { status: 503 }).on(operation).times(1));
        faults.add(Fault::new(Effect::CutBefore).on(operation).times(1));
    }
    let wrapped = host.wrap(&key, "prod", b"secret").await.unwrap();
    assert_eq!(host.unwrap(&key, "prod", &wrapped).await.unwrap().as_slice(), b"secret");
    faults.add(Fault::new(Effect::Denied).on("cryptoKeys.decrypt").times(1));
    assert_eq!(host.unwrap(&key, "prod", &wrapped).await.unwrap_err().kind, ErrorKind::Denied);
}

#[test]
fn google_cloud_is_named_by_its_own_schemes() {
    let schemes = GcpProvider.state_schemes();
    assert_eq!((schemes.store, schemes.keys), ("gs", "gcp-kms"));
}
