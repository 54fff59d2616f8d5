//! Instances: records with a status. Nothing boots.

use serde_json::{Value, json};

use super::collection::{Collection, Level, Made, check_name, fingerprint};
use super::instance_action::ACTIONS;
use super::instance_schema::INSTANCE;
use super::path::{Path, Scope};
use super::{address, disk, image, machine_type};
use crate::clock::timestamp;
use crate::gcp::error::ApiError;
use crate::gcp::iam;
use crate::gcp::operation::{Change, Failure};
use crate::gcp::world::{Cx, Doc, Item, text};

/// Instances.
pub const INSTANCES: Collection = Collection {
    name: "instances",
    methods: "instances",
    one: "instance",
    list: "instanceList",
    aggregated: "instanceAggregatedList",
    level: Level::Zone,
    schema: INSTANCE,
    required: &["machineType", "disks", "networkInterfaces"],
    actions: ACTIONS,
    quota: |quotas| Some(("INSTANCES", quotas.instances)),
    takes: |pace| pace.instance_pending,
    prepare: |cx, path, doc, _| prepare(cx, path, doc),
    removal,
    removing: Some("STOPPING"),
    show,
    ..Collection::BASE
};

/// Checks what is to become an instance, fills it in, and makes its disks.
pub fn prepare(cx: &mut Cx<'_>, path: &Path, doc: &mut Doc) -> Result<Made, ApiError> {
    let kind = Path::of_url(text(doc, "machineType")).filter(|kind| kind.scope == path.scope);
    let Some(kind) = kind else {
        let why = "The machine type is in another zone.";
        return Err(ApiError::invalid("resource.machineType", text(doc, "machineType"), why));
    };
    let shape = machine_type::shape(&kind.name).ok_or_else(|| ApiError::not_found(&kind))?;
    check_machine(doc, "resource")?;
    for (field, value) in [("canIpForward", json!(false)), ("deletionProtection", json!(false))] {
        doc.entry(field).or_insert(value);
    }
    let also = disks(cx, path, doc, shape.arm)?;
    let failure = interfaces(cx, path, doc)?.or_else(|| stranger(cx, doc));
    doc.insert("status".to_owned(), json!("RUNNING"));
    doc.insert("lastStartTimestamp".to_owned(), json!(timestamp(cx.now)));
    let mut hidden = Doc::new();
    hidden.insert("started".to_owned(), json!(cx.now + cx.pace.instance_pending));
    Ok(Made { during: vec![("status", "PROVISIONING")], also, hidden, failure, ..Made::default() })
}

/// Checks what instances and templates share, and fills in what the service would.
pub fn check_machine(doc: &mut Doc, at: &str) -> Result<(), ApiError> {
    let scheduling = doc.entry("scheduling").or_insert_with(|| json!({}));
    if let Some(scheduling) = scheduling.as_object_mut() {
        let spot = scheduling.get("provisioningModel") == Some(&json!("SPOT"))
            || scheduling.get("preemptible") == Some(&json!(true));
        let usual = [
            ("provisioningModel", json!(if spot { "SPOT" } else { "STANDARD" })),
            ("preemptible", json!(spot)),
            ("onHostMaintenance", json!(if spot { "TERMINATE" } else { "MIGRATE" })),
            ("automaticRestart", json!(!spot)),
        ];
        for (field, value) in usual {
            let given = scheduling.entry(field).or_insert_with(|| value.clone());
            if spot && *given != value {
                let why = "Spot instances are not restarted and not migrated.";
                return Err(ApiError::invalid(&format!("{at}.scheduling.{field}"), given, why));
            }
        }
        if !spot && scheduling.contains_key("instanceTerminationAction") {
            let why = "Only Spot instances have a termination action.";
            return Err(ApiError::invalid(&format!("{at}.scheduling.instanceTerminationAction"), "", why));
        }
    }
    let shielded = doc.entry("shieldedInstanceConfig").or_insert_with(|| json!({}));
    if let Some(shielded) = shielded.as_object_mut() {
        for (field, usual) in [("enableSecureBoot", false), ("enableVtpm", true), ("enableIntegrityMonitoring", true)] {
            shielded.entry(field).or_insert(json!(usual));
        }
    }
    check_metadata(doc.get("metadata"), at)?;
    check_tags(doc.get("tags"), at)?;
    // What a client sends of fingerprints when it makes something means nothing.
    for field in ["metadata", "tags"] {
        if let Some(part) = doc.get_mut(field).and_then(Value::as_object_mut) {
            part.remove("fingerprint");
        }
    }
    let accounts = doc.get("serviceAccounts").and_then(Value::as_array).cloned().unwrap_or_default();
    if accounts.len() > 1 {
        let why = "At most one service account can be given.";
        return Err(ApiError::invalid(&format!("{at}.serviceAccounts"), accounts.len(), why));
    }
    accounts.iter().try_for_each(|account| check_account(account, at))
}

