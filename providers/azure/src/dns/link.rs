//! Links of zones with networks.

use async_trait::async_trait;
use azure_mgmt_privatedns::package_2024_06::models::{
    SubResource, TrackedResource, VirtualNetworkLink as SdkLink, VirtualNetworkLinkProperties,
};
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource as _, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::{Zone, in_zones};
use crate::arm::{arm_id, condition, gone, id_of, is_going, made, word};
use crate::client::id::{ArmId, normal};
use crate::client::{Azure, EVERYWHERE, Tags};
use crate::limits::{delete, read, write};
use crate::network::{NETWORK, VirtualNetwork};

resource! {
    /// That a zone is seen from a network.
    pub struct Link = "azure_private_dns_zone_virtual_network_link", "link of a DNS zone", Replacement::DeleteFirst;
    fields {
        zone: Ref<Zone> => replace,
        name: String => replace,
        network: Ref<VirtualNetwork> => replace,
        /// Whether machines would put names of their own into the zone.
        registration: bool => update,
        tags: Tags => update,
    }
    computed {}
}

fn observe(client: &Azure, id: &ArmId, link: &SdkLink) -> Option<Found<Link>> {
    let given = &link.tracked_resource;
    let (address, tags) =
        client.own(Link::SCHEMA.kind, given.resource.id.as_deref(), given.tags.as_ref(), given.location.as_deref())?;
    let properties = link.properties.as_ref()?;
    let state = word(properties.provisioning_state.as_ref());
    if is_going(state.as_deref()) {
        return None;
    }
    let network = properties.virtual_network.as_ref().and_then(|network| network.id.as_deref());
    let resource = Link {
        zone: Ref::existing(id.within()?),
        name: id.name().to_owned(),
        network: Ref::existing(network.map(normal).unwrap_or_default()),
        registration: properties.registration_enabled.unwrap_or_default(),
        tags,
    };
    Some(Found {
        address,
        id: id.to_string(),
        resource,
        computed: Fields::new(),
        condition: condition(state.as_deref()),
    })
}

impl Link {
    fn body(&self, client: &Azure, address: &Address, network: Option<SubResource>) -> SdkLink {
        SdkLink {
            tracked_resource: TrackedResource {
                tags: Some(client.all_tags_everywhere(address, &self.tags)),
                ..TrackedResource::new()
            },
            properties: Some(VirtualNetworkLinkProperties {
                virtual_network: network,
                registration_enabled: Some(self.registration),
                ..VirtualNetworkLinkProperties::new()
            }),
            ..SdkLink::new()
        }
    }
}

#[async_trait]
impl KindOps<Azure> for Link {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let links = in_zones(
            client,
            read(NETWORK, "VirtualNetworkLinks_List"),
            |group, zone| {
                client.private_dns.virtual_network_links_client().list(group, zone, &client.subscription).into_stream()
            },
            |page| page.value,
            |link: &SdkLink| link.tracked_resource.resource.id.as_deref(),
        )
        .await?;
        Ok(links.iter().filter_map(|(id, link)| observe(client, id, link)).collect())
    }

    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        let zone = arm_id(&self.zone)?;
        let network = SubResource { id: Some(id_of(&self.network)?.to_owned()) };
        let mut body = self.body(client, &new.address, Some(network));
        body.tracked_resource.location = Some(EVERYWHERE.to_owned());
        let links = client.private_dns.virtual_network_links_client();
        client
            .done(write(NETWORK, "VirtualNetworkLinks_CreateOrUpdate"), || {
                links.create_or_update(&zone.group, zone.name(), &self.name, body.clone(), &zone.subscription).send()
            })
            .await?;
        Ok(made(normal(&format!("{zone}/virtualNetworkLinks/{}", self.name))))
    }

    /// A patch: it leaves alone how names are resolved that the zone does not have.
    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: ArmId = existing.id.parse()?;
        let zone = id.parent()?;
        let body = self.body(client, &existing.address, None);
        let links = client.private_dns.virtual_network_links_client();
        client
            .done(write(NETWORK, "VirtualNetworkLinks_Update"), || {
                links.update(&id.group, zone, id.name(), body.clone(), &id.subscription).send()
            })
            .await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let zone = id.parent()?;
        let links = client.private_dns.virtual_network_links_client();
        let api = delete(NETWORK, "VirtualNetworkLinks_Delete");
        gone(client.done(api, || links.delete(&id.group, zone, id.name(), &id.subscription).send()).await)
    }
}
