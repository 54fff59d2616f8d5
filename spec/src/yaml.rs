//! YAML as a located tree.
//!
//! The parser's events are read one by one into a small tree that knows the place of every value, so that validation
//! can point at each fault. Anchors, aliases and tags are refused rather than expanded: a spec has no use for them, and without
//! them the tree is never larger than the text. What is refused keeps its place in the tree, so that the rest of the file is
//! looked at too.

use std::collections::HashMap;
use std::ops::Range;

use serde_yaml::granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span};

use crate::fault::{Code, Faults};
use crate::nearest::quote;
use crate::path::Path;
use crate::source::Source;

/// Largest file, in bytes.
const MAX_BYTES: usize = 1 << 20;
/// Deepest nesting; the spec's own is under 10.
const MAX_DEPTH: usize = 64;
/// Most values in a file.
const MAX_NODES: usize = 100_000;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Range<usize>,
}

/// What a value is, after YAML 1.2's core schema.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// What was refused already: nothing more is to be said of it.
    Refused,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) value: Node,
}

impl Node {
    /// The value of a key, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The text, if this is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads a file's documents; empty ones are left out. What is wrong in one leaves the rest of it readable, unless it ends the
/// reading: then the documents before it are given.
pub(crate) fn parse(source: &Source) -> (Vec<Node>, Faults) {
    let mut faults = Faults::default();
    let root = Path::default();
    if source.text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; a spec may have {MAX_BYTES}", source.text.len());
        faults.push(source.fault(Code::TooLarge, &(0..0), &root, message, "split it into several files".to_owned()));
        return (Vec::new(), faults);
    }
    // The replacement character is what a reader makes of bytes that are not UTF-8; names and flags must not go on with it.
    let unreadable =
        [('\0', "the file contains a NUL byte"), (char::REPLACEMENT_CHARACTER, "the file is not UTF-8 here")];
    for (sign, message) in unreadable {
        let Some(position) = source.text.find(sign) else {
            continue;
        };
        let hint = "save the file as plain UTF-8 text".to_owned();
        faults.push(source.fault(Code::Syntax, &(position..position + sign.len_utf8()), &root, message, hint));
        return (Vec::new(), faults);
    }
    let mut builder =
        Builder { source, faults, stack: Vec::new(), documents: Vec::new(), nodes: 0, first_anchor: None, anchors: 0 };
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    for event in Parser::new_from_str_with_options(&source.text, options) {
        match event {
            Ok((event, span)) => {
                if !builder.take(event, &span) {
                    break;
                }
            }
            Err(error) => {
                builder.scan_error(&error);
                break;
            }
        }
    }
    builder.anchors();
    (builder.documents, builder.faults)
}

/// A collection that is being read.
enum Open {
    List { items: Vec<Node>, start: usize },
    Map { entries: Vec<Entry>, seen: HashMap<String, Range<usize>>, key: Key, start: usize },
}

/// Where a mapping stands between key and value.
enum Key {
    Awaited,
    Read(String, Range<usize>),
    /// The key was no scalar; its value is read and dropped.
    Refused,
}

struct Builder<'a> {
    source: &'a Source,
    faults: Faults,
    stack: Vec<Open>,
    documents: Vec<Node>,
    nodes: usize,
    /// Where the first anchor or alias stands.
    first_anchor: Option<(Range<usize>, Path)>,
    anchors: usize,
}

