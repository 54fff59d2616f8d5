//! Route tables, their routes and their associations with subnets.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::describe::{Field, Resource, select};
use super::internet_gateway::InternetGateway;
use super::network_interface::NetworkInterface;
use super::{Answer, Cx, Ec2, Params, Xml, done, subnet, tag, vpc};
use crate::aws::ApiError;
use crate::ids::IdSource;

/// A route table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RouteTable {
    /// The id.
    pub id: String,
    /// The VPC.
    pub vpc: String,
    /// Whether it is the VPC's main table.
    pub main: bool,
    /// Subnets by the association's id.
    pub associations: BTreeMap<String, String>,
    main_association: String,
    routes: Vec<Route>,
}

/// A route.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Route {
    destination: String,
    target: Target,
    origin: String,
}

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Target {
    Local,
    Gateway(String),
    Nat(String),
    Interface(String),
    Endpoint(String),
}

impl Resource for RouteTable {
    const TYPE: &'static str = "route-table";
    const IDS: &'static str = "RouteTableId";
    const NOT_FOUND: &'static str = "InvalidRouteTableID.NotFound";
    const FIELDS: &'static [Field<Self>] = &[
        ("route-table-id", |_, t| vec![t.id.clone()]),
        ("vpc-id", |_, t| vec![t.vpc.clone()]),
        ("owner-id", |_, _| vec![crate::aws::world::ACCOUNT.to_owned()]),
        ("association.main", |_, t| {
            let main = t.main.then(|| "true".to_owned());
            main.into_iter().chain(t.associations.keys().map(|_| "false".to_owned())).collect()
        }),
        ("association.route-table-association-id", |_, t| {
            t.associations.keys().cloned().chain(t.main.then(|| t.main_association.clone())).collect()
        }),
        ("association.route-table-id", |_, t| vec![t.id.clone()]),
        ("association.subnet-id", |_, t| t.associations.values().cloned().collect()),
        ("route.destination-cidr-block", |_, t| t.routes.iter().map(|r| r.destination.clone()).collect()),
        ("route.gateway-id", |_, t| t.routes.iter().filter_map(|r| r.target.gateway_id()).collect()),
        ("route.nat-gateway-id", |_, t| {
            t.routes
                .iter()
                .filter_map(|r| if let Target::Nat(id) = &r.target { Some(id.clone()) } else { None })
                .collect()
        }),
        ("route.origin", |_, t| t.routes.iter().map(|r| r.origin.clone()).collect()),
        ("route.state", |e, t| t.routes.iter().map(|r| r.state(e).to_owned()).collect()),
    ];

    fn id(&self) -> &str {
        &self.id
    }
    fn all(ec2: &Ec2) -> &BTreeMap<String, Self> {
        &ec2.route_tables
    }
    fn all_mut(ec2: &mut Ec2) -> &mut BTreeMap<String, Self> {
        &mut ec2.route_tables
    }
    fn not_found(id: &str) -> ApiError {
        ApiError::bad(Self::NOT_FOUND, format!("The routeTable ID '{id}' does not exist"))
    }
}

impl RouteTable {
    /// A table with the local route only.
    pub fn new(ids: &mut IdSource, vpc: &str, cidr: Ipv4Net, main: bool) -> Self {
        let local =
            Route { destination: cidr.to_string(), target: Target::Local, origin: "CreateRouteTable".to_owned() };
        Self {
            id: ids.ec2("rtb"),
            vpc: vpc.to_owned(),
            main,
            associations: BTreeMap::new(),
            main_association: ids.ec2("rtbassoc"),
            routes: vec![local],
        }
    }

    /// Sets or takes away the route to a gateway endpoint's service.
    pub fn set_endpoint_route(&mut self, prefix_list: &str, endpoint: Option<&str>) {
        self.routes.retain(|route| route.destination != prefix_list);
        if let Some(endpoint) = endpoint {
            self.routes.push(Route {
                destination: prefix_list.to_owned(),
                target: Target::Endpoint(endpoint.to_owned()),
                origin: "CreateRoute".to_owned(),
            });
        }
    }
}

