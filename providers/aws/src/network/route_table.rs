//! Where packets of subnets go. Its routes and the subnets that use it are its fields.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    ResourceType, Route as SdkRoute, RouteOrigin, RouteTable as SdkRouteTable, RouteTableAssociation,
    RouteTableAssociationStateCode as AssociationState,
};
use meridian_engine::field::Set;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Attr, Fields, Ref, Resource as _, record, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::{Subnet, Vpc};
use crate::client::{Aws, Owner, Tags};
use crate::ec2::{
    allowing, found, gone, id_of, made, marked_or_recorded, own, pages, required, retag, tag_specification, token,
    with_new,
};
use crate::limits::{ec2_read, ec2_write};

resource! {
    /// A route table.
    pub struct RouteTable = "aws_route_table", "route table", Replacement::DeleteFirst;
    fields {
        vpc: Ref<Vpc> => replace,
        /// Sorted by destination. Not among them: the VPC's own range, what a gateway propagates or an endpoint
        /// brings, and routes to machines, which are the business of Kubernetes' route controller.
        routes: Vec<Route> => update,
        /// The subnets that use it.
        subnets: Set<Ref<Subnet>> => update,
        tags: Tags => update,
    }
    computed {}
}

record! {
    /// A route.
    pub struct Route {
        /// An IPv4 range.
        destination: String,
        /// Id of an internet gateway or a NAT gateway.
        target: Attr<String>,
    }
}

#[async_trait]
impl KindOps<Aws> for RouteTable {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let listing = client
            .listing("DescribeRouteTables", || {
                marked_or_recorded(
                    client,
                    RouteTable::SCHEMA.kind,
                    "route-table-id",
                    SdkRouteTable::route_table_id,
                    |filter| {
                        pages(move |token| {
                            let filter = filter.clone();
                            async move {
                                let answer = client
                                    .call(ec2_read("DescribeRouteTables"), || {
                                        client
                                            .ec2
                                            .describe_route_tables()
                                            .filters(filter.clone())
                                            .set_next_token(token.clone())
                                            .send()
                                    })
                                    .await?;
                                Ok((answer.route_tables, answer.next_token))
                            }
                        })
                    },
                )
            })
            .await?;
        Ok(listing.iter().filter_map(|found| read(client.owner(), found)).collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let tags = client.all_tags(&new.address, &self.tags);
        let vpc = id_of(&self.vpc)?;
        let client_token = token(&new.token, &[vpc]);
        let answer = with_new(client, || {
            client.call(ec2_write("CreateRouteTable"), || {
                client
                    .ec2
                    .create_route_table()
                    .vpc_id(vpc)
                    .client_token(&client_token)
                    .tag_specifications(tag_specification(ResourceType::RouteTable, &tags))
                    .send()
            })
        })
        .await?;
        let table = required(answer.route_table, "ec2:CreateRouteTable", "route table")?;
        let id = required(table.route_table_id.clone(), "ec2:CreateRouteTable", "id")?;
        self.converge(client, &id, &table).await?;
        Ok(made(id))
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id = existing.id.as_str();
        if existing.changed.contains("routes") || existing.changed.contains("subnets") {
            let table = required(look(client, id).await?, "ec2:DescribeRouteTables", id)?;
            self.converge(client, id, &table).await?;
        }
        retag(client, id, &existing.before.tags, &client.tags_of(existing, &self.tags)).await?;
        Ok(made(id))
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id = existing.id.as_str();
        let Some(table) = look(client, id).await? else { return Ok(()) };
        for association in associations(&table) {
            disassociate(client, association).await?;
        }
        gone(
            client
                .call(ec2_write("DeleteRouteTable"), || client.ec2.delete_route_table().route_table_id(id).send())
                .await,
        )
    }
}

