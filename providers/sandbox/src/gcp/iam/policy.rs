//! Policies: who may do what. They are read, changed and written as a whole, guarded by their `etag`.
//!
//! A policy is kept with the numbers of its service accounts, for it is these that are bound: an account that was made
//! anew under an old address has none of the old one's rights, and the old one is shown as deleted.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{live, usable};
use crate::gcp::error::ApiError;
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Kind, Nulls, Schema};
use crate::gcp::world::{Cx, Doc, text};

/// The most members (IAM, "Quotas and limits").
const MOST_MEMBERS: usize = 1_500;

/// The most logical operators in a condition (IAM, "Quotas and limits").
const MOST_OPERATORS: usize = 12;

const CONDITION: Schema =
    &[("title", Kind::Str), ("description", Kind::Str), ("expression", Kind::Str), ("location", Kind::Str)];

const BINDING: Schema =
    &[("role", Kind::Str), ("members", Kind::List(&Kind::Str)), ("condition", Kind::Object(CONDITION))];

/// The fields of a policy.
pub const POLICY: Schema = &[
    ("version", Kind::Int),
    ("etag", Kind::Bytes),
    ("bindings", Kind::List(&Kind::Object(BINDING))),
    ("auditConfigs", Kind::Unsupported),
];

const SET: Schema = &[("policy", Kind::Object(POLICY)), ("updateMask", Kind::Str)];

/// How a service's policies differ from others'.
#[derive(Debug)]
pub struct Style {
    /// What a policy that cannot be is refused with.
    pub refuse: fn(String) -> ApiError,
    /// What an old `etag` is refused with.
    pub stale: fn() -> ApiError,
    /// Whether there is such a role.
    pub role: fn(&str) -> bool,
    /// The members that only this service has, by their beginnings.
    pub members: &'static [&'static str],
}

/// The style of IAM and of the Resource Manager.
pub const PLAIN: Style = Style {
    refuse: |message| ApiError::plain(400, "INVALID_ARGUMENT", message),
    stale: || {
        let message = "There were concurrent policy changes. Please retry the whole read-modify-write with exponential \
                       backoff.";
        ApiError::plain(409, "ABORTED", message)
    },
    role: is_role,
    members: &[],
};

/// Whether a role's name has one of the forms that there are.
pub fn is_role(role: &str) -> bool {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    match role.split('/').collect::<Vec<&str>>().as_slice() {
        ["roles", name] => word(name),
        ["projects" | "organizations", parent, "roles", name] => word(parent) && word(name),
        _ => false,
    }
}

/// The policy of something whose policy was never set.
pub fn first(bindings: Value) -> Doc {
    Doc::from_iter([
        ("version".to_owned(), json!(1)),
        // What the real services send; it is the same for all.
        ("etag".to_owned(), json!("CAE=")),
        ("bindings".to_owned(), bindings),
    ])
}

/// The policy in the body of a `setIamPolicy` that wraps it.
pub fn of_request(request: &Request) -> Result<Doc, ApiError> {
    let mut body = schema::read(SET, request.json()?, "", Nulls::Drop)?;
    let fields = ["bindings", "etag", "version"];
    if let Some(other) = text(&body, "updateMask").split(',').find(|field| !field.is_empty() && !fields.contains(field))
    {
        return Err(ApiError::plain(400, "INVALID_ARGUMENT", format!("Invalid update mask: '{other}'.")));
    }
    match body.remove("policy") {
        Some(Value::Object(policy)) => Ok(policy),
        _ => Err(ApiError::plain(400, "INVALID_ARGUMENT", "A policy is required.")),
    }
}

/// A policy as the API shows it to someone who understands the version; `None` for the answer to a change.
pub fn show(cx: &Cx<'_>, kept: &Doc, version: Option<u64>, style: &Style) -> Result<Doc, ApiError> {
    let existing = kept.get("version").and_then(Value::as_u64).unwrap_or(1);
    match version {
        Some(asked) if !matches!(asked, 0 | 1 | 3) => {
            return Err((style.refuse)(format!("Invalid requested policy version ({asked}).")));
        }
        Some(asked) if asked.max(1) < existing => {
            return Err((style.refuse)(format!(
                "Requested policy version ({asked}) cannot be less than the existing policy version ({existing})."
            )));
        }
        _ => {}
    }
    let mut shown = kept.clone();
    for binding in shown.get_mut("bindings").and_then(Value::as_array_mut).into_iter().flatten() {
        for member in binding["members"].as_array_mut().into_iter().flatten() {
            *member = Value::String(shown_member(cx, member.as_str().unwrap_or_default()));
        }
    }
    if shown.get("bindings") == Some(&json!([])) {
        shown.remove("bindings");
    }
    Ok(shown)
}

