//! Service accounts. A new one is not known everywhere at once; a deleted one can be brought back for a while.

use std::sync::Arc;

use serde_json::{Value, json};

use super::At;
use super::policy::{self, PLAIN};
use crate::clock::Millis;
use crate::gcp::error::ApiError;
use crate::gcp::page::cut;
use crate::gcp::request::Request;
use crate::gcp::schema::{self, Kind, Nulls, Schema};
use crate::gcp::world::{Cx, Doc, Item, text};

/// How long a deleted account can be brought back (IAM, "Delete and undelete service accounts").
const BROUGHT_BACK: Millis = 30 * 24 * 3_600_000;

/// The part of an address behind the project.
const DOMAIN: &str = ".iam.gserviceaccount.com";

/// The most accounts on a page.
const LARGEST: u64 = 100;

/// How many accounts a page has unless asked otherwise.
const USUAL: u64 = 20;

const ACCOUNT: Schema = &[
    ("name", Kind::Str),
    ("displayName", Kind::Str),
    ("description", Kind::Str),
    ("etag", Kind::Bytes),
    ("projectId", Kind::Output),
    ("uniqueId", Kind::Output),
    ("email", Kind::Output),
    ("oauth2ClientId", Kind::Output),
    ("disabled", Kind::Output),
];

const CREATE: Schema = &[("accountId", Kind::Str), ("serviceAccount", Kind::Object(ACCOUNT))];

const PATCH: Schema = &[("serviceAccount", Kind::Object(ACCOUNT)), ("updateMask", Kind::Str)];

fn path(project: &str, email: &str) -> String {
    format!("iam/projects/{project}/serviceAccounts/{email}")
}

fn deleted_path(unique_id: &str) -> String {
    format!("iam/deleted/{unique_id}")
}

fn refused(message: impl Into<String>) -> ApiError {
    ApiError::plain(400, "INVALID_ARGUMENT", message)
}

fn unknown() -> ApiError {
    ApiError::plain(404, "NOT_FOUND", "Unknown service account")
}

fn time(item: &Item, field: &str) -> Millis {
    item.hidden.get(field).and_then(Value::as_u64).unwrap_or_default()
}

/// The account of an address, as soon as it exists.
pub fn live<'a>(cx: &'a Cx<'_>, email: &str) -> Option<&'a Arc<Item>> {
    let project = email.split_once('@')?.1.strip_suffix(DOMAIN)?;
    cx.world.get(&path(project, email))
}

/// The account of an address, once other services know it.
pub fn usable<'a>(cx: &'a Cx<'_>, email: &str) -> Option<&'a Arc<Item>> {
    live(cx, email).filter(|item| time(item, "created") + cx.pace.instance_profile_visible <= cx.now)
}

/// Every account that exists.
pub fn all<'a>(cx: &'a Cx<'_>) -> impl Iterator<Item = &'a Arc<Item>> + use<'a> {
    cx.world.under("iam/projects/").map(|(_, item)| item)
}

/// The account that a request names, by its address or its number.
fn find(cx: &Cx<'_>, at: &At) -> Result<(String, Item), ApiError> {
    let found = if at.account.contains('@') {
        live(cx, &at.account)
    } else {
        all(cx).find(|item| item.text("uniqueId") == at.account)
    };
    let item = found.filter(|item| at.project == "-" || item.text("projectId") == at.project).ok_or_else(unknown)?;
    Ok((path(item.text("projectId"), item.text("email")), Item::clone(item)))
}

/// Refuses texts that are too long (the reference of `ServiceAccount`; in bytes of UTF-8).
fn check_texts(account: &Doc) -> Result<(), ApiError> {
    for (field, most) in [("displayName", 100), ("description", 256)] {
        if text(account, field).len() > most {
            return Err(refused(format!("The {field} must be at most {most} UTF-8 bytes.")));
        }
    }
    Ok(())
}

fn check_id(id: &str) -> Result<(), ApiError> {
    let good = (6..=30).contains(&id.len())
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && !id.ends_with('-')
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if good {
        return Ok(());
    }
    Err(refused(format!(
        "The account ID \"{id}\" must be 6-30 characters long and match the regular expression \
         '[a-z]([-a-z0-9]*[a-z0-9])'."
    )))
}

/// `create`.
pub fn create(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    let body = schema::read(CREATE, request.json()?, "", Nulls::Drop)?;
    let id = text(&body, "accountId");
    check_id(id)?;
    let mut doc = body.get("serviceAccount").and_then(Value::as_object).cloned().unwrap_or_default();
    check_texts(&doc)?;
    let email = format!("{id}@{}{DOMAIN}", at.project);
    let path = path(&at.project, &email);
    if cx.world.get(&path).is_some() {
        let message = format!("Service account {id} already exists within project projects/{}.", at.project);
        return Err(ApiError::plain(409, "ALREADY_EXISTS", message));
    }
    doc.retain(|_, value| value.as_str() != Some(""));
    let unique_id = format!("10{}", cx.number());
    doc.insert("name".to_owned(), json!(format!("projects/{}/serviceAccounts/{email}", at.project)));
    doc.insert("projectId".to_owned(), json!(at.project));
    doc.insert("email".to_owned(), json!(email));
    doc.insert("oauth2ClientId".to_owned(), json!(unique_id));
    doc.insert("uniqueId".to_owned(), json!(unique_id));
    doc.insert("etag".to_owned(), json!("MDEwMjE5MjA="));
    let mut item = Item::new(doc.clone());
    item.hidden.insert("created".to_owned(), json!(cx.now));
    cx.world.put(&path, item);
    Ok(Value::Object(doc))
}

