//! The seam to EC2: subnets, security groups and the network interfaces that load balancers own.

use super::{Placement, invalid};
use crate::aws::ec2::network as ec2;
use crate::aws::{ApiError, Cx};

/// The free addresses that a load balancer's subnet must have
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-backend-instances.html>).
const FREE_ADDRESSES: usize = 8;

/// Checks the subnets against each other, and gives their VPC.
pub fn check(cx: &Cx<'_>, subnets: &[String], scheme: &str) -> Result<String, ApiError> {
    let unsuited = |why: &str| Err(ApiError::new(409, "InvalidConfigurationRequest", why));
    let mut vpc: Option<String> = None;
    let mut zones: Vec<String> = Vec::new();
    for id in subnets {
        let subnet = ec2::subnet(cx, id)
            .ok_or_else(|| ApiError::bad("SubnetNotFound", format!("The subnet ID '{id}' does not exist")))?;
        if vpc.as_ref().is_some_and(|vpc| *vpc != subnet.vpc) {
            return unsuited("All subnets must belong to the same VPC");
        }
        if zones.contains(&subnet.zone) {
            return unsuited("ELB cannot be attached to multiple subnets in the same AZ.");
        }
        if subnet.free_addresses < FREE_ADDRESSES {
            return Err(ApiError::bad(
                "InvalidSubnet",
                format!(
                    "Not enough IP space available in {id}. ELB requires at least {FREE_ADDRESSES} free IP addresses in each subnet."
                ),
            ));
        }
        vpc = Some(subnet.vpc);
        zones.push(subnet.zone);
    }
    let vpc = vpc.ok_or_else(|| invalid("Either AvailabilityZones or SubnetIds must be specified"))?;
    if scheme == "internet-facing" && !ec2::has_internet_gateway(cx, &vpc) {
        return Err(ApiError::bad("InvalidSubnet", format!("VPC {vpc} has no internet gateway")));
    }
    Ok(vpc)
}

/// The groups that are asked for, all of the VPC; its own group if none is.
pub fn security_groups(cx: &Cx<'_>, groups: Vec<String>, vpc: &str) -> Result<Vec<String>, ApiError> {
    let unsuited = |group: &String| ec2::security_group_vpc(cx, group).is_none_or(|of| of != vpc);
    if let Some(group) = groups.iter().find(|group| unsuited(group)) {
        return Err(ApiError::bad(
            "InvalidSecurityGroup",
            format!("The security group '{group}' is not of the VPC {vpc}"),
        ));
    }
    Ok(if groups.is_empty() { ec2::default_security_group(cx, vpc).into_iter().collect() } else { groups })
}

/// Creates a network interface in each subnet. It says whose it is in its description only, as in AWS.
pub fn place(cx: &mut Cx<'_>, subnets: &[String], name: &str, groups: &[String]) -> Result<Vec<Placement>, ApiError> {
    let mut placements = Vec::new();
    for subnet in subnets {
        let zone = ec2::subnet(cx, subnet).map(|subnet| subnet.zone).unwrap_or_default();
        let interface = ec2::create_service_interface(cx, subnet, groups, None, &format!("ELB {name}"))?;
        placements.push(Placement { subnet: subnet.clone(), zone, interface });
    }
    Ok(placements)
}

/// Lets the interfaces go, after the time that a deletion takes.
pub fn release(cx: &mut Cx<'_>, placements: &[Placement]) {
    let at = cx.now + cx.pace.load_balancer_deleting;
    cx.here().elb.leaving.extend(placements.iter().map(|placement| (placement.interface.clone(), at)));
    settle(cx);
}

/// Removes the interfaces of deleted load balancers that have had their time.
pub fn settle(cx: &mut Cx<'_>) {
    let now = cx.now;
    let elb = &mut cx.here().elb;
    let (gone, left): (Vec<_>, Vec<_>) = std::mem::take(&mut elb.leaving).into_iter().partition(|(_, at)| *at <= now);
    elb.leaving = left;
    for (interface, _) in gone {
        ec2::remove_service_interface(cx, &interface);
    }
}
