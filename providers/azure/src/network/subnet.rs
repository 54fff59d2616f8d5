//! A range of the network.

use std::future::IntoFuture as _;
use std::sync::Arc;

use async_trait::async_trait;
use azure_mgmt_network::package_2024_03::models::{
    NetworkSecurityGroup as SdkGroup, Resource as SdkResource, RouteTable as SdkTable, SubResource,
    Subnet as SdkSubnet, SubnetPropertiesFormat,
};
use futures::future::try_join_all;
use ipnet::Ipv4Net;
use meridian_engine::resource;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource as _};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::{NETWORK, NatGateway, RouteTable, VirtualNetwork, virtual_network};
use crate::arm::{arm_id, condition, found, gone, id_of, is_going, made, reference, word};
use crate::client::Azure;
use crate::client::id::{ArmId, normal};
use crate::firewall::{NetworkSecurityGroup, network_security_group};
use crate::limits::{delete, read, write};

resource! {
    /// A subnet. It spans the zones of its region.
    pub struct Subnet = "azure_subnet", "subnet", Replacement::DeleteFirst;
    fields {
        network: Ref<VirtualNetwork> => replace,
        /// It begins with the cluster's name: subnets take no tags, and are found by it.
        name: String => replace,
        cidr: Ipv4Net => exclusive,
        security_group: Ref<NetworkSecurityGroup> => update,
        nat_gateway: Option<Ref<NatGateway>> => update,
        route_table: Option<Ref<RouteTable>> => update,
        /// Whether Azure gives machines a way out that nobody asked for.
        default_outbound_access: bool => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Azure> for Subnet {
    /// Networks list their subnets. In another's network a subnet is ours when it has our security group, as every subnet
    /// of ours does; only then is there a second round trip.
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let (networks, own, guarded) = tokio::try_join!(
            virtual_network::list(client),
            virtual_network::ours(client),
            network_security_group::subnets(client)
        )?;
        let is_ours = |subnet: &Found<Self>| {
            guarded.contains(&subnet.id) || subnet.resource.network.id().is_ok_and(|id| own.iter().any(|own| own == id))
        };
        let inside =
            networks.iter().filter_map(|network| network.properties.as_ref()).flat_map(|network| &network.subnets);
        let mut subnets: Vec<Found<Self>> =
            inside.filter_map(|subnet| read_subnet(client, subnet)).filter(is_ours).collect();
        let elsewhere =
            guarded.iter().filter(|id| subnets.iter().all(|subnet| subnet.id != **id)).map(|id| async move {
                let id: ArmId = id.parse()?;
                found(get(client, &id).await)
            });
        let elsewhere = try_join_all(elsewhere).await?;
        subnets.extend(elsewhere.into_iter().flatten().filter_map(|subnet| read_subnet(client, &subnet)));
        Ok(subnets)
    }

    /// A subnet of the name may be another's, in another's network. It is not taken over.
    async fn create(&self, client: &Azure, _: &New) -> Result<Made, CloudError> {
        let network = arm_id(&self.network)?;
        let id = normal(&format!("{network}/subnets/{}", self.name));
        if let Some(there) = found(get(client, &id.parse()?).await)?
            && guard(&there).as_deref() != Some(id_of(&self.security_group)?)
        {
            let message = format!("the subnet {id} is there and not this cluster's");
            return Err(CloudError::new(ErrorKind::AlreadyExists, "Subnets_CreateOrUpdate", message));
        }
        let body = self.written(SubnetPropertiesFormat::default())?;
        client
            .done(write(NETWORK, "Subnets_CreateOrUpdate"), || {
                client
                    .network
                    .subnets_client()
                    .create_or_update(&network.group, network.name(), &self.name, body.clone(), &network.subscription)
                    .send()
            })
            .await?;
        Ok(made(id))
    }

    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: Arc<ArmId> = Arc::new(existing.id.parse()?);
        let network = id.parent()?.to_owned();
        // What can't be written is told before anything is sent.
        self.written(SubnetPropertiesFormat::default())?;
        let subnets = client.network.subnets_client();
        client
            .change(
                (read(NETWORK, "Subnets_Get"), || {
                    subnets.get(&id.group, &network, id.name(), &id.subscription).into_future()
                }),
                |now: &SdkSubnet| now.etag.clone(),
                (write(NETWORK, "Subnets_CreateOrUpdate"), |now: &SdkSubnet| {
                    let kept = now.properties.clone().map(others).unwrap_or_default();
                    let body = self.written(kept).unwrap_or_default();
                    subnets.create_or_update(&id.group, &network, id.name(), body, &id.subscription).send()
                }),
            )
            .await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let network = id.parent()?;
        let api = delete(NETWORK, "Subnets_Delete");
        let subnets = client.network.subnets_client();
        gone(client.done(api, || subnets.delete(&id.group, network, id.name(), &id.subscription).send()).await)
    }
}

