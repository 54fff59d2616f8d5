//! `globalOperations`, `regionOperations` and `zoneOperations`.

use serde_json::Value;

use super::path::Path;
use crate::gcp::error::ApiError;
use crate::gcp::operation;
use crate::gcp::page::{LIST_QUERY, page};
use crate::gcp::request::Request;
use crate::gcp::world::Cx;

/// `get`, and `wait` once the waiting is over.
pub fn get(cx: &Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    request.check_no_body()?;
    let wanted = path.to_string();
    operation::of(cx, &path.project, &path.scope)
        .find(|(key, ..)| **key == wanted)
        .map(|(_, operation, ended)| operation.view(cx.now, ended))
        .ok_or_else(|| ApiError::not_found(&wanted))
}

/// `list`.
pub fn list(cx: &Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&LIST_QUERY)?;
    let mut all: Vec<(String, Value)> = operation::of(cx, &path.project, &path.scope)
        .map(|(key, operation, ended)| (key.clone(), operation.view(cx.now, ended)))
        .collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    let known = |field: &str| ["name", "operationType", "status", "targetLink", "targetId", "id"].contains(&field);
    let parent = format!("projects/{}/{}/operations", path.project, path.scope);
    Ok(page(cx, request, all, known)?.answer("compute#operationList", &parent))
}
