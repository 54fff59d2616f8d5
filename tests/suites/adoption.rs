//! Resources that someone else made by hand are adopted, on every cloud, and from then on are the cluster's.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{DomainType, Tag};
use meridian_aws::client::Aws;
use meridian_cli::session::Session;
use meridian_engine::plan::Action;
use meridian_engine::{Address, Fields, Plan, Value};
use meridian_sandbox::Config;
use meridian_tests::binary::{expect, meridian};
use meridian_tests::clouds::{CLOUDS, TestCloud};
use meridian_tests::rest::Rest;
use meridian_tests::rig::{self, Rig};
use reqwest::Method;
use serde_json::json;

const PROJECT: &str = "projects/meridian-sandbox";
const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000001";

/// What is made by hand, what it stands in first.
fn adopted(cloud: TestCloud) -> &'static [&'static str] {
    match cloud.name {
        "aws" => &[
            "aws_vpc.main",
            "aws_internet_gateway.main",
            "aws_subnet.private-eu-west-1a",
            "aws_security_group.workers",
            "aws_eip.nat-eu-west-1a",
            "aws_iam_role.workers",
            "aws_route53_zone.main",
            "aws_s3_bucket.bootstrap",
        ],
        "gcp" => &[
            "google_compute_network.main",
            "google_compute_subnetwork.private",
            "google_compute_address.api",
            "google_service_account.workers",
            "google_storage_bucket.bootstrap",
        ],
        _ => &[
            "azure_resource_group.main",
            "azure_virtual_network.main",
            "azure_public_ip.api",
            "azure_network_security_group.main",
            "azure_user_assigned_identity.workers",
            "azure_storage_account.bootstrap",
        ],
    }
}

/// What the spec says of an address.
fn wanted(plan: &Plan, address: &str) -> Fields {
    let change = plan.changes.iter().find(|change| change.address.to_string() == address);
    let known = || plan.changes.iter().map(|change| change.address.to_string()).collect::<Vec<_>>().join(" ");
    change.unwrap_or_else(|| panic!("no {address} among {}", known())).after.clone().unwrap()
}

fn text<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("no {name} in {fields:?}"))
}

async fn make(rig: &Rig, cloud: TestCloud, address: &str, fields: &Fields, made: &BTreeMap<&str, String>) -> String {
    let kind = address.split('.').next().unwrap();
    if cloud.name == "aws" {
        return on_aws(&rig.aws_client().await, kind, fields, made.get("aws_vpc.main")).await;
    }
    let rest = Rest::at(&cloud.connection(&rig.sandbox)).unwrap();
    if cloud.name == "gcp" { on_gcp(&rest, kind, fields).await } else { on_azure(&rest, kind, fields).await }
}

async fn on_aws(aws: &Aws, kind: &str, fields: &Fields, vpc: Option<&String>) -> String {
    let vpc = || vpc.unwrap();
    match kind {
        "aws_vpc" => {
            let made = aws.ec2.create_vpc().cidr_block(text(fields, "cidr")).send().await.unwrap();
            let id = made.vpc.unwrap().vpc_id.unwrap();
            let tag = Tag::builder().key("Name").value("by hand").build();
            aws.ec2.create_tags().resources(&id).tags(tag).send().await.unwrap();
            id
        }
        "aws_internet_gateway" => {
            let made = aws.ec2.create_internet_gateway().send().await.unwrap();
            let id = made.internet_gateway.unwrap().internet_gateway_id.unwrap();
            aws.ec2.attach_internet_gateway().internet_gateway_id(&id).vpc_id(vpc()).send().await.unwrap();
            id
        }
        "aws_subnet" => {
            let call = aws.ec2.create_subnet().vpc_id(vpc()).cidr_block(text(fields, "cidr"));
            let made = call.availability_zone(text(fields, "zone")).send().await.unwrap();
            made.subnet.unwrap().subnet_id.unwrap()
        }
        "aws_security_group" => {
            let call = aws.ec2.create_security_group().vpc_id(vpc()).group_name(text(fields, "name"));
            call.description("by hand").send().await.unwrap().group_id.unwrap()
        }
        "aws_eip" => aws.ec2.allocate_address().domain(DomainType::Vpc).send().await.unwrap().allocation_id.unwrap(),
        "aws_iam_role" => {
            let call = aws.iam.create_role().role_name(text(fields, "name")).path(text(fields, "path"));
            let made = call.assume_role_policy_document(text(fields, "trust")).send().await.unwrap();
            made.role.unwrap().role_name
        }
        "aws_route53_zone" => {
            let vpc = aws_sdk_route53::types::Vpc::builder().vpc_id(vpc()).vpc_region("eu-west-1".into()).build();
            let call = aws.route53.create_hosted_zone().name(text(fields, "name")).vpc(vpc).caller_reference("by hand");
            call.send().await.unwrap().hosted_zone.unwrap().id
        }
        "aws_s3_bucket" => {
            let place = aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint("eu-west-1".into());
            let call = aws.s3.create_bucket().bucket(text(fields, "name"));
            call.create_bucket_configuration(place.build()).send().await.unwrap();
            text(fields, "name").to_owned()
        }
        other => panic!("{other} is not made by hand"),
    }
}

