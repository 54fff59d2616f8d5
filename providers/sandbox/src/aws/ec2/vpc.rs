//! VPCs. Each brings a main route table and a default security group, which go with it.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::describe::{Field, Resource, select};
use super::route_table::RouteTable;
use super::security_group::SecurityGroup;
use super::{Answer, Cx, Ec2, Params, Xml, done, security_group_rule, tag};
use crate::aws::ApiError;

/// A virtual private cloud.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Vpc {
    /// The id.
    pub id: String,
    /// The range.
    pub cidr: Ipv4Net,
    /// The DHCP options, or `default`.
    pub dhcp_options: String,
    tenancy: String,
    dns_support: bool,
    dns_hostnames: bool,
    address_metrics: bool,
    association: String,
}

impl Resource for Vpc {
    const TYPE: &'static str = "vpc";
    const IDS: &'static str = "VpcId";
    const NOT_FOUND: &'static str = "InvalidVpcID.NotFound";
    const FIELDS: &'static [Field<Self>] = &[
        ("vpc-id", |_, v| vec![v.id.clone()]),
        ("cidr", |_, v| vec![v.cidr.to_string()]),
        ("cidr-block-association.cidr-block", |_, v| vec![v.cidr.to_string()]),
        ("cidr-block-association.association-id", |_, v| vec![v.association.clone()]),
        ("cidr-block-association.state", |_, _| vec!["associated".to_owned()]),
        ("dhcp-options-id", |_, v| vec![v.dhcp_options.clone()]),
        ("is-default", |_, _| vec!["false".to_owned()]),
        ("owner-id", |_, _| vec![crate::aws::world::ACCOUNT.to_owned()]),
        ("state", |_, _| vec!["available".to_owned()]),
    ];

    fn id(&self) -> &str {
        &self.id
    }
    fn all(ec2: &Ec2) -> &BTreeMap<String, Self> {
        &ec2.vpcs
    }
    fn all_mut(ec2: &mut Ec2) -> &mut BTreeMap<String, Self> {
        &mut ec2.vpcs
    }
}

/// `CreateVpc`.
pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let cidr = range(&p.str("CidrBlock")?, "InvalidVpc.Range")?;
    let tenancy = p.opt_one_of("InstanceTenancy", &["default", "dedicated"])?;
    if p.bool("AmazonProvidedIpv6CidrBlock")? {
        return Err(ApiError::bad("UnsupportedOperation", "IPv6 ranges are not supported here"));
    }
    let tags = tag::specified(p, "vpc")?;
    if cx.ec2().vpcs.len() >= cx.quotas.vpcs {
        return Err(ApiError::bad("VpcLimitExceeded", "The maximum number of VPCs has been reached."));
    }
    let vpc = Vpc {
        id: cx.ids.ec2("vpc"),
        cidr,
        dhcp_options: "default".to_owned(),
        tenancy: tenancy.unwrap_or_else(|| "default".to_owned()),
        dns_support: true,
        dns_hostnames: false,
        address_metrics: false,
        association: cx.ids.ec2("vpc-cidr-assoc"),
    };
    let table = RouteTable::new(cx.ids, &vpc.id, cidr, true);
    let group = SecurityGroup::standard(cx.ids, &vpc.id);
    let rules = security_group_rule::standard(cx.ids, &group.id, true);
    let ec2 = cx.ec2();
    ec2.route_tables.insert(table.id.clone(), table);
    ec2.security_groups.insert(group.id.clone(), group);
    ec2.security_group_rules.extend(rules.into_iter().map(|rule| (rule.id.clone(), rule)));
    tag::set(ec2, &vpc.id, tags);
    let mut x = Xml::new();
    x.nest("vpc", |x| write(x, ec2, &vpc));
    ec2.vpcs.insert(vpc.id.clone(), vpc);
    Ok(x)
}

/// A range of 16 to 65,536 addresses, in its canonical form.
pub fn range(text: &str, code: &str) -> Result<Ipv4Net, ApiError> {
    let net: Ipv4Net = text.parse().map_err(|_| {
        ApiError::value(format!("Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block."))
    })?;
    if !(16..=28).contains(&net.prefix_len()) {
        return Err(ApiError::bad(code, format!("The CIDR '{text}' is invalid.")));
    }
    Ok(net.trunc())
}

