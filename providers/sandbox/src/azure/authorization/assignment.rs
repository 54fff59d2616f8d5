//! Who has which role, and where.

use serde_json::{Value, json};

use super::{NAMESPACE, condition, definition, is_uuid, scope};
use crate::azure::body::{self, Object, Shape, optional, read_only, required, text};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::msi;
use crate::azure::request::Request;
use crate::azure::resource::render;
use crate::azure::response::Response;
use crate::azure::world::{Cx, Resource, State, key, name_of};
use crate::clock::{Millis, timestamp};

/// The marker of an assignment within an id.
const WITHIN: &str = "/providers/Microsoft.Authorization/roleAssignments/";

const BODY: Object =
    Object { name: "RoleAssignmentCreateParameters", fields: &[required("properties", &Shape::Object(&PROPERTIES))] };

const PROPERTIES: Object = Object {
    name: "RoleAssignmentProperties",
    fields: &[
        required("roleDefinitionId", &Shape::Text),
        required("principalId", &Shape::Text),
        optional("principalType", &Shape::OneOf(&["User", "Group", "ServicePrincipal", "ForeignGroup", "Device"])),
        optional("description", &Shape::Text),
        optional("condition", &Shape::Text),
        optional("conditionVersion", &Shape::Text),
        optional("delegatedManagedIdentityResourceId", &Shape::Text),
        read_only("scope"),
        read_only("createdOn"),
        read_only("updatedOn"),
        read_only("createdBy"),
        read_only("updatedBy"),
    ],
};

/// Role assignments.
#[derive(Debug)]
pub struct RoleAssignments;

const SPEC: Spec = Spec {
    kind: "Microsoft.Authorization/roleAssignments",
    operations: "RoleAssignments",
    shape: &BODY,
    put: "Create",
    located: false,
    stateful: false,
    ..Spec::BASE
};

impl Kind for RoleAssignments {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        let scope = draft.id.rsplit_once(WITHIN).map_or("", |(scope, _)| scope).to_owned();
        if !is_uuid(draft.name()) {
            return Err(ApiError::bad(
                "InvalidRoleAssignmentId",
                format!(
                    "The role assignment ID '{}' is not valid. The role assignment ID must be a GUID.",
                    draft.name()
                ),
            ));
        }
        let role = role(text(&draft.body, "/properties/roleDefinitionId"), &cx.subscription)?;
        let principal = text(&draft.body, "/properties/principalId").to_lowercase();
        if !is_uuid(&principal) {
            return Err(ApiError::bad(
                "InvalidPrincipalId",
                "A valid principal ID must be provided for role assignment.",
            ));
        }
        let own = key(&draft.id);
        for other in cx.of_kind(SPEC.kind) {
            let is_own = key(&other.id) == own;
            let same_role = key(text(&other.body, "/properties/roleDefinitionId")).ends_with(&role);
            let same_principal = text(&other.body, "/properties/principalId") == principal;
            let same_scope = key(text(&other.body, "/properties/scope")) == key(&scope);
            // A name is used once in a whole tenant.
            if other.name().eq_ignore_ascii_case(draft.name()) && !(is_own && same_role && same_principal) {
                return Err(ApiError::bad(
                    "RoleAssignmentUpdateNotPermitted",
                    "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
                ));
            }
            if !is_own && same_role && same_principal && same_scope {
                let id = other.name().replace('-', "");
                return Err(ApiError::conflict(
                    "RoleAssignmentExists",
                    format!("The role assignment already exists. The ID of the existing role assignment is {id}."),
                ));
            }
        }
        if draft.old.is_none() {
            check_principal(cx, &principal, text(&draft.body, "/properties/principalType"))?;
        }
        let given = |name: &str| draft.body["properties"][name].as_str();
        condition::check(given("condition"), given("conditionVersion"))?;
        let subscription = &cx.subscription;
        let definition = format!("/subscriptions/{subscription}/providers/{NAMESPACE}/roleDefinitions/{role}");
        let created = draft.old.as_ref().map_or(cx.now, |old| old.created);
        let properties = [
            ("roleDefinitionId", json!(definition)),
            ("principalId", json!(principal)),
            // Every principal that the sandbox knows is one.
            ("principalType", json!("ServicePrincipal")),
            ("scope", json!(scope)),
            ("createdOn", json!(timestamp(created))),
            ("updatedOn", json!(timestamp(cx.now))),
            ("createdBy", json!(msi::OPERATOR)),
            ("updatedBy", json!(msi::OPERATOR)),
        ];
        for (name, value) in properties {
            body::set(&mut draft.body, name, value);
        }
        for name in ["condition", "conditionVersion", "description", "delegatedManagedIdentityResourceId"] {
            body::default(&mut draft.body, name, Value::Null);
        }
        Ok(())
    }

    fn delete(&self, _: &mut Cx<'_>, _: &Resource) -> Result<Option<Millis>, ApiError> {
        Ok(None)
    }
}

/// The id of the role at the end of a definition's id, which must exist.
fn role(definition: &str, subscription: &str) -> Result<String, ApiError> {
    let id = key(definition);
    let inside = id.strip_prefix(&format!("/subscriptions/{subscription}")).unwrap_or(&id);
    let role = inside.strip_prefix("/providers/microsoft.authorization/roledefinitions/").filter(|role| is_uuid(role));
    let role = role.ok_or_else(|| {
        ApiError::bad("InvalidRoleDefinitionId", format!("The role definition ID '{definition}' is not valid."))
    })?;
    if definition::exists(role) { Ok(role.to_owned()) } else { Err(definition::missing(role)) }
}

