//! Subnets.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::describe::{Field, Resource, select};
use super::{Answer, Cx, Ec2, Params, Xml, done, place, tag, vpc};
use crate::aws::ApiError;

/// The addresses at the beginning of a subnet that AWS keeps: network, router, DNS and one in reserve.
const RESERVED_HEAD: u32 = 4;

/// A subnet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Subnet {
    /// The id.
    pub id: String,
    /// The VPC.
    pub vpc: String,
    /// The range.
    pub cidr: Ipv4Net,
    /// The zone's name.
    pub zone: String,
    /// Whether machines get a public address unless they refuse it.
    pub public_on_launch: bool,
    arn: String,
    hostname_type: String,
    resource_name_a_record: bool,
}

impl Resource for Subnet {
    const TYPE: &'static str = "subnet";
    const IDS: &'static str = "SubnetId";
    const NOT_FOUND: &'static str = "InvalidSubnetID.NotFound";
    const FIELDS: &'static [Field<Self>] = &[
        ("subnet-id", |_, s| vec![s.id.clone()]),
        ("subnet-arn", |_, s| vec![s.arn.clone()]),
        ("vpc-id", |_, s| vec![s.vpc.clone()]),
        ("cidr", |_, s| vec![s.cidr.to_string()]),
        ("cidr-block", |_, s| vec![s.cidr.to_string()]),
        ("cidrBlock", |_, s| vec![s.cidr.to_string()]),
        ("availability-zone", |_, s| vec![s.zone.clone()]),
        ("availabilityZone", |_, s| vec![s.zone.clone()]),
        ("availability-zone-id", |_, s| vec![place::zone_id(&s.zone)]),
        ("default-for-az", |_, _| vec!["false".to_owned()]),
        ("map-public-ip-on-launch", |_, s| vec![s.public_on_launch.to_string()]),
        ("owner-id", |_, _| vec![crate::aws::world::ACCOUNT.to_owned()]),
        ("state", |_, _| vec!["available".to_owned()]),
    ];

    fn id(&self) -> &str {
        &self.id
    }
    fn all(ec2: &Ec2) -> &BTreeMap<String, Self> {
        &ec2.subnets
    }
    fn all_mut(ec2: &mut Ec2) -> &mut BTreeMap<String, Self> {
        &mut ec2.subnets
    }
}

impl Subnet {
    /// How many addresses are free.
    pub fn free_addresses(&self, ec2: &Ec2) -> usize {
        // Beside the reserved head, the broadcast address cannot be used.
        let size = 1_usize << (32 - self.cidr.prefix_len());
        let used = ec2.network_interfaces.values().filter(|interface| interface.subnet == self.id).count();
        size.saturating_sub(5 + used)
    }

    /// Checks that an address may be used, or finds one. Free ones are given from the end, far away from those that
    /// people like to fix.
    pub fn address(&self, ec2: &Ec2, wanted: Option<&str>) -> Result<Ipv4Addr, ApiError> {
        let taken = |address: Ipv4Addr| {
            ec2.network_interfaces
                .values()
                .any(|interface| interface.subnet == self.id && interface.private_address == address)
        };
        let usable = |address: &Ipv4Addr| {
            self.cidr.contains(address)
                && address.to_bits() - self.cidr.network().to_bits() >= RESERVED_HEAD
                && *address != self.cidr.broadcast()
        };
        let Some(wanted) = wanted else {
            return (self.cidr.network().to_bits()..=self.cidr.broadcast().to_bits())
                .rev()
                .map(Ipv4Addr::from_bits)
                .find(|address| usable(address) && !taken(*address))
                .ok_or_else(|| {
                    ApiError::bad("InsufficientFreeAddressesInSubnet", format!("The subnet '{}' is full", self.id))
                });
        };
        let address: Ipv4Addr =
            wanted.parse().map_err(|_| ApiError::value(format!("Invalid value '{wanted}' for address")))?;
        if !self.cidr.contains(&address) {
            return Err(ApiError::value(format!(
                "Address {wanted} does not fall within the subnet's address range ({})",
                self.cidr
            )));
        }
        if !usable(&address) {
            return Err(ApiError::value(format!("Address {wanted} is in subnet's reserved address range")));
        }
        if taken(address) {
            return Err(ApiError::bad("InvalidIPAddress.InUse", format!("Address {wanted} is in use.")));
        }
        Ok(address)
    }
}

