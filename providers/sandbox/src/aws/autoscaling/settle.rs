//! What groups do by themselves as time passes.

use super::{Activity, Group, Member, MemberState, refresh};
use crate::aws::ec2::{Tags, hooks, network};
use crate::aws::{Cx, elbv2};

/// How many activities of a region are remembered.
const REMEMBERED: usize = 500;

/// How many moves in a row a group makes between two requests.
const MOVES: usize = 8;

/// Lets every group of the region do what is due.
///
/// Nobody looks for as long as no request comes, so a group acts as of the moment at which it was due, and what that
/// brings about is looked at again: a client that polls seldom sees what it would see if time ran by itself.
pub fn settle(cx: &mut Cx<'_>) {
    for _ in 0..MOVES {
        if cx.here().autoscaling.groups.is_empty() || !pass(cx) {
            return;
        }
        crate::aws::ec2::settle(cx);
    }
}

/// Lets every group make its next moves; `false` if there were none.
fn pass(cx: &mut Cx<'_>) -> bool {
    let mut groups = std::mem::take(&mut cx.here().autoscaling.groups);
    let mut moved = false;
    groups.retain(|_, group| {
        moved |= notice(cx, group);
        moved |= refresh::advance(cx, group);
        moved |= scale(cx, group);
        let done = group.deleting && group.members.is_empty();
        if done {
            cx.dirty_region();
        }
        !done
    });
    cx.here().autoscaling.groups = groups;
    moved
}

/// Takes note of machines that have come up or gone; `false` if there were none.
fn notice(cx: &mut Cx<'_>, group: &mut Group) -> bool {
    let mut arrived = Vec::new();
    let mut lost = Vec::new();
    let mut finished = Vec::new();
    let mut stopped = Vec::new();
    for member in &mut group.members {
        let instance = network::instance(cx, &member.id);
        match (member.state, instance) {
            (MemberState::Terminating, Some(instance)) if instance.state != "terminated" => {}
            (MemberState::Terminating, _) => finished.push(member.id.clone()),
            (MemberState::Pending, Some(instance)) if instance.running => {
                member.state = MemberState::InService;
                arrived.push(member.id.clone());
            }
            (_, Some(instance)) if instance.state.starts_with("stop") => {
                stopped.push(member.id.clone());
            }
            (_, Some(instance)) if instance.state == "pending" || instance.running => {}
            _ => lost.push(member.id.clone()),
        }
    }
    terminate(cx, group, &stopped, "an EC2 health check indicating it has been stopped");
    if arrived.is_empty() && lost.is_empty() && finished.is_empty() {
        return !stopped.is_empty();
    }
    group.members.retain(|member| !lost.contains(&member.id) && !finished.contains(&member.id));
    for target_group in &group.target_groups {
        elbv2::register_instances(cx, target_group, &arrived);
        elbv2::deregister_instances(cx, target_group, &lost);
    }
    for id in &lost {
        let cause = format!(
            "At {} an instance was taken out of service in response to an EC2 health check indicating it has been terminated or stopped.",
            crate::aws::timestamp(cx.now)
        );
        record(cx, group, format!("Terminating EC2 instance: {id}"), cause, None);
        group.due = group.due.max(cx.now + cx.pace.asg_scale);
    }
    for id in &finished {
        finish(cx, id);
    }
    cx.dirty_region();
    true
}

/// Launches what is missing and terminates what is too many; `false` if neither was due. Machines in zones that the group
/// has left are too many as soon as others serve in their place (EC2 Auto Scaling user guide, "Rebalancing activities").
fn scale(cx: &mut Cx<'_>, group: &mut Group) -> bool {
    let wanted = usize::try_from(group.desired).unwrap_or(0);
    let strays: Vec<String> = group.strays().map(|member| member.id.clone()).collect();
    let staying = group.active().count() - strays.len();
    if (staying == wanted && strays.is_empty()) || cx.now < group.due {
        return false;
    }
    let now = std::mem::replace(&mut cx.now, group.due);
    let mut moved = false;
    if staying < wanted && !group.suspended.contains("Launch") {
        for _ in staying..wanted {
            if !launch(cx, group) {
                // A group that cannot launch tries again after a while, for as long as it exists.
                group.due = now + (cx.pace.asg_scale * 4).max(1);
                break;
            }
            moved = true;
        }
    } else if !strays.is_empty() {
        let in_service = group.active().filter(|member| member.state == MemberState::InService);
        let serving = in_service.filter(|member| !strays.contains(&member.id)).count();
        if serving >= wanted && !group.suspended.contains("Terminate") {
            moved = true;
            terminate(cx, group, &strays, "instances outside of the group's Availability Zones");
        }
    } else if staying > wanted && (group.deleting || !group.suspended.contains("Terminate")) {
        let surplus: Vec<String> = victims(group).into_iter().take(staying - wanted).collect();
        let cause = if group.deleting {
            "a user request to delete the group"
        } else {
            "a difference between desired and actual capacity, shrinking the capacity"
        };
        moved = !surplus.is_empty();
        terminate(cx, group, &surplus, cause);
    }
    cx.now = now;
    moved
}

