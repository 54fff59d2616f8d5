//! Azure Blob Storage.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::CredentialProvider;
use object_store::azure::{AzureAccessKey, AzureCredential, MicrosoftAzure, MicrosoftAzureBuilder};

use crate::backends::credential::{Credential, CredentialSource};
use crate::backends::endpoint::Endpoint;
use crate::backends::fault::{NoCredential, all_causes};
use crate::backends::http::{Connector, no_retries};
use crate::backends::object::Objects;

/// A container.
pub(super) fn wire(
    account: &str,
    container: &str,
    endpoint: Option<&Endpoint>,
    client: reqwest::Client,
    credentials: Arc<dyn CredentialSource>,
) -> object_store::Result<Objects<MicrosoftAzure>> {
    let signer = Signer {
        credentials,
        is_emulator: endpoint.is_some_and(Endpoint::is_loopback),
        is_exposed: endpoint.is_some_and(Endpoint::is_exposed),
    };
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(account)
        .with_container_name(container)
        .with_credentials(Arc::new(signer))
        .with_retry(no_retries())
        .with_http_connector(Connector(client));
    if let Some(endpoint) = endpoint {
        // The account is the host's first label, or, where there are no such names, the path's first part.
        let url = endpoint.url();
        let url = if endpoint.is_host_of(account) { url.to_owned() } else { format!("{url}/{account}") };
        builder = builder.with_endpoint(url).with_allow_http(endpoint.is_plain());
    }
    builder.build().map(Objects)
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
