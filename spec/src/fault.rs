//! Faults: what is wrong with a spec, where, and how to mend it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

/// One thing that is wrong in a spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Stable name of the kind of fault, for machines.
    pub code: Code,
    /// Name of the file, as it was given to [`crate::load`].
    pub file: Arc<str>,
    /// Line of the fault, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The bytes of the file that the fault is about; empty when something is missing there.
    pub span: Range<usize>,
    /// Place in the spec (`spec.pools[1].min`); empty when the file could not be read that far.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " (hint: {hint})")?;
        }
        Ok(())
    }
}

/// The kinds of faults. The names do not change between releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The file is larger than a spec may be, or nested deeper.
    TooLarge,
    /// The file is not YAML, or uses a part of YAML that specs do without (anchors, tags).
    Syntax,
    /// A key stands twice in one mapping.
    DuplicateKey,
    /// The document's `kind` is not one that this version knows.
    UnknownKind,
    /// A field that does not exist.
    UnknownField,
    /// A field that must be there is not.
    MissingField,
    /// A number where a text should be, and the like.
    WrongType,
    /// The right type, but a value that is never allowed there.
    InvalidValue,
    /// Two things have the same name.
    DuplicateName,
    /// Ranges of addresses that overlap or cannot be used.
    InvalidNetwork,
    /// The range of the network cannot hold what it has to.
    NetworkTooSmall,
    /// No such region, or one that is not open.
    UnknownRegion,
    /// No such zone in the region.
    UnknownZone,
    /// The region has too few zones.
    TooFewZones,
    /// Fields that contradict each other.
    Conflict,
    /// A Kubernetes version that this version of Meridian does not install.
    UnknownVersion,
    /// No machine type satisfies the request.
    UnknownMachine,
    /// A name that the cloud would refuse.
    NameLimit,
    /// A label or a taint that Kubernetes or the cloud would refuse.
    RefusedLabel,
    /// Open to the whole internet without being said twice.
    OpenToAnyone,
    /// What the cloud can't do, though it is sound by itself.
    Unfit,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Everything that is wrong with a set of files, in the order of files and lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Faults(Vec<Fault>);

/// Faults that are kept of one run; a hostile file could otherwise produce tens of thousands.
const MAX_FAULTS: usize = 500;

impl Faults {
    pub(crate) fn push(&mut self, fault: Fault) {
        if !self.is_full() && !self.0.contains(&fault) {
            self.0.push(fault);
        }
    }

    /// Whether further faults would be dropped: the reader may as well stop.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= MAX_FAULTS
    }

    pub(crate) fn extend(&mut self, other: Self) {
        for fault in other.0 {
            self.push(fault);
        }
    }

    /// Puts the faults into the order of the files and of the places in them.
    pub(crate) fn arrange(&mut self, files: &[(&str, &str)]) {
        let position = |fault: &Fault| files.iter().position(|(name, _)| **name == *fault.file);
        self.0.sort_by_key(|fault| (position(fault), fault.span.start));
    }

    /// `value` when there is no fault, the faults otherwise.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are; at most 500 are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The faults, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }
}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
