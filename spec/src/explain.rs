//! What a field of the spec is for, from the schema's own documentation.

use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::catalogue::Catalogue;
use crate::document::Kind;
use crate::schema::follow;
use crate::structure::{allowed_values, choices, strings, type_words, types};

/// Explains a place in the spec, such as `spec.pools.min`: what it is for, its type and the fields below it.
///
/// An empty path explains the document; indices (`pools[0]`) may be left out. `None` when there is no such place.
#[must_use]
pub fn explain(kind: Kind, path: &str, catalogue: &Catalogue) -> Option<String> {
    let root = &catalogue.schema(kind).schema;
    let mut here = root;
    for part in path.split('.').filter(|_| !path.is_empty()) {
        let name = part.split('[').next().unwrap_or(part);
        here = forms(root, here).into_iter().find_map(|form| form.get("properties")?.get(name))?;
    }
    let mut text = String::new();
    let title = if path.is_empty() { kind.name() } else { path };
    // Writing into a String cannot fail.
    let _ = writeln!(text, "{title}: {}", words(root, here));
    if let Some(description) = describe(root, here) {
        let _ = writeln!(text, "\n  {description}");
    }
    for form in forms(root, here) {
        let Some(fields) = form.get("properties").and_then(Json::as_object) else {
            continue;
        };
        let _ = writeln!(text, "\nFields:");
        let required = strings(form.get("required"));
        for (name, field) in fields {
            let mark = if required.contains(&name.as_str()) { ", required" } else { "" };
            let _ = writeln!(text, "  {name}: {}{mark}", words(root, field));
            if let Some(description) = describe(root, field) {
                let _ = writeln!(text, "      {description}");
            }
        }
    }
    Some(text)
}

/// The schemas that a value may satisfy, and those of its items.
fn forms<'a>(root: &'a Json, schema: &'a Json) -> Vec<&'a Json> {
    let schema = follow(root, schema);
    let mut all = vec![schema];
    for branch in schema.get("anyOf").and_then(Json::as_array).into_iter().flatten() {
        all.extend(forms(root, branch));
    }
    if let Some(items) = schema.get("items") {
        all.extend(forms(root, items));
    }
    all
}

fn words(root: &Json, schema: &Json) -> String {
    let mut words: Vec<String> = Vec::new();
    for form in choices(root, schema) {
        match allowed_values(form) {
            Some(values) => words.extend(values.into_iter().map(Json::to_string)),
            None => words.extend(types(form).into_iter().map(|name| type_words(name).to_owned())),
        }
    }
    words.dedup();
    words.join(" or ")
}

fn describe<'a>(root: &'a Json, schema: &'a Json) -> Option<&'a str> {
    let own = schema.get("description").or_else(|| follow(root, schema).get("description"));
    own.and_then(Json::as_str)
}
