//! The cluster's object store, as a machine reaches it, and the keys of what lies in it.

use std::fmt;

use serde::Serialize;

use crate::{TemplateError, render, validate};

/// The object store of a cluster. Each cloud has its own variant; everything after `meridian-store` is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// Amazon S3, read and written with the credentials of the machine's instance profile.
    S3(S3Store),
    /// Google Cloud Storage, read and written with a token of the machine's service account.
    Gcs(GcsStore),
    /// Azure Blob Storage, read and written with a token of the machine's managed identity.
    AzureBlob(AzureBlobStore),
}

/// A bucket of Amazon S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Store {
    /// The bucket's name. Without dots, because the certificate of S3 covers one label only.
    pub bucket: String,
    /// The bucket's region, for example `eu-west-1`.
    pub region: String,
    /// Where S3 answers.
    pub endpoint: S3Endpoint,
}

/// Where S3 answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum S3Endpoint {
    /// The region's own endpoint under the partition's DNS suffix, for example `amazonaws.com` or `amazonaws.com.cn`;
    /// the bucket is part of the host name.
    Partition {
        /// The DNS suffix.
        suffix: String,
    },
    /// Any other place that speaks S3, such as an emulator; the bucket is the first part of the path.
    Url {
        /// For example `http://10.0.0.1:4566`.
        url: String,
    },
}

/// A bucket of Google Cloud Storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GcsStore {
    /// The bucket's name.
    pub bucket: String,
    /// Where Cloud Storage's JSON API answers: [`GCS_ENDPOINT`], or any other place that speaks it, such as an emulator.
    pub endpoint: String,
}

/// Where Google Cloud Storage answers for every region.
pub const GCS_ENDPOINT: &str = "https://storage.googleapis.com";

/// A container of Azure Blob Storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureBlobStore {
    /// Where the storage account answers, for example `https://account.blob.core.windows.net`.
    pub endpoint: String,
    /// The container's name.
    pub container: String,
    /// Resource id of the user-assigned identity that the machine acts as. It is known before the identity is made,
    /// as its client id is not.
    pub identity: String,
}

#[derive(Serialize)]
struct S3Script<'a> {
    objects: String,
    region: &'a str,
    metadata_service: &'a str,
}

#[derive(Serialize)]
struct GcsScript<'a> {
    endpoint: &'a str,
    bucket: &'a str,
    metadata_service: &'a str,
}

#[derive(Serialize)]
struct AzureBlobScript<'a> {
    objects: String,
    identity: &'a str,
    metadata_service: &'a str,
}

/// The link-local address of the instance metadata service (AWS, "Use the Instance Metadata Service"; Google, "About VM
/// metadata"; Azure, "Azure Instance Metadata Service").
const METADATA_SERVICE: &str = "http://169.254.169.254";

impl Store {
    /// The program `meridian-store`, with which a machine reads and writes objects.
    pub(crate) fn program(&self) -> Result<String, TemplateError> {
        match self {
            Self::S3(store) => {
                let script =
                    S3Script { objects: store.objects()?, region: &store.region, metadata_service: METADATA_SERVICE };
                render::render("store/s3.sh", &script)
            }
            Self::Gcs(store) => render::render("store/gcs.sh", &store.script()?),
            Self::AzureBlob(store) => {
                let script = AzureBlobScript {
                    objects: store.objects()?,
                    identity: &store.identity,
                    metadata_service: METADATA_SERVICE,
                };
                render::render("store/azure_blob.sh", &script)
            }
        }
    }
}

impl S3Store {
    fn objects(&self) -> Result<String, TemplateError> {
        let Self { bucket, region, endpoint } = self;
        validate::plain("the bucket", bucket, "-", "a bucket's name without dots")?;
        validate::plain("the region", region, "-", "a region's name")?;
        match endpoint {
            S3Endpoint::Partition { suffix } => {
                validate::node_name("the DNS suffix", suffix)?;
                Ok(format!("https://{bucket}.s3.{region}.{suffix}"))
            }
            S3Endpoint::Url { url } => {
                validate::url("the S3 endpoint", url)?;
                Ok(format!("{}/{bucket}", url.trim_end_matches('/')))
            }
        }
    }
}

