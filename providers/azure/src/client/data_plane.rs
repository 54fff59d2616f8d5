//! Requests to what storage accounts and key vaults hold. Their tokens have scopes of their own, and an account also
//! takes its shared key.

use std::sync::Arc;

use azure_core::headers::HeaderName;
use azure_core::{HttpClient as _, Request, Response, Url};
use futures::future::BoxFuture;
use meridian_provider_api::{Api, CloudError, ErrorKind};
use object_store::azure::{AzureAccessKey, AzureAuthorizer, AzureCredential};
use object_store::client::HttpRequestBody;

use super::poller::Answer;
use super::{Azure, Blobs};

/// How a request shows who sends it.
pub(crate) enum Signed<'a> {
    /// With a token of this scope.
    Token(&'a str),
    /// With the shared key of a storage account, in base64.
    Key { account: &'a str, key: &'a str },
}

impl Azure {
    /// Where a key vault answers. An emulator has all of them, each below the name of its host.
    pub(crate) fn vault_endpoint(&self, host: &str) -> Result<Url, CloudError> {
        let text = match &self.blobs {
            Blobs::Suffix(_) => format!("https://{host}/"),
            Blobs::Path(url) => format!("{}/{host}/", url.as_str().trim_end_matches('/')),
        };
        Url::parse(&text).map_err(|error| CloudError::new(ErrorKind::Invalid, "naming a key vault", error.to_string()))
    }

    /// Sends a request to a data plane, through the same way as the SDK's.
    pub(crate) async fn send(&self, api: Api, signed: Signed<'_>, request: Request) -> Result<Answer, CloudError> {
        let mut request = request;
        let scope = match signed {
            Signed::Token(scope) => Some(scope.to_owned()),
            Signed::Key { account, key } => {
                sign(&mut request, account, key)
                    .map_err(|why| CloudError::new(ErrorKind::Invalid, api.operation, why))?;
                None
            }
        };
        let call = || {
            let (transport, credential) = (Arc::clone(&self.transport), Arc::clone(&self.credential));
            let (scope, mut request) = (scope.clone(), request.clone());
            Box::pin(async move {
                if let Some(scope) = scope {
                    let token = credential.get_token(&[&scope]).await?;
                    request.insert_header("authorization", format!("Bearer {}", token.token.secret()));
                }
                let answer: Response = transport.execute_request(&request).await?;
                Answer::read(answer).await
            }) as BoxFuture<'static, azure_core::Result<Answer>>
        };
        self.call(api, call).await
    }
}

/// Signs a request without a body. What the signature covers is worked out by the crate that speaks to the store.
fn sign(request: &mut Request, account: &str, key: &str) -> Result<(), String> {
    // The crate's own error would repeat the key.
    let key = AzureAccessKey::try_new(key).map_err(|_| "the storage account's key is not in base64".to_owned())?;
    let mut unsigned = http::Request::builder().method(request.method().as_ref()).uri(request.url().as_str());
    for (name, value) in request.headers().iter() {
        unsigned = unsigned.header(name.as_str(), value.as_str());
    }
    let mut unsigned = unsigned.body(HttpRequestBody::empty()).map_err(|error| error.to_string())?;
    AzureAuthorizer::new(&AzureCredential::AccessKey(key), account)
        .try_authorize(&mut unsigned)
        .map_err(|error| error.to_string())?;
    for (name, value) in unsigned.headers() {
        let value = value.to_str().map_err(|error| error.to_string())?.to_owned();
        request.insert_header(HeaderName::from(name.as_str().to_owned()), value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use azure_core::Method;

    use super::*;

    #[test]
    fn a_shared_key_signs_and_is_not_repeated() {
        let url = Url::parse("http://127.0.0.1:10000/devstoreaccount1/c?restype=container").unwrap();
        let mut request = Request::new(url.clone(), Method::Put);
        sign(&mut request, "devstoreaccount1", "c2VjcmV0").unwrap();
        let header = |name: &'static str| request.headers().get_optional_str(&HeaderName::from_static(name));
        assert!(header("authorization").unwrap().starts_with("SharedKey devstoreaccount1:"));
        assert!(header("date").is_some() && header("x-ms-version").is_some());
        let error = sign(&mut Request::new(url, Method::Put), "devstoreaccount1", "not base64!").unwrap_err();
        assert!(!error.contains("not base64!"), "{error}");
    }
}
