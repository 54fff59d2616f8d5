//! A public address of our own.

use std::future::IntoFuture as _;
use std::sync::Arc;

use async_trait::async_trait;
use azure_mgmt_network::package_2024_03::models::{
    IpAllocationMethod, IpVersion, PublicIpAddress as SdkAddress, PublicIpAddressPropertiesFormat, PublicIpAddressSku,
    Resource as SdkResource, TagsObject, public_ip_address_sku,
};
use meridian_engine::field::Set;
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_engine::{Ref, Resource as _};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::{NETWORK, ResourceGroup};
use crate::arm::{arm_id, computed, condition, gone, group_of, id_in, is_going, required, word};
use crate::client::id::{ArmId, normal};
use crate::client::{Azure, Tags};
use crate::limits::{delete, read, write};

resource! {
    /// A static public IPv4 address. What it belongs to refers to it.
    pub struct PublicIp = "azure_public_ip", "public address", Replacement::DeleteFirst;
    fields {
        group: Ref<ResourceGroup> => replace,
        name: String => replace,
        /// The zones that it is served from; empty in a region without zones.
        zones: Set<String> => replace,
        tags: Tags => update,
    }
    computed { public_ip }
}

#[async_trait]
impl KindOps<Azure> for PublicIp {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|address| read_address(client, address)).collect())
    }

    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        let group = arm_id(&self.group)?;
        let body = SdkAddress {
            resource: SdkResource {
                location: Some(client.region.clone()),
                tags: Some(client.all_tags(&new.address, &self.tags)),
                ..SdkResource::default()
            },
            sku: Some(PublicIpAddressSku {
                name: Some(public_ip_address_sku::Name::Standard),
                tier: Some(public_ip_address_sku::Tier::Regional),
            }),
            properties: Some(Box::new(PublicIpAddressPropertiesFormat {
                public_ip_allocation_method: Some(IpAllocationMethod::Static),
                public_ip_address_version: Some(IpVersion::IPv4),
                ..PublicIpAddressPropertiesFormat::default()
            })),
            zones: self.zones.0.clone(),
            ..SdkAddress::default()
        };
        let addresses = client.network.public_ip_addresses_client();
        client
            .done(write(NETWORK, "PublicIPAddresses_CreateOrUpdate"), || {
                addresses.create_or_update(&group.group, &self.name, body.clone(), &group.subscription).send()
            })
            .await?;
        made(client, id_in(&group, "Microsoft.Network/publicIPAddresses", &self.name).parse()?).await
    }

    /// Only tags change. The whole would take away a DNS name or a time-out that someone has set.
    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: ArmId = existing.id.parse()?;
        let tags = client.all_tags(&existing.address, &self.tags);
        let addresses = client.network.public_ip_addresses_client();
        client
            .done(write(NETWORK, "PublicIPAddresses_UpdateTags"), || {
                let body = TagsObject { tags: Some(tags.clone()) };
                addresses.update_tags(&id.group, id.name(), body, &id.subscription).send()
            })
            .await?;
        made(client, id).await
    }

    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let api = delete(NETWORK, "PublicIPAddresses_Delete");
        let addresses = client.network.public_ip_addresses_client();
        gone(client.done(api, || addresses.delete(&id.group, id.name(), &id.subscription).send()).await)
    }
}

async fn made(client: &Azure, id: ArmId) -> Result<Made, CloudError> {
    let api = read(NETWORK, "PublicIPAddresses_Get");
    let addresses = client.network.public_ip_addresses_client();
    let made = client.call_new(api, || addresses.get(&id.group, id.name(), &id.subscription).into_future()).await?;
    let public_ip = required(ip(&made), api.operation, "address")?;
    Ok(Made { id: id.to_string(), computed: computed([("public_ip", public_ip.to_owned())]) })
}

/// Every public address in the cluster's groups.
pub(crate) async fn list(client: &Azure) -> Result<Arc<Vec<SdkAddress>>, CloudError> {
    client
        .in_groups(
            read(NETWORK, "PublicIPAddresses_List"),
            |group| client.network.public_ip_addresses_client().list(group, &client.subscription).into_stream(),
            |page| page.value,
        )
        .await
}

/// The address itself.
pub(crate) fn ip(address: &SdkAddress) -> Option<&str> {
    address.properties.as_ref()?.ip_address.as_deref()
}

fn read_address(client: &Azure, found: &SdkAddress) -> Option<Found<PublicIp>> {
    let resource = &found.resource;
    let (address, tags) = client.own(
        PublicIp::SCHEMA.kind,
        resource.id.as_deref(),
        resource.tags.as_ref(),
        resource.location.as_deref(),
    )?;
    let state = word(found.properties.as_ref()?.provisioning_state.as_ref());
    if is_going(state.as_deref()) {
        return None;
    }
    let id: ArmId = resource.id.as_deref()?.parse().ok()?;
    Some(Found {
        address,
        id: normal(resource.id.as_deref()?),
        resource: PublicIp { group: group_of(&id), name: id.name().to_owned(), zones: Set(found.zones.clone()), tags },
        computed: computed([("public_ip", ip(found).unwrap_or_default().to_owned())]),
        condition: condition(state.as_deref()),
    })
}