/// A member with its account's number, as the API shows it.
fn shown_member(cx: &Cx<'_>, kept: &str) -> String {
    let Some((member, number)) = kept.split_once("?uid=") else { return kept.to_owned() };
    let email = member.strip_prefix("serviceAccount:").unwrap_or(member);
    if live(cx, email).is_some_and(|account| account.text("uniqueId") == number) {
        member.to_owned()
    } else {
        format!("deleted:{kept}")
    }
}

/// What is kept when `next` is to take the place of `old`.
pub fn set(cx: &mut Cx<'_>, old: &Doc, next: &Doc, style: &Style) -> Result<Doc, ApiError> {
    if next.get("etag").is_some_and(|etag| Some(etag) != old.get("etag")) {
        return Err((style.stale)());
    }
    let asked = next.get("version").and_then(Value::as_u64).unwrap_or_default();
    if !matches!(asked, 0 | 1 | 3) {
        return Err((style.refuse)(format!("Invalid policy version ({asked}).")));
    }
    let bound: BTreeSet<&str> =
        bindings(old).filter_map(|binding| binding["members"].as_array()).flatten().filter_map(Value::as_str).collect();
    let mut merged: BTreeMap<(String, String), (Value, BTreeSet<String>)> = BTreeMap::new();
    for binding in bindings(next) {
        let role = binding["role"].as_str().unwrap_or_default();
        if !(style.role)(role) {
            return Err((style.refuse)(format!("Role {role} is not supported for this resource.")));
        }
        check_condition(binding, role, style)?;
        let members = binding["members"].as_array().cloned().unwrap_or_default();
        if members.is_empty() {
            return Err((style.refuse)(format!("The binding of role {role} has no members.")));
        }
        let condition = binding.get("condition").cloned().unwrap_or_default();
        let (_, all) =
            merged.entry((role.to_owned(), condition.to_string())).or_insert_with(|| (condition, BTreeSet::new()));
        for member in &members {
            all.insert(kept_member(cx, member.as_str().unwrap_or_default(), &bound, style)?);
        }
    }
    let conditional = merged.values().any(|(condition, _)| !condition.is_null());
    let existing = old.get("version").and_then(Value::as_u64).unwrap_or(1);
    // Who sends no etag overwrites whatever is there.
    if asked < 3 && (conditional || (existing == 3 && next.contains_key("etag"))) {
        return Err((style.refuse)(format!(
            "Specified policy version ({asked}) cannot be less than the existing policy version (3). For more \
             information, please refer to https://cloud.google.com/iam/docs/policies#versions."
        )));
    }
    let count: usize = merged.values().map(|(_, members)| members.len()).sum();
    if count > MOST_MEMBERS {
        return Err((style.refuse)(format!(
            "The number of members in the policy ({count}) is larger than the maximum allowed size {MOST_MEMBERS}."
        )));
    }
    let bindings = merged.into_iter().map(|((role, _), (condition, members))| {
        let mut binding = json!({ "role": role, "members": members });
        if !condition.is_null() {
            binding["condition"] = condition;
        }
        binding
    });
    let bindings: Value = bindings.collect();
    let mut kept = first(bindings);
    kept.insert("version".to_owned(), json!(if conditional { 3 } else { 1 }));
    // Text in base64 is the same in both alphabets.
    kept.insert("etag".to_owned(), json!(BASE64_STANDARD.encode(cx.ids.hex(9))));
    Ok(kept)
}

/// The bindings of a policy.
pub fn bindings(policy: &Doc) -> impl Iterator<Item = &Value> {
    policy.get("bindings").and_then(Value::as_array).into_iter().flatten()
}

