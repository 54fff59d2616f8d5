//! The conformance suite: every cloud against our sandbox, and AWS against two emulators that others wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use meridian_aws::AwsProvider;
use meridian_aws::bootstrap::{Bucket, ClusterSecret, Object};
use meridian_aws::client::Aws;
use meridian_aws::disk::Volume;
use meridian_aws::dns::{Record, Zone};
use meridian_aws::firewall::{SecurityGroup, SecurityGroupRules};
use meridian_aws::identity::{InstanceProfile, Role};
use meridian_aws::load_balancer::{Listener, LoadBalancer, TargetGroup};
use meridian_aws::network::{DhcpOptions, ElasticIp, InternetGateway, RouteTable, Subnet, Vpc};
use meridian_conformance::{Flaw, Harness, Inventory, run, scenarios};
use meridian_engine::apply::{Creation, Deletion, Executor, ExecutorError, Outcome as Made, Update};
use meridian_engine::graph::Node;
use meridian_engine::{Address, KindSchema, Observed, state};
use meridian_provider_api::ids::IdForm;
use meridian_provider_api::provider::WireTap;
use meridian_provider_api::{
    Cloud, CloudError, CompileError, Compiled, Connection, Credentials, Dispatch, Pace, Pins, Provider, Roster, Scope,
    Sighting, StateConnection, StateHost, StateSchemes,
};
use meridian_spec::{Cluster, Draft, Unfit};
use meridian_tests::clouds::CLOUDS;
use meridian_tests::emulator::Emulator;
use meridian_tests::harness::OnSandbox;
use meridian_tests::parity::{self, Column};
use meridian_tests::{inventory, wire};

struct Judge {
    provider: Box<dyn Provider>,
    endpoint: String,
    region: &'static str,
    flaws: &'static [Flaw],
    leaks: &'static [(&'static str, &'static str)],
    beyond: &'static [(&'static str, &'static str)],
    pins: Pins,
    tap: Arc<dyn WireTap>,
}

#[async_trait]
impl Harness for Judge {
    fn provider(&self) -> &dyn Provider {
        self.provider.as_ref()
    }

    fn region(&self) -> &str {
        self.region
    }

    fn connection(&self, cluster: &str, region: &str) -> Connection {
        Connection {
            cluster: cluster.to_owned(),
            region: region.to_owned(),
            account: None,
            endpoint: Some(self.endpoint.clone()),
            forgotten: meridian_engine::state::Forgotten::default(),
            credentials: Credentials::Dummy,
            pace: Pace::quick(),
            limiter: Arc::default(),
            telemetry: Arc::default(),
            wire_tap: Some(Arc::clone(&self.tap)),
        }
    }

    async fn inventory(&self) -> Result<Inventory, String> {
        let connection = Connection { wire_tap: None, ..self.connection("none", self.region) };
        inventory::aws(&Aws::connect(connection).await.map_err(|error| error.to_string())?).await
    }

    fn pins(&self) -> Pins {
        self.pins.clone()
    }

    fn flaws(&self) -> &[Flaw] {
        self.flaws
    }

    fn leaks(&self) -> &[(&'static str, &'static str)] {
        self.leaks
    }

    fn beyond(&self) -> &[(&'static str, &'static str)] {
        self.beyond
    }
}

/// Neither emulator has the catalogue's image, so both are told of one that they have.
fn image(id: &str) -> Pins {
    [("image/amd64".to_owned(), id.to_owned()), (format!("root-device/{id}"), "/dev/sda1".to_owned())].into()
}

/// Runs every scenario; gives the capabilities that showed.
async fn check(name: &str, judge: &dyn Harness) -> BTreeSet<&'static str> {
    let (mut shown, mut leaked, mut capabilities) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for scenario in scenarios() {
        if judge.beyond().iter().any(|(beyond, _)| *beyond == scenario.name) {
            continue;
        }
        let outcome = run(judge, &scenario).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        shown.extend(outcome.flaws);
        leaked.extend(outcome.leaks);
        capabilities.extend(outcome.shown);
    }
    let listed: BTreeSet<Flaw> = judge.flaws().iter().cloned().collect();
    assert_eq!(shown, listed, "flaws of {name} that are listed and do not show should be taken off the list");
    let listed: BTreeSet<&str> = judge.leaks().iter().map(|(kind, _)| *kind).collect();
    assert_eq!(leaked, listed, "the same goes for what {name} leaves behind");
    capabilities
}

/// What moto does not keep, though AWS does.
const MOTO: &[Flaw] = &[
    Flaw {
        kind: "aws_launch_template",
        field: "tags",
        why: "moto shows the tags of a template's creation for ever; AWS shows what CreateTags made of them",
    },
    Flaw {
        kind: "aws_autoscaling_group",
        field: "template_version",
        why: "a template that always seems to change has a version that is always to come",
    },
];

/// What moto leaves behind, though AWS does not.
const MOTO_LEAKS: &[(&str, &str)] = &[
    ("network_interfaces", "the interface of a machine that a group launched stays when the group is deleted"),
    ("volumes", "so does one of its volumes"),
];

/// Scenarios that neither emulator can play.
const BEYOND_EMULATORS: &[(&str, &str)] = &[("wide", "there is no image for arm64")];

/// What ministack can't judge: kinds, each with what it lacks. What refers to one of them is left out with it.
const BEYOND_MINISTACK: &[(&str, &str)] = &[
    ("aws_launch_template", "DescribeLaunchTemplateVersions needs an id; AWS lists the default versions of all"),
    ("aws_network_interface", "tags at creation are dropped, so nothing can be found by them"),
    ("aws_key_pair", "tags at creation are dropped"),
    ("aws_instance", "neither block devices nor interfaces nor metadata options are shown"),
    ("aws_nat_gateway", "the addresses of a gateway are never shown"),
];

