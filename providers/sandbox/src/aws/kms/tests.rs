//! KMS through HTTP.

use serde_json::{Value, json};

use crate::aws::testing::{authorization, raw, sandbox, start};
use crate::{Config, Effect, Fault, Pace, Sandbox};

async fn call(sandbox: &Sandbox, operation: &str, body: &Value) -> (u16, Value) {
    let (authorization, target) = (authorization("kms", "eu-west-1"), format!("TrentService.{operation}"));
    let headers = [
        ("authorization", authorization.as_str()),
        ("x-amz-target", target.as_str()),
        ("content-type", "application/x-amz-json-1.1"),
    ];
    let answer = raw(sandbox, "POST", "/", &headers, body.to_string().as_bytes()).await;
    (answer.status, serde_json::from_str(&answer.body).unwrap_or_default())
}

async fn ok(sandbox: &Sandbox, operation: &str, body: Value) -> Value {
    let (status, answer) = call(sandbox, operation, &body).await;
    assert_eq!(status, 200, "{operation}: {answer}");
    answer
}

async fn refused(sandbox: &Sandbox, operation: &str, body: Value) -> String {
    let (status, answer) = call(sandbox, operation, &body).await;
    assert_eq!(status, 400, "{operation}: {answer}");
    answer["__type"].as_str().unwrap_or_default().to_owned()
}

