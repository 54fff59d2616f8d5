//! The rules of the cluster's machines.

use std::future::IntoFuture as _;
use std::sync::Arc;

use async_trait::async_trait;
use azure_mgmt_network::package_2024_03::models::{
    NetworkSecurityGroup as SdkGroup, NetworkSecurityGroupPropertiesFormat, Resource as SdkResource, SecurityRule,
};
use meridian_engine::field::Set;
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource as _};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::Rule;
use super::rule::as_it_was;
use crate::arm::{arm_id, condition, gone, group_of, id_in, is_going, made, word};
use crate::client::id::{ArmId, normal};
use crate::client::{Azure, Tags};
use crate::limits::{delete, read, write};
use crate::network::{NETWORK, ResourceGroup};

resource! {
    /// A network security group with its rules, but for those that Kubernetes' cloud controller adds to it.
    pub struct NetworkSecurityGroup = "azure_network_security_group", "network security group",
        Replacement::DeleteFirst;
    fields {
        group: Ref<ResourceGroup> => replace,
        name: String => replace,
        rules: Set<Rule> => update,
        tags: Tags => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Azure> for NetworkSecurityGroup {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|group| read_group(client, group)).collect())
    }

    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        let group = arm_id(&self.group)?;
        let body = self.body(client, &new.address, self.rules()?);
        let groups = client.network.network_security_groups_client();
        client
            .done(write(NETWORK, "NetworkSecurityGroups_CreateOrUpdate"), || {
                groups.create_or_update(&group.group, &self.name, body.clone(), &group.subscription).send()
            })
            .await?;
        Ok(made(id_in(&group, "Microsoft.Network/networkSecurityGroups", &self.name)))
    }

    /// Kubernetes writes its rules into the same list, so that they are read and written back.
    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: ArmId = existing.id.parse()?;
        let own = self.rules()?;
        let groups = client.network.network_security_groups_client();
        client
            .change(
                (read(NETWORK, "NetworkSecurityGroups_Get"), || {
                    groups.get(&id.group, id.name(), &id.subscription).into_future()
                }),
                |now: &SdkGroup| now.etag.clone(),
                (write(NETWORK, "NetworkSecurityGroups_CreateOrUpdate"), |now: &SdkGroup| {
                    let rules = own.iter().cloned().chain(of_kubernetes(now)).collect();
                    let body = self.body(client, &existing.address, rules);
                    groups.create_or_update(&id.group, id.name(), body, &id.subscription).send()
                }),
            )
            .await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let api = delete(NETWORK, "NetworkSecurityGroups_Delete");
        let groups = client.network.network_security_groups_client();
        gone(client.done(api, || groups.delete(&id.group, id.name(), &id.subscription).send()).await)
    }
}

impl NetworkSecurityGroup {
    fn rules(&self) -> Result<Vec<SecurityRule>, CloudError> {
        self.rules.0.iter().map(Rule::written).collect()
    }

    fn body(&self, client: &Azure, address: &Address, security_rules: Vec<SecurityRule>) -> SdkGroup {
        SdkGroup {
            resource: SdkResource {
                location: Some(client.region.clone()),
                tags: Some(client.all_tags(address, &self.tags)),
                ..SdkResource::default()
            },
            properties: Some(NetworkSecurityGroupPropertiesFormat {
                security_rules,
                ..NetworkSecurityGroupPropertiesFormat::default()
            }),
            ..SdkGroup::default()
        }
    }
}

fn of_kubernetes(group: &SdkGroup) -> impl Iterator<Item = SecurityRule> {
    let rules = group.properties.iter().flat_map(|properties| &properties.security_rules);
    let theirs = rules.filter(|rule| rule.name.as_deref().is_some_and(Rule::is_of_kubernetes));
    theirs.cloned().map(as_it_was)
}

async fn list(client: &Azure) -> Result<Arc<Vec<SdkGroup>>, CloudError> {
    client
        .in_groups(
            read(NETWORK, "NetworkSecurityGroups_List"),
            |group| client.network.network_security_groups_client().list(group, &client.subscription).into_stream(),
            |page| page.value,
        )
        .await
}

/// Ids of the subnets that have a group of the cluster's.
pub(crate) async fn subnets(client: &Azure) -> Result<Vec<String>, CloudError> {
    let groups = list(client).await?;
    let ours = groups.iter().filter(|group| read_group(client, group).is_some());
    let subnets = ours.filter_map(|group| group.properties.as_ref()).flat_map(|properties| &properties.subnets);
    Ok(subnets.filter_map(|subnet| subnet.sub_resource.id.as_deref()).map(normal).collect())
}

fn read_group(client: &Azure, group: &SdkGroup) -> Option<Found<NetworkSecurityGroup>> {
    let resource = &group.resource;
    let (address, tags) = client.own(
        NetworkSecurityGroup::SCHEMA.kind,
        resource.id.as_deref(),
        resource.tags.as_ref(),
        resource.location.as_deref(),
    )?;
    let properties = group.properties.as_ref()?;
    let state = word(properties.provisioning_state.as_ref());
    if is_going(state.as_deref()) {
        return None;
    }
    let id: ArmId = resource.id.as_deref()?.parse().ok()?;
    let rules = properties.security_rules.iter().filter_map(Rule::read);
    Some(Found {
        address,
        id: id.to_string(),
        resource: NetworkSecurityGroup {
            group: group_of(&id),
            name: id.name().to_owned(),
            rules: rules.filter(|rule| !Rule::is_of_kubernetes(&rule.name)).collect(),
            tags,
        },
        computed: Fields::new(),
        condition: condition(state.as_deref()),
    })
}
