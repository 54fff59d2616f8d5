//! Identity and Access Management, 2010-05-08: roles, their policies, and instance profiles.
//!
//! IAM is global: one account, whatever the region. Names are unique without regard to case, as in the real service, and a
//! new instance profile takes a moment until EC2 knows it ([`ProfileRef::visible`]).

pub mod document;
mod policies;
mod profiles;
mod roles;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::aws::{ApiError, Cx, Millis, Params, Request, Response, Xml};

/// Everything that IAM knows. The keys are lower-case names.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Iam {
    roles: BTreeMap<String, Role>,
    profiles: BTreeMap<String, Profile>,
}

/// A role.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Role {
    name: String,
    id: String,
    arn: String,
    path: String,
    created: Millis,
    description: Option<String>,
    max_session_duration: i64,
    trust: String,
    tags: Vec<(String, String)>,
    inline: BTreeMap<String, String>,
    attached: Vec<String>,
    boundary: Option<String>,
}

/// An instance profile: a role's container for machines.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Profile {
    name: String,
    id: String,
    arn: String,
    path: String,
    created: Millis,
    visible: Millis,
    role: Option<String>,
    tags: Vec<(String, String)>,
}

/// What EC2 needs to know of an instance profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileRef {
    /// The profile's ARN.
    pub arn: String,
    /// The profile's id, `AIPA…`.
    pub id: String,
    /// The moment from which other services see it.
    pub visible: Millis,
}

impl Iam {
    /// Finds an instance profile by its name or its ARN, visible or not.
    pub fn profile(&self, name_or_arn: &str) -> Option<ProfileRef> {
        self.profiles
            .values()
            .find(|profile| profile.name == name_or_arn || profile.arn == name_or_arn)
            .map(|profile| ProfileRef { arn: profile.arn.clone(), id: profile.id.clone(), visible: profile.visible })
    }

    /// Everything that exists, by kind.
    pub fn inventory(&self) -> BTreeMap<String, Vec<String>> {
        let mut all = BTreeMap::new();
        all.insert("iam/role".to_owned(), self.roles.values().map(|role| role.name.clone()).collect());
        all.insert(
            "iam/instance-profile".to_owned(),
            self.profiles.values().map(|profile| profile.name.clone()).collect(),
        );
        all
    }

    fn role(&self, name: &str) -> Result<&Role, ApiError> {
        self.roles.get(&name.to_lowercase()).ok_or_else(|| no_role(name))
    }

    fn role_mut(&mut self, name: &str) -> Result<&mut Role, ApiError> {
        self.roles.get_mut(&name.to_lowercase()).ok_or_else(|| no_role(name))
    }
}

/// Answers one request.
pub fn handle(cx: &mut Cx<'_>, req: &Request) -> Result<Response, ApiError> {
    let p = &req.params;
    let result = match req.operation.as_str() {
        "CreateRole" => roles::create(cx, p),
        "GetRole" => roles::get(cx, p),
        "ListRoles" => roles::list(cx, p),
        "UpdateRole" => roles::update(cx, p),
        "DeleteRole" => roles::delete(cx, p),
        "UpdateAssumeRolePolicy" => roles::update_trust(cx, p),
        "TagRole" => roles::tag(cx, p),
        "UntagRole" => roles::untag(cx, p),
        "ListRoleTags" => roles::list_tags(cx, p),
        "PutRolePolicy" => policies::put(cx, p),
        "GetRolePolicy" => policies::get(cx, p),
        "ListRolePolicies" => policies::list(cx, p),
        "DeleteRolePolicy" => policies::delete(cx, p),
        "AttachRolePolicy" => policies::attach(cx, p),
        "DetachRolePolicy" => policies::detach(cx, p),
        "ListAttachedRolePolicies" => policies::list_attached(cx, p),
        "PutRolePermissionsBoundary" => policies::put_boundary(cx, p),
        "DeleteRolePermissionsBoundary" => policies::delete_boundary(cx, p),
        "CreateInstanceProfile" => profiles::create(cx, p),
        "GetInstanceProfile" => profiles::get(cx, p),
        "ListInstanceProfiles" => profiles::list(cx, p),
        "ListInstanceProfilesForRole" => profiles::list_for_role(cx, p),
        "DeleteInstanceProfile" => profiles::delete(cx, p),
        "AddRoleToInstanceProfile" => profiles::add_role(cx, p),
        "RemoveRoleFromInstanceProfile" => profiles::remove_role(cx, p),
        "TagInstanceProfile" => profiles::tag(cx, p),
        "UntagInstanceProfile" => profiles::untag(cx, p),
        "ListInstanceProfileTags" => profiles::list_tags(cx, p),
        other => return Err(ApiError::invalid_action(other)),
    }?;
    Ok(Response::query(req, |x| x.append(&result)))
}

fn no_role(name: &str) -> ApiError {
    ApiError::new(404, "NoSuchEntity", format!("The role with name {name} cannot be found."))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ValidationError", message)
}

