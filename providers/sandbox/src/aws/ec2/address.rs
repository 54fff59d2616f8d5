//! Elastic addresses.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::describe::{Field, Resource, select};
use super::network_interface::NetworkInterface;
use super::{Answer, Cx, Ec2, Params, Xml, done, tag};
use crate::aws::ApiError;

/// An elastic address.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the field's own word")]
pub struct Address {
    /// The allocation id.
    pub id: String,
    /// The address.
    pub public_address: Ipv4Addr,
    /// The association and the network interface that has it.
    pub association: Option<Association>,
    border_group: String,
}

/// An address in use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Association {
    /// The association's id.
    pub id: String,
    /// The network interface.
    pub interface: String,
}

impl Resource for Address {
    const TYPE: &'static str = "elastic-ip";
    const IDS: &'static str = "AllocationId";
    const NOT_FOUND: &'static str = "InvalidAllocationID.NotFound";
    const FIELDS: &'static [Field<Self>] = &[
        ("allocation-id", |_, a| vec![a.id.clone()]),
        ("association-id", |_, a| a.association.iter().map(|at| at.id.clone()).collect()),
        ("domain", |_, _| vec!["vpc".to_owned()]),
        ("instance-id", |e, a| a.interface(e).and_then(NetworkInterface::instance).into_iter().collect()),
        ("network-border-group", |_, a| vec![a.border_group.clone()]),
        ("network-interface-id", |_, a| a.association.iter().map(|at| at.interface.clone()).collect()),
        ("private-ip-address", |e, a| a.interface(e).iter().map(|i| i.private_address.to_string()).collect()),
        ("public-ip", |_, a| vec![a.public_address.to_string()]),
    ];

    fn id(&self) -> &str {
        &self.id
    }
    fn all(ec2: &Ec2) -> &BTreeMap<String, Self> {
        &ec2.addresses
    }
    fn all_mut(ec2: &mut Ec2) -> &mut BTreeMap<String, Self> {
        &mut ec2.addresses
    }
}

impl Address {
    fn interface<'a>(&self, ec2: &'a Ec2) -> Option<&'a NetworkInterface> {
        ec2.network_interfaces.get(&self.association.as_ref()?.interface)
    }
}

/// `AllocateAddress`.
pub fn allocate(cx: &mut Cx<'_>, p: &Params) -> Answer {
    p.opt_one_of("Domain", &["vpc"])?;
    let border_group = p.opt_str("NetworkBorderGroup").unwrap_or_else(|| cx.region.clone());
    if border_group != cx.region {
        return Err(ApiError::value(format!("The network border group '{border_group}' is invalid")));
    }
    let tags = tag::specified(p, "elastic-ip")?;
    if cx.ec2().addresses.len() >= cx.quotas.addresses {
        return Err(ApiError::bad("AddressLimitExceeded", "The maximum number of addresses has been reached."));
    }
    let address =
        Address { id: cx.ids.ec2("eipalloc"), public_address: public_address(cx), association: None, border_group };
    let ec2 = cx.ec2();
    tag::set(ec2, &address.id, tags);
    let mut x = Xml::new();
    x.text("publicIp", address.public_address);
    x.text("allocationId", &address.id);
    x.text("publicIpv4Pool", "amazon");
    x.text("networkBorderGroup", &address.border_group);
    x.text("domain", "vpc");
    ec2.addresses.insert(address.id.clone(), address);
    Ok(x)
}

/// A public address that nobody has: out of 198.18.0.0/15, which RFC 2544 keeps for benchmarks.
pub fn public_address(cx: &mut Cx<'_>) -> Ipv4Addr {
    loop {
        let low = u32::from_str_radix(&cx.ids.hex(5), 16).unwrap_or_default() & 0x1_ffff;
        let address = Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() | low);
        let ec2 = cx.ec2();
        let taken = ec2.addresses.values().any(|other| other.public_address == address)
            || ec2.network_interfaces.values().any(|interface| interface.public_address == Some(address));
        if !taken {
            return address;
        }
    }
}

fn write(x: &mut Xml, ec2: &Ec2, address: &Address) {
    x.text("publicIp", address.public_address);
    x.text("allocationId", &address.id);
    x.text("domain", "vpc");
    x.text("publicIpv4Pool", "amazon");
    x.text("networkBorderGroup", &address.border_group);
    if let Some(association) = &address.association {
        x.text("associationId", &association.id);
        x.text("networkInterfaceId", &association.interface);
        x.text("networkInterfaceOwnerId", crate::aws::world::ACCOUNT);
        if let Some(interface) = address.interface(ec2) {
            x.text("privateIpAddress", interface.private_address);
            x.opt("instanceId", interface.instance());
        }
    }
    tag::write(x, ec2, &address.id);
}

