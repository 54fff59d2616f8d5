//! What someone else does to a cloud, behind our back.

use std::time::Duration;

use meridian_provider_api::Connection;
use reqwest::{Client, Method};
use serde_json::Value;

use crate::wire::BY_HAND;

/// Any client of a cloud's REST API, as someone else has it.
#[derive(Debug, Clone)]
pub struct Rest {
    client: Client,
    endpoint: String,
    /// Whether what is sent is left out of the record.
    by_hand: bool,
}

impl Rest {
    /// A client of the endpoint that a connection is to.
    ///
    /// # Errors
    /// When the connection has none.
    pub fn at(connection: &Connection) -> Result<Self, String> {
        let endpoint = connection.endpoint.clone().ok_or("no endpoint")?;
        Ok(Self { client: Client::new(), endpoint, by_hand: false })
    }

    /// Makes something and waits until it can be used.
    ///
    /// # Errors
    /// What the cloud said, in the end.
    pub async fn make(&self, method: Method, path: &str, body: &Value) -> Result<(), String> {
        let mut made = Err(String::new());
        // What it refers to may not be ready at once.
        for _ in 0..100 {
            made = self.send(method.clone(), path, Some(body)).await;
            if made.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        made?;
        let made = match body["name"].as_str() {
            Some(name) => format!("{path}/{name}"),
            None => path.to_owned(),
        };
        for _ in 0..250 {
            let now = self.send(Method::GET, &made, None).await.unwrap_or_default();
            let state = now["properties"]["provisioningState"].as_str();
            if !now.is_null() && state.is_none_or(|state| state == "Succeeded") {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(format!("{made} does not come"))
    }

    /// Sends a request.
    ///
    /// # Errors
    /// What the cloud said.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let request = self.client.request(method, format!("{}{path}", self.endpoint)).bearer_auth("kubernetes");
        let request = if self.by_hand { request.header(BY_HAND, "yes") } else { request };
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| format!("{error:?}"))?;
        if status.is_success() && text.is_empty() {
            Ok(Value::Null)
        } else if status.is_success() {
            serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
        } else {
            Err(format!("{path}: {status}: {text}"))
        }
    }

    /// Reads something, changes what it says of itself, and writes it back.
    ///
    /// # Errors
    /// What the cloud said.
    pub async fn change(&self, path: &str, change: impl FnOnce(&mut Value) + Send) -> Result<(), String> {
        let mut body = self.send(Method::GET, path, None).await?;
        change(&mut body);
        // A path that ends in a name is written to; the rest waits until that is done.
        body.as_object_mut().map(|body| body.remove("name"));
        let by_hand = Self { by_hand: true, ..self.clone() };
        by_hand.make(Method::PUT, path, &body).await
    }

    /// Waits until something is as it should be.
    ///
    /// # Errors
    /// What the cloud said, or that it stays otherwise.
    pub async fn until(&self, path: &str, is: impl Fn(&Value) -> bool + Send + Sync) -> Result<(), String> {
        for _ in 0..250 {
            if is(&self.send(Method::GET, path, None).await?) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(format!("{path} stays as it is"))
    }

    /// Removes something and waits until it is gone.
    ///
    /// # Errors
    /// What the cloud said, or that it stays.
    pub async fn remove(&self, path: &str) -> Result<(), String> {
        self.send(Method::DELETE, path, None).await?;
        for _ in 0..250 {
            if self.send(Method::GET, path, None).await.is_err() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(format!("{path} does not go"))
    }
}
