//! Persistent disks.

use serde_json::{Value, json};

use super::collection::{Action, Collection, Level, Made, change, get};
use super::path::{Path, Scope};
use super::{image, labels};
use crate::gcp::error::ApiError;
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Kind, Nulls, Schema};
use crate::gcp::world::{Cx, Doc, Item, text};

/// The types of disks.
pub const TYPES: [&str; 7] = [
    "pd-standard",
    "pd-balanced",
    "pd-ssd",
    "pd-extreme",
    "hyperdisk-balanced",
    "hyperdisk-extreme",
    "hyperdisk-throughput",
];

const SCHEMA: Schema = &[
    ("name", Kind::Str),
    ("description", Kind::Str),
    ("sizeGb", Kind::Long),
    ("type", Kind::Ref(&["diskTypes"])),
    ("labels", Kind::Map(&Kind::Str)),
    ("sourceImage", Kind::Ref(&["images"])),
    ("physicalBlockSizeBytes", Kind::Long),
    ("provisionedIops", Kind::Long),
    ("provisionedThroughput", Kind::Long),
    ("architecture", Kind::Enum(&["ARCHITECTURE_UNSPECIFIED", "ARM64", "X86_64"])),
    ("accessMode", Kind::Enum(&["READ_ONLY_MANY", "READ_WRITE_MANY", "READ_WRITE_SINGLE"])),
    ("diskEncryptionKey", Kind::Object(ENCRYPTION_KEY)),
    ("guestOsFeatures", Kind::List(&Kind::Object(FEATURE))),
    ("licenses", Kind::List(&Kind::Str)),
    ("asyncPrimaryDisk", Kind::Unsupported),
    ("enableConfidentialCompute", Kind::Unsupported),
    ("licenseCodes", Kind::Unsupported),
    ("locationHint", Kind::Unsupported),
    ("options", Kind::Unsupported),
    ("params", Kind::Unsupported),
    ("replicaZones", Kind::Unsupported),
    ("resourcePolicies", Kind::Unsupported),
    ("sourceDisk", Kind::Unsupported),
    ("sourceImageEncryptionKey", Kind::Unsupported),
    ("sourceInstantSnapshot", Kind::Unsupported),
    ("sourceMachineImage", Kind::Unsupported),
    ("sourceSnapshot", Kind::Unsupported),
    ("sourceSnapshotEncryptionKey", Kind::Unsupported),
    ("sourceStorageObject", Kind::Unsupported),
    ("storagePool", Kind::Unsupported),
    ("status", Kind::Output),
    ("users", Kind::Output),
    ("lastAttachTimestamp", Kind::Output),
    ("lastDetachTimestamp", Kind::Output),
    ("satisfiesPzi", Kind::Output),
    ("satisfiesPzs", Kind::Output),
    ("sourceImageId", Kind::Output),
];

/// A customer's key: one of Cloud KMS.
pub const ENCRYPTION_KEY: Schema = &[("kmsKeyName", Kind::Str), ("kmsKeyServiceAccount", Kind::Str)];

/// A feature of the system on a disk.
pub const FEATURE: Schema = &[(
    "type",
    Kind::Enum(&[
        "GVNIC",
        "IDPF",
        "MULTI_IP_SUBNET",
        "SECURE_BOOT",
        "SEV_CAPABLE",
        "SEV_LIVE_MIGRATABLE",
        "SEV_LIVE_MIGRATABLE_V2",
        "SEV_SNP_CAPABLE",
        "SUSPEND_SAFE_FPR",
        "TDX_CAPABLE",
        "UEFI_COMPATIBLE",
        "VIRTIO_SCSI_MULTIQUEUE",
        "WINDOWS",
    ]),
)];

/// Disks.
pub const DISKS: Collection = Collection {
    name: "disks",
    methods: "disks",
    one: "disk",
    list: "diskList",
    aggregated: "diskAggregatedList",
    level: Level::Zone,
    schema: SCHEMA,
    actions: &[
        Action { name: "resize", query: &["requestId"], run: resize },
        Action { name: "setLabels", query: &["requestId"], run: labels::set },
    ],
    takes: |pace| pace.volume_creating,
    prepare,
    removing: Some("DELETING"),
    show,
    ..Collection::BASE
};

/// A size in GiB that a disk of the type can have.
pub fn check_size(field: &str, size: u64, kind: &str) -> Result<(), ApiError> {
    let smallest = if kind == "pd-extreme" || kind.starts_with("hyperdisk") { 4 } else { 1 };
    if (smallest..=65_536).contains(&size) {
        return Ok(());
    }
    Err(ApiError::invalid(field, size, &format!("Disk size must be between {smallest} and 65536 GB.")))
}

