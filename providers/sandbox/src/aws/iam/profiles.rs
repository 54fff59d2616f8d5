//! Instance profiles.

use super::{Iam, Profile, merge_tags, name, page, path, remove_tags, roles, tags, write_marker, write_tags};
use crate::aws::{ApiError, Cx, Params, Xml, partition, timestamp};

type Answer = Result<Xml, ApiError>;

pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, path, tags) = (name(p, "InstanceProfileName", 128)?, path(p, "Path")?, tags(p)?);
    let key = name.to_lowercase();
    if cx.world.global.iam.profiles.contains_key(&key) {
        return Err(ApiError::new(409, "EntityAlreadyExists", format!("Instance Profile {name} already exists.")));
    }
    let arn = format!("arn:{}:iam::{}:instance-profile{path}{name}", partition(&cx.region), cx.account);
    let id = format!("AIPA{}", cx.ids.upper(17));
    let visible = cx.now + cx.pace.instance_profile_visible;
    let profile = Profile { name, id, arn, path, created: cx.now, visible, role: None, tags };
    let mut x = Xml::new();
    write(&mut x, "InstanceProfile", &cx.world.global.iam, &profile, true);
    cx.world.global.iam.profiles.insert(key, profile);
    cx.dirty_global();
    Ok(x)
}

pub fn get(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let iam = &cx.world.global.iam;
    let mut x = Xml::new();
    write(&mut x, "InstanceProfile", iam, find(iam, &name(p, "InstanceProfileName", 128)?)?, true);
    Ok(x)
}

pub fn list(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let prefix = p.opt_str("PathPrefix").unwrap_or_else(|| "/".to_owned());
    list_where(cx, p, |profile| profile.path.starts_with(&prefix))
}

pub fn list_for_role(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let role = cx.world.global.iam.role(&name(p, "RoleName", 64)?)?.name.clone();
    list_where(cx, p, |profile| profile.role.as_ref() == Some(&role))
}

pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let name = name(p, "InstanceProfileName", 128)?;
    let iam = &mut cx.world.global.iam;
    if find(iam, &name)?.role.is_some() {
        return Err(ApiError::new(
            409,
            "DeleteConflict",
            "Cannot delete entity, must remove roles from instance profile first.",
        ));
    }
    iam.profiles.remove(&name.to_lowercase());
    cx.dirty_global();
    Ok(Xml::new())
}

pub fn add_role(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, role) = (name(p, "InstanceProfileName", 128)?, name(p, "RoleName", 64)?);
    let role = cx.world.global.iam.role(&role).map(|role| role.name.clone());
    let profile = find_mut(&mut cx.world.global.iam, &name)?;
    let role = role?;
    if profile.role.is_some() {
        return Err(ApiError::new(
            409,
            "LimitExceeded",
            "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
        ));
    }
    profile.role = Some(role);
    cx.dirty_global();
    Ok(Xml::new())
}

pub fn remove_role(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, role) = (name(p, "InstanceProfileName", 128)?, name(p, "RoleName", 64)?);
    let profile = find_mut(&mut cx.world.global.iam, &name)?;
    if profile.role.as_ref().is_none_or(|held| !held.eq_ignore_ascii_case(&role)) {
        return Err(super::no_role(&role));
    }
    profile.role = None;
    cx.dirty_global();
    Ok(Xml::new())
}

pub fn tag(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, tags) = (name(p, "InstanceProfileName", 128)?, tags(p)?);
    merge_tags(&mut find_mut(&mut cx.world.global.iam, &name)?.tags, tags)?;
    cx.dirty_global();
    Ok(Xml::new())
}

pub fn untag(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, keys) = (name(p, "InstanceProfileName", 128)?, p.list("TagKeys"));
    remove_tags(&mut find_mut(&mut cx.world.global.iam, &name)?.tags, &keys);
    cx.dirty_global();
    Ok(Xml::new())
}

pub fn list_tags(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let profile = find(&cx.world.global.iam, &name(p, "InstanceProfileName", 128)?)?;
    let (tags, marker) = page(cx, p, &profile.tags)?;
    let mut x = Xml::new();
    write_tags(&mut x, tags);
    write_marker(&mut x, marker);
    Ok(x)
}

fn list_where(cx: &Cx<'_>, p: &Params, keep: impl Fn(&Profile) -> bool) -> Answer {
    let iam = &cx.world.global.iam;
    let profiles: Vec<&Profile> = iam.profiles.values().filter(|profile| keep(profile)).collect();
    let (profiles, marker) = page(cx, p, &profiles)?;
    let mut x = Xml::new();
    x.nest("InstanceProfiles", |x| {
        for profile in profiles {
            write(x, "member", iam, profile, false);
        }
    });
    write_marker(&mut x, marker);
    Ok(x)
}

fn write(x: &mut Xml, element: &str, iam: &Iam, profile: &Profile, full: bool) {
    x.nest(element, |x| {
        x.text("Path", &profile.path);
        x.text("InstanceProfileName", &profile.name);
        x.text("InstanceProfileId", &profile.id);
        x.text("Arn", &profile.arn);
        x.text("CreateDate", timestamp(profile.created));
        x.nest("Roles", |x| {
            if let Some(role) = profile.role.as_ref().and_then(|name| iam.role(name).ok()) {
                roles::write(x, "member", role, false);
            }
        });
        if full && !profile.tags.is_empty() {
            write_tags(x, &profile.tags);
        }
    });
}

fn find<'i>(iam: &'i Iam, name: &str) -> Result<&'i Profile, ApiError> {
    iam.profiles.get(&name.to_lowercase()).ok_or_else(|| no_profile(name))
}

fn find_mut<'i>(iam: &'i mut Iam, name: &str) -> Result<&'i mut Profile, ApiError> {
    iam.profiles.get_mut(&name.to_lowercase()).ok_or_else(|| no_profile(name))
}

fn no_profile(name: &str) -> ApiError {
    ApiError::new(404, "NoSuchEntity", format!("Instance Profile {name} cannot be found."))
}