fn launch(cx: &mut Cx<'_>, group: &mut Group) -> bool {
    let spot = group.active().filter(|member| member.spot).count();
    let choice = group.configuration.choose(group.active().count() - spot, spot);
    let Some(subnet) = emptiest_subnet(group) else {
        return false;
    };
    let cause = format!(
        "At {} an instance was started in response to a difference between desired and actual capacity, increasing the capacity.",
        crate::aws::timestamp(cx.now)
    );
    let mut tags: Tags =
        group.tags.iter().filter(|(_, tag)| tag.propagate).map(|(key, tag)| (key.clone(), tag.value.clone())).collect();
    tags.insert("aws:autoscaling:groupName".to_owned(), group.name.clone());
    let outcome = choice.template.resolve(cx).and_then(|template| {
        let request = hooks::LaunchRequest {
            template: template.id.clone(),
            version: template.version.to_string(),
            subnet: subnet.clone(),
            instance_type: choice.instance_type.clone(),
            spot: choice.spot,
            tags,
            count: 1,
        };
        Ok((hooks::launch(cx, &request)?, template))
    });
    let (ids, template) = match outcome {
        Ok(launched) => launched,
        Err(error) => {
            record(
                cx,
                group,
                "Launching a new EC2 instance".to_owned(),
                cause,
                Some(format!("{}. Launching EC2 instance failed.", error.message.trim_end_matches('.'))),
            );
            return false;
        }
    };
    for id in ids {
        let (zone, instance_type, image) = cx
            .ec2()
            .instances
            .get(&id)
            .map(|held| (held.zone.clone(), held.instance_type.clone(), held.image.clone()))
            .unwrap_or_default();
        let template = (template.id.clone(), template.name.clone(), template.version);
        record(cx, group, format!("Launching a new EC2 instance: {id}"), cause.clone(), None);
        group.members.push(Member {
            id,
            zone,
            subnet: subnet.clone(),
            instance_type,
            image,
            template,
            spot: choice.spot,
            state: MemberState::Pending,
            protected: group.protect_new,
        });
    }
    cx.dirty_region();
    true
}

/// Terminates machines of the group; they stay members until they have ended.
pub fn terminate(cx: &mut Cx<'_>, group: &mut Group, ids: &[String], cause: &str) {
    if ids.is_empty() {
        return;
    }
    for target_group in &group.target_groups {
        elbv2::deregister_instances(cx, target_group, ids);
    }
    // An instance that cannot be terminated now is still there at the next look.
    if let Err(error) = hooks::terminate(cx, ids) {
        tracing::warn!(code = error.code, "autoscaling cannot terminate instances");
        return;
    }
    for member in group.members.iter_mut().filter(|member| ids.contains(&member.id)) {
        member.state = MemberState::Terminating;
    }
    for id in ids {
        let cause = format!(
            "At {} an instance was taken out of service in response to {cause}.",
            crate::aws::timestamp(cx.now)
        );
        record(cx, group, format!("Terminating EC2 instance: {id}"), cause, None);
    }
    cx.dirty_region();
}

/// Notes an activity: a failed one if there is a message, otherwise a successful one, or one in progress for a termination.
pub fn record(cx: &mut Cx<'_>, group: &Group, description: String, cause: String, failure: Option<String>) {
    let ends = failure.is_some() || !description.starts_with("Terminating");
    let status = if failure.is_some() {
        "Failed"
    } else if ends {
        "Successful"
    } else {
        "InProgress"
    };
    let activity = Activity {
        id: cx.ids.uuid(),
        group: group.name.clone(),
        description,
        cause,
        start: cx.now,
        end: ends.then_some(cx.now),
        status: status.to_owned(),
        message: failure,
    };
    let activities = &mut cx.here().autoscaling.activities;
    activities.insert(0, activity);
    activities.truncate(REMEMBERED);
    cx.dirty_region();
}

fn finish(cx: &mut Cx<'_>, instance: &str) {
    let now = cx.now;
    let done = |activity: &&mut Activity| activity.end.is_none() && activity.description.ends_with(instance);
    for activity in cx.here().autoscaling.activities.iter_mut().filter(done) {
        activity.end = Some(now);
        "Successful".clone_into(&mut activity.status);
    }
}

fn emptiest_subnet(group: &Group) -> Option<String> {
    let load = |subnet: &&String| group.active().filter(|member| member.subnet == **subnet).count();
    group.subnets.iter().min_by_key(load).cloned()
}

/// Who goes first: unprotected machines, out of the fullest zones, old templates before new ones, the oldest first.
fn victims(group: &Group) -> Vec<String> {
    let protects = !group.deleting;
    let mut left: Vec<&Member> = group.active().filter(|member| !(protects && member.protected)).collect();
    let newest = group.termination_policies.first().is_some_and(|policy| policy == "NewestInstance");
    if newest {
        left.reverse();
    }
    let mut out = Vec::new();
    while !left.is_empty() {
        let crowd = |member: &Member| left.iter().filter(|other| other.zone == member.zone).count();
        let key = |member: &Member| (std::cmp::Reverse(crowd(member)), if newest { 0 } else { member.template.2 });
        let Some(at) = (0..left.len()).min_by_key(|at| key(left[*at])) else {
            break;
        };
        out.push(left.remove(at).id.clone());
    }
    out
}
