//! What someone else does behind our back, on every cloud: changes of ours, resources of their own, and what Kubernetes'
//! controllers make.

use std::collections::BTreeSet;

use meridian_engine::plan::{Action, Reason};
use meridian_engine::{Address, State};
use meridian_sandbox::Config;
use meridian_tests::binary::root;
use meridian_tests::clouds::{CLOUDS, TestCloud};
use meridian_tests::kubernetes;
use meridian_tests::rest::Rest;
use meridian_tests::rig::{self, Rig};
use reqwest::Method;
use serde_json::{Value, json};

const AWS: TestCloud = CLOUDS[0];

/// The versions of Azure's interfaces.
const NETWORK: &str = "api-version=2024-03-01";
const COMPUTE: &str = "api-version=2024-07-01";
const DNS: &str = "api-version=2024-06-01";

fn rest(rig: &Rig, cloud: TestCloud) -> Rest {
    Rest::at(&cloud.connection(&rig.sandbox)).unwrap()
}

/// The only resource of a kind, or the first of them: its address and its id.
fn first(state: &State, kind: &str) -> (Address, String) {
    let mut found = state.resources.iter().filter(|(address, _)| address.kind() == kind);
    let (address, record) = found.next().unwrap_or_else(|| panic!("there is no {kind}"));
    (address.clone(), record.id.clone())
}

/// Removes a machine; gives its address.
async fn take_a_machine(rig: &Rig, cloud: TestCloud, state: &State) -> Address {
    let kinds = ["aws_instance", "google_compute_instance", "azure_virtual_machine"];
    let kind = kinds.into_iter().find(|kind| state.resources.keys().any(|address| address.kind() == *kind)).unwrap();
    let (address, id) = first(state, kind);
    match cloud.name {
        "aws" => drop(rig.aws_client().await.ec2.terminate_instances().instance_ids(&id).send().await.unwrap()),
        "gcp" => rest(rig, cloud).remove(&format!("/compute/v1/{id}")).await.unwrap(),
        _ => rest(rig, cloud).remove(&format!("{id}?{COMPUTE}")).await.unwrap(),
    }
    address
}

/// Changes a label; gives the address of what has it.
async fn relabel(rig: &Rig, cloud: TestCloud, state: &State) -> Address {
    match cloud.name {
        "aws" => {
            let address: Address = "aws_security_group.workers".parse().unwrap();
            let tag = aws_sdk_ec2::types::Tag::builder().key("team").value("someone else").build();
            let create = rig.aws_client().await.ec2.create_tags().resources(&state.resources[&address].id);
            create.tags(tag).send().await.unwrap();
            address
        }
        "gcp" => {
            let (address, id) = first(state, "google_compute_disk");
            let (path, rest) = (format!("/compute/v1/{id}"), rest(rig, cloud));
            let disk = rest.send(Method::GET, &path, None).await.unwrap();
            let mut labels = disk["labels"].clone();
            labels["team"] = json!("someone-else");
            let body = json!({ "labels": labels, "labelFingerprint": disk["labelFingerprint"] });
            rest.send(Method::POST, &format!("{path}/setLabels"), Some(&body)).await.unwrap();
            rest.until(&path, |disk| disk["labels"] == labels).await.unwrap();
            address
        }
        _ => {
            let (address, id) = first(state, "azure_network_security_group");
            let change = |group: &mut Value| group["tags"]["team"] = json!("someone else");
            rest(rig, cloud).change(&format!("{id}?{NETWORK}"), change).await.unwrap();
            address
        }
    }
}

#[tokio::test]
async fn drift_is_seen_and_mended() {
    for cloud in CLOUDS {
        let rig = Rig::recorded("others", Config::default()).await;
        let (_, state) = rig.converge(&cloud.example()).await;
        let machine = take_a_machine(&rig, cloud, &state).await;
        let labelled = relabel(&rig, cloud, &state).await;

        let plan = rig::plan(&rig.session(), &cloud.example()).await;
        let drifted: Vec<Address> = plan.drift.iter().map(|drift| drift.address.clone()).collect();
        assert!(drifted.contains(&labelled), "{}: {drifted:?}", cloud.name);
        assert!(drifted.contains(&machine), "{}: {drifted:?}", cloud.name);
        let change = plan.effective().find(|change| change.address == machine).unwrap();
        assert_eq!((change.action, &change.reason), (Action::Create, &Reason::Missing), "{}", cloud.name);
        rig.converge(&cloud.example()).await;
        assert!(rig::plan(&rig.session(), &cloud.example()).await.is_empty(), "{}", cloud.name);
        rig.destroy("prod-eu").await;
    }
}