impl RouteTable {
    /// Brings routes and associations from what `table` has to what is wanted.
    async fn converge(&self, client: &Aws, id: &str, table: &SdkRouteTable) -> Result<(), CloudError> {
        let now = routes(table);
        let before: BTreeMap<&str, &Attr<String>> =
            now.iter().map(|route| (route.destination.as_str(), &route.target)).collect();
        for route in self.routes.iter().filter(|route| before.get(route.destination.as_str()) != Some(&&route.target)) {
            set_route(client, id, route, before.contains_key(route.destination.as_str())).await?;
        }
        let wanted: BTreeSet<&str> = self.routes.iter().map(|route| route.destination.as_str()).collect();
        for destination in before.keys().filter(|destination| !wanted.contains(*destination)) {
            gone(
                client
                    .call(ec2_write("DeleteRoute"), || {
                        client.ec2.delete_route().route_table_id(id).destination_cidr_block(*destination).send()
                    })
                    .await,
            )?;
        }

        let wanted = self.subnets.0.iter().map(id_of).collect::<Result<BTreeSet<_>, _>>()?;
        let associated: BTreeSet<&str> = associations(table).filter_map(RouteTableAssociation::subnet_id).collect();
        for association in associations(table) {
            if association.subnet_id().is_some_and(|subnet| !wanted.contains(subnet)) {
                disassociate(client, association).await?;
            }
        }
        for subnet in wanted.difference(&associated) {
            associate(client, id, subnet).await?;
        }
        Ok(())
    }
}

/// Makes a route, or turns the one to the same destination.
async fn set_route(client: &Aws, id: &str, route: &Route, exists: bool) -> Result<(), CloudError> {
    let target = route
        .target
        .get()
        .map_err(|error| CloudError::new(ErrorKind::Invalid, "ec2:CreateRoute", error.to_string()))?;
    let (gateway, nat) = if target.starts_with("nat-") { (None, Some(target)) } else { (Some(target), None) };
    if !exists {
        let result = with_new(client, || {
            client.call(ec2_write("CreateRoute"), || {
                client
                    .ec2
                    .create_route()
                    .route_table_id(id)
                    .destination_cidr_block(&route.destination)
                    .set_gateway_id(gateway.cloned())
                    .set_nat_gateway_id(nat.cloned())
                    .send()
            })
        })
        .await;
        match result {
            // A call that was sent twice, or a route that someone made since: it is turned to where it should go.
            Err(error) if error.kind == ErrorKind::AlreadyExists => {}
            result => return result.map(|_| ()),
        }
    }
    client
        .call(ec2_write("ReplaceRoute"), || {
            client
                .ec2
                .replace_route()
                .route_table_id(id)
                .destination_cidr_block(&route.destination)
                .set_gateway_id(gateway.cloned())
                .set_nat_gateway_id(nat.cloned())
                .send()
        })
        .await?;
    Ok(())
}

async fn associate(client: &Aws, id: &str, subnet: &str) -> Result<(), CloudError> {
    let result = with_new(client, || {
        client.call(ec2_write("AssociateRouteTable"), || {
            client.ec2.associate_route_table().route_table_id(id).subnet_id(subnet).send()
        })
    })
    .await;
    let Err(error) = result else { return Ok(()) };
    if error.code.as_deref() != Some("Resource.AlreadyAssociated") {
        return Err(error);
    }
    // With this table, when the call was sent twice, or with another: only a look tells.
    let table = look(client, id).await?;
    let here = table.iter().flat_map(associations).any(|a| a.subnet_id() == Some(subnet));
    if here { Ok(()) } else { Err(error) }
}

async fn disassociate(client: &Aws, association: &RouteTableAssociation) -> Result<(), CloudError> {
    let Some(id) = association.route_table_association_id() else { return Ok(()) };
    let result = client
        .call(ec2_write("DisassociateRouteTable"), || client.ec2.disassociate_route_table().association_id(id).send())
        .await;
    allowing(result, |error| error.kind == ErrorKind::NotFound)
}

