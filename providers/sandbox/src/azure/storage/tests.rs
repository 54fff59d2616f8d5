use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::azure::testing::{Answer, GROUP, call, sandbox, start};
use crate::{Config, Pace, Sandbox};

const ACCOUNT: &str = "storageAccounts/merc0ffee1";
const CONTAINER: &str = "storageAccounts/merc0ffee1/blobServices/default/containers/bootstrap";

async fn arm(sandbox: &Sandbox, method: &str, path: &str, body: &Value) -> Answer {
    call(sandbox, method, &format!("{GROUP}/providers/Microsoft.Storage/{path}?api-version=2023-05-01"), body).await
}

fn account() -> Value {
    json!({
        "location": "westeurope", "kind": "StorageV2", "sku": { "name": "Standard_ZRS" },
        "properties": { "allowBlobPublicAccess": false, "allowSharedKeyAccess": false, "minimumTlsVersion": "TLS1_2" },
    })
}

async fn open(sandbox: &Sandbox) {
    let made = arm(sandbox, "PUT", ACCOUNT, &account()).await;
    assert_eq!((made.status, &made.body), (202, &Value::Null), "{made:?}");
    let at = made.headers["location"].splitn(4, '/').nth(3).unwrap().to_owned();
    let polled = call(sandbox, "GET", &format!("/{at}"), &Value::Null).await;
    assert_eq!(polled.text("/name"), "merc0ffee1", "{polled:?}");
    assert_eq!(arm(sandbox, "PUT", CONTAINER, &json!({})).await.status, 201);
}

/// An answer of the data plane.
#[derive(Debug)]
struct Raw {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Raw {
    fn code(&self) -> &str {
        self.headers.get("x-ms-error-code").map(String::as_str).unwrap_or_default()
    }

