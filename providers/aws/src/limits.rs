//! The calls of AWS and the limits they count against.
//!
//! EC2 limits each API by itself. Burst and refill a second are its documented ones (docs.aws.amazon.com, "Request throttling for the Amazon EC2
//! API"). The other services publish none; their figures here are careful guesses below what is commonly observed.

use meridian_provider_api::Api;
use meridian_provider_api::limiter::Bucket;

/// A read of EC2, filtered and paginated.
#[must_use]
pub const fn ec2_read(operation: &'static str) -> Api {
    Api { service: "ec2", operation, bucket: Bucket::new(operation, 100, 20), repeatable: true }
}

/// A mutation of EC2 that does no harm when it is sent twice: a delete, a modification, a create with a token.
#[must_use]
pub const fn ec2_write(operation: &'static str) -> Api {
    Api { service: "ec2", operation, bucket: Bucket::new(operation, 50, 5), repeatable: true }
}

/// A create of EC2 that takes no token.
#[must_use]
pub const fn ec2_create(operation: &'static str) -> Api {
    Api { service: "ec2", operation, bucket: Bucket::new(operation, 50, 5), repeatable: false }
}

/// `CreateNatGateway`, which has a limit of its own; it takes a token.
#[must_use]
pub const fn nat_gateway_create() -> Api {
    Api {
        service: "ec2",
        operation: "CreateNatGateway",
        bucket: Bucket::new("CreateNatGateway", 10, 1),
        repeatable: true,
    }
}

/// `CreateTags` and `DeleteTags`.
#[must_use]
pub const fn ec2_tags(operation: &'static str) -> Api {
    Api { service: "ec2", operation, bucket: Bucket::new(operation, 100, 10), repeatable: true }
}

/// `RunInstances`, whose bucket counts instances; it takes a token.
#[must_use]
pub const fn run_instances() -> Api {
    Api { service: "ec2", operation: "RunInstances", bucket: Bucket::new("RunInstances", 1000, 2), repeatable: true }
}

/// Any other service: repeatable as said.
#[must_use]
pub const fn other(service: &'static str, operation: &'static str, repeatable: bool) -> Api {
    let bucket = match service.as_bytes() {
        b"iam" => Bucket::new("iam", 20, 10),
        b"route53" => Bucket::new("route53", 5, 5),
        b"s3" => Bucket::new("s3", 100, 100),
        b"kms" => Bucket::new("kms", 50, 50),
        b"sts" => Bucket::new("sts", 50, 50),
        b"autoscaling" => Bucket::new("autoscaling", 50, 10),
        _ => Bucket::new("elasticloadbalancing", 40, 10),
    };
    Api { service, operation, bucket, repeatable }
}
