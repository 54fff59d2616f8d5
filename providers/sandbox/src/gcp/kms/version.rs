//! Versions of keys: the material, which can be disabled and destroyed.

use serde_json::{Value, json};

use super::{At, key, missing, refused};
use crate::clock::timestamp;
use crate::gcp::error::ApiError;
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Kind, Nulls, Schema};
use crate::gcp::world::{Cx, Doc, Item, text};
use crate::seal::SealingKey;

/// How long a version that is to be destroyed can be restored, in milliseconds.
const DESTROYED_AFTER: u64 = 30 * 24 * 3_600_000;

const VERSION: Schema = &[
    ("state", Kind::Enum(&["ENABLED", "DISABLED"])),
    ("trustedWrappingEnabled", Kind::Unsupported),
    ("externalProtectionLevelOptions", Kind::Unsupported),
    ("name", Kind::Output),
    ("protectionLevel", Kind::Output),
    ("algorithm", Kind::Output),
    ("createTime", Kind::Output),
    ("generateTime", Kind::Output),
    ("destroyTime", Kind::Output),
    ("destroyEventTime", Kind::Output),
];

fn path(name: &str) -> String {
    format!("kms/versions/{name}")
}

/// Makes the next version of a key, and gives its number.
pub fn make(cx: &mut Cx<'_>, at: &At) -> String {
    let number = (cx.world.under(&path(&at.version(""))).count() + 1).to_string();
    let (name, now) = (at.version(&number), timestamp(cx.now));
    let mut item = Item::new(Doc::from_iter([
        ("name".to_owned(), json!(name)),
        ("state".to_owned(), json!("ENABLED")),
        ("protectionLevel".to_owned(), json!("SOFTWARE")),
        ("algorithm".to_owned(), json!("GOOGLE_SYMMETRIC_ENCRYPTION")),
        ("createTime".to_owned(), json!(now)),
        ("generateTime".to_owned(), json!(now)),
    ]));
    item.hidden.insert("material".to_owned(), json!(SealingKey::new()));
    cx.world.put(&path(&name), item);
    number
}

/// `cryptoKeyVersions.create`. It does not become the one that encrypts.
pub fn create(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    schema::read(VERSION, request.json()?, "", Nulls::Drop)?;
    key::find(cx, at)?;
    let number = make(cx, at);
    Ok(Value::Object(find(cx, at, &number)?.doc))
}

/// `cryptoKeyVersions.get`.
pub fn get(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    Ok(Value::Object(find(cx, at, &at.version)?.doc))
}

/// `cryptoKeyVersions.patch`: enabled or disabled.
pub fn patch(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&["updateMask"])?;
    if request.text("updateMask") != Some("state") {
        return Err(refused("The sandbox changes the state of a version only: updateMask must be 'state'."));
    }
    let body = schema::read(VERSION, request.json()?, "", Nulls::Drop)?;
    let mut item = find(cx, at, &at.version)?;
    if !is_alive(&item) {
        return Err(unusable(&item));
    }
    item.doc.insert("state".to_owned(), json!(text(&body, "state")));
    Ok(keep(cx, item))
}

/// `cryptoKeyVersions.destroy`: unusable at once, and gone after a while.
pub fn destroy(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    request.check_no_body()?;
    let mut item = find(cx, at, &at.version)?;
    if !is_alive(&item) {
        return Err(unusable(&item));
    }
    item.doc.insert("state".to_owned(), json!("DESTROY_SCHEDULED"));
    item.doc.insert("destroyTime".to_owned(), json!(timestamp(cx.now + DESTROYED_AFTER)));
    Ok(keep(cx, item))
}

fn keep(cx: &mut Cx<'_>, item: Item) -> Value {
    let doc = item.doc.clone();
    cx.world.put(&path(item.text("name")), item);
    Value::Object(doc)
}

/// A version by its number.
pub fn find(cx: &Cx<'_>, at: &At, number: &str) -> Result<Item, ApiError> {
    let name = at.version(number);
    let found = cx.world.get(&path(&name)).map(|item| Item::clone(item));
    found.ok_or_else(|| missing("CryptoKeyVersion", &name))
}

/// The material of a version that is enabled.
pub fn usable(cx: &Cx<'_>, at: &At, number: &str) -> Result<SealingKey, ApiError> {
    let item = find(cx, at, number)?;
    if item.text("state") != "ENABLED" {
        return Err(unusable(&item));
    }
    let material = item.hidden.get("material").cloned().unwrap_or_default();
    serde_json::from_value(material).map_err(|_| ApiError::server(500))
}

/// Whether it is not destroyed, and will not be.
pub fn is_alive(item: &Item) -> bool {
    ["ENABLED", "DISABLED"].contains(&item.text("state"))
}

fn unusable(item: &Item) -> ApiError {
    let (name, state) = (item.text("name"), item.text("state"));
    let message = format!("{name} is not enabled, current state is: {state}.");
    ApiError::plain(400, "FAILED_PRECONDITION", message)
}