impl Builder<'_> {
    /// Takes the next event; `false` ends the reading.
    fn take(&mut self, event: Event<'_>, span: &Span) -> bool {
        let bytes = self.bytes(span);
        let start = bytes.start;
        if event.anchor_id().is_some() || event.is_alias() {
            self.anchors += 1;
            let path = self.path();
            self.first_anchor.get_or_insert((bytes.clone(), path));
        }
        let tagged = event.tag().map(|tag| format!("the tag {} is not part of a spec", quote(&tag.original())));
        if let Some(message) = &tagged {
            self.refuse(&bytes, message, "remove the tag; put quotes around a value that has to be text");
        }
        match event {
            // Without its tag, the text may be of another type than was meant.
            Event::Scalar(_, ScalarStyle::Plain, _, _) if tagged.is_some() && !self.is_key() => {
                self.complete(Node { value: Value::Refused, span: bytes });
            }
            Event::Scalar(text, style, _, _) => self.scalar(&text, style, bytes),
            Event::Alias(_) | Event::UnresolvedAlias(_) => self.complete(Node { value: Value::Refused, span: bytes }),
            Event::SequenceStart(..) => self.stack.push(Open::List { items: Vec::new(), start: bytes.start }),
            Event::MappingStart(..) => self.stack.push(Open::Map {
                entries: Vec::new(),
                seen: HashMap::new(),
                key: Key::Awaited,
                start: bytes.start,
            }),
            Event::SequenceEnd | Event::MappingEnd => self.close(bytes.end),
            _ => return true,
        }
        self.nodes += 1;
        if self.faults.is_full() {
            return false;
        }
        if self.nodes > MAX_NODES || self.stack.len() > MAX_DEPTH {
            let message = format!("a spec may have {MAX_NODES} values, nested {MAX_DEPTH} deep");
            let fault = self.source.fault(Code::TooLarge, &(start..start), &self.path(), message, None);
            self.faults.push(fault);
            return false;
        }
        true
    }

    /// The place of the value that is read next.
    fn path(&self) -> Path {
        self.stack.iter().fold(Path::default(), |path, open| match open {
            Open::List { items, .. } => path.index(items.len()),
            Open::Map { key: Key::Read(name, _), .. } => path.key(name),
            Open::Map { .. } => path,
        })
    }

    /// Whether the next scalar is a key.
    fn is_key(&self) -> bool {
        matches!(self.stack.last(), Some(Open::Map { key: Key::Awaited, .. }))
    }

    /// However many there are, they are one mistake.
    fn anchors(&mut self) {
        let Some((span, path)) = self.first_anchor.take() else { return };
        let places = match self.anchors {
            1 => String::new(),
            count => format!(", and stand in {count} places of this file"),
        };
        let message = format!("anchors and aliases are not part of a spec{places}");
        let hint = "write the value out where it is needed".to_owned();
        self.faults.push(self.source.fault(Code::Syntax, &span, &path, message, hint));
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Range<usize>) {
        if let Some(Open::Map { key: key @ Key::Awaited, seen, .. }) = self.stack.last_mut() {
            let first = seen.insert(text.to_owned(), span.clone());
            *key = Key::Read(text.to_owned(), span.clone());
            if let Some(first) = first {
                let line = self.source.fault(Code::DuplicateKey, &first, &Path::default(), "", None).line;
                let message = format!("the key {} stands twice in this mapping", quote(text));
                let hint = format!("remove one of them; the first is on line {line}");
                self.faults.push(self.source.fault(Code::DuplicateKey, &span, &self.path(), message, hint));
            }
            return;
        }
        let value = if style == ScalarStyle::Plain { plain(text) } else { Value::Text(text.to_owned()) };
        self.complete(Node { value, span });
    }

    /// Puts a finished value where it belongs.
    fn complete(&mut self, node: Node) {
        match self.stack.last_mut() {
            None if matches!(node.value, Value::Null) => {}
            None => self.documents.push(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match std::mem::replace(key, Key::Awaited) {
                Key::Read(name, key_span) => entries.push(Entry { key: name, key_span, value: node }),
                Key::Refused => {}
                Key::Awaited => {
                    *key = Key::Refused;
                    self.refuse(&node.span, "a key must be a plain word", "put quotes around the key");
                }
            },
        }
    }

    fn close(&mut self, end: usize) {
        let (value, start) = match self.stack.pop() {
            Some(Open::List { items, start }) => (Value::List(items), start),
            Some(Open::Map { entries, start, .. }) => (Value::Map(entries), start),
            None => return,
        };
        self.complete(Node { value, span: start..end.max(start) });
    }

    fn refuse(&mut self, span: &Range<usize>, message: &str, hint: &str) {
        let fault = self.source.fault(Code::Syntax, span, &self.path(), message, hint.to_owned());
        self.faults.push(fault);
    }

    fn bytes(&self, span: &Span) -> Range<usize> {
        span.byte_range().unwrap_or_else(|| {
            self.source.byte_of(span.start.line(), span.start.col())
                ..self.source.byte_of(span.end.line(), span.end.col())
        })
    }

    fn scan_error(&mut self, error: &ScanError) {
        let marker = error.marker();
        let start = marker.byte_offset().unwrap_or_else(|| self.source.byte_of(marker.line(), marker.col()));
        let (code, message, hint) = match error.kind() {
            ErrorKind::UnknownAnchor => (
                Code::Syntax,
                "anchors and aliases are not part of a spec".to_owned(),
                "write the value out where it is needed, and put quotes around text that starts with `*`",
            ),
            ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation => {
                (Code::Syntax, "a tab is used to indent".to_owned(), "indent with spaces")
            }
            ErrorKind::RecursionLimitExceeded => {
                (Code::TooLarge, format!("values are nested more than {MAX_DEPTH} deep"), "no spec is nested that deep")
            }
            _ => (
                Code::Syntax,
                format!("this is not YAML: {}", error.info()),
                "check the indentation, the colons and the quotes here and on the line above",
            ),
        };
        let fault = self.source.fault(code, &(start..start), &self.path(), message, hint.to_owned());
        self.faults.push(fault);
    }
}