/// `DescribeAddresses`, which has no pages.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let ec2 = cx.ec2();
    let public = p.list("PublicIp");
    let mut page = select::<Address>(ec2, None, p)?;
    for wanted in &public {
        if !ec2.addresses.values().any(|address| address.public_address.to_string() == *wanted) {
            return Err(ApiError::bad("InvalidAddress.NotFound", format!("Address '{wanted}' not found.")));
        }
    }
    page.items.retain(|address| public.is_empty() || public.contains(&address.public_address.to_string()));
    Ok(page.answer("addressesSet", |x, address| write(x, ec2, address)))
}

/// Gives an address to a network interface. Neither may have another.
pub fn bind(cx: &mut Cx<'_>, allocation: &str, interface: &str) -> Result<String, ApiError> {
    let association = cx.ids.ec2("eipassoc");
    let ec2 = cx.ec2();
    if ec2.get::<NetworkInterface>(interface)?.allocation.is_some() {
        return Err(ApiError::bad(
            "Resource.AlreadyAssociated",
            format!("resource {interface} is already associated with another address"),
        ));
    }
    let address = ec2.get_mut::<Address>(allocation)?;
    if address.association.is_some() {
        return Err(ApiError::bad(
            "Resource.AlreadyAssociated",
            format!("resource {allocation} is already associated with another resource"),
        ));
    }
    address.association = Some(Association { id: association.clone(), interface: interface.to_owned() });
    let public = address.public_address;
    let interface = ec2.get_mut::<NetworkInterface>(interface)?;
    interface.public_address = Some(public);
    interface.allocation = Some(allocation.to_owned());
    Ok(association)
}

/// Takes the address away from whoever has it.
pub fn unbind(ec2: &mut Ec2, allocation: &str) {
    let Some(address) = ec2.addresses.get_mut(allocation) else {
        return;
    };
    if let Some(association) = address.association.take()
        && let Some(interface) = ec2.network_interfaces.get_mut(&association.interface)
    {
        interface.public_address = None;
        interface.allocation = None;
    }
}

/// `AssociateAddress`, with a network interface or the first interface of an instance.
pub fn associate(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let allocation = p.str("AllocationId")?;
    let reassociate = p.bool("AllowReassociation")?;
    let interface = match (p.opt_str("NetworkInterfaceId"), p.opt_str("InstanceId")) {
        (Some(interface), None) => interface,
        (None, Some(instance)) => {
            cx.ec2().get::<super::instance::Instance>(&instance)?;
            super::network_interface::of_instance(cx.ec2(), &instance)
                .first()
                .map(|interface| interface.id.clone())
                .ok_or_else(|| ApiError::value(format!("The instance '{instance}' has no network interface")))?
        }
        _ => {
            return Err(ApiError::combination("Either a network interface or an instance must be given"));
        }
    };
    let ec2 = cx.ec2();
    ec2.get::<Address>(&allocation)?;
    if reassociate {
        unbind(ec2, &allocation);
    }
    let vpc = ec2.get::<NetworkInterface>(&interface)?.vpc.clone();
    if !ec2.internet_gateways.values().any(|gateway| gateway.vpc.as_ref() == Some(&vpc)) {
        return Err(ApiError::bad(
            "Gateway.NotAttached",
            format!("Network {vpc} is not attached to any internet gateway"),
        ));
    }
    let association = bind(cx, &allocation, &interface)?;
    let mut x = Xml::new();
    x.text("return", true);
    x.text("associationId", association);
    Ok(x)
}

/// `DisassociateAddress`.
pub fn disassociate(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("AssociationId")?;
    let ec2 = cx.ec2();
    let found = ec2
        .addresses
        .values()
        .find(|address| address.association.as_ref().is_some_and(|association| association.id == id))
        .ok_or_else(|| {
            ApiError::bad("InvalidAssociationID.NotFound", format!("The association ID '{id}' does not exist"))
        })?;
    refuse_service_managed(ec2, found)?;
    let allocation = found.id.clone();
    unbind(ec2, &allocation);
    done()
}

fn refuse_service_managed(ec2: &Ec2, address: &Address) -> Result<(), ApiError> {
    match address.interface(ec2).and_then(|interface| interface.requester.as_ref()) {
        None => Ok(()),
        Some(_) => Err(ApiError::bad(
            "AuthFailure",
            format!(
                "You do not have permission to access the specified resource: {} is managed by a service.",
                address.id
            ),
        )),
    }
}

/// `ReleaseAddress`: it may not be in use.
pub fn release(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("AllocationId")?;
    if let Some(group) = p.opt_str("NetworkBorderGroup").filter(|group| *group != cx.region) {
        return Err(ApiError::value(format!("The network border group '{group}' is invalid")));
    }
    let ec2 = cx.ec2();
    let address = ec2.get::<Address>(&id)?;
    if address.association.is_some() {
        return Err(ApiError::bad(
            "InvalidIPAddress.InUse",
            format!("The address with allocation id [{id}] cannot be released because it is in use"),
        ));
    }
    ec2.remove::<Address>(&id);
    done()
}
