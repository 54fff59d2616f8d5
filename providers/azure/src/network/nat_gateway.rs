//! The way out of machines that have no address of their own.

use std::future::IntoFuture as _;

use async_trait::async_trait;
use azure_mgmt_network::package_2024_03::models::{
    NatGateway as SdkGateway, NatGatewayPropertiesFormat, NatGatewaySku, Resource as SdkResource, SubResource,
    nat_gateway_sku,
};
use meridian_engine::field::Set;
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, Resource as _};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::{NETWORK, PublicIp, ResourceGroup};
use crate::arm::{arm_id, condition, gone, group_of, id_in, id_of, is_going, made, word};
use crate::client::id::{ArmId, normal};
use crate::client::{Azure, Tags};
use crate::limits::{delete, read, write};

resource! {
    /// A NAT gateway. A subnet has at most one; Azure puts it into a zone of its own choice.
    pub struct NatGateway = "azure_nat_gateway", "NAT gateway", Replacement::DeleteFirst;
    fields {
        group: Ref<ResourceGroup> => replace,
        name: String => replace,
        public_addresses: Set<Ref<PublicIp>> => update,
        tags: Tags => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Azure> for NatGateway {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let gateways = client
            .in_groups(
                read(NETWORK, "NatGateways_List"),
                |group| client.network.nat_gateways_client().list(group, &client.subscription).into_stream(),
                |page| page.value,
            )
            .await?;
        Ok(gateways.iter().filter_map(|gateway| read_gateway(client, gateway)).collect())
    }

    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        let group = arm_id(&self.group)?;
        let body = SdkGateway {
            resource: SdkResource {
                location: Some(client.region.clone()),
                tags: Some(client.all_tags(&new.address, &self.tags)),
                ..SdkResource::default()
            },
            sku: Some(NatGatewaySku { name: Some(nat_gateway_sku::Name::Standard) }),
            properties: Some(NatGatewayPropertiesFormat {
                public_ip_addresses: self.addresses()?,
                ..NatGatewayPropertiesFormat::default()
            }),
            ..SdkGateway::default()
        };
        let gateways = client.network.nat_gateways_client();
        client
            .done(write(NETWORK, "NatGateways_CreateOrUpdate"), || {
                gateways.create_or_update(&group.group, &self.name, body.clone(), &group.subscription).send()
            })
            .await?;
        Ok(made(id_in(&group, "Microsoft.Network/natGateways", &self.name)))
    }

    /// What we do not compare is written back as it was: someone may have set another time-out.
    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: ArmId = existing.id.parse()?;
        let addresses = self.addresses()?;
        let gateways = client.network.nat_gateways_client();
        client
            .change(
                (read(NETWORK, "NatGateways_Get"), || {
                    gateways.get(&id.group, id.name(), &id.subscription).into_future()
                }),
                |now: &SdkGateway| now.etag.clone(),
                (write(NETWORK, "NatGateways_CreateOrUpdate"), |now: &SdkGateway| {
                    let body = SdkGateway {
                        resource: SdkResource {
                            location: now.resource.location.clone(),
                            tags: Some(client.all_tags(&existing.address, &self.tags)),
                            ..SdkResource::default()
                        },
                        properties: Some(NatGatewayPropertiesFormat {
                            public_ip_addresses: addresses.clone(),
                            subnets: Vec::new(),
                            resource_guid: None,
                            provisioning_state: None,
                            ..now.properties.clone().unwrap_or_default()
                        }),
                        etag: None,
                        ..now.clone()
                    };
                    gateways.create_or_update(&id.group, id.name(), body, &id.subscription).send()
                }),
            )
            .await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let api = delete(NETWORK, "NatGateways_Delete");
        let gateways = client.network.nat_gateways_client();
        gone(client.done(api, || gateways.delete(&id.group, id.name(), &id.subscription).send()).await)
    }
}

impl NatGateway {
    fn addresses(&self) -> Result<Vec<SubResource>, CloudError> {
        let addresses = self.public_addresses.0.iter();
        addresses.map(|address| Ok(SubResource { id: Some(id_of(address)?.to_owned()) })).collect()
    }
}

fn read_gateway(client: &Azure, gateway: &SdkGateway) -> Option<Found<NatGateway>> {
    let resource = &gateway.resource;
    let (address, tags) = client.own(
        NatGateway::SCHEMA.kind,
        resource.id.as_deref(),
        resource.tags.as_ref(),
        resource.location.as_deref(),
    )?;
    let properties = gateway.properties.as_ref()?;
    let state = word(properties.provisioning_state.as_ref());
    if is_going(state.as_deref()) {
        return None;
    }
    let id: ArmId = resource.id.as_deref()?.parse().ok()?;
    let addresses = properties.public_ip_addresses.iter().filter_map(|address| address.id.as_deref());
    Some(Found {
        address,
        id: id.to_string(),
        resource: NatGateway {
            group: group_of(&id),
            name: id.name().to_owned(),
            public_addresses: addresses.map(|id| Ref::existing(normal(id))).collect(),
            tags,
        },
        computed: Fields::new(),
        condition: condition(state.as_deref()),
    })
}
