//! Azure as the rest of Meridian sees it, and the one list of its kinds.

use std::sync::Arc;

use async_trait::async_trait;
use meridian_engine::{KindSchema, Resource as _};
use meridian_provider_api::ids::IdForm;
use meridian_provider_api::roster::{Records, Roster};
use meridian_provider_api::state_host::{StateConnection, StateHost, StateSchemes};
use meridian_provider_api::{Cloud, CloudError, CompileError, Compiled, Connection, Dispatch, Pins, Provider};
use meridian_spec::cluster::Cluster;
use meridian_spec::{Draft, Unfit};

use crate::bootstrap::{ClusterSecret, Container, Object, StorageAccount};
use crate::client::Azure;
use crate::client::id::normal;
use crate::cloud::AzureCloud;
use crate::compile;
use crate::compute::{AvailabilitySet, NetworkInterface, ScaleSet, VirtualMachine};
use crate::disk::Disk;
use crate::dns::{Link, Record, Zone};
use crate::firewall::{ApplicationSecurityGroup, NetworkSecurityGroup};
use crate::identity::{RoleAssignment, UserAssignedIdentity};
use crate::ids::FORMS;
use crate::leftovers::{KubernetesDisk, KubernetesLoadBalancer, KubernetesPublicIp, KubernetesResource};
use crate::load_balancer::LoadBalancer;
use crate::network::{NatGateway, PublicIp, ResourceGroup, RouteTable, Subnet, VirtualNetwork};
use crate::roster;
use crate::state::AzureState;

/// Microsoft Azure.
#[derive(Debug, Clone, Copy, Default)]
pub struct AzureProvider;

#[async_trait]
impl Provider for AzureProvider {
    fn name(&self) -> &'static str {
        "azure"
    }

    fn account_option(&self) -> Option<&'static str> {
        Some("subscription")
    }

    fn account_variables(&self) -> &'static [&'static str] {
        &["AZURE_SUBSCRIPTION_ID", "ARM_SUBSCRIPTION_ID"]
    }

    fn schemas(&self) -> Vec<&'static KindSchema> {
        schemas()
    }

    fn check(&self, draft: &Draft) -> Vec<Unfit> {
        compile::check(draft)
    }

    fn compile(&self, cluster: &Cluster, pins: &Pins) -> Result<Compiled, CompileError> {
        compile::compile(cluster, pins)
    }

    fn roster(&self, records: &Records) -> Roster {
        roster::roster(records)
    }

    fn id_forms(&self) -> &'static [IdForm] {
        FORMS
    }

    fn normal_id(&self, id: &str) -> String {
        normal(id.trim().trim_end_matches('/'))
    }

    async fn connect(&self, connection: Connection) -> Result<Arc<dyn Cloud>, CloudError> {
        Ok(Arc::new(AzureCloud::connect(connection).await?))
    }

    fn state_schemes(&self) -> StateSchemes {
        StateSchemes { store: "az", keys: "azure-kv" }
    }

    async fn state_host(&self, connection: StateConnection) -> Result<Arc<dyn StateHost>, CloudError> {
        Ok(Arc::new(AzureState::connect(connection)?))
    }
}

/// Lists the kinds that are compiled, and those that are only ever removed.
macro_rules! kinds {
    ([$($kind:ty),* $(,)?], [$($leftover:ty),* $(,)?]) => {
        /// Registers every kind.
        pub(crate) fn register(dispatch: Dispatch<Azure>) -> Dispatch<Azure> {
            dispatch $(.with::<$kind>())* $(.with_leftover::<$leftover>())*
        }

        fn schemas() -> Vec<&'static KindSchema> {
            vec![$(<$kind>::schema(),)* $(<$leftover>::schema(),)*]
        }
    };
}

kinds!(
    [
        ResourceGroup,
        VirtualNetwork,
        Subnet,
        PublicIp,
        NatGateway,
        RouteTable,
        ApplicationSecurityGroup,
        NetworkSecurityGroup,
        LoadBalancer,
        Disk,
        NetworkInterface,
        AvailabilitySet,
        VirtualMachine,
        ScaleSet,
        UserAssignedIdentity,
        RoleAssignment,
        Zone,
        Link,
        Record,
        StorageAccount,
        Container,
        Object,
        ClusterSecret,
    ],
    [KubernetesLoadBalancer, KubernetesPublicIp, KubernetesDisk, KubernetesResource]
);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::compile::fixture;

    #[test]
    fn every_kind_that_is_compiled_is_registered_once() {
        let kinds: Vec<&str> = schemas().iter().map(|schema| schema.kind).collect();
        let known: BTreeSet<&str> = kinds.iter().copied().collect();
        assert_eq!(known.len(), kinds.len());
        let compiled = AzureProvider.compile(&fixture::cluster(), &Pins::new()).unwrap();
        for node in compiled.graph.iter() {
            assert!(known.contains(node.address.kind()), "{}", node.address);
            assert!(FORMS.iter().any(|form| form.kind == node.address.kind()), "{}", node.address);
        }
    }
}
