use serde_json::{Value, json};

use crate::Sandbox;
use crate::azure::testing::{Answer, GROUP, call, sandbox, with};

const VAULT: &str = "Microsoft.KeyVault/vaults/Team";

async fn arm(sandbox: &Sandbox, method: &str, path: &str, body: &Value) -> Answer {
    call(sandbox, method, &format!("{GROUP}/providers/{path}?api-version=2023-07-01"), body).await
}

async fn key(sandbox: &Sandbox, method: &str, path: &str, body: &Value) -> Answer {
    let path = format!("/team.vault.azure.net/keys/{path}?api-version=7.4");
    let headers = [("authorization", "Bearer any"), ("content-type", "application/json")];
    with(sandbox, method, &path, &headers, body).await
}

async fn open(sandbox: &Sandbox) {
    let properties = json!({ "tenantId": super::super::msi::TENANT, "sku": { "family": "A", "name": "standard" } });
    let made = arm(sandbox, "PUT", VAULT, &json!({ "location": "westeurope", "properties": properties })).await;
    assert_eq!((made.status, made.text("/properties/vaultUri")), (201, "https://team.vault.azure.net/"), "{made:?}");
}

#[tokio::test]
async fn a_key_opens_what_it_closed_after_it_was_rotated() {
    let sandbox = sandbox().await;
    open(&sandbox).await;
    let made = key(&sandbox, "POST", "state/create", &json!({ "kty": "RSA", "key_size": 2048 })).await;
    assert_eq!(made.status, 200, "{made:?}");
    let first = made.text("/key/kid").rsplit('/').next().unwrap().to_owned();
    assert_eq!(key(&sandbox, "GET", "state/", &Value::Null).await.text("/key/kid"), made.text("/key/kid"));
    let asked = json!({ "alg": "RSA-OAEP-256", "value": "c2VjcmV0" });
    let wrapped = key(&sandbox, "POST", "state//wrapkey", &asked).await;
    assert_eq!(wrapped.text("/kid"), made.text("/key/kid"), "{wrapped:?}");
    let second = key(&sandbox, "POST", "state/create", &json!({ "kty": "RSA" })).await;
    assert_ne!(second.text("/key/kid"), made.text("/key/kid"));
    let sealed = json!({ "alg": "RSA-OAEP-256", "value": wrapped.text("/value") });
    let opened = key(&sandbox, "POST", &format!("state/{first}/unwrapkey"), &sealed).await;
    assert_eq!(opened.text("/value"), "c2VjcmV0", "{opened:?}");
    assert_eq!(key(&sandbox, "POST", "state//unwrapkey", &sealed).await.code(), "BadParameter", "another version");
    let gone = key(&sandbox, "DELETE", "state", &Value::Null).await;
    assert_eq!(gone.text("/recoveryId"), "https://team.vault.azure.net/deletedkeys/state");
    assert_eq!(key(&sandbox, "POST", &format!("state/{first}/unwrapkey"), &sealed).await.code(), "KeyNotFound");
    assert_eq!(key(&sandbox, "POST", "state/create", &json!({ "kty": "RSA" })).await.code(), "Conflict");
    assert_eq!(sandbox.inventory("azure")[super::keys::KIND].len(), 1);
    assert_eq!(arm(&sandbox, "DELETE", VAULT, &Value::Null).await.status, 200);
    assert!(!sandbox.inventory("azure").contains_key(super::keys::KIND));
}

#[tokio::test]
async fn vaults_are_strict() {
    let sandbox = sandbox().await;
    open(&sandbox).await;
    let asked = json!({ "alg": "RSA-OAEP-256", "value": "c2VjcmV0" });
    let closed = json!({ "kty": "RSA", "attributes": { "enabled": false } });
    assert_eq!(key(&sandbox, "POST", "closed/create", &closed).await.status, 200);
    let other = json!({ "kty": "RSA", "key_ops": ["sign", "verify"] });
    assert_eq!(key(&sandbox, "POST", "signs/create", &other).await.status, 200);
    for (method, path, body, code) in [
        ("POST", "none//wrapkey", asked.clone(), "KeyNotFound"),
        ("POST", "closed//wrapkey", asked.clone(), "Forbidden"),
        ("POST", "signs//wrapkey", asked.clone(), "Forbidden"),
        ("POST", "state/create", json!({ "kty": "EC" }), "BadParameter"),
        ("POST", "state/create", json!({ "kty": "RSA", "key_size": 2049 }), "BadParameter"),
        ("POST", "state/create", json!({ "kty": "RSA", "wat": 1 }), "BadParameter"),
        ("POST", "st_ate/create", json!({ "kty": "RSA" }), "BadParameter"),
        ("PUT", "state", json!({}), "MethodNotAllowed"),
    ] {
        let answer = key(&sandbox, method, path, &body).await;
        assert_eq!(answer.code(), code, "{method} {path} {answer:?}");
    }
    for (path, headers, code) in [
        ("team.vault.azure.net/keys/closed?api-version=7.4", vec![], "Unauthorized"),
        ("team.vault.azure.net/keys/closed", vec![("authorization", "Bearer any")], "BadParameter"),
        ("team.vault.azure.net/keys/closed?api-version=8", vec![("authorization", "Bearer any")], "BadParameter"),
        ("nobodys.vault.azure.net/keys/k?api-version=7.4", vec![("authorization", "Bearer any")], "VaultNotFound"),
    ] {
        let answer = with(&sandbox, "GET", &format!("/{path}"), &headers, &Value::Null).await;
        assert_eq!(answer.code(), code, "{path}");
    }
    let elsewhere = arm(&sandbox, "PUT", "Microsoft.KeyVault/vaults/a--b", &json!({})).await;
    assert_eq!(elsewhere.status, 400);
}

#[tokio::test]
async fn faults_look_like_a_vaults() {
    let sandbox = sandbox().await;
    open(&sandbox).await;
    sandbox.faults().add("service=Microsoft.KeyVault.Keys,region=westeurope,effect=denied,times=1".parse().unwrap());
    let denied = key(&sandbox, "GET", "state", &Value::Null).await;
    assert_eq!((denied.status, denied.code()), (403, "Forbidden"));
    sandbox.faults().add("operation=GetKey,effect=throttle,times=1".parse().unwrap());
    assert_eq!(key(&sandbox, "GET", "state", &Value::Null).await.status, 429);
}
