//! The kinds of what is left over. They differ by the type of resource alone.

use async_trait::async_trait;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Fields, Resource, resource};
use meridian_provider_api::{CloudError, Existing, Found, LeftoverOps, Scope};

use super::{DISKS, LOAD_BALANCERS, Leftover, PUBLIC_IPS, all};
use crate::arm::gone;
use crate::client::Azure;

/// Types that have a kind of their own.
const SORTED: [&str; 3] = [LOAD_BALANCERS, PUBLIC_IPS, DISKS];

macro_rules! leftover {
    ($(#[$meta:meta])* $name:ident = $kind:literal, $title:literal, $is_one:expr) => {
        resource! {
            $(#[$meta])*
            pub struct $name = $kind, $title, Replacement::DeleteFirst;
            fields {
                /// Name of the service or claim that it was made for, if it is told.
                made_for: Option<String> => replace,
            }
            computed {}
        }

        #[async_trait]
        impl LeftoverOps<Azure> for $name {
            async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
                let is_one: fn(&str) -> bool = $is_one;
                let left = all(client).await?;
                let these = left.iter().filter(|one| is_one(&one.id.kind()));
                Ok(these
                    .filter_map(|one| {
                        Some(Found {
                            address: Address::new(Self::SCHEMA.kind, &name(client, one)).ok()?,
                            id: one.id.to_string(),
                            resource: Self { made_for: one.made_for.clone() },
                            computed: Fields::new(),
                            condition: Condition::Ready,
                        })
                    })
                    .collect())
            }

            /// One that something still uses is refused, and tried again until that is gone.
            async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
                gone(client.delete_by_id(&existing.id.parse()?).await)
            }
        }
    };
}

leftover! {
    /// A load balancer of services.
    KubernetesLoadBalancer = "azure_kubernetes_load_balancer", "load balancer of services", |kind| kind == LOAD_BALANCERS
}

leftover! {
    /// A public address of a service.
    KubernetesPublicIp = "azure_kubernetes_public_ip", "public address of a service", |kind| kind == PUBLIC_IPS
}

leftover! {
    /// A disk of a claim.
    KubernetesDisk = "azure_kubernetes_disk", "disk of a claim", |kind| kind == DISKS
}

leftover! {
    /// Anything else. Its name tells its type.
    KubernetesResource = "azure_kubernetes_resource", "resource that was left", |kind| !SORTED.contains(&kind)
}

/// What one is called in its address: unique among those of its kind.
fn name(client: &Azure, one: &Leftover) -> String {
    let kind = one.id.kind();
    let names: Vec<&str> = one.id.path.iter().map(|(_, name)| name.as_str()).collect();
    let group = (!one.id.group.eq_ignore_ascii_case(&client.own_group)).then_some(one.id.group.as_str());
    let kind = (!SORTED.contains(&kind.as_str())).then_some(kind.as_str());
    group.into_iter().chain(kind).chain(names).collect::<Vec<_>>().join("/")
}