/// AWS without the kinds that ministack can't judge.
struct Part;

#[async_trait]
impl Provider for Part {
    fn name(&self) -> &'static str {
        AwsProvider.name()
    }

    fn schemas(&self) -> Vec<&'static KindSchema> {
        AwsProvider.schemas()
    }

    fn check(&self, draft: &Draft) -> Vec<Unfit> {
        AwsProvider.check(draft)
    }

    fn compile(&self, cluster: &Cluster, pins: &Pins) -> Result<Compiled, CompileError> {
        let whole = AwsProvider.compile(cluster, pins)?;
        let beyond = |node: &Node| BEYOND_MINISTACK.iter().any(|(kind, _)| *kind == node.schema.kind);
        Ok(Compiled { graph: whole.graph.without(&beyond), outputs: whole.outputs })
    }

    fn roster(&self, records: &BTreeMap<Address, state::Record>) -> Roster {
        AwsProvider.roster(records)
    }

    fn state_schemes(&self) -> StateSchemes {
        AwsProvider.state_schemes()
    }

    async fn state_host(&self, connection: StateConnection) -> Result<Arc<dyn StateHost>, CloudError> {
        AwsProvider.state_host(connection).await
    }

    fn id_forms(&self) -> &'static [IdForm] {
        AwsProvider.id_forms()
    }

    async fn connect(&self, connection: Connection) -> Result<Arc<dyn Cloud>, CloudError> {
        let scope = Scope { cluster: connection.cluster.clone(), recorded: BTreeMap::new() };
        let client = Arc::new(Aws::connect(connection.clone()).await?);
        let part = Dispatch::new(client, connection.pace, scope)
            .with::<Vpc>()
            .with::<DhcpOptions>()
            .with::<Subnet>()
            .with::<InternetGateway>()
            .with::<ElasticIp>()
            .with::<RouteTable>()
            .with::<SecurityGroup>()
            .with::<SecurityGroupRules>()
            .with::<Volume>()
            .with::<Bucket>()
            .with::<Object>()
            .with::<ClusterSecret>()
            .with::<Role>()
            .with::<InstanceProfile>()
            .with::<Zone>()
            .with::<Record>()
            .with::<LoadBalancer>()
            .with::<TargetGroup>()
            .with::<Listener>();
        Ok(Arc::new(PartCloud { part, whole: AwsProvider.connect(connection).await? }))
    }
}

struct PartCloud {
    part: Dispatch<Aws>,
    whole: Arc<dyn Cloud>,
}

#[async_trait]
impl Executor for PartCloud {
    async fn create(&self, creation: Creation) -> Result<Made, ExecutorError> {
        self.part.create(creation).await
    }

    async fn update(&self, update: Update) -> Result<Made, ExecutorError> {
        self.part.update(update).await
    }

    async fn delete(&self, deletion: Deletion) -> Result<(), ExecutorError> {
        self.part.delete(deletion).await
    }
}

#[async_trait]
impl Cloud for PartCloud {
    async fn identity(&self) -> Result<String, CloudError> {
        self.whole.identity().await
    }

    async fn check_account(&self, pins: &Pins) -> Result<(), CloudError> {
        self.whole.check_account(pins).await
    }

    async fn look_up(&self, cluster: &Cluster, pins: &Pins) -> Result<Pins, CloudError> {
        self.whole.look_up(cluster, pins).await
    }

    async fn observe(&self, scope: &Scope) -> Result<Vec<Observed>, CloudError> {
        self.part.find(scope).await
    }

    async fn sight(&self, address: &Address, id: &str) -> Result<Sighting, CloudError> {
        self.part.sight(address, id).await
    }

    async fn leftovers(&self, scope: &Scope) -> Result<Vec<Observed>, CloudError> {
        self.whole.leftovers(scope).await
    }
}

fn judge(name: &str, provider: Box<dyn Provider>, endpoint: &str) -> Judge {
    Judge {
        provider,
        endpoint: endpoint.to_owned(),
        region: "eu-west-1",
        flaws: &[],
        leaks: &[],
        beyond: BEYOND_EMULATORS,
        pins: Pins::new(),
        tap: wire::tap(name),
    }
}

/// Every cloud on our own sandbox. What shows there is what `docs/parity.md` says.
#[tokio::test(flavor = "multi_thread")]
async fn on_our_sandbox() {
    let mut columns = Vec::new();
    for cloud in CLOUDS {
        let judge = OnSandbox::start(cloud).await;
        let shown = check(cloud.name, &judge).await;
        let has_regions_without_zones = cloud.region_without_zones.is_some();
        columns.push(Column { cloud: cloud.display, shown, has_regions_without_zones });
    }
    parity::hold(&columns);
}

#[tokio::test]
async fn on_moto() {
    let name = "conformance-moto";
    let moto = Emulator::moto();
    let judge = judge(name, Box::new(AwsProvider), moto.endpoint());
    check(name, &Judge { pins: image("ami-785db401"), flaws: MOTO, leaks: MOTO_LEAKS, ..judge }).await;
}

#[tokio::test]
async fn on_ministack() {
    let name = "conformance-ministack";
    let ministack = Emulator::ministack();
    let judge = judge(name, Box::new(Part), ministack.endpoint());
    check(name, &Judge { pins: image("ami-0123456789abcdef0"), ..judge }).await;
}