/// The identity of a machine that does not exist. Google's own accounts always do.
fn stranger(cx: &Cx<'_>, doc: &Doc) -> Option<Failure> {
    let email = doc.get("serviceAccounts")?.get(0)?["email"].as_str()?;
    let exists =
        email == "default" || email.ends_with("@developer.gserviceaccount.com") || iam::usable(cx, email).is_some();
    (!exists).then(|| Failure::no_account(email))
}

/// Refuses an identity without address or scopes.
pub fn check_account(account: &Value, at: &str) -> Result<(), ApiError> {
    let email = account["email"].as_str().unwrap_or_default();
    if email != "default" && !email.contains('@') {
        return Err(ApiError::invalid(&format!("{at}.serviceAccounts[0].email"), email, "Must be an e-mail address."));
    }
    let scopes: Vec<&str> = account["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match scopes.iter().find(|scope| !scope.starts_with("https://www.googleapis.com/auth/")) {
        Some(scope) => Err(ApiError::invalid(&format!("{at}.serviceAccounts[0].scopes"), scope, "Not a scope.")),
        None if scopes.is_empty() => Err(ApiError::required(&format!("{at}.serviceAccounts[0].scopes"))),
        None => Ok(()),
    }
}

/// Refuses metadata that there cannot be (cloud.google.com/compute/docs/metadata/setting-custom-metadata#limitations).
pub fn check_metadata(metadata: Option<&Value>, at: &str) -> Result<(), ApiError> {
    let items = metadata.and_then(|metadata| metadata["items"].as_array()).cloned().unwrap_or_default();
    let mut total = 0;
    for (index, item) in items.iter().enumerate() {
        let (key, value) = (item["key"].as_str().unwrap_or_default(), item["value"].as_str().unwrap_or_default());
        let field = format!("{at}.metadata.items[{index}]");
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if key.is_empty() || key.len() > 128 || !key.bytes().all(allowed) {
            return Err(ApiError::invalid(&format!("{field}.key"), key, "Must match [a-zA-Z0-9-_]{1,128}."));
        }
        if items[..index].iter().any(|other| other["key"] == key) {
            return Err(ApiError::invalid(&format!("{field}.key"), key, "Metadata has duplicate key."));
        }
        if value.len() > 256 * 1_024 {
            return Err(ApiError::invalid(&format!("{field}.value"), value.len(), "At most 262144 bytes are allowed."));
        }
        total += key.len() + value.len();
    }
    if total > 512 * 1_024 {
        return Err(ApiError::invalid(&format!("{at}.metadata"), total, "At most 524288 bytes are allowed in all."));
    }
    Ok(())
}

/// Refuses tags that there cannot be.
pub fn check_tags(tags: Option<&Value>, at: &str) -> Result<(), ApiError> {
    let items = tags.and_then(|tags| tags["items"].as_array()).cloned().unwrap_or_default();
    if items.len() > 64 {
        return Err(ApiError::invalid(&format!("{at}.tags"), items.len(), "At most 64 tags are allowed."));
    }
    items.iter().try_for_each(|tag| check_name(&format!("{at}.tags.items"), tag.as_str().unwrap_or_default()))
}

