//! The structure of a document, checked against the JSON Schema.
//!
//! The schema is made from the types of [`crate::raw`], and this walk is the one place where it is enforced: fields and
//! types are written down once. Unlike a general validator it knows the place of each value, suggests the name
//! that was probably meant, and gives back the sound rest, so that the meaning of the other parts can be checked too.

use std::collections::HashMap;
use std::ops::Range;

use regex_lite::Regex;
use serde_json::{Map, Value as Json};

use crate::fault::{Code, Fault, Faults};
use crate::nearest::{nearest, quote, suggest};
use crate::path::Path;
use crate::source::Source;
use crate::yaml::{Entry, Node, Value};

/// Checks a document; gives back what is sound of it.
pub(crate) fn check(source: &Source, root: &Node, compiled: &Compiled) -> (Json, Faults) {
    let schema = &compiled.schema;
    let mut walk = Walk { source, schema, patterns: &compiled.patterns, faults: Faults::default() };
    let sound = walk.node(root, &root.span, schema, &Path::default());
    (sound.unwrap_or(Json::Null), walk.faults)
}

/// A schema and the regular expressions in it.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    pub(crate) schema: Json,
    patterns: HashMap<String, Regex>,
}

impl Compiled {
    pub(crate) fn new(schema: Json) -> Self {
        let mut patterns = HashMap::new();
        collect_patterns(&schema, &mut patterns);
        Self { schema, patterns }
    }
}

fn collect_patterns(schema: &Json, patterns: &mut HashMap<String, Regex>) {
    if let Some(pattern) = schema.get("pattern").and_then(Json::as_str)
        && let Ok(regex) = Regex::new(pattern)
    {
        patterns.insert(pattern.to_owned(), regex);
    }
    let fields = schema.as_object().into_iter().flat_map(Map::values);
    let items = schema.as_array().into_iter().flatten();
    for child in fields.chain(items) {
        collect_patterns(child, patterns);
    }
}

/// A located value as JSON.
pub(crate) fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null | Value::Refused => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Integer(value) => Json::from(*value),
        Value::Float(value) => Json::from(*value),
        Value::Text(value) => Json::from(value.as_str()),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), to_json(&entry.value))).collect(),
    }
}

struct Walk<'a> {
    source: &'a Source,
    schema: &'a Json,
    patterns: &'a HashMap<String, Regex>,
    faults: Faults,
}

impl<'a> Walk<'a> {
    /// Checks a value; `None` when nothing of it can be used. `label` is what to point at when the value is empty.
    fn node(&mut self, node: &Node, label: &Range<usize>, schema: &'a Json, path: &Path) -> Option<Json> {
        if self.faults.is_full() || matches!(node.value, Value::Refused) {
            return None;
        }
        let field = schema;
        let choices = choices(self.schema, field);
        let Some(schema) = choices.iter().find(|choice| accepts_type(choice, &node.value)).copied() else {
            self.wrong_type(node, label, &[vec![field], choices].concat(), path);
            return None;
        };
        if let Some(allowed) = allowed_values(schema) {
            return self.one_of(node, label, &allowed, schema, path);
        }
        match &node.value {
            Value::Map(entries) => self.map(node, label, entries, schema, path),
            Value::List(items) => self.list(node, items, schema, path),
            Value::Text(text) => self.text(text, &node.span, schema, path).then(|| to_json(node)),
            Value::Integer(number) => self.integer(*number, node, schema, path).then(|| to_json(node)),
            Value::Null | Value::Refused | Value::Bool(_) | Value::Float(_) => Some(to_json(node)),
        }
    }

