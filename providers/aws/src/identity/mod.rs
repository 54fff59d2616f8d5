//! Who the machines are: roles and the instance profiles that carry them.

pub mod instance_profile;
pub mod policy;
pub mod role;

pub use instance_profile::InstanceProfile;
pub use role::Role;

use meridian_engine::Address;
use meridian_provider_api::Api;

use crate::client::Aws;
use crate::compile::names::iam_path;
use crate::limits::other;

fn api(operation: &'static str) -> Api {
    other("iam", operation, true)
}

/// A create, which is refused when it is sent twice.
fn create_api(operation: &'static str) -> Api {
    other("iam", operation, false)
}

/// The address of what lies below the cluster's path: IAM lists without tags, so the last part of the path says it.
fn address(client: &Aws, kind: &str, path: &str) -> Option<Address> {
    let name = path.strip_prefix(&iam_path(&client.cluster, &client.region))?.strip_suffix('/')?;
    Address::new(kind, name).ok()
}