/// Checks the disks, and makes those that come with the instance.
fn disks(cx: &mut Cx<'_>, path: &Path, doc: &mut Doc, arm: bool) -> Result<Vec<(Path, Item)>, ApiError> {
    let mut disks = doc.remove("disks").and_then(|disks| disks.as_array().cloned()).unwrap_or_default();
    if disks.first().is_none_or(|first| first["boot"] != json!(true)) {
        return Err(ApiError::invalid("resource.disks[0].boot", "", "The first disk must be the boot disk."));
    }
    let mut also = Vec::new();
    let mut devices = Vec::new();
    for (index, attached) in disks.iter_mut().filter_map(Value::as_object_mut).enumerate() {
        let at = format!("resource.disks[{index}]");
        match (attached.remove("initializeParams"), text(attached, "source").to_owned()) {
            (Some(parameters), source) if source.is_empty() => {
                let made = new_disk(cx, path, attached, &parameters, index)?;
                attached.insert("source".to_owned(), json!(made.0.url()));
                attached.insert("diskSizeGb".to_owned(), made.1.doc["sizeGb"].clone());
                also.push(made);
            }
            (None, source) if !source.is_empty() => {
                let size = check_source(cx, path, &source, &at)?;
                attached.insert("diskSizeGb".to_owned(), json!(size));
            }
            _ => {
                let why = "Exactly one of source and initializeParams must be given.";
                return Err(ApiError::invalid(&format!("{at}.source"), "", why));
            }
        }
        if index == 0 {
            check_boot(cx, attached, &also, arm, &at)?;
        } else if attached.get("boot") == Some(&json!(true)) {
            return Err(ApiError::invalid(&format!("{at}.boot"), true, "Only the first disk can be the boot disk."));
        }
        fill_in(attached, index);
        let device = text(attached, "deviceName").to_owned();
        if devices.contains(&device) {
            return Err(ApiError::invalid(&format!("{at}.deviceName"), device, "The device name is given twice."));
        }
        devices.push(device);
    }
    doc.insert("disks".to_owned(), Value::Array(disks));
    Ok(also)
}

/// What the service says of every attached disk.
pub fn fill_in(attached: &mut Doc, index: usize) {
    for (field, value) in [
        ("kind", json!("compute#attachedDisk")),
        ("type", json!("PERSISTENT")),
        ("mode", json!("READ_WRITE")),
        ("interface", json!("SCSI")),
        ("autoDelete", json!(false)),
        ("boot", json!(false)),
        ("deviceName", json!(format!("persistent-disk-{index}"))),
    ] {
        attached.entry(field).or_insert(value);
    }
    attached.insert("index".to_owned(), json!(index));
}

fn new_disk(
    cx: &mut Cx<'_>,
    path: &Path,
    attached: &Doc,
    parameters: &Value,
    index: usize,
) -> Result<(Path, Item), ApiError> {
    let mut doc = Doc::new();
    let fields = ["sourceImage", "description", "labels", "licenses", "provisionedIops", "provisionedThroughput"]
        .map(|f| (f, f));
    for (from, to) in fields.into_iter().chain([("diskSizeGb", "sizeGb"), ("diskType", "type")]) {
        if let Some(value) = parameters.get(from) {
            doc.insert(to.to_owned(), value.clone());
        }
    }
    if let Some(key) = attached.get("diskEncryptionKey") {
        doc.insert("diskEncryptionKey".to_owned(), key.clone());
    }
    if let (None, Some(size)) = (doc.get("sizeGb"), attached.get("diskSizeGb")) {
        doc.insert("sizeGb".to_owned(), size.clone());
    }
    let usual = if index == 0 { path.name.clone() } else { format!("{}-{index}", path.name) };
    let name = parameters["diskName"].as_str().unwrap_or(&usual);
    check_name("resource.disks.initializeParams.diskName", name)?;
    let path = path.beside("disks", name);
    Ok((path.clone(), disk::make(cx, &path, doc)?))
}

