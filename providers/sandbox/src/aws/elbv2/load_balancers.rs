//! Load balancers.

use std::collections::BTreeMap;

use super::{
    Answer, LoadBalancer, Placement, arn, attributes, elb, invalid, name, network, no_load_balancer, one_of, page,
    tags, unsuited,
};
use crate::aws::{ApiError, Cx, Params, Xml, timestamp};

pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let name = name(p, "Load balancer")?;
    let kind = one_of(p, "Type", &["application", "network"])?.unwrap_or_else(|| "application".to_owned());
    let scheme = one_of(p, "Scheme", &["internet-facing", "internal"])?.unwrap_or_else(|| "internet-facing".to_owned());
    let ip_address_type = one_of(p, "IpAddressType", &["ipv4"])?.unwrap_or_else(|| "ipv4".to_owned());
    let security_groups = p.list("SecurityGroups");
    let (wishes, tags) = (network::wishes(p)?, tags::read(p)?);
    let fingerprint = p.raw().clone();
    // Identical settings make the call idempotent; anything else under the same name is a duplicate.
    if let Some(known) = elb(cx).load_balancers.values().find(|balancer| balancer.name == name) {
        if known.fingerprint == fingerprint {
            return Ok(answer(cx, &[known]));
        }
        return Err(ApiError::new(
            400,
            "DuplicateLoadBalancerName",
            format!("A load balancer with the same name '{name}' exists, but with different settings"),
        ));
    }
    let vpc = network::check(cx, &wishes, &kind, &scheme, &[])?;
    network::check_security_groups(cx, &security_groups, &vpc)?;
    let short = if kind == "network" { "net" } else { "app" };
    let arn = arn(cx, &format!("loadbalancer/{short}/{name}"));
    let id = arn.rsplit('/').next().unwrap_or_default();
    let dns_name = match (kind.as_str(), scheme.as_str()) {
        ("network", _) => format!("{name}-{id}.elb.{}.{}", cx.region, dns_suffix(&cx.region)),
        (_, "internal") => format!("internal-{name}-{id}.{}.elb.{}", cx.region, dns_suffix(&cx.region)),
        _ => format!("{name}-{id}.{}.elb.{}", cx.region, dns_suffix(&cx.region)),
    };
    let mut balancer = LoadBalancer {
        attributes: attributes::load_balancer_defaults(&kind),
        active: cx.now + cx.pace.load_balancer_provisioning,
        created: cx.now,
        placements: Vec::new(),
        arn,
        name,
        kind,
        dns_name,
        scheme,
        vpc,
        ip_address_type,
        security_groups,
        tags,
        fingerprint,
    };
    balancer.placements = network::place(cx, &wishes, &network::description(&balancer), &balancer.security_groups)?;
    let x = answer(cx, &[&balancer]);
    cx.here().elbv2.load_balancers.insert(balancer.arn.clone(), balancer);
    cx.dirty_region();
    Ok(x)
}

pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (arns, names) = (p.list("LoadBalancerArns"), p.list("Names"));
    if !arns.is_empty() && !names.is_empty() {
        return Err(invalid("Load balancer names and load balancer ARNs cannot be specified at the same time"));
    }
    if arns.len() > 20 || names.len() > 20 {
        return Err(invalid("Up to 20 load balancers can be described in a single call"));
    }
    let all = &elb(cx).load_balancers;
    for arn in &arns {
        if !all.contains_key(arn) {
            return Err(no_load_balancer(arn));
        }
    }
    for name in &names {
        if !all.values().any(|balancer| balancer.name == *name) {
            return Err(ApiError::new(400, "LoadBalancerNotFound", format!("Load balancers '[{name}]' not found")));
        }
    }
    let wanted = |balancer: &&LoadBalancer| {
        (arns.is_empty() && names.is_empty()) || arns.contains(&balancer.arn) || names.contains(&balancer.name)
    };
    let found: Vec<&LoadBalancer> = all.values().filter(wanted).collect();
    let (found, marker) = page(cx, p, &found)?;
    let mut x = answer(cx, found);
    if let Some(marker) = marker {
        x.text("NextMarker", marker);
    }
    Ok(x)
}

/// Deleting what does not exist succeeds, as documented.
pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let arn = p.str("LoadBalancerArn")?;
    if !arn.contains(":loadbalancer/") {
        return Err(invalid(format!("'{arn}' is not a valid load balancer ARN")));
    }
    let Ok(balancer) = elb(cx).load_balancer(&arn) else {
        return Ok(Xml::new());
    };
    if balancer.attributes.get("deletion_protection.enabled").is_some_and(|on| on == "true") {
        return Err(ApiError::new(
            400,
            "OperationNotPermitted",
            format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled"),
        ));
    }
    let placements = balancer.placements.clone();
    let elb = &mut cx.here().elbv2;
    elb.load_balancers.remove(&arn);
    elb.listeners.retain(|_, listener| listener.load_balancer != arn);
    network::release(cx, &placements);
    cx.dirty_region();
    Ok(Xml::new())
}

