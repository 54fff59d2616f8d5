//! How errors look.

use bytes::Bytes;

use super::VERSIONS;
use crate::azure::error::ApiError;
use crate::azure::request::Request;
use crate::azure::response::Response;
use crate::azure::storage::container;
use crate::fault::Effect;
use crate::xml::Xml;

/// An error as storage writes it.
pub fn refusal(request: &Request, error: &ApiError) -> Response {
    let mut headers = vec![("x-ms-error-code".to_owned(), error.failure.code.clone())];
    // Whoever names no version that there is gets the answer in some other.
    let version = request.header("x-ms-version").filter(|version| VERSIONS.contains(version));
    headers.push(("x-ms-version".to_owned(), version.unwrap_or(VERSIONS[0]).to_owned()));
    headers.extend(error.headers.iter().cloned());
    let mut response = Response::empty(error.status).with(headers);
    // Nothing follows the head of a 304.
    if error.status != 304 {
        response.headers.push(("Content-Type".to_owned(), "application/xml".to_owned()));
        let mut xml = Xml::document();
        xml.nest("Error", |x| {
            x.text("Code", &error.failure.code);
            x.text("Message", &error.failure.message);
        });
        response.body = Bytes::from(xml.finish());
    }
    response
}

/// What storage answers that has not heard of a container yet, where the request leads into it.
pub fn unheard(request: &Request, kind: &str, id: &str) -> Option<ApiError> {
    let (account, container, _) = super::names(request);
    let within = format!("/storageaccounts/{account}/blobservices/default/containers/{container}");
    let leads =
        kind == container::KIND && id.ends_with(&within.to_lowercase()) && request.method != http::Method::DELETE;
    leads.then(|| ApiError::new(404, "ContainerNotFound", "The specified container does not exist."))
}

/// The error of a fault.
pub fn struck(effect: &Effect) -> Option<ApiError> {
    match effect {
        Effect::Throttle | Effect::ServerError { status: 503 } => Some(ApiError::new(
            503,
            "ServerBusy",
            "The server is currently unable to receive requests. Please retry your request.",
        )),
        Effect::ServerError { status } => Some(ApiError::new(
            *status,
            "InternalError",
            "The server encountered an internal error. Please retry the request.",
        )),
        Effect::Denied => Some(ApiError::new(
            403,
            "AuthorizationPermissionMismatch",
            "This request is not authorized to perform this operation using this permission.",
        )),
        Effect::Expired => Some(ApiError::new(
            401,
            "InvalidAuthenticationInfo",
            "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
        )),
        _ => None,
    }
}
