//! Places in a spec: `spec.pools[1].min`.

use std::fmt;

/// One step into a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// A field or a key of a map.
    Key(String),
    /// An item of a list, from 0.
    Index(usize),
}

/// A place in a spec, from the document's root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path(Vec<Segment>);

impl Path {
    /// The place of a dotted path whose keys are plain words, such as `spec.pools[1].min`.
    #[must_use]
    pub fn of(dotted: &str) -> Self {
        let mut path = Self::default();
        for part in dotted.split('.') {
            let mut pieces = part.split('[');
            path.0.extend(pieces.next().map(|key| Segment::Key(key.to_owned())));
            let indices = pieces.filter_map(|piece| piece.strip_suffix(']')?.parse().ok());
            path.0.extend(indices.map(Segment::Index));
        }
        path
    }

    /// The place of a field or a key below this one.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(Segment::Key(key.to_owned()))
    }

    /// The place of a list's item below this one.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.0
    }
}

impl From<&str> for Path {
    fn from(dotted: &str) -> Self {
        Self::of(dotted)
    }
}

impl From<String> for Path {
    fn from(dotted: String) -> Self {
        Self::of(&dotted)
    }
}

impl From<&Path> for Path {
    fn from(path: &Path) -> Self {
        path.clone()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if is_plain(key) => {
                    if position > 0 {
                        f.write_str(".")?;
                    }
                    f.write_str(key)?;
                }
                Segment::Key(key) => write!(f, "[{}]", crate::nearest::quote(key))?,
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.len() <= 64 && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_no_plain_words_are_quoted() {
        let path = Path::of("spec.pools").index(1).key("labels").key("example.com/tier");
        assert_eq!(path.to_string(), r#"spec.pools[1].labels["example.com/tier"]"#);
        assert_eq!(Path::of("spec.pools[1].labels").key("example.com/tier"), path);
    }
}
