//! Managed identities of machines.

use std::sync::Arc;

use async_trait::async_trait;
use azure_mgmt_msi::package_2023_01_31::models::{Identity as SdkIdentity, IdentityUpdate, TrackedResource};
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, Ref, Resource as _, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use crate::arm::{arm_id, computed, gone, group_of, id_in, required};
use crate::client::id::ArmId;
use crate::client::{Azure, Tags};
use crate::limits::{delete, read, write};
use crate::network::ResourceGroup;

const SERVICE: &str = "Microsoft.ManagedIdentity";
const TYPE: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

resource! {
    /// Who a machine is when it asks for something.
    pub struct UserAssignedIdentity = "azure_user_assigned_identity", "managed identity", Replacement::DeleteFirst;
    fields {
        group: Ref<ResourceGroup> => replace,
        name: String => replace,
        tags: Tags => update,
    }
    computed { principal_id }
}

/// Every identity in the cluster's groups.
pub(super) async fn list(client: &Azure) -> Result<Arc<Vec<SdkIdentity>>, CloudError> {
    let identities = client.msi.user_assigned_identities_client();
    client
        .in_groups(
            read(SERVICE, "UserAssignedIdentities_ListByResourceGroup"),
            |group| identities.list_by_resource_group(&client.subscription, group).into_stream(),
            |page| page.value,
        )
        .await
}

pub(super) fn observe(client: &Azure, identity: &SdkIdentity) -> Option<Found<UserAssignedIdentity>> {
    let given = &identity.tracked_resource;
    let (address, tags) = client.own(
        UserAssignedIdentity::SCHEMA.kind,
        given.resource.id.as_deref(),
        given.tags.as_ref(),
        Some(&given.location),
    )?;
    let id: ArmId = given.resource.id.as_deref()?.parse().ok()?;
    let resource = UserAssignedIdentity { group: group_of(&id), name: id.name().to_owned(), tags };
    let computed = attributes(identity)?;
    Some(Found { address, id: id.to_string(), resource, computed, condition: Condition::Ready })
}

/// The principal's id: what roles are assigned to.
fn attributes(identity: &SdkIdentity) -> Option<Fields> {
    let principal = identity.properties.as_ref()?.principal_id.as_deref()?.to_ascii_lowercase();
    Some(computed([("principal_id", principal)]))
}

#[async_trait]
impl KindOps<Azure> for UserAssignedIdentity {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|identity| observe(client, identity)).collect())
    }

    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        let group = arm_id(&self.group)?;
        let mut tracked = TrackedResource::new(client.region.clone());
        tracked.tags = Some(client.all_tags(&new.address, &self.tags));
        let body = SdkIdentity::new(tracked);
        let identities = client.msi.user_assigned_identities_client();
        let api = write(SERVICE, "UserAssignedIdentities_CreateOrUpdate");
        let answer = client
            .call(api, || {
                identities.create_or_update(&group.subscription, &group.group, &self.name, body.clone()).into_future()
            })
            .await?;
        let computed = required(attributes(&answer), api.operation, "principal")?;
        Ok(Made { id: id_in(&group, TYPE, &self.name), computed })
    }

    /// A patch of the tags.
    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: ArmId = existing.id.parse()?;
        let tags = Some(client.all_tags(&existing.address, &self.tags));
        let body = IdentityUpdate { tags, ..IdentityUpdate::new() };
        let identities = client.msi.user_assigned_identities_client();
        let api = write(SERVICE, "UserAssignedIdentities_Update");
        let answer = client
            .call(api, || identities.update(&id.subscription, &id.group, id.name(), body.clone()).into_future())
            .await?;
        Ok(Made { id: existing.id.clone(), computed: required(attributes(&answer), api.operation, "principal")? })
    }

    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let identities = client.msi.user_assigned_identities_client();
        let api = delete(SERVICE, "UserAssignedIdentities_Delete");
        gone(client.call(api, || identities.delete(&id.subscription, &id.group, id.name()).send()).await)
    }
}