/// Checks that an existing disk can be attached to an instance and gives its size.
pub fn check_source(cx: &Cx<'_>, path: &Path, source: &str, at: &str) -> Result<String, ApiError> {
    let disk = Path::of_url(source).filter(|disk| disk.scope == path.scope);
    let Some(disk) = disk else {
        return Err(ApiError::invalid(&format!("{at}.source"), source, "The disk is in another zone."));
    };
    let item = super::collection::ready(cx, &disk)?;
    match disk::users(cx, &disk).into_iter().next() {
        Some(user) => Err(ApiError::in_use("disk", &disk, Path::of_url(&user).map_or(user, |user| user.to_string()))),
        None => Ok(item.text("sizeGb").to_owned()),
    }
}

/// The boot disk must have a system, and one for the machine.
fn check_boot(cx: &Cx<'_>, attached: &Doc, also: &[(Path, Item)], arm: bool, at: &str) -> Result<(), ApiError> {
    let source = Path::of_url(text(attached, "source"));
    let made = also.iter().find(|(path, _)| Some(path) == source.as_ref()).map(|(_, item)| item);
    let kept = source.as_ref().and_then(|path| cx.world.get(&path.to_string())).map(|item| &**item);
    let image = made.or(kept).and_then(|item| image::find(&Path::of_url(item.text("sourceImage"))?));
    match image {
        None => {
            Err(ApiError::invalid(&format!("{at}.source"), text(attached, "source"), "The boot disk has no image."))
        }
        Some(image) if image.arm != arm => {
            let why = "The architecture of the image is not that of the machine type.";
            Err(ApiError::invalid(&format!("{at}.initializeParams.sourceImage"), image.url(), why))
        }
        Some(_) => Ok(()),
    }
}

/// Checks the network interface and gives it its addresses. A private address that somebody has is found out only by
/// the operation.
fn interfaces(cx: &mut Cx<'_>, path: &Path, doc: &mut Doc) -> Result<Option<Failure>, ApiError> {
    let mut interfaces = doc.remove("networkInterfaces").and_then(|all| all.as_array().cloned()).unwrap_or_default();
    let at = "resource.networkInterfaces";
    let count = interfaces.len();
    let Some(interface) = interfaces.first_mut().and_then(Value::as_object_mut).filter(|_| count == 1) else {
        return Err(ApiError::invalid(at, count, "The sandbox allows exactly one network interface."));
    };
    let link = text(interface, "subnetwork").to_owned();
    let subnet = Path::of_url(&link).ok_or_else(|| ApiError::required(&format!("{at}[0].subnetwork")))?;
    if subnet.region() != path.region() {
        return Err(ApiError::invalid(&format!("{at}[0].subnetwork"), link, "The subnetwork is in another region."));
    }
    let network = super::collection::get(cx, &subnet)?.text("network").to_owned();
    if *interface.entry("network").or_insert_with(|| json!(network)) != json!(network) {
        return Err(ApiError::invalid(
            &format!("{at}[0].network"),
            &interface["network"],
            "The subnetwork is of another.",
        ));
    }
    let mut failure = None;
    let private = match text(interface, "networkIP") {
        "" => address::free(cx, &subnet).ok_or_else(|| address::exhausted(&subnet))?,
        wanted => {
            let found = address::check(cx, &subnet, wanted, &format!("{at}[0].networkIP"))?;
            failure = address::holder(cx, &subnet, found).map(|_| Failure::address_in_use(found));
            found
        }
    };
    interface.insert("networkIP".to_owned(), json!(private));
    interface.insert("name".to_owned(), json!("nic0"));
    interface.insert("kind".to_owned(), json!("compute#networkInterface"));
    interface.entry("stackType").or_insert_with(|| json!("IPV4_ONLY"));
    let configs = interface.remove("accessConfigs").and_then(|configs| configs.as_array().cloned()).unwrap_or_default();
    if configs.len() > 1 {
        return Err(ApiError::invalid(&format!("{at}[0].accessConfigs"), configs.len(), "At most one can be given."));
    }
    if let Some(config) = configs.into_iter().next().and_then(|config| config.as_object().cloned()) {
        let config = access(cx, path, config, &format!("{at}[0].accessConfigs[0]"))?;
        interface.insert("accessConfigs".to_owned(), json!([config]));
    }
    doc.insert("networkInterfaces".to_owned(), Value::Array(interfaces));
    Ok(failure)
}

