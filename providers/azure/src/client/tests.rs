//! The client against a loopback server that says what it is told to.

use std::collections::VecDeque;
use std::future::IntoFuture as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meridian_provider_api::provider::{WireRequest, WireTap};
use meridian_provider_api::{Connection, Credentials, ErrorKind, Pace};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::limits::{read, write};

/// Requests as the tap saw them: method, path with query, and the condition.
#[derive(Default)]
struct Seen(Mutex<Vec<(String, String, Option<String>)>>);

impl WireTap for Seen {
    fn request(&self, request: WireRequest<'_>) {
        let path = request.uri.splitn(4, '/').nth(3).unwrap_or_default().to_owned();
        let condition =
            request.headers.iter().find(|(name, _)| *name == "if-match").map(|(_, value)| (*value).to_owned());
        self.0.lock().unwrap().push((format!("{} {}", request.operation, request.method), path, condition));
    }
}

/// Answers: status line, further headers (in which `HOST` stands for the server), body.
type Answers = VecDeque<(&'static str, &'static str, &'static str)>;

async fn answer(stream: &mut TcpStream, answers: &Mutex<Answers>, host: &str) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?.to_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |text| text.parse().unwrap());
    stream.read_exact(&mut vec![0; length]).await.ok()?;
    let (status, headers, body) = answers.lock().unwrap().pop_front().expect("an answer for each request");
    let headers = headers.replace("HOST", host);
    let body = body.replace("HOST", host);
    let text = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).await.ok()
}

async fn client(answers: &[(&'static str, &'static str, &'static str)]) -> (Azure, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (answers, host) = (Arc::new(Mutex::new(answers.iter().copied().collect::<Answers>())), endpoint.clone());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (answers, host) = (Arc::clone(&answers), host.clone());
            tokio::spawn(async move { while answer(&mut stream, &answers, &host).await.is_some() {} });
        }
    });
    let seen = Arc::new(Seen::default());
    let connection = Connection {
        cluster: "demo".to_owned(),
        region: "westeurope".to_owned(),
        account: None,
        endpoint: Some(endpoint),
        forgotten: meridian_engine::state::Forgotten::default(),
        credentials: Credentials::Dummy,
        pace: Pace { patience: Duration::from_millis(200), ..Pace::quick() },
        limiter: Arc::default(),
        telemetry: Arc::default(),
        wire_tap: Some(seen.clone()),
    };
    (Azure::connect(connection).await.unwrap(), seen)
}

async fn remove(client: &Azure) -> Result<(), CloudError> {
    let gateways = client.network.nat_gateways_client();
    client
        .done(write("Microsoft.Network", "NatGateways_Delete"), || {
            gateways.delete("g", "n", &client.subscription).send()
        })
        .await
}

const OPERATION: &str = "azure-asyncoperation: HOST/subscriptions/s/operations/1\r\n";

