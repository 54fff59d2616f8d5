//! What becomes of answers that no emulator gives, and of credentials that are not there.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::credential::{Credential, CredentialSource};
use super::open;
use crate::store::{Condition, Store, StoreError};

const STORES: [&str; 3] = ["s3://team-state/a", "gs://team-state/a", "az://teamstate/team-state/a"];

#[derive(Debug)]
struct Given(Option<Credential>);

#[async_trait]
impl CredentialSource for Given {
    async fn credential(&self) -> Result<Credential, Box<dyn std::error::Error + Send + Sync>> {
        self.0.clone().ok_or_else(|| "nobody is logged in".into())
    }
}

fn store(url: &str, endpoint: &str, credential: Option<Credential>) -> Arc<dyn Store> {
    open(&url.parse().unwrap(), Some(&endpoint.parse().unwrap()), Arc::new(Given(credential))).unwrap()
}

/// A server that gives the same answer to everything.
async fn server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = vec![0; 64 << 10];
                while client.read(&mut request).await.is_ok_and(|length| length > 0) {
                    client.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    endpoint
}

#[tokio::test]
async fn what_a_store_says_of_signatures_is_not_passed_on() {
    let answer = "HTTP/1.1 403 Forbidden\r\ncontent-length: 89\r\n\r\n\
        <Error><Code>SignatureDoesNotMatch</Code><StringToSign>a-secret</StringToSign></Error>   ";
    let endpoint = server(answer).await;
    for url in STORES {
        let store = store(url, &endpoint, Some(Credential::Anonymous));
        for error in [
            store.get("a").await.unwrap_err(),
            store.put("a", b"x", Condition::Absent).await.unwrap_err(),
            store.delete("a").await.unwrap_err(),
            store.list("a/").await.unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::Denied { .. }), "{url}: {error:?}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_wrong_object_does_not_fill_the_memory() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 300000000\r\netag: \"1\"\r\nx-goog-generation: 1\r\n\
        last-modified: Fri, 20 Nov 2026 10:00:00 GMT\r\n\r\n";
    let endpoint = server(answer).await;
    for url in STORES {
        let error = store(url, &endpoint, Some(Credential::Anonymous)).get("a").await.unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { .. }), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn a_bucket_of_another_region_is_named_with_it() {
    let answer = "HTTP/1.1 301 Moved Permanently\r\ncontent-length: 0\r\nx-amz-bucket-region: eu-west-1\r\n\r\n";
    let endpoint = server(answer).await;
    let error = store(STORES[0], &endpoint, Some(Credential::Anonymous)).get("a").await.unwrap_err();
    assert!(error.to_string().ends_with("name it as `s3://team-state/a?region=eu-west-1`"), "{error}");
}

#[tokio::test]
async fn without_a_credential_nothing_is_sent() {
    for url in STORES {
        let error = store(url, "http://127.0.0.1:1", None).get("a").await.unwrap_err();
        let StoreError::Credential { source, .. } = &error else { panic!("{url}: {error:?}") };
        assert_eq!(source.to_string(), "nobody is logged in");
    }
}

#[tokio::test]
async fn a_token_does_not_travel_in_the_open() {
    for url in &STORES[1..] {
        let token = Credential::Bearer("a-secret".to_owned().into());
        let error = store(url, "http://store.invalid", Some(token)).get("a").await.unwrap_err();
        assert!(matches!(error, StoreError::Credential { .. }), "{url}: {error:?}");
        assert!(!format!("{error:?}").contains("a-secret"));
    }
}
