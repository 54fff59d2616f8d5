use serde_json::{Value, json};

use crate::azure::testing::{Answer, GROUP, at, call, ok, sandbox, start};
use crate::{Config, Pace, Sandbox};

const READER: &str = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1";
const CONTRIBUTOR: &str = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";
const NAME: &str = "11111111-2222-5333-8444-555555555555";
const OTHER: &str = "11111111-2222-5333-8444-666666666666";
const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000001";

async fn identity(sandbox: &Sandbox, name: &str) -> String {
    let path =
        format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}?api-version=2023-01-31");
    let answer = call(sandbox, "PUT", &path, &json!({ "location": "westeurope" })).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.text("/properties/principalId").to_owned()
}

async fn assign(sandbox: &Sandbox, scope: &str, name: &str, role: &str, properties: Value) -> Answer {
    let mut whole = json!({
        "roleDefinitionId": format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"),
    });
    crate::azure::body::merge(&mut whole, properties);
    let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}?api-version=2022-04-01");
    call(sandbox, "PUT", &path, &json!({ "properties": whole })).await
}

async fn listed(sandbox: &Sandbox, scope: &str, filter: &str) -> usize {
    let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01{filter}");
    let answer = call(sandbox, "GET", &path, &Value::Null).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["value"].as_array().unwrap().len()
}

#[tokio::test]
async fn roles_are_found_by_name_and_id() {
    let sandbox = sandbox().await;
    let base = format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions");
    let query = "?api-version=2022-04-01&$filter=roleName%20eq%20'Storage%20Blob%20Data%20Reader'";
    let found = call(&sandbox, "GET", &format!("{base}{query}"), &Value::Null).await;
    assert_eq!(found.text("/value/0/name"), READER, "{found:?}");
    assert!(found.text("/value/0/properties/permissions/0/dataActions/0").ends_with("/blobs/read"));
    let one = call(&sandbox, "GET", &format!("{base}/{READER}?api-version=2022-04-01"), &Value::Null).await;
    assert_eq!(one.text("/id"), format!("{base}/{READER}"));
    let none = call(&sandbox, "GET", &format!("{base}/{NAME}?api-version=2022-04-01"), &Value::Null).await;
    assert_eq!((none.status, none.code()), (404, "RoleDefinitionDoesNotExist"));
}

#[tokio::test]
async fn assignments_are_made_once() {
    let sandbox = sandbox().await;
    let (one, two) = (identity(&sandbox, "one").await, identity(&sandbox, "two").await);
    let given = json!({ "principalId": one, "principalType": "ServicePrincipal" });
    let first = assign(&sandbox, GROUP, NAME, READER, given.clone()).await;
    assert_eq!((first.status, first.text("/properties/scope")), (201, GROUP), "{first:?}");
    assert_eq!(assign(&sandbox, GROUP, NAME, READER, given.clone()).await.status, 200, "the same again");
    let changed = json!({
        "principalId": one, "conditionVersion": "2.0",
        "condition": "(@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'x')",
    });
    assert_eq!(assign(&sandbox, GROUP, NAME, READER, changed).await.status, 200, "another condition");
    for (scope, name, role, principal, code) in [
        (GROUP, OTHER, READER, one.as_str(), "RoleAssignmentExists"),
        (GROUP, NAME, READER, two.as_str(), "RoleAssignmentUpdateNotPermitted"),
        (GROUP, NAME, CONTRIBUTOR, one.as_str(), "RoleAssignmentUpdateNotPermitted"),
        (SUBSCRIPTION, NAME, READER, one.as_str(), "RoleAssignmentUpdateNotPermitted"),
        (GROUP, "name", READER, one.as_str(), "InvalidRoleAssignmentId"),
        (GROUP, OTHER, NAME, one.as_str(), "RoleDefinitionDoesNotExist"),
        (GROUP, OTHER, CONTRIBUTOR, NAME, "PrincipalNotFound"),
        (GROUP, OTHER, CONTRIBUTOR, "me", "InvalidPrincipalId"),
        (
            "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/no",
            OTHER,
            READER,
            one.as_str(),
            "ResourceGroupNotFound",
        ),
    ] {
        let answer = assign(&sandbox, scope, name, role, json!({ "principalId": principal })).await;
        assert_eq!(answer.code(), code, "{answer:?}");
    }
    let wrong =
        assign(&sandbox, GROUP, OTHER, CONTRIBUTOR, json!({ "principalId": two, "principalType": "User" })).await;
    assert_eq!(wrong.code(), "UnmatchedPrincipalType");
    let unknown = assign(&sandbox, GROUP, OTHER, CONTRIBUTOR, json!({ "principalId": two, "wat": 1 })).await;
    assert_eq!(unknown.code(), "InvalidRequestContent");
}

#[tokio::test]
async fn assignments_are_listed_by_scope_and_outlive_their_principal() {
    let sandbox = sandbox().await;
    let principal = identity(&sandbox, "one").await;
    ok(&sandbox, "PUT", "Microsoft.Network/applicationSecurityGroups/asg", &json!({ "location": "westeurope" })).await;
    let inner = format!("{GROUP}/providers/Microsoft.Network/applicationSecurityGroups/asg");
    let given = json!({ "principalId": principal });
    assert_eq!(assign(&sandbox, &inner, NAME, READER, given.clone()).await.status, 201);
    assert_eq!(assign(&sandbox, SUBSCRIPTION, OTHER, CONTRIBUTOR, given).await.status, 201);
    assert_eq!(listed(&sandbox, GROUP, "").await, 2, "above and below");
    assert_eq!(listed(&sandbox, GROUP, "&$filter=atScope()").await, 1);
    assert_eq!(listed(&sandbox, &inner, &format!("&$filter=principalId%20eq%20'{principal}'")).await, 2);
    assert_eq!(listed(&sandbox, GROUP, &format!("&$filter=principalId%20eq%20'{NAME}'")).await, 0);
    let gone = format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one?api-version=2023-01-31");
    assert_eq!(call(&sandbox, "DELETE", &gone, &Value::Null).await.status, 200);
    assert_eq!(listed(&sandbox, GROUP, "").await, 2, "orphans stay");
    at(&sandbox, "DELETE", "Microsoft.Network/applicationSecurityGroups/asg", &Value::Null).await;
    assert_eq!(listed(&sandbox, SUBSCRIPTION, "").await, 1, "with its scope");
    let path =
        format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments/{OTHER}?api-version=2022-04-01");
    assert_eq!(call(&sandbox, "DELETE", &path, &Value::Null).await.text("/name"), OTHER);
    assert_eq!(call(&sandbox, "DELETE", &path, &Value::Null).await.status, 204);
}

#[tokio::test]
async fn a_new_principal_is_not_known_at_once() {
    let pace = Pace { instance_profile_visible: 150, ..Pace::instant() };
    let sandbox = start(Config { pace, ..Config::default() }).await;
    let principal = identity(&sandbox, "one").await;
    let given = json!({ "principalId": principal, "principalType": "ServicePrincipal" });
    let early = assign(&sandbox, GROUP, NAME, READER, given.clone()).await;
    assert_eq!((early.status, early.code()), (400, "PrincipalNotFound"));
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(assign(&sandbox, GROUP, NAME, READER, given).await.status, 201);
}