/// Gives an interface its public address: the reserved one that it names, or any.
pub fn access(cx: &mut Cx<'_>, path: &Path, mut config: Doc, at: &str) -> Result<Doc, ApiError> {
    let public = match text(&config, "natIP") {
        "" => address::external(cx),
        wanted => {
            let Some((reserved, item)) = address::reserved_external(cx, path, wanted) else {
                let why = "The specified external IP address was not found in the region.";
                return Err(ApiError::invalid(&format!("{at}.natIP"), wanted, why));
            };
            if let Some(user) = address::users(cx, &reserved, &item).into_iter().next() {
                let message = format!("External IP address: {wanted} is already in-use by '{user}'.");
                return Err(ApiError::new(400, "resourceInUseByAnotherResource", message));
            }
            wanted.to_owned()
        }
    };
    config.insert("natIP".to_owned(), json!(public));
    config.insert("kind".to_owned(), json!("compute#accessConfig"));
    config.entry("type").or_insert_with(|| json!("ONE_TO_ONE_NAT"));
    config.entry("name").or_insert_with(|| json!("External NAT"));
    config.entry("networkTier").or_insert_with(|| json!("PREMIUM"));
    Ok(config)
}

/// The disks that go with an instance when it goes.
pub fn own_disks(item: &Item) -> Vec<String> {
    let disks = item.doc.get("disks").and_then(Value::as_array).into_iter().flatten();
    disks
        .filter(|attached| attached["autoDelete"] == json!(true))
        .filter_map(|attached| Path::of_url(attached["source"].as_str()?))
        .map(|path| path.to_string())
        .collect()
}

fn removal(_: &mut Cx<'_>, _: &Path, item: &Item) -> Result<Vec<Change>, ApiError> {
    if item.doc.get("deletionProtection") == Some(&json!(true)) {
        let message = "Invalid resource usage: 'Resource cannot be deleted if it's protected against deletion. Make \
                       sure to disable deletion protection before deletion.'.";
        return Err(ApiError::new(400, "invalidResourceUsage", message));
    }
    Ok(own_disks(item).into_iter().map(Change::Remove).collect())
}

fn show(_: &Cx<'_>, path: &Path, item: &Item, doc: &mut Doc) {
    doc.insert("fingerprint".to_owned(), json!(fingerprint(Some(&Value::Object(item.doc.clone())))));
    doc.insert("cpuPlatform".to_owned(), json!("Intel Cascade Lake"));
    doc.insert("startRestricted".to_owned(), json!(false));
    if let Scope::Zone(zone) = &path.scope {
        doc.insert("resourceStatus".to_owned(), json!({ "scheduling": {}, "physicalHost": format!("/{zone}/0") }));
    }
    for field in ["metadata", "tags"] {
        let print = fingerprint(item.doc.get(field));
        let part = doc.entry(field).or_insert_with(|| json!({}));
        part["fingerprint"] = json!(print);
        if field == "metadata" {
            part["kind"] = json!("compute#metadata");
        }
    }
    for interface in doc.get_mut("networkInterfaces").and_then(Value::as_array_mut).into_iter().flatten() {
        interface["fingerprint"] = json!(fingerprint(Some(interface)));
    }
}
