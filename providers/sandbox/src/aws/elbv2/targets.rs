//! The targets of target groups and their health.

use super::{Answer, Target, TargetGroup, elb, invalid, port, target_groups::used_by};
use crate::aws::ec2::network as ec2;
use crate::aws::{ApiError, Cx, Params, Xml};

struct Asked {
    id: String,
    port: Option<u16>,
    zone: Option<String>,
}

pub fn register(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (arn, asked) = (p.str("TargetGroupArn")?, asked(p)?);
    if asked.is_empty() {
        return Err(invalid("At least one target must be specified"));
    }
    let group = elb(cx).target_group(&arn)?;
    for target in &asked {
        check(cx, group, target)?;
    }
    let now = cx.now;
    let group = cx.here().elbv2.target_group_mut(&arn)?;
    for target in asked {
        let port = target.port.unwrap_or(group.port);
        insert(group, target.id, port, target.zone, now);
    }
    cx.dirty_region();
    Ok(Xml::new())
}

pub fn deregister(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (arn, asked) = (p.str("TargetGroupArn")?, asked(p)?);
    let drained = cx.now + cx.pace.target_initial;
    let group = cx.here().elbv2.target_group_mut(&arn)?;
    for target in asked {
        let same = |held: &Target| held.id == target.id && target.port.is_none_or(|port| port == held.port);
        if !group.targets.iter().any(same) && target.id.starts_with("i-") && target.id.len() < 10 {
            return Err(ApiError::bad("InvalidTarget", format!("The target '{}' is not valid", target.id)));
        }
        drain(group, drained, same);
    }
    cx.dirty_region();
    Ok(Xml::new())
}

pub fn health(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (arn, asked) = (p.str("TargetGroupArn")?, asked(p)?);
    let group = elb(cx).target_group(&arn)?;
    let used = !used_by(cx, &arn).is_empty();
    let mut shown: Vec<Target> = group.targets.clone();
    let mut unregistered = Vec::new();
    if !asked.is_empty() {
        let same =
            |held: &Target, asked: &Asked| held.id == asked.id && asked.port.is_none_or(|port| port == held.port);
        unregistered = asked
            .iter()
            .filter(|asked| !group.targets.iter().any(|held| same(held, asked)))
            .map(|asked| (asked.id.clone(), asked.port.unwrap_or(group.port)))
            .collect();
        shown.retain(|held| asked.iter().any(|asked| same(held, asked)));
    }
    let mut x = Xml::new();
    x.nest("TargetHealthDescriptions", |x| {
        for target in &shown {
            let (state, reason) = state(cx, group, target, used);
            write(x, group, (&target.id, target.port, target.zone.as_deref()), state, reason);
        }
        for (id, port) in &unregistered {
            write(x, group, (id, *port, None), "unused", Some("Target.NotRegistered"));
        }
    });
    Ok(x)
}

/// Registers machines on behalf of an autoscaling group. A target group that is gone is left alone.
pub fn register_instances(cx: &mut Cx<'_>, target_group: &str, instances: &[String]) {
    let now = cx.now;
    if let Ok(group) = cx.here().elbv2.target_group_mut(target_group) {
        for instance in instances {
            insert(group, instance.clone(), group.port, None, now);
        }
        cx.dirty_region();
    }
}

/// Deregisters machines on behalf of an autoscaling group.
pub fn deregister_instances(cx: &mut Cx<'_>, target_group: &str, instances: &[String]) {
    let drained = cx.now + cx.pace.target_initial;
    if let Ok(group) = cx.here().elbv2.target_group_mut(target_group) {
        drain(group, drained, |held| instances.contains(&held.id));
        cx.dirty_region();
    }
}

fn asked(p: &Params) -> Result<Vec<Asked>, ApiError> {
    let mut asked = Vec::new();
    for target in p.structs("Targets") {
        asked.push(Asked {
            id: target.str("Id")?,
            port: port(&target, "Port")?,
            zone: target.opt_str("AvailabilityZone"),
        });
    }
    Ok(asked)
}

fn check(cx: &Cx<'_>, group: &TargetGroup, target: &Asked) -> Result<(), ApiError> {
    let refused = |why: String| Err(ApiError::bad("InvalidTarget", why));
    if group.target_type == "instance" {
        if target.zone.is_some() {
            return Err(invalid("You cannot specify an Availability Zone for targets of type instance"));
        }
        return match ec2::instance(cx, &target.id) {
            None => refused(format!("The following targets are not valid instances: '{}'", target.id)),
            Some(instance) if instance.vpc != group.vpc => refused(format!(
                "The following targets are not in the target group VPC '{}': '{}'",
                group.vpc, target.id
            )),
            Some(instance) if !instance.running => refused(format!(
                "The following targets are not in a running state and cannot be registered: '{}'",
                target.id
            )),
            Some(_) => Ok(()),
        };
    }
    let Ok(address) = target.id.parse::<std::net::Ipv4Addr>() else {
        return refused(format!("The IP address '{}' is not a valid IPv4 address", target.id));
    };
    let inside = ec2::vpc_contains(cx, &group.vpc, address);
    if !inside && target.zone.as_deref() != Some("all") {
        return refused(format!(
            "The IP address '{}' must be in the VPC '{}', or its Availability Zone must be 'all'",
            target.id, group.vpc
        ));
    }
    if !inside && !address.is_private() {
        return refused(format!("The IP address '{}' is publicly routable", target.id));
    }
    Ok(())
}

fn insert(group: &mut TargetGroup, id: String, port: u16, zone: Option<String>, now: u64) {
    group.targets.retain(|held| !(held.id == id && held.port == port && held.drained.is_some()));
    if !group.targets.iter().any(|held| held.id == id && held.port == port) {
        group.targets.push(Target { id, port, zone, registered: now, drained: None });
    }
}

fn drain(group: &mut TargetGroup, drained: u64, which: impl Fn(&Target) -> bool) {
    for target in group.targets.iter_mut().filter(|target| which(target)) {
        target.drained = target.drained.or(Some(drained));
    }
}

fn state(cx: &Cx<'_>, group: &TargetGroup, target: &Target, used: bool) -> (&'static str, Option<&'static str>) {
    if target.drained.is_some() {
        return ("draining", Some("Target.DeregistrationInProgress"));
    }
    if !used {
        return ("unused", Some("Target.NotInUse"));
    }
    if group.target_type == "instance" && !ec2::instance(cx, &target.id).is_some_and(|instance| instance.running) {
        return ("unused", Some("Target.InvalidState"));
    }
    if cx.now < target.registered + cx.pace.target_initial {
        return ("initial", Some("Elb.RegistrationInProgress"));
    }
    ("healthy", None)
}

fn write(x: &mut Xml, group: &TargetGroup, target: (&str, u16, Option<&str>), state: &str, reason: Option<&str>) {
    let (id, port, zone) = target;
    x.nest("member", |x| {
        x.nest("Target", |x| {
            x.text("Id", id);
            x.text("Port", port);
            x.opt("AvailabilityZone", zone);
        });
        x.text(
            "HealthCheckPort",
            if group.health.port == "traffic-port" { port.to_string() } else { group.health.port.clone() },
        );
        x.nest("TargetHealth", |x| {
            x.text("State", state);
            x.opt("Reason", reason);
        });
    });
}
