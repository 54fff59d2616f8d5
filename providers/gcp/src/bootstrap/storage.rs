//! The calls of Cloud Storage's JSON API.

use meridian_provider_api::{Api, CloudError, ErrorKind};
use reqwest::Method;

use crate::limits::other;
use crate::rest::{Request, part};

/// Between the parts of an upload. No PEM, JSON or script of ours has such a line, and [`upload`] looks for it.
const BOUNDARY: &str = "meridian-part-5d1f0a6c9b";

/// An upload of an object: its metadata and its content in one request.
pub(super) fn upload(api: Api, bucket: &str, key: &str, content: &str) -> Result<Request, CloudError> {
    if content.contains(BOUNDARY) {
        return Err(CloudError::new(ErrorKind::Invalid, "storage:objects.insert", "the content holds our boundary"));
    }
    let metadata = serde_json::json!({ "name": key, "contentType": "text/plain; charset=utf-8" });
    let body = format!(
        "--{BOUNDARY}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{metadata}\r\n\
         --{BOUNDARY}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{content}\r\n--{BOUNDARY}--\r\n"
    );
    let path = format!("/upload/storage/v1/b/{}/o", part(bucket));
    let request = Request::new(api, Method::POST, path).query("uploadType", "multipart");
    Ok(request.body(format!("multipart/related; boundary={BOUNDARY}"), body.into_bytes()))
}

/// A call of Cloud Storage. Each may be sent twice: names and generations say what it is about.
pub(crate) const fn storage(operation: &'static str) -> Api {
    other("storage", operation, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_holds_metadata_and_content() {
        let request = upload(storage("objects.insert"), "b", "pki/ca.crt", "text").unwrap();
        let (kind, body) = request.content().unwrap();
        let body = std::str::from_utf8(body).unwrap();
        assert!(
            kind.ends_with(BOUNDARY) && body.contains("\"name\":\"pki/ca.crt\"") && body.contains("\r\n\r\ntext\r\n")
        );
        assert!(upload(storage("objects.insert"), "b", "k", BOUNDARY).is_err());
    }
}
