//! Labels.

use serde_json::{Value, json};

use super::collection::{change, fingerprint, get};
use super::path::Path;
use crate::gcp::error::ApiError;
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Kind, Nulls, Schema};
use crate::gcp::world::{Cx, Doc, Item};

/// What `setLabels` reads.
const SCHEMA: Schema = &[("labels", Kind::Map(&Kind::Str)), ("labelFingerprint", Kind::Bytes)];

/// Refuses labels that there cannot be (cloud.google.com/compute/docs/labeling-resources).
pub fn check(doc: &Doc) -> Result<(), ApiError> {
    let Some(labels) = doc.get("labels").and_then(Value::as_object) else { return Ok(()) };
    if labels.len() > 64 {
        return Err(ApiError::invalid("resource.labels", labels.len(), "There can be at most 64 labels."));
    }
    let allowed = |text: &str| {
        text.chars().count() <= 63
            && text.chars().all(|c| c == '-' || c == '_' || (c.is_alphanumeric() && c.to_lowercase().eq([c])))
    };
    for (key, value) in labels {
        let value = value.as_str().unwrap_or_default();
        if !allowed(key) || !key.starts_with(char::is_alphabetic) || !allowed(value) {
            let field = format!("resource.labels[{key}]");
            return Err(ApiError::invalid(&field, value, "Labels are lower-case letters, digits, '-' and '_'."));
        }
    }
    Ok(())
}

/// `setLabels`, with the fingerprint of the labels that are replaced.
pub fn set(cx: &mut Cx<'_>, path: &Path, request: &Request) -> Result<Value, ApiError> {
    let body = schema::read(SCHEMA, request.json()?, "", Nulls::Drop)?;
    check(&body)?;
    let mut next = Item::clone(&*get(cx, path)?);
    if body.get("labelFingerprint") != Some(&json!(fingerprint(next.doc.get("labels")))) {
        return Err(ApiError::condition("Labels fingerprint either invalid or resource labels have changed"));
    }
    match body.get("labels") {
        Some(labels) if labels.as_object().is_some_and(|labels| !labels.is_empty()) => {
            next.doc.insert("labels".to_owned(), labels.clone());
        }
        _ => drop(next.doc.remove("labels")),
    }
    let takes = cx.pace.operation;
    change(cx, path, request, "setLabels", next, Vec::new(), takes)
}
