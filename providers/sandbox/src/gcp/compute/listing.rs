//! Lists: of one place, and of all places.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::collection::Collection;
use super::path::Path;
use crate::gcp::error::ApiError;
use crate::gcp::page::{LIST_QUERY, head, page};
use crate::gcp::request::Request;
use crate::gcp::world::Cx;

/// The list of a collection in one place.
pub fn list(cx: &Cx<'_>, collection: &Collection, path: &Path, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&LIST_QUERY)?;
    let parent = format!("projects/{}/{}/{}", path.project, path.scope, collection.name);
    let prefix = format!("{parent}/");
    let all = cx.world.under(&prefix).map(|(key, item)| {
        let path = path.beside(collection.name, key.strip_prefix(&prefix).unwrap_or_default());
        (key.clone(), collection.view(cx, &path, item))
    });
    let page = page(cx, request, all, |field| collection.has_field(field))?;
    Ok(page.answer(&format!("compute#{}", collection.list), &parent))
}

/// The aggregated list of all collections of a name, whatever their level.
pub fn aggregated(cx: &Cx<'_>, collection: &Collection, project: &str, request: &Request) -> Result<Value, ApiError> {
    request.check_query(&[&LIST_QUERY[..], &["includeAllScopes"]].concat())?;
    request.flag("includeAllScopes")?;
    let mut scopes: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut all: Vec<(String, Value)> = Vec::new();
    for (key, item) in cx.world.all() {
        if let Some(path) = Path::parse(key, "").filter(|path| path.project == project) {
            scopes.entry(path.scope.to_string()).or_default();
            if path.collection == collection.name
                && let Some(exact) = super::collection(&path.collection, &path.scope)
            {
                all.push((key.clone(), exact.view(cx, &path, item)));
            }
        }
    }
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    let page = page(cx, request, all, |field| collection.has_field(field))?;
    for (key, value) in page.items {
        if let Some(path) = Path::parse(&key, "") {
            scopes.entry(path.scope.to_string()).or_default().push(value);
        }
    }
    let items = scopes.into_iter().map(|(scope, values)| {
        let content = if values.is_empty() { nothing(&scope) } else { json!({ collection.name: values }) };
        (scope, content)
    });
    let mut answer = head(
        &format!("compute#{}", collection.aggregated),
        &format!("projects/{project}/aggregated/{}", collection.name),
        page.next,
    );
    answer.insert("items".to_owned(), Value::Object(items.collect()));
    Ok(Value::Object(answer))
}

/// What an aggregated list says of a place in which there is nothing.
pub fn nothing(scope: &str) -> Value {
    json!({ "warning": {
        "code": "NO_RESULTS_ON_PAGE",
        "message": format!("There are no results for scope '{scope}' on this page."),
        "data": [{ "key": "scope", "value": scope }],
    } })
}
