//! AWS as the rest of Meridian sees it, and the one list of its kinds.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use meridian_engine::{Address, KindSchema, Resource as _, state};
use meridian_provider_api::ids::IdForm;
use meridian_provider_api::{
    Cloud, CloudError, CompileError, Compiled, Connection, Dispatch, Pins, Provider, Roster, StateConnection,
    StateHost, StateSchemes,
};
use meridian_spec::cluster::Cluster;
use meridian_spec::{Draft, Unfit};

use crate::bootstrap::{Bucket, ClusterSecret, Object};
use crate::client::Aws;
use crate::cloud::AwsCloud;
use crate::compile;
use crate::compute::{AutoscalingGroup, Instance, KeyPair, LaunchTemplate, NetworkInterface};
use crate::disk::Volume;
use crate::dns::{Record, Zone};
use crate::firewall::{SecurityGroup, SecurityGroupRules};
use crate::identity::{InstanceProfile, Role};
use crate::ids::FORMS;
use crate::leftovers::{
    KubernetesClassicLoadBalancer, KubernetesLoadBalancer, KubernetesSecurityGroup, KubernetesTargetGroup,
    KubernetesVolume,
};
use crate::load_balancer::{Listener, LoadBalancer, TargetGroup};
use crate::network::{DhcpOptions, ElasticIp, InternetGateway, NatGateway, RouteTable, Subnet, Vpc};
use crate::roster;
use crate::state::AwsState;

/// Amazon Web Services.
#[derive(Debug, Clone, Copy, Default)]
pub struct AwsProvider;

#[async_trait]
impl Provider for AwsProvider {
    fn name(&self) -> &'static str {
        "aws"
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

    fn roster(&self, records: &BTreeMap<Address, state::Record>) -> Roster {
        roster::roster(records)
    }

    fn id_forms(&self) -> &'static [IdForm] {
        FORMS
    }

    fn normal_id(&self, id: &str) -> String {
        // Route 53 writes the ids of zones with this before them.
        id.trim().trim_start_matches("/hostedzone/").to_owned()
    }

    async fn connect(&self, connection: Connection) -> Result<Arc<dyn Cloud>, CloudError> {
        Ok(Arc::new(AwsCloud::connect(connection).await?))
    }

    fn state_schemes(&self) -> StateSchemes {
        StateSchemes { store: "s3", keys: "aws-kms" }
    }

    async fn state_host(&self, connection: StateConnection) -> Result<Arc<dyn StateHost>, CloudError> {
        Ok(Arc::new(AwsState::connect(connection).await?))
    }
}

/// Lists the kinds that are compiled, and those that are only ever removed.
macro_rules! kinds {
    ([$($kind:ty),* $(,)?], [$($leftover:ty),* $(,)?]) => {
        /// Registers every kind.
        pub(crate) fn register(dispatch: Dispatch<Aws>) -> Dispatch<Aws> {
            dispatch $(.with::<$kind>())* $(.with_leftover::<$leftover>())*
        }

        fn schemas() -> Vec<&'static KindSchema> {
            vec![$(<$kind>::schema(),)* $(<$leftover>::schema(),)*]
        }
    };
}

kinds!(
    [
        Vpc,
        DhcpOptions,
        Subnet,
        InternetGateway,
        ElasticIp,
        NatGateway,
        RouteTable,
        SecurityGroup,
        SecurityGroupRules,
        Volume,
        NetworkInterface,
        Instance,
        KeyPair,
        LaunchTemplate,
        AutoscalingGroup,
        LoadBalancer,
        TargetGroup,
        Listener,
        Role,
        InstanceProfile,
        Zone,
        Record,
        Bucket,
        Object,
        ClusterSecret,
    ],
    [
        KubernetesLoadBalancer,
        KubernetesClassicLoadBalancer,
        KubernetesTargetGroup,
        KubernetesVolume,
        KubernetesSecurityGroup,
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
        let compiled = AwsProvider.compile(&fixture::cluster(), &Pins::new()).unwrap();
        for node in compiled.graph.iter() {
            assert!(known.contains(node.address.kind()), "{}", node.address);
            assert!(FORMS.iter().any(|form| form.kind == node.address.kind()), "{}", node.address);
        }
    }
}
