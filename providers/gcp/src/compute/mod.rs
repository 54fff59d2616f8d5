//! Machines, and what they are made from.

pub mod image;
pub mod instance;
pub mod instance_group_manager;
pub mod instance_template;
mod machine;

pub use instance::Instance;
pub use instance_group_manager::InstanceGroupManager;
pub use instance_template::InstanceTemplate;
pub use machine::{root_disk_type, state_disk_type};

use crate::client::Gcp;
use crate::compile::names;
use crate::marks::Labels;

/// The filter of Compute Engine for what has the name of a machine that is ours one by one, as its disks have, too. The
/// machines of pools are their groups', and may be many.
pub(crate) fn single(client: &Gcp) -> String {
    let prefix = names::prefix_of(&client.cluster, &client.region, &client.project);
    format!("name eq \"{prefix}-(control-plane-.*|bastion)\"")
}

/// The labels that a resource is to have: those of others as they are, and ours.
pub(crate) fn relabelled(
    client: &Gcp,
    now: impl IntoIterator<Item = (String, String)>,
    before: &Labels,
    after: &Labels,
) -> Labels {
    let mut labels: Labels = now.into_iter().filter(|(key, _)| !before.contains_key(key)).collect();
    labels.extend(client.all_labels(after));
    labels
}

/// A client for tests that call nothing.
#[cfg(test)]
pub(crate) mod testing {
    use meridian_provider_api::{Connection, Credentials, Pace};

    use crate::client::Gcp;

    pub async fn client() -> Gcp {
        let connection = Connection {
            cluster: "demo".to_owned(),
            region: "europe-west1".to_owned(),
            account: Some("p".to_owned()),
            endpoint: Some("http://127.0.0.1:9".to_owned()),
            forgotten: meridian_engine::state::Forgotten::default(),
            credentials: Credentials::Dummy,
            pace: Pace::quick(),
            limiter: std::sync::Arc::default(),
            telemetry: std::sync::Arc::default(),
            wire_tap: None,
        };
        Box::pin(Gcp::connect(connection)).await.unwrap()
    }
}
