//! Documents: what a file holds, read and checked for its structure.

use std::collections::HashMap;

use crate::catalogue::Catalogue;
use crate::cluster::Cluster;
use crate::draft::Judge;
use crate::fault::{Code, Faults};
use crate::nearest::{quote, suggest};
use crate::path::{Path, Segment};
use crate::raw::ClusterDocument;
use crate::resolve::resolve;
use crate::source::Source;
use crate::structure;
use crate::yaml::{self, Node, Value};

/// The kinds of documents that this version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One cluster.
    Cluster,
}

impl Kind {
    /// Every kind.
    pub const ALL: &[Self] = &[Self::Cluster];

    /// The name in a file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cluster => "Cluster",
        }
    }

    /// The kind with a name, upper and lower case alike.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// A document of a file.
#[derive(Debug, Clone)]
pub struct Document {
    /// What the document describes.
    pub kind: Kind,
    pub(crate) raw: ClusterDocument,
    pub(crate) source: Source,
    pub(crate) root: Node,
    /// Faults of structure. A document that [`load`] gives has none.
    pub(crate) structural: Faults,
}

impl Document {
    /// The name of the file.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// The document as it was written.
    #[must_use]
    pub fn raw(&self) -> &ClusterDocument {
        &self.raw
    }

    /// Whether the file has a value at this place, be it sound or not.
    pub(crate) fn has(&self, path: &Path) -> bool {
        let mut node = &self.root;
        for segment in path.segments() {
            let next = match (segment, &node.value) {
                (Segment::Key(key), _) => node.get(key).map(|entry| &entry.value),
                (Segment::Index(index), Value::List(items)) => items.get(*index),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => return false,
            }
        }
        true
    }

    /// The bytes of the value at a place, or of the nearest thing around it that the file has.
    pub(crate) fn span(&self, path: &Path) -> std::ops::Range<usize> {
        let mut node = &self.root;
        let mut span = node.span.start..node.span.start;
        for segment in path.segments() {
            match (segment, &node.value) {
                (Segment::Key(key), _) => match node.get(key) {
                    Some(entry) => {
                        node = &entry.value;
                        // A fault in a whole mapping or list is shown at the key that it stands under.
                        let inner = matches!(node.value, Value::Map(_) | Value::List(_)) || node.span.is_empty();
                        span = if inner { entry.key_span.clone() } else { node.span.clone() };
                    }
                    None => return span,
                },
                (Segment::Index(index), Value::List(items)) if *index < items.len() => {
                    node = &items[*index];
                    let inner = matches!(node.value, Value::Map(_) | Value::List(_));
                    span = if inner { node.span.start..node.span.start } else { node.span.clone() };
                }
                _ => return span,
            }
        }
        span
    }
}

/// Reads the documents of files, given as names and texts, in order. A file may hold several.
///
/// Fails with every fault of structure in all of the files: first what keeps a file from being read as YAML, then unknown
/// and missing fields, wrong types and values out of range. Time and memory are bounded whatever the texts are.
pub fn load(files: &[(&str, &str)], catalogue: &Catalogue) -> Result<Vec<Document>, Faults> {
    let (documents, mut faults) = read(files, catalogue);
    for document in &documents {
        faults.extend(document.structural.clone());
    }
    faults.arrange(files);
    faults.or(documents)
}

/// Reads files and resolves every cluster in them, or gives every fault at once: those of structure in all files, those of
/// meaning as far as the sound parts allow, and clusters that are described twice.
pub fn clusters(files: &[(&str, &str)], catalogue: &Catalogue) -> Result<Vec<Cluster>, Faults> {
    clusters_that_fit(files, catalogue, &|_| Vec::new())
}