async fn on_gcp(rest: &Rest, kind: &str, fields: &Fields) -> String {
    let compute = |place: &str| format!("/compute/v1/{PROJECT}/{place}");
    let region = "regions/europe-west1";
    let (path, body) = match kind {
        "google_compute_network" => (
            compute("global/networks"),
            json!({
                "name": text(fields, "name"),
                "autoCreateSubnetworks": false,
                "routingConfig": { "routingMode": "GLOBAL" },
            }),
        ),
        "google_compute_subnetwork" => {
            let Some(Value::Set(ranges)) = fields.get("secondary_ranges") else { panic!("{fields:?}") };
            let range = |range: &Value| {
                let Value::Map(range) = range else { panic!("{range:?}") };
                json!({ "rangeName": range["name"].as_str(), "ipCidrRange": range["cidr"].as_str() })
            };
            let network = text(fields, "name").replace("-private", "-main");
            let body = json!({
                "name": text(fields, "name"),
                "ipCidrRange": text(fields, "cidr"),
                "network": format!("{PROJECT}/global/networks/{network}"),
                "secondaryIpRanges": ranges.iter().map(range).collect::<Vec<_>>(),
            });
            (compute(&format!("{region}/subnetworks")), body)
        }
        "google_compute_address" => (
            compute(&format!("{region}/addresses")),
            json!({ "name": text(fields, "name"), "addressType": "EXTERNAL" }),
        ),
        "google_service_account" => {
            let id = text(fields, "account_id");
            let body = json!({ "accountId": id, "serviceAccount": { "displayName": "by hand" } });
            rest.send(Method::POST, &format!("/v1/{PROJECT}/serviceAccounts"), Some(&body)).await.unwrap();
            return format!("{id}@meridian-sandbox.iam.gserviceaccount.com");
        }
        "google_storage_bucket" => {
            let name = text(fields, "name");
            let body = json!({ "name": name, "location": "europe-west1" });
            rest.send(Method::POST, "/storage/v1/b?project=meridian-sandbox", Some(&body)).await.unwrap();
            return name.to_owned();
        }
        other => panic!("{other} is not made by hand"),
    };
    rest.make(Method::POST, &path, &body).await.unwrap();
    format!("{}/{}", path.trim_start_matches("/compute/v1/"), text(fields, "name"))
}

