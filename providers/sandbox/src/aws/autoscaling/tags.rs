//! The tags of groups, which machines may inherit.

use super::{Answer, Tag, here, invalid, page};
use crate::aws::{ApiError, Cx, Params, Xml};

/// The most tags a group has.
const MAX: usize = 50;

/// `Tags.member.N`: the group, the key and the tag. `usual` is the group of tags that name none.
pub fn read(p: &Params, usual: Option<&str>) -> Result<Vec<(String, String, Tag)>, ApiError> {
    let mut tags: Vec<(String, String, Tag)> = Vec::new();
    for tag in p.structs("Tags") {
        let resource = named(&tag, usual)?;
        let (key, value) = (tag.str("Key")?, tag.opt_str("Value").unwrap_or_default());
        let propagate = tag.bool("PropagateAtLaunch")?;
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(invalid("Tag keys have 1 to 128 characters and tag values at most 256"));
        }
        if key.to_lowercase().starts_with("aws:") {
            return Err(invalid("Tag keys beginning with aws: are reserved for internal use."));
        }
        if tags.iter().any(|(other, known, _)| *other == resource && *known == key) {
            return Err(invalid(format!("Duplicate keys are not allowed when adding or updating tags: {key}")));
        }
        tags.push((resource, key, Tag { value, propagate }));
    }
    if tags.len() > MAX {
        return Err(ApiError::bad("LimitExceeded", format!("A group has at most {MAX} tags")));
    }
    Ok(tags)
}

pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    for (group, key, tag) in read(p, None)? {
        let tags = &mut cx.here().autoscaling.group_mut(&group)?.tags;
        tags.insert(key, tag);
        if tags.len() > MAX {
            return Err(ApiError::bad("LimitExceeded", format!("A group has at most {MAX} tags")));
        }
    }
    cx.dirty_region();
    Ok(Xml::new())
}

/// A tag whose value is named goes only if it has that value.
pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    for tag in p.structs("Tags") {
        let (group, key, value) = (named(&tag, None)?, tag.str("Key")?, tag.opt_str("Value"));
        tag.opt_bool("PropagateAtLaunch")?;
        let tags = &mut cx.here().autoscaling.group_mut(&group)?.tags;
        if tags.get(&key).is_some_and(|held| value.as_ref().is_none_or(|value| *value == held.value)) {
            tags.remove(&key);
        }
    }
    cx.dirty_region();
    Ok(Xml::new())
}

pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let mut filters = Vec::new();
    for filter in p.structs("Filters") {
        let name = filter
            .opt_one_of("Name", &["auto-scaling-group", "key", "value", "propagate-at-launch"])?
            .ok_or_else(|| invalid("A filter needs a name"))?;
        filters.push((name, filter.list("Values")));
    }
    let groups = here(cx).groups.values();
    let mut tags: Vec<(&str, &str, &Tag)> =
        groups.flat_map(|group| group.tags.iter().map(|(key, tag)| (group.name.as_str(), key.as_str(), tag))).collect();
    tags.retain(|(group, key, tag)| {
        filters.iter().all(|(name, values)| match name.as_str() {
            "auto-scaling-group" => values.iter().any(|value| value == group),
            "key" => values.iter().any(|value| value == key),
            "value" => values.contains(&tag.value),
            _ => values.contains(&tag.propagate.to_string()),
        })
    });
    let (tags, next) = page(cx, p, &tags, 50)?;
    let mut x = Xml::new();
    x.list("Tags", "member", tags, |x, (group, key, tag)| {
        write(x, group, key, tag);
    });
    x.opt("NextToken", next);
    Ok(x)
}

/// Writes one tag.
pub fn write(x: &mut Xml, group: &str, key: &str, tag: &Tag) {
    x.text("ResourceId", group);
    x.text("ResourceType", "auto-scaling-group");
    x.text("Key", key);
    x.text("Value", &tag.value);
    x.text("PropagateAtLaunch", tag.propagate);
}

fn named(tag: &Params, usual: Option<&str>) -> Result<String, ApiError> {
    let kind = tag.opt_one_of("ResourceType", &["auto-scaling-group"])?;
    match (tag.opt_str("ResourceId"), usual) {
        (Some(id), _) if kind.is_some() || usual.is_some() => Ok(id),
        (None, Some(usual)) => Ok(usual.to_owned()),
        _ => Err(invalid("A tag needs ResourceId and ResourceType")),
    }
}
