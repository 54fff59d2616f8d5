//! What became of changes of zones.

use serde_json::{Value, json};

use super::{At, listed, missing, next_number, numbered, page, with_status};
use crate::clock::timestamp;
use crate::gcp::error::ApiError;
use crate::gcp::request::Request;
use crate::gcp::world::{Cx, Doc, Item};

/// Begins the operation that a changed zone answers with.
pub fn begin(cx: &mut Cx<'_>, at: &At, old: &Doc, new: &Doc) -> Value {
    let (id, path) = next_number(cx, &at.prefix("operations"));
    let mut item = Item::new(Doc::from_iter([
        ("kind".to_owned(), json!("dns#operation")),
        ("id".to_owned(), json!(id)),
        ("type".to_owned(), json!("update")),
        ("startTime".to_owned(), json!(timestamp(cx.now))),
        ("user".to_owned(), json!("sandbox@meridian.invalid")),
        ("zoneContext".to_owned(), json!({ "oldValue": old, "newValue": new })),
    ]));
    item.hidden.insert("begun".to_owned(), json!(cx.now));
    let view = with_status(cx, &item);
    cx.world.put(&path, item);
    view
}

/// `managedZoneOperations.get`.
pub fn get(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&["clientOperationId"])?;
    let item = numbered(cx, &at.prefix("operations"), &at.name);
    item.map(|item| with_status(cx, item)).ok_or_else(|| missing("parameters.operation", &at.name))
}

/// `managedZoneOperations.list`.
pub fn list(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&["maxResults", "pageToken"])?;
    let prefix = at.prefix("operations");
    let all = cx.world.under(&prefix).map(|(path, item)| (path.clone(), with_status(cx, item)));
    Ok(listed(page(cx, request, all)?, "managedZoneOperationsListResponse", "operations"))
}