impl Target {
    fn gateway_id(&self) -> Option<String> {
        match self {
            Self::Local => Some("local".to_owned()),
            Self::Gateway(id) | Self::Endpoint(id) => Some(id.clone()),
            Self::Nat(_) | Self::Interface(_) => None,
        }
    }
}

impl Route {
    /// A route whose target is gone leads nowhere.
    fn state(&self, ec2: &Ec2) -> &'static str {
        let lives = match &self.target {
            Target::Local => true,
            Target::Gateway(id) => ec2.internet_gateways.get(id).is_some_and(|gateway| gateway.vpc.is_some()),
            Target::Nat(id) => ec2.nat_gateways.get(id).is_some_and(|nat| nat.state != "deleted"),
            Target::Interface(id) => {
                ec2.network_interfaces.get(id).is_some_and(|interface| interface.attachment.is_some())
            }
            Target::Endpoint(id) => ec2.vpc_endpoints.contains_key(id),
        };
        if lives { "active" } else { "blackhole" }
    }
}

/// `CreateRouteTable`.
pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let vpc = cx.ec2().get::<vpc::Vpc>(&p.str("VpcId")?)?.clone();
    let tags = tag::specified(p, "route-table")?;
    if cx.ec2().route_tables.values().filter(|table| table.vpc == vpc.id).count() >= cx.quotas.route_tables {
        return Err(ApiError::bad("RouteTableLimitExceeded", "The maximum number of route tables has been reached."));
    }
    let table = RouteTable::new(cx.ids, &vpc.id, vpc.cidr, false);
    let ec2 = cx.ec2();
    tag::set(ec2, &table.id, tags);
    let mut x = Xml::new();
    x.nest("routeTable", |x| write(x, ec2, &table));
    ec2.route_tables.insert(table.id.clone(), table);
    Ok(x)
}

fn write(x: &mut Xml, ec2: &Ec2, table: &RouteTable) {
    x.text("routeTableId", &table.id);
    x.text("vpcId", &table.vpc);
    x.text("ownerId", crate::aws::world::ACCOUNT);
    x.list("routeSet", "item", &table.routes, |x, route| {
        if route.destination.starts_with("pl-") {
            x.text("destinationPrefixListId", &route.destination);
        } else if route.destination.contains(':') {
            x.text("destinationIpv6CidrBlock", &route.destination);
        } else {
            x.text("destinationCidrBlock", &route.destination);
        }
        x.opt("gatewayId", route.target.gateway_id());
        match &route.target {
            Target::Nat(id) => x.text("natGatewayId", id),
            Target::Interface(id) => {
                x.text("networkInterfaceId", id);
                if let Some(instance) = ec2.network_interfaces.get(id).and_then(NetworkInterface::instance) {
                    x.text("instanceId", instance);
                    x.text("instanceOwnerId", crate::aws::world::ACCOUNT);
                }
            }
            _ => {}
        }
        x.text("state", route.state(ec2));
        x.text("origin", &route.origin);
    });
    let main = table.main.then_some((&table.main_association, None));
    let others = table.associations.iter().map(|(id, subnet)| (id, Some(subnet)));
    x.list("associationSet", "item", main.into_iter().chain(others), |x, (id, subnet)| {
        x.text("routeTableAssociationId", id);
        x.text("routeTableId", &table.id);
        x.opt("subnetId", subnet);
        x.text("main", subnet.is_none());
        x.nest("associationState", |x| x.text("state", "associated"));
    });
    x.nest("propagatingVgwSet", |_| {});
    tag::write(x, ec2, &table.id);
}

/// `DescribeRouteTables`.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let limit = cx.page_limit;
    let ec2 = cx.ec2();
    Ok(select::<RouteTable>(ec2, limit, p)?.answer("routeTableSet", |x, table| write(x, ec2, table)))
}

/// `DeleteRouteTable`: neither the main one nor one that a subnet uses.
pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("RouteTableId")?;
    let ec2 = cx.ec2();
    let table = ec2.get::<RouteTable>(&id)?;
    if table.main || !table.associations.is_empty() {
        return Err(ApiError::dependency(format!("The routeTable '{id}' has dependencies and cannot be deleted.")));
    }
    for endpoint in ec2.vpc_endpoints.values_mut() {
        endpoint.route_tables.retain(|table| *table != id);
    }
    ec2.remove::<RouteTable>(&id);
    done()
}

