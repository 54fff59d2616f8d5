//! Where traffic of a subnet goes.

use std::future::IntoFuture as _;

use async_trait::async_trait;
use azure_mgmt_network::package_2024_03::models::{
    Resource as SdkResource, Route as SdkRoute, RouteNextHopType, RoutePropertiesFormat, RouteTable as SdkTable,
    RouteTablePropertiesFormat,
};
use meridian_engine::field::Set;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Ref, Resource as _};
use meridian_engine::{record, resource};
use meridian_provider_api::{CloudError, Existing, Found, KindOps, Made, New, Scope};

use super::{NETWORK, ResourceGroup};
use crate::arm::{arm_id, condition, gone, group_of, id_in, is_going, made, word};
use crate::client::id::ArmId;
use crate::client::{Azure, Tags};
use crate::limits::{delete, read, write};

record! {
    /// A route to the internet.
    pub struct Route {
        name: String,
        /// Range of the destinations.
        destination: String,
    }
}

resource! {
    /// A route table. A subnet refers to the one it has. Where the subnet has a NAT gateway, what goes to the internet
    /// goes through that.
    pub struct RouteTable = "azure_route_table", "route table", Replacement::DeleteFirst;
    fields {
        group: Ref<ResourceGroup> => replace,
        name: String => replace,
        routes: Set<Route> => update,
        tags: Tags => update,
    }
    computed {}
}

#[async_trait]
impl KindOps<Azure> for RouteTable {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let tables = client
            .in_groups(
                read(NETWORK, "RouteTables_List"),
                |group| client.network.route_tables_client().list(group, &client.subscription).into_stream(),
                |page| page.value,
            )
            .await?;
        Ok(tables.iter().filter_map(|table| read_table(client, table)).collect())
    }

    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        let group = arm_id(&self.group)?;
        let body = self.body(client, &new.address, RouteTablePropertiesFormat::default());
        let tables = client.network.route_tables_client();
        client
            .done(write(NETWORK, "RouteTables_CreateOrUpdate"), || {
                tables.create_or_update(&group.group, &self.name, body.clone(), &group.subscription).send()
            })
            .await?;
        Ok(made(id_in(&group, "Microsoft.Network/routeTables", &self.name)))
    }

    /// The routes are ours; whether those of gateways are taken over is left as it is.
    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: ArmId = existing.id.parse()?;
        let tables = client.network.route_tables_client();
        client
            .change(
                (read(NETWORK, "RouteTables_Get"), || tables.get(&id.group, id.name(), &id.subscription).into_future()),
                |now: &SdkTable| now.etag.clone(),
                (write(NETWORK, "RouteTables_CreateOrUpdate"), |now: &SdkTable| {
                    let kept = RouteTablePropertiesFormat {
                        subnets: Vec::new(),
                        resource_guid: None,
                        provisioning_state: None,
                        ..now.properties.clone().unwrap_or_default()
                    };
                    let body = self.body(client, &existing.address, kept);
                    tables.create_or_update(&id.group, id.name(), body, &id.subscription).send()
                }),
            )
            .await?;
        Ok(made(&existing.id))
    }

    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let api = delete(NETWORK, "RouteTables_Delete");
        let tables = client.network.route_tables_client();
        gone(client.done(api, || tables.delete(&id.group, id.name(), &id.subscription).send()).await)
    }
}

impl RouteTable {
    fn body(&self, client: &Azure, address: &Address, kept: RouteTablePropertiesFormat) -> SdkTable {
        let route = |route: &Route| SdkRoute {
            name: Some(route.name.clone()),
            properties: Some(RoutePropertiesFormat {
                address_prefix: Some(route.destination.clone()),
                ..RoutePropertiesFormat::new(RouteNextHopType::Internet)
            }),
            ..SdkRoute::default()
        };
        SdkTable {
            resource: SdkResource {
                location: Some(client.region.clone()),
                tags: Some(client.all_tags(address, &self.tags)),
                ..SdkResource::default()
            },
            properties: Some(RouteTablePropertiesFormat { routes: self.routes.0.iter().map(route).collect(), ..kept }),
            ..SdkTable::default()
        }
    }
}

fn read_table(client: &Azure, table: &SdkTable) -> Option<Found<RouteTable>> {
    let resource = &table.resource;
    let (address, tags) = client.own(
        RouteTable::SCHEMA.kind,
        resource.id.as_deref(),
        resource.tags.as_ref(),
        resource.location.as_deref(),
    )?;
    let properties = table.properties.as_ref()?;
    let state = word(properties.provisioning_state.as_ref());
    if is_going(state.as_deref()) {
        return None;
    }
    let id: ArmId = resource.id.as_deref()?.parse().ok()?;
    let routes = properties.routes.iter().filter_map(|route| {
        Some(Route {
            name: route.name.clone()?,
            destination: match route.properties.as_ref()? {
                to if to.next_hop_type == RouteNextHopType::Internet => to.address_prefix.clone()?,
                // Somewhere else than we ever send it: shown as what it is, so that it is put right.
                to => format!("{} by {:?}", to.address_prefix.as_deref()?, to.next_hop_type),
            },
        })
    });
    Some(Found {
        address,
        id: id.to_string(),
        resource: RouteTable { group: group_of(&id), name: id.name().to_owned(), routes: routes.collect(), tags },
        computed: Fields::new(),
        condition: condition(state.as_deref()),
    })
}
