//! The cluster's network.

use std::future::IntoFuture as _;
use std::sync::Arc;

use async_trait::async_trait;
use azure_mgmt_network::package_2024_03::models::{
    AddressSpace, Resource as SdkResource, TagsObject, VirtualNetwork as SdkNetwork, VirtualNetworkPropertiesFormat,
};
use ipnet::Ipv4Net;
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, Resource as _};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::{NETWORK, ResourceGroup};
use crate::arm::{arm_id, condition, gone, group_of, id_in, is_going, made, word};
use crate::client::id::{ArmId, normal};
use crate::client::{Azure, Tags};
use crate::limits::{delete, read, write};

resource! {
    /// A virtual network.
    pub struct VirtualNetwork = "azure_virtual_network", "virtual network", Replacement::Refused(
        "everything in the cluster stands in it, etcd's data included; make a second cluster with the new range and move over"
    );
    fields {
        group: Ref<ResourceGroup> => replace,
        name: String => replace,
        cidr: Ipv4Net => replace,
        tags: Tags => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Azure> for VirtualNetwork {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|network| read_network(client, network)).collect())
    }

    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        let group = arm_id(&self.group)?;
        let tags = client.all_tags(&new.address, &self.tags);
        client
            .done(write(NETWORK, "VirtualNetworks_CreateOrUpdate"), || {
                let body = SdkNetwork {
                    resource: SdkResource {
                        location: Some(client.region.clone()),
                        tags: Some(tags.clone()),
                        ..SdkResource::default()
                    },
                    properties: Some(VirtualNetworkPropertiesFormat {
                        address_space: Some(AddressSpace { address_prefixes: vec![self.cidr.to_string()] }),
                        ..VirtualNetworkPropertiesFormat::default()
                    }),
                    ..SdkNetwork::default()
                };
                client
                    .network
                    .virtual_networks_client()
                    .create_or_update(&group.group, &self.name, body, &group.subscription)
                    .send()
            })
            .await?;
        Ok(made(id_in(&group, "Microsoft.Network/virtualNetworks", &self.name)))
    }

    /// Only tags change. Writing the whole would have to carry every subnet along, those of others, too.
    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: ArmId = existing.id.parse()?;
        let tags = client.all_tags(&existing.address, &self.tags);
        client
            .done(write(NETWORK, "VirtualNetworks_UpdateTags"), || {
                let body = TagsObject { tags: Some(tags.clone()) };
                client
                    .network
                    .virtual_networks_client()
                    .update_tags(&id.group, id.name(), body, &id.subscription)
                    .send()
            })
            .await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let api = delete(NETWORK, "VirtualNetworks_Delete");
        let networks = client.network.virtual_networks_client();
        gone(client.done(api, || networks.delete(&id.group, id.name(), &id.subscription).send()).await)
    }
}

/// Every network in the cluster's groups, with its subnets.
pub(super) async fn list(client: &Azure) -> Result<Arc<Vec<SdkNetwork>>, CloudError> {
    client
        .in_groups(
            read(NETWORK, "VirtualNetworks_List"),
            |group| client.network.virtual_networks_client().list(group, &client.subscription).into_stream(),
            |page| page.value,
        )
        .await
}

/// Ids of the cluster's own networks.
pub(super) async fn ours(client: &Azure) -> Result<Vec<String>, CloudError> {
    Ok(list(client).await?.iter().filter_map(|network| read_network(client, network)).map(|found| found.id).collect())
}

/// One network, by its id.
pub(crate) async fn get(client: &Azure, id: &ArmId) -> Result<SdkNetwork, CloudError> {
    client
        .call(read(NETWORK, "VirtualNetworks_Get"), || {
            client.network.virtual_networks_client().get(&id.group, id.name(), &id.subscription).into_future()
        })
        .await
}

fn read_network(client: &Azure, network: &SdkNetwork) -> Option<Found<VirtualNetwork>> {
    let resource = &network.resource;
    let (address, tags) = client.own(
        VirtualNetwork::SCHEMA.kind,
        resource.id.as_deref(),
        resource.tags.as_ref(),
        resource.location.as_deref(),
    )?;
    let properties = network.properties.as_ref()?;
    let state = word(properties.provisioning_state.as_ref());
    if is_going(state.as_deref()) {
        return None;
    }
    let id: ArmId = resource.id.as_deref()?.parse().ok()?;
    Some(Found {
        address,
        id: normal(resource.id.as_deref()?),
        resource: VirtualNetwork {
            group: group_of(&id),
            name: id.name().to_owned(),
            cidr: properties.address_space.as_ref()?.address_prefixes.first()?.parse().ok()?,
            tags,
        },
        computed: Fields::new(),
        condition: condition(state.as_deref()),
    })
}
