//! One cloud's listener.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::front::{Cloud, Cut};
use crate::record::{Exchange, Recorder};

/// The largest request body that is read, in bytes.
const BODY_LIMIT: usize = 256 * 1024 * 1024;

/// A listener that answers until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts to answer on a bound listener.
    pub fn start(listener: TcpListener, address: SocketAddr, cloud: Recorded) -> Self {
        let task = tokio::spawn(async move {
            // Dropped with the task, and then so are all connections.
            let mut connections = JoinSet::new();
            loop {
                while connections.try_join_next().is_some() {}
                match listener.accept().await {
                    Ok((stream, _)) => {
                        drop(stream.set_nodelay(true));
                        connections.spawn(serve(stream, cloud.clone()));
                    }
                    // Out of file descriptors, most likely: others will be closed soon.
                    Err(error) => {
                        tracing::warn!(%error, "the sandbox cannot accept a connection");
                        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    }
                }
            }
        });
        Self { address, task }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops and waits until nothing runs any more.
    pub async fn stop(mut self) {
        self.task.abort();
        // An aborted task always reports that it was cancelled.
        drop((&mut self.task).await);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A cloud, and who sees what it is asked and answers.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub name: &'static str,
    pub cloud: Arc<dyn Cloud>,
    pub recorder: Option<Recorder>,
}

impl Recorded {
    async fn answer(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Cut> {
        let Some(recorder) = &self.recorder else { return self.cloud.answer(request).await };
        let (parts, body) = request.into_parts();
        let seen = (parts.method.clone(), parts.uri.clone(), parts.headers.clone(), body.clone());
        let response = self.cloud.answer(http::Request::from_parts(parts, body)).await?;
        let (method, uri, request_headers, request_body) = seen;
        recorder.see(&Exchange {
            cloud: self.name,
            method,
            uri,
            request_headers,
            request_body,
            status: response.status(),
            response_headers: response.headers().clone(),
            response_body: response.body().clone(),
        });
        Ok(response)
    }
}

async fn serve(stream: tokio::net::TcpStream, cloud: Recorded) {
    let service = service_fn(move |request: http::Request<Incoming>| {
        let cloud = cloud.clone();
        async move {
            let (parts, body) = request.into_parts();
            // A body that ends early or is too long has no answer, as on a real front end that gives up.
            let body = Limited::new(body, BODY_LIMIT).collect().await.map_err(|_| Cut)?.to_bytes();
            let answer = cloud.answer(http::Request::from_parts(parts, body)).await?;
            Ok::<_, Cut>(answer.map(Full::new))
        }
    });
    // The service's error is how a fault closes the connection.
    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}
