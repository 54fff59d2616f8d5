//! The seam to EC2: subnets, security groups and the network interfaces that load balancers own.

use super::{LoadBalancer, Placement, invalid, unsuited};
use crate::aws::ec2::network as ec2;
use crate::aws::{ApiError, Cx, Params};

/// The free addresses that a load balancer's subnet must have
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/network/network-load-balancers.html>).
const FREE_ADDRESSES: usize = 8;

/// A subnet that a load balancer is asked to stand in.
#[derive(Debug, Clone)]
pub struct Wish {
    subnet: String,
    allocation: Option<String>,
    private_address: Option<String>,
}

/// `Subnets` or `SubnetMappings`, never both.
pub fn wishes(p: &Params) -> Result<Vec<Wish>, ApiError> {
    let subnets = p.list("Subnets");
    let mut wishes: Vec<Wish> =
        subnets.into_iter().map(|subnet| Wish { subnet, allocation: None, private_address: None }).collect();
    let plain = !wishes.is_empty();
    for mapping in p.structs("SubnetMappings") {
        wishes.push(Wish {
            subnet: mapping.str("SubnetId")?,
            allocation: mapping.opt_str("AllocationId"),
            private_address: mapping.opt_str("PrivateIPv4Address"),
        });
        if plain {
            return Err(invalid("You cannot specify both subnets and subnet mappings"));
        }
    }
    if wishes.is_empty() { Err(invalid("At least one subnet must be specified")) } else { Ok(wishes) }
}

/// Checks the subnets against each other and the kind of load balancer, and gives their VPC.
pub fn check(cx: &Cx<'_>, wishes: &[Wish], kind: &str, scheme: &str, held: &[Placement]) -> Result<String, ApiError> {
    let mut vpc: Option<String> = None;
    let mut zones: Vec<String> = Vec::new();
    for wish in wishes {
        let subnet = ec2::subnet(cx, &wish.subnet).ok_or_else(|| {
            ApiError::new(400, "SubnetNotFound", format!("The subnet ID '{}' is not valid", wish.subnet))
        })?;
        if vpc.as_ref().is_some_and(|vpc| *vpc != subnet.vpc) {
            return Err(unsuited("All subnets must belong to the same VPC"));
        }
        if zones.contains(&subnet.zone) {
            return Err(unsuited(
                "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
            ));
        }
        let kept = held.iter().any(|placement| placement.subnet == wish.subnet);
        if !kept && subnet.free_addresses < FREE_ADDRESSES {
            return Err(ApiError::new(
                400,
                "InvalidSubnet",
                format!(
                    "Not enough IP space available in {}. ELB requires at least {FREE_ADDRESSES} free IP addresses in each subnet.",
                    wish.subnet
                ),
            ));
        }
        if let Some(allocation) = &wish.allocation {
            check_allocation(cx, allocation, kind, scheme)?;
        }
        if wish.private_address.is_some() && (kind != "network" || scheme != "internal") {
            return Err(unsuited("Private IPv4 addresses can only be specified for internal Network Load Balancers"));
        }
        vpc = Some(subnet.vpc);
        zones.push(subnet.zone);
    }
    if kind == "application" && zones.len() < 2 {
        return Err(invalid("At least two subnets in two different Availability Zones must be specified"));
    }
    let vpc = vpc.ok_or_else(|| invalid("At least one subnet must be specified"))?;
    if scheme == "internet-facing" && !ec2::has_internet_gateway(cx, &vpc) {
        return Err(ApiError::new(400, "InvalidSubnet", format!("VPC {vpc} has no internet gateway")));
    }
    Ok(vpc)
}

