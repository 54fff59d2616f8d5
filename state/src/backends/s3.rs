//! Amazon S3, and what speaks like it.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::CredentialProvider;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential, S3ConditionalPut};

use crate::backends::credential::{Credential, CredentialSource};
use crate::backends::endpoint::Endpoint;
use crate::backends::fault::{NoCredential, all_causes};
use crate::backends::http::{Connector, no_retries};
use crate::backends::object::Objects;

/// Where requests without a region go; S3 answers with the right one.
const DEFAULT_REGION: &str = "us-east-1";

/// A bucket.
pub(super) fn wire(
    bucket: &str,
    region: Option<&str>,
    endpoint: Option<&Endpoint>,
    client: reqwest::Client,
    credentials: Arc<dyn CredentialSource>,
) -> object_store::Result<Objects<AmazonS3>> {
    let region = region.unwrap_or(DEFAULT_REGION);
    let builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region)
        .with_credentials(Arc::new(Keys { credentials, is_emulator: endpoint.is_some() }))
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // One object, one request: the bulk call is another right, and answers 200 to what it did not delete.
        .with_disable_bulk_delete(true)
        .with_retry(no_retries())
        .with_http_connector(Connector(client));
    let builder = match endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint.url()).with_allow_http(endpoint.is_plain()),
        None if region.starts_with("cn-") => {
            let host = format!("https://{bucket}.s3.{region}.amazonaws.com.cn");
            builder.with_endpoint(host).with_virtual_hosted_style_request(true)
        }
        // A name with dots fits no certificate as a part of a host's name.
        None => builder.with_virtual_hosted_style_request(!bucket.contains('.')),
    };
    builder.build().map(Objects)
}

/// Asks our credential source for each request.
#[derive(Debug)]
struct Keys {
    credentials: Arc<dyn CredentialSource>,
    is_emulator: bool,
}

#[async_trait]
impl CredentialProvider for Keys {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let refuse = |why: String| object_store::Error::Generic { store: "S3", source: Box::new(NoCredential(why)) };
        let credential = self.credentials.credential().await.map_err(|error| refuse(all_causes(error.as_ref())))?;
        match credential {
            Credential::Keys { id, secret, token } => Ok(Arc::new(AwsCredential {
                key_id: id,
                secret_key: secret.to_string(),
                token: token.map(|token| token.to_string()),
            })),
            // An emulator wants some signature and does not look at it.
            Credential::Anonymous if self.is_emulator => Ok(Arc::new(AwsCredential {
                key_id: "anonymous".to_owned(),
                secret_key: "anonymous".to_owned(),
                token: None,
            })),
            other => Err(refuse(format!("S3 takes access keys, and these credentials are {other:?}"))),
        }
    }
}
