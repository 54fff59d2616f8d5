//! Reading the XML that a client sends (S3's and Route 53's bodies), with the elements taken one by one, so that whatever is left is an unknown element.

use quick_xml::Reader;
use quick_xml::events::Event;

/// Nothing that a client of this API sends is nested deeper.
const MAX_DEPTH: usize = 16;

/// One element of a request body.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// The local name.
    pub name: String,
    /// The text directly inside, entities resolved.
    pub text: String,
    children: Vec<Node>,
}

/// A body that is no well-formed XML, or holds something that its reader did not ask for.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The parser's complaint.
    #[error("the body is not well-formed XML")]
    Syntax(#[from] quick_xml::Error),
    /// A reference such as `&nbsp;` that plain XML does not know.
    #[error("unknown entity &{0};")]
    Entity(String),
    /// The body is nested too deeply, ends early, or holds several roots.
    #[error("the body is not one XML document")]
    Shape,
    /// An element that the operation does not know.
    #[error("unexpected element {0}")]
    Unexpected(String),
    /// An element that the operation needs.
    #[error("missing element {0}")]
    Missing(&'static str),
}

impl Node {
    /// Parses one document whose root must be called `root`.
    pub fn parse(body: &[u8], root: &'static str) -> Result<Self, TreeError> {
        let text = std::str::from_utf8(body).map_err(|_| TreeError::Shape)?;
        let node = document(text)?;
        if node.name == root { Ok(node) } else { Err(TreeError::Unexpected(node.name)) }
    }

    /// Takes the only child of that name, if there is one.
    pub fn take(&mut self, name: &str) -> Option<Node> {
        let at = self.children.iter().position(|child| child.name == name)?;
        Some(self.children.remove(at))
    }

    /// Takes a child that must be there.
    pub fn need(&mut self, name: &'static str) -> Result<Node, TreeError> {
        self.take(name).ok_or(TreeError::Missing(name))
    }

    /// Takes the text of a child, if there is one.
    pub fn take_text(&mut self, name: &str) -> Option<String> {
        self.take(name).map(|node| node.text)
    }

    /// Takes the text of a child that must be there.
    pub fn need_text(&mut self, name: &'static str) -> Result<String, TreeError> {
        Ok(self.need(name)?.text)
    }

    /// Takes every child of that name, in order.
    pub fn take_all(&mut self, name: &str) -> Vec<Node> {
        let (taken, left) = std::mem::take(&mut self.children).into_iter().partition(|child| child.name == name);
        self.children = left;
        taken
    }

    /// Refuses whatever was not taken.
    pub fn finish(self) -> Result<(), TreeError> {
        self.children.into_iter().next().map_or(Ok(()), |child| Err(TreeError::Unexpected(child.name)))
    }
}

fn document(text: &str) -> Result<Node, TreeError> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Node> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event()? {
            Event::Start(start) => {
                if open.len() == MAX_DEPTH || root.is_some() {
                    return Err(TreeError::Shape);
                }
                open.push(Node { name: start.local_name().into_inner().to_owned(), ..Node::default() });
            }
            Event::Empty(empty) => {
                let node = Node { name: empty.local_name().into_inner().to_owned(), ..Node::default() };
                close(node, &mut open, &mut root)?;
            }
            Event::End(_) => {
                let node = open.pop().ok_or(TreeError::Shape)?;
                close(node, &mut open, &mut root)?;
            }
            Event::Text(text) => append(&mut open, &text.xml10_content()),
            Event::CData(text) => append(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref()? {
                    Some(c) => c,
                    None => named(&reference.xml10_content())?,
                };
                append(&mut open, resolved.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(_) => return Err(TreeError::Shape),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    if open.is_empty() { root.ok_or(TreeError::Shape) } else { Err(TreeError::Shape) }
}

fn close(node: Node, open: &mut [Node], root: &mut Option<Node>) -> Result<(), TreeError> {
    match open.last_mut() {
        Some(parent) => parent.children.push(node),
        None if root.is_none() => *root = Some(node),
        None => return Err(TreeError::Shape),
    }
    Ok(())
}

fn append(open: &mut [Node], text: &str) {
    if let Some(node) = open.last_mut() {
        node.text.push_str(text);
    }
}

fn named(name: &str) -> Result<char, TreeError> {
    match name {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        other => Err(TreeError::Entity(other.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_is_asked_for_and_refuses_the_rest() {
        let mut node = Node::parse(b"<A xmlns=\"x\"><B>1 &lt; &#x32;</B><C/><B>two</B></A>", "A").unwrap();
        let texts: Vec<_> = node.take_all("B").into_iter().map(|b| b.text).collect();
        assert_eq!(texts, ["1 < 2", "two"]);
        assert!(matches!(node.finish(), Err(TreeError::Unexpected(name)) if name == "C"));
    }

    #[test]
    fn refuses_broken_documents() {
        for body in ["", "<A>", "<A></B>", "<A/><A/>", "<!DOCTYPE a><A/>", "<A>&nbsp;</A>", "<B/>"] {
            assert!(Node::parse(body.as_bytes(), "A").is_err(), "{body}");
        }
    }
}