#[tokio::test]
async fn what_kubernetes_made_goes_too() {
    for cloud in CLOUDS {
        let rig = Rig::recorded("others", Config::default()).await;
        let before = rig.sandbox.inventory(cloud.name);
        let (_, state) = rig.converge(&cloud.example()).await;
        kubernetes::act(cloud.name, cloud.connection(&rig.sandbox), &state).await.unwrap();
        let again = rig::plan(&rig.session(), &cloud.example()).await;
        assert!(again.is_empty(), "{}: a normal plan does not look at them", cloud.name);

        let plan = rig.destroy("prod-eu").await;
        let made = plan.changes.iter().filter(|change| change.reason == Reason::Leftover);
        let leftovers: BTreeSet<_> = made.map(|change| change.address.clone()).collect();
        assert!(leftovers.len() >= 2, "{}: {leftovers:?}", cloud.name);
        // As long as a machine is there, its controllers make anew what is removed, and it holds on to its volumes.
        let machines = plan.changes.iter().filter(|change| {
            let kind = change.address.kind();
            kind.ends_with("_instance") || kind.ends_with("_virtual_machine") || kind.contains("group_manager")
        });
        for change in machines {
            assert!(change.depended_on.is_superset(&leftovers), "{}: {:?}", change.address, change.depended_on);
        }
        assert_eq!(rig.sandbox.inventory(cloud.name), before, "{}", cloud.name);
    }
}

/// Settings that others have put on load balancers, addresses and the rest, where Meridian changes a label: the path of each,
/// where the setting stands, and what it is.
fn settings(state: &State) -> Vec<(String, &'static str, Value)> {
    let id = |kind: &str| first(state, kind).1;
    vec![
        (format!("{}?{NETWORK}", id("azure_public_ip")), "/properties/dnsSettings/domainNameLabel", json!("theirs")),
        (format!("{}?{NETWORK}", id("azure_public_ip")), "/properties/idleTimeoutInMinutes", json!(20)),
        (format!("{}?{NETWORK}", id("azure_nat_gateway")), "/properties/idleTimeoutInMinutes", json!(60)),
        (format!("{}?{NETWORK}", id("azure_route_table")), "/properties/disableBgpRoutePropagation", json!(true)),
        (
            format!("{}?{NETWORK}", id("azure_network_interface")),
            "/properties/dnsSettings/dnsServers",
            json!(["10.40.0.9"]),
        ),
        (format!("{}?{DNS}", id("azure_private_dns_a_record")), "/properties/metadata", json!({ "owner": "them" })),
        (
            format!("{}?{DNS}", id("azure_private_dns_zone_virtual_network_link")),
            "/properties/resolutionPolicy",
            json!("NxDomainRedirect"),
        ),
    ]
}

fn put_at(body: &mut Value, pointer: &str, value: Value) {
    let mut at = body;
    for part in pointer.split('/').skip(1) {
        at = &mut at[part];
    }
    *at = value;
}