fn write(x: &mut Xml, ec2: &Ec2, vpc: &Vpc) {
    x.text("vpcId", &vpc.id);
    x.text("ownerId", crate::aws::world::ACCOUNT);
    x.text("state", "available");
    x.text("cidrBlock", vpc.cidr);
    x.list("cidrBlockAssociationSet", "item", [vpc], |x, vpc| {
        x.text("cidrBlock", vpc.cidr);
        x.text("associationId", &vpc.association);
        x.nest("cidrBlockState", |x| x.text("state", "associated"));
    });
    x.text("dhcpOptionsId", &vpc.dhcp_options);
    x.text("instanceTenancy", &vpc.tenancy);
    x.text("isDefault", false);
    tag::write(x, ec2, &vpc.id);
}

/// `DescribeVpcs`.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let limit = cx.page_limit;
    let ec2 = cx.ec2();
    Ok(select::<Vpc>(ec2, limit, p)?.answer("vpcSet", |x, vpc| write(x, ec2, vpc)))
}

/// `DeleteVpc`: nothing of one's own may be left in it.
pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("VpcId")?;
    let ec2 = cx.ec2();
    ec2.get::<Vpc>(&id)?;
    let used = ec2.subnets.values().any(|subnet| subnet.vpc == id)
        || ec2.internet_gateways.values().any(|gateway| gateway.vpc.as_deref() == Some(&id))
        || ec2.security_groups.values().any(|group| group.vpc == id && !group.is_default())
        || ec2.route_tables.values().any(|table| table.vpc == id && !table.main)
        || ec2.network_interfaces.values().any(|interface| interface.vpc == id)
        || ec2.vpc_endpoints.values().any(|endpoint| endpoint.vpc == id)
        || ec2.nat_gateways.values().any(|nat| nat.vpc == id && nat.state != "deleted");
    if used {
        return Err(ApiError::dependency(format!("The vpc '{id}' has dependencies and cannot be deleted.")));
    }
    let tables: Vec<String> = ec2.route_tables.values().filter(|t| t.vpc == id).map(|t| t.id.clone()).collect();
    let groups: Vec<String> = ec2.security_groups.values().filter(|g| g.vpc == id).map(|g| g.id.clone()).collect();
    for table in tables {
        ec2.remove::<RouteTable>(&table);
    }
    for group in groups {
        security_group_rule::remove_all(ec2, &group);
        ec2.remove::<SecurityGroup>(&group);
    }
    ec2.remove::<Vpc>(&id);
    done()
}

/// `ModifyVpcAttribute`: one attribute a call.
pub fn modify(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let vpc = cx.ec2().get_mut::<Vpc>(&p.str("VpcId")?)?;
    let mut changed = 0;
    for (name, field) in [
        ("EnableDnsSupport", &mut vpc.dns_support),
        ("EnableDnsHostnames", &mut vpc.dns_hostnames),
        ("EnableNetworkAddressUsageMetrics", &mut vpc.address_metrics),
    ] {
        if let Some(value) = p.opt_struct(name).map(|value| value.opt_bool("Value")).transpose()?.flatten() {
            *field = value;
            changed += 1;
        }
    }
    match changed {
        1 if vpc.dns_hostnames && !vpc.dns_support => {
            Err(ApiError::combination("DNS hostnames need DNS support to be enabled"))
        }
        1 => done(),
        0 => Err(ApiError::bad("MissingParameter", "The request must contain an attribute to modify")),
        _ => Err(ApiError::combination("Fields for multiple attribute types specified")),
    }
}

/// `DescribeVpcAttribute`.
pub fn attribute(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("VpcId")?;
    let vpc = cx.ec2().get::<Vpc>(&id)?;
    p.str("Attribute")?;
    let name =
        p.opt_one_of("Attribute", &["enableDnsSupport", "enableDnsHostnames", "enableNetworkAddressUsageMetrics"])?;
    let name = name.unwrap_or_default();
    let value = match name.as_str() {
        "enableDnsSupport" => vpc.dns_support,
        "enableDnsHostnames" => vpc.dns_hostnames,
        _ => vpc.address_metrics,
    };
    let mut x = Xml::new();
    x.text("vpcId", id);
    x.nest(&name, |x| x.text("value", value));
    Ok(x)
}
