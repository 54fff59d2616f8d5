//! What identities are allowed.

use async_trait::async_trait;
use azure_mgmt_authorization::package_2022_04_01::models::{
    RoleAssignment as SdkAssignment, RoleAssignmentCreateParameters, RoleAssignmentProperties,
    role_assignment_properties,
};
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Attr, Fields, Ref, Resource as _, Value, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};
use uuid::Uuid;

use super::{UserAssignedIdentity, condition, user_assigned_identity};
use crate::arm::{gone, id_of, known, made};
use crate::bootstrap::{Container, container};
use crate::client::Azure;
use crate::client::id::normal;
use crate::limits::{delete, read, write};

const SERVICE: &str = "Microsoft.Authorization";

/// A built-in role that machines have (learn.microsoft.com, "Azure built-in roles for Storage").
#[derive(Debug, PartialEq, Eq)]
pub struct Role {
    /// What an assignment of it is called after the identity's name.
    pub suffix: &'static str,
    /// Id of the definition, the same in every tenant.
    pub definition: &'static str,
}

/// Storage Blob Data Reader.
pub const READER: Role = Role { suffix: "read", definition: "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1" };
/// Storage Blob Data Contributor.
pub const CONTRIBUTOR: Role = Role { suffix: "write", definition: "ba92f5b4-2d11-453d-a403-e96b0029c9fe" };

resource! {
    /// A role of an identity, for the bootstrap container. It carries no tags, and is known by identity and role.
    pub struct RoleAssignment = "azure_role_assignment", "role assignment", Replacement::DeleteFirst;
    fields {
        scope: Ref<Container> => replace,
        principal: Attr<String> => replace,
        /// Id of the role's definition.
        role: String => replace,
        /// Which blobs it is for.
        condition: String => update,
        /// An order, and nothing that is sent: the identity whose principal it is.
        identity: Option<Ref<UserAssignedIdentity>> => unread,
    }
    computed {}
}

/// Name of an assignment in its address.
#[must_use]
pub fn name(identity: &str, role: &Role) -> String {
    format!("{identity}-{}", role.suffix)
}

/// An assignment of one of our `identities` for our `container`. One for anything else is another's, whoever has it.
fn observe(
    assignment: &SdkAssignment,
    container: &str,
    identities: &[Found<UserAssignedIdentity>],
) -> Option<Found<RoleAssignment>> {
    let properties = assignment.properties.as_ref()?;
    let scope = normal(properties.scope.as_deref()?);
    if scope != container {
        return None;
    }
    let principal = properties.principal_id.to_ascii_lowercase();
    let is_of = |identity: &&Found<UserAssignedIdentity>| {
        identity.computed.get("principal_id").and_then(Value::as_str) == Some(principal.as_str())
    };
    let identity = identities.iter().find(is_of)?;
    let definition = properties.role_definition_id.rsplit('/').next()?.to_ascii_lowercase();
    let role = [READER, CONTRIBUTOR].into_iter().find(|role| role.definition == definition)?;
    Some(Found {
        address: Address::new(RoleAssignment::SCHEMA.kind, &name(identity.address.name(), &role)).ok()?,
        id: normal(assignment.id.as_deref()?),
        resource: RoleAssignment {
            scope: Ref::existing(scope),
            principal: Attr::Known(principal),
            role: definition,
            condition: properties.condition.clone().unwrap_or_default(),
            identity: None,
        },
        computed: Fields::new(),
        condition: Condition::Ready,
    })
}

