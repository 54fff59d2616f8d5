//! The clients, one for each service that is called. They are bound to no region and to no cluster, so that a process has
//! one set of them for an endpoint, however many regions it works on: each is a pool of connections with a trust store of
//! its own, which takes longer to read than a plan takes to make.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use google_cloud_auth::credentials::{self, Credentials};
use google_cloud_gax::retry_policy::NeverRetry;
use meridian_provider_api::{CloudError, Credentials as Who, ErrorKind};
use tokio::sync::OnceCell;

use crate::errors::causes;

/// What all of Google Cloud's APIs can be called with (cloud.google.com/docs/authentication, "OAuth 2.0 scopes").
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// How long an answer may take before the call counts as unanswered.
const ATTEMPT_TIMEOUT: std::time::Duration = std::time::Duration::from_mins(1);

/// What is called at one endpoint.
#[derive(Debug, Clone)]
pub struct Services {
    pub compute: Compute,
    pub dns: Dns,
    pub accounts: Accounts,
    /// For the APIs that are spoken plainly.
    pub http: reqwest::Client,
    pub credentials: Credentials,
}

/// What calls need of the APIs that are spoken plainly: less than everything, and quicker to make.
#[derive(Debug, Clone)]
pub struct Plain {
    pub http: reqwest::Client,
    pub credentials: Credentials,
}

/// Services that are made at most once, by their endpoint, which is `None` for Google's own, and by whether we are nobody.
type Shared = HashMap<(Option<String>, bool), Arc<OnceCell<Services>>>;

static SHARED: LazyLock<Mutex<Shared>> = LazyLock::new(Mutex::default);

impl Services {
    /// The services of an endpoint for who we are. Nothing is called, but for what the default credential chain asks.
    pub async fn of(endpoint: Option<&str>, who: Who) -> Result<Self, CloudError> {
        let shared = {
            let mut all = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry((endpoint.map(str::to_owned), who == Who::Dummy)).or_default())
        };
        shared.get_or_try_init(|| Self::connect(endpoint, who)).await.cloned()
    }

    async fn connect(endpoint: Option<&str>, who: Who) -> Result<Self, CloudError> {
        let Plain { http, credentials } = Plain::of(who).await?;
        let (compute, dns, accounts) = tokio::try_join!(
            // On the heap: two dozen clients are being built at once.
            Box::pin(Compute::connect(endpoint, &credentials)),
            Box::pin(Dns::connect(endpoint, &credentials)),
            Box::pin(Accounts::connect(endpoint, &credentials)),
        )?;
        Ok(Self { compute, dns, accounts, http, credentials })
    }
}

/// What is made at most once for whoever we are, and whether we are nobody.
static PLAIN: LazyLock<Mutex<HashMap<bool, Arc<OnceCell<Plain>>>>> = LazyLock::new(Mutex::default);

impl Plain {
    /// What there is for who we are. Nothing is called, but for what the default credential chain asks.
    pub async fn of(who: Who) -> Result<Self, CloudError> {
        let shared = {
            let mut all = PLAIN.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(who == Who::Dummy).or_default())
        };
        shared.get_or_try_init(|| async { Self::connect(who) }).await.cloned()
    }

    fn connect(who: Who) -> Result<Self, CloudError> {
        let credentials = match who {
            Who::Dummy => credentials::anonymous::Builder::new().build(),
            Who::DefaultChain => {
                let chain = credentials::Builder::default().with_scopes([SCOPE]).build();
                chain.map_err(|error| {
                    CloudError::new(ErrorKind::Denied, "finding Google Cloud's credentials", causes(&error))
                })?
            }
        };
        let http = reqwest::Client::builder()
            .timeout(ATTEMPT_TIMEOUT)
            .build()
            .map_err(|error| CloudError::new(ErrorKind::Invalid, "building an HTTP client", causes(&error)))?;
        Ok(Self { http, credentials })
    }
}

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
            async fn connect(endpoint: Option<&str>, credentials: &Credentials) -> Result<Self, CloudError> {
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
        disks: Disks,
        firewalls: Firewalls,
        forwarding_rules: ForwardingRules,
        global_operations: GlobalOperations,
        health_checks: HealthChecks,
        images: Images,
        instance_groups: InstanceGroups,
        instance_templates: InstanceTemplates,
        instances: Instances,
        networks: Networks,
        projects: Projects,
        region_backend_services: RegionBackendServices,
        region_health_checks: RegionHealthChecks,
        region_instance_group_managers: RegionInstanceGroupManagers,
        region_operations: RegionOperations,
        routers: Routers,
        subnetworks: Subnetworks,
        target_pools: TargetPools,
        zone_operations: ZoneOperations,
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
    /// Service accounts.
    pub struct Accounts of google_cloud_iam_admin_v1 {
        iam: Iam,
    }
}