    fn names(&self) -> Vec<&str> {
        self.body.split("<Name>").skip(1).filter_map(|rest| rest.split("</Name>").next()).collect()
    }
}

async fn blob(sandbox: &Sandbox, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Raw {
    let endpoint = sandbox.endpoint("azure").unwrap();
    let address = endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut head = format!("{method} /merc0ffee1/{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    let usual = [("authorization", "Bearer any"), ("x-ms-version", "2022-11-02")];
    let usual = usual.iter().filter(|(name, _)| !headers.iter().any(|(given, _)| given == name));
    for (name, value) in usual.chain(headers).filter(|(_, value)| !value.is_empty()) {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.extend(["content-length: ", &body.len().to_string(), "\r\n\r\n", body]);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let pairs = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    Raw {
        status: head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0),
        headers: pairs.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
        body: body.to_owned(),
    }
}

const BLOCK: (&str, &str) = ("x-ms-blob-type", "BlockBlob");

async fn put(sandbox: &Sandbox, name: &str, body: &str) -> Raw {
    let answer = blob(sandbox, "PUT", &format!("bootstrap/{name}"), &[BLOCK], body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer
}

#[tokio::test]
async fn accounts_are_unique_and_change_little() {
    let sandbox = sandbox().await;
    open(&sandbox).await;
    let shown = arm(&sandbox, "GET", ACCOUNT, &Value::Null).await;
    assert_eq!(shown.text("/sku/tier"), "Standard");
    assert_eq!(shown.text("/properties/provisioningState"), "Succeeded");
    assert_eq!(shown.text("/properties/minimumTlsVersion"), "TLS1_2");
    let other = GROUP.replace("000001/", "000009/");
    call(&sandbox, "PUT", &format!("{other}?api-version=2021-04-01"), &json!({ "location": "westeurope" })).await;
    let theirs = format!("{other}/providers/Microsoft.Storage/{ACCOUNT}?api-version=2023-05-01");
    assert_eq!(call(&sandbox, "PUT", &theirs, &account()).await.code(), "StorageAccountAlreadyTaken");
    let check = format!(
        "{}?api-version=2023-05-01",
        "/subscriptions/00000000-0000-0000-0000-000000000009/providers/Microsoft.Storage/checkNameAvailability"
    );
    let asked = json!({ "name": "merc0ffee1", "type": "Microsoft.Storage/storageAccounts" });
    assert_eq!(call(&sandbox, "POST", &check, &asked).await.text("/reason"), "AlreadyExists");
    let changed = arm(&sandbox, "PATCH", ACCOUNT, &json!({ "properties": { "allowSharedKeyAccess": true } })).await;
    assert_eq!((changed.status, &changed.body["properties"]["allowSharedKeyAccess"]), (200, &json!(true)));
    assert_eq!(changed.text("/properties/minimumTlsVersion"), "TLS1_2");
    assert_eq!(changed.text("/properties/encryption/keySource"), "Microsoft.Storage");
    for (path, body, code) in [
        (ACCOUNT, json!({ "sku": { "name": "Standard_LRS" } }), "InvalidRequestPropertyValue"),
        (ACCOUNT, json!({ "properties": { "isHnsEnabled": true } }), "InvalidRequestContent"),
        (CONTAINER, json!({ "properties": { "publicAccess": "Blob" } }), "PublicAccessNotPermitted"),
    ] {
        assert_eq!(arm(&sandbox, "PATCH", path, &body).await.code(), code, "{path} {body}");
    }
    let mut bad = account();
    bad["sku"]["name"] = json!("Standard");
    assert_eq!(arm(&sandbox, "PUT", "storageAccounts/another", &bad).await.code(), "InvalidRequestFormat");
    assert_eq!(arm(&sandbox, "PUT", "storageAccounts/With-Hyphen", &account()).await.code(), "AccountNameInvalid");
    let keys = arm(&sandbox, "POST", &format!("{ACCOUNT}/listKeys"), &Value::Null).await;
    assert_eq!((keys.text("/keys/1/keyName"), keys.text("/keys/1/permissions")), ("key2", "Full"));
}

#[tokio::test]
async fn what_is_in_an_account_goes_with_it() {
    let sandbox = sandbox().await;
    open(&sandbox).await;
    put(&sandbox, "a/b", "text").await;
    let listed = arm(&sandbox, "GET", "storageAccounts/merc0ffee1/blobServices/default/containers", &Value::Null).await;
    assert_eq!(listed.text("/value/0/properties/publicAccess"), "None", "{listed:?}");
    let etag = listed.text("/value/0/etag").to_owned();
    let shown = blob(&sandbox, "HEAD", "bootstrap?restype=container", &[], "").await;
    assert_eq!((shown.status, &shown.headers["etag"]), (200, &etag));
    assert!(sandbox.inventory("azure").contains_key(super::blob::KIND));
    assert_eq!(arm(&sandbox, "DELETE", ACCOUNT, &Value::Null).await.status, 200);
    assert_eq!(arm(&sandbox, "DELETE", ACCOUNT, &Value::Null).await.status, 204);
    assert!(sandbox.inventory("azure").keys().all(|kind| !kind.contains("torage")), "{:?}", sandbox.inventory("azure"));
    assert_eq!(blob(&sandbox, "GET", "bootstrap/a/b", &[], "").await.code(), "ResourceNotFound");
    open(&sandbox).await;
    assert_eq!(blob(&sandbox, "GET", "bootstrap/a/b", &[], "").await.code(), "BlobNotFound");
}

#[tokio::test]
async fn blobs_are_written_and_read() {
    let sandbox = sandbox().await;
    open(&sandbox).await;
    let made = put(&sandbox, "nodes/pool-general/bundle", "hello").await;
    let path = "bootstrap/nodes/pool-general/bundle";
    let read = blob(&sandbox, "GET", path, &[], "").await;
    assert_eq!((read.status, read.body.as_str()), (200, "hello"));
    assert_eq!(read.headers["etag"], made.headers["etag"]);
    assert_eq!(read.headers["content-md5"], "XUFAKrxLKna5cZ2REBfFkg==");
    let part = blob(&sandbox, "GET", path, &[("x-ms-range", "bytes=1-99")], "").await;
    assert_eq!((part.status, part.body.as_str(), part.headers["content-range"].as_str()), (206, "ello", "bytes 1-4/5"));
    assert_eq!(blob(&sandbox, "GET", path, &[("range", "bytes=9-")], "").await.code(), "InvalidRange");
    let head = blob(&sandbox, "HEAD", path, &[], "").await;
    assert_eq!((head.status, head.headers["content-length"].as_str()), (200, "5"));
    assert_eq!(blob(&sandbox, "HEAD", "bootstrap/no", &[], "").await.code(), "BlobNotFound");
    assert_eq!(blob(&sandbox, "GET", "elsewhere/no", &[], "").await.code(), "ContainerNotFound");
    assert_eq!(blob(&sandbox, "DELETE", path, &[("x-ms-delete-snapshots", "include")], "").await.status, 202);
    assert_eq!(blob(&sandbox, "DELETE", path, &[], "").await.code(), "BlobNotFound");
}

#[tokio::test]
async fn conditions_are_heeded() {
    let sandbox = sandbox().await;
    open(&sandbox).await;
    let path = "bootstrap/pki/ca.key";
    let new = [BLOCK, ("if-none-match", "*")];
    let made = blob(&sandbox, "PUT", path, &new, "one").await;
    assert_eq!(made.status, 201);
    let twice = blob(&sandbox, "PUT", path, &new, "two").await;
    assert_eq!((twice.status, twice.code()), (409, "BlobAlreadyExists"));
    let etag = made.headers["etag"].as_str();
    let same = blob(&sandbox, "GET", path, &[("if-none-match", etag)], "").await;
    assert_eq!((same.status, same.code()), (304, "ConditionNotMet"));
    assert_eq!(blob(&sandbox, "PUT", path, &[BLOCK, ("if-match", etag)], "three").await.status, 201);
    let stale = blob(&sandbox, "PUT", path, &[BLOCK, ("if-match", etag)], "four").await;
    assert_eq!((stale.status, stale.code()), (412, "ConditionNotMet"));
    assert_eq!(blob(&sandbox, "GET", path, &[], "").await.body, "three");
    assert_eq!(blob(&sandbox, "DELETE", path, &[("if-match", etag)], "").await.status, 412);
}

#[tokio::test]
async fn lists_have_pages_and_prefixes() {
    let sandbox = start(Config { page_limit: Some(2), pace: Pace::instant(), ..Config::default() }).await;
    open(&sandbox).await;
    for name in ["a/1", "a/2", "b/1", "b&c", "top"] {
        put(&sandbox, name, "x").await;
    }
    let base = "bootstrap?restype=container&comp=list";
    let first = blob(&sandbox, "GET", base, &[], "").await;
    assert_eq!(first.names(), ["a/1", "a/2"]);
    let marker = first.body.split("<NextMarker>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let second = blob(&sandbox, "GET", &format!("{base}&marker={}", marker.replace('=', "%3D")), &[], "").await;
    assert_eq!(second.names(), ["b&amp;c", "b/1"]);
    assert_eq!(blob(&sandbox, "GET", &format!("{base}&prefix=b/"), &[], "").await.names(), ["b/1"]);
    let folders = blob(&sandbox, "GET", &format!("{base}&delimiter=/"), &[], "").await;
    assert_eq!(folders.names(), ["a/", "b&amp;c"]);
    assert!(folders.body.contains("<BlobPrefix><Name>a/</Name></BlobPrefix>"));
    assert_eq!(blob(&sandbox, "GET", &format!("{base}&wat=1"), &[], "").await.code(), "UnsupportedQueryParameter");
}

#[tokio::test]
async fn blobs_are_put_together_from_blocks() {
    let sandbox = sandbox().await;
    open(&sandbox).await;
    let path = "bootstrap/large";
    for (id, body) in [("AAAA", "one "), ("BBBB", "two ")] {
        let staged = blob(&sandbox, "PUT", &format!("{path}?comp=block&blockid={id}"), &[], body).await;
        assert_eq!(staged.status, 201, "{staged:?}");
    }
    let odd = blob(&sandbox, "PUT", &format!("{path}?comp=block&blockid=AAAAAAAA"), &[], "x").await;
    assert_eq!(odd.code(), "InvalidBlobOrBlock");
    assert_eq!(blob(&sandbox, "GET", path, &[], "").await.code(), "BlobNotFound");
    let list = |ids: &str| format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{ids}</BlockList>");
    let wrong = blob(&sandbox, "PUT", &format!("{path}?comp=blocklist"), &[], &list("<Latest>CCCC</Latest>")).await;
    assert_eq!(wrong.code(), "InvalidBlockList");
    let all = list("<Uncommitted>BBBB</Uncommitted><Latest>AAAA</Latest>");
    assert_eq!(blob(&sandbox, "PUT", &format!("{path}?comp=blocklist"), &[], &all).await.status, 201);
    assert_eq!(blob(&sandbox, "GET", path, &[], "").await.body, "two one ");
    let kept = list("<Committed>AAAA</Committed>");
    assert_eq!(blob(&sandbox, "PUT", &format!("{path}?comp=blocklist"), &[], &kept).await.status, 201);
    assert_eq!(blob(&sandbox, "GET", path, &[], "").await.body, "one ");
}

#[tokio::test]
async fn the_data_plane_is_strict() {
    let sandbox = sandbox().await;
    open(&sandbox).await;
    for (headers, code) in [
        (vec![], "MissingRequiredHeader"),
        (vec![("x-ms-blob-type", "PageBlob")], "InvalidHeaderValue"),
        (vec![BLOCK, ("x-ms-version", "2022-01-01")], "InvalidHeaderValue"),
        (vec![BLOCK, ("x-ms-version", "")], "MissingRequiredHeader"),
        (vec![BLOCK, ("x-ms-wat", "1")], "UnsupportedHeader"),
        (vec![BLOCK, ("content-md5", "AAAA")], "Md5Mismatch"),
        (vec![BLOCK, ("authorization", "")], "NoAuthenticationInformation"),
        (vec![BLOCK, ("authorization", "SharedKey a:b")], "KeyBasedAuthenticationNotPermitted"),
    ] {
        let answer = blob(&sandbox, "PUT", "bootstrap/x", &headers, "x").await;
        assert_eq!(answer.code(), code, "{headers:?} {answer:?}");
    }
    assert_eq!(
        blob(&sandbox, "PUT", "bootstrap/x?comp=page", &[BLOCK], "x").await.code(),
        "InvalidQueryParameterValue"
    );
    assert_eq!(blob(&sandbox, "POST", "bootstrap/x", &[], "x").await.status, 405);
}

#[tokio::test]
async fn faults_look_like_the_service() {
    let sandbox = sandbox().await;
    open(&sandbox).await;
    sandbox
        .faults()
        .add("service=Microsoft.Storage.Blobs,operation=Blob_Download,effect=throttle,times=1".parse().unwrap());
    sandbox.faults().add("operation=BlockBlob_Upload,region=westeurope,effect=denied,times=1".parse().unwrap());
    let busy = blob(&sandbox, "GET", "bootstrap/x", &[], "").await;
    assert_eq!((busy.status, busy.code()), (503, "ServerBusy"));
    let denied = blob(&sandbox, "PUT", "bootstrap/x", &[BLOCK], "x").await;
    assert_eq!((denied.status, denied.code()), (403, "AuthorizationPermissionMismatch"));
}

#[tokio::test]
async fn blobs_survive_and_names_rest() {
    let dir = std::env::temp_dir().join(format!("meridian-azure-blobs-{}", std::process::id()));
    let pace = Pace { instance_stopping: 200, ..Pace::instant() };
    let config = Config { dir: Some(dir.clone()), pace, ..Config::default() };
    let sandbox = start(config.clone()).await;
    open(&sandbox).await;
    put(&sandbox, "a", "kept").await;
    sandbox.shutdown().await;
    let sandbox = start(config).await;
    assert_eq!(blob(&sandbox, "GET", "bootstrap/a", &[], "").await.body, "kept");
    assert_eq!(arm(&sandbox, "DELETE", CONTAINER, &Value::Null).await.status, 200);
    assert_eq!(arm(&sandbox, "PUT", CONTAINER, &json!({})).await.code(), "ContainerBeingDeleted");
    tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    assert_eq!(arm(&sandbox, "PUT", CONTAINER, &json!({})).await.status, 201);
    sandbox.shutdown().await;
    std::fs::remove_dir_all(dir).unwrap();
}

async fn keep_versions(sandbox: &Sandbox) {
    let policy = json!({ "enabled": true, "days": 30 });
    let wanted = json!({ "properties": {
        "isVersioningEnabled": true, "deleteRetentionPolicy": policy, "containerDeleteRetentionPolicy": policy,
        "cors": { "corsRules": [] },
    } });
    let set = arm(sandbox, "PUT", &format!("{ACCOUNT}/blobServices/default"), &wanted).await;
    assert_eq!((set.status, &set.body["properties"]["isVersioningEnabled"]), (200, &json!(true)), "{set:?}");
    let shown = arm(sandbox, "GET", &format!("{ACCOUNT}/blobServices/default"), &Value::Null).await;
    assert_eq!(shown.body["properties"]["deleteRetentionPolicy"], policy);
}

#[tokio::test]
async fn versions_are_kept_where_they_are_asked_for() {
    let sandbox = sandbox().await;
    open(&sandbox).await;
    let path = "bootstrap/state";
    assert!(!put(&sandbox, "state", "zero").await.headers.contains_key("x-ms-version-id"));
    keep_versions(&sandbox).await;
    let one = put(&sandbox, "state", "one").await.headers["x-ms-version-id"].clone();
    let two = put(&sandbox, "state", "two").await.headers["x-ms-version-id"].clone();
    assert!(one < two, "{one} {two}");
    let read = blob(&sandbox, "GET", path, &[], "").await;
    assert_eq!((read.body.as_str(), &read.headers["x-ms-version-id"]), ("two", &two));
    let former = blob(&sandbox, "GET", &format!("{path}?versionid={one}"), &[], "").await;
    assert_eq!(former.body, "one");
    assert!(!former.headers.contains_key("x-ms-is-current-version"));
    let base = "bootstrap?restype=container&comp=list";
    assert_eq!(blob(&sandbox, "GET", base, &[], "").await.names(), ["state"]);
    let all = blob(&sandbox, "GET", &format!("{base}&include=versions"), &[], "").await;
    assert_eq!(all.names().len(), 3, "{all:?}");
    assert_eq!(all.body.matches("<IsCurrentVersion>true</IsCurrentVersion>").count(), 1);
    assert!(all.body.find(&one).unwrap() < all.body.find(&two).unwrap());
    let current = blob(&sandbox, "DELETE", &format!("{path}?versionid={two}"), &[], "").await;
    assert_eq!((current.status, current.code()), (403, "OperationNotAllowedOnRootBlob"));
    let gone = blob(&sandbox, "DELETE", path, &[], "").await;
    assert_eq!((gone.status, gone.headers["x-ms-delete-type-permanent"].as_str()), (202, "false"));
    assert_eq!(blob(&sandbox, "GET", path, &[], "").await.code(), "BlobNotFound");
    assert_eq!(blob(&sandbox, "GET", &format!("{path}?versionid={two}"), &[], "").await.body, "two");
    let last = blob(&sandbox, "DELETE", &format!("{path}?versionid={two}"), &[], "").await;
    assert_eq!(last.headers["x-ms-delete-type-permanent"], "true");
    assert_eq!(blob(&sandbox, "GET", &format!("{path}?versionid={two}"), &[], "").await.code(), "BlobNotFound");
    // A blob that was deleted may be made anew as if there had been none.
    let anew = blob(&sandbox, "PUT", path, &[BLOCK, ("if-none-match", "*")], "three").await;
    assert_eq!(anew.status, 201, "{anew:?}");
}

#[tokio::test]
async fn versions_come_in_pages() {
    let sandbox = start(Config { page_limit: Some(2), pace: Pace::instant(), ..Config::default() }).await;
    open(&sandbox).await;
    keep_versions(&sandbox).await;
    for name in ["a", "a", "a", "a&b", "ab"] {
        put(&sandbox, name, "x").await;
    }
    let (mut names, mut marker) = (Vec::new(), String::new());
    loop {
        let query = format!(
            "bootstrap?restype=container&comp=list&include=versions&marker={}",
            marker.replace('+', "%2B").replace('=', "%3D")
        );
        let page = blob(&sandbox, "GET", &query, &[], "").await;
        names.extend(page.names().iter().map(|&name| name.to_owned()));
        marker = page.body.split("<NextMarker>").nth(1).unwrap_or_default().split('<').next().unwrap().to_owned();
        if marker.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["a", "a", "a", "a&amp;b", "ab"]);
}

#[tokio::test]
async fn an_account_itself_makes_containers() {
    let sandbox = sandbox().await;
    open(&sandbox).await;
    let made = blob(&sandbox, "PUT", "state?restype=container", &[], "").await;
    assert_eq!(made.status, 201, "{made:?}");
    let twice = blob(&sandbox, "PUT", "state?restype=container", &[], "").await;
    assert_eq!((twice.status, twice.code()), (409, "ContainerAlreadyExists"));
    let open = [("x-ms-blob-public-access", "blob")];
    let open = blob(&sandbox, "PUT", "open?restype=container", &open, "").await;
    assert_eq!((open.status, open.code()), (409, "PublicAccessNotPermitted"));
    assert_eq!(blob(&sandbox, "HEAD", "open?restype=container", &[], "").await.code(), "ContainerNotFound");
    let shown = arm(&sandbox, "GET", &CONTAINER.replace("bootstrap", "state"), &Value::Null).await;
    assert_eq!(shown.text("/properties/publicAccess"), "None", "{shown:?}");
    let path = "state/a?x";
    assert_eq!(
        blob(&sandbox, "PUT", &path.replace('?', "%3F"), &[BLOCK, ("if-match", "\"0x1\"")], "").await.status,
        412
    );
}

#[tokio::test]
async fn many_blobs_are_deleted_at_once() {
    let sandbox = sandbox().await;
    open(&sandbox).await;
    put(&sandbox, "a", "x").await;
    put(&sandbox, "b%20c", "x").await;
    let part = |id: usize, target: &str| {
        format!(
            "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {id}\r\n\r\n\
             DELETE {target} HTTP/1.1\r\nContent-Length: 0\r\nAuthorization: Bearer any\r\n\r\n\r\n"
        )
    };
    let whole = |parts: &[String]| format!("{}--b--\r\n", parts.concat());
    let headers = [("content-type", "multipart/mixed; boundary=b")];
    let path = "bootstrap?restype=container&comp=batch";
    let parts = [part(0, "/bootstrap/a"), part(1, "/merc0ffee1/bootstrap/b%20c"), part(2, "/bootstrap/none")];
    let done = blob(&sandbox, "POST", path, &headers, &whole(&parts)).await;
    assert_eq!((done.status, done.body.matches("HTTP/1.1 202 ").count()), (202, 2), "{done:?}");
    assert!(done.body.contains("Content-ID: 2\r\n\r\nHTTP/1.1 404 "), "{done:?}");
    assert!(blob(&sandbox, "GET", "bootstrap?restype=container&comp=list", &[], "").await.names().is_empty());
    for bad in [whole(&[]), whole(&[part(0, "/elsewhere/a")]), part(0, "/bootstrap/a"), whole(&["--b\r\n".to_owned()])]
    {
        assert_eq!(blob(&sandbox, "POST", path, &headers, &bad).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn the_name_of_a_deleted_account_is_free_after_a_while() {
    let pace = Pace { instance_profile_visible: 60, ..Pace::instant() };
    let sandbox = start(Config { pace, ..Config::default() }).await;
    open(&sandbox).await;
    assert_eq!(arm(&sandbox, "DELETE", ACCOUNT, &Value::Null).await.status, 200);
    let refused = arm(&sandbox, "PUT", ACCOUNT, &account()).await;
    assert_eq!((refused.status, refused.code()), (409, "StorageAccountAlreadyTaken"));
    tokio::time::sleep(std::time::Duration::from_millis(80)).await;
    assert_eq!(arm(&sandbox, "PUT", ACCOUNT, &account()).await.status, 202);
}