impl Subnet {
    /// The body of a write; `kept` is what others have set.
    fn written(&self, kept: SubnetPropertiesFormat) -> Result<SdkSubnet, CloudError> {
        let resource = |id: &str| SdkResource { id: Some(id.to_owned()), ..SdkResource::default() };
        let security_group = SdkGroup { resource: resource(id_of(&self.security_group)?), ..SdkGroup::default() };
        let route_table = self.route_table.as_ref().map(id_of).transpose()?;
        let nat_gateway = self.nat_gateway.as_ref().map(id_of).transpose()?;
        Ok(SdkSubnet {
            name: Some(self.name.clone()),
            properties: Some(SubnetPropertiesFormat {
                address_prefix: Some(self.cidr.to_string()),
                network_security_group: Some(security_group),
                route_table: route_table.map(|id| SdkTable { resource: resource(id), ..SdkTable::default() }),
                nat_gateway: nat_gateway.map(|id| SubResource { id: Some(id.to_owned()) }),
                default_outbound_access: Some(self.default_outbound_access),
                ..kept
            }),
            ..SdkSubnet::default()
        })
    }
}

/// What others may have set on a subnet of ours, and nothing that only Azure writes.
fn others(now: SubnetPropertiesFormat) -> SubnetPropertiesFormat {
    SubnetPropertiesFormat {
        service_endpoints: now.service_endpoints,
        service_endpoint_policies: now.service_endpoint_policies,
        delegations: now.delegations,
        private_endpoint_network_policies: now.private_endpoint_network_policies,
        private_link_service_network_policies: now.private_link_service_network_policies,
        ..SubnetPropertiesFormat::default()
    }
}

/// One subnet, by its id.
pub(crate) async fn get(client: &Azure, id: &ArmId) -> Result<SdkSubnet, CloudError> {
    let network = id.parent()?;
    client
        .call(read(NETWORK, "Subnets_Get"), || {
            client.network.subnets_client().get(&id.group, network, id.name(), &id.subscription).into_future()
        })
        .await
}

/// The id of the security group that a subnet has.
fn guard(subnet: &SdkSubnet) -> Option<String> {
    subnet.properties.as_ref()?.network_security_group.as_ref()?.resource.id.as_deref().map(normal)
}

/// Ours are called so; the rest of the name is the address'.
fn read_subnet(client: &Azure, subnet: &SdkSubnet) -> Option<Found<Subnet>> {
    let id: ArmId = subnet.sub_resource.id.as_deref()?.parse().ok()?;
    let role = id.name().strip_prefix(&client.cluster)?.strip_prefix('-')?;
    let properties = subnet.properties.as_ref()?;
    let state = word(properties.provisioning_state.as_ref());
    if is_going(state.as_deref()) || !matches!(role, "private" | "public") {
        return None;
    }
    let network = ArmId { path: id.path.first().cloned().into_iter().collect(), ..id.clone() };
    let prefix = properties.address_prefix.as_deref().or(properties.address_prefixes.first().map(String::as_str))?;
    Some(Found {
        address: Address::new(Subnet::SCHEMA.kind, role).ok()?,
        id: id.to_string(),
        resource: Subnet {
            network: Ref::existing(network.to_string()),
            name: id.name().to_owned(),
            cidr: prefix.parse().ok()?,
            // Someone may have taken it off.
            security_group: Ref::existing(guard(subnet).unwrap_or_default()),
            nat_gateway: reference(properties.nat_gateway.as_ref().and_then(|gateway| gateway.id.as_deref())),
            route_table: reference(properties.route_table.as_ref().and_then(|table| table.resource.id.as_deref())),
            default_outbound_access: properties.default_outbound_access.unwrap_or(true),
        },
        computed: Fields::new(),
        condition: condition(state.as_deref()),
    })
}