/// Refuses a condition that cannot be. It is not evaluated.
fn check_condition(binding: &Value, role: &str, style: &Style) -> Result<(), ApiError> {
    let Some(condition) = binding.get("condition") else { return Ok(()) };
    let refused = |why: &str| Err((style.refuse)(format!("The condition of role {role} is invalid: {why}")));
    let title = condition["title"].as_str().unwrap_or_default();
    let expression = condition["expression"].as_str().unwrap_or_default();
    if title.is_empty() || title.chars().count() > 100 {
        return refused("a title of at most 100 characters is required.");
    }
    if condition["description"].as_str().is_some_and(|text| text.chars().count() > 256) {
        return refused("the description has more than 256 characters.");
    }
    if ["roles/owner", "roles/editor", "roles/viewer"].contains(&role) {
        return refused("basic roles cannot have conditions.");
    }
    let everyone = |member: &Value| ["allUsers", "allAuthenticatedUsers"].map(Value::from).contains(member);
    if binding["members"].as_array().is_some_and(|members| members.iter().any(everyone)) {
        return refused("it cannot be for all users.");
    }
    match operators(expression) {
        None => refused("the expression is no Common Expression Language."),
        Some(count) if count > MOST_OPERATORS => refused("it has more than 12 logical operators."),
        Some(_) => Ok(()),
    }
}

/// How many logical operators an expression has, if its quotes and brackets are in pairs and it speaks of something.
fn operators(expression: &str) -> Option<usize> {
    let (mut open, mut bare, mut quote) = (Vec::new(), String::new(), None);
    let mut characters = expression.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(_), '\\') => drop(characters.next()),
            (Some(end), c) if c == end => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => open.push(c),
            (None, ')' | ']' | '}') => {
                let pair = match c {
                    ')' => '(',
                    ']' => '[',
                    _ => '{',
                };
                open.pop().filter(|opened| *opened == pair)?;
            }
            (None, c) => bare.push(c),
        }
    }
    let about = ["resource.", "request.", "api.", "destination.", "true", "false"];
    let sound = open.is_empty() && quote.is_none() && about.iter().any(|name| bare.contains(name));
    sound.then(|| bare.matches("&&").count() + bare.matches("||").count() + bare.replace("!=", "").matches('!').count())
}

/// A member as it is kept. `bound` are those of the policy before.
fn kept_member(cx: &Cx<'_>, member: &str, bound: &BTreeSet<&str>, style: &Style) -> Result<String, ApiError> {
    if let Some(account) = member.strip_prefix("deleted:serviceAccount:") {
        let kept = format!("serviceAccount:{account}");
        // Nobody can be bound who is gone already.
        return if bound.contains(kept.as_str()) {
            Ok(kept)
        } else {
            Err((style.refuse)(format!("The member {member} is of an unknown type.")))
        };
    }
    if let Some(email) = member.strip_prefix("serviceAccount:") {
        return match usable(cx, email) {
            Some(account) => Ok(format!("{member}?uid={}", account.text("uniqueId"))),
            None if is_googles(email) => Ok(member.to_owned()),
            None => Err((style.refuse)(format!("Service account {email} does not exist."))),
        };
    }
    let named = ["user:", "group:", "domain:", "principal://", "principalSet://"];
    let known =
        named.iter().chain(style.members).any(|start| member.strip_prefix(start).is_some_and(|name| !name.is_empty()));
    if known || ["allUsers", "allAuthenticatedUsers"].contains(&member) {
        Ok(member.to_owned())
    } else {
        Err((style.refuse)(format!("The member {member} is of an unknown type.")))
    }
}

/// Whether an address is of one of Google's own accounts, of which the sandbox has all.
fn is_googles(email: &str) -> bool {
    let domain = email.split_once('@').map_or("", |(_, domain)| domain);
    let projects = ["gs-project-accounts", "container-engine-robot", "compute-system"];
    match domain.strip_suffix(".iam.gserviceaccount.com") {
        Some(project) => project.starts_with("gcp-sa-") || projects.contains(&project),
        None => ["developer.gserviceaccount.com", "cloudservices.gserviceaccount.com"].contains(&domain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read() {
        let prefix = "resource.name.startsWith(\"projects/_/buckets/b/objects/nodes/pool-(\")";
        assert_eq!(operators(prefix), Some(0));
        assert_eq!(operators(&format!("{prefix} || ({prefix} && resource.type != 'x') || !request.auth")), Some(4));
        for nonsense in ["", "resource.name == \"", "resource.name.startsWith(\"a\"]", "(true", "something"] {
            assert_eq!(operators(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn roles_have_forms() {
        assert!(is_role("roles/storage.objectViewer") && is_role("projects/p/roles/mine"));
        assert!(!is_role("storage.objectViewer") && !is_role("roles/") && !is_role("roles/a b"));
    }
}