    fn one_of(
        &mut self,
        node: &Node,
        label: &Range<usize>,
        allowed: &[&Json],
        schema: &Json,
        path: &Path,
    ) -> Option<Json> {
        let value = to_json(node);
        if allowed.contains(&&value) {
            return Some(value);
        }
        let known: Vec<String> = allowed.iter().map(|json| plain(json)).collect();
        let written = value.as_str().map_or_else(|| value.to_string(), quote);
        let described = schema.get("description").and_then(Json::as_str);
        // Numbers are chosen, not mistyped.
        let near = node.text().and_then(|text| nearest(text, known.iter().map(String::as_str)));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        let hint = hint.or_else(|| described.map(str::to_owned));
        let message = match known.as_slice() {
            [only] => format!("{written} is not allowed here; it must be {only}"),
            _ if matches!(node.value, Value::List(_) | Value::Map(_) | Value::Null) => {
                format!("one of {} is needed here, not {}", known.join(", "), kind_words(&node.value))
            }
            _ => format!("{written} is none of {}", known.join(", ")),
        };
        let span = if node.span.is_empty() { label } else { &node.span };
        self.fault(Code::InvalidValue, span, path, message, hint);
        None
    }

    fn map(
        &mut self,
        node: &Node,
        label: &Range<usize>,
        entries: &[Entry],
        schema: &'a Json,
        path: &Path,
    ) -> Option<Json> {
        let properties = schema.get("properties").and_then(Json::as_object);
        let mut sound = Map::new();
        for entry in entries {
            let at = path.key(&entry.key);
            if let Some(field) = properties.and_then(|properties| properties.get(&entry.key)) {
                if let Some(value) = self.node(&entry.value, &entry.key_span, field, &at) {
                    sound.insert(entry.key.clone(), value);
                }
                continue;
            }
            match schema.get("additionalProperties") {
                // A merge key, which was refused with the alias that it has.
                _ if entry.key == "<<" && matches!(entry.value.value, Value::Refused) => {}
                Some(Json::Bool(false)) => {
                    let known = properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str));
                    let hint = suggest(&entry.key, known.collect::<Vec<_>>());
                    let message = format!("there is no field {}", quote(&entry.key));
                    self.fault(Code::UnknownField, &entry.key_span, &at, message, hint);
                }
                Some(values) => {
                    let keys = schema.get("propertyNames").map(|keys| crate::schema::follow(self.schema, keys));
                    let key_sound = keys.is_none_or(|keys| self.text(&entry.key, &entry.key_span, keys, &at));
                    let value = self.node(&entry.value, &entry.key_span, values, &at);
                    if let (true, Some(value)) = (key_sound, value) {
                        sound.insert(entry.key.clone(), value);
                    }
                }
                None => {}
            }
        }
        let point = if entries.is_empty() { label } else { &(node.span.start..node.span.start) };
        self.required(node, point, schema, path);
        self.exclusive(node, point, schema, path).then_some(Json::Object(sound))
    }

    fn required(&mut self, node: &Node, point: &Range<usize>, schema: &'a Json, path: &Path) {
        for name in strings(schema.get("required")) {
            if node.get(name).is_none() {
                let hint = self.describe_field(schema, name);
                self.fault(Code::MissingField, point, &path.key(name), format!("`{name}` is missing"), hint);
            }
        }
    }

    /// `oneOf` of required fields and `dependentRequired`: exactly one of several forms.
    fn exclusive(&mut self, node: &Node, point: &Range<usize>, schema: &'a Json, path: &Path) -> bool {
        let mut sound = true;
        for (name, needed) in schema.get("dependentRequired").and_then(Json::as_object).into_iter().flatten() {
            for other in strings(Some(needed)) {
                if node.get(name).is_some() && node.get(other).is_none() {
                    let message = format!("`{name}` needs `{other}` beside it");
                    self.fault(
                        Code::MissingField,
                        point,
                        &path.key(other),
                        message,
                        self.describe_field(schema, other),
                    );
                    sound = false;
                }
            }
        }
        let Some(forms) = schema.get("oneOf").and_then(Json::as_array) else {
            return sound;
        };
        let present: Vec<&str> = forms
            .iter()
            .flat_map(|form| strings(form.get("required")))
            .filter(|name| node.get(name).is_some())
            .collect();
        let names: Vec<&str> = forms.iter().flat_map(|form| strings(form.get("required"))).collect();
        let hint = format!("give exactly one of {}", names.join(", "));
        match present.as_slice() {
            [_] => sound,
            [] => {
                // A field that is half there was reported above.
                if sound {
                    self.fault(Code::MissingField, point, path, "nothing says what this should be", Some(hint));
                }
                false
            }
            several => {
                let message = format!("{} contradict each other", several.join(" and "));
                self.fault(Code::Conflict, point, path, message, Some(hint));
                false
            }
        }
    }

    fn list(&mut self, node: &Node, items: &[Node], schema: &'a Json, path: &Path) -> Option<Json> {
        let bound = |name| schema.get(name).and_then(Json::as_u64).and_then(|bound| usize::try_from(bound).ok());
        let (least, most) = (bound("minItems").unwrap_or(0), bound("maxItems").unwrap_or(usize::MAX));
        if items.len() < least || items.len() > most {
            let message = format!("{} items, where {} are allowed", items.len(), range_words(least, most));
            let hint = if items.len() < least {
                "add items to the list, or leave the field out if it is optional"
            } else {
                "shorten the list"
            };
            self.fault(Code::InvalidValue, &node.span, path, message, Some(hint.to_owned()));
            return None;
        }
        let Some(item_schema) = schema.get("items") else {
            return Some(to_json(node));
        };
        // A list with a hole would shift the items behind it, so that later faults would name the wrong ones.
        let sound: Vec<Option<Json>> = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.node(item, &item.span, item_schema, &path.index(index)))
            .collect();
        sound.into_iter().collect()
    }

    fn text(&mut self, text: &str, span: &Range<usize>, schema: &'a Json, path: &Path) -> bool {
        let title = schema.get("title").and_then(Json::as_str).unwrap_or("allowed value");
        let bound = |name| schema.get(name).and_then(Json::as_u64).and_then(|bound| usize::try_from(bound).ok());
        let (least, most) = (bound("minLength").unwrap_or(0), bound("maxLength").unwrap_or(usize::MAX));
        let length = text.chars().count();
        if length < least || length > most {
            let message =
                format!("{} has {length} characters; a {title} has {}", quote(text), range_words(least, most));
            let verb = if length < least { "lengthen" } else { "shorten" };
            let hint = Some(format!("{verb} it"));
            self.fault(Code::InvalidValue, span, path, message, hint);
            return false;
        }
        let Some(pattern) = schema.get("pattern").and_then(Json::as_str) else {
            return true;
        };
        if self.patterns.get(pattern).is_some_and(|regex| regex.is_match(text)) {
            return true;
        }
        let hint = schema.get("x-hint").or_else(|| schema.get("description")).and_then(Json::as_str).map(str::to_owned);
        self.fault(Code::InvalidValue, span, path, format!("{} is not a valid {title}", quote(text)), hint);
        false
    }

    fn integer(&mut self, number: i64, node: &Node, schema: &'a Json, path: &Path) -> bool {
        let bound = |name| schema.get(name).and_then(Json::as_i64);
        let (least, most) = (bound("minimum").unwrap_or(i64::MIN), bound("maximum").unwrap_or(i64::MAX));
        if (least..=most).contains(&number) {
            return true;
        }
        let message = format!("{number} is out of range; it must lie between {least} and {most}");
        let bound = if number < least { least } else { most };
        let hint = describe(&[schema]).map_or_else(
            || format!("write {bound}, or what lies within"),
            |what| format!("{what}; the nearest that is allowed is {bound}"),
        );
        self.fault(Code::InvalidValue, &node.span, path, message, Some(hint));
        false
    }

    fn wrong_type(&mut self, node: &Node, label: &Range<usize>, choices: &[&'a Json], path: &Path) {
        let mut wanted: Vec<&str> = choices.iter().flat_map(|choice| types(choice)).map(type_words).collect();
        wanted.dedup();
        let wanted = wanted.join(" or ");
        let text_wanted = choices.iter().any(|choice| types(choice).contains(&"string"));
        let bool_wanted = choices.iter().any(|choice| types(choice).contains(&"boolean"));
        let number_wanted = choices.iter().any(|choice| types(choice).contains(&"integer"));
        let written = &self.source.text[node.span.clone()];
        let (message, hint) = match &node.value {
            Value::Null => (format!("there is no value; {wanted} is needed"), describe(choices)),
            Value::Bool(_) | Value::Integer(_) | Value::Float(_) if text_wanted => (
                format!("{written} is {} here, not text", kind_words(&node.value)),
                Some(format!("write it in quotes: \"{written}\"")),
            ),
            Value::Text(text) if number_wanted && text.parse::<i64>().is_ok() => {
                (format!("{} is text, where {wanted} is needed", quote(text)), Some("remove the quotes".to_owned()))
            }
            Value::Text(text) if bool_wanted => (
                format!("{} is neither true nor false", quote(text)),
                Some("write true or false, without quotes".to_owned()),
            ),
            Value::Float(_) if number_wanted => (format!("{written} is not {wanted}"), describe(choices)),
            other => (format!("{wanted} is needed here, not {}", kind_words(other)), describe(choices)),
        };
        let span = if node.span.is_empty() { label } else { &node.span };
        self.fault(Code::WrongType, span, path, message, hint);
    }

    fn describe_field(&self, schema: &'a Json, name: &str) -> Option<String> {
        let field = schema.get("properties")?.get(name)?;
        let text = field.get("description").or_else(|| crate::schema::follow(self.schema, field).get("description"))?;
        text.as_str().map(first_sentence)
    }

    fn fault(
        &mut self,
        code: Code,
        span: &Range<usize>,
        path: &Path,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        if !self.faults.is_full() {
            let fault: Fault = self.source.fault(code, span, path, message, hint);
            self.faults.push(fault);
        }
    }
}