async fn on_azure(rest: &Rest, kind: &str, fields: &Fields) -> String {
    const GROUP: &str = "meridian-prod-eu-westeurope";
    let name = text(fields, "name");
    let tags = json!({ "owner": "hand" });
    let of = |provider: &str| format!("{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.{provider}/{name}");
    let (id, version, mut body) = match kind {
        "azure_resource_group" => (format!("{SUBSCRIPTION}/resourceGroups/{name}"), "2021-04-01", json!({})),
        "azure_virtual_network" => {
            let space = json!({ "addressSpace": { "addressPrefixes": [text(fields, "cidr")] } });
            (of("Network/virtualNetworks"), "2024-03-01", json!({ "properties": space }))
        }
        "azure_public_ip" => (
            of("Network/publicIPAddresses"),
            "2024-03-01",
            json!({
                "sku": { "name": "Standard", "tier": "Regional" },
                "zones": ["1", "2", "3"],
                "properties": { "publicIPAllocationMethod": "Static", "publicIPAddressVersion": "IPv4" },
            }),
        ),
        "azure_network_security_group" => {
            (of("Network/networkSecurityGroups"), "2024-03-01", json!({ "properties": {} }))
        }
        "azure_user_assigned_identity" => (of("ManagedIdentity/userAssignedIdentities"), "2023-01-31", json!({})),
        "azure_storage_account" => (
            of("Storage/storageAccounts"),
            "2023-05-01",
            json!({ "sku": { "name": text(fields, "sku") }, "kind": "StorageV2", "properties": {} }),
        ),
        other => panic!("{other} is not made by hand"),
    };
    body["location"] = json!("westeurope");
    body["tags"] = tags;
    rest.make(Method::PUT, &format!("{id}?api-version={version}"), &body).await.unwrap();
    id
}

