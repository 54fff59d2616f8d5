//! Instance refreshes: every machine is replaced, so many at a time.
//!
//! A desired configuration becomes the group's at the start, and there is no roll-back.

use serde::{Deserialize, Serialize};

use super::{Answer, Configuration, Group, MemberState, bounded, here, invalid, page, settle};
use crate::aws::{ApiError, Cx, Millis, Params, Xml, timestamp};

/// A refresh and what is left of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refresh {
    id: String,
    status: String,
    start: Millis,
    end: Option<Millis>,
    /// The machines that were there, and how many there were.
    old: Vec<String>,
    total: usize,
    min_healthy: i64,
    max_healthy: Option<i64>,
    warmup: Option<i64>,
    skip_matching: bool,
    protected: String,
    standby: String,
    desired: Option<Configuration>,
}

impl Refresh {
    fn active(&self) -> bool {
        self.end.is_none()
    }
}

pub fn start(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let name = p.str("AutoScalingGroupName")?;
    let mut group = cx.here().autoscaling.group_mut(&name)?.clone();
    p.opt_one_of("Strategy", &["Rolling"])?;
    if group.refreshes.iter().any(Refresh::active) {
        return Err(ApiError::bad(
            "InstanceRefreshInProgress",
            "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
        ));
    }
    let desired = match p.opt_struct("DesiredConfiguration") {
        Some(desired) => Configuration::read(cx, &desired)?,
        None => None,
    };
    let preferences = p.opt_struct("Preferences");
    let q = preferences.as_ref();
    let number =
        |name: &str, low: i64, high: i64| q.map(|q| bounded(q, name, low, high)).transpose().map(Option::flatten);
    let choice = |name: &str, known: &[&str]| q.map(|q| q.opt_one_of(name, known)).transpose().map(Option::flatten);
    let skip_matching = q.map(|q| q.bool("SkipMatching")).transpose()?.unwrap_or(false);
    if q.map(|q| q.bool("AutoRollback")).transpose()?.unwrap_or(false) && desired.is_none() {
        return Err(invalid("AutoRollback needs a desired configuration"));
    }
    let mut refresh = Refresh {
        id: cx.ids.uuid(),
        status: "Pending".to_owned(),
        start: cx.now,
        end: None,
        old: Vec::new(),
        total: 0,
        min_healthy: number("MinHealthyPercentage", 0, 100)?.or(group.maintenance.map(|(low, _)| low)).unwrap_or(90),
        max_healthy: number("MaxHealthyPercentage", 100, 200)?.or(group.maintenance.map(|(_, high)| high)),
        warmup: number("InstanceWarmup", 0, 7200)?.or(group.default_warmup),
        skip_matching,
        protected: choice("ScaleInProtectedInstances", &["Refresh", "Ignore", "Wait"])?
            .unwrap_or_else(|| "Wait".to_owned()),
        standby: choice("StandbyInstances", &["Terminate", "Ignore", "Wait"])?.unwrap_or_else(|| "Wait".to_owned()),
        desired,
    };
    if let Some(desired) = &refresh.desired {
        group.configuration = desired.clone();
    }
    let now_version = group.configuration.template.resolve(cx)?;
    let matching =
        |member: &super::Member| member.template.0 == now_version.id && member.template.2 == now_version.version;
    let spared = |member: &&super::Member| {
        (skip_matching && matching(member)) || (member.protected && refresh.protected == "Ignore")
    };
    refresh.old = group.active().filter(|member| !spared(member)).map(|member| member.id.clone()).collect();
    refresh.total = refresh.old.len();
    let mut x = Xml::new();
    x.text("InstanceRefreshId", &refresh.id);
    group.refreshes.insert(0, refresh);
    group.due = cx.now + cx.pace.asg_scale;
    cx.here().autoscaling.groups.insert(name, group);
    cx.dirty_region();
    Ok(x)
}

