//! Tags of load balancers, target groups and listeners; of those of both versions, how they are read and written.

use super::{Answer, Elbv2, Tags, invalid, no_listener, no_load_balancer, no_target_group};
use crate::aws::{ApiError, Cx, Params, Xml};

/// The most tags a resource has.
const MAX_TAGS: usize = 50;
/// The most resources that one call names.
const MAX_RESOURCES: usize = 20;

/// `Tags.member.N`.
pub fn read(p: &Params) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
    for tag in p.structs("Tags") {
        let (key, value) = (tag.str("Key")?, tag.opt_str("Value").unwrap_or_default());
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(invalid("Tag keys have 1 to 128 characters and tag values at most 256"));
        }
        if key.to_lowercase().starts_with("aws:") {
            return Err(invalid("aws: prefixed tag key names are not allowed for external use."));
        }
        if tags.insert(key.clone(), value).is_some() {
            return Err(ApiError::new(
                400,
                "DuplicateTagKeys",
                format!("The tag key '{key}' was specified more than once"),
            ));
        }
    }
    within_limit(&tags)?;
    Ok(tags)
}

pub fn add(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (arns, tags) = (arns(p)?, read(p)?);
    if tags.is_empty() {
        return Err(invalid("At least one tag must be specified"));
    }
    let elb = &mut cx.here().elbv2;
    for arn in &arns {
        let mut merged = held(elb, arn)?.clone();
        merged.extend(tags.clone());
        within_limit(&merged)?;
    }
    for arn in &arns {
        held(elb, arn)?.extend(tags.clone());
    }
    cx.dirty_region();
    Ok(Xml::new())
}

pub fn remove(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (arns, keys) = (arns(p)?, p.list("TagKeys"));
    let elb = &mut cx.here().elbv2;
    for arn in &arns {
        held(elb, arn)?;
    }
    for arn in &arns {
        held(elb, arn)?.retain(|key, _| !keys.contains(key));
    }
    cx.dirty_region();
    Ok(Xml::new())
}

pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let arns = arns(p)?;
    let mut x = Xml::new();
    let elb = &mut cx.here().elbv2;
    let mut found = Vec::new();
    for arn in arns {
        let tags = held(elb, &arn)?.clone();
        found.push((arn, tags));
    }
    x.nest("TagDescriptions", |x| {
        for (arn, tags) in &found {
            x.nest("member", |x| {
                x.text("ResourceArn", arn);
                write(x, tags);
            });
        }
    });
    Ok(x)
}

/// `Tags`, as both versions of the service tell them.
pub fn write(x: &mut Xml, tags: &Tags) {
    x.nest("Tags", |x| {
        for (key, value) in tags {
            x.nest("member", |x| {
                x.text("Key", key);
                x.text("Value", value);
            });
        }
    });
}

fn arns(p: &Params) -> Result<Vec<String>, ApiError> {
    let arns = p.list("ResourceArns");
    if arns.is_empty() || arns.len() > MAX_RESOURCES {
        return Err(invalid(format!(
            "Value at 'resourceArns' failed to satisfy constraint: Member must have length less than or equal to {MAX_RESOURCES}, greater than or equal to 1"
        )));
    }
    Ok(arns)
}

fn held<'e>(elb: &'e mut Elbv2, arn: &str) -> Result<&'e mut Tags, ApiError> {
    if arn.contains(":loadbalancer/") {
        elb.load_balancers.get_mut(arn).map(|balancer| &mut balancer.tags).ok_or_else(|| no_load_balancer(arn))
    } else if arn.contains(":targetgroup/") {
        elb.target_groups.get_mut(arn).map(|group| &mut group.tags).ok_or_else(|| no_target_group(arn))
    } else if arn.contains(":listener/") {
        elb.listeners.get_mut(arn).map(|listener| &mut listener.tags).ok_or_else(|| no_listener(arn))
    } else {
        Err(invalid(format!("'{arn}' is not a valid resource ARN")))
    }
}

/// Refuses more tags than a resource may have.
pub fn within_limit(tags: &Tags) -> Result<(), ApiError> {
    if tags.len() > MAX_TAGS {
        return Err(ApiError::new(400, "TooManyTags", format!("The limit of {MAX_TAGS} tags has been exceeded")));
    }
    Ok(())
}