async fn key(sandbox: &Sandbox) -> String {
    let made =
        ok(sandbox, "CreateKey", json!({ "Description": "state", "Tags": [{ "TagKey": "a", "TagValue": "b" }] }));
    made.await["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_encrypted_opens_with_key_and_context_alone() {
    let sandbox = sandbox().await;
    let (one, other) = (key(&sandbox).await, key(&sandbox).await);
    let context = json!({ "meridian": "prod" });
    let made =
        ok(&sandbox, "Encrypt", json!({ "KeyId": one, "Plaintext": "c2VjcmV0", "EncryptionContext": context })).await;
    assert_eq!(made["KeyId"], *one);
    let blob = &made["CiphertextBlob"];
    let open =
        |key: &str, context: Value| json!({ "KeyId": key, "CiphertextBlob": blob, "EncryptionContext": context });
    assert_eq!(ok(&sandbox, "Decrypt", open(&one, context.clone())).await["Plaintext"], "c2VjcmV0");
    let wrong = json!({ "meridian": "test" });
    assert_eq!(refused(&sandbox, "Decrypt", open(&one, wrong)).await, "InvalidCiphertextException");
    assert_eq!(refused(&sandbox, "Decrypt", open(&other, context.clone())).await, "IncorrectKeyException");
    let nonsense = json!({ "CiphertextBlob": "AAAA" });
    assert_eq!(refused(&sandbox, "Decrypt", nonsense).await, "InvalidCiphertextException");
    let elsewhere = one.replace("eu-west-1", "eu-west-2");
    assert_eq!(refused(&sandbox, "Decrypt", open(&elsewhere, context)).await, "NotFoundException");
}

#[tokio::test]
async fn a_key_is_disabled_and_deleted() {
    let sandbox = sandbox().await;
    let key = key(&sandbox).await;
    let encrypt = json!({ "KeyId": key, "Plaintext": "c2VjcmV0" });
    ok(&sandbox, "DisableKey", json!({ "KeyId": key })).await;
    assert_eq!(refused(&sandbox, "Encrypt", encrypt.clone()).await, "DisabledException");
    ok(&sandbox, "EnableKey", json!({ "KeyId": key })).await;
    ok(&sandbox, "Encrypt", encrypt.clone()).await;
    let soon = json!({ "KeyId": key, "PendingWindowInDays": 1 });
    assert_eq!(refused(&sandbox, "ScheduleKeyDeletion", soon).await, "ValidationException");
    assert_eq!(sandbox.inventory("aws")["kms/key"].len(), 1);
    ok(&sandbox, "ScheduleKeyDeletion", json!({ "KeyId": key, "PendingWindowInDays": 7 })).await;
    let described = ok(&sandbox, "DescribeKey", json!({ "KeyId": key })).await;
    assert_eq!(described["KeyMetadata"]["KeyState"], "PendingDeletion");
    assert_eq!(refused(&sandbox, "Encrypt", encrypt).await, "KMSInvalidStateException");
    assert!(sandbox.inventory("aws").is_empty());
    ok(&sandbox, "CancelKeyDeletion", json!({ "KeyId": key })).await;
    assert_eq!(ok(&sandbox, "DescribeKey", json!({ "KeyId": key })).await["KeyMetadata"]["Enabled"], false);
}

#[tokio::test]
async fn aliases_lead_to_keys() {
    let sandbox = sandbox().await;
    let (one, other) = (key(&sandbox).await, key(&sandbox).await);
    let lead = |key: &str| json!({ "AliasName": "alias/state", "TargetKeyId": key });
    assert_eq!(refused(&sandbox, "UpdateAlias", lead(&one)).await, "NotFoundException");
    ok(&sandbox, "CreateAlias", lead(&one)).await;
    assert_eq!(refused(&sandbox, "CreateAlias", lead(&one)).await, "AlreadyExistsException");
    let encrypt = json!({ "KeyId": "alias/state", "Plaintext": "c2VjcmV0" });
    assert_eq!(ok(&sandbox, "Encrypt", encrypt.clone()).await["KeyId"], *one);
    ok(&sandbox, "UpdateAlias", lead(&other)).await;
    assert_eq!(ok(&sandbox, "Encrypt", encrypt.clone()).await["KeyId"], *other);
    ok(&sandbox, "DeleteAlias", json!({ "AliasName": "alias/state" })).await;
    assert_eq!(refused(&sandbox, "Encrypt", encrypt).await, "NotFoundException");
}

#[tokio::test]
async fn what_is_not_known_is_refused() {
    let sandbox = sandbox().await;
    let key = key(&sandbox).await;
    for (operation, body, code) in [
        ("MakeCoffee", json!({}), "UnknownOperationException"),
        ("Encrypt", json!({ "KeyId": key, "Plaintext": "c2VjcmV0", "Colour": "red" }), "SerializationException"),
        ("Encrypt", json!({ "KeyId": key }), "SerializationException"),
        ("Encrypt", json!({ "KeyId": key, "Plaintext": "" }), "ValidationException"),
        ("Encrypt", json!({ "KeyId": key, "Plaintext": "A".repeat(8192) }), "ValidationException"),
        ("CreateKey", json!({ "KeySpec": "RSA_2048" }), "UnsupportedOperationException"),
        ("DescribeKey", json!({ "KeyId": "1234" }), "NotFoundException"),
    ] {
        assert_eq!(refused(&sandbox, operation, body).await, code, "{operation}");
    }
    sandbox.faults().add(Fault::new(Effect::Denied).on("Encrypt").times(1));
    let denied = refused(&sandbox, "Encrypt", json!({ "KeyId": key, "Plaintext": "c2VjcmV0" })).await;
    assert_eq!(denied, "AccessDeniedException");
}

#[tokio::test]
async fn keys_survive_the_process() {
    let dir = std::env::temp_dir().join(format!("meridian-kms-{}", rand::random::<u64>()));
    let config = Config { dir: Some(dir.clone()), pace: Pace::instant(), ..Config::default() };
    let first = start(config.clone()).await;
    let key = key(&first).await;
    let made = ok(&first, "Encrypt", json!({ "KeyId": key, "Plaintext": "c2VjcmV0" })).await;
    first.shutdown().await;
    let second = start(config).await;
    let open = json!({ "CiphertextBlob": made["CiphertextBlob"] });
    assert_eq!(ok(&second, "Decrypt", open).await["Plaintext"], "c2VjcmV0");
    second.shutdown().await;
    std::fs::remove_dir_all(dir).unwrap();
}