/// The schemas of which a value has to satisfy one, with references followed.
pub(crate) fn choices<'a>(root: &'a Json, schema: &'a Json) -> Vec<&'a Json> {
    let schema = crate::schema::follow(root, schema);
    match schema.get("anyOf").and_then(Json::as_array) {
        Some(branches) => branches.iter().flat_map(|branch| choices(root, branch)).collect(),
        None => vec![schema],
    }
}

/// The values of an enumeration: `enum`, `const`, or `oneOf` documented constants.
pub(crate) fn allowed_values(schema: &Json) -> Option<Vec<&Json>> {
    if let Some(values) = schema.get("enum").and_then(Json::as_array) {
        return Some(values.iter().collect());
    }
    if let Some(value) = schema.get("const") {
        return Some(vec![value]);
    }
    let branches = schema.get("oneOf")?.as_array()?;
    let nested: Option<Vec<_>> = branches.iter().map(allowed_values).collect();
    nested.map(|values| values.concat())
}

fn describe(choices: &[&Json]) -> Option<String> {
    choices.iter().find_map(|choice| choice.get("description")).and_then(Json::as_str).map(first_sentence)
}

/// The names of JSON's types that a schema allows; none means all.
pub(crate) fn types(schema: &Json) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(one)) => vec![one],
        some => strings(some),
    }
}