/// `get`. It is the first to know a new account, and still not at once.
pub fn get(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    let (_, item) = find(cx, at)?;
    if time(&item, "created") + cx.pace.instance_profile_visible / 2 > cx.now {
        return Err(unknown());
    }
    Ok(Value::Object(item.doc))
}

/// `list`.
pub fn list(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&["pageSize", "pageToken"])?;
    let limit = match request.number("pageSize")? {
        None | Some(0) => USUAL,
        Some(asked) => asked.min(LARGEST),
    };
    let prefix = path(&at.project, "");
    let accounts = cx.world.under(&prefix).map(|(key, item)| (key.clone(), Value::Object(item.doc.clone())));
    let page = cut(cx, accounts, usize::try_from(limit).unwrap_or(usize::MAX), request.text("pageToken"))?;
    let mut answer = Doc::new();
    if !page.items.is_empty() {
        answer.insert("accounts".to_owned(), page.items.into_iter().map(|(_, value)| value).collect());
    }
    answer.extend(page.next.map(|next| ("nextPageToken".to_owned(), json!(next))));
    Ok(Value::Object(answer))
}

/// `patch`, which changes only what the mask names.
pub fn patch(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    let body = schema::read(PATCH, request.json()?, "", Nulls::Drop)?;
    let account = body.get("serviceAccount").and_then(Value::as_object).cloned().unwrap_or_default();
    check_texts(&account)?;
    let mask: Vec<&str> = text(&body, "updateMask").split(',').filter(|path| !path.is_empty()).collect();
    if mask.is_empty() {
        return Err(refused("An update mask is required."));
    }
    let (path, mut item) = find(cx, at)?;
    for field in mask {
        let field = match field {
            "displayName" | "display_name" => "displayName",
            "description" => "description",
            other => return Err(refused(format!("The field '{other}' cannot be in the update mask."))),
        };
        match text(&account, field) {
            "" => drop(item.doc.remove(field)),
            value => drop(item.doc.insert(field.to_owned(), json!(value))),
        }
    }
    cx.world.put(&path, item.clone());
    Ok(Value::Object(item.doc))
}

/// `delete`. The address is free at once.
pub fn delete(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    request.check_no_body()?;
    let (path, mut item) = find(cx, at)?;
    let over = |item: &Item, now| time(item, "deleted") + BROUGHT_BACK <= now;
    let forgotten = cx.world.under("iam/deleted/").filter(|(_, item)| over(item, cx.now));
    for path in forgotten.map(|(path, _)| path.clone()).collect::<Vec<String>>() {
        cx.world.remove(&path);
    }
    item.hidden.insert("deleted".to_owned(), json!(cx.now));
    cx.world.remove(&path);
    cx.world.put(&deleted_path(item.text("uniqueId")), item);
    Ok(json!({}))
}

/// `undelete`, by the number.
pub fn undelete(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    request.check_no_body()?;
    let gone = deleted_path(&at.account);
    let known = cx.world.get(&gone).filter(|item| time(item, "deleted") + BROUGHT_BACK > cx.now);
    let mut item = Item::clone(known.ok_or_else(unknown)?);
    let path = path(item.text("projectId"), item.text("email"));
    if cx.world.get(&path).is_some() {
        let message = "There is another service account with the same address.";
        return Err(ApiError::plain(400, "FAILED_PRECONDITION", message));
    }
    item.hidden.remove("deleted");
    cx.world.remove(&gone);
    cx.world.put(&path, item.clone());
    Ok(json!({ "restoredAccount": item.doc }))
}

fn switch(cx: &mut Cx<'_>, at: &At, request: &Request, disabled: bool) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    request.check_no_body()?;
    let (path, mut item) = find(cx, at)?;
    if disabled {
        drop(item.doc.insert("disabled".to_owned(), json!(true)));
    } else {
        drop(item.doc.remove("disabled"));
    }
    cx.world.put(&path, item);
    Ok(json!({}))
}

/// `disable`.
pub fn disable(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    switch(cx, at, request, true)
}

/// `enable`.
pub fn enable(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    switch(cx, at, request, false)
}

fn policy_of(item: &Item) -> Doc {
    item.hidden.get("policy").and_then(Value::as_object).cloned().unwrap_or_else(|| policy::first(json!([])))
}

/// `getIamPolicy`.
pub fn get_policy(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&["options.requestedPolicyVersion"])?;
    request.check_no_body()?;
    let (_, item) = find(cx, at)?;
    let version = request.number("options.requestedPolicyVersion")?.unwrap_or_default();
    policy::show(cx, &policy_of(&item), Some(version), &PLAIN).map(Value::Object)
}

/// `setIamPolicy`.
pub fn set_policy(cx: &mut Cx<'_>, at: &At, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[])?;
    let (path, mut item) = find(cx, at)?;
    let next = policy::set(cx, &policy_of(&item), &policy::of_request(request)?, &PLAIN)?;
    item.hidden.insert("policy".to_owned(), Value::Object(next.clone()));
    cx.world.put(&path, item);
    policy::show(cx, &next, None, &PLAIN).map(Value::Object)
}
