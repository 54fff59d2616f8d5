//! The SDK's clients, one for each service that is called. They are not bound to a region.

use google_cloud_auth::credentials::Credentials;
use google_cloud_gax::retry_policy::NeverRetry;
use meridian_provider_api::{CloudError, ErrorKind};

use crate::errors::causes;

/// How long an answer may take before the call counts as unanswered.
const ATTEMPT_TIMEOUT: std::time::Duration = std::time::Duration::from_mins(1);

/// Declares a set of clients, all built with the same endpoint and credentials, side by side.
macro_rules! clients {
    ($(#[$meta:meta])* pub struct $name:ident of $sdk:ident { $($(#[$field_meta:meta])* $field:ident : $client:ident),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $sdk::client::$client,)*
        }

        impl $name {
            /// Builds the clients; nothing is called. Retries are decided in one place, by the kind of the error.
            pub async fn connect(endpoint: Option<&str>, credentials: &Credentials) -> Result<Self, CloudError> {
                $(let $field = async {
                    let builder = $sdk::client::$client::builder()
                        .with_credentials(credentials.clone())
                        .with_retry_policy(NeverRetry)
                        .with_attempt_timeout(ATTEMPT_TIMEOUT);
                    match endpoint {
                        Some(endpoint) => builder.with_endpoint(endpoint).build().await,
                        None => builder.build().await,
                    }
                };)*
                let ($($field,)*) = tokio::try_join!($($field),*).map_err(|error| {
                    let kind = if error.is_default_credentials() { ErrorKind::Denied } else { ErrorKind::Invalid };
                    CloudError::new(kind, "building the clients of Google Cloud", causes(&error))
                })?;
                Ok(Self { $($field),* })
            }
        }
    };
}

clients! {
    /// Compute Engine.
    pub struct Compute of google_cloud_compute_v1 {
        addresses: Addresses,
        backend_services: BackendServices,
        disks: Disks,
        firewalls: Firewalls,
        forwarding_rules: ForwardingRules,
        global_operations: GlobalOperations,
        health_checks: HealthChecks,
        images: Images,
        instance_group_managers: InstanceGroupManagers,
        instance_groups: InstanceGroups,
        instance_templates: InstanceTemplates,
        instances: Instances,
        machine_types: MachineTypes,
        networks: Networks,
        projects: Projects,
        region_backend_services: RegionBackendServices,
        region_health_checks: RegionHealthChecks,
        region_instance_group_managers: RegionInstanceGroupManagers,
        region_operations: RegionOperations,
        regions: Regions,
        routers: Routers,
        subnetworks: Subnetworks,
        target_pools: TargetPools,
        zone_operations: ZoneOperations,
        zones: Zones,
    }
}

clients! {
    /// Cloud DNS.
    pub struct Dns of google_cloud_dns_v1 {
        changes: Changes,
        managed_zones: ManagedZones,
        record_sets: ResourceRecordSets,
    }
}

clients! {
    /// Service accounts, and what a project's policy allows them.
    pub struct Accounts of google_cloud_iam_admin_v1 {
        iam: Iam,
    }
}

clients! {
    /// Projects and their policies.
    pub struct ResourceManager of google_cloud_resourcemanager_v3 {
        projects: Projects,
    }
}
