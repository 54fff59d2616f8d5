//! VPC endpoints: those of the gateway kind, for S3 and `DynamoDB`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::describe::{Field, Resource, select};
use super::route_table::RouteTable;
use super::{Answer, Cx, Ec2, Params, Xml, done, tag, vpc};
use crate::aws::{ApiError, Millis, timestamp};

const OPEN_POLICY: &str =
    r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

/// A VPC endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VpcEndpoint {
    id: String,
    /// The VPC.
    pub vpc: String,
    /// The security groups; gateway endpoints have none.
    pub groups: Vec<String>,
    /// The route tables that lead to it.
    pub route_tables: Vec<String>,
    service: String,
    policy: String,
    created: Millis,
    ready: Millis,
    gone: Option<Millis>,
}

impl Resource for VpcEndpoint {
    const TYPE: &'static str = "vpc-endpoint";
    const IDS: &'static str = "VpcEndpointId";
    const NOT_FOUND: &'static str = "InvalidVpcEndpointId.NotFound";
    const FIELDS: &'static [Field<Self>] = &[
        ("vpc-endpoint-id", |_, e| vec![e.id.clone()]),
        ("vpc-endpoint-state", |_, e| vec![e.state().to_owned()]),
        ("vpc-endpoint-type", |_, _| vec!["Gateway".to_owned()]),
        ("service-name", |_, e| vec![e.service.clone()]),
        ("vpc-id", |_, e| vec![e.vpc.clone()]),
    ];

    fn id(&self) -> &str {
        &self.id
    }
    fn all(ec2: &Ec2) -> &BTreeMap<String, Self> {
        &ec2.vpc_endpoints
    }
    fn all_mut(ec2: &mut Ec2) -> &mut BTreeMap<String, Self> {
        &mut ec2.vpc_endpoints
    }
    fn not_found(id: &str) -> ApiError {
        ApiError::bad(Self::NOT_FOUND, format!("The Vpc Endpoint Id '{id}' does not exist"))
    }
}

impl VpcEndpoint {
    fn state(&self) -> &'static str {
        match (self.gone, self.ready) {
            (Some(_), _) => "deleting",
            (None, 0) => "available",
            (None, _) => "pending",
        }
    }

    /// The id of the prefix list of its service, which is fixed for a region.
    fn prefix_list(&self) -> String {
        format!("pl-{}", &super::image::digest(&self.service)[..8])
    }
}

/// `CreateVpcEndpoint`.
pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let vpc = p.str("VpcId")?;
    let service = p.str("ServiceName")?;
    let kind = p.opt_one_of("VpcEndpointType", &["Gateway", "Interface", "GatewayLoadBalancer"])?;
    if kind.is_some_and(|kind| kind != "Gateway") {
        return Err(ApiError::bad("UnsupportedOperation", "Only gateway endpoints are supported here"));
    }
    let known = ["s3", "dynamodb"].map(|name| format!("com.amazonaws.{}.{name}", cx.region));
    if !known.contains(&service) {
        return Err(ApiError::bad(
            "InvalidServiceName",
            format!("The Vpc Endpoint Service '{service}' does not exist"),
        ));
    }
    let policy = policy(p)?.unwrap_or_else(|| OPEN_POLICY.to_owned());
    p.opt_one_of("IpAddressType", &["ipv4"])?;
    let tables = p.list("RouteTableId");
    let tags = tag::specified(p, "vpc-endpoint")?;
    cx.ec2().get::<vpc::Vpc>(&vpc)?;
    let endpoint = VpcEndpoint {
        id: cx.ids.ec2("vpce"),
        vpc,
        groups: Vec::new(),
        route_tables: Vec::new(),
        service,
        policy,
        created: cx.now,
        ready: cx.now + cx.pace.vpc_endpoint,
        gone: None,
    };
    let id = endpoint.id.clone();
    let ec2 = cx.ec2();
    ec2.vpc_endpoints.insert(id.clone(), endpoint);
    add_tables(ec2, &id, tables)?;
    tag::set(ec2, &id, tags);
    let mut x = Xml::new();
    let endpoint = ec2.get::<VpcEndpoint>(&id)?;
    x.nest("vpcEndpoint", |x| write(x, ec2, endpoint));
    Ok(x)
}

fn policy(p: &Params) -> Result<Option<String>, ApiError> {
    let Some(policy) = p.opt_str("PolicyDocument") else {
        return Ok(None);
    };
    if serde_json::from_str::<serde_json::Value>(&policy).is_ok_and(|value| value.is_object()) {
        return Ok(Some(policy));
    }
    Err(ApiError::bad("InvalidPolicyDocument", "The policy document is no JSON object"))
}

