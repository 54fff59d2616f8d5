//! Availability sets: what keeps the slots apart in a region without zones.

use std::sync::Arc;

use async_trait::async_trait;
use azure_mgmt_compute::package_2024_07_01::models;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::SERVICE;
use crate::arm::{arm_id, gone, group_of, id_in, made};
use crate::client::id::ArmId;
use crate::client::{Azure, Tags};
use crate::limits::{delete, read, write};
use crate::network::ResourceGroup;

const TYPE: &str = "Microsoft.Compute/availabilitySets";

resource! {
    /// Machines that share no rack, and are not restarted together.
    pub struct AvailabilitySet = "azure_availability_set", "availability set", Replacement::DeleteFirst;
    fields {
        group: Ref<ResourceGroup> => replace,
        name: String => replace,
        /// Racks. Every region has two (learn.microsoft.com, "Availability sets overview").
        fault_domains: i32 => replace,
        /// Parts that are maintained one after another.
        update_domains: i32 => replace,
        tags: Tags => update,
    }
    computed {}
}

async fn list(client: &Azure) -> Result<Arc<Vec<models::AvailabilitySet>>, CloudError> {
    let list = |group: &str| client.compute.availability_sets_client().list(group, &client.subscription).into_stream();
    client.in_groups(read(SERVICE, "AvailabilitySets_List"), list, |page| page.value).await
}

fn observe(client: &Azure, set: &models::AvailabilitySet) -> Option<Found<AvailabilitySet>> {
    let (address, tags) = client.own(
        "azure_availability_set",
        set.resource.id.as_deref(),
        set.resource.tags.as_ref(),
        Some(&set.resource.location),
    )?;
    let id = set.resource.id.as_deref()?.parse().ok()?;
    let properties = set.properties.as_ref();
    let resource = AvailabilitySet {
        group: group_of(&id),
        name: id.name().to_owned(),
        fault_domains: properties.and_then(|one| one.platform_fault_domain_count).unwrap_or_default(),
        update_domains: properties.and_then(|one| one.platform_update_domain_count).unwrap_or_default(),
        tags,
    };
    Some(Found { address, id: id.to_string(), resource, computed: Fields::new(), condition: Condition::Ready })
}

#[async_trait]
impl KindOps<Azure> for AvailabilitySet {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|set| observe(client, set)).collect())
    }

    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        let group = arm_id(&self.group)?;
        let mut resource = models::Resource::new(client.region.clone());
        resource.tags = Some(client.all_tags(&new.address, &self.tags));
        let mut set = models::AvailabilitySet::new(resource);
        // `Aligned`: its machines have managed disks.
        set.sku = Some(models::Sku { name: Some("Aligned".to_owned()), ..models::Sku::new() });
        set.properties = Some(models::AvailabilitySetProperties {
            platform_fault_domain_count: Some(self.fault_domains),
            platform_update_domain_count: Some(self.update_domains),
            ..models::AvailabilitySetProperties::new()
        });
        let sets = client.compute.availability_sets_client();
        client
            .call(write(SERVICE, "AvailabilitySets_CreateOrUpdate"), || {
                sets.create_or_update(&group.group, &self.name, set.clone(), &client.subscription).into_future()
            })
            .await?;
        Ok(made(id_in(&group, TYPE, &self.name)))
    }

    /// A patch of the tags, all that can change.
    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: ArmId = existing.id.parse()?;
        let tags = Some(client.all_tags(&existing.address, &self.tags));
        let body = models::AvailabilitySetUpdate {
            update_resource: models::UpdateResource { tags },
            ..models::AvailabilitySetUpdate::new()
        };
        let sets = client.compute.availability_sets_client();
        client
            .call(write(SERVICE, "AvailabilitySets_Update"), || {
                sets.update(&id.group, id.name(), body.clone(), &client.subscription).into_future()
            })
            .await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let sets = client.compute.availability_sets_client();
        let api = delete(SERVICE, "AvailabilitySets_Delete");
        gone(client.call(api, || sets.delete(&id.group, id.name(), &client.subscription).send()).await)
    }
}
