//! Helpers for tests: a sandbox, and requests to its Google part.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{Config, Pace, Sandbox};

/// Where everything of the tests is.
pub const ROOT: &str = "/compute/v1/projects/meridian-sandbox";

/// A sandbox at once, in memory.
pub async fn sandbox() -> Sandbox {
    Sandbox::start(Config { pace: Pace::instant(), ..Config::default() }).await.unwrap()
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status; 0 where the connection was cut.
    pub status: u16,
    /// The body, if it is JSON.
    pub body: Value,
    /// The answer as it was sent, without its body.
    pub head: String,
    /// The body as it was sent.
    pub text: String,
}

impl Answer {
    /// The reason of the error, or nothing.
    pub fn reason(&self) -> &str {
        self.body["error"]["errors"][0]["reason"].as_str().unwrap_or_default()
    }
}

/// Sends a request and reads the answer until the connection ends.
pub async fn send(sandbox: &Sandbox, method: &str, path: &str, body: &str) -> Answer {
    send_with(sandbox, method, path, "", body).await
}

/// Sends a request with headers, each of which ends its line.
pub async fn send_with(sandbox: &Sandbox, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let endpoint = sandbox.endpoint("gcp").unwrap();
    let address = endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let (head, text) =
        text.split_once("\r\n\r\n").map(|(head, body)| (head.to_owned(), body.to_owned())).unwrap_or_default();
    Answer { status, body: serde_json::from_str(&text).unwrap_or_default(), head, text }
}

/// Reads something under the project.
pub async fn get(sandbox: &Sandbox, path: &str) -> Answer {
    send(sandbox, "GET", format!("{ROOT}/{path}").trim_end_matches('/'), "").await
}

/// Begins a change under the project.
pub async fn begin(sandbox: &Sandbox, method: &str, path: &str, body: Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send(sandbox, method, &format!("{ROOT}/{path}"), &body).await
}

/// Makes a change under the project that must succeed, and waits until its operation has ended, which it gives.
pub async fn end(sandbox: &Sandbox, method: &str, path: &str, body: Value) -> Value {
    let answer = begin(sandbox, method, path, body).await;
    assert_eq!(answer.status, 200, "{method} {path}: {}", answer.body);
    done(sandbox, &answer.body).await
}

/// Makes a change that must succeed, operation and all.
pub async fn ok(sandbox: &Sandbox, method: &str, path: &str, body: Value) {
    let operation = end(sandbox, method, path, body).await;
    assert!(operation.get("error").is_none(), "{method} {path}: {operation}");
}

/// Waits until an operation has ended.
pub async fn done(sandbox: &Sandbox, operation: &Value) -> Value {
    let link = operation["selfLink"].as_str().unwrap().strip_prefix("https://www.googleapis.com").unwrap().to_owned();
    for _ in 0..500 {
        let answer = send(sandbox, "GET", &link, "").await;
        if answer.body["status"] == "DONE" {
            return answer.body;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the operation does not end: {operation}");
}
