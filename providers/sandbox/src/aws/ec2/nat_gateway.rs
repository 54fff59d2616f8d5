//! NAT gateways. Creation and deletion take time; a deletion frees the elastic address and the network interface only
//! at its end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::describe::{Field, Filters, Resource, page};
use super::network_interface::{self, NetworkInterface};
use super::{Answer, Cx, Ec2, Params, Xml, address, subnet, tag};
use crate::aws::{ApiError, Millis, timestamp};

/// A NAT gateway.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NatGateway {
    id: String,
    /// The VPC.
    pub vpc: String,
    subnet: String,
    /// `pending`, `available`, `deleting` or `deleted`.
    pub state: String,
    due: Millis,
    created: Millis,
    deleted: Option<Millis>,
    connectivity: String,
    interface: String,
    allocation: Option<String>,
    association: Option<String>,
    public_address: Option<String>,
    private_address: String,
}

impl Resource for NatGateway {
    const TYPE: &'static str = "natgateway";
    const IDS: &'static str = "NatGatewayId";
    const NOT_FOUND: &'static str = "NatGatewayNotFound";
    const FIELDS: &'static [Field<Self>] = &[
        ("nat-gateway-id", |_, n| vec![n.id.clone()]),
        ("state", |_, n| vec![n.state.clone()]),
        ("subnet-id", |_, n| vec![n.subnet.clone()]),
        ("vpc-id", |_, n| vec![n.vpc.clone()]),
    ];

    fn id(&self) -> &str {
        &self.id
    }
    fn all(ec2: &Ec2) -> &BTreeMap<String, Self> {
        &ec2.nat_gateways
    }
    fn all_mut(ec2: &mut Ec2) -> &mut BTreeMap<String, Self> {
        &mut ec2.nat_gateways
    }
    fn not_found(id: &str) -> ApiError {
        ApiError::bad(Self::NOT_FOUND, format!("The Nat Gateway {id} was not found"))
    }
}

/// `CreateNatGateway`.
pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let connectivity = p.opt_one_of("ConnectivityType", &["public", "private"])?;
    let connectivity = connectivity.unwrap_or_else(|| "public".to_owned());
    let allocation = p.opt_str("AllocationId");
    p.opt_one_of("AvailabilityMode", &["zonal"])?;
    match (connectivity.as_str(), &allocation) {
        ("public", None) => {
            return Err(ApiError::bad("MissingParameter", "The request must contain the parameter AllocationId"));
        }
        ("private", Some(_)) => {
            return Err(ApiError::combination("A private NAT gateway cannot have an elastic address"));
        }
        _ => {}
    }
    let tags = tag::specified(p, "natgateway")?;
    let subnet = cx.ec2().get::<subnet::Subnet>(&p.str("SubnetId")?)?.clone();
    let quota = cx.quotas.nat_gateways;
    let ec2 = cx.ec2();
    let gateway = ec2.internet_gateways.values().any(|gateway| gateway.vpc.as_ref() == Some(&subnet.vpc));
    if connectivity == "public" && !gateway {
        return Err(ApiError::bad(
            "Gateway.NotAttached",
            format!("Network {} has no Internet gateway attached", subnet.vpc),
        ));
    }
    let zone_mates = ec2
        .nat_gateways
        .values()
        .filter(|nat| nat.state != "deleted")
        .filter(|nat| ec2.subnets.get(&nat.subnet).is_some_and(|other| other.zone == subnet.zone))
        .count();
    if zone_mates >= quota {
        return Err(ApiError::bad("NatGatewayLimitExceeded", "The maximum number of NAT gateways has been reached."));
    }
    let id = cx.ids.ec2("nat");
    let wanted = p.opt_str("PrivateIpAddress");
    let description = format!("Interface for NAT Gateway {id}");
    let mut interface = NetworkInterface::new(cx, &subnet, wanted.as_deref(), Vec::new(), description)?;
    "nat_gateway".clone_into(&mut interface.kind);
    interface.requester = Some("amazon-nat".to_owned());
    interface.service_status = Some("in-use".to_owned());
    let (interface_id, private_address) = (interface.id.clone(), interface.private_address.to_string());
    cx.ec2().network_interfaces.insert(interface_id.clone(), interface);
    let association = match &allocation {
        Some(allocation) => Some(address::bind(cx, allocation, &interface_id)?),
        None => None,
    };
    let (now, due) = (cx.now, cx.now + cx.pace.nat_pending);
    let ec2 = cx.ec2();
    let public_address =
        allocation.as_ref().and_then(|id| ec2.addresses.get(id)).map(|address| address.public_address.to_string());
    let nat = NatGateway {
        id,
        vpc: subnet.vpc,
        subnet: subnet.id,
        state: "pending".to_owned(),
        due,
        created: now,
        deleted: None,
        connectivity,
        interface: interface_id,
        allocation,
        association,
        public_address,
        private_address,
    };
    tag::set(ec2, &nat.id, tags);
    let mut x = Xml::new();
    x.nest("natGateway", |x| write(x, ec2, &nat));
    ec2.nat_gateways.insert(nat.id.clone(), nat);
    Ok(x)
}

