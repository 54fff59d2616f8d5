//! Load balancers.

use super::{Answer, LoadBalancer, attributes, instances, invalid, listeners, network, no_load_balancer, tags};
use crate::aws::elbv2::{dns_suffix, hosted_zone, page};
use crate::aws::{ApiError, Cx, Params, Xml, timestamp};

pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let name = name(p)?;
    let (listeners, tags) = (listeners::read(p)?, tags::read(p)?);
    let scheme = p.opt_str("Scheme").unwrap_or_else(|| "internet-facing".to_owned());
    if scheme != "internet-facing" && scheme != "internal" {
        return Err(ApiError::bad("InvalidScheme", format!("The scheme {scheme} is not valid")));
    }
    if p.has("AvailabilityZones") {
        return Err(invalid("There is no default VPC, so that AvailabilityZones can't be specified"));
    }
    if cx.here().elb.load_balancers.contains_key(&name) {
        return Err(ApiError::bad(
            "DuplicateLoadBalancerName",
            format!("The load balancer name '{name}' exists already for this account"),
        ));
    }
    let (subnets, groups) = (p.list("Subnets"), p.list("SecurityGroups"));
    let vpc = network::check(cx, &subnets, &scheme)?;
    let security_groups = network::security_groups(cx, groups, &vpc)?;
    let placements = network::place(cx, &subnets, &name, &security_groups)?;
    let internal = if scheme == "internal" { "internal-" } else { "" };
    let number = u64::from_str_radix(&cx.ids.hex(8), 16).unwrap_or_default();
    let dns_name = format!("{internal}{name}-{number}.{}.elb.{}", cx.region, dns_suffix(&cx.region));
    let balancer = LoadBalancer {
        name: name.clone(),
        dns_name: dns_name.clone(),
        scheme,
        vpc,
        placements,
        security_groups,
        listeners,
        instances: Vec::new(),
        attributes: attributes::Attributes::default(),
        created: cx.now,
        tags,
    };
    cx.here().elb.load_balancers.insert(name, balancer);
    cx.dirty_region();
    let mut x = Xml::new();
    x.text("DNSName", dns_name);
    Ok(x)
}

pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let names = p.list("LoadBalancerNames");
    let all = cx.here().elb.load_balancers.clone();
    if let Some(missing) = names.iter().find(|name| !all.contains_key(*name)) {
        return Err(no_load_balancer(missing));
    }
    let found: Vec<&LoadBalancer> =
        all.values().filter(|balancer| names.is_empty() || names.contains(&balancer.name)).collect();
    let (found, marker) = page(cx, p, &found)?;
    let mut x = Xml::new();
    x.nest("LoadBalancerDescriptions", |x| {
        for balancer in found {
            x.nest("member", |x| write(cx, x, balancer));
        }
    });
    x.opt("NextMarker", marker);
    Ok(x)
}

/// Deleting what does not exist succeeds, as documented.
pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let name = p.str("LoadBalancerName")?;
    if let Some(balancer) = cx.here().elb.load_balancers.remove(&name) {
        network::release(cx, &balancer.placements);
        cx.dirty_region();
    }
    Ok(Xml::new())
}

fn name(p: &Params) -> Result<String, ApiError> {
    let name = p.str("LoadBalancerName")?;
    let fits = name.len() <= 32
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if fits {
        return Ok(name);
    }
    Err(invalid(format!("LoadBalancerName '{name}' must have 1 to 32 letters, digits and inner hyphens")))
}

fn write(cx: &Cx<'_>, x: &mut Xml, balancer: &LoadBalancer) {
    x.text("LoadBalancerName", &balancer.name);
    x.text("DNSName", &balancer.dns_name);
    if balancer.scheme == "internet-facing" {
        x.text("CanonicalHostedZoneName", &balancer.dns_name);
    }
    x.text("CanonicalHostedZoneNameID", hosted_zone(&cx.region, "classic"));
    listeners::write(x, &balancer.listeners);
    x.nest("Policies", |x| {
        for kind in ["AppCookieStickinessPolicies", "LBCookieStickinessPolicies", "OtherPolicies"] {
            x.nest(kind, |_| {});
        }
    });
    x.nest("BackendServerDescriptions", |_| {});
    x.values("AvailabilityZones", "member", balancer.placements.iter().map(|placement| &placement.zone));
    x.values("Subnets", "member", balancer.placements.iter().map(|placement| &placement.subnet));
    x.text("VPCId", &balancer.vpc);
    instances::write(cx, x, balancer);
    if let Some(listener) = balancer.listeners.first() {
        x.nest("HealthCheck", |x| {
            x.text("Target", format!("TCP:{}", listener.instance_port));
            for (setting, value) in
                [("Interval", 30), ("Timeout", 5), ("UnhealthyThreshold", 2), ("HealthyThreshold", 10)]
            {
                x.text(setting, value);
            }
        });
    }
    x.values("SecurityGroups", "member", &balancer.security_groups);
    x.text("CreatedTime", timestamp(balancer.created));
    x.text("Scheme", &balancer.scheme);
}
