//! Roles.

use super::document::{Kind, check};
use super::{
    Profile, Role, encoded, invalid, merge_tags, name, page, path, remove_tags, tags, write_marker, write_tags,
};
use crate::aws::{ApiError, Cx, Params, Xml, partition, timestamp};

type Answer = Result<Xml, ApiError>;

pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, path) = (name(p, "RoleName", 64)?, path(p, "Path")?);
    let trust = trust(p, "AssumeRolePolicyDocument")?;
    let (description, max_session_duration) = (description(p)?, session(p)?.unwrap_or(3600));
    let tags = tags(p)?;
    let boundary = p.opt_str("PermissionsBoundary");
    if let Some(arn) = &boundary {
        super::policies::known_policy(arn)?;
    }
    let key = name.to_lowercase();
    if cx.world.global.iam.roles.contains_key(&key) {
        return Err(ApiError::new(409, "EntityAlreadyExists", format!("Role with name {name} already exists.")));
    }
    let arn = format!("arn:{}:iam::{}:role{path}{name}", partition(&cx.region), cx.account);
    let id = format!("AROA{}", cx.ids.upper(17));
    let role = Role {
        name,
        id,
        arn,
        path,
        created: cx.now,
        description,
        max_session_duration,
        trust,
        tags,
        inline: [].into(),
        attached: Vec::new(),
        boundary,
    };
    let mut x = Xml::new();
    write(&mut x, "Role", &role, true);
    cx.world.global.iam.roles.insert(key, role);
    cx.dirty_global();
    Ok(x)
}

pub fn get(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let mut x = Xml::new();
    write(&mut x, "Role", cx.world.global.iam.role(&name(p, "RoleName", 64)?)?, true);
    Ok(x)
}

pub fn list(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let prefix = p.opt_str("PathPrefix").unwrap_or_else(|| "/".to_owned());
    let roles: Vec<&Role> = cx.world.global.iam.roles.values().filter(|role| role.path.starts_with(&prefix)).collect();
    let (roles, marker) = page(cx, p, &roles)?;
    let mut x = Xml::new();
    x.nest("Roles", |x| {
        for role in roles {
            // ListRoles leaves out tags and boundary, as the real one does.
            write(x, "member", role, false);
        }
    });
    write_marker(&mut x, marker);
    Ok(x)
}

pub fn update(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, description, session) = (name(p, "RoleName", 64)?, description(p)?, session(p)?);
    let role = cx.world.global.iam.role_mut(&name)?;
    role.description = description.or(role.description.take());
    role.max_session_duration = session.unwrap_or(role.max_session_duration);
    cx.dirty_global();
    Ok(Xml::new())
}

pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let name = name(p, "RoleName", 64)?;
    let iam = &mut cx.world.global.iam;
    let role = iam.role(&name)?;
    let held = |profile: &&Profile| profile.role.as_deref() == Some(role.name.as_str());
    let conflict = if iam.profiles.values().find(held).is_some() {
        Some("Cannot delete entity, must remove roles from instance profile first.")
    } else if !role.attached.is_empty() {
        Some("Cannot delete entity, must detach all policies first.")
    } else if !role.inline.is_empty() {
        Some("Cannot delete entity, must delete policies first.")
    } else {
        None
    };
    if let Some(conflict) = conflict {
        return Err(ApiError::new(409, "DeleteConflict", conflict));
    }
    iam.roles.remove(&name.to_lowercase());
    cx.dirty_global();
    Ok(Xml::new())
}

pub fn update_trust(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, trust) = (name(p, "RoleName", 64)?, trust(p, "PolicyDocument")?);
    cx.world.global.iam.role_mut(&name)?.trust = trust;
    cx.dirty_global();
    Ok(Xml::new())
}

pub fn tag(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, tags) = (name(p, "RoleName", 64)?, tags(p)?);
    merge_tags(&mut cx.world.global.iam.role_mut(&name)?.tags, tags)?;
    cx.dirty_global();
    Ok(Xml::new())
}

pub fn untag(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (name, keys) = (name(p, "RoleName", 64)?, p.list("TagKeys"));
    remove_tags(&mut cx.world.global.iam.role_mut(&name)?.tags, &keys);
    cx.dirty_global();
    Ok(Xml::new())
}

pub fn list_tags(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let role = cx.world.global.iam.role(&name(p, "RoleName", 64)?)?;
    let (tags, marker) = page(cx, p, &role.tags)?;
    let mut x = Xml::new();
    write_tags(&mut x, tags);
    write_marker(&mut x, marker);
    Ok(x)
}

/// Writes a role; `full` adds what only `GetRole` and `CreateRole` tell.
pub fn write(x: &mut Xml, element: &str, role: &Role, full: bool) {
    x.nest(element, |x| {
        x.text("Path", &role.path);
        x.text("RoleName", &role.name);
        x.text("RoleId", &role.id);
        x.text("Arn", &role.arn);
        x.text("CreateDate", timestamp(role.created));
        x.text("AssumeRolePolicyDocument", encoded(&role.trust));
        if let Some(description) = &role.description {
            x.text("Description", description);
        }
        x.text("MaxSessionDuration", role.max_session_duration);
        if full {
            if let Some(arn) = &role.boundary {
                x.nest("PermissionsBoundary", |x| {
                    x.text("PermissionsBoundaryType", "Policy");
                    x.text("PermissionsBoundaryArn", arn);
                });
            }
            if !role.tags.is_empty() {
                write_tags(x, &role.tags);
            }
        }
    });
}

/// A trust policy: 2,048 characters by default quota, white space not counted.
fn trust(p: &Params, parameter: &'static str) -> Result<String, ApiError> {
    let document = p.str(parameter)?;
    check(Kind::Trust, &document)?;
    if document.chars().filter(|c| !c.is_whitespace()).count() > 2048 {
        return Err(ApiError::new(409, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"));
    }
    Ok(document)
}

fn description(p: &Params) -> Result<Option<String>, ApiError> {
    let description = p.opt_str("Description");
    if description.as_ref().is_some_and(|text| text.chars().count() > 1000) {
        return Err(invalid(
            "Value at 'description' failed to satisfy constraint: Member must have length less than or equal to 1000",
        ));
    }
    Ok(description)
}

fn session(p: &Params) -> Result<Option<i64>, ApiError> {
    let seconds = p.opt_int("MaxSessionDuration")?;
    if seconds.is_some_and(|seconds| !(3600..=43200).contains(&seconds)) {
        return Err(invalid(
            "Value at 'maxSessionDuration' failed to satisfy constraint: Member must have value between 3600 and 43200",
        ));
    }
    Ok(seconds)
}