async fn look(client: &Aws, id: &str) -> Result<Option<SdkRouteTable>, CloudError> {
    let answer = found(
        client
            .call(ec2_read("DescribeRouteTables"), || client.ec2.describe_route_tables().route_table_ids(id).send())
            .await,
    )?;
    Ok(answer.and_then(|answer| answer.route_tables).and_then(|tables| tables.into_iter().next()))
}

/// The associations with subnets that are there or will be.
fn associations(table: &SdkRouteTable) -> impl Iterator<Item = &RouteTableAssociation> {
    table.associations().iter().filter(|association| {
        let state = association.association_state().and_then(|state| state.state());
        association.main != Some(true)
            && association.subnet_id.is_some()
            && !matches!(
                state,
                Some(AssociationState::Disassociated | AssociationState::Disassociating | AssociationState::Failed)
            )
    })
}

fn routes(table: &SdkRouteTable) -> Vec<Route> {
    let mut routes: Vec<Route> = table.routes().iter().filter_map(route).collect();
    routes.sort_by(|a, b| a.destination.cmp(&b.destination));
    routes
}

/// A route that is the table's own business; see [`RouteTable::routes`].
fn route(route: &SdkRoute) -> Option<Route> {
    let made_elsewhere = route.gateway_id() == Some("local")
        || route.gateway_id().is_some_and(|id| id.starts_with("vpce-"))
        || route.instance_id().is_some_and(|id| !id.is_empty())
        || route.origin == Some(RouteOrigin::EnableVgwRoutePropagation);
    if made_elsewhere {
        return None;
    }
    let target = [
        route.gateway_id(),
        route.nat_gateway_id(),
        route.transit_gateway_id(),
        route.vpc_peering_connection_id(),
        route.egress_only_internet_gateway_id(),
        route.local_gateway_id(),
        route.carrier_gateway_id(),
        route.network_interface_id(),
        route.core_network_arn(),
    ]
    .into_iter()
    .flatten()
    .find(|id| !id.is_empty())?;
    let destination = route.destination_cidr_block().filter(|range| !range.is_empty())?;
    Some(Route { destination: destination.to_owned(), target: Attr::Known(target.to_owned()) })
}

fn read(owner: Owner<'_>, table: &SdkRouteTable) -> Option<Found<RouteTable>> {
    let (address, tags) = own(owner, RouteTable::SCHEMA.kind, table.route_table_id.as_deref(), table.tags.as_deref())?;
    let subnets = associations(table).filter_map(RouteTableAssociation::subnet_id).map(Ref::existing).collect();
    Some(Found {
        address,
        id: table.route_table_id.clone()?,
        resource: RouteTable { vpc: Ref::existing(table.vpc_id()?), routes: routes(table), subnets, tags },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_routes_of_our_own_are_read() {
        let to = |destination: &str| SdkRoute::builder().destination_cidr_block(destination);
        let table = SdkRouteTable::builder()
            .routes(to("10.0.0.0/16").gateway_id("local").build())
            .routes(to("10.9.0.0/16").vpc_peering_connection_id("pcx-1").build())
            .routes(to("0.0.0.0/0").nat_gateway_id("nat-1").build())
            .routes(to("100.64.1.0/24").instance_id("i-1").network_interface_id("eni-1").build())
            .routes(to("172.16.0.0/12").gateway_id("vgw-1").origin(RouteOrigin::EnableVgwRoutePropagation).build())
            .routes(SdkRoute::builder().destination_prefix_list_id("pl-1").gateway_id("vpce-1").build())
            .build();
        let read: Vec<(String, Attr<String>)> =
            routes(&table).into_iter().map(|route| (route.destination, route.target)).collect();
        assert_eq!(
            read,
            [
                ("0.0.0.0/0".to_owned(), Attr::Known("nat-1".to_owned())),
                ("10.9.0.0/16".to_owned(), Attr::Known("pcx-1".to_owned())),
            ]
        );
    }
}