fn accepts_type(schema: &Json, value: &Value) -> bool {
    let types = types(schema);
    let name = match value {
        Value::Null | Value::Refused => "null",
        Value::Bool(_) => "boolean",
        Value::Integer(_) => "integer",
        Value::Float(_) => "number",
        Value::Text(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
    };
    types.is_empty() || types.contains(&name)
}

fn kind_words(value: &Value) -> &'static str {
    match value {
        Value::Null | Value::Refused => "empty",
        Value::Bool(_) => "true or false",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Text(_) => "text",
        Value::List(_) => "a list",
        Value::Map(_) => "a mapping",
    }
}

/// A JSON type in the words of someone who writes YAML.
pub(crate) fn type_words(name: &str) -> &'static str {
    match name {
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "text",
        "array" => "a list",
        "object" => "a mapping",
        _ => "a value",
    }
}

pub(crate) fn strings(list: Option<&Json>) -> Vec<&str> {
    list.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect()
}

fn plain(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

fn range_words(least: usize, most: usize) -> String {
    match (least, most) {
        (0, most) => format!("at most {most}"),
        (least, usize::MAX) => format!("at least {least}"),
        (least, most) => format!("{least} to {most}"),
    }
}

fn first_sentence(text: &str) -> String {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.').replace('\n', " ")
}