/// Adopts one resource; gives the fields that the next apply is to change.
async fn adopt(session: &Session, spec: &str, address: &str, id: &str) -> BTreeSet<String> {
    let cluster = rig::cluster(session, spec);
    let at: Address = address.parse().unwrap();
    let adoption = session.plan_adoption(&cluster, &at, Some(id)).await;
    let adoption = adoption.unwrap_or_else(|error| panic!("{address} {id}: {error:?}"));
    assert!(matches!(adoption.change.action, Action::NoOp | Action::Update), "{:#?}", adoption.change);
    let changed = adoption.change.changed.clone();
    let lease = session.lease(&cluster.name, &|_| ()).await.unwrap();
    session.adopt(&lease, &cluster, adoption).await.unwrap();
    lease.release().await.unwrap();
    changed
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_by_hand_becomes_the_clusters() {
    for cloud in CLOUDS {
        let rig = Rig::recorded("adoption", Config::default()).await;
        let before = rig.sandbox.inventory(cloud.name);
        let (session, spec) = (rig.session(), cloud.example());
        let plan = rig::plan(&session, &spec).await;
        let name = plan.cluster.clone();
        let mut made: BTreeMap<&str, String> = BTreeMap::new();
        let mut shown = BTreeMap::new();
        for address in adopted(cloud) {
            let id = make(&rig, cloud, address, &wanted(&plan, address), &made).await;
            shown.insert(*address, adopt(&session, &spec, address, &id).await);
            made.insert(address, id);
        }
        let plan = rig::plan(&session, &spec).await;
        for address in adopted(cloud) {
            let change = plan.changes.iter().find(|change| change.address.to_string() == *address).unwrap();
            assert!(matches!(change.action, Action::NoOp | Action::Update), "{}: {change:#?}", cloud.name);
            // What the VPC was going to change stays, what later adoptions have answered goes.
            assert!(change.changed.is_subset(&shown[address]), "{}: {change:#?}", cloud.name);
        }
        let (_, state) = rig.converge(&spec).await;
        for (address, id) in &made {
            let record = &state.resources[&address.parse::<Address>().unwrap()];
            assert!(id.to_lowercase().ends_with(&record.id.to_lowercase()), "{address}: {id} became {}", record.id);
        }
        let plan = rig::plan(&rig.session(), &spec).await;
        let rest: Vec<_> = plan.effective().collect();
        assert!(rest.is_empty(), "{}: {rest:#?}", cloud.name);
        rig.destroy(&name).await;
        assert_eq!(rig.sandbox.inventory(cloud.name), before, "{}", cloud.name);
    }
}

/// Why a resource is not adopted.
async fn refusal(session: &Session, spec: &str, address: &str, id: &str) -> String {
    let cluster = rig::cluster(session, spec);
    let refused = session.plan_adoption(&cluster, &address.parse().unwrap(), Some(id)).await;
    format!("{:#}", refused.unwrap_err())
}

/// A network and a group in it, made by hand. Gives their ids.
async fn by_hand(aws: &Aws, cidr: &str) -> (String, String) {
    let vpc = aws.ec2.create_vpc().cidr_block(cidr).send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    let group = aws.ec2.create_security_group().vpc_id(&vpc).group_name("by hand").description("x");
    (vpc, group.send().await.unwrap().group_id.unwrap())
}

#[tokio::test]
async fn what_can_t_be_adopted_is_refused_in_clear_words() {
    let cloud = TestCloud::named("aws");
    let rig = Rig::start("adoption", Config::default()).await;
    let (session, spec, aws) = (rig.session(), cloud.example(), rig.aws_client().await);
    let (vpc, group) = by_hand(&aws, "10.40.0.0/16").await;
    let (elsewhere, _) = by_hand(&aws, "10.99.0.0/16").await;
    let arn = "arn:aws:elasticloadbalancing:eu-west-2:000000000000:loadbalancer/net/x/0123456789abcdef";
    for (address, id, part) in [
        ("aws_vpc.main", "vpc-00000000000000000", "there is no vpc-00000000000000000 in eu-west-1"),
        ("aws_vpc.main", group.as_str(), "is the id of another kind of resource (aws_security_group)"),
        ("aws_vpc.main", "network", "they look like `vpc-*`"),
        ("aws_lb.api", arn, "is in the region eu-west-2, the cluster in eu-west-1"),
        ("aws_vpc.mian", vpc.as_str(), "the spec does not ask for aws_vpc.mian"),
        ("aws_security_group_rules.workers", group.as_str(), "it comes along with its security group"),
        (
            "aws_vpc.main",
            elsewhere.as_str(),
            "would be replaced by the next apply, so that nothing of it would stay: cidr",
        ),
        ("aws_security_group.workers", group.as_str(), "name, vpc can't change in place"),
    ] {
        let told = refusal(&session, &spec, address, id).await;
        assert!(told.contains(part), "{address} {id}: {told}");
    }
    adopt(&session, &spec, "aws_vpc.main", &vpc).await;
    let told = refusal(&session, &spec, "aws_vpc.main", &elsewhere).await;
    assert!(told.contains(&format!("aws_vpc.main is under management already, as {vpc}")), "{told}");
    let told = refusal(&session, &spec, "aws_vpc.main", &vpc).await;
    assert!(told.contains("is under management already, as aws_vpc.main"), "{told}");

    let other = spec.replace("name: prod-eu", "name: other");
    rig.converge(&spec).await;
    let told = refusal(&session, &other, "aws_vpc.main", &vpc).await;
    assert!(told.contains("bears the marks of the cluster prod-eu"), "{told}");
}

/// What was made by hand in a way that the spec does not want, and what is told of it; ids that are refused, with the reason.
struct Refused {
    wrong: &'static str,
    why: &'static str,
    ids: Vec<(&'static str, String, String)>,
}

async fn refused_on_gcp(rest: &Rest, fields: &Fields, main: &str) -> Refused {
    let networks = format!("/compute/v1/{PROJECT}/global/networks");
    let network = json!({ "name": "elsewhere", "autoCreateSubnetworks": false });
    rest.make(Method::POST, &networks, &network).await.unwrap();
    let body = json!({
        "name": text(fields, "name"),
        "ipCidrRange": text(fields, "cidr"),
        "network": format!("{PROJECT}/global/networks/elsewhere"),
    });
    let subnet = format!("{PROJECT}/regions/europe-west1/subnetworks");
    rest.make(Method::POST, &format!("/compute/v1/{subnet}"), &body).await.unwrap();
    let (network, subnetwork) = ("google_compute_network.main", "google_compute_subnetwork.private");
    let refused = |address, id: &str, part: &str| (address, id.to_owned(), part.to_owned());
    Refused {
        wrong: subnetwork,
        why: "would be replaced by the next apply, so that nothing of it would stay: network",
        ids: vec![
            refused(network, &format!("{PROJECT}/global/networks/elsewhere"), "`name` has to be "),
            refused(network, &subnet.replace("networks", "networks/x"), "is the id of another kind of resource"),
            refused(network, "elsewhere", "they look like `projects/{account}/global/networks/*`"),
            refused(network, "projects/theirs/global/networks/x", "is in the account theirs, the cluster in"),
            refused(subnetwork, &format!("{}/x", subnet.replace("west1", "west3")), "is in the region europe-west3"),
            refused("google_compute_network.mian", main, "the spec does not ask for google_compute_network.mian"),
            refused("google_cluster_secret.x", main, "the spec does not ask for google_cluster_secret.x"),
        ],
    }
}

async fn refused_on_azure(rest: &Rest, fields: &Fields, main: &str) -> Refused {
    let network = format!("{main}/providers/Microsoft.Network");
    let address = format!("{network}/publicIPAddresses/{}", text(fields, "name"));
    let body = json!({
        "location": "westeurope",
        "sku": { "name": "Standard", "tier": "Regional" },
        "zones": ["1"],
        "properties": { "publicIPAllocationMethod": "Static", "publicIPAddressVersion": "IPv4" },
    });
    rest.make(Method::PUT, &format!("{address}?api-version=2024-03-01"), &body).await.unwrap();
    let public = "azure_public_ip.api";
    let refused = |address, id: &str, part: &str| (address, id.to_owned(), part.to_owned());
    Refused {
        wrong: public,
        why: "would be replaced by the next apply, so that nothing of it would stay: zones",
        ids: vec![
            refused(public, &format!("{network}/publicIPAddresses/elsewhere"), "`name` has to be "),
            refused(public, &format!("{network}/natGateways/x"), "another kind of resource (azure_nat_gateway)"),
            refused(public, "elsewhere", "they look like `/subscriptions/{account}/resourceGroups/*/providers/"),
            refused(public, &address.replace("0001", "0002"), "is in the account 00000000-0000-0000-0000-000000000002"),
            refused("azure_public_ip.ipa", &address, "the spec does not ask for azure_public_ip.ipa"),
        ],
    }
}

#[tokio::test]
async fn the_same_is_refused_where_a_name_is_an_id() {
    for cloud in ["gcp", "azure"].map(TestCloud::named) {
        let rig = Rig::start("adoption", Config::default()).await;
        let (session, spec) = (rig.session(), cloud.example());
        let rest = Rest::at(&cloud.connection(&rig.sandbox)).unwrap();
        let plan = rig::plan(&session, &spec).await;
        let first = adopted(cloud)[0];
        let main = make(&rig, cloud, first, &wanted(&plan, first), &BTreeMap::new()).await;
        let refused = if cloud.name == "gcp" {
            refused_on_gcp(&rest, &wanted(&plan, "google_compute_subnetwork.private"), &main).await
        } else {
            refused_on_azure(&rest, &wanted(&plan, "azure_public_ip.api"), &main).await
        };
        for (address, id, part) in &refused.ids {
            let told = refusal(&session, &spec, address, id).await;
            assert!(told.contains(part), "{address} {id}: {told}");
        }
        adopt(&session, &spec, first, &main).await;
        let told = refusal(&session, &spec, first, &main).await;
        assert!(told.contains(&format!("{main} is under management already, as {first}")), "{told}");
        let called = text(&wanted(&plan, refused.wrong), "name").to_owned();
        let ids = rig.sandbox.inventory(cloud.name).into_values().flatten().collect::<Vec<_>>();
        let wrong = ids.iter().find(|id| id.ends_with(&called)).unwrap_or_else(|| panic!("no {called} in {ids:?}"));
        let told = refusal(&session, &spec, refused.wrong, wrong).await;
        assert!(told.contains(refused.why), "{wrong}: {told}");

        let rig = Rig::start("adoption", Config::default()).await;
        let (_, state) = rig.converge(&spec).await;
        let other = spec.replace("name: prod-eu", "name: other");
        let theirs = &state.resources[&first.parse::<Address>().unwrap()].id;
        let told = refusal(&rig.session(), &other, first, theirs).await;
        assert!(told.contains("`name` has to be "), "{told}");
    }
}

#[test]
fn the_command_tells_the_addresses_that_may_be_meant() {
    let dir = tempfile::tempdir().unwrap();
    let adopt = |address| {
        let words =
            ["state", "adopt", "-f", "examples/aws.yaml", "--sandbox", address, "vpc-0a1b2c3d4e5f60718", "--yes"];
        String::from_utf8(expect(meridian(dir.path()).args(words), 3).stderr).unwrap()
    };
    assert!(adopt("aws_vpc.mian").contains("of this kind it asks for aws_vpc.main"));
    assert!(adopt("aws_vpcs.main").contains("did you mean `aws_vpc.main`?"));
}

#[tokio::test]
async fn one_of_ours_is_not_removed_for_one_that_is_adopted() {
    let cloud = TestCloud::named("aws");
    let rig = Rig::start("adoption", Config::default()).await;
    let (spec, aws) = (cloud.example(), rig.aws_client().await);
    let (_, state) = rig.converge(&spec).await;
    let address: Address = "aws_eip.nat-eu-west-1a".parse().unwrap();
    let ours = state.resources[&address].id.clone();
    let allocated = aws.ec2.allocate_address().domain(DomainType::Vpc).send().await.unwrap();
    let theirs = allocated.allocation_id.unwrap();
    let told = refusal(&rig.session(), &spec, "aws_eip.nat-eu-west-1a", &theirs).await;
    assert!(told.contains(&format!("is under management already, as {ours}")), "{told}");
    // The same without the record: the marks tell it.
    let rig = rig.with_another_state();
    let told = refusal(&rig.session(), &spec, "aws_eip.nat-eu-west-1a", &theirs).await;
    assert!(told.contains(&format!("{ours} bears the marks of prod-eu")), "{told}");
}

#[tokio::test]
async fn marks_that_someone_took_off_are_put_back() {
    let cloud = TestCloud::named("aws");
    let rig = Rig::start("adoption", Config::default()).await;
    let (spec, aws) = (cloud.example(), rig.aws_client().await);
    let (_, state) = rig.converge(&spec).await;
    let id = &state.resources[&"aws_vpc.main".parse::<Address>().unwrap()].id;
    let mark = Tag::builder().key("meridian:cluster").build();
    aws.ec2.delete_tags().resources(id).tags(mark).send().await.unwrap();
    let (plan, _) = rig.converge(&spec).await;
    let changed: Vec<String> = plan.effective().map(|change| change.address.to_string()).collect();
    assert_eq!(changed, ["aws_vpc.main"]);
    assert!(rig::plan(&rig.session(), &spec).await.is_empty());
}

#[tokio::test]
async fn a_state_that_changed_in_between_is_not_written_over() {
    let cloud = TestCloud::named("aws");
    let rig = Rig::start("adoption", Config::default()).await;
    let (session, spec) = (rig.session(), cloud.example());
    let (vpc, _) = by_hand(&rig.aws_client().await, "10.40.0.0/16").await;
    let cluster = rig::cluster(&session, &spec);
    let adoption = session.plan_adoption(&cluster, &"aws_vpc.main".parse().unwrap(), Some(&vpc)).await.unwrap();
    adopt(&rig.session(), &spec, "aws_vpc.main", &vpc).await;
    let lease = session.lease(&cluster.name, &|_| ()).await.unwrap();
    let told = format!("{:?}", session.adopt(&lease, &cluster, adoption).await.unwrap_err());
    assert!(told.contains("changed in the meantime"), "{told}");
    lease.release().await.unwrap();
}
