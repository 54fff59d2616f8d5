//! What Azure does for state, against the sandbox: containers, who may use them, and keys of Key Vault.

use std::collections::BTreeMap;

use meridian_azure::AzureProvider;
use meridian_azure::client::DUMMY_SUBSCRIPTION;
use meridian_provider_api::state_host::{Finding, Grade, StateBucket, StateConnection, StateHost, StoreCredential};
use meridian_provider_api::{CloudError, Credentials, ErrorKind, Provider as _};
use meridian_sandbox::{Config, Sandbox};
use meridian_tests::wire;
use object_store::azure::{MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, UpdateVersion};
use serde_json::{Value, json};

const ACCOUNT: &str = "teamstate1";
const CONTAINER: &str = "team-state";
const KEY: &str = "https://team.vault.azure.net/keys/state";

/// The version of the interface to storage accounts, and of that to vaults.
const STORAGE: &str = "2023-05-01";
const VAULTS: &str = "2023-07-01";

/// A sandbox with a resource group, on record.
struct Scene {
    sandbox: Sandbox,
    http: reqwest::Client,
}

impl Scene {
    async fn start() -> Self {
        let config = Config { recorder: Some(wire::recorder("state-hosts-azure")), ..Config::default() };
        let scene = Self { sandbox: Sandbox::start(config).await.unwrap(), http: reqwest::Client::new() };
        let group = format!("/subscriptions/{DUMMY_SUBSCRIPTION}/resourceGroups/team");
        scene.ask("PUT", &format!("{group}?api-version=2021-04-01"), &json!({ "location": "westeurope" })).await;
        scene
    }

    fn endpoint(&self) -> String {
        self.sandbox.endpoint("azure").unwrap()
    }

    /// Someone else's request, which succeeds.
    async fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut request = self
            .http
            .request(method.parse().unwrap(), format!("{}{path}", self.endpoint()))
            .header("authorization", "Bearer any");
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    async fn arm(&self, method: &str, path: &str, version: &str, body: &Value) -> Value {
        let group = format!("/subscriptions/{DUMMY_SUBSCRIPTION}/resourceGroups/team");
        self.ask(method, &format!("{group}/providers/{path}?api-version={version}"), body).await
    }

    async fn account(&self, method: &str, body: &Value) -> Value {
        self.arm(method, &format!("Microsoft.Storage/storageAccounts/{ACCOUNT}"), STORAGE, body).await
    }

    /// Makes an account with everything that it should not be, and waits until it is there.
    async fn weak_account(&self, tags: Value) {
        let body = json!({
            "location": "westeurope", "kind": "StorageV2", "sku": { "name": "Standard_LRS" }, "tags": tags,
            "properties": {
                "allowBlobPublicAccess": true, "supportsHttpsTrafficOnly": false, "minimumTlsVersion": "TLS1_0",
            },
        });
        let group = format!("/subscriptions/{DUMMY_SUBSCRIPTION}/resourceGroups/team");
        self.make_account(&group, &body).await;
    }