fn check_allocation(cx: &Cx<'_>, allocation: &str, kind: &str, scheme: &str) -> Result<(), ApiError> {
    if kind != "network" || scheme != "internet-facing" {
        return Err(unsuited("Elastic IP addresses can only be specified for internet-facing Network Load Balancers"));
    }
    match ec2::address_in_use(cx, allocation) {
        None => {
            Err(ApiError::new(400, "AllocationIdNotFound", format!("The allocation IDs '{allocation}' do not exist")))
        }
        Some(true) => Err(ApiError::new(
            400,
            "ResourceInUse",
            format!("The allocation IDs '{allocation}' are not available for use"),
        )),
        Some(false) => Ok(()),
    }
}

/// Refuses security groups that do not exist or belong to another VPC.
pub fn check_security_groups(cx: &Cx<'_>, groups: &[String], vpc: &str) -> Result<(), ApiError> {
    for group in groups {
        match ec2::security_group_vpc(cx, group) {
            None => {
                return Err(ApiError::new(
                    400,
                    "InvalidSecurityGroup",
                    format!("The security group '{group}' does not exist"),
                ));
            }
            Some(found) if found != vpc => {
                return Err(unsuited(format!("The security group '{group}' does not belong to VPC '{vpc}'")));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Creates a network interface for each wish.
pub fn place(
    cx: &mut Cx<'_>,
    wishes: &[Wish],
    description: &str,
    groups: &[String],
) -> Result<Vec<Placement>, ApiError> {
    let mut placements = Vec::new();
    for wish in wishes {
        let zone = ec2::subnet(cx, &wish.subnet).map(|subnet| subnet.zone).unwrap_or_default();
        let interface =
            ec2::create_service_interface(cx, &wish.subnet, groups, wish.private_address.as_deref(), description)?;
        if let Some(allocation) = &wish.allocation {
            ec2::associate_address(cx, allocation, &interface)?;
        }
        let Wish { subnet, allocation, private_address } = wish.clone();
        placements.push(Placement { subnet, zone, interface, allocation, private_address });
    }
    Ok(placements)
}

/// Makes the load balancer stand in exactly these subnets.
pub fn replace(cx: &mut Cx<'_>, balancer: &LoadBalancer, wishes: Vec<Wish>) -> Result<Vec<Placement>, ApiError> {
    let (kept, gone): (Vec<_>, Vec<_>) =
        balancer.placements.iter().cloned().partition(|p| wishes.iter().any(|w| w.subnet == p.subnet));
    let new: Vec<Wish> = wishes.into_iter().filter(|w| !kept.iter().any(|p| p.subnet == w.subnet)).collect();
    let mut placements = place(cx, &new, &description(balancer), &balancer.security_groups)?;
    release(cx, &gone);
    placements.extend(kept);
    Ok(placements)
}

/// Lets the interfaces go, after the time that a deletion takes.
pub fn release(cx: &mut Cx<'_>, placements: &[Placement]) {
    let at = cx.now + cx.pace.load_balancer_deleting;
    let leaving = placements.iter().map(|placement| (placement.interface.clone(), at)).collect::<Vec<_>>();
    cx.here().elbv2.leaving.extend(leaving);
    settle(cx);
}

/// What a load balancer's interfaces say of themselves, as in AWS.
pub fn description(balancer: &LoadBalancer) -> String {
    let path = balancer.arn.split_once(":loadbalancer/").map_or("", |(_, path)| path);
    format!("ELB {path}")
}

/// Removes what has had its time: interfaces of deleted load balancers, targets that have drained.
pub fn settle(cx: &mut Cx<'_>) {
    let now = cx.now;
    let elb = &mut cx.here().elbv2;
    let (gone, left): (Vec<_>, Vec<_>) = std::mem::take(&mut elb.leaving).into_iter().partition(|(_, at)| *at <= now);
    elb.leaving = left;
    let mut changed = !gone.is_empty();
    for group in elb.target_groups.values_mut() {
        let before = group.targets.len();
        group.targets.retain(|target| target.drained.is_none_or(|at| at > now));
        changed |= group.targets.len() != before;
    }
    for (interface, _) in gone {
        ec2::remove_service_interface(cx, &interface);
    }
    if changed {
        cx.dirty_region();
    }
}