/// A label of the cluster changes, and addresses of the record with it; what Meridian knows nothing of stays.
#[tokio::test]
async fn settings_of_others_stay_on_azure() {
    let cloud = TestCloud::named("azure");
    let rig = Rig::recorded("others", Config::default()).await;
    let (_, state) = rig.converge(&cloud.example()).await;
    let rest = rest(&rig, cloud);
    for (path, pointer, value) in settings(&state) {
        rest.change(&path, |body| put_at(body, pointer, value)).await.unwrap();
    }
    let balancer = format!("{}?{NETWORK}", first(&state, "azure_lb").1);
    let network = first(&state, "azure_virtual_network").1;
    let front = json!({ "name": "0-theirs", "properties": {
        "subnet": { "id": format!("{network}/subnets/prod-eu-private") }, "privateIPAllocationMethod": "Dynamic",
    } });
    let add = |body: &mut Value| {
        let properties = &mut body["properties"];
        properties["frontendIPConfigurations"].as_array_mut().unwrap().insert(0, front);
        properties["loadBalancingRules"][0]["properties"]["idleTimeoutInMinutes"] = json!(10);
    };
    rest.change(&balancer, add).await.unwrap();
    let seen = rig::plan(&rig.session(), &cloud.example()).await;
    assert!(seen.is_empty(), "{}", meridian_cli::views::plain(&meridian_cli::views::text::plan(&seen)));

    let (plan, _) = rig.converge(&cloud.example().replace("team: platform", "team: storage")).await;
    assert!(plan.effective().all(|change| change.action == Action::Update), "labels change in place");
    for (path, pointer, value) in settings(&state) {
        let now = rest.send(Method::GET, &path, None).await.unwrap();
        assert_eq!(now.pointer(pointer), Some(&value), "{path}");
    }
    let now = rest.send(Method::GET, &balancer, None).await.unwrap();
    let properties = &now["properties"];
    assert_eq!(properties["frontendIPConfigurations"].as_array().unwrap().len(), 2);
    assert_eq!(properties["loadBalancingRules"][0]["properties"]["idleTimeoutInMinutes"], 10);
    assert_eq!(now["tags"]["team"], "storage");
    let again = rig::plan(&rig.session(), &cloud.example().replace("team: platform", "team: storage")).await;
    assert!(again.is_empty(), "{}", meridian_cli::views::plain(&meridian_cli::views::text::plan(&again)));
    rig.destroy("prod-eu").await;
}

/// Makes the network that the golden spec of a cloud names; gives the spec with its ids.
async fn shared_network(rig: &Rig, cloud: TestCloud) -> String {
    let file = if cloud == AWS { "cluster.yaml".to_owned() } else { format!("cluster.{}.yaml", cloud.name) };
    let mut spec = std::fs::read_to_string(root().join("tests/golden/shared-network").join(file)).unwrap();
    match cloud.name {
        "aws" => {
            let client = rig.aws_client().await;
            let vpc = client.ec2.create_vpc().cidr_block("10.4.0.0/16").send().await.unwrap();
            let vpc = vpc.vpc().unwrap().vpc_id().unwrap().to_owned();
            spec = spec.replace("vpc-0123456789abcdef0", &vpc);
            for (name, zone, cidr) in [
                ("subnet-0a", "eu-west-1a", "10.4.0.0/20"),
                ("subnet-0b", "eu-west-1b", "10.4.16.0/20"),
                ("subnet-0c", "eu-west-1c", "10.4.32.0/20"),
            ] {
                let create = client.ec2.create_subnet().vpc_id(&vpc).availability_zone(zone).cidr_block(cidr);
                let made = create.send().await.unwrap();
                spec = spec
                    .replace(&format!("id: {name},"), &format!("id: {},", made.subnet().unwrap().subnet_id().unwrap()));
            }
        }
        "gcp" => {
            let rest = rest(rig, cloud);
            spec = spec.replace("projects/example-project/", "projects/meridian-sandbox/");
            let project = "/compute/v1/projects/meridian-sandbox";
            let network = json!({ "name": "shared", "autoCreateSubnetworks": false });
            rest.make(Method::POST, &format!("{project}/global/networks"), &network).await.unwrap();
            let subnet = json!({
                "name": "machines", "ipCidrRange": "10.4.0.0/18", "network": "projects/meridian-sandbox/global/networks/shared",
            });
            let subnets = format!("{project}/regions/europe-west1/subnetworks");
            rest.make(Method::POST, &subnets, &subnet).await.unwrap();
        }
        _ => {
            let rest = rest(rig, cloud);
            let group = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/shared";
            let body = json!({ "location": "westeurope" });
            rest.make(Method::PUT, &format!("{group}?api-version=2021-04-01"), &body).await.unwrap();
            let network = format!("{group}/providers/Microsoft.Network/virtualNetworks/shared");
            let body = json!({
                "location": "westeurope", "properties": { "addressSpace": { "addressPrefixes": ["10.4.0.0/16"] } },
            });
            rest.make(Method::PUT, &format!("{network}?{NETWORK}"), &body).await.unwrap();
            let body = json!({ "properties": { "addressPrefix": "10.4.0.0/18" } });
            rest.make(Method::PUT, &format!("{network}/subnets/machines?{NETWORK}"), &body).await.unwrap();
        }
    }
    spec
}

