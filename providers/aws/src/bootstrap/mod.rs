//! The bucket that machines begin with: their bundles, the cluster's keys, the join token.

pub mod bucket;
pub mod cluster_secret;
mod contents;
pub mod object;

pub use bucket::Bucket;
pub use cluster_secret::ClusterSecret;
pub use object::Object;
