//! Key rings and keys. Neither is ever removed.

use serde_json::{Value, json};

use super::{At, exists, missing, new_name, refused, version};
use crate::clock::timestamp;
use crate::gcp::error::ApiError;
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Kind, Nulls, Schema};
use crate::gcp::world::{Cx, Doc, Item, text};

const RING: Schema = &[("name", Kind::Output), ("createTime", Kind::Output)];

const TEMPLATE: Schema =
    &[("protectionLevel", Kind::Enum(&["SOFTWARE"])), ("algorithm", Kind::Enum(&["GOOGLE_SYMMETRIC_ENCRYPTION"]))];

const KEY: Schema = &[
    ("purpose", Kind::Enum(&["ENCRYPT_DECRYPT"])),
    ("versionTemplate", Kind::Object(TEMPLATE)),
    ("labels", Kind::Map(&Kind::Str)),
    ("destroyScheduledDuration", Kind::Str),
    ("rotationPeriod", Kind::Unsupported),
    ("nextRotationTime", Kind::Unsupported),
    ("importOnly", Kind::Unsupported),
    ("cryptoKeyBackend", Kind::Unsupported),
    ("keyAccessJustificationsPolicy", Kind::Unsupported),
    ("name", Kind::Output),
    ("createTime", Kind::Output),
    ("primary", Kind::Output),
];

const PRIMARY: Schema = &[("cryptoKeyVersionId", Kind::Str)];

fn ring_path(name: &str) -> String {
    format!("kms/rings/{name}")
}

fn path(name: &str) -> String {
    format!("kms/keys/{name}")
}

/// `keyRings.create`.
pub fn create_ring(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&["keyRingId"])?;
    schema::read(RING, request.json()?, "", Nulls::Drop)?;
    let name = format!("{}/keyRings/{}", at.parent(), new_name(request, "keyRingId")?);
    if cx.world.get(&ring_path(&name)).is_some() {
        return Err(exists("KeyRing", &name));
    }
    let doc = Doc::from_iter([("name".to_owned(), json!(name)), ("createTime".to_owned(), json!(timestamp(cx.now)))]);
    cx.world.put(&ring_path(&name), Item::new(doc.clone()));
    Ok(Value::Object(doc))
}

/// `keyRings.get`.
pub fn get_ring(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    let ring = cx.world.get(&ring_path(&at.ring())).ok_or_else(|| missing("KeyRing", &at.ring()))?;
    Ok(Value::Object(ring.doc.clone()))
}

/// `cryptoKeys.create`: the key and its first version.
pub fn create(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&["cryptoKeyId", "skipInitialVersionCreation"])?;
    let mut doc = schema::read(KEY, request.json()?, "", Nulls::Drop)?;
    if text(&doc, "purpose").is_empty() {
        return Err(refused("The request field 'crypto_key.purpose' is required."));
    }
    if cx.world.get(&ring_path(&at.ring())).is_none() {
        return Err(missing("KeyRing", &at.ring()));
    }
    let at = At {
        project: at.project.clone(),
        location: at.location.clone(),
        ring: at.ring.clone(),
        key: new_name(request, "cryptoKeyId")?.to_owned(),
        version: String::new(),
    };
    if cx.world.get(&path(&at.key())).is_some() {
        return Err(exists("CryptoKey", &at.key()));
    }
    let template = json!({ "protectionLevel": "SOFTWARE", "algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION" });
    doc.insert("versionTemplate".to_owned(), template);
    doc.entry("destroyScheduledDuration").or_insert_with(|| json!("2592000s"));
    doc.insert("name".to_owned(), json!(at.key()));
    doc.insert("createTime".to_owned(), json!(timestamp(cx.now)));
    let mut item = Item::new(doc);
    if request.flag("skipInitialVersionCreation")? != Some(true) {
        let first = version::make(cx, &at);
        item.hidden.insert("primary".to_owned(), json!(first));
    }
    cx.world.put(&path(&at.key()), item);
    get(cx, &at, request)
}

/// `cryptoKeys.get`, and what other methods answer with.
pub fn get(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&["cryptoKeyId", "skipInitialVersionCreation"])?;
    let mut doc = find(cx, at)?.doc;
    if let Some(primary) = primary(cx, at)? {
        doc.insert("primary".to_owned(), Value::Object(version::find(cx, at, &primary)?.doc));
    }
    Ok(Value::Object(doc))
}

/// `cryptoKeys.updatePrimaryVersion`.
pub fn update_primary(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    let body = schema::read(PRIMARY, request.json()?, "", Nulls::Drop)?;
    let asked = text(&body, "cryptoKeyVersionId");
    version::usable(cx, at, asked)?;
    let mut key = find(cx, at)?;
    key.hidden.insert("primary".to_owned(), json!(asked));
    cx.world.put(&path(&at.key()), key);
    get(cx, at, request)
}

/// A key.
pub fn find(cx: &Cx<'_>, at: &At) -> Result<Item, ApiError> {
    let found = cx.world.get(&path(&at.key())).map(|item| Item::clone(item));
    found.ok_or_else(|| missing("CryptoKey", &at.key()))
}

/// The version that encrypts.
pub fn primary(cx: &Cx<'_>, at: &At) -> Result<Option<String>, ApiError> {
    Ok(find(cx, at)?.hidden.get("primary").and_then(Value::as_str).map(str::to_owned))
}