    async fn make_account(&self, group: &str, body: &Value) {
        let path = format!("{group}/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}?api-version={STORAGE}");
        self.ask("PUT", &path, body).await;
        while self.ask("GET", &path, &Value::Null).await["properties"]["provisioningState"] != "Succeeded" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    async fn host(&self) -> std::sync::Arc<dyn StateHost> {
        self.host_with(None).await
    }

    async fn host_with(&self, account_key: Option<&str>) -> std::sync::Arc<dyn StateHost> {
        let connection = StateConnection {
            region: Some("westeurope".to_owned()),
            account: None,
            endpoint: Some(self.endpoint()),
            credentials: Credentials::Dummy,
            account_key: account_key.map(|key| key.to_owned().into()),
            wire_tap: None,
        };
        AzureProvider.state_host(connection).await.unwrap()
    }

    /// A vault, and a key in it.
    async fn vault(&self) {
        let properties = json!({
            "tenantId": "00000000-0000-0000-0000-000000000002", "sku": { "family": "A", "name": "standard" },
        });
        let body = json!({ "location": "westeurope", "properties": properties });
        self.arm("PUT", "Microsoft.KeyVault/vaults/team", VAULTS, &body).await;
        self.key("POST", "state/create").await;
    }

    async fn key(&self, method: &str, path: &str) -> Value {
        let body = if method == "POST" { json!({ "kty": "RSA", "key_size": 2048 }) } else { Value::Null };
        self.ask(method, &format!("/team.vault.azure.net/keys/{path}?api-version=7.4"), &body).await
    }

    fn store(&self) -> MicrosoftAzure {
        MicrosoftAzureBuilder::new()
            .with_account(ACCOUNT)
            .with_container_name(CONTAINER)
            .with_endpoint(format!("{}/{ACCOUNT}", self.endpoint()))
            .with_allow_http(true)
            .with_bearer_token_authorization("any")
            .build()
            .unwrap()
    }
}

fn bucket(group: Option<&str>) -> StateBucket {
    StateBucket {
        account: Some(ACCOUNT.to_owned()),
        name: CONTAINER.to_owned(),
        region: Some("westeurope".to_owned()),
        group: group.map(str::to_owned),
    }
}

fn grades(findings: &[Finding]) -> BTreeMap<&str, Grade> {
    findings.iter().map(|finding| (finding.what, finding.grade)).collect()
}

const ALL: [&str; 8] = [
    "public access",
    "transport",
    "shared keys",
    "encryption",
    "versioning",
    "soft delete",
    "container soft delete",
    "container",
];

fn all(grade: Grade) -> BTreeMap<&'static str, Grade> {
    ALL.into_iter().map(|what| (what, grade)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_container_is_made_with_all_that_protects_it() {
    let scene = Scene::start().await;
    let host = scene.host().await;
    let made = host.prepare(&bucket(Some("team"))).await.unwrap();
    assert_eq!(grades(&made), all(Grade::Made), "{made:#?}");
    assert!(made.iter().all(|finding| finding.hint.is_empty()));
    let shown = scene.account("GET", &Value::Null).await;
    assert_eq!(shown["tags"], json!({ "meridian-state": "true" }));
    assert_eq!(shown["sku"]["name"], "Standard_ZRS");
    let again = scene.host().await.prepare(&bucket(None)).await.unwrap();
    assert_eq!(grades(&again), all(Grade::Good), "{again:#?}");
    assert_eq!(host.region_of(&bucket(None)).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_is_finished() {
    let scene = Scene::start().await;
    scene.weak_account(json!({ "meridian-state": "true" })).await;
    let finished = scene.host().await.prepare(&bucket(Some("team"))).await.unwrap();
    let mut wanted = all(Grade::Made);
    wanted.insert("encryption", Grade::Good);
    assert_eq!(grades(&finished), wanted, "{finished:#?}");
    let again = scene.host().await.prepare(&bucket(Some("team"))).await.unwrap();
    assert_eq!(grades(&again), all(Grade::Good), "{again:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_account_of_others_only_its_weaknesses_are_told() {
    let scene = Scene::start().await;
    scene.weak_account(json!({})).await;
    let before = scene.account("GET", &Value::Null).await;
    let findings = scene.host().await.prepare(&bucket(None)).await.unwrap();
    let mut wanted = all(Grade::Weak);
    wanted.insert("encryption", Grade::Good);
    wanted.insert("container", Grade::Made);
    assert_eq!(grades(&findings), wanted, "{findings:#?}");
    for finding in findings.iter().filter(|finding| finding.grade == Grade::Weak) {
        assert!(finding.hint.starts_with("az storage account "), "{finding:?}");
    }
    assert_eq!(scene.account("GET", &Value::Null).await, before);
    let open = json!({ "properties": { "publicAccess": "Blob" } });
    let path = format!("Microsoft.Storage/storageAccounts/{ACCOUNT}/blobServices/default/containers/{CONTAINER}");
    scene.arm("PATCH", &path, STORAGE, &open).await;
    let findings = scene.host().await.prepare(&bucket(None)).await.unwrap();
    assert_eq!(grades(&findings)["container"], Grade::Weak, "{findings:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_may_not_be_looked_at_is_unknown_and_no_error() {
    let scene = Scene::start().await;
    scene.weak_account(json!({})).await;
    scene.sandbox.faults().add("service=Microsoft.Storage,effect=denied".parse().unwrap());
    let wanted = BTreeMap::from([("account", Grade::Unknown), ("container", Grade::Made)]);
    let findings = scene.host().await.prepare(&bucket(None)).await.unwrap();
    assert_eq!(grades(&findings), wanted, "{findings:#?}");
    let key = "bm8gc2VjcmV0IG9mIGFueW9uZSdz";
    let findings = scene.host_with(Some(key)).await.prepare(&bucket(None)).await.unwrap();
    let wanted = BTreeMap::from([("account", Grade::Unknown), ("container", Grade::Good)]);
    assert_eq!(grades(&findings), wanted, "{findings:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_read_blobs_is_told_so() {
    let scene = Scene::start().await;
    scene.sandbox.faults().add("operation=Container_ListBlobFlatSegment,effect=denied".parse().unwrap());
    let findings = scene.host().await.prepare(&bucket(Some("team"))).await.unwrap();
    let access = findings.iter().find(|finding| finding.what == "access").unwrap();
    assert_eq!(access.grade, Grade::Unknown);
    assert!(access.hint.contains("Storage Blob Data Contributor"), "{access:?}");
    scene.sandbox.faults().add("service=Microsoft.Storage.Blobs,effect=denied".parse().unwrap());
    scene.sandbox.faults().add("service=Microsoft.Storage,effect=denied".parse().unwrap());
    let findings = scene.host_with(Some("c2VjcmV0")).await.prepare(&bucket(Some("team"))).await.unwrap();
    let unknown = ["account", "container", "access"].map(|what| (what, Grade::Unknown));
    assert_eq!(grades(&findings), BTreeMap::from(unknown), "{findings:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_made_only_where_someone_says() {
    let scene = Scene::start().await;
    let host = scene.host().await;
    let error = host.prepare(&bucket(None)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.message.contains("resource group"), "{error}");
    let error = host.prepare(&bucket(Some("nobodys"))).await.unwrap_err();
    assert_eq!(error.code.as_deref(), Some("ResourceGroupNotFound"), "{error}");
    let error = host.prepare(&StateBucket { name: "a/../b".to_owned(), ..bucket(None) }).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(!scene.sandbox.inventory("azure").keys().any(|kind| kind.contains("Storage")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_someone_elses_is_unknown() {
    let scene = Scene::start().await;
    let theirs = "/subscriptions/00000000-0000-0000-0000-000000000009/resourceGroups/theirs";
    scene.ask("PUT", &format!("{theirs}?api-version=2021-04-01"), &json!({ "location": "westeurope" })).await;
    let body = json!({ "location": "westeurope", "kind": "StorageV2", "sku": { "name": "Standard_LRS" } });
    scene.make_account(theirs, &body).await;
    let findings = scene.host().await.prepare(&bucket(Some("team"))).await.unwrap();
    assert_eq!(grades(&findings)["account"], Grade::Unknown, "{findings:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_signed_for_with_a_token_or_the_accounts_key() {
    let scene = Scene::start().await;
    match scene.host().await.credential().await.unwrap() {
        StoreCredential::Bearer(token) => assert_eq!(token.as_str(), "dummy"),
        _ => panic!("no token"),
    }
    match scene.host_with(Some("c2VjcmV0")).await.credential().await.unwrap() {
        StoreCredential::AccountKey(key) => assert_eq!(key.as_str(), "c2VjcmV0"),
        _ => panic!("no key"),
    }
}

/// Whether a call ended in a kind of error.
fn is<T>(result: Result<T, CloudError>, kind: ErrorKind) -> bool {
    matches!(result, Err(error) if error.kind == kind)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrapped_key_opens_for_its_context_alone_and_after_rotation() {
    let scene = Scene::start().await;
    scene.vault().await;
    let host = scene.host().await;
    let wrapped = host.wrap(KEY, "team/a", b"0123456789abcdef0123456789abcdef").await.unwrap();
    assert!(!wrapped.windows(8).any(|part| part == b"01234567"));
    let kept: Value = serde_json::from_slice(&wrapped).unwrap();
    let first = kept["kid"].as_str().unwrap().to_owned();
    scene.key("POST", "state/create").await;
    assert_eq!(*host.unwrap(KEY, "team/a", &wrapped).await.unwrap(), b"0123456789abcdef0123456789abcdef");
    assert!(is(host.unwrap(KEY, "team/b", &wrapped).await, ErrorKind::Invalid), "another context");
    let newer: Value = serde_json::from_slice(&host.wrap(KEY, "team/a", b"x").await.unwrap()).unwrap();
    assert_ne!(newer["kid"], first.as_str(), "a new key is wrapped with the newest version");
    let exact: Value = serde_json::from_slice(&host.wrap(&first, "team/a", b"x").await.unwrap()).unwrap();
    assert_eq!(exact["kid"], first.as_str(), "unless another is named");
    let mut torn = kept.clone();
    torn["value"] = newer["value"].clone();
    assert!(is(host.unwrap(KEY, "team/a", torn.to_string().as_bytes()).await, ErrorKind::Invalid), "another version's");
    for junk in [&b""[..], b"{}", b"\xff", &wrapped[..wrapped.len() - 1]] {
        assert!(is(host.unwrap(KEY, "team/a", junk).await, ErrorKind::Invalid));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_sends_no_token_to_another_vault() {
    let scene = Scene::start().await;
    scene.vault().await;
    scene.key("POST", "other/create").await;
    let host = scene.host().await;
    let wrapped = host.wrap(KEY, "team/a", b"secret").await.unwrap();
    assert!(is(host.unwrap("https://team.vault.azure.net/keys/other", "team/a", &wrapped).await, ErrorKind::Invalid));
    for kid in [
        "https://evil.vault.azure.net/keys/state/0123456789abcdef0123456789abcdef",
        "https://team.vault.azure.net.evil.example/keys/state/0123456789abcdef0123456789abcdef",
        KEY,
    ] {
        let mut kept: Value = serde_json::from_slice(&wrapped).unwrap();
        kept["kid"] = json!(kid);
        assert!(is(host.unwrap(KEY, "team/a", kept.to_string().as_bytes()).await, ErrorKind::Invalid), "{kid}");
    }
    let asked: usize = scene.sandbox.call_log().all().iter().filter(|call| call.operation == "UnwrapKey").count();
    assert_eq!(asked, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_gone_or_closed_are_told_apart() {
    let scene = Scene::start().await;
    scene.vault().await;
    let host = scene.host().await;
    let wrapped = host.wrap(KEY, "team/a", b"secret").await.unwrap();
    scene.sandbox.faults().add("operation=UnwrapKey,effect=denied,times=1".parse().unwrap());
    let denied = host.unwrap(KEY, "team/a", &wrapped).await.unwrap_err();
    assert_eq!(denied.kind, ErrorKind::Denied);
    assert!(denied.message.contains("Key Vault Crypto User"), "{denied}");
    scene.sandbox.faults().add("operation=UnwrapKey,effect=throttle,times=1".parse().unwrap());
    assert_eq!(*host.unwrap(KEY, "team/a", &wrapped).await.unwrap(), b"secret");
    scene.key("DELETE", "state").await;
    assert!(is(host.unwrap(KEY, "team/a", &wrapped).await, ErrorKind::NotFound));
    assert!(is(host.wrap(KEY, "team/a", b"secret").await, ErrorKind::NotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_of_the_sandbox_heeds_conditions() {
    let scene = Scene::start().await;
    scene.host().await.prepare(&bucket(Some("team"))).await.unwrap();
    let store = scene.store();
    let path = Path::from("prefix/clusters/prod eu/state+1.json");
    let first = store.put_opts(&path, "one".into(), PutMode::Create.into()).await.unwrap();
    let twice = store.put_opts(&path, "two".into(), PutMode::Create.into()).await;
    assert!(matches!(twice, Err(object_store::Error::AlreadyExists { .. })), "{twice:?}");
    let update = |version: &object_store::PutResult| {
        PutMode::Update(UpdateVersion { e_tag: version.e_tag.clone(), version: version.version.clone() })
    };
    let second = store.put_opts(&path, "two".into(), update(&first).into()).await.unwrap();
    let stale = store.put_opts(&path, "three".into(), update(&first).into()).await;
    assert!(matches!(stale, Err(object_store::Error::Precondition { .. })), "{stale:?}");
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "two");
    assert_ne!(first.version, second.version, "versions are kept");
    let racers = (0..16).map(|racer| {
        let (store, path, mode) = (scene.store(), path.clone(), update(&second));
        tokio::spawn(async move { store.put_opts(&path, format!("racer {racer}").into(), mode.into()).await.is_ok() })
    });
    let mut winners = 0;
    for racer in racers.collect::<Vec<_>>() {
        winners += usize::from(racer.await.unwrap());
    }
    assert_eq!(winners, 1);
    let listed = store.list_with_delimiter(Some(&Path::from("prefix/clusters"))).await.unwrap();
    assert_eq!(listed.common_prefixes, [Path::from("prefix/clusters/prod eu")]);
    store.delete(&path).await.unwrap();
    assert!(matches!(store.get(&path).await, Err(object_store::Error::NotFound { .. })));
}
