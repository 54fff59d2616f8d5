//! Helpers for tests: a sandbox, and requests that look signed.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{Config, Pace, Sandbox};

/// An answer as the wire carries it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status; 0 where the connection was closed without an answer.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The content of the first element of a name.
    pub fn value(&self, element: &str) -> String {
        self.values(element).into_iter().next().unwrap_or_default()
    }

    /// The contents of all elements of a name, in their order.
    pub fn values(&self, element: &str) -> Vec<String> {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        self.body
            .split(&open)
            .skip(1)
            .filter_map(|rest| rest.split_once(&close).map(|(inside, _)| inside.to_owned()))
            .collect()
    }

    /// The error code, or nothing for success.
    pub fn code(&self) -> String {
        if self.status == 200 { String::new() } else { self.value("Code") }
    }
}

/// A sandbox at once, in memory.
pub async fn sandbox() -> Sandbox {
    start(Config { pace: Pace::instant(), ..Config::default() }).await
}

/// A sandbox with a configuration.
pub async fn start(config: Config) -> Sandbox {
    Sandbox::start(config).await.unwrap()
}

/// Calls an operation of EC2 in eu-west-1.
pub async fn ec2(sandbox: &Sandbox, operation: &str, parameters: &[(&str, &str)]) -> Answer {
    query(sandbox, "ec2", "2016-11-15", "eu-west-1", operation, parameters).await
}

/// Calls an operation of EC2 that must succeed.
pub async fn ok(sandbox: &Sandbox, operation: &str, parameters: &[(&str, &str)]) -> Answer {
    let answer = ec2(sandbox, operation, parameters).await;
    assert_eq!(answer.status, 200, "{operation} {parameters:?}: {}", answer.body);
    answer
}

/// Calls an operation of a service that speaks the query protocol.
pub async fn query(
    sandbox: &Sandbox,
    service: &str,
    version: &str,
    region: &str,
    operation: &str,
    parameters: &[(&str, &str)],
) -> Answer {
    let mut all: BTreeMap<&str, &str> = parameters.iter().copied().collect();
    all.insert("Action", operation);
    all.insert("Version", version);
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let body: Vec<String> = all.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect();
    let authorization = authorization(service, region);
    raw(sandbox, "POST", "/", &[("authorization", &authorization)], body.join("&").as_bytes()).await
}

/// The header of a request that looks signed.
pub fn authorization(service: &str, region: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/{region}/{service}/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=00"
    )
}

/// Sends a request and reads the answer until the connection ends.
pub async fn raw(sandbox: &Sandbox, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let endpoint = sandbox.endpoint("aws").unwrap();
    let address = endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.extend(["content-length: ", &body.len().to_string(), "\r\n\r\n"]);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    Answer { status, body }
}