/// A principal must be known, which takes a while after its identity was made.
fn check_principal(cx: &Cx<'_>, principal: &str, kind: &str) -> Result<(), ApiError> {
    if !msi::is_visible(cx, principal) {
        let id = principal.replace('-', "");
        return Err(ApiError::bad(
            "PrincipalNotFound",
            format!(
                "Principal {id} does not exist in the directory {}. Check that you have the correct principal ID. If you \
                 are creating this principal and then immediately assigning a role, this error might be related to a \
                 replication delay. In this case, set the role assignment principalType property to a value, such as \
                 ServicePrincipal, User, or Group.",
                msi::TENANT
            ),
        ));
    }
    if !kind.is_empty() && kind != "ServicePrincipal" {
        return Err(ApiError::bad(
            "UnmatchedPrincipalType",
            format!(
                "The PrincipalId '{principal}' has type 'ServicePrincipal' , which is different from specified \
                 PrincipalType '{kind}'."
            ),
        ));
    }
    Ok(())
}

/// The id that a request names.
fn id(cx: &Cx<'_>, request: &Request) -> Result<String, ApiError> {
    let name = request.rest.get(1).map(String::as_str).unwrap_or_default();
    Ok(format!("{}{WITHIN}{name}", scope(cx, request)?))
}

/// PUT.
pub fn create(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&[])?;
    let id = id(cx, request)?;
    let body = body::read(&request.body, &BODY, false)?;
    let old = cx.find(&id).cloned();
    let status = if old.is_some() { 200 } else { 201 };
    let created = old.as_ref().map_or(cx.now, |old| old.created);
    let id = old.as_ref().map_or(id, |old| old.id.clone());
    let mut draft = Draft { id, location: String::new(), body, hidden: json!({}), old, lasts: None, failure: None };
    RoleAssignments.put(cx, &mut draft)?;
    let Draft { id, location, body, hidden, .. } = draft;
    let etag = cx.etag();
    let kind = SPEC.kind.to_owned();
    let resource = Resource { id, kind, location, body, hidden, etag, created, state: State::Ready };
    let answer = render(cx, &resource).unwrap_or_default();
    cx.sub.resources.insert(key(&resource.id), resource);
    cx.dirty();
    Ok(Response::json(status, answer))
}

/// GET of one.
pub fn get(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&["tenantId"])?;
    let id = id(cx, request)?;
    let found = cx.find(&id).and_then(|resource| render(cx, resource));
    let name = name_of(&id);
    let missing =
        || ApiError::new(404, "RoleAssignmentNotFound", format!("The role assignment '{name}' is not found."));
    Ok(Response::json(200, found.ok_or_else(missing)?))
}

/// DELETE. It answers with what is no more, and with nothing where nothing was.
pub fn delete(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&["tenantId"])?;
    let id = match id(cx, request) {
        Ok(id) => id,
        Err(error) if error.status == 404 => return Ok(Response::empty(204)),
        Err(error) => return Err(error),
    };
    let Some(resource) = cx.sub.resources.remove(&key(&id)) else { return Ok(Response::empty(204)) };
    cx.dirty();
    Ok(Response::json(200, render(cx, &resource).unwrap_or_default()))
}

/// GET of those that hold at a scope, above it, and below it unless the filter says otherwise.
pub fn list(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&["$filter", "tenantId", "$skiptoken"])?;
    let scope = key(&scope(cx, request)?);
    let filter = Filter::read(request)?;
    let holds = |resource: &&Resource| {
        let own = key(text(&resource.body, "/properties/scope"));
        let is_above = own == scope || scope.starts_with(&format!("{own}/"));
        let is_below = own.starts_with(&format!("{scope}/"));
        let principal = text(&resource.body, "/properties/principalId");
        (is_above || (is_below && !filter.at_scope))
            && filter.principal.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(principal))
    };
    let items = cx.of_kind(SPEC.kind).filter(holds).filter_map(|resource| render(cx, resource)).collect();
    Ok(Response::json(200, cx.page(request, items)?))
}

/// What a `$filter` asks for.
#[derive(Debug, Default)]
struct Filter {
    at_scope: bool,
    principal: Option<String>,
}

impl Filter {
    fn read(request: &Request) -> Result<Self, ApiError> {
        let Some(filter) = request.query.get("$filter") else { return Ok(Self::default()) };
        let bad = || ApiError::bad("UnsupportedQueryFilter", format!("The filter '{filter}' is not supported."));
        let mut read = Self::default();
        for term in filter.split(" and ").map(str::trim) {
            let quoted = |text: &str| text.trim().strip_prefix('\'')?.strip_suffix('\'').map(str::to_owned);
            let assigned = || term.strip_prefix("assignedTo(")?.strip_suffix(')');
            let principal = || term.strip_prefix("principalId eq ");
            if term == "atScope()" {
                read.at_scope = true;
            } else if let Some(value) = assigned().or_else(principal) {
                read.principal = Some(quoted(value).ok_or_else(bad)?);
            } else {
                return Err(bad());
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod checks {
    use super::*;

    #[test]
    fn definitions_are_taken_with_and_without_a_subscription() {
        let id = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1";
        for within in ["", "/subscriptions/s"] {
            let text = format!("{within}/providers/Microsoft.Authorization/roleDefinitions/{id}");
            assert_eq!(role(&text, "s").unwrap(), id);
        }
        assert_eq!(role(id, "s").unwrap_err().failure.code, "InvalidRoleDefinitionId");
    }
}
