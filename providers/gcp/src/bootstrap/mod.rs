//! What machines fetch when they boot: the bucket, who may read what in it, the bundles, and the cluster's keys.

pub mod bucket;
pub mod bucket_policy;
pub mod cluster_secret;
mod contents;
pub(crate) mod described;
pub mod object;
pub mod storage;

pub use bucket::Bucket;
pub use bucket_policy::BucketPolicy;
pub use cluster_secret::ClusterSecret;
pub use object::Object;

/// Name of the bucket in its address.
pub const BOOTSTRAP: &str = "bootstrap";
