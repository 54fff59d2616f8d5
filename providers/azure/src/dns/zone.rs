//! Private DNS zones.

use std::future::IntoFuture as _;
use std::sync::Arc;

use async_trait::async_trait;
use azure_mgmt_privatedns::package_2024_06::models::{PrivateZone as SdkZone, TrackedResource};
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, Resource as _, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use crate::arm::{arm_id, condition, found, gone, group_of, id_in, is_going, made, word};
use crate::client::id::ArmId;
use crate::client::{Azure, EVERYWHERE, Tags};
use crate::limits::{delete, read, write};
use crate::network::{NETWORK, ResourceGroup};

const TYPE: &str = "Microsoft.Network/privateDnsZones";

resource! {
    /// A zone that is seen from the networks that are linked to it.
    pub struct Zone = "azure_private_dns_zone", "private DNS zone", Replacement::DeleteFirst;
    fields {
        group: Ref<ResourceGroup> => replace,
        /// Without a dot at the end.
        name: String => replace,
        tags: Tags => update,
    }
    computed {}
}

async fn list(client: &Azure) -> Result<Arc<Vec<SdkZone>>, CloudError> {
    client
        .in_groups(
            read(NETWORK, "PrivateZones_ListByResourceGroup"),
            |group| {
                client
                    .private_dns
                    .private_zones_client()
                    .list_by_resource_group(group, &client.subscription)
                    .into_stream()
            },
            |page| page.value,
        )
        .await
}

/// Ids of the cluster's zones.
pub(super) async fn ids(client: &Azure) -> Result<Vec<String>, CloudError> {
    Ok(list(client).await?.iter().filter_map(|zone| observe(client, zone)).map(|zone| zone.id).collect())
}

fn observe(client: &Azure, zone: &SdkZone) -> Option<Found<Zone>> {
    let given = &zone.tracked_resource;
    let (address, tags) =
        client.own(Zone::SCHEMA.kind, given.resource.id.as_deref(), given.tags.as_ref(), given.location.as_deref())?;
    let id: ArmId = given.resource.id.as_deref()?.parse().ok()?;
    let state = word(zone.properties.as_ref().and_then(|properties| properties.provisioning_state.as_ref()));
    if is_going(state.as_deref()) {
        return None;
    }
    let resource = Zone { group: group_of(&id), name: id.name().to_owned(), tags };
    Some(Found {
        address,
        id: id.to_string(),
        resource,
        computed: Fields::new(),
        condition: condition(state.as_deref()),
    })
}

#[async_trait]
impl KindOps<Azure> for Zone {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|zone| observe(client, zone)).collect())
    }

    /// A zone of the name may be that of a cluster of the same name in another region, in a group that both stand in. It is
    /// not taken over.
    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        let group = arm_id(&self.group)?;
        let zones = client.private_dns.private_zones_client();
        let api = read(NETWORK, "PrivateZones_Get");
        let there = client.call(api, || zones.get(&group.group, &self.name, &group.subscription).into_future()).await;
        if let Some(there) = found(there)? {
            let given = &there.tracked_resource;
            if client
                .own(Self::SCHEMA.kind, given.resource.id.as_deref(), given.tags.as_ref(), given.location.as_deref())
                .is_none()
            {
                let message = format!("the zone {} is in {} and not this cluster's", self.name, group.group);
                return Err(CloudError::new(ErrorKind::AlreadyExists, "PrivateZones_CreateOrUpdate", message));
            }
        }
        let body = SdkZone {
            tracked_resource: TrackedResource {
                location: Some(EVERYWHERE.to_owned()),
                tags: Some(client.all_tags_everywhere(&new.address, &self.tags)),
                ..TrackedResource::new()
            },
            ..SdkZone::new()
        };
        client
            .done(write(NETWORK, "PrivateZones_CreateOrUpdate"), || {
                zones.create_or_update(&group.group, &self.name, body.clone(), &group.subscription).send()
            })
            .await?;
        Ok(made(id_in(&group, TYPE, &self.name)))
    }

    /// A patch of what it has: tags.
    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: ArmId = existing.id.parse()?;
        let body = SdkZone {
            tracked_resource: TrackedResource {
                tags: Some(client.all_tags_everywhere(&existing.address, &self.tags)),
                ..TrackedResource::new()
            },
            ..SdkZone::new()
        };
        let zones = client.private_dns.private_zones_client();
        client
            .done(write(NETWORK, "PrivateZones_Update"), || {
                zones.update(&id.group, id.name(), body.clone(), &id.subscription).send()
            })
            .await?;
        Ok(made(&existing.id))
    }

    /// A zone that is linked is refused, and tried again until the link is gone. Its records go with it.
    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let zones = client.private_dns.private_zones_client();
        let api = delete(NETWORK, "PrivateZones_Delete");
        gone(client.done(api, || zones.delete(&id.group, id.name(), &id.subscription).send()).await)
    }
}
