//! Children that have requests of their own and may come with their parent as well.

use serde_json::{Value, json};

use super::check_names;
use crate::azure::body;
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind};
use crate::azure::world::{Cx, Resource, State, key};

/// Makes the children of a parent those that its body lists, which is taken out of it. Without a list, the children
/// stay as they are where `keeps` says so; else they go.
pub fn sync(
    cx: &mut Cx<'_>,
    parent: &mut Draft,
    list: &str,
    kind: &'static dyn Kind,
    keeps: bool,
) -> Result<(), ApiError> {
    let given = parent.body["properties"].as_object_mut().and_then(|properties| properties.remove(list));
    // The children look at their parent, which must be there as it is about to be. A failure undoes it.
    let provisional = Resource {
        id: parent.id.clone(),
        kind: parent_kind(kind),
        location: parent.location.clone(),
        body: parent.body.clone(),
        hidden: json!({}),
        etag: String::new(),
        created: cx.now,
        state: State::Ready,
    };
    cx.sub.resources.insert(key(&parent.id), provisional);
    if given.is_none() && keeps {
        return Ok(());
    }
    let wanted: Vec<Value> = given.and_then(|list| list.as_array().cloned()).unwrap_or_default();
    check_names(&wanted, list)?;
    let id_of = |child: &Value| format!("{}/{list}/{}", parent.id, child["name"].as_str().unwrap_or_default());
    let keys: Vec<String> = wanted.iter().map(|child| key(&id_of(child))).collect();
    let leaving: Vec<Resource> =
        cx.children(&parent.id, kind.spec().kind).filter(|child| !keys.contains(&key(&child.id))).cloned().collect();
    for child in leaving {
        kind.delete(cx, &child)?;
        cx.sub.resources.remove(&key(&child.id));
    }
    for child in &wanted {
        let id = id_of(child);
        let old = cx.find(&id).cloned();
        let mut content = json!({ "properties": child["properties"] });
        if content["properties"].is_null() {
            body::set(&mut content, "_", Value::Null);
        }
        let created = old.as_ref().map_or(cx.now, |old| old.created);
        let mut draft =
            Draft { id, location: String::new(), body: content, hidden: json!({}), old, lasts: None, failure: None };
        kind.put(cx, &mut draft)?;
        let etag = cx.etag();
        let Draft { id, body, hidden, .. } = draft;
        let kind = kind.spec().kind.to_owned();
        let resource = Resource {
            id: id.clone(),
            kind,
            location: String::new(),
            body,
            hidden,
            etag,
            created,
            state: State::Ready,
        };
        cx.sub.resources.insert(key(&id), resource);
    }
    Ok(())
}

/// What a parent shows of such children.
pub fn show(cx: &Cx<'_>, parent: &Resource, list: &str, kind: &str, body: &mut Value) {
    let children: Vec<Value> =
        cx.children(&parent.id, kind).filter_map(|child| crate::azure::resource::render(cx, child)).collect();
    body::set(body, list, Value::Array(children));
}

fn parent_kind(kind: &'static dyn Kind) -> String {
    kind.spec().kind.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned()
}