fn prepare(_: &mut Cx<'_>, path: &Path, doc: &mut Doc, _: Option<&Item>) -> Result<Made, ApiError> {
    let Scope::Zone(zone) = &path.scope else { return Err(ApiError::not_found(path)) };
    let usual = path.beside("diskTypes", "pd-standard").url();
    let link = doc.entry("type").or_insert_with(|| json!(usual));
    let kind = Path::of_url(link.as_str().unwrap_or_default());
    let Some(kind) = kind.filter(|kind| kind.scope == path.scope) else {
        return Err(ApiError::invalid("resource.type", &*link, &format!("Must be a disk type of zone '{zone}'.")));
    };
    let source = Path::of_url(text(doc, "sourceImage")).and_then(|path| image::find(&path));
    if let Some(source) = source {
        doc.insert("sourceImage".to_owned(), json!(source.url()));
        doc.insert("architecture".to_owned(), json!(if source.arm { "ARM64" } else { "X86_64" }));
    }
    let size = match (doc.get("sizeGb").and_then(Value::as_str).map(str::parse::<u64>), source) {
        (Some(Ok(size)), _) => size,
        (Some(Err(_)), _) => return Err(ApiError::invalid("resource.sizeGb", &doc["sizeGb"], "Not a size.")),
        (None, Some(_)) => image::SIZE_GIB,
        (None, None) if kind.name.starts_with("hyperdisk") => 100,
        (None, None) => 500,
    };
    check_size("resource.sizeGb", size, &kind.name)?;
    if source.is_some() && size < image::SIZE_GIB {
        let why = format!("Requested disk size cannot be smaller than the image size ({} GB)", image::SIZE_GIB);
        return Err(ApiError::invalid("resource.sizeGb", size, &why));
    }
    let provisioned = ["provisionedIops", "provisionedThroughput"].into_iter().find(|field| doc.contains_key(*field));
    if let Some(field) = provisioned.filter(|_| !kind.name.starts_with("hyperdisk") && kind.name != "pd-extreme") {
        return Err(ApiError::invalid(&format!("resource.{field}"), &doc[field], "The disk type has no such setting."));
    }
    doc.insert("sizeGb".to_owned(), json!(size.to_string()));
    doc.entry("physicalBlockSizeBytes").or_insert_with(|| json!("4096"));
    doc.insert("status".to_owned(), json!("READY"));
    Ok(Made { during: vec![("status", "CREATING")], ..Made::default() })
}

/// Makes a disk as `insert` would, for an instance.
pub fn make(cx: &mut Cx<'_>, path: &Path, mut doc: Doc) -> Result<Item, ApiError> {
    if cx.world.get(&path.to_string()).is_some() {
        return Err(ApiError::exists(path));
    }
    doc.insert("name".to_owned(), json!(path.name));
    prepare(cx, path, &mut doc, None)?;
    super::collection::stamp(cx, &mut doc);
    Ok(Item::new(doc))
}

/// The instances that have a disk, by URL.
pub fn users(cx: &Cx<'_>, path: &Path) -> Vec<String> {
    let (url, prefix) = (path.url(), format!("projects/{}/{}/instances/", path.project, path.scope));
    cx.world
        .under(&prefix)
        .filter(|(_, item)| item.doc.get("disks").is_some_and(|disks| super::reference::mentions(disks, &url)))
        .map(|(key, _)| super::path::url(key))
        .collect()
}

fn show(cx: &Cx<'_>, path: &Path, _: &Item, doc: &mut Doc) {
    let users = users(cx, path);
    if !users.is_empty() {
        doc.insert("users".to_owned(), json!(users));
    }
}

const SIZE: Schema = &[("sizeGb", Kind::Long)];

/// `resize`: disks only grow.
fn resize(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let body = schema::read(SIZE, request.json()?, "", Nulls::Drop)?;
    let mut next = Item::clone(&*get(cx, path)?);
    let wanted = text(&body, "sizeGb").parse::<u64>().map_err(|_| ApiError::required("sizeGb"))?;
    let present = next.text("sizeGb").parse::<u64>().unwrap_or_default();
    if wanted <= present {
        let why = format!("New disk size must be larger than the present one, {present} GB.");
        return Err(ApiError::invalid("sizeGb", wanted, &why));
    }
    let kind = next.text("type").rsplit('/').next().unwrap_or_default().to_owned();
    check_size("sizeGb", wanted, &kind)?;
    next.doc.insert("sizeGb".to_owned(), json!(wanted.to_string()));
    let takes = cx.pace.volume_modifying;
    change(cx, path, request, "resizeDisk", next, Vec::new(), takes)
}
