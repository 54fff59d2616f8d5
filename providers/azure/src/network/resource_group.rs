//! The resource group that holds everything of a cluster.

use async_trait::async_trait;
use azure_mgmt_resources::package_resources_2021_04::models::{
    ResourceGroup as SdkGroup, ResourceGroupPatchable as SdkPatch,
};
use meridian_engine::observed::Condition;
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Resource as _};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};
use std::future::IntoFuture as _;

use crate::arm::{condition, found, gone, is_going, made};
use crate::client::id::{group, location};
use crate::client::{Azure, Tags};
use crate::limits::{delete, read, write};

const RESOURCES: &str = "Microsoft.Resources";

/// How often a group is looked at before what is in it is taken to stay. Its listing comes from a copy, which may show
/// for some minutes what is gone.
const LOOKS: u32 = 100;

resource! {
    /// A resource group of the cluster's own. One that the spec names is another's, and no resource.
    pub struct ResourceGroup = "azure_resource_group", "resource group", Replacement::Refused(
        "everything in the cluster stands in it, etcd's data included; make a second cluster and move over"
    );
    fields {
        name: String => replace,
        tags: Tags => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Azure> for ResourceGroup {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(look(client, &client.own_group).await?.and_then(|group| read_group(client, &group)).into_iter().collect())
    }

    /// A group of the name may be another's. It is not taken over.
    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        if let Some(there) = look(client, &self.name).await?
            && !is_going(state(&there))
            && !client.is_ours(there.tags.as_ref())
        {
            let message = format!("the resource group {} is there and not this cluster's", self.name);
            return Err(CloudError::new(ErrorKind::AlreadyExists, "ResourceGroups_CreateOrUpdate", message));
        }
        self.put(client, &new.address).await
    }

    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let tags = client.all_tags(&existing.address, &self.tags);
        client
            .call(write(RESOURCES, "ResourceGroups_Update"), || {
                let patch = SdkPatch { tags: Some(tags.clone()), ..SdkPatch::default() };
                client.resources.resource_groups_client().update(&self.name, patch, &client.subscription).send()
            })
            .await?;
        Ok(made(&existing.id))
    }

    /// Removes the group only when nothing is in it: it would take everything along, whoever made it.
    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let name = existing.before.name.as_str();
        for look in 0..LOOKS {
            let left = contents(client, name).await?;
            if left.is_empty() {
                break;
            }
            if look + 1 == LOOKS {
                let message = format!("{name} still holds what Meridian did not make: {}", left.join(", "));
                return Err(CloudError::new(ErrorKind::DependencyViolation, "ResourceGroups_Delete", message));
            }
            tokio::time::sleep(client.caller.pace.poll).await;
        }
        gone(
            client
                .done(delete(RESOURCES, "ResourceGroups_Delete"), || {
                    client.resources.resource_groups_client().delete(name, &client.subscription).send()
                })
                .await,
        )
    }
}

impl ResourceGroup {
    async fn put(&self, client: &Azure, address: &Address) -> Result<Made, CloudError> {
        let tags = client.all_tags(address, &self.tags);
        client
            .call(write(RESOURCES, "ResourceGroups_CreateOrUpdate"), || {
                let mut body = SdkGroup::new(client.region.clone());
                body.tags = Some(tags.clone());
                client
                    .resources
                    .resource_groups_client()
                    .create_or_update(&self.name, body, &client.subscription)
                    .send()
            })
            .await?;
        Ok(made(group(&client.subscription, &self.name)))
    }
}

/// Checks that a group that the spec names is there. No call when it names none.
pub(crate) async fn check(client: &Azure, name: Option<&str>) -> Result<(), CloudError> {
    let Some(name) = name else { return Ok(()) };
    match look(client, name).await? {
        Some(group) if !is_going(state(&group)) => Ok(()),
        _ => {
            let message = format!("there is no resource group {name}, which `azure.resourceGroup` names");
            Err(CloudError::new(ErrorKind::Invalid, "checking the resource group", message))
        }
    }
}

async fn look(client: &Azure, name: &str) -> Result<Option<SdkGroup>, CloudError> {
    found(
        client
            .call(read(RESOURCES, "ResourceGroups_Get"), || {
                client.resources.resource_groups_client().get(name, &client.subscription).into_future()
            })
            .await,
    )
}

/// Ids of everything in a group.
async fn contents(client: &Azure, name: &str) -> Result<Vec<String>, CloudError> {
    let resources =
        || client.resources.resources_client().list_by_resource_group(name, &client.subscription).into_stream();
    let api = read(RESOURCES, "Resources_ListByResourceGroup");
    let all = found(client.pages(api, resources, |page| page.value).await)?.unwrap_or_default();
    Ok(all.into_iter().filter_map(|one| one.generic_resource.resource.id).collect())
}

fn state(group: &SdkGroup) -> Option<&str> {
    group.properties.as_ref()?.provisioning_state.as_deref()
}

fn read_group(client: &Azure, group: &SdkGroup) -> Option<Found<ResourceGroup>> {
    // A group's location is where its metadata is; another's group is found by its tags alone.
    let (address, tags) = client.own(
        ResourceGroup::SCHEMA.kind,
        group.id.as_deref(),
        group.tags.as_ref(),
        Some(&location(&group.location)),
    )?;
    if is_going(state(group)) {
        return None;
    }
    let name = group.name.as_deref()?.to_ascii_lowercase();
    Some(Found {
        address,
        id: crate::client::id::group(&client.subscription, &name),
        resource: ResourceGroup { name, tags },
        computed: Fields::new(),
        condition: match state(group) {
            Some(state) => condition(Some(state)),
            None => Condition::Ready,
        },
    })
}