/// `CreateSubnet`.
pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let vpc_id = p.str("VpcId")?;
    let text = p.str("CidrBlock")?;
    let cidr = vpc::range(&text, "InvalidSubnet.Range")?;
    let zone = zone(cx, p)?;
    let tags = tag::specified(p, "subnet")?;
    let vpc = cx.ec2().get::<vpc::Vpc>(&vpc_id)?;
    if !vpc.cidr.contains(&cidr) {
        return Err(ApiError::bad("InvalidSubnet.Range", format!("The CIDR '{text}' is invalid.")));
    }
    let siblings: Vec<Ipv4Net> = cx.ec2().subnets.values().filter(|s| s.vpc == vpc_id).map(|s| s.cidr).collect();
    if siblings.iter().any(|other| other.contains(&cidr) || cidr.contains(other)) {
        return Err(ApiError::bad(
            "InvalidSubnet.Conflict",
            format!("The CIDR '{text}' conflicts with another subnet"),
        ));
    }
    if siblings.len() >= cx.quotas.subnets {
        return Err(ApiError::bad("SubnetLimitExceeded", "The maximum number of subnets has been reached."));
    }
    let id = cx.ids.ec2("subnet");
    let subnet = Subnet {
        arn: cx.arn("ec2", &format!("subnet/{id}")),
        id,
        vpc: vpc_id,
        cidr,
        zone,
        public_on_launch: false,
        hostname_type: "ip-name".to_owned(),
        resource_name_a_record: false,
    };
    let ec2 = cx.ec2();
    tag::set(ec2, &subnet.id, tags);
    let mut x = Xml::new();
    x.nest("subnet", |x| write(x, ec2, &subnet));
    ec2.subnets.insert(subnet.id.clone(), subnet);
    Ok(x)
}

/// The zone that is asked for by name or id, or the first.
fn zone(cx: &Cx<'_>, p: &Params) -> Result<String, ApiError> {
    let zones = cx.zones_here();
    let (name, id) = (p.opt_str("AvailabilityZone"), p.opt_str("AvailabilityZoneId"));
    let found = match (&name, &id) {
        (Some(name), None) => zones.iter().find(|zone| *zone == name),
        (None, Some(id)) => zones.iter().find(|zone| place::zone_id(zone) == *id),
        (None, None) => zones.first(),
        (Some(_), Some(_)) => {
            return Err(ApiError::combination("Only one of availabilityZone and availabilityZoneId can be given"));
        }
    };
    found.cloned().ok_or_else(|| {
        let wanted = name.or(id).unwrap_or_default();
        ApiError::value(format!(
            "Value ({wanted}) for parameter availabilityZone is invalid. Subnets can currently only be created in the \
             following availability zones: {}.",
            zones.join(", ")
        ))
    })
}

fn write(x: &mut Xml, ec2: &Ec2, subnet: &Subnet) {
    x.text("subnetId", &subnet.id);
    x.text("subnetArn", &subnet.arn);
    x.text("state", "available");
    x.text("ownerId", crate::aws::world::ACCOUNT);
    x.text("vpcId", &subnet.vpc);
    x.text("cidrBlock", subnet.cidr);
    x.nest("ipv6CidrBlockAssociationSet", |_| {});
    x.text("assignIpv6AddressOnCreation", false);
    x.text("availableIpAddressCount", subnet.free_addresses(ec2));
    x.text("availabilityZone", &subnet.zone);
    x.text("availabilityZoneId", place::zone_id(&subnet.zone));
    x.text("defaultForAz", false);
    x.text("mapPublicIpOnLaunch", subnet.public_on_launch);
    x.text("mapCustomerOwnedIpOnLaunch", false);
    x.text("enableDns64", false);
    x.text("ipv6Native", false);
    x.nest("privateDnsNameOptionsOnLaunch", |x| {
        x.text("hostnameType", &subnet.hostname_type);
        x.text("enableResourceNameDnsARecord", subnet.resource_name_a_record);
        x.text("enableResourceNameDnsAAAARecord", false);
    });
    tag::write(x, ec2, &subnet.id);
}

/// `DescribeSubnets`.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let limit = cx.page_limit;
    let ec2 = cx.ec2();
    Ok(select::<Subnet>(ec2, limit, p)?.answer("subnetSet", |x, subnet| write(x, ec2, subnet)))
}

/// `DeleteSubnet`: no network interface may be left in it.
pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("SubnetId")?;
    let ec2 = cx.ec2();
    ec2.get::<Subnet>(&id)?;
    if ec2.network_interfaces.values().any(|interface| interface.subnet == id) {
        return Err(ApiError::dependency(format!("The subnet '{id}' has dependencies and cannot be deleted.")));
    }
    for table in ec2.route_tables.values_mut() {
        table.associations.retain(|_, subnet| *subnet != id);
    }
    ec2.remove::<Subnet>(&id);
    done()
}

/// `ModifySubnetAttribute`: one attribute a call.
pub fn modify(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let subnet = cx.ec2().get_mut::<Subnet>(&p.str("SubnetId")?)?;
    let mut changed = 0;
    for (name, field) in [
        ("MapPublicIpOnLaunch", &mut subnet.public_on_launch),
        ("EnableResourceNameDnsARecordOnLaunch", &mut subnet.resource_name_a_record),
    ] {
        if let Some(value) = p.opt_struct(name).map(|value| value.opt_bool("Value")).transpose()?.flatten() {
            *field = value;
            changed += 1;
        }
    }
    if let Some(kind) = p.opt_one_of("PrivateDnsHostnameTypeOnLaunch", &["ip-name", "resource-name"])? {
        subnet.hostname_type = kind;
        changed += 1;
    }
    match changed {
        1 => done(),
        0 => Err(ApiError::bad("MissingParameter", "The request must contain an attribute to modify")),
        _ => Err(ApiError::combination("Fields for multiple attribute types specified")),
    }
}
