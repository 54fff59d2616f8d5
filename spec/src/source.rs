//! A file's text and the places in it.

use std::ops::Range;
use std::sync::Arc;

use crate::fault::{Code, Fault};
use crate::path::Path;

/// A file: its name and its text.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) name: Arc<str>,
    pub(crate) text: Arc<str>,
    /// The byte at which each line starts.
    line_starts: Arc<[usize]>,
}

impl Source {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(newline, _)| newline + 1)).collect();
        Self { name: Arc::from(name), text: Arc::from(text), line_starts }
    }

    /// Line and column of a byte, both from 1, the column in characters.
    fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= byte).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or_default();
        (line, self.text[start..byte].chars().count() + 1)
    }

    /// The byte of a line (from 1) and a column (from 0, in characters), as the parser counts them.
    pub(crate) fn byte_of(&self, line: usize, column: usize) -> usize {
        let Some(start) = self.line_starts.get(line.saturating_sub(1)).copied() else {
            return self.text.len();
        };
        self.text[start..].char_indices().nth(column).map_or(self.text.len(), |(offset, _)| start + offset)
    }

    fn boundary(&self, byte: usize) -> usize {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        byte
    }

    /// A fault at a place in this file.
    pub(crate) fn fault(
        &self,
        code: Code,
        span: &Range<usize>,
        path: &Path,
        message: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) -> Fault {
        let start = self.boundary(span.start);
        let (line, column) = self.line_and_column(start);
        Fault {
            code,
            file: Arc::clone(&self.name),
            line,
            column,
            span: start..self.boundary(span.end).max(start),
            path: path.to_string(),
            message: message.into(),
            hint: hint.into(),
        }
    }
}
