//! The names that machines know each other by.

pub mod record;
pub mod zone;

pub use record::Record;
pub use zone::Zone;

use meridian_provider_api::{Api, CloudError, ErrorKind};

use crate::limits::other;

fn api(operation: &'static str) -> Api {
    other("route53", operation, true)
}

/// What the SDK refuses to build.
fn build_error(error: &aws_sdk_route53::error::BuildError) -> CloudError {
    CloudError::new(ErrorKind::Invalid, "route53", error.to_string())
}
