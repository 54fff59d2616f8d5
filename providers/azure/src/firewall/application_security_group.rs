//! Machines of one role, by which rules name them.

use async_trait::async_trait;
use azure_mgmt_network::package_2024_03::models::{
    ApplicationSecurityGroup as SdkGroup, ApplicationSecurityGroupPropertiesFormat, Resource as SdkResource, TagsObject,
};
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, Resource as _};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use crate::arm::{arm_id, condition, gone, group_of, id_in, is_going, made, word};
use crate::client::id::ArmId;
use crate::client::{Azure, Tags};
use crate::limits::{delete, read, write};
use crate::network::{NETWORK, ResourceGroup};

resource! {
    /// An application security group. Network interfaces refer to the ones they are of.
    pub struct ApplicationSecurityGroup = "azure_application_security_group", "application security group",
        Replacement::DeleteFirst;
    fields {
        group: Ref<ResourceGroup> => replace,
        name: String => replace,
        tags: Tags => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Azure> for ApplicationSecurityGroup {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let groups = client
            .in_groups(
                read(NETWORK, "ApplicationSecurityGroups_List"),
                |group| {
                    client.network.application_security_groups_client().list(group, &client.subscription).into_stream()
                },
                |page| page.value,
            )
            .await?;
        Ok(groups.iter().filter_map(|group| read_group(client, group)).collect())
    }

    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        let group = arm_id(&self.group)?;
        let body = SdkGroup {
            resource: SdkResource {
                location: Some(client.region.clone()),
                tags: Some(client.all_tags(&new.address, &self.tags)),
                ..SdkResource::default()
            },
            properties: Some(ApplicationSecurityGroupPropertiesFormat::default()),
            ..SdkGroup::default()
        };
        let groups = client.network.application_security_groups_client();
        client
            .done(write(NETWORK, "ApplicationSecurityGroups_CreateOrUpdate"), || {
                groups.create_or_update(&group.group, &self.name, body.clone(), &group.subscription).send()
            })
            .await?;
        Ok(made(id_in(&group, "Microsoft.Network/applicationSecurityGroups", &self.name)))
    }

    /// It has nothing but tags.
    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: ArmId = existing.id.parse()?;
        let tags = client.all_tags(&existing.address, &self.tags);
        let groups = client.network.application_security_groups_client();
        client
            .done(write(NETWORK, "ApplicationSecurityGroups_UpdateTags"), || {
                let body = TagsObject { tags: Some(tags.clone()) };
                groups.update_tags(&id.group, id.name(), body, &id.subscription).send()
            })
            .await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let api = delete(NETWORK, "ApplicationSecurityGroups_Delete");
        let groups = client.network.application_security_groups_client();
        gone(client.done(api, || groups.delete(&id.group, id.name(), &id.subscription).send()).await)
    }
}

fn read_group(client: &Azure, group: &SdkGroup) -> Option<Found<ApplicationSecurityGroup>> {
    let resource = &group.resource;
    let (address, tags) = client.own(
        ApplicationSecurityGroup::SCHEMA.kind,
        resource.id.as_deref(),
        resource.tags.as_ref(),
        resource.location.as_deref(),
    )?;
    let state = word(group.properties.as_ref().and_then(|properties| properties.provisioning_state.as_ref()));
    if is_going(state.as_deref()) {
        return None;
    }
    let id: ArmId = resource.id.as_deref()?.parse().ok()?;
    Some(Found {
        address,
        id: id.to_string(),
        resource: ApplicationSecurityGroup { group: group_of(&id), name: id.name().to_owned(), tags },
        computed: Fields::new(),
        condition: condition(state.as_deref()),
    })
}
