//! What controllers inside a cluster make: volumes and load balancers that no spec names.

use meridian_engine::State;
use meridian_provider_api::Connection;
use reqwest::Method;
use serde_json::json;

use crate::rest::Rest;

/// Makes a volume and a load balancer as the controllers of the cluster in `state` would.
///
/// # Errors
/// What the cloud said.
pub async fn act(cloud: &str, connection: Connection, state: &State) -> Result<(), String> {
    match cloud {
        "aws" => aws(connection, state).await,
        "gcp" => gcp(&connection, state).await,
        "azure" => azure(&connection, state).await,
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

async fn gcp(connection: &Connection, state: &State) -> Result<(), String> {
    let (_, machine) = ids(state, "google_compute_instance").next().ok_or("no machine")?;
    // `projects/PROJECT/zones/ZONE/instances/NAME`
    let parts: Vec<&str> = machine.split('/').collect();
    let [_, project, _, zone, ..] = parts[..] else { return Err(format!("{machine} is no path of a machine")) };
    let root = format!("/compute/v1/projects/{project}");
    let regional = format!("{root}/regions/{}", state.region);
    let service = r#"{"kubernetes.io/service-name":"default/web"}"#;
    let rest = Rest::at(connection)?;
    let disk = json!({
        "name": format!("pvc-{}", state.cluster),
        "sizeGb": "8",
        "type": format!("projects/{project}/zones/{zone}/diskTypes/pd-balanced"),
        "description": r#"{"storage.gke.io/created-by":"pd.csi.storage.gke.io"}"#,
        "labels": { "meridian-cluster": state.cluster },
    });
    rest.make(Method::POST, &format!("{root}/zones/{zone}/disks"), &disk).await?;
    let pool = json!({ "name": "a0123456789abcdef", "description": service, "instances": [machine] });
    rest.make(Method::POST, &format!("{regional}/targetPools"), &pool).await?;
    let rule = json!({
        "name": "a0123456789abcdef",
        "description": service,
        "target": format!("projects/{project}/regions/{}/targetPools/a0123456789abcdef", state.region),
        "IPProtocol": "TCP",
        "portRange": "443-443",
    });
    rest.make(Method::POST, &format!("{regional}/forwardingRules"), &rule).await?;
    if let Some((_, network)) = ids(state, "google_compute_network").next() {
        let firewall = json!({
            "name": "k8s-fw-a0123456789abcdef",
            "description": service,
            "network": network,
            "sourceRanges": ["0.0.0.0/0"],
            "allowed": [{ "IPProtocol": "tcp", "ports": ["443"] }],
        });
        rest.make(Method::POST, &format!("{root}/global/firewalls"), &firewall).await?;
    }
    Ok(())
}

async fn azure(connection: &Connection, state: &State) -> Result<(), String> {
    let (_, group) = ids(state, "azure_resource_group").next().ok_or("no resource group")?;
    let rest = Rest::at(connection)?;
    let location = &state.region;
    let disk = json!({
        "location": location,
        "sku": { "name": "StandardSSD_LRS" },
        "properties": { "creationData": { "createOption": "Empty" }, "diskSizeGB": 8 },
    });
    let disks = format!("{group}/providers/Microsoft.Compute/disks/pvc-1?api-version=2024-03-02");
    rest.make(Method::PUT, &disks, &disk).await?;
    let network = format!("{group}/providers/Microsoft.Network");
    let address = json!({
        "location": location,
        "sku": { "name": "Standard" },
        "properties": { "publicIPAllocationMethod": "Static" },
    });
    let addresses = format!("{network}/publicIPAddresses/kubernetes-a0123456789abcdef?api-version=2024-03-01");
    rest.make(Method::PUT, &addresses, &address).await?;
    let frontend = json!({
        "name": "a0123456789abcdef",
        "properties": {
            "publicIPAddress": { "id": format!("{network}/publicIPAddresses/kubernetes-a0123456789abcdef") },
        },
    });
    let balancer = json!({
        "location": location,
        "sku": { "name": "Standard" },
        "properties": { "frontendIPConfigurations": [frontend] },
    });
    rest.make(Method::PUT, &format!("{network}/loadBalancers/kubernetes?api-version=2024-03-01"), &balancer).await
}
