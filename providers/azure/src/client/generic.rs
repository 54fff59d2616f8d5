//! Resources of any type, by their ids; those that have identities; and what the client for blobs is built from.

use std::collections::BTreeMap;
use std::sync::Arc;

use azure_core::auth::TokenCredential;
use azure_core::error::{Error, ErrorKind as SdkErrorKind, ResultExt as _};
use azure_core::{HttpClient as _, Method, Request, Response, TransportOptions, Url};
use futures::future::{BoxFuture, try_join_all};
use meridian_provider_api::{Api, CloudError, ErrorKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::Azure;
use super::id::{ArmId, group, normal};
use crate::errors::NO_GROUP;
use crate::limits::{delete, read};

/// Versions of the interfaces that the SDK speaks, by type.
const VERSIONS: [(&str, &str); 5] = [
    ("Microsoft.Network/privateDnsZones", "2024-06-01"),
    ("Microsoft.Network/", "2024-03-01"),
    ("Microsoft.Compute/disks", "2024-03-02"),
    ("Microsoft.Compute/virtualMachines", "2024-07-01"),
    ("Microsoft.Compute/virtualMachineScaleSets", "2024-07-01"),
];

/// A resource as the SDK's model has it, and the identity that it has: the SDK's model of identities is empty.
#[derive(Debug, Clone, Deserialize)]
pub struct Identified<M> {
    #[serde(default)]
    identity: Option<Identity>,
    #[serde(flatten)]
    pub model: M,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    #[serde(default)]
    user_assigned_identities: Option<BTreeMap<String, Json>>,
}

/// A page of a listing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<M> {
    value: Vec<Identified<M>>,
    next_link: Option<String>,
}

impl<M> Identified<M> {
    /// Id of the first identity: ours have one.
    #[must_use]
    pub fn identity(&self) -> Option<String> {
        let first = self.identity.as_ref()?.user_assigned_identities.as_ref()?.keys().next();
        first.map(|id| normal(id))
    }
}

impl Azure {
    /// Where tokens come from.
    pub(crate) fn token_source(&self) -> Arc<dyn TokenCredential> {
        Arc::clone(&self.credential)
    }

    /// How requests leave.
    pub(crate) fn transport(&self) -> TransportOptions {
        TransportOptions::new(self.transport.clone())
    }

    /// Removes a resource of any type and waits until it is gone. The SDK has a call for this, but it names one version of
    /// the interface for every type, which other providers than the one of resources itself refuse.
    pub async fn delete_by_id(&self, id: &ArmId) -> Result<(), CloudError> {
        let api = delete("Microsoft.Resources", "Resources_DeleteById");
        let url = self.url(&id.to_string(), &self.version_of(id).await?);
        self.done(api, || self.request(Method::Delete, &url, None)).await
    }

    /// Every resource of a type that has identities, in the groups that the cluster stands in; read once a client.
    pub async fn identified<M>(&self, api: Api, kind: &str) -> Result<Arc<Vec<Identified<M>>>, CloudError>
    where
        M: DeserializeOwned + Send + Sync + 'static,
    {
        self.listing(api.operation, || async move {
            let groups = self.groups().await?;
            let each = groups.iter().map(|name| async move {
                let url =
                    self.url(&format!("{}/providers/{kind}", group(&self.subscription, name)), known_version(kind));
                match self.identified_at(api, url).await {
                    Err(error) if error.code.as_deref() == Some(NO_GROUP) => Ok(Vec::new()),
                    result => result,
                }
            });
            Ok(try_join_all(each).await?.into_iter().flatten().collect())
        })
        .await
    }

    async fn identified_at<M: DeserializeOwned + Send>(
        &self,
        api: Api,
        first: Url,
    ) -> Result<Vec<Identified<M>>, CloudError> {
        let wrong = |why: String| CloudError::new(ErrorKind::Invalid, api.operation, why);
        let mut all = Vec::new();
        let mut next = Some(first);
        while let Some(url) = next {
            let answer = self.raw(api, Method::Get, &url).await?;
            let page: Page<M> =
                serde_json::from_slice(&answer.body).map_err(|error| wrong(format!("a page: {error}")))?;
            all.extend(page.value);
            next = match page.next_link.filter(|link| !link.is_empty()) {
                None => None,
                Some(link) => match Url::parse(&link) {
                    Ok(url) if url.origin() == self.endpoint.origin() => Some(url),
                    _ => return Err(wrong(format!("the next page is elsewhere: {link}"))),
                },
            };
        }
        Ok(all)
    }

