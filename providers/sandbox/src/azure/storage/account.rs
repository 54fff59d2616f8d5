//! Storage accounts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::service;
use crate::azure::body::{self, Object, Shape, optional, read_only, required, text};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Outcome, Spec};
use crate::azure::operation::Style;
use crate::azure::regions;
use crate::azure::request::Request;
use crate::azure::response::Response;
use crate::azure::world::{Cx, Resource, group_of, key};
use crate::clock::{Millis, timestamp};

/// The kind.
pub const KIND: &str = "Microsoft.Storage/storageAccounts";

/// What a name must be, in the service's words.
pub const NAME_RULE: &str =
    "Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only.";

const SKUS: &[&str] = &[
    "Standard_LRS",
    "Standard_GRS",
    "Standard_RAGRS",
    "Standard_ZRS",
    "Premium_LRS",
    "Premium_ZRS",
    "Standard_GZRS",
    "Standard_RAGZRS",
];

const SKU: Shape = Shape::Object(&Object {
    name: "Sku",
    fields: &[required("name", &Shape::OneOf(SKUS)), optional("tier", &Shape::OneOf(&["Standard", "Premium"]))],
});

const KINDS: Shape = Shape::OneOf(&["Storage", "StorageV2", "BlobStorage", "FileStorage", "BlockBlobStorage"]);

const CREATE: Object = Object {
    name: "StorageAccountCreateParameters",
    fields: &[
        required("sku", &SKU),
        required("kind", &KINDS),
        required("location", &Shape::Text),
        optional("tags", &Shape::Map),
        optional("properties", &Shape::Object(&PROPERTIES)),
    ],
};

const UPDATE: Object = Object {
    name: "StorageAccountUpdateParameters",
    fields: &[
        optional("sku", &SKU),
        optional("kind", &KINDS),
        optional("tags", &Shape::Map),
        optional("properties", &Shape::Object(&CHANGES)),
    ],
};

/// What may be given at first alone, and then what may be changed.
macro_rules! properties {
    ($($first:expr,)*) => {
        &[
            $($first,)*
            optional("accessTier", &Shape::OneOf(&["Hot", "Cool", "Premium", "Cold", "Smart"])),
            optional("allowBlobPublicAccess", &Shape::Bool),
            optional("allowCrossTenantReplication", &Shape::Bool),
            optional("allowSharedKeyAccess", &Shape::Bool),
            optional("allowedCopyScope", &Shape::OneOf(&["PrivateLink", "AAD", "All"])),
            optional("defaultToOAuthAuthentication", &Shape::Bool),
            optional("encryption", &Shape::Object(&ENCRYPTION)),
            optional("isLocalUserEnabled", &Shape::Bool),
            optional("isSftpEnabled", &Shape::Bool),
            optional("keyPolicy", &Shape::Object(&KEY_POLICY)),
            optional("largeFileSharesState", &Shape::OneOf(&["Disabled", "Enabled"])),
            optional("minimumTlsVersion", &Shape::OneOf(&["TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"])),
            optional("networkAcls", &Shape::Object(&NETWORK)),
            optional("publicNetworkAccess", &Shape::OneOf(&["Enabled", "Disabled", "SecuredByPerimeter"])),
            optional("supportsHttpsTrafficOnly", &Shape::Bool),
        ]
    };
}

const PROPERTIES: Object = Object {
    name: "StorageAccountPropertiesCreateParameters",
    fields: properties![
        optional("dnsEndpointType", &Shape::OneOf(&["Standard", "AzureDnsZone"])),
        optional("isHnsEnabled", &Shape::Bool),
        optional("isNfsV3Enabled", &Shape::Bool),
    ],
};

const CHANGES: Object = Object { name: "StorageAccountPropertiesUpdateParameters", fields: properties![] };

const KEY_POLICY: Object =
    Object { name: "KeyPolicy", fields: &[required("keyExpirationPeriodInDays", &Shape::Int(0, 10_000))] };

const ENCRYPTED: Shape = Shape::Object(&Object {
    name: "EncryptionService",
    fields: &[
        optional("enabled", &Shape::Bool),
        optional("keyType", &Shape::OneOf(&["Service", "Account"])),
        read_only("lastEnabledTime"),
    ],
});

const ENCRYPTION: Object = Object {
    name: "Encryption",
    fields: &[
        optional("keySource", &Shape::OneOf(&["Microsoft.Storage"])),
        optional("requireInfrastructureEncryption", &Shape::Bool),
        optional(
            "services",
            &Shape::Object(&Object {
                name: "EncryptionServices",
                fields: &[
                    optional("blob", &ENCRYPTED),
                    optional("file", &ENCRYPTED),
                    optional("queue", &ENCRYPTED),
                    optional("table", &ENCRYPTED),
                ],
            }),
        ),
    ],
};

