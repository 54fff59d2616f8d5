//! What the kinds of Compute Engine have in common: pages, paths, and how an answer is read.

use std::future::Future;

use meridian_engine::{Fields, Ref, Value};
use meridian_provider_api::{CloudError, ErrorKind, Made};

use crate::client::Gcp;

/// Every page of a listing. `page` takes the token of the next page and gives its items and the token after it.
pub async fn pages<T, F, Fut>(mut page: F) -> Result<Vec<T>, CloudError>
where
    F: FnMut(Option<String>) -> Fut + Send,
    Fut: Future<Output = Result<(Vec<T>, Option<String>), CloudError>> + Send,
    T: Send,
{
    let mut all = Vec::new();
    let mut next = None;
    loop {
        let (items, token) = page(next).await?;
        all.extend(items);
        next = token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(all);
        }
    }
}

/// The id of a resource of Compute Engine: its path from the project on (`projects/p/global/networks/n`), out of a link
/// on whatever host and of whatever version.
#[must_use]
pub fn path_of(link: &str) -> String {
    link.find("projects/").map_or(link, |start| &link[start..]).to_owned()
}

/// The last part of a link or a path: a resource's name.
#[must_use]
pub fn last(link: &str) -> &str {
    link.rsplit('/').next().unwrap_or(link)
}

/// The zone or region in a path (`projects/p/zones/z/instances/i`).
#[must_use]
pub fn location(path: &str) -> Option<&str> {
    let mut parts = path.split('/').skip_while(|part| !matches!(*part, "zones" | "regions"));
    parts.next()?;
    parts.next()
}

/// How often something that was just made is looked for before it counts as gone.
const LOOKS_FOR_NEW: u32 = 10;

/// Does something with a resource that was just made: that it is not found is taken, for a while, to mean not yet.
pub async fn with_new<T, F, Fut>(client: &Gcp, mut act: F) -> Result<T, CloudError>
where
    F: FnMut() -> Fut + Send,
    Fut: Future<Output = Result<T, CloudError>> + Send,
    T: Send,
{
    for _ in 0..LOOKS_FOR_NEW {
        match act().await {
            Err(error) if error.kind == ErrorKind::NotFound => tokio::time::sleep(client.caller.pace.poll).await,
            result => return result,
        }
    }
    act().await
}

/// Gone already is what a delete wants.
pub fn gone<T>(result: Result<T, CloudError>) -> Result<(), CloudError> {
    found(result).map(drop)
}

/// Not found is an answer, too.
pub fn found<T>(result: Result<T, CloudError>) -> Result<Option<T>, CloudError> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The id behind a reference; every reference is resolved by the time a resource is made.
pub fn id_of<R>(reference: &Ref<R>) -> Result<&str, CloudError> {
    reference.id().map_err(|error| CloudError::new(ErrorKind::Invalid, "reading a reference", error.to_string()))
}

/// What an answer must hold.
pub fn required<T>(value: Option<T>, operation: &str, what: &str) -> Result<T, CloudError> {
    value.ok_or_else(|| CloudError::new(ErrorKind::Invalid, operation, format!("the answer has no {what}")))
}

/// A resource with an id and nothing else to tell.
#[must_use]
pub fn made(id: impl Into<String>) -> Made {
    Made { id: id.into(), computed: Fields::new() }
}

/// Computed attributes.
#[must_use]
pub fn computed<const N: usize>(attributes: [(&str, String); N]) -> Fields {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_paths_are_one() {
        let path = "projects/p/zones/europe-west1-b/instances/i";
        for link in ["https://www.googleapis.com/compute/v1/", "http://127.0.0.1:1/compute/v1/", ""] {
            assert_eq!(path_of(&format!("{link}{path}")), path);
        }
        assert_eq!((last(path), location(path)), ("i", Some("europe-west1-b")));
        assert_eq!(location("projects/p/global/networks/n"), None);
    }
}