    /// The request that writes a resource and gives it an identity.
    pub(crate) fn put_identified<M: Serialize>(
        &self,
        id: &ArmId,
        model: &M,
        identity: Option<&str>,
    ) -> BoxFuture<'static, azure_core::Result<Response>> {
        let body = serde_json::to_value(model).map(|mut body| {
            if let Some(identity) = identity {
                body["identity"] = json!({ "type": "UserAssigned", "userAssignedIdentities": { identity: {} } });
            }
            body
        });
        match body {
            Ok(body) => self.request(Method::Put, &self.url(&id.to_string(), known_version(&id.kind())), Some(&body)),
            Err(error) => Box::pin(std::future::ready(Err(Error::new(SdkErrorKind::DataConversion, error)))),
        }
    }

    fn url(&self, path: &str, version: &str) -> Url {
        let mut url = self.endpoint.clone();
        url.set_path(path);
        url.set_query(Some(&format!("api-version={version}")));
        url
    }

    /// A request through the same way as the SDK's.
    fn request(
        &self,
        method: Method,
        url: &Url,
        body: Option<&Json>,
    ) -> BoxFuture<'static, azure_core::Result<Response>> {
        let (transport, credential) = (Arc::clone(&self.transport), Arc::clone(&self.credential));
        let scope = self.scope();
        let mut request = Request::new(url.clone(), method);
        let body = body.map(Json::to_string);
        Box::pin(async move {
            let scope = scope.context(SdkErrorKind::Credential, "no scope for a token")?;
            let token = credential.get_token(&[&scope]).await?;
            request.insert_header("authorization", format!("Bearer {}", token.token.secret()));
            if let Some(body) = body {
                request.insert_header("content-type", "application/json");
                request.set_body(body);
            }
            transport.execute_request(&request).await
        })
    }

    /// The version of the interface to a resource's type: the one that the SDK speaks, or the newest that its provider
    /// offers and that is no preview.
    async fn version_of(&self, id: &ArmId) -> Result<String, CloudError> {
        let kind = id.kind();
        if !known_version(&kind).is_empty() {
            return Ok(known_version(&kind).to_owned());
        }
        let (namespace, rest) = kind.split_once('/').unwrap_or((&kind, ""));
        let providers = self.resources.providers_client();
        let provider = self
            .call(read("Microsoft.Resources", "Providers_Get"), || {
                providers.get(namespace, &self.subscription).into_future()
            })
            .await?;
        let offered = provider
            .resource_types
            .into_iter()
            .find(|offered| offered.resource_type.as_deref().is_some_and(|offered| offered.eq_ignore_ascii_case(rest)));
        let versions = offered.map(|offered| offered.api_versions).unwrap_or_default();
        let version = versions.into_iter().filter(|version| !version.contains("preview")).max();
        version.ok_or_else(|| {
            CloudError::new(
                ErrorKind::Unsupported,
                "Providers_Get",
                format!("{namespace} does not say how to remove {id}"),
            )
        })
    }
}

/// The version of the interface to a type that the SDK speaks, or nothing.
fn known_version(kind: &str) -> &'static str {
    VERSIONS.iter().find(|(known, _)| kind.starts_with(known)).map_or("", |(_, version)| version)
}

#[cfg(test)]
mod tests {
    use azure_mgmt_compute::package_2024_07_01::models::VirtualMachine;

    use super::*;

    #[test]
    fn an_identity_is_read_beside_the_model() {
        let text = r#"{"location":"westeurope","zones":["1"],"identity":{"type":"UserAssigned","userAssignedIdentities":
            {"/subscriptions/S/RESOURCEGROUPS/g":{"clientId":"x"}}},"properties":{"vmId":"y"}}"#;
        let machine: Identified<VirtualMachine> = serde_json::from_str(text).unwrap();
        assert_eq!(machine.identity().as_deref(), Some("/subscriptions/s/resourceGroups/g"));
        assert_eq!(machine.model.zones, ["1"]);
        assert_eq!(machine.model.resource.location, "westeurope");
    }

    #[test]
    fn a_version_is_known_for_what_the_sdk_speaks() {
        assert_eq!(known_version("Microsoft.Network/loadBalancers"), "2024-03-01");
        assert_eq!(known_version("Microsoft.Network/privateDnsZones/virtualNetworkLinks"), "2024-06-01");
        assert_eq!(known_version("Microsoft.Web/sites"), "");
    }
}
