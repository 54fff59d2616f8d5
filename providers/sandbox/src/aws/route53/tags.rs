//! Tags of hosted zones.

use std::collections::BTreeMap;

use super::{answer, body, invalid, malformed};
use crate::aws::{ApiError, Cx, Request, Response, Xml};

type Answer = Result<Response, ApiError>;

/// The most tags a hosted zone has, and the most zones or tags that one call names.
const MAX: usize = 10;

pub fn change(cx: &mut Cx<'_>, req: &Request, kind: &str, id: &str) -> Answer {
    check_kind(kind)?;
    let mut node = body(req, "ChangeTagsForResourceRequest")?;
    let mut added = BTreeMap::new();
    if let Some(mut list) = node.take("AddTags") {
        for mut tag in list.take_all("Tag") {
            let (key, value) =
                (tag.need_text("Key").map_err(|e| malformed(&e))?, tag.take_text("Value").unwrap_or_default());
            tag.finish().map_err(|e| malformed(&e))?;
            if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
                return Err(invalid("Tag keys have 1 to 128 characters and tag values at most 256"));
            }
            if key.to_lowercase().starts_with("aws:") {
                return Err(invalid("Tag keys beginning with aws: are reserved"));
            }
            if added.insert(key.clone(), value).is_some() {
                return Err(invalid(format!("The tag key {key} is given twice")));
            }
        }
        list.finish().map_err(|e| malformed(&e))?;
    }
    let mut removed = Vec::new();
    if let Some(mut list) = node.take("RemoveTagKeys") {
        removed = list.take_all("Key").into_iter().map(|key| key.text).collect();
        list.finish().map_err(|e| malformed(&e))?;
    }
    node.finish().map_err(|e| malformed(&e))?;
    if added.len() > MAX || removed.len() > MAX || (added.is_empty() && removed.is_empty()) {
        return Err(invalid(format!("A call adds or removes 1 to {MAX} tags")));
    }
    let zone = cx.world.global.route53.zone_mut(id)?;
    let mut tags = zone.tags.clone();
    tags.retain(|key, _| !removed.contains(key));
    tags.extend(added);
    if tags.len() > MAX {
        return Err(invalid(format!("A hosted zone has at most {MAX} tags")));
    }
    zone.tags = tags;
    cx.dirty_global();
    Ok(answer(req, 200, |_| {}))
}

pub fn list(cx: &mut Cx<'_>, req: &Request, kind: &str, id: &str) -> Answer {
    check_kind(kind)?;
    let tags = &cx.world.global.route53.zone(id)?.tags;
    Ok(answer(req, 200, |x| {
        x.nest("ResourceTagSet", |x| write(x, kind, id, tags));
    }))
}

pub fn list_many(cx: &mut Cx<'_>, req: &Request, kind: &str) -> Answer {
    check_kind(kind)?;
    let mut node = body(req, "ListTagsForResourcesRequest")?;
    let mut list = node.need("ResourceIds").map_err(|e| malformed(&e))?;
    let ids: Vec<String> = list.take_all("ResourceId").into_iter().map(|id| id.text).collect();
    list.finish().map_err(|e| malformed(&e))?;
    node.finish().map_err(|e| malformed(&e))?;
    if ids.is_empty() || ids.len() > MAX {
        return Err(invalid(format!("A call names 1 to {MAX} resources")));
    }
    let route53 = &cx.world.global.route53;
    let found = ids.iter().map(|id| Ok((id, &route53.zone(id)?.tags))).collect::<Result<Vec<_>, ApiError>>()?;
    Ok(answer(req, 200, |x| {
        x.list("ResourceTagSets", "ResourceTagSet", found, |x, (id, tags)| write(x, kind, id, tags));
    }))
}

fn check_kind(kind: &str) -> Result<(), ApiError> {
    match kind {
        "hostedzone" => Ok(()),
        "healthcheck" => Err(ApiError::new(404, "NoSuchHealthCheck", "No health check exists with the specified ID.")),
        other => Err(invalid(format!("'{other}' is not a resource type: hostedzone or healthcheck"))),
    }
}

fn write(x: &mut Xml, kind: &str, id: &str, tags: &BTreeMap<String, String>) {
    x.text("ResourceType", kind);
    x.text("ResourceId", id);
    x.list("Tags", "Tag", tags, |x, (key, value)| {
        x.text("Key", key);
        x.text("Value", value);
    });
}
