//! S3 through HTTP.

use crate::aws::testing::{Answer, authorization, raw, sandbox};
use crate::{Config, Sandbox};

async fn call(sandbox: &Sandbox, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let authorization = authorization("s3", "eu-west-1");
    let mut all = vec![("authorization", authorization.as_str())];
    all.extend(headers);
    raw(sandbox, method, path, &all, body.as_bytes()).await
}

const HERE: &str =
    "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";

async fn bucket(sandbox: &Sandbox) {
    let made = call(sandbox, "PUT", "/bucket", &[], HERE).await;
    assert_eq!(made.code(), "", "{}", made.body);
}

async fn version(sandbox: &Sandbox) {
    let on = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let set = call(sandbox, "PUT", "/bucket?versioning", &[], on).await;
    assert_eq!(set.code(), "", "{}", set.body);
}

#[tokio::test]
async fn buckets_belong_to_their_region() {
    let sandbox = sandbox().await;
    let none = call(&sandbox, "PUT", "/bucket", &[], "").await;
    assert_eq!(none.code(), "IllegalLocationConstraintException");
    bucket(&sandbox).await;
    let again = call(&sandbox, "PUT", "/bucket", &[], HERE).await;
    assert_eq!(again.code(), "BucketAlreadyOwnedByYou");
    let elsewhere = authorization("s3", "us-east-1");
    let headers = [("authorization", elsewhere.as_str())];
    let wrong = raw(&sandbox, "GET", "/bucket?list-type=2", &headers, b"").await;
    assert_eq!(wrong.code(), "AuthorizationHeaderMalformed");
    assert_eq!(call(&sandbox, "PUT", "/Bucket", &[], HERE).await.code(), "InvalidBucketName");
}

#[tokio::test]
async fn writes_are_conditional() {
    let sandbox = sandbox().await;
    bucket(&sandbox).await;
    let put = |headers: &'static [(&'static str, &'static str)]| {
        let sandbox = &sandbox;
        async move { call(sandbox, "PUT", "/bucket/key", headers, "hello").await.code() }
    };
    assert_eq!(put(&[("if-match", "\"x\"")]).await, "NoSuchKey");
    assert_eq!(put(&[("if-none-match", "*")]).await, "");
    assert_eq!(put(&[("if-none-match", "*")]).await, "PreconditionFailed");
    assert_eq!(put(&[("if-match", "\"x\"")]).await, "PreconditionFailed");
    let etag = &[("if-match", "\"5d41402abc4b2a76b9719d911017c592\"")];
    assert_eq!(put(etag).await, "");
    assert_eq!(put(&[("x-amz-checksum-crc32", "AAAAAA==")]).await, "BadDigest");
    assert_eq!(put(&[("content-md5", "AAAA")]).await, "InvalidDigest");
}

#[tokio::test]
async fn versions_pile_up_and_keep_the_bucket() {
    let sandbox = sandbox().await;
    bucket(&sandbox).await;
    version(&sandbox).await;
    for body in ["one", "two"] {
        call(&sandbox, "PUT", "/bucket/key", &[], body).await;
    }
    assert_eq!(call(&sandbox, "DELETE", "/bucket/key", &[], "").await.status, 204);
    assert_eq!(call(&sandbox, "GET", "/bucket/key", &[], "").await.code(), "NoSuchKey");
    let listed = call(&sandbox, "GET", "/bucket?versions", &[], "").await;
    assert_eq!(listed.values("DeleteMarker").len(), 1);
    let ids = listed.values("VersionId");
    assert_eq!(ids.len(), 3);
    let old = call(&sandbox, "GET", &format!("/bucket/key?versionId={}", ids[2]), &[], "").await;
    assert_eq!(old.body, "one");
    assert_eq!(call(&sandbox, "DELETE", "/bucket", &[], "").await.code(), "BucketNotEmpty");
    for id in ids {
        let path = format!("/bucket/key?versionId={id}");
        assert_eq!(call(&sandbox, "DELETE", &path, &[], "").await.status, 204);
    }
    assert_eq!(call(&sandbox, "DELETE", "/bucket", &[], "").await.status, 204);
    assert!(sandbox.inventory("aws").is_empty());
}

#[tokio::test]
async fn keys_are_listed_by_prefix_and_page() {
    let sandbox = sandbox().await;
    bucket(&sandbox).await;
    for key in ["a/1", "a/2", "b/1", "c"] {
        call(&sandbox, "PUT", &format!("/bucket/{key}"), &[], "x").await;
    }
    let first = call(&sandbox, "GET", "/bucket?list-type=2&delimiter=%2F&max-keys=2", &[], "").await;
    assert_eq!(first.values("Prefix")[1..], ["a/", "b/"]);
    let token = first.value("NextContinuationToken");
    let path = format!("/bucket?list-type=2&delimiter=%2F&continuation-token={token}");
    let second = call(&sandbox, "GET", &path, &[], "").await;
    assert_eq!(second.values("Key"), ["c"]);
    assert_eq!(second.value("IsTruncated"), "false");
}

#[tokio::test]
async fn what_is_not_known_is_refused() {
    let sandbox = sandbox().await;
    bucket(&sandbox).await;
    for (method, path, headers) in [
        ("PUT", "/bucket/key?acl", &[][..]),
        ("GET", "/bucket?list-type=2&colour=red", &[]),
        ("PUT", "/bucket/key", &[("x-amz-acl", "public-read")]),
        ("POST", "/bucket/key?uploads", &[]),
    ] {
        let answer = call(&sandbox, method, path, headers, "").await;
        assert_eq!(answer.code(), "NotImplemented", "{method} {path}");
    }
    let public = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}]}"#;
    let refused = call(&sandbox, "PUT", "/bucket?policy", &[], public).await;
    assert_eq!(refused.code(), "AccessDenied");
}

#[tokio::test]
async fn bodies_survive_the_process() {
    let dir = std::env::temp_dir().join(format!("meridian-s3-{}", rand::random::<u64>()));
    let config = Config { dir: Some(dir.clone()), ..Config::default() };
    let first = crate::aws::testing::start(config.clone()).await;
    bucket(&first).await;
    call(&first, "PUT", "/bucket/key", &[], "kept").await;
    call(&first, "PUT", "/bucket/key", &[], "kept anew").await;
    first.shutdown().await;
    let second = crate::aws::testing::start(config).await;
    let found = call(&second, "GET", "/bucket/key", &[], "").await;
    assert_eq!(found.body, "kept anew");
    let objects = std::fs::read_dir(dir.join("aws/objects")).unwrap().count();
    assert_eq!(objects, 1);
    second.shutdown().await;
    std::fs::remove_dir_all(dir).unwrap();
}
