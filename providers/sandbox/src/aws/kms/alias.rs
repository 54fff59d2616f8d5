//! Aliases: names that lead to keys and may be led elsewhere.

use serde::Deserialize;
use serde_json::Value;

use super::{find, not_found, validation};
use crate::aws::{ApiError, Cx};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Lead {
    alias_name: String,
    target_key_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Named {
    alias_name: String,
}

pub fn create(cx: &mut Cx<'_>, ask: &Lead) -> Result<Value, ApiError> {
    let name = ask.alias_name.as_str();
    let fits = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
    let rest = name.strip_prefix("alias/").unwrap_or_default();
    if rest.is_empty() || rest.starts_with("aws/") || name.len() > 256 || !rest.chars().all(fits) {
        return Err(ApiError::bad("InvalidAliasNameException", format!("{name} is no name of an alias")));
    }
    if cx.here().kms.aliases.contains_key(name) {
        let arn = cx.arn("kms", name);
        return Err(ApiError::bad("AlreadyExistsException", format!("An alias with the name {arn} already exists")));
    }
    lead(cx, ask)
}

pub fn update(cx: &mut Cx<'_>, ask: &Lead) -> Result<Value, ApiError> {
    check(cx, &ask.alias_name)?;
    lead(cx, ask)
}

pub fn delete(cx: &mut Cx<'_>, ask: &Named) -> Result<Value, ApiError> {
    check(cx, &ask.alias_name)?;
    cx.here().kms.aliases.remove(&ask.alias_name);
    cx.dirty_region();
    Ok(Value::Null)
}

fn check(cx: &mut Cx<'_>, name: &str) -> Result<(), ApiError> {
    if cx.here().kms.aliases.contains_key(name) {
        return Ok(());
    }
    Err(not_found(format!("Alias {} is not found.", cx.arn("kms", name))))
}

fn lead(cx: &mut Cx<'_>, ask: &Lead) -> Result<Value, ApiError> {
    if ask.target_key_id.contains("alias/") {
        return Err(validation("An alias leads to a key and not to an alias"));
    }
    let id = find(cx, &ask.target_key_id)?;
    cx.here().kms.aliases.insert(ask.alias_name.clone(), id);
    cx.dirty_region();
    Ok(Value::Null)
}
