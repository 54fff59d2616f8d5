//! Compute Engine over real HTTP.

mod groups;
mod operations;

use serde_json::{Value, json};

use crate::gcp::testing::{Answer, begin, done, end, get, ok, sandbox, send};
use crate::{Config, Pace, Sandbox};

const REGION: &str = "regions/europe-west1";
const ZONE: &str = "zones/europe-west1-b";
const IMAGE: &str = "projects/ubuntu-os-cloud/global/images/family/ubuntu-2404-lts-amd64";

fn network(name: &str) -> Value {
    json!({ "name": name, "autoCreateSubnetworks": false })
}

fn subnetwork(name: &str, range: &str) -> Value {
    json!({
        "name": name,
        "network": "global/networks/main",
        "ipCidrRange": range,
        "secondaryIpRanges": [],
    })
}

fn instance(name: &str) -> Value {
    json!({
        "name": name,
        "machineType": format!("{ZONE}/machineTypes/n2-standard-2"),
        "disks": [{ "boot": true, "autoDelete": true, "initializeParams": { "sourceImage": IMAGE } }],
        "networkInterfaces": [{ "subnetwork": format!("{REGION}/subnetworks/private") }],
    })
}

/// A network with a subnetwork.
async fn ground(sandbox: &Sandbox) {
    ok(sandbox, "POST", "global/networks", network("main")).await;
    ok(sandbox, "POST", &format!("{REGION}/subnetworks"), subnetwork("private", "10.0.0.0/24")).await;
}

fn expect(answer: &Answer, status: u16, reason: &str) {
    assert_eq!((answer.status, answer.reason()), (status, reason), "{}", answer.body);
}

#[tokio::test]
async fn a_network_is_made_shown_and_removed() {
    let sandbox = sandbox().await;
    ground(&sandbox).await;
    let shown = get(&sandbox, "global/networks/main").await.body;
    assert_eq!(shown["kind"], "compute#network");
    assert_eq!(shown["routingConfig"]["routingMode"], "REGIONAL");
    assert!(shown["subnetworks"][0].as_str().unwrap().ends_with("/regions/europe-west1/subnetworks/private"));
    let again = begin(&sandbox, "POST", "global/networks", network("main")).await;
    expect(&again, 409, "alreadyExists");
    let used = end(&sandbox, "DELETE", "global/networks/main", Value::Null).await;
    assert_eq!(used["error"]["errors"][0]["code"], "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE");
    assert_eq!(used["httpErrorStatusCode"], 400);
    ok(&sandbox, "DELETE", &format!("{REGION}/subnetworks/private"), Value::Null).await;
    ok(&sandbox, "DELETE", "global/networks/main", Value::Null).await;
    expect(&get(&sandbox, "global/networks/main").await, 404, "notFound");
    assert!(sandbox.inventory("gcp").is_empty());
}

#[tokio::test]
async fn requests_are_read_strictly() {
    let sandbox = sandbox().await;
    ground(&sandbox).await;
    let subnetworks = format!("{REGION}/subnetworks");
    for (method, path, body, status, reason) in [
        ("POST", "global/networks", json!({ "name": "n", "autoCreate": false }), 400, "badRequest"),
        ("POST", "global/networks", json!({ "name": "N", "autoCreateSubnetworks": false }), 400, "invalid"),
        ("POST", "global/networks?dryRun=true", network("n"), 400, "badRequest"),
        ("POST", "global/networks?requestId=7", network("n"), 400, "invalid"),
        ("POST", "global/gadgets", json!({}), 404, "notFound"),
        ("POST", "regions/mars-north1/subnetworks", subnetwork("s", "10.1.0.0/24"), 400, "invalid"),
        ("POST", &subnetworks, subnetwork("s", "10.0.0.128/25"), 400, "invalid"),
        ("POST", &subnetworks, subnetwork("s", "10.1.0.1/24"), 400, "invalid"),
        ("POST", &subnetworks, json!({ "name": "s", "network": "global/networks/main" }), 400, "required"),
        (
            "POST",
            &subnetworks,
            json!({ "name": "s", "network": "global/networks/gone", "ipCidrRange": "10.1.0.0/24" }),
            404,
            "notFound",
        ),
    ] {
        expect(&begin(&sandbox, method, path, body.clone()).await, status, reason);
    }
    expect(&get(&sandbox, "global/networks?filter=colour%20eq%20red").await, 400, "invalid");
}

