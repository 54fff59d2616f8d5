//! What controllers inside a cluster make: volumes and load balancers that no spec names.

use meridian_engine::State;
use meridian_provider_api::Connection;

/// Makes a volume and a load balancer as the controllers of the cluster in `state` would.
///
/// # Errors
/// What the cloud said.
pub async fn act(cloud: &str, connection: Connection, state: &State) -> Result<(), String> {
    match cloud {
        "aws" => aws(connection, state).await,
        other => Err(format!("nobody has said what Kubernetes makes on {other}")),
    }
}

/// The ids of a kind's resources, by name.
fn ids<'s>(state: &'s State, kind: &'s str) -> impl Iterator<Item = (&'s str, &'s str)> {
    let of_kind = state.resources.iter().filter(move |(address, _)| address.kind() == kind);
    of_kind.map(|(address, record)| (address.name(), record.id.as_str()))
}

async fn aws(connection: Connection, state: &State) -> Result<(), String> {
    use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
    use aws_sdk_elasticloadbalancingv2::types::{LoadBalancerTypeEnum, Tag as BalancerTag};

    let client = meridian_aws::client::Aws::connect(connection).await.map_err(|error| error.to_string())?;
    let key = format!("kubernetes.io/cluster/{}", state.cluster);
    let tags = TagSpecification::builder()
        .resource_type(ResourceType::Volume)
        .tags(Tag::builder().key(&key).value("owned").build())
        .build();
    let zone = format!("{}a", state.region);
    let volume = client.ec2.create_volume().availability_zone(zone).size(8).tag_specifications(tags);
    volume.send().await.map_err(|error| format!("{error:?}"))?;
    // A guest in another's network has no subnet of its own to name.
    if let Some((_, subnet)) = ids(state, "aws_subnet").next() {
        let balancer = client.elb.create_load_balancer().name("k8s-service").r#type(LoadBalancerTypeEnum::Network);
        let tag = BalancerTag::builder().key(&key).value("owned").build();
        balancer.subnets(subnet).tags(tag).send().await.map_err(|error| format!("{error:?}"))?;
    }
    Ok(())
}
