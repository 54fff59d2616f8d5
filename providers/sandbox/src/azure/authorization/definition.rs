//! The built-in roles.
//!
//! Source: learn.microsoft.com, "Azure built-in roles", read in November 2026. Others than these can be added as they
//! are needed; custom roles are not.

use serde_json::{Value, json};

use super::{NAMESPACE, scope};
use crate::azure::error::ApiError;
use crate::azure::request::Request;
use crate::azure::response::Response;
use crate::azure::world::Cx;

/// A built-in role.
struct Role {
    id: &'static str,
    name: &'static str,
    description: &'static str,
    actions: &'static [&'static str],
    denied: &'static [&'static str],
    data: &'static [&'static str],
}

const BLOBS: &str = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs";

/// What every role on resources may do as well.
macro_rules! with_basics {
    ($($action:literal),*) => {
        &["Microsoft.Authorization/*/read", $($action,)* "Microsoft.Resources/subscriptions/resourceGroups/read"]
    };
}

const ROLES: &[Role] = &[
    Role {
        id: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        name: "Owner",
        description: "Grants full access to manage all resources, including the ability to assign roles in Azure RBAC.",
        actions: &["*"],
        denied: &[],
        data: &[],
    },
    Role {
        id: "b24988ac-6180-42a0-ab88-20f7382dd24c",
        name: "Contributor",
        description: "Grants full access to manage all resources, but does not allow you to assign roles in Azure RBAC.",
        actions: &["*"],
        denied: &[
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
        ],
        data: &[],
    },
    Role {
        id: "acdd72a7-3385-48ef-bd42-f606fba81ae7",
        name: "Reader",
        description: "View all resources, but does not allow you to make any changes.",
        actions: &["*/read"],
        denied: &[],
        data: &[],
    },
    Role {
        id: "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        name: "User Access Administrator",
        description: "Lets you manage user access to Azure resources.",
        actions: &["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"],
        denied: &[],
        data: &[],
    },
    Role {
        id: "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        name: "Storage Blob Data Owner",
        description: "Allows for full access to Azure Storage blob containers and data, including assigning POSIX access \
                      control.",
        actions: &[
            "Microsoft.Storage/storageAccounts/blobServices/containers/*",
            "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        ],
        denied: &[],
        data: &["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/*"],
    },
    Role {
        id: "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        name: "Storage Blob Data Contributor",
        description: "Allows for read, write and delete access to Azure Storage blob containers and data.",
        actions: &[
            "Microsoft.Storage/storageAccounts/blobServices/containers/delete",
            "Microsoft.Storage/storageAccounts/blobServices/containers/read",
            "Microsoft.Storage/storageAccounts/blobServices/containers/write",
            "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        ],
        denied: &[],
        data: &["delete", "read", "write", "move/action", "add/action"],
    },
    Role {
        id: "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        name: "Storage Blob Data Reader",
        description: "Allows for read access to Azure Storage blob containers and data.",
        actions: &[
            "Microsoft.Storage/storageAccounts/blobServices/containers/read",
            "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        ],
        denied: &[],
        data: &["read"],
    },
    Role {
        id: "17d1049b-9a84-46fb-8f53-869881c3d3ab",
        name: "Storage Account Contributor",
        description: "Lets you manage storage accounts, including accessing storage account keys which provide full \
                      access to storage account data.",
        actions: with_basics!["Microsoft.Storage/storageAccounts/*"],
        denied: &[],
        data: &[],
    },
    Role {
        id: "4d97b98b-1d4f-4787-a291-c67834d212e7",
        name: "Network Contributor",
        description: "Lets you manage networks, but not access to them.",
        actions: with_basics!["Microsoft.Network/*"],
        denied: &[],
        data: &[],
    },
    Role {
        id: "9980e02c-c2be-4d73-94e8-173b1dc7cf3c",
        name: "Virtual Machine Contributor",
        description: "Lets you manage virtual machines, but not access to them, and not the virtual network or storage \
                      account they're connected to.",
        actions: with_basics![
            "Microsoft.Compute/availabilitySets/*",
            "Microsoft.Compute/virtualMachines/*",
            "Microsoft.Compute/virtualMachineScaleSets/*",
            "Microsoft.Compute/disks/write",
            "Microsoft.Compute/disks/read",
            "Microsoft.Compute/disks/delete",
            "Microsoft.Network/networkInterfaces/*"
        ],
        denied: &[],
        data: &[],
    },
    Role {
        id: "f1a07417-d97a-45cb-824c-7a7467783830",
        name: "Managed Identity Operator",
        description: "Read and Assign User Assigned Identity.",
        actions: with_basics![
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/read",
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action"
        ],
        denied: &[],
        data: &[],
    },
    Role {
        id: "b12aa53e-6015-4669-85d0-8515ebb3ae7f",
        name: "Private DNS Zone Contributor",
        description: "Lets you manage private DNS zone resources, but not the virtual networks they are linked to.",
        actions: with_basics!["Microsoft.Network/privateDnsZones/*", "Microsoft.Network/virtualNetworks/join/action"],
        denied: &[],
        data: &[],
    },
];

/// Whether there is a role with this id.
pub fn exists(id: &str) -> bool {
    ROLES.iter().any(|role| role.id.eq_ignore_ascii_case(id))
}

fn shown(role: &Role, subscription: Option<&str>) -> Value {
    let within = subscription.map(|id| format!("/subscriptions/{id}")).unwrap_or_default();
    // Short names in the table are of blobs.
    let data = role.data.iter().map(|action| match action.strip_prefix("Microsoft.") {
        Some(_) => (*action).to_owned(),
        None => format!("{BLOBS}/{action}"),
    });
    json!({
        "id": format!("{within}/providers/{NAMESPACE}/roleDefinitions/{}", role.id),
        "name": role.id,
        "type": format!("{NAMESPACE}/roleDefinitions"),
        "properties": {
            "roleName": role.name,
            "type": "BuiltInRole",
            "description": role.description,
            "assignableScopes": ["/"],
            "permissions": [{
                "actions": role.actions,
                "notActions": role.denied,
                "dataActions": data.collect::<Vec<_>>(),
                "notDataActions": [],
            }],
            "createdOn": "2015-02-02T21:55:09.8806423Z",
            "updatedOn": "2023-11-07T16:00:00.0000000Z",
            "createdBy": Value::Null,
            "updatedBy": Value::Null,
        },
    })
}

/// GET of one.
pub fn get(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&[])?;
    if !request.scope.is_empty() {
        scope(cx, request)?;
    }
    let id = request.rest.get(1).map(String::as_str).unwrap_or_default();
    let role = ROLES.iter().find(|role| role.id.eq_ignore_ascii_case(id)).ok_or_else(|| missing(id))?;
    Ok(Response::json(200, shown(role, request.subscription())))
}

/// The error for a role that does not exist.
pub fn missing(id: &str) -> ApiError {
    ApiError::new(
        404,
        "RoleDefinitionDoesNotExist",
        format!("The specified role definition with ID '{id}' does not exist."),
    )
}

/// GET of all, or of those that a filter asks for.
pub fn list(cx: &mut Cx<'_>, request: &Request) -> Result<Response, ApiError> {
    request.only(&["$filter"])?;
    if !request.scope.is_empty() {
        scope(cx, request)?;
    }
    let filter = request.query.get("$filter").map(|filter| filter.trim()).unwrap_or_default();
    let quoted = |name: &str| {
        let value = filter.strip_prefix(name)?.trim_start().strip_prefix("eq")?.trim();
        value.strip_prefix('\'')?.strip_suffix('\'').map(|value| value.replace("''", "'"))
    };
    let matches: Box<dyn Fn(&Role) -> bool> = match (filter, quoted("roleName"), quoted("type")) {
        ("" | "atScopeAndBelow()", ..) => Box::new(|_| true),
        (_, Some(name), _) => Box::new(move |role| role.name.eq_ignore_ascii_case(&name)),
        (_, _, Some(kind)) => Box::new(move |_| kind == "BuiltInRole"),
        _ => {
            return Err(ApiError::bad("UnsupportedQueryFilter", format!("The filter '{filter}' is not supported.")));
        }
    };
    let matching = ROLES.iter().filter(|role| matches(role));
    let value: Vec<Value> = matching.map(|role| shown(role, request.subscription())).collect();
    Ok(Response::json(200, json!({ "value": value })))
}
