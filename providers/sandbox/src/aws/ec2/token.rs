//! Idempotency tokens: a request that is sent twice has its effect once.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Answer, Cx, Request, Xml};
use crate::aws::{ApiError, Millis};

/// How long a token is remembered, in milliseconds.
const MEMORY: Millis = 24 * 3_600_000;

/// The operations that honour `ClientToken`.
const TOKENED: [&str; 8] = [
    "RunInstances",
    "CreateNatGateway",
    "CreateNetworkInterface",
    "CreateVolume",
    "CreateVpcEndpoint",
    "CreateRouteTable",
    "CreateLaunchTemplate",
    "CreateLaunchTemplateVersion",
];

/// A token that was used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spent {
    digest: String,
    answer: String,
    at: Millis,
}

/// Performs the request, or repeats the answer if its token has been used for the same.
pub fn once(cx: &mut Cx<'_>, request: &Request, perform: impl FnOnce(&mut Cx<'_>) -> Answer) -> Answer {
    if !TOKENED.contains(&request.operation.as_str()) {
        return perform(cx);
    }
    let Some(token) = request.params.opt_str("ClientToken").filter(|token| !token.is_empty()) else {
        return perform(cx);
    };
    if token.len() > 64 || !token.is_ascii() {
        return Err(ApiError::value("The client token must have at most 64 ASCII characters"));
    }
    let key = format!("{}:{token}", request.operation);
    let digest = digest(request);
    let now = cx.now;
    cx.ec2().tokens.retain(|_, spent| spent.at + MEMORY > now);
    if let Some(spent) = cx.ec2().tokens.get(&key) {
        if spent.digest != digest {
            return Err(ApiError::bad(
                "IdempotentParameterMismatch",
                "The client token you have provided is associated with a request with different parameters.",
            ));
        }
        let answer = Xml::from_text(&spent.answer);
        if request.operation == "RunInstances" && !all_live(cx, &token) {
            return Err(ApiError::bad(
                "IdempotentInstanceTerminated",
                "The client token belongs to a launch whose instance has been terminated.",
            ));
        }
        request.params.forgive();
        return Ok(answer);
    }
    let mut answer = perform(cx)?;
    if matches!(request.operation.as_str(), "CreateNatGateway" | "CreateNetworkInterface" | "CreateVpcEndpoint") {
        answer.text("clientToken", &token);
    }
    let spent = Spent { digest, answer: answer.as_text().to_owned(), at: now };
    cx.ec2().tokens.insert(key, spent);
    Ok(answer)
}

/// Whether all instances of a launch are still there.
fn all_live(cx: &mut Cx<'_>, token: &str) -> bool {
    let mut launched =
        cx.ec2().instances.values().filter(|instance| instance.token.as_deref() == Some(token)).peekable();
    launched.peek().is_some()
        && launched.all(|instance| !matches!(instance.state.as_str(), "shutting-down" | "terminated"))
}

/// What the request asks for, without the token and the dry run.
fn digest(request: &Request) -> String {
    let mut hash = Sha256::new();
    for (key, value) in request.params.raw() {
        if key != "ClientToken" && key != "DryRun" {
            hash.update(format!("{}:{key}={}:{value};", key.len(), value.len()));
        }
    }
    crate::ids::hex(&hash.finalize())
}
