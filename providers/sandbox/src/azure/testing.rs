//! Helpers for tests: requests with a token, and answers as JSON.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{Config, Pace, Sandbox};

/// The group that tests work in.
pub const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg";

/// An answer as the wire carries it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status; 0 where the connection was closed without an answer.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body, or null.
    pub body: Value,
}

impl Answer {
    /// The error code, or nothing for success.
    pub fn code(&self) -> &str {
        self.body.pointer("/error/code").and_then(Value::as_str).unwrap_or_default()
    }

    /// The text at a JSON pointer.
    pub fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

/// A sandbox at once, in memory, with the group in West Europe.
pub async fn sandbox() -> Sandbox {
    start(Config { pace: Pace::instant(), ..Config::default() }).await
}

/// A sandbox with a configuration, with the group in West Europe.
pub async fn start(config: Config) -> Sandbox {
    let sandbox = Sandbox::start(config).await.unwrap();
    let answer = call(
        &sandbox,
        "PUT",
        &format!("{GROUP}?api-version=2021-04-01"),
        &serde_json::json!({ "location": "westeurope" }),
    )
    .await;
    assert!(answer.status < 300, "{answer:?}");
    sandbox
}

/// The id of a resource in the group.
pub fn id(path: &str) -> String {
    format!("{GROUP}/providers/{path}")
}

/// Calls a resource of the group. The version is the one that the frozen clients send.
pub async fn at(sandbox: &Sandbox, method: &str, path: &str, body: &Value) -> Answer {
    let version = if path.starts_with("Microsoft.Compute") { "2024-07-01" } else { "2024-03-01" };
    let separator = if path.contains('?') { '&' } else { '?' };
    call(sandbox, method, &format!("{}{separator}api-version={version}", id(path)), body).await
}

/// Calls a resource of the group, which must succeed.
pub async fn ok(sandbox: &Sandbox, method: &str, path: &str, body: &Value) -> Answer {
    let answer = at(sandbox, method, path, body).await;
    assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}");
    answer
}

/// Sends a request with a token.
pub async fn call(sandbox: &Sandbox, method: &str, path: &str, body: &Value) -> Answer {
    with(sandbox, method, path, &[("authorization", "Bearer any")], body).await
}

/// Sends a request and reads the answer until the connection ends.
pub async fn with(sandbox: &Sandbox, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let endpoint = sandbox.endpoint("azure").unwrap();
    let address = endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.extend(["content-length: ", &body.len().to_string(), "\r\n\r\n", &body]);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let pairs = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers = pairs.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: serde_json::from_str(body).unwrap_or_default() }
}