/// The same, with what the clouds say: `judge` sees what is sound of each cluster, and what it finds stands among the
/// other faults, with its place.
pub fn clusters_that_fit(
    files: &[(&str, &str)],
    catalogue: &Catalogue,
    judge: Judge<'_>,
) -> Result<Vec<Cluster>, Faults> {
    let (documents, mut faults) = read(files, catalogue);
    let mut resolved = Vec::new();
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for document in &documents {
        let name = document.raw.metadata.as_ref().and_then(|metadata| metadata.name.as_ref());
        // State is kept by name, so that two clusters of one name can't both be, wherever they are.
        if let Some(name) = name
            && let Some(first) = seen.insert(name.as_str(), document.file())
        {
            let path = Path::of("metadata.name");
            let message = format!("the cluster {} is described twice, first in {first}", quote(name.as_str()));
            let hint = "give each cluster a name of its own, in whatever region it is".to_owned();
            faults.push(document.source.fault(Code::DuplicateName, &document.span(&path), &path, message, hint));
        }
        match resolve(document, catalogue, judge) {
            Ok(cluster) => resolved.push(cluster),
            Err(found) => faults.extend(found),
        }
    }
    faults.arrange(files);
    faults.or(resolved)
}

/// The documents that can be read, and the faults that keep others from it.
fn read(files: &[(&str, &str)], catalogue: &Catalogue) -> (Vec<Document>, Faults) {
    let mut documents = Vec::new();
    let mut faults = Faults::default();
    for (name, text) in files {
        let source = Source::new(name, text);
        let (roots, found) = yaml::parse(&source);
        if roots.is_empty() && found.is_empty() {
            let hint = "start with `apiVersion: meridian/v1` and `kind: Cluster`".to_owned();
            faults.push(source.fault(Code::MissingField, &(0..0), &Path::default(), "the file is empty", hint));
        }
        faults.extend(found);
        for root in roots {
            match kind_of(&source, &root) {
                Ok(kind) => documents.push(document(&source, root, kind, catalogue)),
                Err(found) => faults.extend(found),
            }
        }
    }
    (documents, faults)
}

fn document(source: &Source, root: Node, kind: Kind, catalogue: &Catalogue) -> Document {
    let (sound, mut structural) = structure::check(source, &root, catalogue.schema(kind));
    let raw = serde_json::from_value(sound).unwrap_or_else(|error| {
        // The schema is stricter than the types, so that this is unreachable; were it not, silence would be worse.
        let message = format!("the document does not fit its own schema: {error}");
        structural.push(source.fault(Code::InvalidValue, &(0..0), &Path::default(), message, None));
        ClusterDocument::default()
    });
    Document { kind, raw, source: source.clone(), root, structural }
}

fn kind_of(source: &Source, root: &Node) -> Result<Kind, Faults> {
    let mut faults = Faults::default();
    let names = || Kind::ALL.iter().map(|kind| kind.name());
    let start = root.span.start..root.span.start;
    let known = names().collect::<Vec<_>>().join(", ");
    let Value::Map(_) = root.value else {
        let hint = "start with `apiVersion: meridian/v1` and `kind: Cluster`".to_owned();
        faults.push(source.fault(Code::WrongType, &start, &Path::default(), "a document must be a mapping", hint));
        return faults.or(Kind::Cluster);
    };
    let path = Path::of("kind");
    let Some(entry) = root.get("kind") else {
        let hint = format!("say what the document describes; known kinds: {known}");
        faults.push(source.fault(Code::MissingField, &start, &path, "`kind` is missing", hint));
        return faults.or(Kind::Cluster);
    };
    if matches!(entry.value.value, Value::Refused) {
        // That is told already, and there is but one kind that it can be.
        return Ok(Kind::Cluster);
    }
    let found = entry.value.text().and_then(|name| Kind::ALL.iter().copied().find(|kind| kind.name() == name));
    if let Some(kind) = found {
        return Ok(kind);
    }
    let written = entry.value.text().unwrap_or_default();
    let hint = suggest(written, names().collect::<Vec<_>>());
    let span = if entry.value.span.is_empty() { &entry.key_span } else { &entry.value.span };
    let message = format!("there is no kind {}; known kinds: {known}", quote(&source.text[entry.value.span.clone()]));
    faults.push(source.fault(Code::UnknownKind, span, &path, message, hint));
    faults.or(Kind::Cluster)
}
