use serde_json::{Value, json};

use crate::Sandbox;
use crate::azure::testing::{Answer, GROUP, call, sandbox};

async fn at(sandbox: &Sandbox, method: &str, name: &str, body: &Value) -> Answer {
    let path =
        format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities{name}?api-version=2023-01-31");
    call(sandbox, method, &path, body).await
}

#[tokio::test]
async fn identities_keep_their_principal() {
    let sandbox = sandbox().await;
    let made = at(&sandbox, "PUT", "/workers", &json!({ "location": "westeurope", "tags": { "a": "b" } })).await;
    assert_eq!((made.status, made.text("/location")), (201, "westeurope"), "{made:?}");
    let principal = made.text("/properties/principalId").to_owned();
    assert_ne!(principal, made.text("/properties/clientId"));
    let again = at(&sandbox, "PUT", "/workers", &json!({ "location": "West Europe" })).await;
    assert_eq!((again.status, again.text("/properties/principalId")), (200, principal.as_str()));
    let patched = at(&sandbox, "PATCH", "/workers", &json!({ "tags": { "c": "d" } })).await;
    assert_eq!((patched.text("/tags/c"), patched.text("/properties/principalId")), ("d", principal.as_str()));
    assert_eq!(at(&sandbox, "GET", "", &Value::Null).await.body["value"].as_array().unwrap().len(), 1);
    assert_eq!(at(&sandbox, "DELETE", "/workers", &Value::Null).await.status, 200);
    assert_eq!(at(&sandbox, "DELETE", "/workers", &Value::Null).await.status, 204);
    assert_eq!(at(&sandbox, "GET", "/workers", &Value::Null).await.code(), "ResourceNotFound");
    assert_eq!(at(&sandbox, "PUT", "/ab", &json!({ "location": "westeurope" })).await.code(), "BadRequest");
}
