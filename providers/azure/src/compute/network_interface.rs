//! Network interfaces of slots and of the bastion. They stay when their machine goes, and with them its address.

use std::sync::Arc;

use async_trait::async_trait;
use azure_mgmt_network::package_2024_03::models::{
    ApplicationSecurityGroup as SdkSecurityGroup, BackendAddressPool, IpAllocationMethod, IpVersion,
    NetworkInterface as SdkInterface, NetworkInterfaceIpConfiguration, NetworkInterfaceIpConfigurationPropertiesFormat,
    NetworkInterfacePropertiesFormat, NetworkSecurityGroup as SdkGuard, PublicIpAddress as SdkAddress,
    Resource as SdkResource, SubResource, Subnet as SdkSubnet,
};
use meridian_engine::field::Set;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Attr, Fields, Ref, Resource as _, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use crate::arm::{arm_id, computed, condition, gone, group_of, id_in, id_of, is_going, known, reference, word};
use crate::client::id::{ArmId, normal};
use crate::client::{Azure, Tags};
use crate::compile::names::API;
use crate::firewall::{ApplicationSecurityGroup, NetworkSecurityGroup};
use crate::limits::{delete, read, write};
use crate::network::{NETWORK, PublicIp, ResourceGroup, Subnet};

const TYPE: &str = "Microsoft.Network/networkInterfaces";

/// Name of an interface's only address.
const CONFIGURATION: &str = "main";

/// Tag that holds a fixed address, which an answer does not tell from one that was given out.
const FIXED: &str = "Static";

resource! {
    /// A network interface with one private address.
    pub struct NetworkInterface = "azure_network_interface", "network interface", Replacement::DeleteFirst;
    fields {
        group: Ref<ResourceGroup> => replace,
        name: String => replace,
        subnet: Ref<Subnet> => replace,
        /// Fixed; `None` takes any.
        address: Option<String> => replace,
        /// What the rules of the subnet's security group know its machine by.
        security_groups: Set<Ref<ApplicationSecurityGroup>> => update,
        /// What guards it where its subnet is another's.
        network_security_group: Option<Ref<NetworkSecurityGroup>> => update,
        /// The pool of the balancer in front of the API servers, if it is sent connections.
        backend_pool: Option<Attr<String>> => update,
        public_address: Option<Ref<PublicIp>> => update,
        /// Whether it may send and get what is not of its own address.
        ip_forwarding: bool => update,
        tags: Tags => update,
    }
    computed { private_ip }
}

/// Every network interface in the cluster's groups, those of machine groups among them.
pub(crate) async fn list(client: &Azure) -> Result<Arc<Vec<SdkInterface>>, CloudError> {
    client
        .in_groups(
            read(NETWORK, "NetworkInterfaces_List"),
            |group| client.network.network_interfaces_client().list(group, &client.subscription).into_stream(),
            |page| page.value,
        )
        .await
}

/// The address that an interface is about.
fn main(interface: &SdkInterface) -> Option<&NetworkInterfaceIpConfigurationPropertiesFormat> {
    let configurations = &interface.properties.as_ref()?.ip_configurations;
    configurations.iter().find(|one| one.name.as_deref() == Some(CONFIGURATION))?.properties.as_ref()
}

/// The id of a pool, when it is our balancer's. Those that Kubernetes makes are called after the cluster.
fn own_pool(pool: &BackendAddressPool) -> Option<String> {
    let id: ArmId = pool.sub_resource.id.as_deref()?.parse().ok()?;
    (id.name() == API).then(|| id.to_string())
}