/// `AssociateRouteTable`, with a subnet of the same VPC that has no other.
pub fn associate(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (id, subnet) = (p.str("RouteTableId")?, p.str("SubnetId")?);
    let association = cx.ids.ec2("rtbassoc");
    let ec2 = cx.ec2();
    let vpc = ec2.get::<subnet::Subnet>(&subnet)?.vpc.clone();
    if ec2.get::<RouteTable>(&id)?.vpc != vpc {
        return Err(ApiError::value(format!("Route table {id} and subnet {subnet} belong to different networks")));
    }
    for table in ec2.route_tables.values() {
        for (known, other) in &table.associations {
            if *other == subnet && table.id != id {
                return Err(ApiError::bad(
                    "Resource.AlreadyAssociated",
                    format!("the specified association for route table {id} conflicts with an existing association"),
                ));
            }
            if *other == subnet {
                return Ok(associated("associationId", known));
            }
        }
    }
    ec2.get_mut::<RouteTable>(&id)?.associations.insert(association.clone(), subnet);
    Ok(associated("associationId", &association))
}

fn associated(name: &str, id: &str) -> Xml {
    let mut x = Xml::new();
    x.text(name, id);
    x.nest("associationState", |x| x.text("state", "associated"));
    x
}

fn association_not_found(id: &str) -> ApiError {
    ApiError::bad("InvalidAssociationID.NotFound", format!("The association ID '{id}' does not exist"))
}

fn take_association(ec2: &mut Ec2, id: &str) -> Result<String, ApiError> {
    if ec2.route_tables.values().any(|table| table.main && table.main_association == id) {
        return Err(ApiError::value(format!("cannot disassociate the main route table association {id}")));
    }
    ec2.route_tables
        .values_mut()
        .find_map(|table| table.associations.remove(id))
        .ok_or_else(|| association_not_found(id))
}

/// `DisassociateRouteTable`.
pub fn disassociate(cx: &mut Cx<'_>, p: &Params) -> Answer {
    take_association(cx.ec2(), &p.str("AssociationId")?)?;
    done()
}

/// `ReplaceRouteTableAssociation`, of subnets only.
pub fn replace_association(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (id, table) = (p.str("AssociationId")?, p.str("RouteTableId")?);
    let association = cx.ids.ec2("rtbassoc");
    let ec2 = cx.ec2();
    ec2.get::<RouteTable>(&table)?;
    let subnet = take_association(ec2, &id)?;
    let vpc = ec2.get::<subnet::Subnet>(&subnet)?.vpc.clone();
    let table = ec2.get_mut::<RouteTable>(&table)?;
    if table.vpc != vpc {
        return Err(ApiError::value("The route table and the subnet belong to different networks"));
    }
    table.associations.insert(association.clone(), subnet);
    Ok(associated("newAssociationId", &association))
}