#[tokio::test]
async fn a_shared_network_is_used_and_left_alone() {
    for cloud in CLOUDS {
        let rig = Rig::recorded("others", Config::default()).await;
        let spec = shared_network(&rig, cloud).await;
        let before = rig.sandbox.inventory(cloud.name);
        rig.converge(&spec).await;
        assert!(rig::plan(&rig.session(), &spec).await.is_empty(), "{}", cloud.name);
        rig.destroy("shared-network").await;
        assert_eq!(rig.sandbox.inventory(cloud.name), before);
        if cloud == AWS {
            let subnets = rig.aws_client().await.ec2.describe_subnets().send().await.unwrap();
            assert!(subnets.subnets().iter().all(|subnet| subnet.tags().is_empty()), "shared subnets were tagged");
        }
        // A spec that names what is not there is refused before anything is made.
        let wrong = spec.replace("10.4.16.0/20", "10.4.48.0/20").replace("10.4.0.0/18", "10.4.64.0/18");
        let session = rig.session();
        let error = format!("{:?}", session.plan(&rig::cluster(&session, &wrong)).await.unwrap_err());
        let names_it =
            ["10.4.16.0/20", "10.4.48.0/20", "10.4.0.0/18", "10.4.64.0/18"].iter().any(|cidr| error.contains(cidr));
        assert!(names_it, "{}: {error}", cloud.name);
    }
}

/// A group that a spec names has to be there: no step of a plan could make it.
#[tokio::test]
async fn a_group_that_is_not_there_is_told_at_plan() {
    let cloud = TestCloud::named("azure");
    let rig = Rig::recorded("others", Config::default()).await;
    let spec =
        cloud.example().replace("  region: westeurope\n", "  region: westeurope\n  azure: { resourceGroup: absent }\n");
    let session = rig.session();
    let error = format!("{:?}", session.plan(&rig::cluster(&session, &spec)).await.unwrap_err());
    assert!(error.contains("there is no resource group absent"), "{error}");
    let path = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/absent?api-version=2021-04-01";
    rest(&rig, cloud).make(Method::PUT, path, &json!({ "location": "westeurope" })).await.unwrap();
    assert!(!rig::plan(&rig.session(), &spec).await.is_empty());
}

/// From another account everything would look gone: neither a second cluster nor a forgotten one may come of it.
#[tokio::test]
async fn credentials_of_another_account_are_refused() {
    let rig = Rig::recorded("others", Config::default()).await;
    rig.converge(&AWS.example()).await;
    let path = rig.dir.path().join("clusters/prod-eu/state.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let other = text.replace("123456789012", "210987654321");
    assert_ne!(other, text);
    std::fs::write(&path, other).unwrap();
    let session = rig.session();
    let refused = session.plan(&rig::cluster(&session, &AWS.example())).await.unwrap_err();
    assert!(format!("{refused:?}").contains("stands in account 210987654321"), "{refused:?}");
    let refused = session.plan_destroy("prod-eu").await.unwrap_err();
    assert!(format!("{refused:?}").contains("stands in account 210987654321"), "{refused:?}");
    std::fs::write(&path, text).unwrap();
    rig.destroy("prod-eu").await;
}

/// Where credentials may see several projects or subscriptions, the state says which one is meant.
#[tokio::test]
async fn another_project_or_subscription_is_refused() {
    for (cloud, other, stands) in [
        ("gcp", "  gcp: { project: another-project }\n", "the cluster stands in project"),
        (
            "azure",
            "  azure: { subscription: 00000000-0000-0000-0000-000000000002 }\n",
            "the cluster stands in subscription 00000000-0000-0000-0000-000000000001",
        ),
    ] {
        let cloud = TestCloud::named(cloud);
        let rig = Rig::recorded("others", Config::default()).await;
        rig.converge(&cloud.example()).await;
        let session = rig.session();
        let spec = format!("{}{other}", cloud.example());
        let refused = session.plan(&rig::cluster(&session, &spec)).await.unwrap_err();
        assert!(format!("{refused:?}").contains(stands), "{}: {refused:?}", cloud.name);
        rig.destroy("prod-eu").await;
    }
}
