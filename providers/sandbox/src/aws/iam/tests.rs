//! IAM through HTTP.

use crate::aws::testing::{Answer, query, sandbox, start};
use crate::{Config, Pace, Sandbox};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const ALLOW: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}]}"#;

async fn iam(sandbox: &Sandbox, operation: &str, parameters: &[(&str, &str)]) -> Answer {
    query(sandbox, "iam", "2010-05-08", "us-east-1", operation, parameters).await
}

async fn role(sandbox: &Sandbox, name: &str) -> Answer {
    let parameters = [("RoleName", name), ("AssumeRolePolicyDocument", TRUST)];
    iam(sandbox, "CreateRole", &parameters).await
}

#[tokio::test]
async fn names_are_unique_whatever_their_case() {
    let sandbox = sandbox().await;
    assert_eq!(role(&sandbox, "nodes").await.code(), "");
    assert_eq!(role(&sandbox, "Nodes").await.code(), "EntityAlreadyExists");
    assert_eq!(role(&sandbox, "no des").await.code(), "ValidationError");
}

#[tokio::test]
async fn documents_are_encoded_and_checked() {
    let sandbox = sandbox().await;
    let made = role(&sandbox, "nodes").await;
    assert!(made.value("AssumeRolePolicyDocument").starts_with("%7B%22Version%22"));
    let put = |document: &'static str| {
        let parameters = [("RoleName", "nodes"), ("PolicyName", "p"), ("PolicyDocument", document)];
        let sandbox = &sandbox;
        async move { iam(sandbox, "PutRolePolicy", &parameters).await.code() }
    };
    assert_eq!(put(ALLOW).await, "");
    assert_eq!(put(TRUST).await, "MalformedPolicyDocument");
    assert_eq!(put("{").await, "MalformedPolicyDocument");
}

#[tokio::test]
async fn what_is_in_use_stays() {
    let sandbox = sandbox().await;
    role(&sandbox, "nodes").await;
    let (of_role, of_profile) = (("RoleName", "nodes"), ("InstanceProfileName", "nodes"));
    iam(&sandbox, "CreateInstanceProfile", &[of_profile]).await;
    iam(&sandbox, "AddRoleToInstanceProfile", &[of_profile, of_role]).await;
    let policy = [of_role, ("PolicyName", "p"), ("PolicyDocument", ALLOW)];
    iam(&sandbox, "PutRolePolicy", &policy).await;
    let steps = [
        ("DeleteRole", vec![of_role], "DeleteConflict"),
        ("DeleteInstanceProfile", vec![of_profile], "DeleteConflict"),
        ("AddRoleToInstanceProfile", vec![of_profile, of_role], "LimitExceeded"),
        ("RemoveRoleFromInstanceProfile", vec![of_profile, of_role], ""),
        ("DeleteRole", vec![of_role], "DeleteConflict"),
        ("DeleteRolePolicy", vec![of_role, ("PolicyName", "p")], ""),
        ("DeleteRole", vec![of_role], ""),
        ("DeleteRole", vec![of_role], "NoSuchEntity"),
        ("DeleteInstanceProfile", vec![of_profile], ""),
    ];
    for (operation, parameters, code) in steps {
        let answer = iam(&sandbox, operation, &parameters).await;
        assert_eq!(answer.code(), code, "{operation}: {}", answer.body);
    }
    assert!(sandbox.inventory("aws").is_empty());
}

#[tokio::test]
async fn unknown_parameters_and_actions_are_refused() {
    let sandbox = sandbox().await;
    role(&sandbox, "nodes").await;
    let answer = iam(&sandbox, "GetRole", &[("RoleName", "nodes"), ("Colour", "red")]).await;
    assert_eq!(answer.code(), "InvalidParameter");
    assert_eq!(iam(&sandbox, "CreateUnicorn", &[]).await.code(), "InvalidAction");
    let unknown = [("RoleName", "nodes"), ("PolicyArn", "arn:aws:iam::aws:policy/NoSuchThing")];
    assert_eq!(iam(&sandbox, "AttachRolePolicy", &unknown).await.code(), "NoSuchEntity");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let sandbox = start(Config { pace: Pace::instant(), page_limit: Some(2), ..Config::default() }).await;
    for name in ["a", "b", "c"] {
        role(&sandbox, name).await;
    }
    let first = iam(&sandbox, "ListRoles", &[]).await;
    assert_eq!(first.values("RoleName"), ["a", "b"]);
    let marker = first.value("Marker");
    let second = iam(&sandbox, "ListRoles", &[("Marker", &marker)]).await;
    assert_eq!(second.values("RoleName"), ["c"]);
    assert_eq!(second.value("IsTruncated"), "false");
}
