//! What a bucket can be, and what the service adds to it.

use serde_json::{Value, json};

use super::invalid;
use crate::clock::timestamp;
use crate::gcp::compute::{check_labels, has_region};
use crate::gcp::error::ApiError;
use crate::gcp::world::{Cx, Doc, text};

/// How long uniform access can be taken back, in milliseconds.
const LOCKS_AFTER: u64 = 90 * 24 * 3_600_000;

/// How long what was deleted is kept, in seconds: unless said otherwise, and at most. Nothing else is shorter but 0.
const SOFT_DELETE: (i64, i64) = (604_800, 7_776_000);

/// The places of several regions.
const MULTI_REGIONS: [&str; 3] = ["ASIA", "EU", "US"];

/// Refuses what a bucket cannot be, and fills in what was left out. `old` is empty for a new one.
pub fn check(cx: &Cx<'_>, doc: &mut Doc, old: &Doc) -> Result<(), ApiError> {
    check_name(text(doc, "name"))?;
    let location = text(doc, "location").to_ascii_uppercase();
    let kind = if MULTI_REGIONS.contains(&location.as_str()) {
        "multi-region"
    } else if has_region(cx, &location.to_ascii_lowercase()) {
        "region"
    } else {
        return Err(invalid(format!("The specified location constraint is not valid: {location}")));
    };
    doc.insert("location".to_owned(), json!(location));
    doc.insert("locationType".to_owned(), json!(kind));
    check_labels(doc)?;
    check_lifecycle(doc)?;
    fill_access(cx, doc, old);
    if let Some(key) = doc.get("encryption").and_then(|encryption| encryption["defaultKmsKeyName"].as_str()) {
        let parts: Vec<&str> = key.split('/').collect();
        if !matches!(parts.as_slice(), ["projects", _, "locations", _, "keyRings", _, "cryptoKeys", _]) {
            return Err(invalid(format!("Invalid Cloud KMS key name: {key}")));
        }
    }
    let before = old.get("softDeletePolicy");
    let policy = doc.entry("softDeletePolicy").or_insert_with(|| json!({}));
    let asked = policy["retentionDurationSeconds"].as_str().and_then(|text| text.parse().ok());
    let asked = asked.unwrap_or(SOFT_DELETE.0);
    if asked != 0 && !(SOFT_DELETE.0..=SOFT_DELETE.1).contains(&asked) {
        return Err(invalid(format!(
            "Soft delete policy retention duration must be 0 or between 7 and 90 days: {asked}"
        )));
    }
    let same = before.is_some_and(|before| before["retentionDurationSeconds"] == json!(asked.to_string()));
    let since =
        before.filter(|_| same).map_or_else(|| json!(timestamp(cx.now)), |before| before["effectiveTime"].clone());
    *policy = json!({ "retentionDurationSeconds": asked.to_string(), "effectiveTime": since });
    Ok(())
}

/// Refuses a name that there cannot be (Cloud Storage, "About buckets"; names with dots belong to a domain's owner).
fn check_name(name: &str) -> Result<(), ApiError> {
    if name.contains('.') {
        let message = "The bucket you tried to create is a domain name owned by another user.";
        return Err(ApiError::new(403, "forbidden", message));
    }
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good = (3..=63).contains(&name.len())
        && name.starts_with(edge)
        && name.ends_with(edge)
        && name.chars().all(|c| edge(c) || c == '-' || c == '_')
        && !name.starts_with("goog")
        && !["google", "g00gle"].iter().any(|word| name.contains(word));
    if good { Ok(()) } else { Err(invalid(format!("Invalid bucket name: '{name}'"))) }
}

fn check_lifecycle(doc: &mut Doc) -> Result<(), ApiError> {
    let rules = doc.get("lifecycle").and_then(|lifecycle| lifecycle["rule"].as_array()).cloned().unwrap_or_default();
    if rules.is_empty() {
        doc.remove("lifecycle");
    }
    if rules.len() > 100 {
        return Err(invalid("A bucket can have at most 100 lifecycle rules."));
    }
    for rule in &rules {
        let action = rule["action"]["type"].as_str().unwrap_or_default();
        let condition = rule["condition"].as_object().filter(|condition| !condition.is_empty());
        let Some(condition) = condition.filter(|_| !action.is_empty()) else {
            return Err(invalid("A lifecycle rule needs an action and a condition."));
        };
        if (action == "SetStorageClass") != rule["action"]["storageClass"].is_string() {
            return Err(invalid("The storage class goes with the action SetStorageClass."));
        }
        if condition.values().any(|value| value.as_i64().is_some_and(|number| number < 0)) {
            return Err(invalid("A lifecycle condition cannot be negative."));
        }
    }
    Ok(())
}

/// Fills in who may be let in, and from when on that stays.
fn fill_access(cx: &Cx<'_>, doc: &mut Doc, old: &Doc) {
    let iam = doc.entry("iamConfiguration").or_insert_with(|| json!({}));
    let (uniform, older) =
        (iam["uniformBucketLevelAccess"]["enabled"].clone(), iam["bucketPolicyOnly"]["enabled"].clone());
    let was = old.get("iamConfiguration").map(|iam| iam["uniformBucketLevelAccess"].clone()).unwrap_or_default();
    // The older name says the same; the newer one counts where it says something else than before.
    let enabled = match (uniform.as_bool(), older.as_bool()) {
        (Some(uniform), Some(older)) if uniform != older && was["enabled"] == json!(uniform) => older,
        (Some(uniform), _) => uniform,
        (None, older) => older.unwrap_or(false),
    };
    let mut switch = json!({ "enabled": enabled });
    if enabled {
        let since = was["lockedTime"].as_str().map(str::to_owned);
        switch["lockedTime"] = Value::from(since.unwrap_or_else(|| timestamp(cx.now + LOCKS_AFTER)));
    }
    iam["uniformBucketLevelAccess"] = switch.clone();
    iam["bucketPolicyOnly"] = switch;
    if iam["publicAccessPrevention"].is_null() {
        iam["publicAccessPrevention"] = json!("inherited");
    }
}
