//! Managed groups: what they make, keep and let go.

use serde_json::{Value, json};

use super::{IMAGE, REGION, expect, ground};
use crate::gcp::testing::{begin, get, ok, sandbox};
use crate::{Config, Effect, Fault, Sandbox};

fn template(name: &str, kind: &str) -> Value {
    json!({
        "name": name,
        "properties": {
            "machineType": kind,
            "disks": [{ "boot": true, "autoDelete": true, "initializeParams": { "sourceImage": IMAGE, "diskType": "pd-balanced" } }],
            "networkInterfaces": [{ "subnetwork": "projects/meridian-sandbox/regions/europe-west1/subnetworks/private" }],
        },
    })
}

async fn stable(sandbox: &Sandbox, path: &str) -> Value {
    for _ in 0..300 {
        let group = get(sandbox, path).await.body;
        if group["status"]["isStable"] == true {
            return group;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("the group does not come to rest");
}

async fn machines(sandbox: &Sandbox) -> Vec<Value> {
    let page = get(sandbox, "aggregated/instances").await.body;
    let zones = page["items"].as_object().unwrap().values();
    zones.filter_map(|zone| zone["instances"].as_array()).flatten().cloned().collect()
}

#[tokio::test]
async fn a_group_keeps_its_instances() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    ground(&sandbox).await;
    for (name, kind) in [("t1", "n2-standard-2"), ("t2", "n2-standard-4")] {
        ok(&sandbox, "POST", "global/instanceTemplates", template(name, kind)).await;
    }
    sandbox.faults().add(Fault::new(Effect::Capacity).on("instances.insert").times(1));
    let managers = format!("{REGION}/instanceGroupManagers");
    let path = format!("{managers}/pool");
    let manager = json!({
        "name": "pool", "baseInstanceName": "pool", "targetSize": 4,
        "instanceTemplate": "global/instanceTemplates/t1",
        "updatePolicy": {
            "type": "PROACTIVE", "minimalAction": "REPLACE", "maxSurge": { "fixed": 3 }, "maxUnavailable": { "fixed": 0 },
        },
    });
    ok(&sandbox, "POST", &managers, manager).await;
    let group = stable(&sandbox, &path).await;
    assert_eq!(group["currentActions"]["none"], 4);
    let errors = get(&sandbox, &format!("{path}/listErrors")).await.body;
    assert_eq!(errors["items"][0]["error"]["code"], "ZONE_RESOURCE_POOL_EXHAUSTED");
    let all = machines(&sandbox).await;
    let zones: std::collections::BTreeSet<&str> = all.iter().filter_map(|one| one["zone"].as_str()).collect();
    assert_eq!((all.len(), zones.len()), (4, 3));
    let used = begin(&sandbox, "DELETE", "global/instanceTemplates/t1", Value::Null).await;
    expect(&used, 400, "resourceInUseByAnotherResource");

    let change = json!({ "instanceTemplate": "global/instanceTemplates/t2", "fingerprint": group["fingerprint"] });
    ok(&sandbox, "PATCH", &path, change).await;
    let group = stable(&sandbox, &path).await;
    assert_eq!(group["status"]["versionTarget"]["isReached"], true);
    let all = machines(&sandbox).await;
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|one| one["machineType"].as_str().unwrap().ends_with("n2-standard-4")));

    ok(&sandbox, "POST", &format!("{path}/resize?size=2"), Value::Null).await;
    stable(&sandbox, &path).await;
    let listed = begin(&sandbox, "POST", &format!("{path}/listManagedInstances"), Value::Null).await.body;
    assert_eq!(listed["managedInstances"].as_array().unwrap().len(), 2);
    ok(&sandbox, "DELETE", &path, Value::Null).await;
    assert_eq!(
        sandbox.inventory("gcp").keys().collect::<Vec<_>>(),
        ["compute/instanceTemplate", "compute/network", "compute/subnetwork"]
    );
}

#[tokio::test]
async fn a_group_is_held_to_the_rules_of_regional_ones() {
    let sandbox = sandbox().await;
    ground(&sandbox).await;
    ok(&sandbox, "POST", "global/instanceTemplates", template("t1", "n2-standard-2")).await;
    let wrong = |more: Value| {
        let mut manager = json!({ "name": "pool", "targetSize": 3, "instanceTemplate": "global/instanceTemplates/t1" });
        manager.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        manager
    };
    let selection = json!({ "instanceSelections": { "a": { "machineTypes": ["n2-standard-4"] } } });
    for more in [
        json!({ "updatePolicy": { "maxSurge": { "fixed": 1 } } }),
        json!({ "updatePolicy": { "maxSurge": { "percent": 50 } } }),
        json!({ "updatePolicy": { "maxSurge": { "fixed": 0 }, "maxUnavailable": { "fixed": 0 } } }),
        json!({ "updatePolicy": { "replacementMethod": "RECREATE", "maxSurge": { "fixed": 3 } } }),
        json!({ "distributionPolicy": { "zones": [{ "zone": "zones/us-east1-b" }] } }),
        json!({ "instanceFlexibilityPolicy": selection }),
        json!({ "versions": [{ "instanceTemplate": "global/instanceTemplates/t1" }, {}] }),
    ] {
        let answer = begin(&sandbox, "POST", &format!("{REGION}/instanceGroupManagers"), wrong(more)).await;
        expect(&answer, 400, "invalid");
    }
    for (more, status, reason) in [
        (json!({ "instanceTemplate": "global/instanceTemplates/t2" }), 404, "notFound"),
        (json!({ "targetPools": [] }), 400, "invalid"),
        (json!({ "size": 3 }), 400, "badRequest"),
    ] {
        let answer = begin(&sandbox, "POST", &format!("{REGION}/instanceGroupManagers"), wrong(more)).await;
        expect(&answer, status, reason);
    }
}