/// A required name of at most `max` characters out of IAM's alphabet.
fn name(p: &Params, parameter: &'static str, max: usize) -> Result<String, ApiError> {
    let name = p.str(parameter)?;
    let known = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    if name.is_empty() || name.len() > max {
        return Err(invalid(format!(
            "1 validation error detected: Value at '{parameter}' failed to satisfy constraint: Member must have length less than or equal to {max}"
        )));
    }
    if !name.chars().all(known) {
        return Err(invalid(format!(
            "The specified value for {parameter} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
        )));
    }
    Ok(name)
}

/// An optional path, `/` by default.
fn path(p: &Params, parameter: &str) -> Result<String, ApiError> {
    let path = p.opt_str(parameter).unwrap_or_else(|| "/".to_owned());
    let shaped = path.starts_with('/') && path.ends_with('/') && path.len() <= 512;
    if shaped && path.chars().all(|c| ('!'..='~').contains(&c)) {
        Ok(path)
    } else {
        Err(invalid(format!(
            "The specified value for {parameter} is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters."
        )))
    }
}

/// `Tags.member.N`, checked: keys are unique without regard to case.
fn tags(p: &Params) -> Result<Vec<(String, String)>, ApiError> {
    let mut tags: Vec<(String, String)> = Vec::new();
    for tag in p.structs("Tags") {
        let (key, value) = (tag.str("Key")?, tag.opt_str("Value").unwrap_or_default());
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(invalid("Tag keys have 1 to 128 characters and tag values at most 256."));
        }
        if key.to_lowercase().starts_with("aws:") {
            return Err(ApiError::new(
                400,
                "InvalidInput",
                "Tag keys beginning with \"aws:\" are reserved for system use.",
            ));
        }
        if tags.iter().any(|(other, _)| other.eq_ignore_ascii_case(&key)) {
            return Err(ApiError::new(
                400,
                "InvalidInput",
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        tags.push((key, value));
    }
    within_tag_limit(&tags)?;
    Ok(tags)
}

fn within_tag_limit(tags: &[(String, String)]) -> Result<(), ApiError> {
    if tags.len() > 50 {
        return Err(ApiError::new(409, "LimitExceeded", "The number of tags has reached the maximum limit of 50."));
    }
    Ok(())
}

fn merge_tags(into: &mut Vec<(String, String)>, new: Vec<(String, String)>) -> Result<(), ApiError> {
    let mut merged = into.clone();
    for (key, value) in new {
        match merged.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&key)) {
            Some(slot) => *slot = (key, value),
            None => merged.push((key, value)),
        }
    }
    within_tag_limit(&merged)?;
    *into = merged;
    Ok(())
}

fn remove_tags(from: &mut Vec<(String, String)>, keys: &[String]) {
    from.retain(|(known, _)| !keys.iter().any(|key| key.eq_ignore_ascii_case(known)));
}

fn write_tags(x: &mut Xml, tags: &[(String, String)]) {
    x.nest("Tags", |x| {
        for (key, value) in tags {
            x.nest("member", |x| {
                x.text("Key", key);
                x.text("Value", value);
            });
        }
    });
}

/// One page of `items`, and the marker of the next.
fn page<'a, T>(cx: &Cx<'_>, p: &Params, items: &'a [T]) -> Result<(&'a [T], Option<String>), ApiError> {
    let max = p.opt_int("MaxItems")?;
    if max.is_some_and(|max| !(1..=1000).contains(&max)) {
        return Err(invalid(
            "Value at 'maxItems' failed to satisfy constraint: Member must have value between 1 and 1000",
        ));
    }
    let size = page_size(cx, max, 100);
    let start = match p.opt_str("Marker") {
        Some(marker) => marker
            .strip_prefix("marker-")
            .and_then(|at| at.parse::<usize>().ok())
            .filter(|at| *at <= items.len())
            .ok_or_else(|| invalid("Invalid Marker."))?,
        None => 0,
    };
    let end = (start + size).min(items.len());
    Ok((&items[start..end], (end < items.len()).then(|| format!("marker-{end}"))))
}

fn write_marker(x: &mut Xml, marker: Option<String>) {
    x.text("IsTruncated", marker.is_some());
    if let Some(marker) = marker {
        x.text("Marker", marker);
    }
}

/// A document as IAM's answers spell it: percent-encoded after RFC 3986.
fn encoded(document: &str) -> String {
    const KEEP: percent_encoding::AsciiSet =
        percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(document, &KEEP).to_string()
}

/// How many items a page has: what was asked for or the usual, within the sandbox's own limit.
fn page_size(cx: &Cx<'_>, asked: Option<i64>, usual: usize) -> usize {
    let asked = asked.and_then(|size| usize::try_from(size).ok()).unwrap_or(usual);
    asked.min(cx.page_limit.unwrap_or(usize::MAX)).max(1)
}
