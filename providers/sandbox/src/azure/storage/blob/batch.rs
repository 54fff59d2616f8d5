//! Many deletions in one request.
//!
//! Source: learn.microsoft.com, "Blob Batch". Of what a batch may hold only deletions are there.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::write::delete;
use super::{account, answer, reach, refusal};
use crate::azure::error::ApiError;
use crate::azure::request::Request;
use crate::azure::response::Response;
use crate::azure::world::Cx;

/// The most that a batch may hold.
const MOST: usize = 256;

/// POST of a batch.
pub fn submit(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    reach(cx, request, &["restype", "comp"], &[])?;
    let kind = request.header("content-type").unwrap_or_default();
    let boundary = kind.strip_prefix("multipart/mixed; boundary=").filter(|boundary| !boundary.is_empty());
    let boundary = boundary.ok_or_else(|| invalid("The content type is not multipart/mixed with a boundary."))?;
    let body = std::str::from_utf8(&request.body).map_err(|_| invalid("The body is no text."))?;
    let (all, _) = body.split_once(&format!("--{boundary}--")).ok_or_else(|| invalid("The body has no end."))?;
    let parts: Vec<&str> = all.split(&format!("--{boundary}\r\n")).skip(1).collect();
    if parts.is_empty() || parts.len() > MOST {
        return Err(ApiError::bad("ExceedsMaxBatchRequestCount", "A batch holds 1 to 256 requests."));
    }
    let requests: Vec<(&str, Request)> = parts.into_iter().map(|part| read(request, part)).collect::<Result<_, _>>()?;
    let name = format!("batchresponse_{}", cx.ids.uuid());
    let mut text = String::new();
    for (id, inner) in requests {
        let one = delete(cx, &inner).unwrap_or_else(|error| refusal(&inner, &error));
        let reason = if one.status == 202 { "Accepted" } else { "The request was refused." };
        text.extend(
            [
                &format!("--{name}\r\nContent-Type: application/http\r\nContent-ID: {id}\r\n\r\n"),
                &format!("HTTP/1.1 {} {reason}\r\nx-ms-request-id: {}\r\n", one.status, cx.ids.uuid()),
            ]
            .map(String::as_str),
        );
        for (header, value) in &one.headers {
            text.extend([header, ": ", value, "\r\n"]);
        }
        text.extend([&format!("Content-Length: {}\r\n\r\n", one.body.len()), &*String::from_utf8_lossy(&one.body)]);
        text.push_str("\r\n");
    }
    text.extend(["--", &name, "--\r\n"]);
    let headers = vec![("Content-Type", format!("multipart/mixed; boundary={name}"))];
    Ok(Response { body: Bytes::from(text), ..answer(request, 202, headers) })
}

/// A request within a batch, and its id. It speaks the version of the whole.
fn read<'a>(outer: &Request, part: &'a str) -> Result<(&'a str, Request), ApiError> {
    let (about, inner) = part.split_once("\r\n\r\n").ok_or_else(|| invalid("A part has no end of its headers."))?;
    let id = about.lines().find_map(|line| line.strip_prefix("Content-ID: "));
    let id = id.ok_or_else(|| invalid("A part has no Content-ID."))?;
    let mut lines = inner.lines();
    let first: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let ["DELETE", target, "HTTP/1.1"] = first.as_slice() else {
        return Err(invalid("The sandbox knows no other requests of a batch than deletions."));
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let name = HeaderName::try_from(name.trim()).map_err(|_| invalid("A header has no name."))?;
        headers.insert(name, HeaderValue::try_from(value.trim()).map_err(|_| invalid("A header has no value."))?);
    }
    for name in ["x-ms-version", "host"] {
        if let Some(value) = outer.headers.get(name) {
            headers.insert(HeaderName::from_static(name), value.clone());
        }
    }
    let name = account(outer).unwrap_or_default();
    // At an address of its own an account is not in the path; here it is, and some clients write it.
    let target = if target.starts_with(&format!("{}/", outer.path.trim_end_matches('/'))) {
        (*target).to_owned()
    } else {
        format!("/{name}{target}")
    };
    let within = format!("{}/", outer.path.trim_end_matches('/'));
    let uri: Uri = target.parse().map_err(|_| invalid("A request has no path."))?;
    if !uri.path().starts_with(&within) {
        return Err(invalid("A request leads out of the container."));
    }
    Ok((id, Request::read(Method::DELETE, &uri, headers, Bytes::new())))
}

fn invalid(message: &str) -> ApiError {
    ApiError::bad("InvalidInput", message)
}
