//! What machines are born from: the container with their bundles and the cluster's keys.

mod blobs;
pub mod cluster_secret;
pub mod container;
mod contents;
pub mod object;
pub mod storage_account;

pub use cluster_secret::ClusterSecret;
pub use container::Container;
pub use object::Object;
pub use storage_account::StorageAccount;

/// The resource provider of storage accounts.
pub(crate) const STORAGE: &str = "Microsoft.Storage";
