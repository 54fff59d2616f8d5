//! What a role may do: inline policies, attached managed policies, the permissions boundary.

use super::document::{Kind, check};
use super::{encoded, name, page, write_marker};
use crate::aws::{ApiError, Cx, Params, Xml};

type Answer = Result<Xml, ApiError>;

/// The quota of all inline policies of a role together, white space not counted.
const MAX_INLINE: usize = 10_240;
/// The default quota of managed policies per role.
const MAX_ATTACHED: usize = 10;

/// The AWS managed policies that exist here: those that a cluster's machines have a use for.
const MANAGED: [&str; 12] = [
    "AdministratorAccess",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonEC2ContainerRegistryReadOnly",
    "AmazonEC2FullAccess",
    "AmazonEC2ReadOnlyAccess",
    "AmazonEKS_CNI_Policy",
    "AmazonS3ReadOnlyAccess",
    "AmazonSSMManagedInstanceCore",
    "CloudWatchAgentServerPolicy",
    "ReadOnlyAccess",
    "service-role/AmazonEBSCSIDriverPolicy",
    "service-role/AmazonEFSCSIDriverPolicy",
];

/// Refuses the ARN of a managed policy that does not exist.
pub fn known_policy(arn: &str) -> Result<(), ApiError> {
    let name = arn.strip_prefix("arn:aws").and_then(|rest| rest.split_once(":iam::aws:policy/")).map(|(_, name)| name);
    match name {
        Some(name) if MANAGED.contains(&name) => Ok(()),
        _ if !arn.starts_with("arn:aws") => {
            Err(ApiError::new(400, "ValidationError", format!("Policy ARN {arn} is not valid.")))
        }
        _ => Err(ApiError::new(404, "NoSuchEntity", format!("Policy {arn} does not exist or is not attachable."))),
    }
}

pub fn put(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (role, policy, document) = (name(p, "RoleName", 64)?, name(p, "PolicyName", 128)?, p.str("PolicyDocument")?);
    check(Kind::Identity, &document)?;
    let role = cx.world.global.iam.role_mut(&role)?;
    let size = |document: &str| document.chars().filter(|c| !c.is_whitespace()).count();
    let others: usize =
        role.inline.iter().filter(|(name, _)| **name != policy).map(|(_, document)| size(document)).sum();
    if others + size(&document) > MAX_INLINE {
        return Err(ApiError::new(
            409,
            "LimitExceeded",
            format!("Maximum policy size of {MAX_INLINE} bytes exceeded for role {}", role.name),
        ));
    }
    role.inline.insert(policy, document);
    cx.dirty_global();
    Ok(Xml::new())
}

pub fn get(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (role, policy) = (name(p, "RoleName", 64)?, name(p, "PolicyName", 128)?);
    let role = cx.world.global.iam.role(&role)?;
    let document = role.inline.get(&policy).ok_or_else(|| no_policy(&policy))?;
    let mut x = Xml::new();
    x.text("RoleName", &role.name);
    x.text("PolicyName", &policy);
    x.text("PolicyDocument", encoded(document));
    Ok(x)
}

pub fn list(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let role = cx.world.global.iam.role(&name(p, "RoleName", 64)?)?;
    let names: Vec<&String> = role.inline.keys().collect();
    let (names, marker) = page(cx, p, &names)?;
    let mut x = Xml::new();
    x.nest("PolicyNames", |x| {
        for name in names {
            x.text("member", name);
        }
    });
    write_marker(&mut x, marker);
    Ok(x)
}

pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (role, policy) = (name(p, "RoleName", 64)?, name(p, "PolicyName", 128)?);
    cx.world.global.iam.role_mut(&role)?.inline.remove(&policy).ok_or_else(|| no_policy(&policy))?;
    cx.dirty_global();
    Ok(Xml::new())
}

pub fn attach(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (role, arn) = (name(p, "RoleName", 64)?, p.str("PolicyArn")?);
    let role = cx.world.global.iam.role_mut(&role)?;
    known_policy(&arn)?;
    if !role.attached.contains(&arn) {
        if role.attached.len() >= MAX_ATTACHED {
            return Err(ApiError::new(
                409,
                "LimitExceeded",
                format!("Cannot exceed quota for PoliciesPerRole: {MAX_ATTACHED}"),
            ));
        }
        role.attached.push(arn);
    }
    cx.dirty_global();
    Ok(Xml::new())
}

pub fn detach(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (role, arn) = (name(p, "RoleName", 64)?, p.str("PolicyArn")?);
    let role = cx.world.global.iam.role_mut(&role)?;
    let at = role
        .attached
        .iter()
        .position(|known| *known == arn)
        .ok_or_else(|| ApiError::new(404, "NoSuchEntity", format!("Policy {arn} was not found.")))?;
    role.attached.remove(at);
    cx.dirty_global();
    Ok(Xml::new())
}

pub fn list_attached(cx: &mut Cx<'_>, p: &Params) -> Answer {
    // The prefix filters the policies' own paths: the last element of the ARN is the name.
    let prefix = p.opt_str("PathPrefix").unwrap_or_else(|| "/".to_owned());
    let role = cx.world.global.iam.role(&name(p, "RoleName", 64)?)?;
    let below = |arn: &&String| arn.split_once(":policy").is_some_and(|(_, path)| path.starts_with(&prefix));
    let arns: Vec<&String> = role.attached.iter().filter(below).collect();
    let (arns, marker) = page(cx, p, &arns)?;
    let mut x = Xml::new();
    x.nest("AttachedPolicies", |x| {
        for arn in arns {
            x.nest("member", |x| {
                x.text("PolicyName", arn.rsplit('/').next().unwrap_or(arn));
                x.text("PolicyArn", arn);
            });
        }
    });
    write_marker(&mut x, marker);
    Ok(x)
}

pub fn put_boundary(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let (role, arn) = (name(p, "RoleName", 64)?, p.str("PermissionsBoundary")?);
    let role = cx.world.global.iam.role_mut(&role)?;
    known_policy(&arn)?;
    role.boundary = Some(arn);
    cx.dirty_global();
    Ok(Xml::new())
}

pub fn delete_boundary(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let role = name(p, "RoleName", 64)?;
    let role = cx.world.global.iam.role_mut(&role)?;
    if role.boundary.take().is_none() {
        return Err(ApiError::new(
            404,
            "NoSuchEntity",
            format!("Role {} does not have a permissions boundary", role.name),
        ));
    }
    cx.dirty_global();
    Ok(Xml::new())
}

fn no_policy(name: &str) -> ApiError {
    ApiError::new(404, "NoSuchEntity", format!("The role policy with name {name} cannot be found."))
}
