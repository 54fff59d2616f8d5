//! Cloud KMS over HTTP.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::Sandbox;
use crate::gcp::testing::{Answer, sandbox, send};

const RING: &str = "/v1/projects/meridian-sandbox/locations/europe-west1/keyRings";

async fn call(sandbox: &Sandbox, method: &str, rest: &str, body: Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send(sandbox, method, &format!("{RING}{rest}"), &body).await
}

async fn ok(sandbox: &Sandbox, method: &str, rest: &str, body: Value) -> Value {
    let answer = call(sandbox, method, rest, body).await;
    assert_eq!(answer.status, 200, "{method} {rest}: {}", answer.text);
    answer.body
}

fn status(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["error"]["status"].as_str().unwrap_or_default())
}

async fn with_key() -> Sandbox {
    let sandbox = sandbox().await;
    ok(&sandbox, "POST", "?keyRingId=ring", json!({})).await;
    let purpose = json!({ "purpose": "ENCRYPT_DECRYPT" });
    let made = ok(&sandbox, "POST", "/ring/cryptoKeys?cryptoKeyId=key", purpose).await;
    assert_eq!(made["primary"]["state"], "ENABLED");
    sandbox
}

fn plain(context: &str) -> Value {
    json!({
        "plaintext": BASE64_STANDARD.encode("secret"),
        "additionalAuthenticatedData": BASE64_STANDARD.encode(context),
    })
}

fn sealed(made: &Value, context: &str) -> Value {
    json!({ "ciphertext": made["ciphertext"], "additionalAuthenticatedData": BASE64_STANDARD.encode(context) })
}

#[tokio::test]
async fn what_is_encrypted_opens_with_key_and_context_alone() {
    let sandbox = with_key().await;
    let made = ok(&sandbox, "POST", "/ring/cryptoKeys/key:encrypt", plain("prod")).await;
    assert!(made["name"].as_str().unwrap().ends_with("/cryptoKeys/key/cryptoKeyVersions/1"));
    assert!(made.get("verifiedPlaintextCrc32c").is_none(), "no checksum was sent");
    let opened = ok(&sandbox, "POST", "/ring/cryptoKeys/key:decrypt", sealed(&made, "prod")).await;
    assert_eq!(
        (&opened["plaintext"], &opened["usedPrimary"]),
        (&json!(BASE64_STANDARD.encode("secret")), &json!(true))
    );
    let wrong = call(&sandbox, "POST", "/ring/cryptoKeys/key:decrypt", sealed(&made, "test")).await;
    assert_eq!(status(&wrong), (400, "INVALID_ARGUMENT"));
    ok(&sandbox, "POST", "/ring/cryptoKeys?cryptoKeyId=other", json!({ "purpose": "ENCRYPT_DECRYPT" })).await;
    let wrong = call(&sandbox, "POST", "/ring/cryptoKeys/other:decrypt", sealed(&made, "prod")).await;
    assert_eq!(status(&wrong), (400, "INVALID_ARGUMENT"));
    let none = call(&sandbox, "POST", "/ring/cryptoKeys/none:decrypt", sealed(&made, "prod")).await;
    assert_eq!(status(&none), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn checksums_are_verified() {
    let sandbox = with_key().await;
    let mut body = plain("prod");
    body["plaintextCrc32c"] = json!(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, b"secret").to_string());
    let made = ok(&sandbox, "POST", "/ring/cryptoKeys/key:encrypt", body.clone()).await;
    assert_eq!(made["verifiedPlaintextCrc32c"], true);
    body["plaintextCrc32c"] = json!("1");
    let refused = call(&sandbox, "POST", "/ring/cryptoKeys/key:encrypt", body).await;
    assert_eq!(status(&refused), (400, "INVALID_ARGUMENT"));
}

#[tokio::test]
async fn a_key_is_rotated_disabled_and_destroyed() {
    let sandbox = with_key().await;
    let old = ok(&sandbox, "POST", "/ring/cryptoKeys/key:encrypt", plain("")).await;
    let versions = "/ring/cryptoKeys/key/cryptoKeyVersions";
    ok(&sandbox, "POST", versions, json!({})).await;
    let primary = json!({ "cryptoKeyVersionId": "2" });
    ok(&sandbox, "POST", "/ring/cryptoKeys/key:updatePrimaryVersion", primary).await;
    let new = ok(&sandbox, "POST", "/ring/cryptoKeys/key:encrypt", plain("")).await;
    assert!(new["name"].as_str().unwrap().ends_with("/2"));
    let opened = ok(&sandbox, "POST", "/ring/cryptoKeys/key:decrypt", sealed(&old, "")).await;
    assert!(opened.get("usedPrimary").is_none());
    let off = json!({ "state": "DISABLED" });
    ok(&sandbox, "PATCH", &format!("{versions}/1?updateMask=state"), off).await;
    let refused = call(&sandbox, "POST", "/ring/cryptoKeys/key:decrypt", sealed(&old, "")).await;
    assert_eq!(status(&refused), (400, "FAILED_PRECONDITION"));
    ok(&sandbox, "POST", &format!("{versions}/2:destroy"), json!({})).await;
    let refused = call(&sandbox, "POST", "/ring/cryptoKeys/key:encrypt", plain("")).await;
    assert_eq!(status(&refused), (400, "FAILED_PRECONDITION"));
    assert_eq!(sandbox.inventory("gcp")["cloudkms/cryptoKeyVersion"].len(), 1);
}

#[tokio::test]
async fn what_is_not_known_is_refused() {
    let sandbox = with_key().await;
    for (method, rest, body, wanted) in [
        ("POST", "?keyRingId=ring", json!({}), (409, "ALREADY_EXISTS")),
        ("POST", "?keyRingId=a.b", json!({}), (400, "INVALID_ARGUMENT")),
        ("POST", "/ring/cryptoKeys?cryptoKeyId=new", json!({}), (400, "INVALID_ARGUMENT")),
        ("POST", "/none/cryptoKeys?cryptoKeyId=new", json!({ "purpose": "ENCRYPT_DECRYPT" }), (404, "NOT_FOUND")),
        ("POST", "/ring/cryptoKeys?cryptoKeyId=new", json!({ "purpose": "MAC" }), (400, "INVALID_ARGUMENT")),
        ("POST", "/ring/cryptoKeys/key:encrypt", json!({ "colour": "red" }), (400, "INVALID_ARGUMENT")),
        ("GET", "/ring/cryptoKeys/none", Value::Null, (404, "NOT_FOUND")),
    ] {
        let answer = call(&sandbox, method, rest, body).await;
        assert_eq!(status(&answer), wanted, "{method} {rest}: {}", answer.text);
    }
    assert_eq!(call(&sandbox, "DELETE", "/ring", Value::Null).await.status, 404);
}
