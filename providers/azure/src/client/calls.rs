//! Calls, pages, listings, and changes that mind what others wrote.

use std::any::Any;
use std::future::Future;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use azure_core::auth::Secret;
use azure_core::error::Error;
use azure_core::{Continuable, HttpClient as _, Method, Pageable, Request, Response, Url};
use futures::StreamExt as _;
use futures::future::{BoxFuture, try_join_all};
use meridian_provider_api::{Api, CloudError, ErrorKind};
use serde::de::DeserializeOwned;

use super::poller::Answer;
use super::transport::{CALL, Call};
use super::{Azure, CLUSTER_TAG, id};
use crate::errors::{NO_GROUP, PRECONDITION, from_sdk, is_unseen};
use crate::limits::{makes, read};

/// How often something that was just made is looked for before it counts as missing. Resource Manager answers from copies
/// that hear of each other within seconds (learn.microsoft.com, "Troubleshoot resource not found errors").
const LOOKS_FOR_NEW: u32 = 20;

impl Azure {
    /// Sends a call. `send` is an SDK builder's `send()` or `into_future()`. What a write names was made before: that it is
    /// not found is taken, for a while, to mean not yet.
    pub async fn call<T: Send + 'static>(
        &self,
        api: Api,
        send: impl Fn() -> BoxFuture<'static, azure_core::Result<T>> + Send + Sync,
    ) -> Result<T, CloudError> {
        if makes(api) { self.call_new(api, send).await } else { self.call_if(api, None, send).await }
    }

    /// The same about what was just made, or is known to be there, even when it is only read.
    pub async fn call_new<T: Send + 'static>(
        &self,
        api: Api,
        send: impl Fn() -> BoxFuture<'static, azure_core::Result<T>> + Send + Sync,
    ) -> Result<T, CloudError> {
        self.until_seen(|| self.call_if(api, None, &send)).await
    }

    async fn until_seen<T, Fut>(&self, act: impl Fn() -> Fut + Send + Sync) -> Result<T, CloudError>
    where
        T: Send,
        Fut: Future<Output = Result<T, CloudError>> + Send,
    {
        for _ in 0..LOOKS_FOR_NEW {
            match act().await {
                Err(error) if is_unseen(&error) => tokio::time::sleep(self.caller.pace.poll).await,
                result => return result,
            }
        }
        act().await
    }

    /// A call that is refused when the resource has another `ETag` by now.
    async fn call_if<T: Send + 'static>(
        &self,
        api: Api,
        etag: Option<&str>,
        send: impl Fn() -> BoxFuture<'static, azure_core::Result<T>> + Send + Sync,
    ) -> Result<T, CloudError> {
        let call = Call { service: api.service, operation: api.operation, if_match: etag.map(str::to_owned) };
        self.caller
            .call(api, || {
                let answer = CALL.scope(call.clone(), send());
                async move { answer.await.map_err(|error| self.error(api, &error)) }
            })
            .await
    }

    pub(super) fn error(&self, api: Api, error: &Error) -> CloudError {
        from_sdk(api, &self.region, error)
    }

    /// A token for a scope.
    pub(crate) async fn token(&self, scope: &str) -> Result<Secret, CloudError> {
        let token = self.credential.get_token(&[scope]).await;
        token.map(|token| token.token).map_err(|error| {
            CloudError::new(ErrorKind::Denied, "finding Azure credentials", crate::errors::causes(&error))
        })
    }

    /// A request for which the SDK has no call: where an operation stands, a further page, and what its models can't
    /// read.
    pub(super) async fn raw(&self, api: Api, method: Method, url: &Url) -> Result<Answer, CloudError> {
        let scope = self.scope()?;
        let call = || {
            let (transport, credential) = (Arc::clone(&self.transport), Arc::clone(&self.credential));
            let (scope, mut request) = (scope.clone(), Request::new(url.clone(), method));
            Box::pin(async move {
                let token = credential.get_token(&[&scope]).await?;
                request.insert_header("authorization", format!("Bearer {}", token.token.secret()));
                Answer::read(transport.execute_request(&request).await?).await
            }) as BoxFuture<'static, azure_core::Result<Answer>>
        };
        self.call(api, call).await
    }

    /// Every item of a listing, page after page.
    pub async fn pages<P, T>(
        &self,
        api: Api,
        list: impl Fn() -> Pageable<P, Error> + Send + Sync,
        items: fn(P) -> Vec<T>,
    ) -> Result<Vec<T>, CloudError>
    where
        P: Continuable<Continuation = String> + DeserializeOwned + Send + 'static,
        T: Send,
    {
        let first = || {
            let mut stream = list();
            Box::pin(async move {
                let page = stream.next().await;
                page.unwrap_or_else(|| {
                    Err(Error::message(azure_core::error::ErrorKind::Other, "a listing without a page"))
                })
            }) as BoxFuture<'static, azure_core::Result<P>>
        };
        let mut page = self.call(api, first).await?;
        let mut all = Vec::new();
        loop {
            let next = page.continuation().filter(|link| !link.is_empty());
            all.extend(items(page));
            let Some(next) = next else { return Ok(all) };
            let wrong = |why: String| CloudError::new(ErrorKind::Invalid, api.operation, why);
            let url = Url::parse(&next).map_err(|error| wrong(format!("a link to the next page: {error}")))?;
            if url.origin() != self.endpoint.origin() {
                return Err(wrong(format!("the next page is elsewhere: {next}")));
            }
            let answer = self.raw(api, Method::Get, &url).await?;
            page = serde_json::from_slice(&answer.body).map_err(|error| wrong(format!("a page: {error}")))?;
        }
    }

    /// Every item of a kind in the groups that the cluster stands in; read once a client, however many kinds look at it.
    /// `list` gets a group's name.
    pub async fn in_groups<P, T>(
        &self,
        api: Api,
        list: impl Fn(&str) -> Pageable<P, Error> + Send + Sync,
        items: fn(P) -> Vec<T>,
    ) -> Result<Arc<Vec<T>>, CloudError>
    where
        P: Continuable<Continuation = String> + DeserializeOwned + Send + 'static,
        T: Send + Sync + 'static,
    {
        let list = &list;
        self.listing(api.operation, || async move {
            let groups = self.groups().await?;
            let each = groups.iter().map(|group| async move {
                match self.pages(api, || list(group), items).await {
                    // The cluster's own group before it is made, and after it is gone.
                    Err(error) if error.code.as_deref() == Some(NO_GROUP) => Ok(Vec::new()),
                    result => result,
                }
            });
            Ok(try_join_all(each).await?.into_iter().flatten().collect())
        })
        .await
    }

    /// Names of the resource groups in which something of the cluster is, and of the one that would be its own.
    pub async fn groups(&self) -> Result<Arc<Vec<String>>, CloudError> {
        self.listing("groups", || async {
            let api = read("Microsoft.Resources", "Resources_List");
            let filter = format!("tagName eq '{CLUSTER_TAG}' and tagValue eq '{}'", self.cluster);
            let list = || self.resources.resources_client().list(&self.subscription).filter(&filter).into_stream();
            let tagged = self.pages(api, list, |page| page.value).await?;
            let mut groups = vec![self.own_group.clone()];
            for resource in tagged {
                let resource = resource.generic_resource.resource;
                let here = resource.location.as_deref().is_some_and(|place| id::location(place) == self.region);
                if let (true, Some(text)) = (here, resource.id)
                    && let Ok(found) = text.parse::<id::ArmId>()
                    && !groups.contains(&found.group)
                {
                    groups.push(found.group);
                }
            }
            for found in self.recorded.all().filter_map(|id| id.parse::<id::ArmId>().ok()) {
                if !groups.contains(&found.group) {
                    groups.push(found.group);
                }
            }
            Ok(groups)
        })
        .await
    }

    /// A listing that is read once a client (see [`meridian_provider_api::Client::fresh`]), however many kinds look at
    /// it.
    pub async fn listing<T, F, Fut>(&self, name: &str, read: F) -> Result<Arc<T>, CloudError>
    where
        T: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<T, CloudError>> + Send,
    {
        let cell = {
            let mut listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(listings.entry(name.to_owned()).or_default())
        };
        let shared = cell
            .get_or_try_init(|| async { read().await.map(|list| Arc::new(list) as Arc<dyn Any + Send + Sync>) })
            .await?;
        Arc::clone(shared)
            .downcast()
            .map_err(|_| CloudError::new(ErrorKind::Invalid, name, "the listing is kept under another type"))
    }

    /// Reads, changes, writes, and begins again when someone else has written in between. `etag` gives the version that
    /// was read.
    pub async fn change<T, R>(
        &self,
        (reading, get): (Api, impl Fn() -> BoxFuture<'static, azure_core::Result<T>> + Send + Sync),
        etag: impl Fn(&T) -> Option<String> + Send + Sync,
        (writing, put): (Api, impl Fn(&T) -> BoxFuture<'static, azure_core::Result<R>> + Send + Sync),
    ) -> Result<(), CloudError>
    where
        T: Send + Sync + 'static,
        R: Into<Response> + Send + 'static,
    {
        let deadline = Instant::now() + self.caller.pace.patience;
        loop {
            let now = self.call_new(reading, &get).await?;
            let version = etag(&now);
            let send = || {
                let answer = put(&now);
                Box::pin(async move {
                    match answer.await {
                        // Sending the same again would be refused again.
                        Err(error) if is_outdated(&error) => Ok(None),
                        result => result.map(Some),
                    }
                }) as BoxFuture<'static, azure_core::Result<Option<R>>>
            };
            match self.until_seen(|| self.call_if(writing, version.as_deref(), &send)).await? {
                Some(response) => return self.finished(writing, response.into()).await,
                None if Instant::now() > deadline => {
                    return Err(CloudError::new(ErrorKind::Conflict, writing.operation, "others keep on changing it"));
                }
                None => tokio::time::sleep(self.caller.pace.backoff).await,
            }
        }
    }
}

fn is_outdated(error: &Error) -> bool {
    matches!(
        error.kind(),
        azure_core::error::ErrorKind::HttpResponse { status, error_code }
            if *status == azure_core::StatusCode::PreconditionFailed || error_code.as_deref() == Some(PRECONDITION)
    )
}