fn add_tables(ec2: &mut Ec2, id: &str, tables: Vec<String>) -> Result<(), ApiError> {
    for table in tables {
        let (vpc, list, service) = {
            let endpoint = ec2.get::<VpcEndpoint>(id)?;
            (endpoint.vpc.clone(), endpoint.prefix_list(), endpoint.service.clone())
        };
        if ec2.get::<RouteTable>(&table)?.vpc != vpc {
            return Err(ApiError::value(format!("Route table {table} does not belong to {vpc}")));
        }
        let taken = ec2.vpc_endpoints.values().any(|other| {
            other.id != id && other.service == service && other.gone.is_none() && other.route_tables.contains(&table)
        });
        if taken {
            return Err(ApiError::bad(
                "RouteAlreadyExists",
                format!("route table {table} already has a route with destination-prefix-list-id {list}"),
            ));
        }
        ec2.get_mut::<RouteTable>(&table)?.set_endpoint_route(&list, Some(id));
        let endpoint = ec2.get_mut::<VpcEndpoint>(id)?;
        if !endpoint.route_tables.contains(&table) {
            endpoint.route_tables.push(table);
        }
    }
    Ok(())
}

fn drop_tables(ec2: &mut Ec2, id: &str, tables: &[String]) -> Result<(), ApiError> {
    let endpoint = ec2.get_mut::<VpcEndpoint>(id)?;
    endpoint.route_tables.retain(|table| !tables.contains(table));
    let list = endpoint.prefix_list();
    for table in tables {
        if let Some(table) = ec2.route_tables.get_mut(table) {
            table.set_endpoint_route(&list, None);
        }
    }
    Ok(())
}

fn write(x: &mut Xml, ec2: &Ec2, endpoint: &VpcEndpoint) {
    x.text("vpcEndpointId", &endpoint.id);
    x.text("vpcEndpointType", "Gateway");
    x.text("vpcId", &endpoint.vpc);
    x.text("serviceName", &endpoint.service);
    x.text("state", endpoint.state());
    x.text("policyDocument", &endpoint.policy);
    x.values("routeTableIdSet", "item", &endpoint.route_tables);
    x.nest("subnetIdSet", |_| {});
    x.nest("groupSet", |_| {});
    x.text("privateDnsEnabled", false);
    x.text("requesterManaged", false);
    x.nest("networkInterfaceIdSet", |_| {});
    x.nest("dnsEntrySet", |_| {});
    x.text("creationTimestamp", timestamp(endpoint.created));
    x.text("ownerId", crate::aws::world::ACCOUNT);
    tag::write(x, ec2, &endpoint.id);
}

/// `DescribeVpcEndpoints`.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let limit = cx.page_limit;
    let ec2 = cx.ec2();
    Ok(select::<VpcEndpoint>(ec2, limit, p)?.answer("vpcEndpointSet", |x, endpoint| write(x, ec2, endpoint)))
}

/// `ModifyVpcEndpoint`.
pub fn modify(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("VpcEndpointId")?;
    let ec2 = cx.ec2();
    if ec2.get::<VpcEndpoint>(&id)?.gone.is_some() {
        return Err(VpcEndpoint::not_found(&id));
    }
    drop_tables(ec2, &id, &p.list("RemoveRouteTableId"))?;
    add_tables(ec2, &id, p.list("AddRouteTableId"))?;
    let policy = if p.bool("ResetPolicy")? { Some(OPEN_POLICY.to_owned()) } else { policy(p)? };
    if let Some(policy) = policy {
        ec2.get_mut::<VpcEndpoint>(&id)?.policy = policy;
    }
    done()
}

/// `DeleteVpcEndpoints`, which tells of each one that it could not delete.
pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let ids = p.list("VpcEndpointId");
    if ids.is_empty() {
        return Err(ApiError::bad("MissingParameter", "The request must contain the parameter VpcEndpointId"));
    }
    let gone = cx.now + cx.pace.vpc_endpoint;
    let ec2 = cx.ec2();
    let mut failed = Vec::new();
    for id in ids {
        match ec2.get_mut::<VpcEndpoint>(&id) {
            Ok(endpoint) => {
                endpoint.gone.get_or_insert(gone);
                let tables = endpoint.route_tables.clone();
                drop_tables(ec2, &id, &tables)?;
            }
            Err(error) => failed.push((id, error)),
        }
    }
    let mut x = Xml::new();
    x.list("unsuccessful", "item", &failed, |x, (id, error)| {
        x.nest("error", |x| {
            x.text("code", &error.code);
            x.text("message", &error.message);
        });
        x.text("resourceId", id);
    });
    Ok(x)
}

/// Finishes creations and deletions.
pub fn settle(cx: &mut Cx<'_>) {
    let now = cx.now;
    let ec2 = cx.ec2();
    for endpoint in ec2.vpc_endpoints.values_mut().filter(|endpoint| endpoint.ready <= now) {
        endpoint.ready = 0;
    }
    let gone: Vec<String> = ec2
        .vpc_endpoints
        .values()
        .filter(|endpoint| endpoint.gone.is_some_and(|gone| gone <= now))
        .map(|endpoint| endpoint.id.clone())
        .collect();
    for id in gone {
        ec2.remove::<VpcEndpoint>(&id);
    }
}
