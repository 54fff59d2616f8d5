//! How the ids of Azure look, in the form that is kept.

use meridian_provider_api::ids::{Form, IdForm};

const fn id(kind: &'static str, form: &'static str) -> IdForm {
    IdForm { kind, form: Form::Id(form) }
}

const fn part(kind: &'static str, whole: &'static str) -> IdForm {
    IdForm { kind, form: Form::Part(whole) }
}

/// The form of every kind's ids.
pub(crate) const FORMS: &[IdForm] = &[
    id("azure_resource_group", "/subscriptions/{account}/resourceGroups/*"),
    id(
        "azure_virtual_network",
        "/subscriptions/{account}/resourceGroups/*/providers/Microsoft.Network/virtualNetworks/*",
    ),
    id(
        "azure_subnet",
        "/subscriptions/{account}/resourceGroups/*/providers/Microsoft.Network/virtualNetworks/*/subnets/*",
    ),
    id("azure_nat_gateway", "/subscriptions/{account}/resourceGroups/*/providers/Microsoft.Network/natGateways/*"),
    id("azure_public_ip", "/subscriptions/{account}/resourceGroups/*/providers/Microsoft.Network/publicIPAddresses/*"),
    id("azure_route_table", "/subscriptions/{account}/resourceGroups/*/providers/Microsoft.Network/routeTables/*"),
    id(
        "azure_application_security_group",
        "/subscriptions/{account}/resourceGroups/*/providers/Microsoft.Network/applicationSecurityGroups/*",
    ),
    id(
        "azure_network_security_group",
        "/subscriptions/{account}/resourceGroups/*/providers/Microsoft.Network/networkSecurityGroups/*",
    ),
    id("azure_lb", "/subscriptions/{account}/resourceGroups/*/providers/Microsoft.Network/loadBalancers/*"),
    id(
        "azure_network_interface",
        "/subscriptions/{account}/resourceGroups/*/providers/Microsoft.Network/networkInterfaces/*",
    ),
    id(
        "azure_private_dns_zone",
        "/subscriptions/{account}/resourceGroups/*/providers/Microsoft.Network/privateDnsZones/*",
    ),
    id(
        "azure_private_dns_zone_virtual_network_link",
        "/subscriptions/{account}/resourceGroups/*/providers/Microsoft.Network/privateDnsZones/*/virtualNetworkLinks/*",
    ),
    part("azure_private_dns_a_record", "DNS zone"),
    id("azure_disk", "/subscriptions/{account}/resourceGroups/*/providers/Microsoft.Compute/disks/*"),
    id(
        "azure_virtual_machine",
        "/subscriptions/{account}/resourceGroups/*/providers/Microsoft.Compute/virtualMachines/*",
    ),
    id(
        "azure_virtual_machine_scale_set",
        "/subscriptions/{account}/resourceGroups/*/providers/Microsoft.Compute/virtualMachineScaleSets/*",
    ),
    id(
        "azure_availability_set",
        "/subscriptions/{account}/resourceGroups/*/providers/Microsoft.Compute/availabilitySets/*",
    ),
    id(
        "azure_user_assigned_identity",
        "/subscriptions/{account}/resourceGroups/*/providers/Microsoft.ManagedIdentity/userAssignedIdentities/*",
    ),
    part("azure_role_assignment", "managed identity and container"),
    id(
        "azure_storage_account",
        "/subscriptions/{account}/resourceGroups/*/providers/Microsoft.Storage/storageAccounts/*",
    ),
    part("azure_storage_container", "storage account"),
    part("azure_storage_blob", "storage account"),
    part("azure_cluster_secret", "storage account"),
];
