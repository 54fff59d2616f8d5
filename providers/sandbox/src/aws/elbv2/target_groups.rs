//! Target groups.

use super::{
    Answer, HealthCheck, TargetGroup, arn, attributes, elb, invalid, name, no_target_group, one_of, page, port, tags,
};
use crate::aws::ec2::network as ec2;
use crate::aws::{ApiError, Cx, Params, Xml};

const PROTOCOLS: [&str; 6] = ["HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP"];

pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let name = name(p, "Target group")?;
    let protocol = one_of(p, "Protocol", &PROTOCOLS)?.ok_or_else(|| invalid("A protocol must be specified"))?;
    let port = port(p, "Port")?.ok_or_else(|| invalid("A port must be specified"))?;
    let vpc = p.opt_str("VpcId").ok_or_else(|| invalid("A VPC ID must be specified"))?;
    let target_type = one_of(p, "TargetType", &["instance", "ip"])?.unwrap_or_else(|| "instance".to_owned());
    let ip_address_type = one_of(p, "IpAddressType", &["ipv4"])?.unwrap_or_else(|| "ipv4".to_owned());
    let version = one_of(p, "ProtocolVersion", &["HTTP1"])?;
    if version.is_some() && !protocol.starts_with("HTTP") {
        return Err(invalid("Protocol version is supported for HTTP and HTTPS target groups only"));
    }
    let health = HealthCheck::read(p, None, &protocol)?;
    let (tags, fingerprint) = (tags::read(p)?, p.raw().clone());
    // Identical settings make the call idempotent; anything else under the same name is a duplicate.
    if let Some(known) = elb(cx).target_groups.values().find(|group| group.name == name) {
        if known.fingerprint == fingerprint {
            return Ok(answer(cx, &[known]));
        }
        return Err(ApiError::bad(
            "DuplicateTargetGroupName",
            format!("A target group with the same name '{name}' exists, but with different settings"),
        ));
    }
    if !ec2::has_vpc(cx, &vpc) {
        return Err(invalid(format!("The VPC ID '{vpc}' is not found")));
    }
    let attributes = attributes::target_group_defaults(&protocol, &target_type);
    let arn = arn(cx, &format!("targetgroup/{name}"));
    let group = TargetGroup {
        arn,
        name,
        protocol,
        port,
        vpc,
        target_type,
        ip_address_type,
        health,
        targets: Vec::new(),
        tags,
        attributes,
        fingerprint,
    };
    let x = answer(cx, &[&group]);
    cx.here().elbv2.target_groups.insert(group.arn.clone(), group);
    cx.dirty_region();
    Ok(x)
}

pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (balancer, arns, names) = (p.opt_str("LoadBalancerArn"), p.list("TargetGroupArns"), p.list("Names"));
    if [balancer.is_some(), !arns.is_empty(), !names.is_empty()].into_iter().filter(|given| *given).count() > 1 {
        return Err(invalid("Load balancer ARN, target group ARNs and names cannot be specified at the same time"));
    }
    let elb = elb(cx);
    if let Some(missing) = arns.iter().find(|arn| !elb.target_groups.contains_key(*arn)) {
        return Err(no_target_group(missing));
    }
    if names.iter().any(|name| !elb.target_groups.values().any(|group| group.name == *name)) {
        return Err(ApiError::bad("TargetGroupNotFound", "One or more target groups not found"));
    }
    if let Some(arn) = &balancer {
        elb.load_balancer(arn)?;
    }
    let wanted = |group: &&TargetGroup| match &balancer {
        Some(balancer) => used_by(cx, &group.arn).contains(balancer),
        None => (arns.is_empty() && names.is_empty()) || arns.contains(&group.arn) || names.contains(&group.name),
    };
    let found: Vec<&TargetGroup> = elb.target_groups.values().filter(wanted).collect();
    let (found, marker) = page(cx, p, &found)?;
    let mut x = answer(cx, found);
    x.opt("NextMarker", marker);
    Ok(x)
}

pub fn modify(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let group = elb(cx).target_group(&p.str("TargetGroupArn")?)?;
    let mut group = group.clone();
    group.health = HealthCheck::read(p, Some(&group.health), &group.protocol)?;
    let x = answer(cx, &[&group]);
    cx.here().elbv2.target_groups.insert(group.arn.clone(), group);
    cx.dirty_region();
    Ok(x)
}

/// Deleting what does not exist succeeds.
pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let arn = p.str("TargetGroupArn")?;
    if !arn.contains(":targetgroup/") {
        return Err(invalid(format!("'{arn}' is not a valid target group ARN")));
    }
    if !used_by(cx, &arn).is_empty() {
        return Err(ApiError::bad(
            "ResourceInUse",
            format!("Target group '{arn}' is currently in use by a listener or a rule"),
        ));
    }
    cx.here().elbv2.target_groups.remove(&arn);
    cx.dirty_region();
    Ok(Xml::new())
}

/// The load balancers whose listeners forward to a target group.
pub fn used_by(cx: &Cx<'_>, target_group: &str) -> Vec<String> {
    let forwards = |listener: &&super::Listener| listener.forward.iter().any(|(arn, _)| arn == target_group);
    let mut balancers: Vec<String> =
        elb(cx).listeners.values().filter(forwards).map(|listener| listener.load_balancer.clone()).collect();
    balancers.dedup();
    balancers
}

fn answer(cx: &Cx<'_>, groups: &[&TargetGroup]) -> Xml {
    let mut x = Xml::new();
    x.list("TargetGroups", "member", groups, |x, group| {
        x.text("TargetGroupArn", &group.arn);
        x.text("TargetGroupName", &group.name);
        x.text("Protocol", &group.protocol);
        x.text("Port", group.port);
        x.text("VpcId", &group.vpc);
        x.text("HealthCheckProtocol", &group.health.protocol);
        x.text("HealthCheckPort", &group.health.port);
        x.text("HealthCheckEnabled", group.health.enabled);
        x.text("HealthCheckIntervalSeconds", group.health.interval);
        x.text("HealthCheckTimeoutSeconds", group.health.timeout);
        x.text("HealthyThresholdCount", group.health.healthy);
        x.text("UnhealthyThresholdCount", group.health.unhealthy);
        x.opt("HealthCheckPath", group.health.path.as_ref());
        if let Some(codes) = &group.health.matcher {
            x.nest("Matcher", |x| x.text("HttpCode", codes));
        }
        x.values("LoadBalancerArns", "member", used_by(cx, &group.arn));
        x.text("TargetType", &group.target_type);
        x.text("IpAddressType", &group.ip_address_type);
    });
    x
}
