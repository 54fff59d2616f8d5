//! Azure Blob Storage.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::azure::{AzureAccessKey, AzureAuthorizer, AzureCredential, MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::client::{HttpClient, HttpConnector as _, HttpRequestBody};
use object_store::{ClientOptions, CredentialProvider};
use reqwest::Url;

use crate::backends::credential::{Credential, CredentialSource};
use crate::backends::endpoint::Endpoint;
use crate::backends::fault::{Answer, Fault, NoCredential, all_causes};
use crate::backends::http::{Connector, no_retries};
use crate::backends::object::{self, Objects};
use crate::backends::remote::Wire;
use crate::store::{Condition, Object, Version};

/// A container.
pub(super) struct Blobs {
    objects: Objects<MicrosoftAzure>,
    front: HttpClient,
    signer: Arc<Signer>,
    account: String,
    /// Of the container.
    url: Url,
}

impl Blobs {
    pub(super) fn new(
        account: &str,
        container: &str,
        endpoint: Option<&Endpoint>,
        client: reqwest::Client,
        credentials: Arc<dyn CredentialSource>,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let signer = Arc::new(Signer {
            credentials,
            is_emulator: endpoint.is_some_and(Endpoint::is_loopback),
            is_exposed: endpoint.is_some_and(Endpoint::is_exposed),
        });
        // The account is the host's first label, or, where there are no such names, the path's first part.
        let base = match endpoint {
            None => format!("https://{account}.blob.core.windows.net"),
            Some(endpoint) if endpoint.is_host_of(account) => endpoint.url().to_owned(),
            Some(endpoint) => format!("{}/{account}", endpoint.url()),
        };
        let objects = MicrosoftAzureBuilder::new()
            .with_account(account)
            .with_container_name(container)
            .with_endpoint(base.clone())
            .with_allow_http(endpoint.is_some_and(Endpoint::is_plain))
            .with_credentials(Arc::<Signer>::clone(&signer))
            .with_retry(no_retries())
            .with_http_connector(Connector(client.clone()))
            .build()?;
        Ok(Self {
            objects: Objects(objects),
            front: Connector(client).connect(&ClientOptions::new())?,
            signer,
            account: account.to_owned(),
            url: Url::parse(&format!("{base}/{container}"))?,
        })
    }
}

#[async_trait]
impl Wire for Blobs {
    async fn get(&self, key: &str) -> Result<Option<Object>, Fault> {
        self.objects.get(key).await
    }

    async fn put(&self, key: &str, bytes: Bytes, condition: &Condition) -> Result<Version, Fault> {
        self.objects.put(key, bytes, condition).await
    }

    /// By a request of our own: `object_store` deletes in batches, which answer 202 and hide each blob's own error, so that one
    /// that passes can't be told from one that stays. See "Delete Blob" in the reference of Blob Storage.
    async fn delete(&self, key: &str) -> Result<(), Fault> {
        let invalid = |error: String| Fault::Other(format!("the request can't be made: {error}"));
        let mut url = self.url.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.extend(object::path(key).parts());
        }
        let credential = self.signer.get_credential().await.map_err(|error| Fault::of(&error))?;
        let mut request = http::Request::delete(url.as_str())
            .body(HttpRequestBody::empty())
            .map_err(|error| invalid(error.to_string()))?;
        AzureAuthorizer::new(&credential, &self.account)
            .try_authorize(&mut request)
            .map_err(|_| invalid("it can't be signed".to_owned()))?;
        // Of errors only "there is no such blob" comes back as an answer.
        let answer = self.front.execute(request).await.map_err(|error| Fault::of(&error))?;
        match answer.status().as_u16() {
            200..300 | 404 => Ok(()),
            status => Err(Answer { status, code: String::new(), region: None }.into()),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        self.objects.list(prefix).await
    }
}

/// Asks our credential source for each request.
#[derive(Debug)]
struct Signer {
    credentials: Arc<dyn CredentialSource>,
    is_emulator: bool,
    is_exposed: bool,
}

#[async_trait]
impl CredentialProvider for Signer {
    type Credential = AzureCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AzureCredential>> {
        let refuse = |why: String| object_store::Error::Generic { store: "Blob", source: Box::new(NoCredential(why)) };
        let credential = self.credentials.credential().await.map_err(|error| refuse(all_causes(error.as_ref())))?;
        match credential {
            Credential::Bearer(_) if self.is_exposed => {
                Err(refuse("a token is not sent over plain HTTP to another machine".to_owned()))
            }
            Credential::Bearer(token) => Ok(Arc::new(AzureCredential::BearerToken(token.to_string()))),
            Credential::AccountKey(key) => {
                let key =
                    AzureAccessKey::try_new(&key).map_err(|_| refuse("the account's key is not base64".to_owned()))?;
                Ok(Arc::new(AzureCredential::AccessKey(key)))
            }
            // An emulator that asks for no more than some token.
            Credential::Anonymous if self.is_emulator => {
                Ok(Arc::new(AzureCredential::BearerToken("anonymous".to_owned())))
            }
            other => Err(refuse(format!(
                "Blob Storage takes a token or the account's key, and these credentials are {other:?}"
            ))),
        }
    }
}
