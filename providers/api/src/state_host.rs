//! What a cloud does for the state that is kept in it: credentials for its object store, a hardened bucket, a key service.
//!
//! The store's own protocol (conditional writes, lease, history) is the `state` crate's, which knows no cloud. This is
//! what only the cloud's own SDK and credentials can do for it.

use std::sync::Arc;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::error::CloudError;
use crate::provider::{Credentials, WireTap};

/// The words by which URLs name a cloud's services for state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateSchemes {
    /// Of the object store (`s3`, in `s3://bucket/prefix`).
    pub store: &'static str,
    /// Of the key service (`aws-kms`, in `aws-kms:arn:aws:kms:…`).
    pub keys: &'static str,
}

/// How to reach a cloud for the sake of state.
#[derive(Clone)]
pub struct StateConnection {
    /// The region of the bucket, where it is known.
    pub region: Option<String>,
    /// The account, project or subscription that is meant; the credentials' own otherwise.
    pub account: Option<String>,
    /// An endpoint in place of the cloud's own, for all its services.
    pub endpoint: Option<String>,
    pub credentials: Credentials,
    /// The shared key of the storage account, in base64, on Azure: requests to the store are signed with it then.
    pub account_key: Option<Zeroizing<String>>,
    /// Sees every request as it is sent; for checks against the vendors' models.
    pub wire_tap: Option<Arc<dyn WireTap>>,
}

/// A bucket or a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateBucket {
    /// The storage account it is in, on Azure.
    pub account: Option<String>,
    pub name: String,
    /// Where a new one is made.
    pub region: Option<String>,
    /// The resource group that a new storage account is made in, on Azure.
    pub group: Option<String>,
}

/// What requests to an object store are signed with.
pub enum StoreCredential {
    /// Keys of AWS.
    Keys { id: String, secret: Zeroizing<String>, token: Option<Zeroizing<String>> },
    /// An OAuth access token.
    Bearer(Zeroizing<String>),
    /// The shared key of an Azure storage account, in base64.
    AccountKey(Zeroizing<String>),
    /// Nobody, for an emulator.
    Anonymous,
}

/// What was found of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub grade: Grade,
    /// What it is about (`versioning`).
    pub what: &'static str,
    pub message: String,
    /// How to mend it; empty where there is nothing to mend.
    pub hint: String,
}

/// How good a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// As it should be.
    Good,
    /// It was just made so.
    Made,
    /// It is less safe than it should be.
    Weak,
    /// It could not be looked at.
    Unknown,
}

/// What one cloud does for state.
#[async_trait]
pub trait StateHost: Send + Sync {
    /// What the store's next request is signed with. Asked for before each request: kept until shortly before it expires.
    async fn credential(&self) -> Result<StoreCredential, CloudError>;

    /// The region that a bucket stands in; `None` where requests do not need to know. Read-only.
    async fn region_of(&self, bucket: &StateBucket) -> Result<Option<String>, CloudError>;

    /// Makes the bucket if it is not there, with versions, encryption and no public access, and marks it. What is weak about
    /// one that is marked so is mended, so that whoever was stopped in the middle goes on; of any other that was there nothing
    /// is changed: what is weak about it is told. Repeatable.
    async fn prepare(&self, bucket: &StateBucket) -> Result<Vec<Finding>, CloudError>;

    /// Encrypts a key under a key of the key service; `key` is what follows the scheme, `context` is bound to it where
    /// the service can.
    async fn wrap(&self, key: &str, context: &str, secret: &[u8]) -> Result<Vec<u8>, CloudError>;

    /// The way back. Another `context` than the one it was wrapped with is refused where the service can.
    async fn unwrap(&self, key: &str, context: &str, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, CloudError>;
}
