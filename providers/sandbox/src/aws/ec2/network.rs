//! What other services may know of networks, and the interfaces that they place in subnets.

use std::net::Ipv4Addr;

use super::network_interface::{self, NetworkInterface};
use super::subnet::Subnet;
use super::{Cx, Ec2, address};
use crate::aws::ApiError;

/// A subnet as other services see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetView {
    /// The VPC.
    pub vpc: String,
    /// The zone.
    pub zone: String,
    /// How many addresses are free.
    pub free_addresses: usize,
}

/// An instance as other services see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceView {
    /// The VPC.
    pub vpc: String,
    /// The zone.
    pub zone: String,
    /// The instance type.
    pub instance_type: String,
    /// The state's name.
    pub state: String,
    /// Whether the state is `running`.
    pub running: bool,
}

fn here<'a>(cx: &'a Cx<'_>) -> Option<&'a Ec2> {
    cx.world.regions.get(&cx.region).map(|region| &region.ec2)
}

/// A subnet, if it exists.
pub fn subnet(cx: &Cx<'_>, id: &str) -> Option<SubnetView> {
    let ec2 = here(cx)?;
    let subnet = ec2.subnets.get(id)?;
    let free_addresses = subnet.free_addresses(ec2);
    Some(SubnetView { vpc: subnet.vpc.clone(), zone: subnet.zone.clone(), free_addresses })
}

/// An instance, if it exists.
pub fn instance(cx: &Cx<'_>, id: &str) -> Option<InstanceView> {
    let instance = here(cx)?.instances.get(id)?;
    Some(InstanceView {
        vpc: instance.vpc.clone(),
        zone: instance.zone.clone(),
        instance_type: instance.instance_type.clone(),
        state: instance.state.clone(),
        running: instance.state == "running",
    })
}

/// The VPC of a security group, if the group exists.
pub fn security_group_vpc(cx: &Cx<'_>, id: &str) -> Option<String> {
    here(cx)?.security_groups.get(id).map(|group| group.vpc.clone())
}

/// The security group that a VPC has by itself.
pub fn default_security_group(cx: &Cx<'_>, vpc: &str) -> Option<String> {
    let mut groups = here(cx)?.security_groups.values();
    groups.find(|group| group.vpc == vpc && group.is_default()).map(|group| group.id.clone())
}

/// Whether a VPC exists in the region of the request.
pub fn has_vpc(cx: &Cx<'_>, id: &str) -> bool {
    has_vpc_in(cx, &cx.region, id)
}

/// Whether a VPC exists in a region.
pub fn has_vpc_in(cx: &Cx<'_>, region: &str, id: &str) -> bool {
    cx.world.regions.get(region).is_some_and(|region| region.ec2.vpcs.contains_key(id))
}

/// Whether an address is in a VPC's range.
pub fn vpc_contains(cx: &Cx<'_>, id: &str, address: Ipv4Addr) -> bool {
    here(cx).and_then(|ec2| ec2.vpcs.get(id)).is_some_and(|vpc| vpc.cidr.contains(&address))
}

/// Whether an internet gateway is attached to a VPC.
pub fn has_internet_gateway(cx: &Cx<'_>, vpc: &str) -> bool {
    here(cx).is_some_and(|ec2| ec2.internet_gateways.values().any(|gateway| gateway.vpc.as_deref() == Some(vpc)))
}

/// Whether an elastic address is in use, if it exists.
pub fn address_in_use(cx: &Cx<'_>, allocation: &str) -> Option<bool> {
    here(cx)?.addresses.get(allocation).map(|address| address.association.is_some())
}

/// Places an interface in a subnet for a load balancer. It is in use until the service removes it.
pub fn create_service_interface(
    cx: &mut Cx<'_>,
    subnet: &str,
    groups: &[String],
    address: Option<&str>,
    description: &str,
) -> Result<String, ApiError> {
    let subnet = cx.ec2().get::<Subnet>(subnet)?.clone();
    let mut interface = NetworkInterface::new(cx, &subnet, address, groups.to_vec(), description.to_owned())?;
    "network_load_balancer".clone_into(&mut interface.kind);
    interface.requester = Some("amazon-elb".to_owned());
    interface.service_status = Some("in-use".to_owned());
    let id = interface.id.clone();
    cx.ec2().network_interfaces.insert(id.clone(), interface);
    cx.dirty_region();
    Ok(id)
}

/// Removes an interface that a service placed, and frees its elastic address.
pub fn remove_service_interface(cx: &mut Cx<'_>, id: &str) {
    network_interface::remove(cx.ec2(), id);
    cx.dirty_region();
}

/// Gives an interface that a service placed other security groups.
pub fn set_interface_groups(cx: &mut Cx<'_>, id: &str, groups: &[String]) {
    if let Some(interface) = cx.ec2().network_interfaces.get_mut(id) {
        interface.groups = groups.to_vec();
    }
    cx.dirty_region();
}

/// Gives an interface that a service placed an elastic address, which must be free.
pub fn associate_address(cx: &mut Cx<'_>, allocation: &str, interface: &str) -> Result<String, ApiError> {
    let association = address::bind(cx, allocation, interface)?;
    cx.dirty_region();
    Ok(association)
}
