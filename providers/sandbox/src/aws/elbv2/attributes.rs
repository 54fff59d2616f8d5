//! The attributes of load balancers, target groups and listeners: closed sets of keys with defaults.

use std::collections::BTreeMap;

use super::{Answer, elb, invalid};
use crate::aws::{ApiError, Cx, Params, Xml};

/// A key, its default, and what it takes.
type Known = (&'static str, &'static str, Takes);

#[derive(Debug, Clone, Copy)]
enum Takes {
    Bool,
    Text,
    Number(i64, i64),
    OneOf(&'static [&'static str]),
}

const BALANCER: [Known; 5] = [
    ("access_logs.s3.enabled", "false", Takes::Bool),
    ("access_logs.s3.bucket", "", Takes::Text),
    ("access_logs.s3.prefix", "", Takes::Text),
    ("deletion_protection.enabled", "false", Takes::Bool),
    ("zonal_shift.config.enabled", "false", Takes::Bool),
];

const NETWORK: [Known; 2] = [
    ("load_balancing.cross_zone.enabled", "false", Takes::Bool),
    (
        "dns_record.client_routing_policy",
        "any_availability_zone",
        Takes::OneOf(&["any_availability_zone", "availability_zone_affinity", "partial_availability_zone_affinity"]),
    ),
];

const APPLICATION: [Known; 3] = [
    ("load_balancing.cross_zone.enabled", "true", Takes::OneOf(&["true"])),
    ("idle_timeout.timeout_seconds", "60", Takes::Number(1, 4000)),
    ("routing.http2.enabled", "true", Takes::Bool),
];

const TARGET_GROUP: [Known; 7] = [
    ("deregistration_delay.timeout_seconds", "300", Takes::Number(0, 3600)),
    ("stickiness.enabled", "false", Takes::Bool),
    (
        "load_balancing.cross_zone.enabled",
        "use_load_balancer_configuration",
        Takes::OneOf(&["true", "false", "use_load_balancer_configuration"]),
    ),
    ("target_group_health.dns_failover.minimum_healthy_targets.count", "1", Takes::Text),
    ("target_group_health.dns_failover.minimum_healthy_targets.percentage", "off", Takes::Text),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1", Takes::Number(1, 1000)),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off", Takes::Text),
];

const TARGET_GROUP_TCP: [Known; 6] = [
    ("deregistration_delay.connection_termination.enabled", "false", Takes::Bool),
    ("preserve_client_ip.enabled", "true", Takes::Bool),
    ("proxy_protocol_v2.enabled", "false", Takes::Bool),
    ("stickiness.type", "source_ip", Takes::OneOf(&["source_ip"])),
    ("target_health_state.unhealthy.connection_termination.enabled", "true", Takes::Bool),
    ("target_health_state.unhealthy.draining_interval_seconds", "0", Takes::Number(0, 360_000)),
];

const TARGET_GROUP_HTTP: [Known; 4] = [
    ("stickiness.type", "lb_cookie", Takes::OneOf(&["lb_cookie", "app_cookie"])),
    ("stickiness.lb_cookie.duration_seconds", "86400", Takes::Number(1, 604_800)),
    ("slow_start.duration_seconds", "0", Takes::Number(0, 900)),
    (
        "load_balancing.algorithm.type",
        "round_robin",
        Takes::OneOf(&["round_robin", "least_outstanding_requests", "weighted_random"]),
    ),
];

const LISTENER: [Known; 1] = [("tcp.idle_timeout.seconds", "350", Takes::Number(60, 6000))];

/// What a new load balancer of that kind has.
pub fn load_balancer_defaults(kind: &str) -> BTreeMap<String, String> {
    let own: &[Known] = if kind == "network" { &NETWORK } else { &APPLICATION };
    defaults(&[&BALANCER, own])
}

/// What a new target group has; client addresses of `ip` targets are not preserved by default.
pub fn target_group_defaults(protocol: &str, target_type: &str) -> BTreeMap<String, String> {
    let own: &[Known] = if protocol.starts_with("HTTP") { &TARGET_GROUP_HTTP } else { &TARGET_GROUP_TCP };
    let mut all = defaults(&[&TARGET_GROUP, own]);
    if target_type == "ip"
        && protocol == "TCP"
        && let Some(preserve) = all.get_mut("preserve_client_ip.enabled")
    {
        "false".clone_into(preserve);
    }
    all
}

