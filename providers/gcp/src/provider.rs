//! Google Cloud as the rest of Meridian sees it, and the one list of its kinds.

use std::sync::Arc;

use async_trait::async_trait;
use meridian_engine::{KindSchema, Resource as _};
use meridian_provider_api::ids::IdForm;
use meridian_provider_api::roster::{Records, Roster};
use meridian_provider_api::{
    Cloud, CloudError, CompileError, Compiled, Connection, Dispatch, Pins, Provider, StateConnection, StateHost,
    StateSchemes,
};
use meridian_spec::cluster::Cluster;
use meridian_spec::{Draft, Unfit};

use crate::bootstrap::{Bucket, BucketPolicy, ClusterSecret, Object};
use crate::client::Gcp;
use crate::cloud::GcpCloud;
use crate::compile;
use crate::compute::{Instance, InstanceGroupManager, InstanceTemplate};
use crate::disk::Disk;
use crate::dns::{Record, Zone};
use crate::firewall::Firewall;
use crate::gce::path_of;
use crate::identity::ServiceAccount;
use crate::ids::FORMS;
use crate::leftovers::{
    KubernetesBackendService, KubernetesDisk, KubernetesFirewall, KubernetesForwardingRule, KubernetesHealthCheck,
    KubernetesInstanceGroup, KubernetesTargetPool,
};
use crate::load_balancer::{BackendService, ForwardingRule, HealthCheck, InstanceGroup};
use crate::network::{Address, Network, Router, Subnetwork};
use crate::roster;
use crate::state::GcpState;

/// Google Cloud.
#[derive(Debug, Clone, Copy, Default)]
pub struct GcpProvider;

#[async_trait]
impl Provider for GcpProvider {
    fn name(&self) -> &'static str {
        "gcp"
    }

    fn account_option(&self) -> Option<&'static str> {
        Some("project")
    }

    fn account_variables(&self) -> &'static [&'static str] {
        &["GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"]
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
        path_of(id.trim())
    }

    async fn connect(&self, connection: Connection) -> Result<Arc<dyn Cloud>, CloudError> {
        Ok(Arc::new(GcpCloud::connect(connection).await?))
    }

    fn state_schemes(&self) -> StateSchemes {
        StateSchemes { store: "gs", keys: "gcp-kms" }
    }

    async fn state_host(&self, connection: StateConnection) -> Result<Arc<dyn StateHost>, CloudError> {
        Ok(Arc::new(GcpState::connect(connection).await?))
    }
}

/// Lists the kinds that are compiled, and those that are only ever removed.
macro_rules! kinds {
    ([$($kind:ty),* $(,)?], [$($leftover:ty),* $(,)?]) => {
        /// Registers every kind.
        pub(crate) fn register(dispatch: Dispatch<Gcp>) -> Dispatch<Gcp> {
            dispatch $(.with::<$kind>())* $(.with_leftover::<$leftover>())*
        }

        fn schemas() -> Vec<&'static KindSchema> {
            vec![$(<$kind>::schema(),)* $(<$leftover>::schema(),)*]
        }
    };
}

kinds!(
    [
        Network,
        Subnetwork,
        Address,
        Router,
        Firewall,
        InstanceGroup,
        HealthCheck,
        BackendService,
        ForwardingRule,
        Disk,
        Instance,
        InstanceTemplate,
        InstanceGroupManager,
        ServiceAccount,
        Zone,
        Record,
        Bucket,
        BucketPolicy,
        Object,
        ClusterSecret,
    ],
    [
        KubernetesForwardingRule,
        KubernetesTargetPool,
        KubernetesBackendService,
        KubernetesHealthCheck,
        KubernetesInstanceGroup,
        KubernetesFirewall,
        KubernetesDisk,
    ]
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
        let compiled = GcpProvider.compile(&fixture::cluster(), &Pins::new()).unwrap();
        for node in compiled.graph.iter() {
            assert!(known.contains(node.address.kind()), "{}", node.address);
            assert!(FORMS.iter().any(|form| form.kind == node.address.kind()), "{}", node.address);
        }
    }
}
