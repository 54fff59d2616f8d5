//! Keys: made, looked at, disabled, and deleted after a while.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{find, validation};
use crate::aws::{ApiError, Cx, Millis};
use crate::seal::SealingKey;

/// A day, in milliseconds.
const DAY: Millis = 86_400_000;

/// The shortest, the longest and the usual wait before a key is deleted, in days.
const WINDOW: (u64, u64, u64) = (7, 30, 30);

/// A symmetric key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Key {
    /// A UUID.
    pub id: String,
    pub created: Millis,
    pub description: String,
    pub enabled: bool,
    /// When it will be deleted, if it will.
    pub deletion: Option<Millis>,
    /// By name.
    pub tags: BTreeMap<String, String>,
    pub material: SealingKey,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Create {
    #[serde(default)]
    description: String,
    key_usage: Option<String>,
    key_spec: Option<String>,
    origin: Option<String>,
    multi_region: Option<bool>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    tag_key: String,
    tag_value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Named {
    key_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Describe {
    key_id: String,
    #[serde(default, rename = "GrantTokens")]
    _grant_tokens: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Schedule {
    key_id: String,
    pending_window_in_days: Option<u64>,
}

pub fn create(cx: &mut Cx<'_>, ask: Create) -> Result<Value, ApiError> {
    let unsupported = |what: &str| Err(ApiError::bad("UnsupportedOperationException", format!("No {what} here")));
    if ask.key_usage.is_some_and(|usage| usage != "ENCRYPT_DECRYPT") {
        return unsupported("other key usage than ENCRYPT_DECRYPT");
    }
    if ask.key_spec.is_some_and(|spec| spec != "SYMMETRIC_DEFAULT") {
        return unsupported("other key spec than SYMMETRIC_DEFAULT");
    }
    if ask.origin.is_some_and(|origin| origin != "AWS_KMS") || ask.multi_region == Some(true) {
        return unsupported("key from elsewhere");
    }
    if ask.description.chars().count() > 8192 {
        return Err(validation("The description is longer than 8192 characters"));
    }
    let mut tags = BTreeMap::new();
    for Tag { tag_key, tag_value } in ask.tags {
        if tag_key.is_empty() || tag_key.starts_with("aws:") || tags.insert(tag_key, tag_value).is_some() {
            return Err(ApiError::bad("TagException", "A tag's key is empty, reserved, or given twice"));
        }
    }
    let (id, created) = (cx.ids.uuid(), cx.now);
    let key = Key {
        id: id.clone(),
        created,
        description: ask.description,
        enabled: true,
        deletion: None,
        tags,
        material: SealingKey::new(),
    };
    let shown = key.metadata(cx);
    cx.here().kms.keys.insert(id, key);
    cx.dirty_region();
    Ok(json!({ "KeyMetadata": shown }))
}

pub fn describe(cx: &mut Cx<'_>, ask: &Describe) -> Result<Value, ApiError> {
    let id = find(cx, &ask.key_id)?;
    let key = cx.here().kms.keys.get(&id).cloned();
    Ok(json!({ "KeyMetadata": key.map(|key| key.metadata(cx)) }))
}

pub fn enable(cx: &mut Cx<'_>, ask: &Named, enabled: bool) -> Result<Value, ApiError> {
    change(cx, &ask.key_id, |key| {
        if key.deletion.is_some() {
            return Err(pending(key));
        }
        key.enabled = enabled;
        Ok(())
    })?;
    Ok(Value::Null)
}

pub fn schedule_deletion(cx: &mut Cx<'_>, ask: &Schedule) -> Result<Value, ApiError> {
    let (least, most, usual) = WINDOW;
    let days = ask.pending_window_in_days.unwrap_or(usual);
    if !(least..=most).contains(&days) {
        return Err(validation(format!("PendingWindowInDays is {days} and not from {least} to {most}")));
    }
    let at = cx.now + days * DAY;
    let id = change(cx, &ask.key_id, |key| {
        if key.deletion.is_some() {
            return Err(pending(key));
        }
        key.deletion = Some(at);
        Ok(())
    })?;
    let arn = cx.arn("kms", &format!("key/{id}"));
    Ok(json!({ "KeyId": arn, "DeletionDate": seconds(at), "KeyState": "PendingDeletion", "PendingWindowInDays": days }))
}

pub fn cancel_deletion(cx: &mut Cx<'_>, ask: &Named) -> Result<Value, ApiError> {
    let id = change(cx, &ask.key_id, |key| {
        if key.deletion.take().is_none() {
            return Err(ApiError::bad("KMSInvalidStateException", format!("{} is not pending deletion.", key.id)));
        }
        // It has to be enabled again by itself.
        key.enabled = false;
        Ok(())
    })?;
    Ok(json!({ "KeyId": cx.arn("kms", &format!("key/{id}")) }))
}

/// Changes a key that must be named by its id or its ARN; gives its id.
fn change(
    cx: &mut Cx<'_>,
    name: &str,
    change: impl FnOnce(&mut Key) -> Result<(), ApiError>,
) -> Result<String, ApiError> {
    if name.contains("alias/") {
        return Err(validation(format!("{name} is an alias, and this operation takes keys only")));
    }
    let id = find(cx, name)?;
    if let Some(key) = cx.here().kms.keys.get_mut(&id) {
        change(key)?;
    }
    cx.dirty_region();
    Ok(id)
}

/// A key that can be used, or why it can't.
pub fn usable(cx: &mut Cx<'_>, id: &str) -> Result<Key, ApiError> {
    let arn = cx.arn("kms", &format!("key/{id}"));
    match cx.here().kms.keys.get(id) {
        None => Err(super::not_found(format!("Key '{arn}' does not exist"))),
        Some(key) if key.deletion.is_some() => {
            Err(ApiError::bad("KMSInvalidStateException", format!("{arn} is pending deletion.")))
        }
        Some(key) if !key.enabled => Err(ApiError::bad("DisabledException", format!("{arn} is disabled."))),
        Some(key) => Ok(key.clone()),
    }
}

fn pending(key: &Key) -> ApiError {
    ApiError::bad("KMSInvalidStateException", format!("{} is pending deletion.", key.id))
}

/// A time as JSON carries it.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^52")]
fn seconds(at: Millis) -> f64 {
    at as f64 / 1000.0
}

impl Key {
    fn metadata(&self, cx: &Cx<'_>) -> Value {
        let state = match (self.deletion, self.enabled) {
            (Some(_), _) => "PendingDeletion",
            (None, true) => "Enabled",
            (None, false) => "Disabled",
        };
        let mut shown = json!({
            "AWSAccountId": cx.account,
            "KeyId": self.id,
            "Arn": cx.arn("kms", &format!("key/{}", self.id)),
            "CreationDate": seconds(self.created),
            "Enabled": state == "Enabled",
            "Description": self.description,
            "KeyUsage": "ENCRYPT_DECRYPT",
            "KeyState": state,
            "Origin": "AWS_KMS",
            "KeyManager": "CUSTOMER",
            "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
            "MultiRegion": false,
        });
        if let Some(at) = self.deletion {
            shown["DeletionDate"] = json!(seconds(at));
        }
        shown
    }
}