pub fn cancel(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let name = p.str("AutoScalingGroupName")?;
    p.opt_bool("WaitForTransitioningInstances")?;
    let now = cx.now;
    let group = cx.here().autoscaling.group_mut(&name)?;
    let refresh = group.refreshes.iter_mut().find(|refresh| refresh.active()).ok_or_else(|| {
        ApiError::bad(
            "ActiveInstanceRefreshNotFound",
            "No in progress or pending Instance Refresh found for the group.",
        )
    })?;
    "Cancelled".clone_into(&mut refresh.status);
    refresh.end = Some(now);
    let mut x = Xml::new();
    x.text("InstanceRefreshId", &refresh.id);
    cx.dirty_region();
    Ok(x)
}

pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, ids) = (p.str("AutoScalingGroupName")?, p.list("InstanceRefreshIds"));
    let group = here(cx).group(&name)?;
    let refreshes: Vec<&Refresh> =
        group.refreshes.iter().filter(|refresh| ids.is_empty() || ids.contains(&refresh.id)).collect();
    if refreshes.is_empty() && !ids.is_empty() {
        return Err(invalid("The specified Instance Refresh was not found"));
    }
    let (refreshes, next) = page(cx, p, &refreshes, 50)?;
    let mut x = Xml::new();
    x.list("InstanceRefreshes", "member", refreshes, |x, refresh| {
        write(x, &name, refresh);
    });
    x.opt("NextToken", next);
    Ok(x)
}

/// Replaces the next machines of a running refresh, once the last ones have been; `false` if nothing was due.
pub fn advance(cx: &mut Cx<'_>, group: &mut Group) -> bool {
    let Some(at) = group.refreshes.iter().position(Refresh::active) else {
        return false;
    };
    if group.deleting {
        end(cx, group, at, "Cancelled");
        return true;
    }
    if cx.now < group.due || group.suspended.contains("InstanceRefresh") {
        return false;
    }
    let present: Vec<String> = group.active().map(|member| member.id.clone()).collect();
    group.refreshes[at].old.retain(|id| present.contains(id));
    let serving = group.members.iter().filter(|member| member.state == MemberState::InService).count();
    let wanted = usize::try_from(group.desired).unwrap_or(0);
    // While machines are on their way in, the group is below strength, and nothing more is taken from it.
    if serving < wanted || present.len() > serving {
        return false;
    }
    let held = |id: &&String| {
        !(group.refreshes[at].protected == "Wait"
            && group.members.iter().any(|member| member.id == **id && member.protected))
    };
    let batch_size = (wanted * usize::try_from(100 - group.refreshes[at].min_healthy).unwrap_or(0) / 100).max(1);
    let batch: Vec<String> = group.refreshes[at].old.iter().filter(held).take(batch_size).cloned().collect();
    if group.refreshes[at].old.is_empty() {
        end(cx, group, at, "Successful");
        return true;
    }
    if batch.is_empty() {
        return false;
    }
    "InProgress".clone_into(&mut group.refreshes[at].status);
    group.due = cx.now + cx.pace.asg_scale;
    settle::terminate(cx, group, &batch, "an instance refresh");
    cx.dirty_region();
    true
}

fn end(cx: &mut Cx<'_>, group: &mut Group, at: usize, status: &str) {
    status.clone_into(&mut group.refreshes[at].status);
    group.refreshes[at].end = Some(cx.now);
    cx.dirty_region();
}

fn write(x: &mut Xml, group: &str, refresh: &Refresh) {
    let left = refresh.old.len();
    let done = (100 * (refresh.total - left)).checked_div(refresh.total).unwrap_or(100);
    x.text("InstanceRefreshId", &refresh.id);
    x.text("AutoScalingGroupName", group);
    x.text("Status", &refresh.status);
    x.text("StartTime", timestamp(refresh.start));
    x.opt("EndTime", refresh.end.map(timestamp));
    x.text("PercentageComplete", done);
    x.text("InstancesToUpdate", left);
    x.nest("Preferences", |x| {
        x.text("MinHealthyPercentage", refresh.min_healthy);
        x.opt("MaxHealthyPercentage", refresh.max_healthy);
        x.opt("InstanceWarmup", refresh.warmup);
        x.text("SkipMatching", refresh.skip_matching);
        x.text("ScaleInProtectedInstances", &refresh.protected);
        x.text("StandbyInstances", &refresh.standby);
    });
    if let Some(desired) = &refresh.desired {
        x.nest("DesiredConfiguration", |x| desired.write(x));
    }
}
