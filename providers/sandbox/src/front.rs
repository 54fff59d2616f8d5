//! What every call passes through, whatever the cloud: the armed faults and the log.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;

use crate::fault::{Effect, Faults};
use crate::log::{Call, CallLog};

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut by a fault")]
pub struct Cut;

/// A cloud's APIs, behind one listener.
#[async_trait]
pub trait Cloud: Debug + Send + Sync + 'static {
    /// Answers a request, or cuts the connection.
    async fn answer(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Cut>;

    /// Everything that exists, by kind; what is only still described after its end is left out.
    fn inventory(&self) -> BTreeMap<String, Vec<String>>;
}

/// What a request asks for, as faults and log name it.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// The service, such as `ec2`.
    pub service: String,
    /// The operation, such as `RunInstances`.
    pub operation: String,
    /// The region; empty where there is none.
    pub region: String,
}

/// An answer, and the code of the error that it is.
#[derive(Debug)]
pub struct Answer {
    pub response: http::Response<Bytes>,
    pub error: Option<String>,
}

/// Sends a call through the faults to `work`, which is told of an effect that it has to answer with (throttling, a
/// server's error, no capacity, denial, an operation's bad end). A request that cannot be understood has no target, and no fault strikes it.
pub async fn through(
    faults: &Faults,
    log: &CallLog,
    target: Option<Target>,
    work: impl FnOnce(Option<Effect>) -> Answer + Send,
) -> Result<http::Response<Bytes>, Cut> {
    let start = Instant::now();
    let (latency, effect) =
        target.as_ref().map_or((0, None), |to| faults.strike(&to.service, &to.operation, &to.region));
    let Target { service, operation, region } = target.unwrap_or_default();
    let mut call = Call { service, region, operation, status: 0, error: None, start, end: start };
    if latency > 0 {
        tokio::time::sleep(Duration::from_millis(latency)).await;
    }
    match effect {
        Some(Effect::ExitBefore) => std::process::abort(),
        Some(Effect::CutBefore) => {
            call.end = Instant::now();
            log.push(call);
            return Err(Cut);
        }
        _ => {}
    }
    let answer = work(effect.clone());
    if effect == Some(Effect::ExitAfter) {
        std::process::abort();
    }
    call.end = Instant::now();
    call.error = answer.error;
    if effect == Some(Effect::CutAfter) {
        log.push(call);
        return Err(Cut);
    }
    call.status = answer.response.status().as_u16();
    log.push(call);
    Ok(answer.response)
}