fn write(x: &mut Xml, ec2: &Ec2, nat: &NatGateway) {
    x.text("natGatewayId", &nat.id);
    x.text("subnetId", &nat.subnet);
    x.text("vpcId", &nat.vpc);
    x.text("state", &nat.state);
    x.text("connectivityType", &nat.connectivity);
    x.text("createTime", timestamp(nat.created));
    x.opt("deleteTime", nat.deleted.map(timestamp));
    x.list("natGatewayAddressSet", "item", [nat], |x, nat| {
        x.opt("allocationId", nat.allocation.as_ref());
        x.opt("associationId", nat.association.as_ref());
        x.opt("publicIp", nat.public_address.as_ref());
        x.text("networkInterfaceId", &nat.interface);
        x.text("privateIp", &nat.private_address);
        x.text("isPrimary", true);
        x.text("status", if nat.state == "pending" { "associating" } else { "succeeded" });
    });
    tag::write(x, ec2, &nat.id);
}

/// `DescribeNatGateways`. Deleted ones are shown for a while.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let limit = cx.page_limit;
    let ec2 = cx.ec2();
    let ids = p.list(NatGateway::IDS);
    for id in &ids {
        ec2.get::<NatGateway>(id)?;
    }
    let filters = Filters::read(p)?;
    filters.check::<NatGateway>()?;
    let found: Vec<&NatGateway> = ec2
        .nat_gateways
        .values()
        .filter(|nat| ids.is_empty() || ids.contains(&nat.id))
        .filter(|nat| filters.admits(ec2, *nat))
        .collect();
    let limit = if ids.is_empty() { limit } else { None };
    Ok(page(found, |nat| &nat.id, limit, p)?.answer("natGatewaySet", |x, nat| write(x, ec2, nat)))
}

/// `DeleteNatGateway`.
pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("NatGatewayId")?;
    let (now, due) = (cx.now, cx.now + cx.pace.nat_deleting);
    let nat = cx.ec2().get_mut::<NatGateway>(&id)?;
    if nat.state == "pending" || nat.state == "available" {
        "deleting".clone_into(&mut nat.state);
        nat.due = due;
        nat.deleted = Some(now);
    }
    let mut x = Xml::new();
    x.text("natGatewayId", id);
    Ok(x)
}

/// Finishes what was begun.
pub fn settle(cx: &mut Cx<'_>) {
    let (now, leftover) = (cx.now, cx.pace.leftover);
    let ec2 = cx.ec2();
    let mut gone = Vec::new();
    for nat in ec2.nat_gateways.values_mut().filter(|nat| nat.due <= now) {
        match nat.state.as_str() {
            "pending" => "available".clone_into(&mut nat.state),
            "deleting" => {
                "deleted".clone_into(&mut nat.state);
                nat.due = now + leftover;
                gone.push((nat.interface.clone(), nat.allocation.clone()));
            }
            _ => {}
        }
    }
    for (interface, allocation) in gone {
        if let Some(allocation) = allocation {
            address::unbind(ec2, &allocation);
        }
        network_interface::remove(ec2, &interface);
    }
    let forgotten: Vec<String> = ec2
        .nat_gateways
        .values()
        .filter(|nat| nat.state == "deleted" && nat.due <= now)
        .map(|nat| nat.id.clone())
        .collect();
    for id in forgotten {
        ec2.remove::<NatGateway>(&id);
    }
}