const NETWORK: Object = Object {
    name: "NetworkRuleSet",
    fields: &[
        required("defaultAction", &Shape::OneOf(&["Allow", "Deny"])),
        optional("bypass", &Shape::Text),
        optional(
            "ipRules",
            &Shape::List(&Shape::Object(&Object {
                name: "IPRule",
                fields: &[required("value", &Shape::Text), optional("action", &Shape::OneOf(&["Allow"]))],
            })),
        ),
        optional(
            "virtualNetworkRules",
            &Shape::List(&Shape::Object(&Object {
                name: "VirtualNetworkRule",
                fields: &[
                    required("id", &Shape::Text),
                    optional("action", &Shape::OneOf(&["Allow"])),
                    read_only("state"),
                ],
            })),
        ),
    ],
};

/// Storage accounts.
#[derive(Debug)]
pub struct Accounts;

const SPEC: Spec = Spec {
    kind: KIND,
    operations: "StorageAccounts",
    shape: &CREATE,
    patch: Some(("Update", &UPDATE)),
    put: "Create",
    lists: ("ListByResourceGroup", Some("List")),
    actions: &[("listKeys", "ListKeys")],
    query: &["$expand"],
    style: Style::Storage,
    ..Spec::BASE
};

/// Whether a name is 3 to 24 lower-case letters and digits.
pub fn is_name(name: &str) -> bool {
    (3..=24).contains(&name.len()) && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
}

/// Whether anyone has an account of this name.
pub fn is_taken(cx: &Cx<'_>, name: &str) -> bool {
    is_anothers(cx, name) || cx.of_kind(KIND).any(|account| account.name() == name)
}

impl Kind for Accounts {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        let name = draft.name().to_owned();
        if !is_name(&name) {
            let message = format!("{name} is not a valid storage account name. {NAME_RULE}");
            return Err(ApiError::bad("AccountNameInvalid", message));
        }
        if let Some(old) = draft.old.clone() {
            change(draft, &old)?;
        } else {
            check_free(cx, draft)?;
            begin(cx, draft, &name);
            service::begin(cx, &draft.id, &draft.body["sku"]);
            draft.lasts = Some(cx.pace.volume_creating);
        }
        check_sku(cx, draft)?;
        let tier = if text(&draft.body, "/sku/name").starts_with("Premium") { "Premium" } else { "Standard" };
        draft.body["sku"]["tier"] = json!(tier);
        Ok(())
    }

    fn delete(&self, _: &mut Cx<'_>, _: &Resource) -> Result<Option<Millis>, ApiError> {
        Ok(None)
    }

    fn gone(&self, cx: &mut Cx<'_>, resource: &Resource) {
        super::blob::forget(cx, &key(&resource.id));
        // The name is known all over the world, and is free again only after a while.
        let until = cx.now + cx.pace.instance_profile_visible;
        cx.sub.freed_accounts.retain(|_, until| *until > cx.now);
        cx.sub.freed_accounts.insert(resource.name().to_owned(), until);
    }

    fn act(&self, _: &mut Cx<'_>, request: &Request, resource: &Resource, _: &str) -> Result<Outcome, ApiError> {
        request.only(&["$expand"])?;
        let created = timestamp(resource.created);
        let keys: Vec<Value> = ["key1", "key2"]
            .iter()
            .map(|name| {
                let value = &resource.hidden[name];
                json!({ "keyName": name, "value": value, "permissions": "Full", "creationTime": created })
            })
            .collect();
        Ok(Outcome::Done(Response::json(200, json!({ "keys": keys }))))
    }
}

/// Whether another subscription has an account of this name, or there was one a moment ago.
fn is_anothers(cx: &Cx<'_>, name: &str) -> bool {
    let is_freed = cx.sub.freed_accounts.get(name).is_some_and(|until| *until > cx.now);
    is_freed || cx.accounts_elsewhere.iter().any(|other| other == name)
}

/// Refuses a name that another account has.
fn check_free(cx: &Cx<'_>, draft: &Draft) -> Result<(), ApiError> {
    let name = draft.name();
    if let Some(other) = cx.of_kind(KIND).find(|account| account.name() == name) {
        let group = group_of(&other.id);
        return Err(ApiError::conflict(
            "StorageAccountAlreadyExists",
            format!("The storage account named {name} already exists under the subscription, in the group {group}."),
        ));
    }
    if is_anothers(cx, name) {
        let message = format!("The storage account named {name} is already taken.");
        return Err(ApiError::conflict("StorageAccountAlreadyTaken", message));
    }
    Ok(())
}