pub fn set_security_groups(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (arn, groups) = (p.str("LoadBalancerArn")?, p.list("SecurityGroups"));
    let balancer = elb(cx).load_balancer(&arn)?.clone();
    if groups.is_empty() {
        return Err(invalid("At least one security group must be specified"));
    }
    if balancer.security_groups.is_empty() && balancer.kind == "network" {
        return Err(unsuited("You cannot set security groups on a Network Load Balancer that was created without any"));
    }
    network::check_security_groups(cx, &groups, &balancer.vpc)?;
    for placement in &balancer.placements {
        crate::aws::ec2::network::set_interface_groups(cx, &placement.interface, &groups);
    }
    let mut x = Xml::new();
    x.nest("SecurityGroupIds", |x| {
        for group in &groups {
            x.text("member", group);
        }
    });
    cx.here().elbv2.load_balancer_mut(&arn)?.security_groups = groups;
    cx.dirty_region();
    Ok(x)
}

pub fn set_subnets(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (arn, wishes) = (p.str("LoadBalancerArn")?, network::wishes(p)?);
    let ip_address_type = one_of(p, "IpAddressType", &["ipv4"])?.unwrap_or_else(|| "ipv4".to_owned());
    let balancer = elb(cx).load_balancer(&arn)?.clone();
    let vpc = network::check(cx, &wishes, &balancer.kind, &balancer.scheme, &balancer.placements)?;
    if vpc != balancer.vpc {
        return Err(unsuited(format!("All subnets must belong to the load balancer's VPC '{}'", balancer.vpc)));
    }
    let placements = network::replace(cx, &balancer, wishes)?;
    let mut x = Xml::new();
    write_zones(&mut x, &placements);
    x.text("IpAddressType", ip_address_type);
    cx.here().elbv2.load_balancer_mut(&arn)?.placements = placements;
    cx.dirty_region();
    Ok(x)
}

fn answer(cx: &Cx<'_>, balancers: &[&LoadBalancer]) -> Xml {
    let mut x = Xml::new();
    x.nest("LoadBalancers", |x| {
        for balancer in balancers {
            x.nest("member", |x| write(cx, x, balancer));
        }
    });
    x
}

fn write(cx: &Cx<'_>, x: &mut Xml, balancer: &LoadBalancer) {
    x.text("LoadBalancerArn", &balancer.arn);
    x.text("DNSName", &balancer.dns_name);
    x.text("CanonicalHostedZoneId", hosted_zone(&cx.region, &balancer.kind));
    x.text("CreatedTime", timestamp(balancer.created));
    x.text("LoadBalancerName", &balancer.name);
    x.text("Scheme", &balancer.scheme);
    x.text("VpcId", &balancer.vpc);
    x.nest("State", |x| {
        x.text("Code", if cx.now < balancer.active { "provisioning" } else { "active" });
    });
    x.text("Type", &balancer.kind);
    write_zones(x, &balancer.placements);
    if !balancer.security_groups.is_empty() {
        x.nest("SecurityGroups", |x| {
            for group in &balancer.security_groups {
                x.text("member", group);
            }
        });
    }
    x.text("IpAddressType", &balancer.ip_address_type);
}

fn write_zones(x: &mut Xml, placements: &[Placement]) {
    let by_zone: BTreeMap<&str, &Placement> =
        placements.iter().map(|placement| (placement.zone.as_str(), placement)).collect();
    x.nest("AvailabilityZones", |x| {
        for placement in by_zone.values() {
            x.nest("member", |x| {
                x.text("ZoneName", &placement.zone);
                x.text("SubnetId", &placement.subnet);
                x.nest("LoadBalancerAddresses", |x| {
                    if placement.allocation.is_some() || placement.private_address.is_some() {
                        x.nest("member", |x| {
                            if let Some(allocation) = &placement.allocation {
                                x.text("AllocationId", allocation);
                            }
                            if let Some(address) = &placement.private_address {
                                x.text("PrivateIPv4Address", address);
                            }
                        });
                    }
                });
            });
        }
    });
}

/// The domain that the names of load balancers end in.
pub fn dns_suffix(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// The hosted zone that alias records name. The real ids are a table of AWS's; here they only have to be stable and per region.
pub fn hosted_zone(region: &str, kind: &str) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(format!("{kind}/{region}"));
    let letters = digest.iter().take(13).map(|byte| char::from(b'A' + byte % 26)).collect::<String>();
    format!("Z{letters}")
}