impl RoleAssignment {
    /// Assigns the role under a name that follows from what it is, so that doing it twice is doing it once. An identity
    /// that was just made is not known everywhere; until it is, this is refused and tried again.
    async fn put(&self, client: &Azure) -> Result<Made, CloudError> {
        let (scope, principal) = (id_of(&self.scope)?, known(&self.principal)?);
        let text = format!("{scope}/{principal}/{}", self.role);
        let name = Uuid::new_v5(&Uuid::NAMESPACE_URL, text.as_bytes()).to_string();
        let definition = format!(
            "/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/{}",
            client.subscription, self.role
        );
        let mut properties = RoleAssignmentProperties::new(definition, principal.clone());
        // Without its type the principal would be looked up in a copy of the directory, which may not have it yet.
        properties.principal_type = Some(role_assignment_properties::PrincipalType::ServicePrincipal);
        properties.condition = Some(self.condition.clone());
        properties.condition_version = Some(condition::VERSION.to_owned());
        let body = RoleAssignmentCreateParameters::new(properties);
        let assignments = client.authorization.role_assignments_client();
        // The SDK puts the slash before the scope itself.
        let within = scope.trim_start_matches('/');
        client
            .call(write(SERVICE, "RoleAssignments_Create"), || {
                assignments.create(within, &name, body.clone()).into_future()
            })
            .await?;
        Ok(made(normal(&format!("{scope}/providers/{SERVICE}/roleAssignments/{name}"))))
    }
}

#[async_trait]
impl KindOps<Azure> for RoleAssignment {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let assignments = client.authorization.role_assignments_client();
        let assigned = client.in_groups(
            read(SERVICE, "RoleAssignments_ListForResourceGroup"),
            |group| assignments.list_for_resource_group(&client.subscription, group).into_stream(),
            |page| page.value,
        );
        let (assigned, identities, container) =
            tokio::try_join!(assigned, user_assigned_identity::list(client), container::ours(client))?;
        let Some(container) = container else { return Ok(Vec::new()) };
        let identities: Vec<_> =
            identities.iter().filter_map(|identity| user_assigned_identity::observe(client, identity)).collect();
        Ok(assigned.iter().filter_map(|assignment| observe(assignment, &container, &identities)).collect())
    }

    async fn create(&self, client: &Azure, _: &New) -> Result<Made, CloudError> {
        self.put(client).await
    }

    async fn update(&self, client: &Azure, _: &Existing<Self>) -> Result<Made, CloudError> {
        self.put(client).await
    }

    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let (scope, name) =
            existing.id.split_once(&format!("/providers/{SERVICE}/roleAssignments/")).ok_or_else(|| {
                let message = format!("{} is no id of a role assignment", existing.id);
                CloudError::new(ErrorKind::Invalid, "RoleAssignments_Delete", message)
            })?;
        let within = scope.trim_start_matches('/');
        let assignments = client.authorization.role_assignments_client();
        gone(client.call(delete(SERVICE, "RoleAssignments_Delete"), || assignments.delete(within, name).send()).await)
    }
}

#[cfg(test)]
mod tests {
    use meridian_engine::schema::OnChange;

    use super::*;

    fn identity(name: &str, principal: &str) -> Found<UserAssignedIdentity> {
        Found {
            address: Address::new(UserAssignedIdentity::SCHEMA.kind, name).unwrap(),
            id: String::new(),
            resource: UserAssignedIdentity {
                group: Ref::existing("g"),
                name: name.to_owned(),
                tags: crate::client::Tags::new(),
            },
            computed: crate::arm::computed([("principal_id", principal.to_owned())]),
            condition: Condition::Ready,
        }
    }

    #[test]
    fn an_assignment_is_known_by_identity_and_role() {
        let definition = format!("/subscriptions/s/providers/{SERVICE}/roleDefinitions/{}", READER.definition);
        let mut assignment = SdkAssignment::new();
        assignment.id = Some(format!("/subscriptions/s/providers/{SERVICE}/roleAssignments/X"));
        let mut properties = RoleAssignmentProperties::new(definition, "P-1".to_owned());
        properties.scope = Some("/subscriptions/S/resourceGroups/g".to_owned());
        assignment.properties = Some(properties);
        let container = "/subscriptions/s/resourceGroups/g";
        let identities = [identity("control-plane", "p-0"), identity("workers", "p-1")];
        let found = observe(&assignment, container, &identities).unwrap();
        assert_eq!(found.address.to_string(), "azure_role_assignment.workers-read");
        assert!(observe(&assignment, container, &identities[..1]).is_none(), "another's");
        assert!(observe(&assignment, "/subscriptions/s", &identities).is_none(), "for something else");
    }

    #[test]
    fn another_principal_makes_another_assignment() {
        assert!(matches!(RoleAssignment::SCHEMA.field("principal").unwrap().on_change, OnChange::Replace));
    }
}