impl GcsStore {
    fn script(&self) -> Result<GcsScript<'_>, TemplateError> {
        validate::plain("the bucket", &self.bucket, "._-", "a bucket's name")?;
        validate::url("the endpoint of Cloud Storage", &self.endpoint)?;
        let endpoint = self.endpoint.trim_end_matches('/');
        Ok(GcsScript { endpoint, bucket: &self.bucket, metadata_service: METADATA_SERVICE })
    }
}

impl AzureBlobStore {
    fn objects(&self) -> Result<String, TemplateError> {
        let Self { endpoint, container, identity } = self;
        validate::url("the storage account", endpoint)?;
        validate::plain("the container", container, "-", "a container's name")?;
        validate::plain("the identity", identity, "/-_.()", "the id of a managed identity")?;
        Ok(format!("{}/{container}", endpoint.trim_end_matches('/')))
    }
}

/// The key of an object: letters, digits and `._-/`, so that it needs no escaping in an address or a signature.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// # Errors
    /// [`TemplateError::Invalid`] if the key is empty, holds another character, or has an empty or dotted part.
    pub fn new(key: impl Into<String>) -> Result<Self, TemplateError> {
        let key = key.into();
        let rule = "an object's key of letters, digits and ._-/";
        validate::plain("the object key", &key, "._-/", rule)?;
        let parts = key.split('/').all(|part| !matches!(part, "" | "." | ".."));
        validate::that(parts, "the object key", &key, rule)?;
        Ok(Self(key))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Names the objects of one cluster. What may read which follows from the names: control-plane machines need
/// `pki/` (read) and `join/` (write), workers need `join/` (read), each needs its own bundle. Nobody but the
/// control plane may write `join/`: whoever does decides which cluster the workers trust and join.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterObjects {
    prefix: Option<ObjectKey>,
}

/// One file of the cluster's public-key infrastructure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PkiObject {
    /// Its path below `/etc/kubernetes/pki`, for example `etcd/ca.key`.
    pub name: &'static str,
    /// Its key in the bucket.
    pub key: ObjectKey,
    /// Whether it is private.
    pub secret: bool,
}

/// The files that kubeadm takes from outside; it makes every other certificate itself.
const PKI: [(&str, bool); 8] = [
    ("ca.crt", false),
    ("ca.key", true),
    ("etcd/ca.crt", false),
    ("etcd/ca.key", true),
    ("front-proxy-ca.crt", false),
    ("front-proxy-ca.key", true),
    ("sa.pub", false),
    ("sa.key", true),
];

impl ClusterObjects {
    /// Objects directly in the bucket.
    #[must_use]
    pub fn at_root() -> Self {
        Self::default()
    }

    /// Objects below a prefix, written without a slash at its end.
    #[must_use]
    pub fn below(prefix: ObjectKey) -> Self {
        Self { prefix: Some(prefix) }
    }

    /// The certificate authorities and the service-account keys, in the order in which machines read them.
    #[must_use]
    pub fn pki(&self) -> Vec<PkiObject> {
        let object = |(name, secret)| PkiObject { name, key: self.key(&format!("pki/{name}")), secret };
        PKI.into_iter().map(object).collect()
    }

    /// Where the control plane publishes what machines join with, as JSON of one join token and the hashes of the
    /// cluster's certificate authorities: `{"token": "…", "caCertHashes": ["sha256:…"]}`. Each slot replaces it every
    /// hour, and a token is good for four.
    #[must_use]
    pub fn join_token(&self) -> ObjectKey {
        self.key("join/token")
    }

    fn key(&self, name: &str) -> ObjectKey {
        match &self.prefix {
            Some(prefix) => ObjectKey(format!("{prefix}/{name}")),
            None => ObjectKey(name.to_owned()),
        }
    }
}