/// What a new listener has.
pub fn listener_defaults(protocol: &str) -> BTreeMap<String, String> {
    if protocol == "TCP" { defaults(&[&LISTENER]) } else { BTreeMap::new() }
}

pub fn modify_load_balancer(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (arn, wanted) = (p.str("LoadBalancerArn")?, read(p)?);
    apply(&mut cx.here().elbv2.load_balancer_mut(&arn)?.attributes, &wanted)?;
    cx.dirty_region();
    Ok(write(wanted.iter()))
}

pub fn describe_load_balancer(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let balancer = elb(cx).load_balancer(&p.str("LoadBalancerArn")?)?;
    Ok(write(balancer.attributes.iter()))
}

pub fn modify_target_group(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (arn, wanted) = (p.str("TargetGroupArn")?, read(p)?);
    apply(&mut cx.here().elbv2.target_group_mut(&arn)?.attributes, &wanted)?;
    cx.dirty_region();
    Ok(write(wanted.iter()))
}

pub fn describe_target_group(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let group = elb(cx).target_group(&p.str("TargetGroupArn")?)?;
    Ok(write(group.attributes.iter()))
}

pub fn modify_listener(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (arn, wanted) = (p.str("ListenerArn")?, read(p)?);
    apply(&mut cx.here().elbv2.listener_mut(&arn)?.attributes, &wanted)?;
    cx.dirty_region();
    Ok(write(wanted.iter()))
}

pub fn describe_listener(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let listener = elb(cx).listener(&p.str("ListenerArn")?)?;
    Ok(write(listener.attributes.iter()))
}

fn defaults(tables: &[&[Known]]) -> BTreeMap<String, String> {
    tables
        .iter()
        .flat_map(|table| table.iter())
        .map(|(key, default, _)| ((*key).to_owned(), (*default).to_owned()))
        .collect()
}

fn read(p: &Params) -> Result<BTreeMap<String, String>, ApiError> {
    let mut wanted = BTreeMap::new();
    for attribute in p.structs("Attributes") {
        let key = attribute.str("Key")?;
        if wanted.insert(key.clone(), attribute.opt_str("Value").unwrap_or_default()).is_some() {
            return Err(invalid(format!("The attribute '{key}' is specified more than once")));
        }
    }
    if wanted.is_empty() { Err(invalid("At least one attribute must be specified")) } else { Ok(wanted) }
}

/// Takes over all of `wanted`, or nothing of it.
fn apply(held: &mut BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Result<(), ApiError> {
    for (key, value) in wanted {
        if !held.contains_key(key) {
            return Err(invalid(format!(
                "The attribute key '{key}' is not recognized or not supported by this resource"
            )));
        }
        let takes =
            [&BALANCER[..], &NETWORK, &APPLICATION, &TARGET_GROUP, &TARGET_GROUP_TCP, &TARGET_GROUP_HTTP, &LISTENER]
                .into_iter()
                .flatten()
                .filter(|(known, _, _)| known == key)
                .map(|(_, _, takes)| takes);
        // A key such as `stickiness.type` means different things to different kinds: one of them must take the value.
        if !takes.clone().any(|takes| fits(*takes, value)) {
            return Err(invalid(format!("'{value}' is not a valid value for the attribute '{key}'")));
        }
    }
    held.extend(wanted.iter().map(|(key, value)| (key.clone(), value.clone())));
    Ok(())
}

fn fits(takes: Takes, value: &str) -> bool {
    match takes {
        Takes::Bool => value == "true" || value == "false",
        Takes::Text => value.len() <= 1024,
        Takes::Number(low, high) => value.parse::<i64>().is_ok_and(|number| (low..=high).contains(&number)),
        Takes::OneOf(known) => known.contains(&value),
    }
}

fn write<'a>(attributes: impl Iterator<Item = (&'a String, &'a String)>) -> Xml {
    let mut x = Xml::new();
    x.nest("Attributes", |x| {
        for (key, value) in attributes {
            x.nest("member", |x| {
                x.text("Key", key);
                x.text("Value", value);
            });
        }
    });
    x
}
