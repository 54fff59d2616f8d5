//! Security Token Service: who is calling.

use super::error::ApiError;
use super::request::Request;
use super::response::Response;
use super::world::Cx;

/// Answers a request.
pub fn handle(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    match request.operation.as_str() {
        "GetCallerIdentity" => Ok(Response::query(request, |x| {
            x.text("Arn", format!("arn:{}:iam::{}:user/sandbox", cx.partition(), cx.account));
            x.text("UserId", "AIDASANDBOXSANDBOXAA");
            x.text("Account", cx.account);
        })),
        other => Err(ApiError::invalid_action(other)),
    }
}
