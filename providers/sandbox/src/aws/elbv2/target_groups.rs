//! Target groups.

use super::{
    Answer, HealthCheck, TargetGroup, arn, attributes, elb, invalid, name, no_target_group, one_of,
    page, port, tags, unsuited,
};
use crate::aws::ec2::network as ec2;
use crate::aws::{ApiError, Cx, Params, Xml};

const PROTOCOLS: [&str; 6] = ["HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP"];
const HEALTH_PROTOCOLS: [&str; 3] = ["HTTP", "HTTPS", "TCP"];

pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let name = name(p, "Target group")?;
    let protocol = one_of(p, "Protocol", &PROTOCOLS)?
        .ok_or_else(|| invalid("A protocol must be specified"))?;
    let port = port(p, "Port")?.ok_or_else(|| invalid("A port must be specified"))?;
    let vpc = p
        .opt_str("VpcId")
        .ok_or_else(|| invalid("A VPC ID must be specified"))?;
    let target_type =
        one_of(p, "TargetType", &["instance", "ip"])?.unwrap_or_else(|| "instance".to_owned());
    let ip_address_type =
        one_of(p, "IpAddressType", &["ipv4"])?.unwrap_or_else(|| "ipv4".to_owned());
    let version = one_of(p, "ProtocolVersion", &["HTTP1"])?;
    if version.is_some() && !protocol.starts_with("HTTP") {
        return Err(invalid(
            "Protocol version is supported for HTTP and HTTPS target groups only",
        ));
    }
    let health = read_health(p, None, &protocol)?;
    let (tags, fingerprint) = (tags::read(p)?, p.raw().clone());
    // Identical settings make the call idempotent; anything else under the same name is a duplicate.
    if let Some(known) = elb(cx)
        .target_groups
        .values()
        .find(|group| group.name == name)
    {
        if known.fingerprint == fingerprint {
            return Ok(answer(cx, &[known]));
        }
        return Err(ApiError::bad(
            "DuplicateTargetGroupName",
            format!(
                "A target group with the same name '{name}' exists, but with different settings"
            ),
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
    cx.here()
        .elbv2
        .target_groups
        .insert(group.arn.clone(), group);
    cx.dirty_region();
    Ok(x)
}

pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (balancer, arns, names) = (
        p.opt_str("LoadBalancerArn"),
        p.list("TargetGroupArns"),
        p.list("Names"),
    );
    if [balancer.is_some(), !arns.is_empty(), !names.is_empty()]
        .into_iter()
        .filter(|given| *given)
        .count()
        > 1
    {
        return Err(invalid(
            "Load balancer ARN, target group ARNs and names cannot be specified at the same time",
        ));
    }
    let elb = elb(cx);
    if let Some(missing) = arns
        .iter()
        .find(|arn| !elb.target_groups.contains_key(*arn))
    {
        return Err(no_target_group(missing));
    }
    if names
        .iter()
        .any(|name| !elb.target_groups.values().any(|group| group.name == *name))
    {
        return Err(ApiError::bad(
            "TargetGroupNotFound",
            "One or more target groups not found",
        ));
    }
    if let Some(arn) = &balancer {
        elb.load_balancer(arn)?;
    }
    let wanted = |group: &&TargetGroup| match &balancer {
        Some(balancer) => used_by(cx, &group.arn).contains(balancer),
        None => {
            (arns.is_empty() && names.is_empty())
                || arns.contains(&group.arn)
                || names.contains(&group.name)
        }
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
    group.health = read_health(p, Some(&group.health), &group.protocol)?;
    let x = answer(cx, &[&group]);
    cx.here()
        .elbv2
        .target_groups
        .insert(group.arn.clone(), group);
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
    let forwards =
        |listener: &&super::Listener| listener.forward.iter().any(|(arn, _)| arn == target_group);
    let mut balancers: Vec<String> = elb(cx)
        .listeners
        .values()
        .filter(forwards)
        .map(|listener| listener.load_balancer.clone())
        .collect();
    balancers.dedup();
    balancers
}

fn read_health(
    p: &Params,
    held: Option<&HealthCheck>,
    protocol: &str,
) -> Result<HealthCheck, ApiError> {
    let layer7 = protocol.starts_with("HTTP");
    let asked = one_of(p, "HealthCheckProtocol", &HEALTH_PROTOCOLS)?;
    if layer7 && asked.as_deref() == Some("TCP") {
        return Err(unsuited(
            "Health check protocol TCP is not supported for target groups with the protocol HTTP or HTTPS",
        ));
    }
    let usual = || {
        if layer7 {
            protocol.to_owned()
        } else {
            "TCP".to_owned()
        }
    };
    let check = asked
        .or_else(|| held.map(|held| held.protocol.clone()))
        .unwrap_or_else(usual);
    let http = check.starts_with("HTTP");
    let number = |parameter: &str,
                  low: i64,
                  high: i64,
                  held: Option<i64>,
                  usual: i64|
     -> Result<i64, ApiError> {
        let value = p.opt_int(parameter)?.or(held).unwrap_or(usual);
        if (low..=high).contains(&value) {
            return Ok(value);
        }
        Err(invalid(format!(
            "Value '{value}' at '{parameter}' failed to satisfy constraint: Member must have value between {low} and {high}"
        )))
    };
    let path = p.opt_str("HealthCheckPath");
    let matcher = match p.opt_struct("Matcher") {
        Some(matcher) => Some(matcher.str("HttpCode")?),
        None => None,
    };
    if !http && (path.is_some() || matcher.is_some()) {
        return Err(unsuited(
            "Health check path and matcher are supported for HTTP and HTTPS health checks only",
        ));
    }
    let port = p
        .opt_str("HealthCheckPort")
        .or_else(|| held.map(|held| held.port.clone()))
        .unwrap_or_else(|| "traffic-port".to_owned());
    if port != "traffic-port" && !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(invalid(format!(
            "Health check port '{port}' must be 'traffic-port' or a port number"
        )));
    }
    let interval = number(
        "HealthCheckIntervalSeconds",
        5,
        300,
        held.map(|held| held.interval),
        30,
    )?;
    let usual_timeout = if http && !layer7 {
        6
    } else if layer7 {
        5
    } else {
        10
    };
    let timeout = number(
        "HealthCheckTimeoutSeconds",
        2,
        120,
        held.map(|held| held.timeout),
        usual_timeout.min(interval),
    )?;
    if timeout > interval {
        return Err(invalid(format!(
            "Health check timeout '{timeout}' must be smaller than or equal to the interval '{interval}'"
        )));
    }
    let enabled = p
        .opt_bool("HealthCheckEnabled")?
        .or(held.map(|held| held.enabled))
        .unwrap_or(true);
    if !enabled {
        return Err(unsuited(
            "Health check enabled must be true for target groups with target type instance or ip",
        ));
    }
    let unhealthy = number(
        "UnhealthyThresholdCount",
        2,
        10,
        held.map(|held| held.unhealthy),
        2,
    )?;
    Ok(HealthCheck {
        enabled,
        path: if http {
            path.or_else(|| held.and_then(|held| held.path.clone()))
                .or_else(|| Some("/".to_owned()))
        } else {
            None
        },
        matcher: if http {
            matcher
                .or_else(|| held.and_then(|held| held.matcher.clone()))
                .or_else(|| Some(if layer7 { "200" } else { "200-399" }.to_owned()))
        } else {
            None
        },
        protocol: check,
        port,
        interval,
        timeout,
        healthy: number(
            "HealthyThresholdCount",
            2,
            10,
            held.map(|held| held.healthy),
            5,
        )?,
        unhealthy,
    })
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
