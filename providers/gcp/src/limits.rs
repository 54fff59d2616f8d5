//! The calls of Google Cloud and the limits they count against.
//!
//! Compute Engine gives a project 1,500 reads and 1,500 mutations a minute, shared by all its regions
//! (cloud.google.com/compute/docs/api-rate-limits). IAM: 6,000 reads and 600 writes a minute; Cloud DNS: 600 requests a
//! minute; Cloud KMS: 60,000 cryptographic requests a minute; Cloud Storage: 2 changes of a bucket's own settings and 1,000 writes of objects a second (each service's "Quotas
//! and limits").

use meridian_provider_api::Api;
use meridian_provider_api::limiter::Bucket;

/// A read of Compute Engine: a list or a get.
#[must_use]
pub const fn compute_read(operation: &'static str) -> Api {
    Api { service: "compute", operation, bucket: Bucket::new("compute:read", 25, 25), repeatable: true }
}

/// A mutation of Compute Engine: an insert with a request id, a change, a delete. None does harm when it is sent twice.
#[must_use]
pub const fn compute_write(operation: &'static str) -> Api {
    Api { service: "compute", operation, bucket: Bucket::new("compute:write", 25, 25), repeatable: true }
}

/// A look at an operation of Compute Engine, which has a limit of its own.
#[must_use]
pub const fn compute_operation(operation: &'static str) -> Api {
    Api { service: "compute", operation, bucket: Bucket::new("compute:operations", 25, 25), repeatable: true }
}

/// Any other service: repeatable as said.
#[must_use]
pub const fn other(service: &'static str, operation: &'static str, repeatable: bool) -> Api {
    let bucket = match service.as_bytes() {
        b"iam" => Bucket::new("iam", 10, 10),
        b"dns" => Bucket::new("dns", 10, 10),
        b"cloudkms" => Bucket::new("cloudkms", 20, 20),
        _ => Bucket::new("storage", 50, 50),
    };
    Api { service, operation, bucket, repeatable }
}
