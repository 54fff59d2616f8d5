//! Lifecycle hooks, as records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Answer, bounded, here, invalid};
use crate::aws::{ApiError, Cx, Params, Xml};

/// The most hooks of a group, by default quota.
const MAX: usize = 50;

/// One hook.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hook {
    transition: String,
    role: Option<String>,
    target: Option<String>,
    metadata: Option<String>,
    heartbeat: i64,
    default_result: String,
}

/// The hooks that `CreateAutoScalingGroup` brings.
pub fn read_specifications(p: &Params, group: &str) -> Result<BTreeMap<String, Hook>, ApiError> {
    let mut hooks = BTreeMap::new();
    for specification in p.structs("LifecycleHookSpecificationList") {
        let name = name(&specification)?;
        if hooks.insert(name.clone(), read(&specification, None)?).is_some() {
            return Err(invalid(format!("The lifecycle hook {name} of {group} is given twice")));
        }
    }
    Ok(hooks)
}

pub fn put(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (group, name) = (p.str("AutoScalingGroupName")?, name(p)?);
    let group = cx.here().autoscaling.group_mut(&group)?;
    let hook = read(p, group.hooks.get(&name))?;
    group.hooks.insert(name, hook);
    if group.hooks.len() > MAX {
        return Err(ApiError::bad("LimitExceeded", format!("A group has at most {MAX} lifecycle hooks")));
    }
    cx.dirty_region();
    Ok(Xml::new())
}

pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (group, names) = (p.str("AutoScalingGroupName")?, p.list("LifecycleHookNames"));
    let group = here(cx).group(&group)?;
    let mut x = Xml::new();
    let wanted = group.hooks.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
    x.list("LifecycleHooks", "member", wanted, |x, (name, hook)| {
        x.text("LifecycleHookName", name);
        x.text("AutoScalingGroupName", &group.name);
        x.text("LifecycleTransition", &hook.transition);
        x.opt("NotificationTargetARN", hook.target.as_ref());
        x.opt("RoleARN", hook.role.as_ref());
        x.opt("NotificationMetadata", hook.metadata.as_ref());
        x.text("HeartbeatTimeout", hook.heartbeat);
        x.text("GlobalTimeout", (hook.heartbeat * 100).min(172_800));
        x.text("DefaultResult", &hook.default_result);
    });
    Ok(x)
}

pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (group, name) = (p.str("AutoScalingGroupName")?, name(p)?);
    let removed = cx.here().autoscaling.group_mut(&group)?.hooks.remove(&name);
    cx.dirty_region();
    removed.map(|_| Xml::new()).ok_or_else(|| invalid(format!("No Lifecycle Hook found with name: {name}")))
}

fn name(p: &Params) -> Result<String, ApiError> {
    let name = p.str("LifecycleHookName")?;
    let known = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
    if name.is_empty() || name.len() > 255 || !name.chars().all(known) {
        return Err(invalid(format!("'{name}' is not a valid lifecycle hook name")));
    }
    Ok(name)
}

fn read(p: &Params, held: Option<&Hook>) -> Result<Hook, ApiError> {
    let transition = p.opt_one_of(
        "LifecycleTransition",
        &["autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"],
    )?;
    Ok(Hook {
        transition: transition
            .or_else(|| held.map(|held| held.transition.clone()))
            .ok_or_else(|| invalid("LifecycleTransition is a required parameter"))?,
        role: p.opt_str("RoleARN").or_else(|| held?.role.clone()),
        target: p.opt_str("NotificationTargetARN").or_else(|| held?.target.clone()),
        metadata: p.opt_str("NotificationMetadata").or_else(|| held?.metadata.clone()),
        heartbeat: bounded(p, "HeartbeatTimeout", 30, 7200)?.or_else(|| Some(held?.heartbeat)).unwrap_or(3600),
        default_result: p
            .opt_one_of("DefaultResult", &["CONTINUE", "ABANDON"])?
            .or_else(|| Some(held?.default_result.clone()))
            .unwrap_or_else(|| "ABANDON".to_owned()),
    })
}
