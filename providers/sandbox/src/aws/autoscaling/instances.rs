//! The machines of groups.

use super::{Answer, Group, Member, activities, here, invalid, page, settle, view};
use crate::aws::{Cx, Params, Xml};

pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let ids = p.list("InstanceIds");
    let wanted = |(_, member): &(&Group, &Member)| ids.is_empty() || ids.contains(&member.id);
    let groups = here(cx).groups.values();
    let members: Vec<(&Group, &Member)> =
        groups.flat_map(|group| group.members.iter().map(move |member| (group, member))).filter(wanted).collect();
    let (members, next) = page(cx, p, &members, 50)?;
    let mut x = Xml::new();
    x.list("AutoScalingInstances", "member", members, |x, (group, member)| {
        view::write_member(x, member);
        x.text("AutoScalingGroupName", &group.name);
    });
    x.opt("NextToken", next);
    Ok(x)
}

pub fn terminate(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let id = p.str("InstanceId")?;
    let decrement = p
        .opt_bool("ShouldDecrementDesiredCapacity")?
        .ok_or_else(|| invalid("ShouldDecrementDesiredCapacity is a required parameter"))?;
    let mut group = cx.here().autoscaling.group_of(&id)?.clone();
    if decrement {
        if group.desired <= group.min {
            return Err(invalid(format!(
                "Currently, desiredSize equals minSize ({}). Terminating instance without replacement will violate group's min size constraint.",
                group.min
            )));
        }
        group.desired -= 1;
    }
    group.due = cx.now + cx.pace.asg_scale;
    settle::terminate(cx, &mut group, std::slice::from_ref(&id), "a user request");
    cx.here().autoscaling.groups.insert(group.name.clone(), group);
    cx.dirty_region();
    let mut x = Xml::new();
    if let Some(activity) = here(cx).activities.first() {
        x.nest("Activity", |x| activities::write(x, activity));
    }
    Ok(x)
}

pub fn protect(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, ids) = (p.str("AutoScalingGroupName")?, p.list("InstanceIds"));
    let protected =
        p.opt_bool("ProtectedFromScaleIn")?.ok_or_else(|| invalid("ProtectedFromScaleIn is a required parameter"))?;
    let group = cx.here().autoscaling.group_mut(&name)?;
    if let Some(stranger) = ids.iter().find(|id| !group.members.iter().any(|member| member.id == **id)) {
        return Err(invalid(format!("The instance {stranger} is not part of Auto Scaling group {name}.")));
    }
    for member in group.members.iter_mut().filter(|member| ids.contains(&member.id)) {
        member.protected = protected;
    }
    cx.dirty_region();
    Ok(Xml::new())
}