#[tokio::test]
async fn an_operation_is_followed_to_its_end() {
    let (client, seen) = client(&[
        ("202 Accepted", OPERATION, ""),
        ("200 OK", "", r#"{"status":"InProgress"}"#),
        ("200 OK", "", r#"{"status":"Succeeded"}"#),
    ])
    .await;
    remove(&client).await.unwrap();
    let seen = seen.0.lock().unwrap();
    assert_eq!(seen[0].0, "NatGateways_Delete DELETE");
    assert_eq!(seen[2].1, "subscriptions/s/operations/1");
}

#[tokio::test]
async fn the_error_in_which_an_operation_ends_is_told() {
    let (client, _) = client(&[
        ("202 Accepted", OPERATION, ""),
        ("200 OK", "", r#"{"status":"Failed","error":{"code":"QuotaExceeded","message":"No more."}}"#),
    ])
    .await;
    let error = remove(&client).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Quota, "No more."));
}

#[tokio::test]
async fn an_operation_that_may_end_otherwise_is_begun_again() {
    let (client, seen) = client(&[
        ("202 Accepted", OPERATION, ""),
        ("200 OK", "", r#"{"status":"Failed","error":{"code":"RetryableError","message":"Again."}}"#),
        ("204 No Content", "", ""),
    ])
    .await;
    remove(&client).await.unwrap();
    assert_eq!(seen.0.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn no_token_goes_elsewhere() {
    let elsewhere = "location: http://127.0.0.1:1/operations/1\r\n";
    let (client, _) = client(&[("202 Accepted", elsewhere, "")]).await;
    assert_eq!(remove(&client).await.unwrap_err().kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn pages_are_read_to_the_last_and_a_missing_group_holds_nothing() {
    let (client, seen) = client(&[
        ("200 OK", "", r#"{"value":[]}"#),
        ("200 OK", "", r#"{"value":[{"name":"a"}],"nextLink":"HOST/more?api-version=2024-03-01"}"#),
        ("200 OK", "", r#"{"value":[{"name":"b"}]}"#),
        ("404 Not Found", "", r#"{"error":{"code":"ResourceGroupNotFound","message":"gone"}}"#),
    ])
    .await;
    let gateways = client.network.nat_gateways_client();
    let list = |operation| {
        client.in_groups(
            read("Microsoft.Network", operation),
            |group: &str| gateways.list(group, &client.subscription).into_stream(),
            |page| page.value,
        )
    };
    assert_eq!(list("NatGateways_List").await.unwrap().len(), 2);
    assert_eq!(list("Other_List").await.unwrap().len(), 0);
    let seen = seen.0.lock().unwrap();
    assert!(seen[0].1.contains("tagName"), "the groups come first: {}", seen[0].1);
    assert_eq!(seen[2].1, "more?api-version=2024-03-01");
}

#[tokio::test]
async fn an_operation_is_looked_at_once_more_when_patience_ends() {
    let (client, _) = client(&[
        ("202 Accepted", "azure-asyncoperation: HOST/subscriptions/s/operations/1\r\nretry-after: 60\r\n", ""),
        ("200 OK", "", r#"{"status":"Succeeded"}"#),
    ])
    .await;
    remove(&client).await.unwrap();
}

#[tokio::test]
async fn what_was_just_made_is_waited_for_and_what_may_be_missing_is_not() {
    let missing = ("404 Not Found", "", r#"{"error":{"code":"ResourceNotFound","message":"not here"}}"#);
    let (client, seen) = client(&[missing, missing, ("200 OK", "", "{}"), missing]).await;
    let gateways = client.network.nat_gateways_client();
    let body = azure_mgmt_network::package_2024_03::models::NatGateway::default();
    let api = write("Microsoft.Network", "NatGateways_CreateOrUpdate");
    let put = || gateways.create_or_update("g", "n", body.clone(), &client.subscription).send();
    client.done(api, put).await.unwrap();
    let api = read("Microsoft.Network", "NatGateways_Get");
    let get = || gateways.get("g", "n", &client.subscription).into_future();
    assert_eq!(client.call(api, get).await.unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(seen.0.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn what_someone_changed_meanwhile_is_read_again() {
    let (client, seen) = client(&[
        ("200 OK", "", r#"{"name":"n","etag":"1"}"#),
        ("412 Precondition Failed", "", r#"{"error":{"code":"PreconditionFailed","message":"changed"}}"#),
        ("200 OK", "", r#"{"name":"n","etag":"2"}"#),
        ("200 OK", "", r#"{"name":"n","etag":"3"}"#),
    ])
    .await;
    let gateways = client.network.nat_gateways_client();
    client
        .change(
            (read("Microsoft.Network", "NatGateways_Get"), || {
                gateways.get("g", "n", &client.subscription).into_future()
            }),
            |now: &azure_mgmt_network::package_2024_03::models::NatGateway| now.etag.clone(),
            (write("Microsoft.Network", "NatGateways_CreateOrUpdate"), |now: &_| {
                let now: &azure_mgmt_network::package_2024_03::models::NatGateway = now;
                gateways.create_or_update("g", "n", now.clone(), &client.subscription).send()
            }),
        )
        .await
        .unwrap();
    let conditions: Vec<Option<String>> = seen.0.lock().unwrap().iter().map(|(_, _, etag)| etag.clone()).collect();
    assert_eq!(conditions, [None, Some("1".to_owned()), None, Some("2".to_owned())]);
}

#[tokio::test]
async fn a_refusal_says_who_to_ask_and_when_to_come_back() {
    let (client, _) = client(&[(
        "429 Too Many Requests",
        "retry-after: 17\r\nx-ms-request-id: abc\r\n",
        r#"{"error":{"code":"TooManyRequests","message":"slow down"}}"#,
    )])
    .await;
    let error = remove(&client).await.unwrap_err();
    assert_eq!((error.kind, error.request_id.as_deref()), (ErrorKind::Throttled, Some("abc")));
    assert_eq!(error.retry_after, Some(Duration::from_secs(17)));
}

#[tokio::test]
async fn what_is_ours_is_told_by_its_tags() {
    let (client, _) = client(&[]).await;
    let address: Address = "azure_public_ip.nat".parse().unwrap();
    let tags = client.all_tags(&address, &Tags::from([("team".to_owned(), "x".to_owned())]));
    let (found, own) =
        client.own("azure_public_ip", Some("/subscriptions/s"), Some(&tags), Some("West Europe")).unwrap();
    assert_eq!((found, own.len()), (address, 1));
    assert!(client.own("azure_public_ip", Some("/subscriptions/s"), Some(&tags), Some("northeurope")).is_none());
    assert!(
        client.own("azure_public_ip", Some("/subscriptions/s"), Some(&tags), Some("global")).is_none(),
        "of no region that is told"
    );
    assert!(client.own("azure_lb", Some("/subscriptions/s"), Some(&tags), Some("westeurope")).is_none());
    assert_eq!(client.blob_endpoint("acc").unwrap().path(), "/acc/");
}
