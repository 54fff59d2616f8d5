//! The JSON Schema and the reader: they accept and refuse the same files.

use std::sync::LazyLock;

use meridian_spec::{Code, Kind, explain, load, schema};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{EXAMPLE, catalogue, minimal};

fn validator() -> &'static jsonschema::Validator {
    static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        jsonschema::draft202012::new(&schema(Kind::Cluster, catalogue())).expect("the schema is a schema")
    });
    &VALIDATOR
}

/// Both verdicts on a text; `None` when it is no YAML at all, or YAML that specs do without.
fn verdicts(text: &str) -> Option<(bool, bool)> {
    let value: Value = serde_yaml::from_str(text).ok()?;
    Some((accepted(text)?, validator().is_valid(&value)))
}

/// The reader's verdict on the structure of a text; `None` when it does not come that far.
fn accepted(text: &str) -> Option<bool> {
    let verdict = match load(&[("test.yaml", text)], catalogue()) {
        Ok(_) => true,
        Err(faults) => {
            let unread = [Code::Syntax, Code::DuplicateKey, Code::TooLarge];
            if faults.iter().any(|fault| unread.contains(&fault.code)) {
                return None;
            }
            false
        }
    };
    Some(verdict)
}

/// Values to put in place of others.
fn replacements() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(1),
        json!(2),
        json!(3),
        json!(-1),
        json!(3.0),
        json!(1.5),
        json!(99_999_999),
        json!(""),
        json!("x"),
        json!("1"),
        json!("public"),
        json!("private"),
        json!("A_b"),
        json!("10.0.0.0/16"),
        json!("10.0.0.5"),
        json!("a".repeat(400)),
        json!("aws"),
        json!("medium"),
        json!([]),
        json!({}),
        json!(["10.0.0.0/8"]),
        json!(["a", "a"]),
        json!([1]),
        json!({ "a": "b" }),
        json!({ "size": "small" }),
        json!({ "cpu": 1 }),
        json!({ "sizeGiB": 20 }),
        json!([{}]),
        json!({ "onDemandBase": 1 }),
        json!({ "/": "x" }),
        json!({ "size": "small", "type": "x" }),
        json!("a\nb"),
        json!("é"),
    ]
}

/// Everything that stands in a value: pointers to each place.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                places(field, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
}

/// A spec in which every field stands.
fn full() -> Value {
    let text = minimal("eu-west-1", include_str!("full.yaml"));
    serde_yaml::from_str(&text).expect("YAML")
}

#[test]
fn the_full_spec_is_sound_and_has_every_field() {
    let text = full().to_string();
    crate::one(&text);
    let schema = schema(Kind::Cluster, catalogue());
    let mut unused = Vec::new();
    for (name, definition) in schema["$defs"].as_object().expect("definitions") {
        for field in definition["properties"].as_object().into_iter().flatten().map(|(field, _)| field) {
            if !text.contains(&format!("{field:?}:")) {
                unused.push(format!("{name}.{field}"));
            }
        }
    }
    assert!(unused.is_empty(), "fields that tests/full.yaml lacks: {unused:?}");
}

#[test]
fn schema_and_reader_agree_on_every_single_change() {
    let full = full();
    let mut all = Vec::new();
    places(&full, "", &mut all);
    let mut counts = [0, 0];
    let mut compare = |value: &Value| {
        let text = value.to_string();
        // The kind decides which schema applies, and a document that is empty is none.
        if value["kind"] != "Cluster" {
            return;
        }
        let ours = accepted(&text).expect("JSON is YAML");
        let theirs = validator().is_valid(value);
        assert_eq!(
            ours,
            theirs,
            "reader {ours}, schema {theirs}: {text}\n{:?}",
            load(&[("x", &text)], catalogue()).err()
        );
        counts[usize::from(ours)] += 1;
    };
    for place in all {
        for replacement in replacements() {
            let mut changed = full.clone();
            *changed.pointer_mut(&place).expect("there") = replacement;
            compare(&changed);
        }
        let mut removed = full.clone();
        if let Some((parent, name)) = place.rsplit_once('/')
            && let Some(Value::Object(fields)) = removed.pointer_mut(parent)
        {
            fields.remove(&name.replace("~1", "/").replace("~0", "~"));
            compare(&removed);
            let mut unknown = full.clone();
            if let Some(Value::Object(fields)) = unknown.pointer_mut(parent) {
                fields.insert("surprise".to_owned(), json!("x"));
            }
            compare(&unknown);
        }
    }
    assert!(counts.iter().all(|count| *count > 200), "{counts:?} refused and accepted");
}

#[test]
fn the_schema_uses_only_keywords_that_the_reader_enforces() {
    const KNOWN: &[&str] = &[
        "$ref",
        "$defs",
        "$schema",
        "title",
        "description",
        "default",
        "type",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "properties",
        "required",
        "additionalProperties",
        "propertyNames",
        "dependentRequired",
        "items",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
        "pattern",
        "x-hint",
        "minimum",
        "maximum",
    ];
    fn walk(schema: &Value) {
        let Value::Object(fields) = schema else {
            return;
        };
        for (keyword, value) in fields {
            assert!(KNOWN.contains(&keyword.as_str()), "the reader does not know {keyword}: {schema}");
            match (keyword.as_str(), value) {
                ("$defs" | "properties", Value::Object(named)) => named.values().for_each(walk),
                ("anyOf" | "oneOf", Value::Array(branches)) => branches.iter().for_each(walk),
                ("items" | "additionalProperties" | "propertyNames", value) => walk(value),
                _ => {}
            }
        }
    }
    walk(&schema(Kind::Cluster, catalogue()));
}

#[test]
fn every_field_is_documented() {
    let schema = schema(Kind::Cluster, catalogue());
    for (name, definition) in schema["$defs"].as_object().expect("definitions") {
        for (field, schema) in definition["properties"].as_object().into_iter().flatten() {
            assert!(schema["description"].is_string(), "{name}.{field} says nothing");
        }
    }
    let text = explain(Kind::Cluster, "spec.pools[0].min", catalogue()).expect("a field");
    assert!(text.contains("Least number of machines"), "{text}");
    let text = explain(Kind::Cluster, "spec.pools", catalogue()).expect("a field");
    assert!(text.contains("onDemand") || text.contains("spot"), "{text}");
    for nowhere in ["spec.nothing", "spec.", ".spec", "spec..pools", "."] {
        assert_eq!(explain(Kind::Cluster, nowhere, catalogue()), None, "{nowhere}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn schema_and_reader_agree_on_changed_texts(at in 0..EXAMPLE.len(), new in "[-a-z0-9:{}\\[\\], .\"/]{0,3}") {
        if EXAMPLE.is_char_boundary(at) && EXAMPLE.is_char_boundary(at + 1) && !EXAMPLE.contains("---") {
            let text = format!("{}{new}{}", &EXAMPLE[..at], &EXAMPLE[at + 1..]);
            if let Some((ours, theirs)) = verdicts(&text) {
                prop_assert!(ours == theirs || !text.contains("kind: Cluster"), "reader {ours}, schema {theirs}: {text}");
            }
        }
    }
}
