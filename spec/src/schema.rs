//! The JSON Schema of the spec, made from the types of [`crate::raw`].

use schemars::generate::SchemaSettings;
use serde_json::{Value as Json, json};

use crate::catalogue::Catalogue;
use crate::document::Kind;
use crate::raw;

/// The JSON Schema (draft 2020-12) of a kind of document.
///
/// It accepts and refuses the same files as [`crate::load`] as far as their structure goes: fields, types, enumerations,
/// patterns and ranges. What depends on several fields or on the catalogue is checked by [`crate::resolve`].
#[must_use]
pub fn schema(kind: Kind, catalogue: &Catalogue) -> Json {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = match kind {
        Kind::Cluster => generator.into_root_schema_for::<raw::ClusterDocument>().to_value(),
    };
    if let Some(fields) = schema.pointer_mut("/properties/spec/properties").and_then(Json::as_object_mut) {
        // The clouds and their own options are data, so that a further cloud changes no type here.
        for provider in catalogue.providers() {
            fields.insert(provider.name.clone(), provider_block(provider));
        }
        let names: Vec<&str> = catalogue.providers().map(|provider| provider.name.as_str()).collect();
        if let Some(field) = fields.get_mut("provider").and_then(Json::as_object_mut) {
            field.insert("enum".to_owned(), json!(names));
        }
    }
    tidy(&mut schema);
    schema
}

fn provider_block(provider: &crate::catalogue::Provider) -> Json {
    let fields: serde_json::Map<String, Json> = provider
        .options
        .iter()
        .map(|option| {
            let field = json!({
                "type": "string", "title": option.name, "description": option.doc, "pattern": option.pattern,
            });
            (option.name.clone(), field)
        })
        .collect();
    json!({
        "type": "object",
        "description": format!("What only {} has. Ignored when the cluster stands elsewhere.", provider.display),
        "properties": fields,
        "additionalProperties": false,
    })
}

/// Takes out what only Rust means: integer formats, and `null` for a field that is left out. A field that stands there without a
/// value is a fault, so that a forgotten value is not taken for the default.
fn tidy(schema: &mut Json) {
    match schema {
        Json::Object(fields) => {
            fields.retain(|name, value| name != "format" || !value.is_string());
            for name in ["type", "enum", "anyOf"] {
                if let Some(Json::Array(choices)) = fields.get_mut(name) {
                    choices.retain(|choice| {
                        *choice != json!("null") && !choice.is_null() && *choice != json!({ "type": "null" })
                    });
                }
            }
            if let Some([only]) = fields.get("type").and_then(Json::as_array).map(Vec::as_slice) {
                let only = only.clone();
                fields.insert("type".to_owned(), only);
            }
            if let Some([Json::Object(only)]) = fields.get("anyOf").and_then(Json::as_array).map(Vec::as_slice) {
                let only = only.clone();
                fields.remove("anyOf");
                fields.extend(only);
            }
            fields.values_mut().for_each(tidy);
        }
        Json::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// The schema that a `$ref` into `$defs` means, or the schema itself.
pub(crate) fn follow<'a>(root: &'a Json, schema: &'a Json) -> &'a Json {
    let target = schema.get("$ref").and_then(Json::as_str).and_then(|reference| reference.strip_prefix('#'));
    target.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}