/// Completes what a new account shows.
fn begin(cx: &mut Cx<'_>, draft: &mut Draft, name: &str) {
    let now = timestamp(cx.now);
    let mut secret = || STANDARD.encode(cx.ids.hex(64));
    draft.hidden = json!({ "key1": secret(), "key2": secret() });
    let endpoint = |service: &str| json!(format!("https://{name}.{service}.core.windows.net/"));
    let enabled = json!({ "enabled": true, "keyType": "Account", "lastEnabledTime": now });
    let given_key_source = draft.body["properties"]["encryption"]["keySource"].take();
    if given_key_source.is_null() {
        body::default(&mut draft.body, "encryption", json!({}));
    }
    draft.body["properties"]["encryption"]["keySource"] = json!("Microsoft.Storage");
    draft.body["properties"]["encryption"]["services"] = json!({ "blob": enabled, "file": enabled });
    let location = draft.location.clone();
    for (name, value) in [
        ("accessTier", json!("Hot")),
        ("allowBlobPublicAccess", json!(false)),
        ("allowCrossTenantReplication", json!(false)),
        ("minimumTlsVersion", json!("TLS1_0")),
        ("supportsHttpsTrafficOnly", json!(true)),
        (
            "networkAcls",
            json!({ "bypass": "AzureServices", "virtualNetworkRules": [], "ipRules": [], "defaultAction": "Allow" }),
        ),
    ] {
        body::default(&mut draft.body, name, value);
    }
    for (name, value) in [
        ("creationTime", json!(now)),
        ("keyCreationTime", json!({ "key1": now, "key2": now })),
        ("primaryLocation", json!(location)),
        ("statusOfPrimary", json!("available")),
        ("privateEndpointConnections", json!([])),
        (
            "primaryEndpoints",
            json!({
                "blob": endpoint("blob"), "dfs": endpoint("dfs"), "file": endpoint("file"), "queue": endpoint("queue"),
                "table": endpoint("table"),
            }),
        ),
    ] {
        body::set(&mut draft.body, name, value);
    }
    if draft.body["tags"].is_null() {
        draft.body["tags"] = json!({});
    }
}

/// What an account already is stays unless it is given; some of it stays even so.
fn change(draft: &mut Draft, old: &Resource) -> Result<(), ApiError> {
    let mut whole = old.body.clone();
    body::merge(&mut whole, std::mem::take(&mut draft.body));
    let fixed = ["/kind", "/properties/isHnsEnabled", "/properties/isNfsV3Enabled", "/properties/dnsEndpointType"];
    for pointer in fixed {
        if whole.pointer(pointer) != old.body.pointer(pointer) {
            return Err(not_allowed(pointer, whole.pointer(pointer)));
        }
    }
    // Copies in other zones need a conversion, which takes days.
    let zoned = |body: &Value| text(body, "/sku/name").contains("ZRS");
    let premium = |body: &Value| text(body, "/sku/name").starts_with("Premium");
    if zoned(&whole) != zoned(&old.body) || premium(&whole) != premium(&old.body) {
        return Err(not_allowed("/sku/name", whole.pointer("/sku/name")));
    }
    draft.body = whole;
    Ok(())
}

fn not_allowed(pointer: &str, value: Option<&Value>) -> ApiError {
    let (property, value) = (pointer.trim_start_matches('/').replace('/', "."), value.cloned().unwrap_or_default());
    ApiError::bad(
        "InvalidRequestPropertyValue",
        format!(
            "The value '{}' is not allowed for property {property}. For more information, see - \
             https://aka.ms/storageaccounttypes",
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        ),
    )
    .at(&property)
}

/// Some kinds are premium alone, and copies in several zones need zones.
fn check_sku(cx: &Cx<'_>, draft: &Draft) -> Result<(), ApiError> {
    let (sku, kind) = (text(&draft.body, "/sku/name"), text(&draft.body, "/kind"));
    let premium = sku.starts_with("Premium");
    let fits = match kind {
        "FileStorage" | "BlockBlobStorage" => premium,
        "Storage" | "BlobStorage" => !premium && !sku.contains("ZRS"),
        _ => sku != "Premium_ZRS",
    };
    let has_zones = !cx.zones_of(&regions::normal(&draft.location)).is_empty();
    if fits && (has_zones || !sku.contains("ZRS")) {
        return Ok(());
    }
    Err(not_allowed("/sku/name", draft.body.pointer("/sku/name")))
}
