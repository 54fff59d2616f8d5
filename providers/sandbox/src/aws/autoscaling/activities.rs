//! What groups have done.

use super::{Activity, Answer, here, page};
use crate::aws::{Cx, Params, Xml, timestamp};

pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (ids, group) = (p.list("ActivityIds"), p.opt_str("AutoScalingGroupName"));
    let deleted = p.bool("IncludeDeletedGroups")?;
    let here = here(cx);
    if let Some(name) = group.as_deref().filter(|_| !deleted) {
        here.group(name)?;
    }
    let wanted = |activity: &&Activity| {
        (ids.is_empty() || ids.contains(&activity.id))
            && group.as_ref().is_none_or(|name| *name == activity.group)
            && (deleted || here.groups.contains_key(&activity.group))
    };
    let activities: Vec<&Activity> = here.activities.iter().filter(wanted).collect();
    let (activities, next) = page(cx, p, &activities, 100)?;
    let mut x = Xml::new();
    x.list("Activities", "member", activities, |x, activity| {
        write(x, activity);
    });
    x.opt("NextToken", next);
    Ok(x)
}

/// Writes one activity.
pub fn write(x: &mut Xml, activity: &Activity) {
    x.text("ActivityId", &activity.id);
    x.text("AutoScalingGroupName", &activity.group);
    x.text("Description", &activity.description);
    x.text("Cause", &activity.cause);
    x.text("StartTime", timestamp(activity.start));
    x.opt("EndTime", activity.end.map(timestamp));
    x.text("StatusCode", &activity.status);
    x.opt("StatusMessage", activity.message.as_ref());
    x.text("Progress", if activity.end.is_some() { 100 } else { 50 });
    x.text("Details", "{}");
}