/// The value of a plain scalar, after the core schema of YAML 1.2.2 (§10.3.2).
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Value::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        _ => {}
    }
    let radix = |prefix, radix| text.strip_prefix(prefix).and_then(|digits| from_radix(digits, radix));
    if let Some(number) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Value::Integer(number);
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.chars().any(|c| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    if !numeric {
        return Value::Text(text.to_owned());
    }
    if let Ok(number) = text.parse::<i64>() {
        return Value::Integer(number);
    }
    match text.parse::<f64>() {
        Ok(number) => whole(number).map_or(Value::Float(number), Value::Integer),
        Err(_) => Value::Text(text.to_owned()),
    }
}

fn from_radix(digits: &str, radix: u32) -> Option<i64> {
    // `from_str_radix` takes a sign, which YAML does not allow here.
    digits.chars().all(|c| c.is_digit(radix)).then(|| i64::from_str_radix(digits, radix).ok()).flatten()
}

/// JSON Schema counts 3.0 as an integer.
fn whole(number: f64) -> Option<i64> {
    /// The largest range in which every integer has its own f64.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "the value is whole and within ±2^53")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Result<Vec<Node>, Faults> {
        let (documents, faults) = parse(&Source::new("test.yaml", text));
        faults.or(documents)
    }

    fn first_fault(text: &str) -> String {
        tree(text).expect_err("the text has a fault").to_string()
    }

    #[test]
    fn places_are_in_characters_and_bytes() {
        let documents = tree("name: é\nother: [1, two]\n").expect("valid");
        let other = documents[0].get("other").expect("there");
        let Value::List(items) = &other.value.value else { panic!("a list") };
        assert_eq!(items[1].text(), Some("two"));
        assert_eq!(&"name: é\nother: [1, two]\n"[items[1].span.clone()], "two");
    }

    #[test]
    fn hostile_texts_give_one_clear_fault() {
        assert!(first_fault("a: &x 1\nb: *x\n").contains("anchors and aliases"));
        assert!(first_fault("b: *x\n").contains("anchors and aliases"));
        assert!(first_fault("a: 1\na: 2\n").contains("twice"));
        assert!(first_fault("a:\n\tb: 1\n").contains("tab"), "{}", first_fault("a:\n\tb: 1\n"));
        assert!(first_fault("a: \0\n").contains("NUL"));
        assert!(first_fault("a: !!str 1\n").contains("tag"));
        assert!(first_fault("? [1, 2]\n: 3\n").contains("key"));
        assert!(first_fault(&"[".repeat(100_000)).contains("deep"), "{}", first_fault(&"[".repeat(100_000)));
        assert!(first_fault(&"x".repeat(2 << 20)).contains("bytes"));
        let wide = format!("[{}]", "1,".repeat(400_000));
        assert!(first_fault(&wide).contains("values"));
    }

    #[test]
    fn a_bomb_is_refused_without_being_expanded() {
        let level = |n: usize| format!("a{}: &a{} [*a{n}, *a{n}, *a{n}]\n", n + 1, n + 1);
        let bomb =
            std::iter::once("a0: &a0 [x, x]\n".to_owned()).chain((0..30).map(level)).collect::<Vec<_>>().concat();
        assert!(first_fault(&bomb).contains("anchors and aliases"));
        assert_eq!(tree(&bomb).expect_err("it is a bomb").len(), 1, "{}", first_fault(&bomb));
    }

    #[test]
    fn what_is_refused_leaves_the_rest_and_says_where_it_stands() {
        let text = "a: 1\nb: [0, &x 2, *x]\na: !!str 3\nc: ok\n";
        let (documents, faults) = parse(&Source::new("test.yaml", text));
        let listed: Vec<String> = faults.iter().map(|fault| format!("{} {}", fault.code, fault.path)).collect();
        assert_eq!(listed, ["duplicate-key a", "syntax a", "syntax b[1]"]);
        assert_eq!(documents[0].get("c").and_then(|entry| entry.value.text()), Some("ok"));
        let (documents, faults) = parse(&Source::new("test.yaml", "a: 1\n---\nb: { c: [\n"));
        assert_eq!((documents.len(), faults.len()), (1, 1));
        assert!(faults.to_string().contains(": b.c[0]: "), "{faults}");
    }

    #[test]
    fn scalars_read_as_serde_yaml_reads_them() {
        for text in ["1", "-1", "1.5", "3.0", "true", "null", "~", "x", "'1'", "0x10", "0o17", "1e3"] {
            let Ok(theirs) = serde_yaml::from_str::<serde_json::Value>(text) else {
                continue;
            };
            let Ok(mut ours) = tree(&format!("k: {text}\n")) else { panic!("{text}") };
            let ours = crate::structure::to_json(&ours.remove(0).get("k").expect("there").value);
            let same = ours == theirs || ours.as_f64().is_some() && ours.as_f64() == theirs.as_f64();
            assert!(same, "{text}: {ours} and {theirs}");
        }
    }
}
