//! Listeners whose default action forwards to target groups.

use super::{
    Answer, Listener, LoadBalancer, attributes, elb, invalid, no_listener, one_of, page, port, tags,
    target_groups::used_by, unsuited,
};
use crate::aws::{ApiError, Cx, Params, Xml};

/// The most target groups that one action forwards to.
const MAX_FORWARD: usize = 5;

pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let load_balancer = p.str("LoadBalancerArn")?;
    let balancer = elb(cx).load_balancer(&load_balancer)?.clone();
    let protocol = protocol(p, &balancer)?.ok_or_else(|| invalid("A listener protocol must be specified"))?;
    let port = port(p, "Port")?.ok_or_else(|| invalid("A listener port must be specified"))?;
    let forward = forward(p)?.ok_or_else(|| invalid("DefaultActions is a required parameter"))?;
    let tags = tags::read(p)?;
    check(cx, &balancer, &protocol, &forward)?;
    if let Some(known) = elb(cx).listeners.values().find(|known| {
        known.load_balancer == load_balancer && known.port == port && layer(&known.protocol) == layer(&protocol)
    }) {
        if known.protocol == protocol && known.forward == forward && known.tags == tags {
            return Ok(answer(&[known]));
        }
        return Err(ApiError::bad(
            "DuplicateListener",
            format!("A listener already exists on port {port} for this load balancer '{load_balancer}'"),
        ));
    }
    let arn = format!("{}/{}", load_balancer.replace(":loadbalancer/", ":listener/"), cx.ids.hex(16));
    let attributes = attributes::listener_defaults(&protocol);
    let listener = Listener { arn, load_balancer, protocol, port, forward, tags, attributes };
    let x = answer(&[&listener]);
    cx.here().elbv2.listeners.insert(listener.arn.clone(), listener);
    cx.dirty_region();
    Ok(x)
}

pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (balancer, arns) = (p.opt_str("LoadBalancerArn"), p.list("ListenerArns"));
    let elb = elb(cx);
    if let Some(missing) = arns.iter().find(|arn| !elb.listeners.contains_key(*arn)) {
        return Err(no_listener(missing));
    }
    match &balancer {
        Some(arn) => drop(elb.load_balancer(arn)?),
        None if arns.is_empty() => {
            return Err(invalid("You must specify either listener ARNs or a load balancer ARN"));
        }
        None => {}
    }
    let wanted = |listener: &&Listener| {
        balancer.as_ref().is_none_or(|arn| *arn == listener.load_balancer)
            && (arns.is_empty() || arns.contains(&listener.arn))
    };
    let found: Vec<&Listener> = elb.listeners.values().filter(wanted).collect();
    let (found, marker) = page(cx, p, &found)?;
    let mut x = answer(found);
    x.opt("NextMarker", marker);
    Ok(x)
}

pub fn modify(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let mut listener = elb(cx).listener(&p.str("ListenerArn")?)?.clone();
    let balancer = elb(cx).load_balancer(&listener.load_balancer)?.clone();
    listener.protocol = protocol(p, &balancer)?.unwrap_or(listener.protocol);
    listener.port = port(p, "Port")?.unwrap_or(listener.port);
    listener.forward = forward(p)?.unwrap_or(listener.forward);
    check(cx, &balancer, &listener.protocol, &listener.forward)?;
    let clash = |other: &Listener| {
        other.arn != listener.arn
            && other.load_balancer == listener.load_balancer
            && other.port == listener.port
            && layer(&other.protocol) == layer(&listener.protocol)
    };
    if elb(cx).listeners.values().any(clash) {
        return Err(ApiError::bad(
            "DuplicateListener",
            format!("A listener already exists on port {} for this load balancer", listener.port),
        ));
    }
    let x = answer(&[&listener]);
    cx.here().elbv2.listeners.insert(listener.arn.clone(), listener);
    cx.dirty_region();
    Ok(x)
}

pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let arn = p.str("ListenerArn")?;
    cx.here().elbv2.listeners.remove(&arn).ok_or_else(|| no_listener(&arn))?;
    cx.dirty_region();
    Ok(Xml::new())
}

/// TLS listeners need a certificate, and there are none here.
fn protocol(p: &Params, balancer: &LoadBalancer) -> Result<Option<String>, ApiError> {
    let known: &[&str] = if balancer.kind == "network" { &["TCP", "UDP", "TCP_UDP"] } else { &["HTTP"] };
    one_of(p, "Protocol", known)
}