#[tokio::test]
async fn a_change_needs_the_fingerprint() {
    let sandbox = sandbox().await;
    ground(&sandbox).await;
    let path = format!("{REGION}/subnetworks/private");
    let change = |fingerprint: &Value| json!({ "privateIpGoogleAccess": true, "fingerprint": fingerprint });
    expect(&begin(&sandbox, "PATCH", &path, change(&json!("AAAAAAAAAAA="))).await, 412, "conditionNotMet");
    let fingerprint = get(&sandbox, &path).await.body["fingerprint"].clone();
    ok(&sandbox, "PATCH", &path, change(&fingerprint)).await;
    assert_eq!(get(&sandbox, &path).await.body["privateIpGoogleAccess"], true);
    expect(&begin(&sandbox, "PATCH", &path, change(&fingerprint)).await, 412, "conditionNotMet");
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let config = Config { pace: Pace::instant(), page_limit: Some(2), ..Config::default() };
    let sandbox = Sandbox::start(config).await.unwrap();
    ground(&sandbox).await;
    for index in 1..5 {
        let subnetwork = subnetwork(&format!("extra-{index}"), &format!("10.0.{index}.0/24"));
        ok(&sandbox, "POST", &format!("{REGION}/subnetworks"), subnetwork).await;
    }
    let mut names = Vec::new();
    let mut token = String::new();
    loop {
        let path = format!("aggregated/subnetworks?filter=name%20eq%20%22extra-.*%22{token}");
        let page = get(&sandbox, &path).await.body;
        assert_eq!(page["kind"], "compute#subnetworkAggregatedList");
        assert_eq!(page["items"]["global"]["warning"]["code"], "NO_RESULTS_ON_PAGE");
        let here = page["items"][REGION]["subnetworks"].as_array().unwrap();
        names.extend(here.iter().map(|one| one["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextPageToken"].as_str() else { break };
        token = format!("&pageToken={next}");
    }
    assert_eq!(names, ["extra-1", "extra-2", "extra-3", "extra-4"]);
}

#[tokio::test]
async fn an_instance_holds_its_disk_and_its_address() {
    let sandbox = sandbox().await;
    ground(&sandbox).await;
    let subnet = format!("{REGION}/subnetworks/private");
    let reserve = json!({
        "name": "cp-0", "addressType": "INTERNAL", "subnetwork": subnet, "address": "10.0.0.10",
        "labels": { "team": "x" },
    });
    ok(&sandbox, "POST", &format!("{REGION}/addresses"), reserve).await;
    ok(&sandbox, "POST", &format!("{ZONE}/disks"), json!({ "name": "cp-0", "sizeGb": "20" })).await;
    let mut body = instance("cp-0-machine");
    body["networkInterfaces"][0]["networkIP"] = json!("10.0.0.10");
    body["disks"].as_array_mut().unwrap().push(json!({ "source": format!("{ZONE}/disks/cp-0"), "deviceName": "etcd" }));
    let operation = begin(&sandbox, "POST", &format!("{ZONE}/instances"), body.clone()).await.body;
    done(&sandbox, &operation).await;
    let shown = get(&sandbox, &format!("{ZONE}/instances/cp-0-machine")).await.body;
    assert_eq!(
        (&shown["status"], &shown["networkInterfaces"][0]["networkIP"]),
        (&json!("RUNNING"), &json!("10.0.0.10"))
    );
    let address = get(&sandbox, &format!("{REGION}/addresses/cp-0")).await.body;
    assert_eq!((&address["status"], address["users"].as_array().unwrap().len()), (&json!("IN_USE"), 1));
    let newest = get(&sandbox, &format!("{ZONE}/disks/cp-0-machine")).await.body["sourceImage"].clone();
    assert!(newest.as_str().unwrap().ends_with("ubuntu-2404-noble-amd64-v20261022"));
    for path in [format!("{REGION}/addresses/cp-0"), format!("{ZONE}/disks/cp-0")] {
        let answer = begin(&sandbox, "DELETE", &path, Value::Null).await;
        expect(&answer, 400, "resourceInUseByAnotherResource");
    }
    body["name"] = json!("thief");
    body["disks"].as_array_mut().unwrap().pop();
    let failed = end(&sandbox, "POST", &format!("{ZONE}/instances"), body).await;
    assert_eq!(failed["error"]["errors"][0]["code"], "IP_IN_USE_BY_ANOTHER_RESOURCE");
    expect(&get(&sandbox, &format!("{ZONE}/instances/thief")).await, 404, "notFound");
    ok(&sandbox, "DELETE", &format!("{ZONE}/instances/cp-0-machine"), Value::Null).await;
    expect(&get(&sandbox, &format!("{ZONE}/disks/cp-0-machine")).await, 404, "notFound");
    let address = get(&sandbox, &format!("{REGION}/addresses/cp-0")).await.body;
    assert_eq!(address["status"], "RESERVED");
    ok(&sandbox, "DELETE", &format!("{ZONE}/disks/cp-0"), Value::Null).await;
    ok(&sandbox, "DELETE", &format!("{REGION}/addresses/cp-0"), Value::Null).await;
}

#[tokio::test]
async fn what_can_be_done_with_an_instance() {
    let sandbox = sandbox().await;
    ground(&sandbox).await;
    ok(&sandbox, "POST", &format!("{ZONE}/instances"), instance("a")).await;
    ok(&sandbox, "POST", &format!("{ZONE}/disks"), json!({ "name": "data", "sizeGb": 20 })).await;
    let path = format!("{ZONE}/instances/a");
    let to = |action: &str| format!("{path}/{action}");
    let attach = json!({ "source": format!("{ZONE}/disks/data"), "deviceName": "data" });
    ok(&sandbox, "POST", &to("attachDisk"), attach.clone()).await;
    expect(&begin(&sandbox, "POST", &to("attachDisk"), attach).await, 400, "resourceInUseByAnotherResource");
    ok(&sandbox, "POST", &to("detachDisk?deviceName=data"), Value::Null).await;
    let kind = json!({ "machineType": format!("{ZONE}/machineTypes/n2-standard-4") });
    expect(&begin(&sandbox, "POST", &to("setMachineType"), kind.clone()).await, 400, "resourceNotReady");
    ok(&sandbox, "POST", &to("stop"), Value::Null).await;
    ok(&sandbox, "POST", &to("setMachineType"), kind).await;
    ok(&sandbox, "POST", &to("start"), Value::Null).await;
    let shown = get(&sandbox, &path).await.body;
    assert!(shown["machineType"].as_str().unwrap().ends_with("/n2-standard-4"));
    let metadata = json!({ "items": [{ "key": "user-data", "value": "x" }] });
    expect(&begin(&sandbox, "POST", &to("setMetadata"), metadata.clone()).await, 412, "conditionNotMet");
    let mut right = metadata;
    right["fingerprint"] = shown["metadata"]["fingerprint"].clone();
    ok(&sandbox, "POST", &to("setMetadata"), right).await;
    let labels = json!({ "labels": { "a": "b" }, "labelFingerprint": shown["labelFingerprint"] });
    ok(&sandbox, "POST", &to("setLabels"), labels).await;
    let access = json!({ "name": "External NAT", "type": "ONE_TO_ONE_NAT" });
    ok(&sandbox, "POST", &to("addAccessConfig?networkInterface=nic0"), access).await;
    let delete = to("deleteAccessConfig?networkInterface=nic0&accessConfig=External%20NAT");
    ok(&sandbox, "POST", &delete, Value::Null).await;
    ok(&sandbox, "POST", &to("setDeletionProtection?deletionProtection=true"), Value::Null).await;
    expect(&begin(&sandbox, "DELETE", &path, Value::Null).await, 400, "invalidResourceUsage");
    ok(&sandbox, "POST", &to("setDeletionProtection?deletionProtection=false"), Value::Null).await;
    ok(&sandbox, "DELETE", &path, Value::Null).await;
}

#[tokio::test]
async fn a_load_balancer_stands_on_its_parts() {
    let sandbox = sandbox().await;
    ground(&sandbox).await;
    ok(&sandbox, "POST", &format!("{ZONE}/instances"), instance("a")).await;
    ok(&sandbox, "POST", &format!("{ZONE}/instanceGroups"), json!({ "name": "cp" })).await;
    let members = json!({ "instances": [{ "instance": format!("{ZONE}/instances/a") }] });
    ok(&sandbox, "POST", &format!("{ZONE}/instanceGroups/cp/addInstances"), members.clone()).await;
    let twice = begin(&sandbox, "POST", &format!("{ZONE}/instanceGroups/cp/addInstances"), members).await;
    expect(&twice, 400, "memberAlreadyExists");
    let check =
        json!({ "name": "api", "type": "HTTPS", "httpsHealthCheck": { "port": 6443, "requestPath": "/readyz" } });
    ok(&sandbox, "POST", &format!("{REGION}/healthChecks"), check).await;
    let service = json!({
        "name": "api", "loadBalancingScheme": "EXTERNAL", "protocol": "TCP",
        "healthChecks": [format!("{REGION}/healthChecks/api")],
        "backends": [{ "group": format!("{ZONE}/instanceGroups/cp") }],
    });
    ok(&sandbox, "POST", &format!("{REGION}/backendServices"), service).await;
    ok(&sandbox, "POST", &format!("{REGION}/addresses"), json!({ "name": "api" })).await;
    let address = get(&sandbox, &format!("{REGION}/addresses/api")).await.body["address"].clone();
    let rule = json!({
        "name": "api", "loadBalancingScheme": "EXTERNAL", "IPAddress": address, "IPProtocol": "TCP",
        "ports": ["6443"], "backendService": format!("{REGION}/backendServices/api"),
    });
    ok(&sandbox, "POST", &format!("{REGION}/forwardingRules"), rule).await;
    let shown = get(&sandbox, &format!("{REGION}/forwardingRules/api")).await.body;
    assert_eq!((&shown["IPAddress"], &shown["portRange"]), (&address, &json!("6443-6443")));
    let group = json!({ "group": format!("{ZONE}/instanceGroups/cp") });
    let health = begin(&sandbox, "POST", &format!("{REGION}/backendServices/api/getHealth"), group).await.body;
    assert_eq!(health["healthStatus"][0]["healthState"], "HEALTHY");
    for used in [
        format!("{REGION}/backendServices/api"),
        format!("{REGION}/healthChecks/api"),
        format!("{ZONE}/instanceGroups/cp"),
        format!("{REGION}/addresses/api"),
    ] {
        expect(&begin(&sandbox, "DELETE", &used, Value::Null).await, 400, "resourceInUseByAnotherResource");
    }
    ok(&sandbox, "DELETE", &format!("{ZONE}/instances/a"), Value::Null).await;
    assert_eq!(get(&sandbox, &format!("{ZONE}/instanceGroups/cp")).await.body["size"], 0);
}

#[tokio::test]
async fn nat_and_firewall_rules_are_checked() {
    let sandbox = sandbox().await;
    ground(&sandbox).await;
    ok(&sandbox, "POST", &format!("{REGION}/addresses"), json!({ "name": "nat-0" })).await;
    let router = |option: &str| {
        json!({
            "name": "main", "network": "global/networks/main",
            "nats": [{
                "name": "main", "natIpAllocateOption": option, "natIps": [format!("{REGION}/addresses/nat-0")],
                "sourceSubnetworkIpRangesToNat": "LIST_OF_SUBNETWORKS",
                "subnetworks": [{
                    "name": format!("{REGION}/subnetworks/private"), "sourceIpRangesToNat": ["ALL_IP_RANGES"],
                }],
            }],
        })
    };
    let routers = format!("{REGION}/routers");
    expect(&begin(&sandbox, "POST", &routers, router("AUTO_ONLY")).await, 400, "invalid");
    ok(&sandbox, "POST", &routers, router("MANUAL_ONLY")).await;
    let used = begin(&sandbox, "DELETE", &format!("{REGION}/addresses/nat-0"), Value::Null).await;
    expect(&used, 400, "resourceInUseByAnotherResource");
    let rule = |more: Value| {
        let mut rule = json!({ "name": "api", "network": "global/networks/main", "allowed": [{ "IPProtocol": "tcp", "ports": ["6443"] }] });
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    };
    for wrong in [
        json!({ "denied": [{ "IPProtocol": "tcp" }] }),
        json!({ "sourceRanges": ["10.0.0.1/8"] }),
        json!({ "sourceTags": ["a"], "targetServiceAccounts": ["a@b"] }),
        json!({ "allowed": [{ "IPProtocol": "icmp", "ports": ["1"] }] }),
        json!({ "priority": 70_000 }),
    ] {
        expect(&begin(&sandbox, "POST", "global/firewalls", rule(wrong)).await, 400, "invalid");
    }
    ok(&sandbox, "POST", "global/firewalls", rule(json!({ "sourceServiceAccounts": ["a@b.iam.gserviceaccount.com"] })))
        .await;
    ok(&sandbox, "PATCH", "global/firewalls/api", json!({ "description": "why" })).await;
    let shown = get(&sandbox, "global/firewalls/api").await.body;
    assert_eq!((&shown["direction"], &shown["description"]), (&json!("INGRESS"), &json!("why")));
}

#[tokio::test]
async fn the_world_outlives_the_process() {
    let dir = std::env::temp_dir().join(format!("meridian-sandbox-gcp-{}", crate::ids::IdSource::new().hex(12)));
    let config = || Config { dir: Some(dir.clone()), ..Config::default() };
    let first = Sandbox::start(config()).await.unwrap();
    ok(&first, "POST", "global/networks", network("main")).await;
    let open = begin(&first, "POST", &format!("{REGION}/subnetworks"), subnetwork("private", "10.0.0.0/24")).await.body;
    first.shutdown().await;
    let second = Sandbox::start(config()).await.unwrap();
    done(&second, &open).await;
    assert_eq!(get(&second, "global/networks/main").await.status, 200);
    second.shutdown().await;
    std::fs::remove_dir_all(dir).unwrap();
}

#[tokio::test]
async fn what_google_has_can_be_read() {
    let sandbox = sandbox().await;
    assert_eq!(get(&sandbox, "").await.body["name"], "meridian-sandbox");
    assert_eq!(get(&sandbox, REGION).await.body["zones"].as_array().unwrap().len(), 3);
    expect(&get(&sandbox, "regions/mars-north1").await, 404, "notFound");
    expect(&get(&sandbox, "zones/europe-west1-a").await, 404, "notFound");
    let kind = get(&sandbox, &format!("{ZONE}/machineTypes/c4a-standard-4")).await.body;
    assert_eq!(
        (&kind["guestCpus"], &kind["memoryMb"], &kind["architecture"]),
        (&json!(4), &json!(16_384), &json!("ARM64"))
    );
    ground(&sandbox).await;
    let routes = get(&sandbox, "global/routes").await.body;
    assert_eq!(routes["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_internal_load_balancer_has_an_address_of_the_subnetwork() {
    let sandbox = sandbox().await;
    ground(&sandbox).await;
    let subnet = format!("{REGION}/subnetworks/private");
    let check = json!({ "name": "api", "type": "TCP", "tcpHealthCheck": { "port": 6443 } });
    ok(&sandbox, "POST", &format!("{REGION}/healthChecks"), check).await;
    let service = json!({
        "name": "api", "loadBalancingScheme": "INTERNAL", "healthChecks": [format!("{REGION}/healthChecks/api")],
    });
    ok(&sandbox, "POST", &format!("{REGION}/backendServices"), service).await;
    let address = json!({ "name": "api", "addressType": "INTERNAL", "subnetwork": subnet });
    ok(&sandbox, "POST", &format!("{REGION}/addresses"), address).await;
    let address = get(&sandbox, &format!("{REGION}/addresses/api")).await.body["address"].clone();
    let rule = json!({
        "name": "api", "loadBalancingScheme": "INTERNAL", "IPAddress": address, "ports": ["6443"],
        "subnetwork": subnet, "backendService": format!("{REGION}/backendServices/api"),
    });
    ok(&sandbox, "POST", &format!("{REGION}/forwardingRules"), rule).await;
    let path = format!("{REGION}/forwardingRules/api");
    let shown = get(&sandbox, &path).await.body;
    assert_eq!(shown["allowGlobalAccess"], false);
    assert!(shown["network"].as_str().unwrap().ends_with("/global/networks/main"));
    let change = json!({ "allowGlobalAccess": true, "fingerprint": shown["fingerprint"] });
    ok(&sandbox, "PATCH", &path, change).await;
    let shown = get(&sandbox, &path).await.body;
    assert_eq!(shown["allowGlobalAccess"], true);
    let wrong = json!({ "ports": ["443"], "fingerprint": shown["fingerprint"] });
    expect(&begin(&sandbox, "PATCH", &path, wrong).await, 400, "invalid");
}

#[tokio::test]
async fn a_machine_cannot_be_nobody() {
    let sandbox = sandbox().await;
    ground(&sandbox).await;
    let email = "workers@meridian-sandbox.iam.gserviceaccount.com";
    let mut body = instance("a");
    body["serviceAccounts"] = json!([{ "email": email, "scopes": ["https://www.googleapis.com/auth/cloud-platform"] }]);
    let failed = end(&sandbox, "POST", &format!("{ZONE}/instances"), body.clone()).await;
    assert_eq!(failed["error"]["errors"][0]["code"], "EXTERNAL_RESOURCE_NOT_FOUND");
    let account = json!({ "accountId": "workers", "serviceAccount": {} }).to_string();
    let made = send(&sandbox, "POST", "/v1/projects/meridian-sandbox/serviceAccounts", &account).await;
    assert_eq!(made.status, 200, "{}", made.body);
    ok(&sandbox, "POST", &format!("{ZONE}/instances"), body).await;
}
