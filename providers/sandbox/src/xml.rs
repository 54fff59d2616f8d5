//! Writing XML answers.

use std::fmt::Display;

/// An XML text under construction.
#[derive(Debug, Default)]
pub struct Xml {
    out: String,
}

impl Xml {
    /// An empty text, for the inside of an element that is made elsewhere.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was written before and kept.
    pub fn from_text(text: &str) -> Self {
        Self { out: text.to_owned() }
    }

    /// What has been written so far.
    pub fn as_text(&self) -> &str {
        &self.out
    }

    /// Takes over what was written elsewhere.
    pub fn append(&mut self, inside: &Self) {
        self.out.push_str(&inside.out);
    }

    /// A text that begins with the XML declaration.
    pub fn document() -> Self {
        Self { out: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned() }
    }

    /// An element with a value.
    pub fn text(&mut self, name: &str, value: impl Display) {
        let value = value.to_string();
        self.open(name);
        escape(&value, &mut self.out);
        self.close(name);
    }

    /// An element with a value, if there is one.
    pub fn opt(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// An element with others inside.
    pub fn nest(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.open(name);
        inside(self);
        self.close(name);
    }

    /// An element with a default namespace; an empty namespace is left out.
    pub fn root(&mut self, name: &str, namespace: &str, inside: impl FnOnce(&mut Self)) {
        let attributes = [("xmlns", namespace)];
        self.with(name, if namespace.is_empty() { &[] } else { &attributes }, inside);
    }

    /// An element with attributes.
    pub fn with(&mut self, name: &str, attributes: &[(&str, &str)], inside: impl FnOnce(&mut Self)) {
        self.out.push('<');
        self.out.push_str(name);
        for (attribute, value) in attributes {
            self.out.push(' ');
            self.out.push_str(attribute);
            self.out.push_str("=\"");
            escape(value, &mut self.out);
            self.out.push('"');
        }
        self.out.push('>');
        inside(self);
        self.close(name);
    }

    /// A list: an element `name` that holds one element `member` for each item.
    pub fn list<T>(
        &mut self,
        name: &str,
        member: &str,
        items: impl IntoIterator<Item = T>,
        mut inside: impl FnMut(&mut Self, T),
    ) {
        self.nest(name, |x| {
            for item in items {
                x.nest(member, |x| inside(x, item));
            }
        });
    }

    /// A list of plain values.
    pub fn values<T: Display>(&mut self, name: &str, member: &str, items: impl IntoIterator<Item = T>) {
        self.nest(name, |x| {
            for item in items {
                x.text(member, item);
            }
        });
    }

    /// The finished text.
    pub fn finish(self) -> String {
        self.out
    }

    fn open(&mut self, name: &str) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push('>');
    }

    fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }
}

/// Appends text so that a reader gets it back unchanged. Characters that XML 1.0 cannot hold become U+FFFD, as the
/// services do not store them either.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(c),
            c if c < ' ' || c == '\u{FFFE}' || c == '\u{FFFF}' => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        let mut x = Xml::default();
        x.list("set", "item", ["a<b", "\"&\""], |x, v| x.text("k", v));
        x.opt("no", None::<&str>);
        assert_eq!(x.finish(), "<set><item><k>a&lt;b</k></item><item><k>&quot;&amp;&quot;</k></item></set>");
    }
}