fn forward(p: &Params) -> Result<Option<Vec<(String, i64)>>, ApiError> {
    let actions = p.structs("DefaultActions");
    let [action] = actions.as_slice() else {
        return if actions.is_empty() { Ok(None) } else { Err(invalid("A listener can have one default action only")) };
    };
    one_of(action, "Type", &["forward"])?.ok_or_else(|| invalid("An action must have a type"))?;
    action.opt_int("Order")?;
    let mut groups = Vec::new();
    if let Some(config) = action.opt_struct("ForwardConfig") {
        for tuple in config.structs("TargetGroups") {
            let weight = tuple.opt_int("Weight")?.unwrap_or(1);
            if !(0..=999).contains(&weight) {
                return Err(invalid(
                    "Value at 'weight' failed to satisfy constraint: Member must have value between 0 and 999",
                ));
            }
            groups.push((tuple.str("TargetGroupArn")?, weight));
        }
        if let Some(stickiness) = config.opt_struct("TargetGroupStickinessConfig") {
            if stickiness.bool("Enabled")? {
                return Err(unsuited("Target group stickiness is not supported for this listener"));
            }
            stickiness.opt_int("DurationSeconds")?;
        }
    }
    if let Some(single) = action.opt_str("TargetGroupArn") {
        if !groups.is_empty() && (groups.len() > 1 || groups[0].0 != single) {
            return Err(invalid(
                "You can specify both a target group ARN and a forward config only if they name the same target group",
            ));
        }
        groups = vec![(single, 1)];
    }
    match groups.len() {
        0 => Err(invalid("A forward action must name a target group")),
        1..=MAX_FORWARD => Ok(Some(groups)),
        _ => Err(ApiError::bad(
            "TooManyTargetGroups",
            format!("An action can forward to at most {MAX_FORWARD} target groups"),
        )),
    }
}

fn check(cx: &Cx<'_>, balancer: &LoadBalancer, protocol: &str, forward: &[(String, i64)]) -> Result<(), ApiError> {
    for (arn, _) in forward {
        let group = elb(cx).target_group(arn)?;
        if group.vpc != balancer.vpc {
            return Err(unsuited(format!("Target group '{arn}' is not in the load balancer's VPC '{}'", balancer.vpc)));
        }
        let fits = match protocol {
            "TCP" => ["TCP", "TCP_UDP"].contains(&group.protocol.as_str()),
            "UDP" => ["UDP", "TCP_UDP"].contains(&group.protocol.as_str()),
            "HTTP" => group.protocol.starts_with("HTTP"),
            other => group.protocol == other,
        };
        if !fits {
            return Err(ApiError::bad(
                "IncompatibleProtocols",
                format!(
                    "The listener protocol {protocol} does not support the target group protocol {}",
                    group.protocol
                ),
            ));
        }
        if used_by(cx, arn).iter().any(|user| *user != balancer.arn) {
            return Err(ApiError::bad(
                "TargetGroupAssociationLimit",
                format!("The following target groups cannot be associated with more than one load balancer: {arn}"),
            ));
        }
    }
    Ok(())
}

/// TCP and UDP may share a port; a listener for both shares it with neither.
fn layer(protocol: &str) -> u8 {
    u8::from(protocol == "UDP")
}

fn answer(listeners: &[&Listener]) -> Xml {
    let mut x = Xml::new();
    x.list("Listeners", "member", listeners, |x, listener| {
        x.text("ListenerArn", &listener.arn);
        x.text("LoadBalancerArn", &listener.load_balancer);
        x.text("Port", listener.port);
        x.text("Protocol", &listener.protocol);
        x.nest("DefaultActions", |x| {
            x.nest("member", |x| {
                x.text("Type", "forward");
                if let [(single, _)] = listener.forward.as_slice() {
                    x.text("TargetGroupArn", single);
                }
                x.text("Order", 1);
                x.nest("ForwardConfig", |x| {
                    x.list("TargetGroups", "member", &listener.forward, |x, (arn, weight)| {
                        x.text("TargetGroupArn", arn);
                        x.text("Weight", weight);
                    });
                });
            });
        });
    });
    x
}
