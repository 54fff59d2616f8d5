//! What the kinds of EC2 have in common: tags, pages, and how an answer is read.

use std::collections::BTreeSet;
use std::future::Future;

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use meridian_engine::{Address, Fields, Ref, Value};
use meridian_provider_api::{Caller, Client as _, CloudError, ErrorKind, Made};

use crate::client::{Aws, Owner, Tags, owned};
use crate::compile::names::digest;
use crate::limits::ec2_tags;

/// Looks at something that was just made; a read may answer from a copy that has not heard of it.
const LOOKS_FOR_NEW: u32 = 20;

/// A filter takes no more values ("Filtering", Amazon EC2 API reference).
const FILTER_VALUES: usize = 200;

/// Tags for a create, put on in the same call.
#[must_use]
pub fn tag_specification(resource: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder().resource_type(resource).set_tags(Some(sdk_tags(tags))).build()
}

/// The same tags as the SDK has them.
#[must_use]
pub fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// The address of a resource that is of `kind` and the cluster's, and its own tags.
#[must_use]
pub fn own(owner: Owner<'_>, kind: &str, id: Option<&str>, tags: Option<&[Tag]>) -> Option<(Address, Tags)> {
    owned(
        owner,
        kind,
        id,
        tags.unwrap_or_default()
            .iter()
            .map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned())),
    )
}

/// What bears the cluster's mark, and what of `kind` was recorded without it. `list` reads everything that a filter lets
/// through, `name` is that of the filter for ids, and `id` tells the id of what is listed. One listing, and a second only
/// if something recorded is not in the first.
pub async fn marked_or_recorded<T, F, Fut>(
    client: &Aws,
    kind: &str,
    name: &str,
    id: impl Fn(&T) -> Option<&str> + Send,
    list: F,
) -> Result<Vec<T>, CloudError>
where
    F: Fn(Filter) -> Fut + Send,
    Fut: Future<Output = Result<Vec<T>, CloudError>> + Send,
    T: Send,
{
    let mut all = list(client.owner_filter()).await?;
    let missing = missing(client, kind, &all.iter().filter_map(&id).collect());
    for some in missing.chunks(FILTER_VALUES) {
        all.extend(list(Filter::builder().name(name).set_values(Some(some.to_vec())).build()).await?);
    }
    Ok(all)
}

/// The recorded ids of a kind that are not among those that were found.
pub fn missing(client: &Aws, kind: &str, found: &BTreeSet<&str>) -> Vec<String> {
    client.recorded().ids(kind).filter(|id| !found.contains(id)).map(str::to_owned).collect()
}

/// Makes a resource's own tags those of `after`. Tags in neither are left alone.
pub async fn retag(client: &Aws, id: &str, before: &Tags, after: &Tags) -> Result<(), CloudError> {
    let set: Tags =
        after.iter().filter(|(k, v)| before.get(*k) != Some(*v)).map(|(k, v)| (k.clone(), v.clone())).collect();
    let gone: Vec<Tag> =
        before.keys().filter(|key| !after.contains_key(*key)).map(|key| Tag::builder().key(key).build()).collect();
    if !set.is_empty() {
        client
            .call(ec2_tags("CreateTags"), || {
                client.ec2.create_tags().resources(id).set_tags(Some(sdk_tags(&set))).send()
            })
            .await?;
    }
    if !gone.is_empty() {
        client
            .call(ec2_tags("DeleteTags"), || client.ec2.delete_tags().resources(id).set_tags(Some(gone.clone())).send())
            .await?;
    }
    Ok(())
}

/// Every page of a listing. `page` takes the token of the next page and gives its items and the token after it.
pub async fn pages<T, F, Fut>(mut page: F) -> Result<Vec<T>, CloudError>
where
    F: FnMut(Option<String>) -> Fut + Send,
    Fut: Future<Output = Result<(Option<Vec<T>>, Option<String>), CloudError>> + Send,
    T: Send,
{
    let mut all = Vec::new();
    let mut next = None;
    loop {
        let (items, token) = page(next).await?;
        all.extend(items.unwrap_or_default());
        next = token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(all);
        }
    }
}

/// Does something with a resource that was just made: that it is not found is taken, for a while, to mean not yet.
pub async fn with_new<T, F, Fut>(client: &Aws, act: F) -> Result<T, CloudError>
where
    F: FnMut() -> Fut + Send,
    Fut: Future<Output = Result<T, CloudError>> + Send,
    T: Send,
{
    once_known(&client.caller, act).await
}

/// The same, for those who have no client of a cluster.
pub(crate) async fn once_known<T, F, Fut>(caller: &Caller, mut act: F) -> Result<T, CloudError>
where
    F: FnMut() -> Fut + Send,
    Fut: Future<Output = Result<T, CloudError>> + Send,
    T: Send,
{
    for _ in 0..LOOKS_FOR_NEW {
        match act().await {
            Err(error) if error.kind == ErrorKind::NotFound => tokio::time::sleep(caller.pace.poll).await,
            result => return result,
        }
    }
    act().await
}

/// Gone already is what a delete wants.
pub fn gone<T>(result: Result<T, CloudError>) -> Result<(), CloudError> {
    allowing(result, |error| error.kind == ErrorKind::NotFound)
}

/// Takes an error that `fine` accepts for success.
pub fn allowing<T>(result: Result<T, CloudError>, fine: impl FnOnce(&CloudError) -> bool) -> Result<(), CloudError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if fine(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Not found is an answer, too.
pub fn found<T>(result: Result<T, CloudError>) -> Result<Option<T>, CloudError> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The idempotency token of a create that is sent with these ids. The plan's token knows resources by their addresses; a
/// create for others of the same addresses is another create, and EC2 refuses a token that it has seen with other
/// parameters.
#[must_use]
pub fn token(planned: &str, ids: &[&str]) -> String {
    digest(&format!("{planned}/{}", ids.join("/")), 32)
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