/// The destination and the target that a request names, checked against the table's VPC.
fn route(ec2: &Ec2, p: &Params, table: &RouteTable) -> Result<(String, Target), ApiError> {
    let destination = destination(p)?;
    let targets: Vec<Target> = [
        p.opt_str("GatewayId").map(|id| if id == "local" { Target::Local } else { Target::Gateway(id) }),
        p.opt_str("NatGatewayId").map(Target::Nat),
        p.opt_str("NetworkInterfaceId").map(Target::Interface),
        p.opt_str("InstanceId").map(|id| {
            let interfaces = super::network_interface::of_instance(ec2, &id);
            Target::Interface(interfaces.first().map_or(id, |interface| interface.id.clone()))
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    let [target] = targets.as_slice() else {
        return Err(ApiError::combination("Exactly one target must be given for a route"));
    };
    let different = |kind: &str, id: &str| {
        ApiError::value(format!("route table {} and {kind} {id} belong to different networks", table.id))
    };
    match target {
        Target::Gateway(id) => {
            if ec2.get::<InternetGateway>(id)?.vpc.as_ref() != Some(&table.vpc) {
                return Err(different("network gateway", id));
            }
        }
        Target::Nat(id) => {
            let nat = ec2.nat_gateways.get(id).filter(|nat| nat.state == "pending" || nat.state == "available");
            let nat = nat.ok_or_else(|| {
                ApiError::bad("InvalidNatGatewayID.NotFound", format!("The natGateway ID '{id}' does not exist"))
            })?;
            if nat.vpc != table.vpc {
                return Err(different("nat gateway", id));
            }
        }
        Target::Interface(id) => {
            if ec2.get::<NetworkInterface>(id)?.vpc != table.vpc {
                return Err(different("interface", id));
            }
        }
        Target::Local | Target::Endpoint(_) => {}
    }
    if let (Ok(net), Ok(local)) = (destination.parse::<Ipv4Net>(), table.routes[0].destination.parse::<Ipv4Net>())
        && local.contains(&net)
        && !matches!(target, Target::Interface(_) | Target::Local)
    {
        return Err(ApiError::value(format!(
            "The destination CIDR block {destination} is equal to or more specific than one of this VPC's CIDR \
             blocks. This route can target only an interface or an instance."
        )));
    }
    Ok((destination, target.clone()))
}

fn destination(p: &Params) -> Result<String, ApiError> {
    let malformed = |text: &str| {
        ApiError::value(format!(
            "Value ({text}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block."
        ))
    };
    match (p.opt_str("DestinationCidrBlock"), p.opt_str("DestinationIpv6CidrBlock")) {
        (Some(v4), None) => v4.parse::<Ipv4Net>().map(|net| net.trunc().to_string()).map_err(|_| malformed(&v4)),
        (None, Some(v6)) => v6.parse::<ipnet::Ipv6Net>().map(|net| net.trunc().to_string()).map_err(|_| malformed(&v6)),
        _ => Err(ApiError::bad("MissingParameter", "The request must contain the parameter destinationCidrBlock")),
    }
}

/// `CreateRoute`.
pub fn create_route(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let limit = cx.quotas.routes;
    let id = p.str("RouteTableId")?;
    let ec2 = cx.ec2();
    let (destination, target) = route(ec2, p, ec2.get::<RouteTable>(&id)?)?;
    let table = ec2.get_mut::<RouteTable>(&id)?;
    if table.routes.iter().any(|route| route.destination == destination) {
        return Err(ApiError::bad(
            "RouteAlreadyExists",
            format!("The route identified by {destination} already exists."),
        ));
    }
    if table.routes.len() >= limit {
        return Err(ApiError::bad("RouteLimitExceeded", "The maximum number of routes has been reached."));
    }
    table.routes.push(Route { destination, target, origin: "CreateRoute".to_owned() });
    done()
}

fn no_route(table: &str, destination: &str) -> ApiError {
    ApiError::bad(
        "InvalidRoute.NotFound",
        format!("no route with destination-cidr-block {destination} in route table {table}"),
    )
}

/// `ReplaceRoute`.
pub fn replace_route(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("RouteTableId")?;
    let ec2 = cx.ec2();
    let (destination, target) = route(ec2, p, ec2.get::<RouteTable>(&id)?)?;
    let table = ec2.get_mut::<RouteTable>(&id)?;
    let route = table
        .routes
        .iter_mut()
        .find(|route| route.destination == destination)
        .ok_or_else(|| no_route(&id, &destination))?;
    route.target = target;
    done()
}

/// `DeleteRoute`.
pub fn delete_route(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("RouteTableId")?;
    let destination = destination(p)?;
    let table = cx.ec2().get_mut::<RouteTable>(&id)?;
    let at = table
        .routes
        .iter()
        .position(|route| route.destination == destination)
        .ok_or_else(|| no_route(&id, &destination))?;
    if table.routes[at].target == Target::Local && at == 0 {
        return Err(ApiError::value(format!("cannot remove local route {destination} in route table {id}")));
    }
    table.routes.remove(at);
    done()
}