pub(super) fn observe(client: &Azure, interface: &SdkInterface) -> Option<Found<NetworkInterface>> {
    let given = &interface.resource;
    let (address, tags) = client.own(
        NetworkInterface::SCHEMA.kind,
        given.id.as_deref(),
        given.tags.as_ref(),
        given.location.as_deref(),
    )?;
    let properties = interface.properties.as_ref()?;
    let state = word(properties.provisioning_state.as_ref());
    if is_going(state.as_deref()) {
        return None;
    }
    let id: ArmId = given.id.as_deref()?.parse().ok()?;
    let main = main(interface)?;
    let is_fixed = word(main.private_ip_allocation_method.as_ref()).as_deref() == Some(FIXED);
    let subnet = main.subnet.as_ref().and_then(|subnet| subnet.sub_resource.id.as_deref());
    let groups = main.application_security_groups.iter().filter_map(|group| reference(group.resource.id.as_deref()));
    let public_address = main.public_ip_address.as_ref().and_then(|address| address.resource.id.as_deref());
    let resource = NetworkInterface {
        group: group_of(&id),
        name: id.name().to_owned(),
        subnet: Ref::existing(subnet.map(normal).unwrap_or_default()),
        address: main.private_ip_address.clone().filter(|_| is_fixed),
        security_groups: groups.collect(),
        network_security_group: reference(
            properties.network_security_group.as_ref().and_then(|group| group.resource.id.as_deref()),
        ),
        backend_pool: main.load_balancer_backend_address_pools.iter().find_map(own_pool).map(Attr::Known),
        public_address: reference(public_address),
        ip_forwarding: properties.enable_ip_forwarding.unwrap_or_default(),
        tags,
    };
    Some(Found {
        address,
        id: id.to_string(),
        resource,
        computed: attributes(main),
        condition: condition(state.as_deref()),
    })
}

fn attributes(main: &NetworkInterfaceIpConfigurationPropertiesFormat) -> Fields {
    computed([("private_ip", main.private_ip_address.clone().unwrap_or_default())])
}

impl NetworkInterface {
    /// The body of a write, without what others may have set.
    pub(super) fn written(&self, client: &Azure, address: &Address) -> Result<SdkInterface, CloudError> {
        let resource = |id: &str| SdkResource { id: Some(id.to_owned()), ..SdkResource::default() };
        let sub_resource = |id: String| SubResource { id: Some(id) };
        let groups = self
            .security_groups
            .0
            .iter()
            .map(|group| Ok(SdkSecurityGroup { resource: resource(id_of(group)?), ..SdkSecurityGroup::default() }));
        let own = self.backend_pool.as_ref().map(known).transpose()?.map(|pool| BackendAddressPool {
            sub_resource: sub_resource(pool.clone()),
            ..BackendAddressPool::default()
        });
        let public_address = self.public_address.as_ref().map(id_of).transpose()?;
        let guard = self.network_security_group.as_ref().map(id_of).transpose()?;
        let main = NetworkInterfaceIpConfigurationPropertiesFormat {
            subnet: Some(SdkSubnet {
                sub_resource: sub_resource(id_of(&self.subnet)?.to_owned()),
                ..SdkSubnet::default()
            }),
            private_ip_address: self.address.clone(),
            private_ip_allocation_method: Some(match self.address {
                Some(_) => IpAllocationMethod::Static,
                None => IpAllocationMethod::Dynamic,
            }),
            private_ip_address_version: Some(IpVersion::IPv4),
            primary: Some(true),
            application_security_groups: groups.collect::<Result<_, CloudError>>()?,
            load_balancer_backend_address_pools: own.into_iter().collect(),
            public_ip_address: public_address.map(|id| SdkAddress { resource: resource(id), ..SdkAddress::default() }),
            ..NetworkInterfaceIpConfigurationPropertiesFormat::default()
        };
        Ok(SdkInterface {
            resource: SdkResource {
                location: Some(client.region.clone()),
                tags: Some(client.all_tags(address, &self.tags)),
                ..SdkResource::default()
            },
            properties: Some(NetworkInterfacePropertiesFormat {
                ip_configurations: vec![NetworkInterfaceIpConfiguration {
                    name: Some(CONFIGURATION.to_owned()),
                    properties: Some(main),
                    ..NetworkInterfaceIpConfiguration::default()
                }],
                network_security_group: guard.map(|id| SdkGuard { resource: resource(id), ..SdkGuard::default() }),
                enable_ip_forwarding: Some(self.ip_forwarding),
                ..NetworkInterfacePropertiesFormat::default()
            }),
            ..SdkInterface::default()
        })
    }

    async fn made(client: &Azure, id: ArmId) -> Result<Made, CloudError> {
        let interfaces = client.network.network_interfaces_client();
        let now = client
            .call_new(read(NETWORK, "NetworkInterfaces_Get"), || {
                interfaces.get(&id.group, id.name(), &id.subscription).into_future()
            })
            .await?;
        let computed = main(&now).map(attributes).unwrap_or_default();
        Ok(Made { id: id.to_string(), computed })
    }
}

/// Pools that are not ours, by nothing but their ids.
fn others(interface: &SdkInterface) -> Vec<BackendAddressPool> {
    let pools = main(interface).map(|main| main.load_balancer_backend_address_pools.as_slice()).unwrap_or_default();
    let others = pools.iter().filter(|pool| own_pool(pool).is_none());
    others
        .map(|pool| BackendAddressPool { sub_resource: pool.sub_resource.clone(), ..BackendAddressPool::default() })
        .collect()
}

/// Our body over an interface as it is: what others have set stays, such as pools of Kubernetes' own balancers, name servers
/// and further addresses.
fn over(now: &SdkInterface, body: SdkInterface) -> SdkInterface {
    let mut there = now.properties.clone().unwrap_or_default();
    let own = body.properties.unwrap_or_default();
    let mut configurations = own.ip_configurations;
    if let Some(main) = configurations.first_mut().and_then(|first| first.properties.as_mut()) {
        main.load_balancer_backend_address_pools.extend(others(now));
    }
    configurations.extend(
        there.ip_configurations.into_iter().filter(|one| one.name.as_deref() != Some(CONFIGURATION)).map(as_it_was),
    );
    if let Some(dns) = &mut there.dns_settings {
        dns.applied_dns_servers = Vec::new();
        dns.internal_fqdn = None;
        dns.internal_domain_name_suffix = None;
    }
    SdkInterface {
        properties: Some(NetworkInterfacePropertiesFormat {
            ip_configurations: configurations,
            dns_settings: there.dns_settings,
            enable_accelerated_networking: there.enable_accelerated_networking,
            disable_tcp_state_tracking: there.disable_tcp_state_tracking,
            ..own
        }),
        ..body
    }
}

/// A further address as it is written back: without what only Azure writes.
fn as_it_was(now: NetworkInterfaceIpConfiguration) -> NetworkInterfaceIpConfiguration {
    NetworkInterfaceIpConfiguration {
        name: now.name,
        properties: now.properties.map(|properties| NetworkInterfaceIpConfigurationPropertiesFormat {
            provisioning_state: None,
            private_link_connection_properties: None,
            ..properties
        }),
        ..NetworkInterfaceIpConfiguration::default()
    }
}

#[async_trait]
impl KindOps<Azure> for NetworkInterface {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        Ok(list(client).await?.iter().filter_map(|interface| observe(client, interface)).collect())
    }

    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        let group = arm_id(&self.group)?;
        let body = self.written(client, &new.address)?;
        let interfaces = client.network.network_interfaces_client();
        client
            .done(write(NETWORK, "NetworkInterfaces_CreateOrUpdate"), || {
                interfaces.create_or_update(&group.group, &self.name, body.clone(), &group.subscription).send()
            })
            .await?;
        Self::made(client, id_in(&group, TYPE, &self.name).parse()?).await
    }

    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: ArmId = existing.id.parse()?;
        let body = self.written(client, &existing.address)?;
        let interfaces = client.network.network_interfaces_client();
        client
            .change(
                (read(NETWORK, "NetworkInterfaces_Get"), || {
                    interfaces.get(&id.group, id.name(), &id.subscription).into_future()
                }),
                |now: &SdkInterface| now.etag.clone(),
                (write(NETWORK, "NetworkInterfaces_CreateOrUpdate"), |now: &SdkInterface| {
                    interfaces.create_or_update(&id.group, id.name(), over(now, body.clone()), &id.subscription).send()
                }),
            )
            .await?;
        Self::made(client, id).await
    }

    /// An interface stays reserved for a machine that is gone for some minutes; until then this is refused and tried
    /// again.
    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let interfaces = client.network.network_interfaces_client();
        let api = delete(NETWORK, "NetworkInterfaces_Delete");
        gone(client.done(api, || interfaces.delete(&id.group, id.name(), &id.subscription).send()).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_balancers_pool_is_ours() {
        let pool = |name: &str| BackendAddressPool {
            sub_resource: SubResource {
                id: Some(format!(
                    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/loadBalancers/b/backendAddressPools/{name}"
                )),
            },
            ..BackendAddressPool::default()
        };
        assert_eq!(own_pool(&pool(API)), pool(API).sub_resource.id);
        assert_eq!(own_pool(&pool("kubernetes")), None);
    }
}
